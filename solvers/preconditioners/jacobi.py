"""Jacobi: the inverse of the diagonal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sparse

from .base import Preconditioner, in_precision_of, inverse_of_diagonal


class Jacobi(Preconditioner):
    """M = D^-1 with D the diagonal of A. Saad, Iterative Methods (2003), section 4.1.

    Raises `UnusableMatrix` where an entry of the diagonal is zero.

    >>> Jacobi([[2.0, 1.0], [0.0, 4.0]]) @ np.array([1.0, 1.0])
    array([0.5 , 0.25])
    """

    def update(self, A: Any) -> None:
        """Take the diagonal of A, of an operator without making its matrix."""
        if not hasattr(A, "to_csr"):
            super().update(A)
            return
        self._usable = False
        diagonal = np.ravel(A.diagonal)
        self.shape, self.dtype = (diagonal.size, diagonal.size), diagonal.dtype
        self._inverse = inverse_of_diagonal(diagonal)
        self._usable = True

    def _compute(self, A: sparse.csr_array) -> None:
        self._inverse = inverse_of_diagonal(A.diagonal())

    def _apply(self, r: np.ndarray) -> np.ndarray:
        return self._inverse * r

    def _lean(self, kind: np.dtype) -> Callable[[np.ndarray], np.ndarray]:
        inverse = in_precision_of(self._inverse, kind)
        return lambda r: inverse * r
