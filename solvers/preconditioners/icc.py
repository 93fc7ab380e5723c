"""Incomplete Cholesky factorisation by level of fill, shifted where it breaks down."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse

from ..csr import UnusableMatrix
from ..kernels import CONTRACT, kernel
from .fill import level_of_fill
from .triangular import Factors, Triangular

FIRST_SHIFT = 1e-3
LARGEST_SHIFT = 1e6
ROUNDING = 1e-10  # of a diagonal entry: an imaginary part that counts as none
USE_ILU = "use ILU where the matrix is not positive definite"


class ICC(Triangular):
    """A + shift diag(A) ~ L D L^H for a Hermitian positive definite A, of which the lower triangle
    is read. Entries up to the given level of fill are kept, and on them the two sides agree.

    Saad, Iterative Methods (2003), section 10.3.2. A pivot that is not positive means that the
    factorisation does not exist, though A may be definite. Then it is begun again with
    shift = .001, .002, .004, ... until it does: Manteuffel, Math. Comp. 34 (1980) 473-497.
    `shift` tells which was taken, mostly 0. Raises `UnusableMatrix` where the diagonal
    is not positive, `InputError` where the level is negative.

    >>> M = ICC([[4.0, 2.0], [2.0, 5.0]])
    >>> M @ np.array([6.0, 7.0]), M.shift
    (array([1., 1.]), 0.0)
    """

    def __init__(self, A: Any, level: int = 0) -> None:
        self.level = level
        super().__init__(A)

    @property
    def entries(self) -> int:
        """How many numbers the factor holds, one triangle and the diagonal."""
        return int(self._factors.L.size + self._factors.inverse.size)

    def _analyse(self, A: sparse.csr_array) -> None:
        ones = sparse.csr_array((np.ones(A.nnz), A.indices, A.indptr), shape=A.shape)
        below = sparse.tril(ones, format="csr")
        both = sparse.csr_array(below + below.T)
        both.sort_indices()
        self._lower, self._upper = level_of_fill(both, self.level)
        # L^H by rows is L by columns: where each entry of L goes.
        self._mirror = np.empty(self._lower[1].size, dtype=np.int32)
        self._mirror[np.argsort(self._lower[1], kind="stable")] = np.arange(self._mirror.size)

    def _compute(self, A: sparse.csr_array) -> None:
        diagonal = A.diagonal()
        positive = (diagonal.real > 0) & (np.abs(diagonal.imag) <= ROUNDING * diagonal.real)
        if not np.all(positive):
            row = int(np.argmin(positive))
            raise UnusableMatrix(f"{diagonal[row]} on the diagonal in row {row}", USE_ILU)
        n, count, dtype = A.shape[0], self._mirror.size, A.dtype
        L, U = np.empty(count, dtype=dtype), np.empty(count, dtype=dtype)
        factors = Factors(self._lower, L, np.empty(n, dtype=dtype), self._upper, U)
        self.shift = 0.0
        places = (*self._lower, self._mirror, L, factors.inverse, U)
        while not _factorise(A.indptr, A.indices, A.data, 1.0 + self.shift, *places):
            self.shift = max(2 * self.shift, FIRST_SHIFT)
            if self.shift > LARGEST_SHIFT:
                raise UnusableMatrix("no shift makes the matrix definite", USE_ILU)
        self._factors = factors


@kernel(CONTRACT)
def _factorise(indptr, indices, values, scale, lower_ptr, lower, mirror, L, inverse, U):
    """Fill L, inverse of D, and U = L^H; whether every pivot was positive."""
    n = inverse.size
    row = np.zeros(n, dtype=values.dtype)  # L D of this row, zero where nothing is kept
    for i in range(n):
        pivot = 0.0
        for p in range(indptr[i], indptr[i + 1]):
            j = indices[p]
            if j > i:
                break
            row[j] = values[p]
            if j == i:
                pivot = scale * values[p].real
        smallest = 1e-14 * pivot
        row[i] = 0.0
        for p in range(lower_ptr[i], lower_ptr[i + 1]):
            k = lower[p]
            total = row[k]
            for q in range(lower_ptr[k], lower_ptr[k + 1]):
                total -= row[lower[q]] * np.conj(L[q])
            row[k] = total
            L[p] = total * inverse[k]
            U[mirror[p]] = np.conj(L[p])
            pivot -= (total * np.conj(L[p])).real
        if not (pivot > smallest and pivot < np.inf):
            return False
        inverse[i] = 1.0 / pivot
        for p in range(lower_ptr[i], lower_ptr[i + 1]):
            row[lower[p]] = 0.0
    return True
