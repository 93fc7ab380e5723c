"""The Arnoldi process and the small least-squares problem that it leaves, shared by GMRES kinds."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lstsq

from .arnoldi_kernels import add_vector
from .result import Product


class Arnoldi:
    """An orthonormal basis V of the Krylov space of `apply` from v, kept orthogonal to rows C.

    apply V_j = C^T B_j + V_(j+1)^T H_j, with vectors as rows of one array W = [C, V]:
    C (kept, n) stands in its first rows, V (steps + 1, n) below, and K = [B; H]. W may be in
    single precision; K is double. The process is classical Gram-Schmidt, two matrix-vector
    products a step. A step magnifies the rounding by what the vector loses of its length; where
    that has added up, two steps in succession are orthogonalised twice (as in the partial
    reorthogonalisation of Simon, Math. Comp. 42, 1984).

    `extend` adds a vector and returns |r| of min | beta e1 - H y |, known without a rotation:
    with H = [h; T], T triangular, |r| = beta / sqrt(1 + |u|^2) where T^H u = h^H (Ayachour, J.
    Comput. Appl. Math. 159, 2003).
    """

    def __init__(
        self, apply: Product, v: np.ndarray, beta: float, W: np.ndarray, kept: int, steps: int
    ) -> None:
        self.apply, self.W, self.kept = apply, W, kept
        self.V = W[kept : kept + steps + 1]
        self.beta = beta
        self.V[0] = v
        double = np.result_type(W.dtype, np.float64)
        self.K = np.zeros((kept + steps + 1, steps), dtype=double)
        self.size = 0
        self.exhausted = False  # the space is invariant: nothing more to add
        self._along = np.empty(len(W), dtype=double)
        self._u = np.zeros(steps, dtype=double)  # of the residual, see above
        self._state = np.array([1.0, 1.0, 0.0])  # 1 + |u|^2, growth of rounding, whether to repeat

    @property
    def H(self) -> np.ndarray:
        """(size + 1, size) upper Hessenberg."""
        return self.K[self.kept : self.kept + self.size + 1, : self.size]

    @property
    def B(self) -> np.ndarray:
        """(kept, size) components along C."""
        return self.K[: self.kept, : self.size]

    def extend(self) -> float:
        """One step; returns the residual norm of the least-squares problem."""
        w = self.apply(self.V[self.size])
        exhausted = add_vector(
            self.W, self.kept, self.size, w, self._along, self.K, self._u, self._state
        )
        self.size += 1
        if not exhausted:
            return self.beta / float(np.sqrt(self._state[0]))
        self.exhausted = True
        g = np.zeros(self.size + 1)
        g[0] = self.beta
        return float(np.linalg.norm(g - self.H @ self.minimise()))

    @property
    def singular(self) -> bool:
        """Whether H has lost rank, which a singular matrix does when the space is exhausted."""
        if not self.size:
            return False
        sizes = np.linalg.svd(self.H, compute_uv=False)
        return bool(sizes[-1] <= 1e-14 * sizes[0])

    def minimise(self) -> np.ndarray:
        """y of min | beta e1 - H y |, the shortest where H is singular."""
        g = np.zeros(self.size + 1, dtype=self.K.dtype)
        g[0] = self.beta
        y = lstsq(self.H, g, cond=1e-13, lapack_driver="gelsy", check_finite=False)[0]
        return np.asarray(y)
