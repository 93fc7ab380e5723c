"""Approximate eigenvectors from the numbers that conjugate gradients compute anyway."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh


class RitzWindow:
    """The lowest harmonic Ritz vectors of M A, found beside a run of (deflated) CG.

    Rows E are A-orthonormal: the deflation space W, then the directions p_j / sqrt(p_j^H A p_j),
    and S = (A E) M (A E)^H, whose smallest eigenvectors are wanted. Of S only the block of W
    costs work: S is tridiagonal in the directions, from the step lengths alpha and beta, and
    its coupling to W is the difference of the mu_j that deflation computes.

    When the window is full it is reduced to k vectors, and the run goes on beside them: the
    thick restart of Stathopoulos & Orginos, Computing and deflating eigenvalues while solving
    multiple right-hand-side linear systems, SIAM J. Sci. Comput. 32 (2010) 439-462, here with
    the deflation space among the vectors, in the harmonic form of Saad et al. 2000, section 5.
    """

    def __init__(self, W: np.ndarray, S: np.ndarray, k: int, size: int, kind: np.dtype) -> None:
        self.k, kept = k, len(W)
        self.E = np.empty((max(k, kept) + size, W.shape[1]), dtype=kind)
        self.E[:kept] = W
        self.S = np.zeros((len(self.E), len(self.E)), dtype=S.dtype)
        self.S[:kept, :kept] = S
        self.on_W = np.eye(kept, len(self.E), dtype=S.dtype)  # coordinates of E along W
        self.on_last = np.zeros(len(self.E), dtype=S.dtype)  # and along the last direction
        self.size = kept

    def add(
        self, p: np.ndarray, length: float, diagonal: float, coupling: float, along: np.ndarray
    ) -> None:
        """A direction, sqrt(p^H A p), its entry of S, that with the last one, those with W."""
        if self.size == len(self.E):
            self.reduce()
        j = self.size
        np.multiply(p, 1 / length, out=self.E[j], casting="same_kind")
        column = self.on_W[:, :j].conj().T @ along + self.on_last[:j].conj() * coupling
        self.S[:j, j], self.S[j, :j] = column, column.conj()
        self.S[j, j] = diagonal
        self.on_last[:] = 0
        self.on_last[j] = 1
        self.size = j + 1

    def reduce(self) -> None:
        """Keep the k lowest vectors."""
        j = self.size
        last = min(self.k, j) - 1
        values, Y = eigh(self.S[:j, :j], subset_by_index=(0, last), check_finite=False)
        self.E[: last + 1] = Y.T.astype(self.E.dtype) @ self.E[:j]
        self.S[:] = 0
        self.S[: last + 1, : last + 1] = np.diag(values)
        self.on_W[:, : last + 1] = self.on_W[:, :j] @ Y
        self.on_W[:, last + 1 :] = 0
        self.on_last[: last + 1] = self.on_last[:j] @ Y
        self.on_last[last + 1 :] = 0
        self.size = last + 1

    def vectors(self) -> np.ndarray:
        """(at most k, n): the lowest vectors."""
        if not self.size or not np.all(np.isfinite(self.S[: self.size, : self.size])):
            return self.E[:0].copy()
        self.reduce()
        return self.E[: self.size].copy()
