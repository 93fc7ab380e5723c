"""ILU(k): incomplete LU factorisation by level of fill."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse

from ..csr import UnusableMatrix
from ..kernels import CONTRACT, kernel
from .fill import level_of_fill
from .triangular import Factors, Triangular

TINY = 1e-14  # of the largest entry of its row: a pivot below it counts as zero


class ILU(Triangular):
    """A ~ L U, where only entries up to the given level of fill are kept; level 0 keeps those of A.

    On the kept entries L U = A. No pivoting. Saad, Iterative Methods (2003), Algorithms 10.1 and
    10.5. The levels are found once for a pattern. Raises `UnusableMatrix` where a pivot
    vanishes, `InputError` where the level is negative.

    >>> A = np.array([[4.0, 1.0, 0.0], [1.0, 4.0, 1.0], [0.0, 1.0, 4.0]])
    >>> ILU(A) @ (A @ np.ones(3))
    array([1., 1., 1.])
    """

    def __init__(self, A: Any, level: int = 0) -> None:
        self.level = level
        super().__init__(A)

    @property
    def entries(self) -> int:
        """How many numbers the factors hold."""
        factors = self._factors
        return int(factors.L.size + factors.inverse.size + factors.U.size)

    def _analyse(self, A: sparse.csr_array) -> None:
        self._triangles = level_of_fill(A, self.level)

    def _compute(self, A: sparse.csr_array) -> None:
        lower, upper = self._triangles
        n, dtype = A.shape[0], A.dtype
        L, U = np.empty(lower[1].size, dtype=dtype), np.empty(upper[1].size, dtype=dtype)
        factors = Factors(lower, L, np.empty(n, dtype=dtype), upper, U)
        places = (*lower, L, factors.inverse, *upper, U)
        failed = _factorise(A.indptr, A.indices, A.data, *places)
        if failed >= 0:
            raise UnusableMatrix(
                f"zero pivot of ILU({self.level}) in row {failed}", "try another level or ordering"
            )
        self._factors = factors


@kernel(CONTRACT)
def _factorise(indptr, indices, values, lower_ptr, lower, L, inverse, upper_ptr, upper, U):
    """Fill L, inverse, U with A ~ (I + L) D (I + U); the first row whose pivot is zero, or -1."""
    n = inverse.size
    row = np.zeros(n, dtype=values.dtype)
    owner = np.full(n, -1, dtype=np.int32)  # the row that keeps an entry in this column
    for i in range(n):
        for p in range(lower_ptr[i], lower_ptr[i + 1]):
            owner[lower[p]] = i
            row[lower[p]] = 0.0
        for p in range(upper_ptr[i], upper_ptr[i + 1]):
            owner[upper[p]] = i
            row[upper[p]] = 0.0
        owner[i] = i
        row[i] = 0.0
        largest = 0.0
        for p in range(indptr[i], indptr[i + 1]):
            row[indices[p]] = values[p]
            largest = max(largest, abs(values[p]))
        for p in range(lower_ptr[i], lower_ptr[i + 1]):
            k = lower[p]
            L[p] = row[k] * inverse[k]
            for q in range(upper_ptr[k], upper_ptr[k + 1]):
                j = upper[q]
                if owner[j] == i:
                    row[j] -= row[k] * U[q]
        if not (abs(row[i]) > TINY * largest and abs(row[i]) < np.inf):
            return i
        inverse[i] = 1.0 / row[i]
        for p in range(upper_ptr[i], upper_ptr[i + 1]):
            U[p] = inverse[i] * row[upper[p]]
    return -1
