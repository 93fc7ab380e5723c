"""Sparse direct solves by SuperLU, the fill-reducing ordering found once for a pattern.

The ordering depends on the pattern alone. It is computed by SuperLU for the first matrix, and
later matrices of the same pattern are permuted before they are factored in natural order. A
matrix whose values did not change keeps its factor too.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import SuperLU, splu

from ..geometry.errors import InputError


class DirectSolver:
    """Solves A x = b for a sequence of sparse matrices.

    symmetric: the matrices have a symmetric pattern and dominant diagonals, so that rows and
    columns are permuted alike and pivots are taken from the diagonal.

    >>> A = sparse.csr_array(np.array([[2.0, 1.0], [1.0, 3.0]]))
    >>> DirectSolver(symmetric=True).solve(A, np.array([3.0, 4.0]))
    array([1., 1.])
    """

    def __init__(self, symmetric: bool = False) -> None:
        self.symmetric = symmetric
        self.orderings = 0
        self.factorisations = 0
        self._pattern: tuple[np.ndarray, np.ndarray] | None = None
        self._order = np.empty(0, dtype=np.intp)
        self._gather = np.empty(0, dtype=np.intp)
        self._places = (self._gather, self._gather)
        self._data = np.empty(0)
        self._factor: SuperLU | None = None

    def solve(self, A: sparse.sparray | sparse.spmatrix, b: np.ndarray) -> np.ndarray:
        """x of shape b, (n,) or (n, right-hand sides).

        Raises `InputError` where A is not square, is singular, or does not fit b.
        """
        A = sparse.csc_array(A)
        A.sum_duplicates()
        n = A.shape[0]
        b = np.asarray(b)
        if A.shape != (n, n) or b.shape[:1] != (n,):
            raise InputError(
                f"expected a square matrix and as many rows in b, got {A.shape} and {b.shape}"
            )
        if not np.all(np.isfinite(A.data)):
            raise InputError("expected a finite matrix, got NaN or infinity in it")
        self._prepare(A)
        factor = self._factorise(A)
        x = np.empty(b.shape, dtype=np.result_type(A.dtype, b.dtype, np.float64))
        rows = b[self._order] if self.symmetric else b
        if np.iscomplexobj(rows) and not np.iscomplexobj(A.data):
            x[self._order] = factor.solve(rows.real) + 1j * factor.solve(rows.imag)
        else:
            x[self._order] = factor.solve(rows.astype(x.dtype))
        return x

    def _prepare(self, A: sparse.csc_array) -> None:
        """Order the pattern, unless it is the one that came last."""
        if self._pattern is not None and all(
            np.array_equal(known, new)
            for known, new in zip(self._pattern, (A.indptr, A.indices), strict=True)
        ):
            return
        self._pattern = (A.indptr.copy(), A.indices.copy())
        self.orderings += 1
        permc = "MMD_AT_PLUS_A" if self.symmetric else "COLAMD"
        # Stable values: only the ordering is wanted, and it must not fail on a singular matrix.
        pattern = sparse.csc_array((np.ones(A.nnz), A.indices, A.indptr), shape=A.shape)
        dominant = pattern + sparse.eye_array(A.shape[0], format="csc") * (2.0 * A.shape[0])
        perm_c = splu(sparse.csc_array(dominant), permc_spec=permc).perm_c
        self._order = np.argsort(perm_c)
        numbered = sparse.csc_array((np.arange(1, A.nnz + 1), A.indices, A.indptr), shape=A.shape)
        numbered = numbered[:, self._order]
        if self.symmetric:
            numbered = numbered[self._order, :]
        numbered = sparse.csc_array(numbered)
        numbered.sort_indices()
        self._gather = numbered.data - 1
        self._places = (numbered.indices, numbered.indptr)
        self._factor = None

    def _factorise(self, A: sparse.csc_array) -> SuperLU:
        """The factor of the permuted matrix; the last one again where the values are the same."""
        if self._factor is not None and np.array_equal(self._data, A.data):
            return self._factor
        indices, indptr = self._places
        permuted = sparse.csc_array((A.data[self._gather], indices, indptr), shape=A.shape)
        options = {"SymmetricMode": True} if self.symmetric else {}
        threshold = 0.0 if self.symmetric else None
        try:
            self._factor = splu(
                permuted, permc_spec="NATURAL", diag_pivot_thresh=threshold, options=options
            )
        except RuntimeError as problem:
            raise InputError(f"expected a regular matrix, got a singular one ({problem})") from None
        self._data = A.data.copy()
        self.factorisations += 1
        return self._factor
