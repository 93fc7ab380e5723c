"""Factors of the form (I + L) D (I + U), and the solve with them that SSOR, ILU and ICC share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..kernels import CONTRACT, kernel
from .base import Preconditioner


@dataclass
class Factors:
    """Strict triangles in CSR and the inverse of the diagonal D (n,), in the dtype of the values.

    lower, upper: (indptr, indices) with sorted indices.
    """

    lower: tuple[np.ndarray, np.ndarray]
    L: np.ndarray
    inverse: np.ndarray
    upper: tuple[np.ndarray, np.ndarray]
    U: np.ndarray

    def __post_init__(self) -> None:
        # Unsigned, so that the compiled loop need not look for negative indices.
        self._lower = [part.view(np.uint32) for part in self.lower]
        self._upper = [part.view(np.uint32) for part in self.upper]

    def solve(self, r: np.ndarray) -> np.ndarray:
        """x of (I + L) D (I + U) x = r."""
        x = np.empty_like(r)
        _solve(*self._lower, self.L, self.inverse, *self._upper, self.U, r, x)
        return x

    def lean(self, kind: np.dtype) -> Callable[[np.ndarray], np.ndarray] | None:
        """`solve` for vectors of a dtype, in that; None where the factors are complex and it is
        not, or the other way round."""
        if self.L.dtype.kind != np.dtype(kind).kind:
            return None
        if self.L.dtype == kind:
            return self.solve
        with np.errstate(over="ignore"):
            values = [part.astype(kind) for part in (self.L, self.inverse, self.U)]
        return Factors(self.lower, values[0], values[1], self.upper, values[2]).solve


class Triangular(Preconditioner):
    """A preconditioner that solves with `_factors`."""

    _factors: Factors

    def _apply(self, r: np.ndarray) -> np.ndarray:
        return self._factors.solve(r)

    def _lean(self, kind: np.dtype) -> Callable[[np.ndarray], np.ndarray]:
        return self._factors.lean(kind) or super()._lean(kind)


@kernel(CONTRACT)
def _solve(lower_ptr, lower, L, inverse, upper_ptr, upper, U, r, x):
    # The neighbour solved last comes last in each sum: the chain of waits is one step a row.
    n = r.size
    for i in range(n):
        total = r[i]
        for p in range(lower_ptr[i], lower_ptr[i + 1]):
            total -= L[p] * x[lower[p]]
        x[i] = total
    for i in range(n - 1, -1, -1):
        total = inverse[i] * x[i]
        for p in range(upper_ptr[i + 1] - 1, upper_ptr[i] - 1, -1):
            total -= U[p] * x[upper[p]]
        x[i] = total
