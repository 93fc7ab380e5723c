"""Which entries an incomplete factorisation keeps: the level of fill, from the pattern alone."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ..kernels import kernel

Triangle = tuple[np.ndarray, np.ndarray]
"""indptr (n+1,) and sorted indices of a strict triangle by rows, int32."""


def level_of_fill(A: sparse.csr_array, level: int) -> tuple[Triangle, Triangle]:
    """Strict lower and upper pattern of ILU(level).

    An entry of A has level 0, and eliminating row i by row k gives entry (i, j) the level
    lev(i, k) + lev(k, j) + 1 if that is lower; levels above `level` are dropped. Saad, Iterative
    Methods (2003), Algorithm 10.5. The diagonal is always kept.

    Raises `InputError` where level is negative.
    """
    if level < 0:
        raise InputError(f"expected a level of fill of at least 0, got {level}")
    lower_ptr, lower, upper_ptr, upper = _levels(A.indptr, A.indices, level)
    return (lower_ptr, lower), (upper_ptr, upper)


@kernel()
def _longer(array, size):
    longer = np.empty(max(size, array.size + array.size // 2), dtype=array.dtype)
    longer[: array.size] = array
    return longer


@kernel()
def _levels(indptr, indices, level):
    n = indptr.size - 1
    lower_ptr, upper_ptr = np.zeros(n + 1, dtype=np.int32), np.zeros(n + 1, dtype=np.int32)
    lower = np.empty(indices.size, dtype=np.int32)
    upper = np.empty(indices.size, dtype=np.int32)
    levels = np.empty(indices.size, dtype=np.int32)  # of the entries of `upper`
    following = np.empty(n + 1, dtype=np.int32)  # columns of a row as a sorted ring through n
    depth = np.empty(n, dtype=np.int32)
    for i in range(n):
        # Row i of A, and the diagonal.
        last, missing = n, True
        for p in range(indptr[i], indptr[i + 1]):
            j = indices[p]
            if missing and j >= i:
                missing = False
                if j > i:
                    following[last], last = i, i
                    depth[i] = 0
            following[last], last = j, j
            depth[j] = 0
        if missing:
            following[last], last = i, i
            depth[i] = 0
        following[last] = n
        # Fill by the rows above.
        k, below = following[n], 0
        while k < i:
            below += 1
            if depth[k] < level:
                at = k
                for p in range(upper_ptr[k], upper_ptr[k + 1]):
                    j, new = upper[p], depth[k] + levels[p] + 1
                    if new > level:
                        continue
                    while following[at] <= j:
                        at = following[at]
                    if at == j:
                        depth[j] = min(depth[j], new)
                    else:
                        following[j], following[at] = following[at], j
                        depth[j] = new
                        at = j
            k = following[k]
        # Store the row.
        q = lower_ptr[i]
        if q + below > lower.size:
            lower = _longer(lower, q + below)
        j = following[n]
        while j < i:
            lower[q] = j
            q += 1
            j = following[j]
        lower_ptr[i + 1] = q
        q, j = upper_ptr[i], following[i]
        while j < n:
            if q == upper.size:
                upper, levels = _longer(upper, q + 1), _longer(levels, q + 1)
            upper[q], levels[q] = j, depth[j]
            q += 1
            j = following[j]
        upper_ptr[i + 1] = q
    return lower_ptr, lower[: lower_ptr[n]].copy(), upper_ptr, upper[: upper_ptr[n]].copy()
