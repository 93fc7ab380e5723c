"""CHOLMOD through scikit-sparse (the extra "cholmod"), its analysis done once for a pattern.

Chen, Davis, Hager, Rajamanickam, ACM Trans. Math. Softw. 35 (2008) 22.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ..csr import UnusableMatrix, UpperTriangle
from .factorisation import INDEFINITE, SINGULAR, Structure

DISSECT = 10_000  # unknowns from which nested dissection pays over a sequence
PLANAR = 6  # entries a row: up to here factors are too thin for supernodes


class CholmodFactorisation:
    """See `Factorisation`. "symmetric" is L D L^T without pivoting, of real matrices only."""

    finds_indefinite: ClassVar[bool] = True

    def __init__(self, A: sparse.csr_array, structure: Structure) -> None:
        self.analyses = 1
        self.structure = structure
        if structure == "symmetric" and A.dtype.kind == "c":
            raise InputError(
                "expected a real matrix for CHOLMOD, got a complex symmetric one; use the backend "
                '"superlu" or "pardiso"'
            )
        n = A.shape[0]
        thin = structure == "symmetric" or A.nnz <= PLANAR * n
        self._triangle = UpperTriangle(A)
        self._library = library()
        self._simplicial = thin
        self._factor = self._library.analyze(
            self._lower(A),
            mode="simplicial" if thin else "supernodal",
            ordering_method="metis" if n >= DISSECT else "amd",
            use_long=False,
        )

    def _lower(self, A: sparse.csr_array) -> sparse.csc_matrix:
        """Lower triangle by columns: the conjugate of the upper one by rows."""
        triangle = self._triangle
        values = triangle.values(A.data.conj())
        if values.dtype.kind == "c":  # rounding on the diagonal would be taken for indefinite
            values[triangle.indptr[:-1]] = values[triangle.indptr[:-1]].real
        return sparse.csc_matrix((values, triangle.indices, triangle.indptr), shape=A.shape)

    def factorise(self, A: sparse.csr_array) -> None:
        try:
            self._factor.cholesky_inplace(self._lower(A))
        except self._library.CholmodNotPositiveDefiniteError:
            reason = INDEFINITE if self.structure == "positive" else SINGULAR
            raise UnusableMatrix(reason) from None
        if self.structure == "positive" and self._simplicial and not np.all(self._factor.D() > 0):
            raise UnusableMatrix(INDEFINITE)

    def solve(self, b: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(self._factor.solve_A(b))


def library() -> Any:
    try:
        from sksparse import cholmod
    except (ImportError, OSError):
        raise InputError(
            "expected CHOLMOD, got no scikit-sparse; pip install 'sobolev[cholmod]'"
        ) from None
    return cholmod
