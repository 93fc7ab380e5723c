"""Factors of the form (I + L) D (I + U), and the solve with them that SSOR, ILU and ICC share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kernels import CONTRACT, kernel


@dataclass
class Factors:
    """Strict triangles in CSR and the inverse of the diagonal D (n,), in the dtype of the values.

    lower, upper: (indptr, indices) with sorted indices.
    """

    lower: tuple[np.ndarray, np.ndarray]
    L: np.ndarray
    inverse: np.ndarray
    upper: tuple[np.ndarray, np.ndarray]
    U: np.ndarray

    def solve(self, r: np.ndarray) -> np.ndarray:
        """x of (I + L) D (I + U) x = r."""
        x = np.empty_like(r)
        # Unsigned, so that the compiled loop need not look for negative indices.
        lower = [part.view(np.uint32) for part in self.lower]
        upper = [part.view(np.uint32) for part in self.upper]
        _solve(*lower, self.L, self.inverse, *upper, self.U, r, x)
        return x


@kernel(CONTRACT)
def _solve(lower_ptr, lower, L, inverse, upper_ptr, upper, U, r, x):
    # The neighbour solved last comes last in each sum: the chain of waits is one step a row.
    n = r.size
    for i in range(n):
        total = r[i]
        for p in range(lower_ptr[i], lower_ptr[i + 1]):
            total -= L[p] * x[lower[p]]
        x[i] = total
    for i in range(n - 1, -1, -1):
        total = inverse[i] * x[i]
        for p in range(upper_ptr[i + 1] - 1, upper_ptr[i] - 1, -1):
            total -= U[p] * x[upper[p]]
        x[i] = total
