"""Matrices as the solvers need them: square CSR, sorted, in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse

from ..geometry.errors import InputError


class UnusableMatrix(InputError):
    """A matrix of the right form on which the mathematics fails; `reason` says so in short."""

    def __init__(self, reason: str, advice: str = "check how it was put together") -> None:
        super().__init__(f"expected a matrix that can be solved with, got: {reason}; {advice}")
        self.reason = reason


def as_csr(A: Any) -> sparse.csr_array:
    """A as a square CSR matrix of float64 or complex128 with sorted int32 indices, no duplicates.

    A: a SciPy sparse matrix, an array (n, n), or an operator with `to_csr()`. It is never changed;
    one that fits already is passed through. Raises `InputError` where A is none of these or is
    not square, `UnusableMatrix` where it is not finite.

    >>> as_csr([[2, 0], [1, 3]]).indices
    array([0, 0, 1], dtype=int32)
    """
    if hasattr(A, "to_csr"):
        A = A.to_csr()
    elif not sparse.issparse(A):
        A = np.asarray(A)
    if A.ndim != 2 or A.shape[0] != A.shape[1] or A.shape[0] == 0:
        raise InputError(f"expected a square matrix, got shape {A.shape}")
    if A.dtype.kind not in "biufc":
        raise InputError(f"expected a matrix of numbers, got {A.dtype}")
    given = A
    dtype = np.complex128 if A.dtype.kind == "c" else np.float64
    if not (isinstance(A, sparse.csr_array) and A.dtype == dtype):
        A = sparse.csr_array(A, dtype=dtype)
    if not A.has_canonical_format:
        A = A.copy() if sparse.issparse(given) else A
        A.sum_duplicates()
    if A.indices.dtype != np.int32 or A.indptr.dtype != np.int32:
        if A.nnz > np.iinfo(np.int32).max:
            raise InputError(f"expected fewer than 2^31 entries, got {A.nnz}; cut the matrix up")
        places = (A.data, A.indices.astype(np.int32), A.indptr.astype(np.int32))
        A = sparse.csr_array(places, shape=A.shape)
    if not np.isfinite(np.sum(A.data)) and not np.all(np.isfinite(A.data)):
        raise UnusableMatrix("matrix is not finite")
    return A


class Pattern:
    """Where the entries of a CSR matrix stand; tells whether another one has them there too."""

    def __init__(self, A: sparse.csr_array) -> None:
        self._indptr, self._indices = A.indptr.copy(), A.indices.copy()

    def fits(self, A: sparse.csr_array) -> bool:
        return np.array_equal(self._indptr, A.indptr) and np.array_equal(self._indices, A.indices)


def numbered(A: sparse.csr_array) -> sparse.csr_array:
    """The pattern of A with the place of each entry in A.data, plus one, as its value."""
    return sparse.csr_array((np.arange(1, A.nnz + 1), A.indices, A.indptr), shape=A.shape)


def mirror_places(A: sparse.csr_array) -> np.ndarray | None:
    """Place in A.data of each entry's mirror image, or None where the pattern is not symmetric."""
    mirror = sparse.csr_array(numbered(A).T)
    mirror.sort_indices()
    return mirror.data - 1 if Pattern(A).fits(mirror) else None


class UpperTriangle:
    """The upper triangle of a pattern by rows, every place of the diagonal included."""

    def __init__(self, A: sparse.csr_array) -> None:
        n = A.shape[0]
        # The diagonal is added as nnz + 1, so that a place that A lacks points behind its data.
        spare = A.nnz + 1
        triangle = sparse.triu(numbered(A) + spare * sparse.eye_array(n, dtype=int), format="csr")
        triangle.sort_indices()
        self.indptr = triangle.indptr.astype(np.int32)
        self.indices = triangle.indices.astype(np.int32)
        places = triangle.data - 1
        self._gather = np.where(places > A.nnz, places - spare, places)
        self._full = not np.any(self._gather == A.nnz)

    def values(self, data: np.ndarray) -> np.ndarray:
        """The triangle's values of a matrix with these data."""
        return (data if self._full else np.append(data, 0.0))[self._gather]
