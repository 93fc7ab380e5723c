"""Products with a sparse matrix in the precision of the iteration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sparse

from ..kernels import REASSOCIATE, kernel, wide_vectors

Product = Callable[[np.ndarray], np.ndarray]
FILL = 1.3  # places on the diagonals for each entry, at most
BLOCK = 1024  # rows


def lean_product(A: sparse.sparray, kind: np.dtype) -> Product:
    """v -> A v as a new array of a precision, by diagonals where A has few, as on grids."""
    lean = A if A.dtype == kind else A.astype(kind)
    diagonals = _by_diagonals(lean)
    if diagonals is None:
        return lambda v: lean @ v.astype(kind, copy=False)
    data, offsets = diagonals

    def multiply(v: np.ndarray) -> np.ndarray:
        w = np.empty(v.size, dtype=kind)
        _multiply(data, offsets, v.astype(kind, copy=False), w)
        return w

    return multiply


def _by_diagonals(A: sparse.sparray) -> tuple[np.ndarray, np.ndarray] | None:
    """data, offsets with A[i, i + offsets[d]] = data[d, i]; None where that leaves many places
    empty."""
    if A.format != "csr" or not A.nnz or not A.has_canonical_format:
        return None
    n = A.shape[0]
    rows = np.repeat(np.arange(n, dtype=A.indices.dtype), np.diff(A.indptr))
    offset = A.indices - rows
    offset += n - 1
    used = np.bincount(offset, minlength=2 * n - 1)
    found = np.flatnonzero(used)
    if found.size * n > FILL * A.nnz:
        return None
    place = np.empty(used.size, dtype=np.intp)
    place[found] = np.arange(found.size) * n
    data = np.zeros(found.size * n, dtype=A.dtype)
    data[place[offset] + rows] = A.data
    return data.reshape(found.size, n), found - (n - 1)


@kernel(REASSOCIATE)
def _multiply(data, offsets, v, w):
    """w = A v, some rows at a time: they stay in cache for all diagonals."""
    wide_vectors()
    n = w.size
    for begin in range(0, n, BLOCK):
        end = min(begin + BLOCK, n)
        for i in range(np.uint64(begin), np.uint64(end)):
            w[i] = 0.0
        for d in range(offsets.size):
            shift = offsets[d]
            first, last = max(begin, -shift), min(end, n - shift)
            if first < last:
                from_v = np.uint64(first + shift)
                row = np.uint64(first)
                for k in range(np.uint64(last - first)):
                    w[row + k] += data[d, row + k] * v[from_v + k]
