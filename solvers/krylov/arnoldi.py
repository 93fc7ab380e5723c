"""The Arnoldi process and the small least-squares problem that it leaves, shared by GMRES kinds."""

from __future__ import annotations

import numpy as np
from scipy.linalg import get_blas_funcs, lstsq

from .result import Product

REPEAT = 0.1  # orthogonalise again where a vector lost more than this part of its length


class Arnoldi:
    """An orthonormal basis V of the Krylov space of `apply` from v, kept orthogonal to rows C.

    apply V_j = C^T B_j + V_(j+1)^T H_j, with vectors as rows of one array W = [C, V]:
    C (kept, n) stands in its first rows, V (steps + 1, n) below, and K = [B; H]. W may be in
    single precision; K is double. The process is classical Gram-Schmidt, two matrix-vector
    products a step, repeated where a vector loses nine tenths of its length.

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
        before = size = float(self._nrm2(w))
        for _ in range(2):
            along = self._gemv(1.0, columns, w, trans=2)
            w = self._gemv(-1.0, columns, along, beta=1.0, y=w, overwrite_y=1)
            self.K[:top, j] += along
            rest = float(self._nrm2(w))
            if rest > REPEAT * size:
                break
            size = rest
        self.size = j + 1
        self.exhausted = not rest > 10 * np.finfo(w.dtype).eps * before
        self.K[top, j] = 0.0 if self.exhausted else rest
        np.multiply(w, w.dtype.type(0.0 if self.exhausted else 1 / rest), out=self.V[j + 1])
        return self._residual(j, rest)

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
