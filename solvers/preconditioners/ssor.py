"""One sweep of (symmetric) successive over-relaxation as a preconditioner."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from .base import inverse_of_diagonal, places_of_diagonal
from .triangular import Factors, Triangular


class SSOR(Triangular):
    """M^-1 = (D + w L) D^-1 (D + w U) / (w (2 - w)), where A = L + D + U and w is `omega`.

    A sweep forwards and one backwards from zero. Hermitian positive definite where A is.
    Saad, Iterative Methods (2003), section 10.2. Raises `UnusableMatrix` where an entry of
    the diagonal is zero, `InputError` where omega is not in (0, 2).

    >>> SSOR([[2.0, 1.0], [1.0, 2.0]]) @ np.array([4.0, 4.0])
    array([1.5, 1. ])
    """

    _backwards = True

    def __init__(self, A: Any, omega: float = 1.0) -> None:
        if not 0 < omega < 2:
            raise InputError(f"expected omega between 0 and 2, got {omega}")
        self.omega = omega
        super().__init__(A)

    def _analyse(self, A: sparse.csr_array) -> None:
        rows = np.repeat(np.arange(A.shape[0], dtype=np.int32), np.diff(A.indptr))
        self._diagonal = places_of_diagonal(A)
        self._below = np.flatnonzero(A.indices < rows)
        self._above = np.flatnonzero((A.indices > rows) & self._backwards)
        self._rows_above = rows[self._above]
        self._lower = _pattern(rows[self._below], A.indices[self._below], A.shape[0])
        self._upper = _pattern(self._rows_above, A.indices[self._above], A.shape[0])

    def _compute(self, A: sparse.csr_array) -> None:
        inverse = inverse_of_diagonal(A.data[self._diagonal])
        L = self.omega * A.data[self._below] * inverse[self._lower[1]]
        U = self.omega * A.data[self._above] * inverse[self._rows_above]
        scale = self.omega * (2 - self.omega) if self._backwards else self.omega
        self._factors = Factors(self._lower, L, scale * inverse, self._upper, U)


class SOR(SSOR):
    """M^-1 = (D + w L) / w: one sweep forwards from zero; Gauss-Seidel with omega = 1.

    For nonsymmetric methods such as GMRES. Saad, Iterative Methods (2003), section 10.2. Raises
    what `SSOR` raises.

    >>> SOR([[2.0, 1.0], [1.0, 2.0]]) @ np.array([4.0, 4.0])
    array([2., 1.])
    """

    _backwards = False


def _pattern(rows: np.ndarray, columns: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    counts = np.bincount(rows, minlength=n)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32), columns.astype(np.int32)
