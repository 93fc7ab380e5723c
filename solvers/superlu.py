"""SuperLU through SciPy, the fill-reducing ordering found once for a pattern.

The ordering depends on the pattern alone. SuperLU finds it on stand-in values, and the matrices
are permuted before they are factored in natural order. Li, ACM Trans. Math. Softw. 31 (2005).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import SuperLU, splu

from .csr import UnusableMatrix, numbered
from .factorisation import SINGULAR, Structure

# A pivot is taken from the diagonal if it has this part of the largest entry of its column.
THRESHOLD = {"general": 1.0, "symmetric": 0.1, "positive": 0.0}


class SuperLUFactorisation:
    """See `Factorisation`. Symmetric matrices have rows and columns permuted alike."""

    finds_indefinite: ClassVar[bool] = False

    def __init__(self, A: sparse.csr_array, structure: Structure) -> None:
        self.analyses = 1
        self.structure = structure
        general = structure == "general"
        # Stable values: only the ordering is wanted, and it must not fail on a singular matrix.
        pattern = sparse.csc_array((np.ones(A.nnz), A.indices, A.indptr), shape=A.shape).T
        dominant = sparse.csc_array(pattern + 2.0 * A.shape[0] * sparse.eye_array(A.shape[0]))
        spec = "COLAMD" if general else "MMD_AT_PLUS_A"
        self._order = np.argsort(splu(dominant, permc_spec=spec).perm_c)
        self._rows = slice(None) if general else self._order
        places = numbered(A)[:, self._order]
        places = sparse.csc_array(places if general else places[self._order, :])
        places.sort_indices()
        self._gather = places.data - 1
        self._indices = places.indices.astype(np.int32)
        self._indptr = places.indptr.astype(np.int32)

    def factorise(self, A: sparse.csr_array) -> None:
        permuted = sparse.csc_array(
            (A.data[self._gather], self._indices, self._indptr), shape=A.shape
        )
        try:
            self._factor: SuperLU = splu(
                permuted,
                permc_spec="NATURAL",
                diag_pivot_thresh=THRESHOLD[self.structure],
                options={} if self.structure == "general" else {"SymmetricMode": True},
            )
        except RuntimeError:
            raise UnusableMatrix(SINGULAR) from None

    def solve(self, b: np.ndarray) -> np.ndarray:
        x = np.empty_like(b)
        x[self._order] = self._factor.solve(b[self._rows])
        return x
