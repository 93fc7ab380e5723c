"""The Arnoldi process and the small least-squares problem that it leaves, shared by GMRES kinds."""

from __future__ import annotations

import numpy as np

from .result import Product

REPEAT = 0.7071  # orthogonalise again where a vector lost this much (Daniel et al. 1976)


class Arnoldi:
    """An orthonormal basis V of the Krylov space of `apply` from v, kept orthogonal to rows C.

    apply V_j = C^H B_j + V_(j+1) H_j, with vectors as rows: V (steps+1, n), C (k, n).
    `extend` adds a vector and updates |r| of min | beta e1 - H y | by Givens rotations.
    """

    def __init__(self, apply: Product, r: np.ndarray, steps: int, C: np.ndarray | None) -> None:
        self.apply = apply
        self.C = np.empty((0, r.size), dtype=r.dtype) if C is None else C
        self.beta = float(np.linalg.norm(r))
        self.V = np.empty((steps + 1, r.size), dtype=r.dtype)
        self.V[0] = r / self.beta
        self.H = np.zeros((steps + 1, steps), dtype=r.dtype)
        self.B = np.zeros((len(self.C), steps), dtype=r.dtype)
        self.size = 0
        self.exhausted = False  # the space is invariant: nothing more to add
        self._R = np.zeros((steps, steps), dtype=r.dtype)
        self._rotations: list[tuple[float, complex]] = []
        self._g = np.zeros(steps + 1, dtype=r.dtype)
        self._g[0] = self.beta

    def extend(self) -> float:
        """One step; returns the residual norm of the least-squares problem."""
        j = self.size
        w = self.apply(self.V[j])
        before = np.linalg.norm(w)
        for _ in range(2):
            size = np.linalg.norm(w)
            if len(self.C):
                along = (self.C @ w.conj()).conj()
                w = w - along @ self.C
                self.B[:, j] += along
            along = (self.V[: j + 1] @ w.conj()).conj()
            w = w - along @ self.V[: j + 1]
            self.H[: j + 1, j] += along
            rest = np.linalg.norm(w)
            if rest > REPEAT * size:
                break
        self.size = j + 1
        self.exhausted = not rest > 10 * np.finfo(float).eps * before
        self.H[j + 1, j] = 0.0 if self.exhausted else rest
        self.V[j + 1] = 0.0 if self.exhausted else w / rest
        return self._rotate(j)

    def _rotate(self, j: int) -> float:
        column = self.H[: j + 2, j].copy()
        for i, (c, s) in enumerate(self._rotations):
            upper = c * column[i] + s * column[i + 1]
            column[i + 1] = -np.conj(s) * column[i] + c * column[i + 1]
            column[i] = upper
        size = float(np.hypot(abs(column[j]), abs(column[j + 1])))
        if size == 0:
            c, s = 1.0, 0.0
        elif column[j] == 0:
            c, s = 0.0, 1.0
        else:
            c = abs(column[j]) / size
            s = column[j] / abs(column[j]) * np.conj(column[j + 1]) / size
        self._rotations.append((c, s))
        column[j] = c * column[j] + s * column[j + 1]
        self._R[: j + 1, j] = column[: j + 1]
        self._g[j + 1] = -np.conj(s) * self._g[j]
        self._g[j] = c * self._g[j]
        return float(abs(self._g[j + 1]))

    @property
    def singular(self) -> bool:
        """Whether H has lost rank, which a singular matrix does when the space is exhausted."""
        if not self.size:
            return False
        diagonal = np.abs(np.diag(self._R)[: self.size])
        return bool(diagonal.min() <= 1e-14 * diagonal.max())

    def minimise(self) -> np.ndarray:
        """y of min | beta e1 - H y |, the shortest where H is singular."""
        j = self.size
        if self.singular:
            return np.linalg.lstsq(self._R[:j, :j], self._g[:j], rcond=1e-13)[0]
        return np.asarray(np.linalg.solve(self._R[:j, :j], self._g[:j]))
