"""Products with a sparse matrix in the precision of the iteration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sparse

Product = Callable[[np.ndarray], np.ndarray]
FILL = 1.3  # places on the diagonals for each entry, at most


def lean_product(A: sparse.sparray, kind: np.dtype) -> Product:
    """v -> A v as a new array of a precision, by diagonals where A has few, as on grids."""
    lean = A if A.dtype == kind else A.astype(kind)
    diagonals = _by_diagonals(lean)
    lean = lean if diagonals is None else diagonals
    return lambda v: lean @ v.astype(kind, copy=False)


def _by_diagonals(A: sparse.sparray) -> sparse.dia_array | None:
    """A with its entries stored along diagonals; None where that leaves many places empty."""
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
    data[place[offset] + A.indices] = A.data
    return sparse.dia_array((data.reshape(found.size, n), found - (n - 1)), shape=A.shape)
