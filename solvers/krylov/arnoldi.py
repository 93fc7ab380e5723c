"""The Arnoldi process and the small least-squares problem that it leaves, shared by GMRES kinds."""

from __future__ import annotations

import numpy as np
from scipy.linalg import get_blas_funcs, lstsq

from .result import Product

REPEAT = 0.1  # orthogonalise again where a vector keeps less than this part of its length
GROWTH = 1e3  # and where rounding may have grown by this since that was last done, in two steps


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
        self._gemv, self._nrm2 = get_blas_funcs(("gemv", "nrm2"), (W,))
        self.beta = beta
        self.V[0] = v
        double = np.result_type(W.dtype, np.float64)
        self.K = np.zeros((kept + steps + 1, steps), dtype=double)
        self.size = 0
        self.exhausted = False  # the space is invariant: nothing more to add
        self._u = np.zeros(steps, dtype=double)
        self._sum = 1.0
        self._growth, self._twice = 1.0, False

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
        j, top = self.size, self.kept + self.size + 1
        w = self.apply(self.V[j])
        columns = self.W[:top].T
        before = float(self._nrm2(w))
        rest = self._orthogonalise(columns, w, j)
        if self._repeat(before, rest):
            rest = self._orthogonalise(columns, w, j)
        self.size = j + 1
        self.exhausted = not rest > 10 * np.finfo(w.dtype).eps * before
        self.K[top, j] = 0.0 if self.exhausted else rest
        np.multiply(w, w.dtype.type(0.0 if self.exhausted else 1 / rest), out=self.V[j + 1])
        return self._residual(j, rest)

    def _orthogonalise(self, columns: np.ndarray, w: np.ndarray, j: int) -> float:
        """Take the part along the columns out of w, in place; what is left of its length."""
        along = self._gemv(1.0, columns, w, trans=2)
        self._gemv(-1.0, columns, along, beta=1.0, y=w, overwrite_y=1)
        self.K[: len(along), j] += along
        return float(self._nrm2(w))

    def _repeat(self, size: float, rest: float) -> bool:
        """Whether a vector that was of length `size` is to be orthogonalised again."""
        if self._twice:  # the second of two
            self._growth, self._twice = 1.0, False
            return True
        self._growth *= size / rest if rest > 0 else np.inf
        self._twice = self._growth > GROWTH
        return self._twice or not rest > REPEAT * size

    def _residual(self, j: int, rest: float) -> float:
        if self.exhausted:
            y = self.minimise()
            g = np.zeros(j + 2)
            g[0] = self.beta
            return float(np.linalg.norm(g - self.H @ y))
        h = self.K[self.kept :, j]
        self._u[j] = (np.conj(h[0]) - np.vdot(h[1 : j + 1], self._u[:j])) / rest
        self._sum += abs(self._u[j]) ** 2
        return self.beta / float(np.sqrt(self._sum))

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
