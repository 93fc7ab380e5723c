"""SuperLU through SciPy, the fill-reducing ordering found once for a pattern.

The ordering depends on the pattern alone. SuperLU finds it on stand-in values, and the matrices
are permuted before they are factored in natural order. Li, ACM Trans. Math. Softw. 31 (2005).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import SuperLU, splu

from ..csr import UnusableMatrix, mirror_places, numbered
from .factorisation import SINGULAR, Structure

# Small supernodes and panels: SuperLU's own choice stores and multiplies many zeros.
RELAX, PANEL = 1, 2
THRESHOLD = 0.1  # a pivot is taken from the diagonal if it has this part of its column's largest


class SuperLUFactorisation:
    """See `Factorisation`. Where the pattern is symmetric, rows and columns are permuted alike."""

    finds_indefinite: ClassVar[bool] = False

    def __init__(self, A: sparse.csr_array, structure: Structure) -> None:
        self.analyses = 1
        self._aligned = structure != "general" or mirror_places(A) is not None
        self._threshold = 0.0 if structure == "positive" else THRESHOLD if self._aligned else 1.0
        # Stable values: only the ordering is wanted, and it must not fail on a singular matrix.
        pattern = sparse.csc_array((np.ones(A.nnz), A.indices, A.indptr), shape=A.shape).T
        dominant = sparse.csc_array(pattern + 2.0 * A.shape[0] * sparse.eye_array(A.shape[0]))
        spec = "MMD_AT_PLUS_A" if self._aligned else "COLAMD"
        self._order = np.argsort(splu(dominant, permc_spec=spec).perm_c)
        self._rows = self._order if self._aligned else slice(None)
        places = numbered(A)[:, self._order]
        places = sparse.csc_array(places[self._rows, :])
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
                diag_pivot_thresh=self._threshold,
                relax=RELAX,
                panel_size=PANEL,
                options={"SymmetricMode": True} if self._aligned else {},
            )
        except RuntimeError:
            raise UnusableMatrix(SINGULAR) from None

    def solve(self, b: np.ndarray) -> np.ndarray:
        x = np.empty_like(b)
        x[self._order] = self._factor.solve(b[self._rows])
        return x
