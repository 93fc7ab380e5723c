"""The sparsity pattern of the 5- and 7-point operator, found once for a grid."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=8)
def stencil_pattern(
    shape: tuple[int, ...], periodic: tuple[bool, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(indices, indptr, gather, first) of the matrix in CSR form, rows in C order.

    The values of the matrix lie in one array: the diagonal, then for each axis the links to the
    lower neighbours, of all cells but the first ones, or of all where the axis is periodic. Entry
    e of the matrix sums places gather[first[e]] to gather[first[e + 1] - 1]: two where an axis
    of two cells is periodic. A single periodic cell has no link to itself.
    """
    number = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    rows, columns, sources = [number.ravel()], [number.ravel()], [number.ravel()]
    offset = number.size
    for axis, wraps in enumerate(periodic):
        upper = number if wraps else np.delete(number, 0, axis)
        lower = np.roll(number, 1, axis) if wraps else np.delete(number, -1, axis)
        source = offset + np.arange(upper.size, dtype=np.int32)
        offset += upper.size
        if shape[axis] == 1:
            continue
        rows += [lower.ravel(), upper.ravel()]
        columns += [upper.ravel(), lower.ravel()]
        sources += [source, source]
    row, column, source = (np.concatenate(part) for part in (rows, columns, sources))
    order = np.lexsort((column, row))
    row, column = row[order], column[order]
    new = np.ones(row.size, dtype=bool)
    new[1:] = (row[1:] != row[:-1]) | (column[1:] != column[:-1])
    first = np.flatnonzero(new)
    counts = np.bincount(row[first], minlength=number.size)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    result = column[first], indptr, source[order], first
    for part in result:
        part.setflags(write=False)
    return result
