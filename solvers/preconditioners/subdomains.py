"""Cutting the unknowns into subdomains, and letting these overlap."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse

from ..kernels import kernel


def cut_grid(shape: tuple[int, ...], size: int) -> np.ndarray:
    """Number of the box (n,) of each grid point in C order; boxes of about `size` points.

    >>> cut_grid((2, 4), 2)
    array([0, 0, 1, 1, 2, 2, 3, 3])
    """
    # Sides as equal as the grid allows: the short axes take what they have first.
    sides, left, axes = [0] * len(shape), float(size), len(shape)
    for axis in sorted(range(len(shape)), key=lambda d: shape[d]):
        sides[axis] = min(shape[axis], max(1, round(left ** (1 / axes))))
        left, axes = left / sides[axis], axes - 1
    number = np.zeros(shape, dtype=np.int64)
    for axis, (n, side) in enumerate(zip(shape, sides, strict=True)):
        count = -(-n // side)
        box = np.arange(n) * count // n
        number = number * count + box.reshape([-1 if d == axis else 1 for d in range(len(shape))])
    return number.ravel()


def cut_graph(A: sparse.csr_array, size: int) -> np.ndarray:
    """Number of the piece (n,) of each unknown: connected pieces of at most `size` unknowns.

    Each is grown in breadth from a free neighbour of the pieces before it.
    """
    ones = sparse.csr_array((np.ones(A.nnz), A.indices, A.indptr), shape=A.shape)
    graph = sparse.csr_array(ones + ones.T)
    return _grow_pieces(graph.indptr, graph.indices, size)


@kernel()
def _grow_pieces(indptr, indices, size):
    n = indptr.size - 1
    parts = np.full(n, -1, dtype=np.int64)
    queue = np.empty(n, dtype=np.int64)  # of the piece
    border = np.empty(n, dtype=np.int64)  # unknowns met beside a full piece, the oldest first
    listed = np.zeros(n, dtype=np.bool_)
    part, first, last, scan = 0, 0, 0, 0
    while True:
        while first < last and parts[border[first]] >= 0:
            first += 1
        if first < last:
            seed = border[first]
        else:
            while scan < n and parts[scan] >= 0:
                scan += 1
            if scan == n:
                return parts
            seed = scan
        queue[0], head, tail = seed, 0, 1
        parts[seed] = part
        while head < tail:
            i = queue[head]
            head += 1
            for p in range(indptr[i], indptr[i + 1]):
                j = indices[p]
                if parts[j] >= 0:
                    continue
                if tail < size:
                    parts[j] = part
                    queue[tail] = j
                    tail += 1
                elif not listed[j]:
                    listed[j] = True
                    border[last] = j
                    last += 1
        part += 1


def grow(A: sparse.csr_array, parts: np.ndarray, layers: int) -> sparse.csr_array:
    """Subdomains as rows (subdomains, n): their unknowns, and so many layers of neighbours."""
    n = A.shape[0]
    members = sparse.csr_array((np.ones(n), (parts, np.arange(n))), shape=(parts.max() + 1, n))
    ones = sparse.csr_array((np.ones(A.nnz), A.indices, A.indptr), shape=A.shape)
    neighbours = sparse.csr_array(ones + ones.T + sparse.eye_array(n))
    for _ in range(layers):
        members = sparse.csr_array(members @ neighbours)
    members.sort_indices()
    return members
