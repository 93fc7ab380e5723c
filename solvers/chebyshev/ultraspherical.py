"""Linear ordinary differential equations with constant coefficients, as sparse systems.

Derivative m of a Chebyshev series is a series of ultraspherical polynomials C^(m) with one
diagonal, and series of C^(l) are written as series of C^(l+1) with two, so that the equation has
a banded matrix; conditions at the ends are full rows beneath it. Scaled by columns its condition
does not grow with the number of coefficients.

Olver & Townsend, A fast and well-conditioned spectral method, SIAM Review 55 (2013), sections 2
to 4, https://doi.org/10.1137/120865458.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from ...geometry.errors import InputError
from . import nodes

# A full row that becomes a pivot fills the rows below it: small rows are taken last. Both were
# measured to leave a few numbers a row at no cost in accuracy.
PIVOT, FULL = 0.1, 1e-4


@dataclass(frozen=True)
class Condition:
    """sum_k factors[k] u^(k)(end) = data, with end "low" or "high"; slopes along the axis."""

    end: str
    factors: tuple[float, ...]


class LinearEquation:
    """sum_k coefficients[k] u^(k) = f on an interval under as many conditions as its order.

    extent: (left, right); n: Chebyshev points and coefficients; conditions: one for each order.
    Factored once; then any number of right-hand sides takes O(n) each.

    Raises `InputError` on a leading coefficient of zero, another number of conditions, too few
    points, or conditions that leave the solution open.

    >>> ends = (Condition("low", (1.0,)), Condition("high", (1.0,)))
    >>> equation = LinearEquation((-1.0, 0.0, 1e-4), (-1.0, 1.0), 256, ends)  # layers of 0.01
    >>> u = equation.solve(np.zeros(256), (1.0, 1.0))
    >>> exact = np.cosh(100 * nodes.points(256)) / np.cosh(100)
    >>> bool(np.abs(u - exact).max() < 1e-13)
    True
    """

    def __init__(
        self,
        coefficients: Sequence[float],
        extent: tuple[float, float],
        n: int,
        conditions: Sequence[Condition],
    ) -> None:
        given = np.asarray(coefficients, dtype=np.float64)
        order = len(given) - 1
        if order < 1 or not np.all(np.isfinite(given)) or given[-1] == 0:
            raise InputError(
                f"expected finite coefficients, the last not zero, of at least u and u', "
                f"got {tuple(coefficients)}"
            )
        if len(conditions) != order:
            raise InputError(f"expected {order} conditions, got {len(conditions)}")
        if n < order + 2:
            raise InputError(f"expected at least {order + 2} points, got {n}")
        self.n, self.order = n, order
        scale = 2 / (extent[1] - extent[0])
        band = scipy.sparse.csr_array((n, n))
        for k, factor in enumerate(given):
            if factor:
                band = band + factor * scale**k * conversion(n, k, order) @ derivative(n, k)
        rows = np.array([_row(condition, n, scale) for condition in conditions])
        # Columns by the size of the leading derivative, rows of conditions by their own.
        columns = 1 / np.maximum(np.arange(n) * abs(given[-1]) * scale**order, 1.0)
        self._weights = FULL / np.abs(rows * columns).max(axis=1)
        self._columns = columns
        self._convert = conversion(n, 0, order)
        self.matrix = scipy.sparse.vstack(
            [band[: n - order], scipy.sparse.csr_array(self._weights[:, None] * rows)]
        ) @ scipy.sparse.diags_array(columns)
        """(n, n) scaled by rows and columns: banded, and one full row for each condition"""
        # The leading derivative on the diagonal and an arrow of full rows and columns at the end.
        self._order = np.roll(np.arange(n), -order)
        try:
            self._factors = scipy.sparse.linalg.splu(
                self.matrix[:, self._order].tocsc(), permc_spec="NATURAL", diag_pivot_thresh=PIVOT
            )
        except RuntimeError as problem:
            raise InputError(
                "expected conditions that fix the solution, got a singular system"
            ) from problem

    @property
    def factor_entries(self) -> int:
        """Numbers in both factors, which is what a solve costs."""
        return self._factors.L.nnz + self._factors.U.nnz

    def solve(self, f: np.ndarray, data: Sequence[float] | np.ndarray) -> np.ndarray:
        """Values (..., n) at the points, of f (..., n) and data (order,) or (..., order)."""
        f = np.asarray(f, dtype=np.float64)
        values = np.asarray(data, dtype=np.float64)
        if f.shape[-1:] != (self.n,) or values.shape[-1:] != (self.order,):
            raise InputError(
                f"expected f of shape (..., {self.n}) and data of shape (..., {self.order}), got "
                f"{f.shape} and {values.shape}"
            )
        lead = f.shape[:-1]
        inner = (self._convert @ nodes.forward(f).reshape(-1, self.n).T)[: self.n - self.order]
        outer = np.broadcast_to(self._weights * values, (*lead, self.order))
        right = np.concatenate([inner, outer.reshape(-1, self.order).T])
        c = np.empty_like(right)
        c[self._order] = self._factors.solve(right)
        c *= self._columns[:, None]
        return nodes.inverse(c.T.reshape(*lead, self.n))


def derivative(n: int, order: int) -> scipy.sparse.csr_array:
    """Coefficients of T_k to those of the derivative in C^(order); the first of n are complete.

    Olver & Townsend 2013, equation 2.3.
    """
    if order == 0:
        return scipy.sparse.csr_array(scipy.sparse.eye_array(n))
    factor = 2.0 ** (order - 1) * float(np.prod(np.arange(1, order)))
    return scipy.sparse.csr_array(
        scipy.sparse.diags_array(factor * np.arange(order, n), offsets=order, shape=(n, n))
    )


def conversion(n: int, first: int, last: int) -> scipy.sparse.csr_array:
    """Coefficients in C^(first), or T where that is zero, to those in C^(last).

    Olver & Townsend 2013, equations 2.5 and 3.1.
    """
    result = scipy.sparse.csr_array(scipy.sparse.eye_array(n))
    k = np.arange(n, dtype=np.float64)
    for degree in range(first, last):
        if degree == 0:
            main, upper = np.where(k == 0, 1.0, 0.5), np.full(n - 2, -0.5)
        else:
            main, upper = degree / (degree + k), -degree / (degree + k[2:])
        step = scipy.sparse.diags_array([main, upper], offsets=[0, 2], shape=(n, n))
        result = scipy.sparse.csr_array(step @ result)
    return result


def _row(condition: Condition, n: int, scale: float) -> np.ndarray:
    """The condition on coefficients: T_k^(p)(1) = prod_(j < p) (k^2 - j^2) / (2 j + 1)."""
    if condition.end not in ("low", "high"):
        raise InputError(f"expected a condition at 'low' or 'high', got {condition.end!r}")
    k = np.arange(n, dtype=np.float64)
    row, values = np.zeros(n), np.ones(n)
    for p, factor in enumerate(condition.factors):
        sign = 1.0 if condition.end == "high" else (-1.0) ** (k + p)
        row += factor * scale**p * sign * values
        values = values * (k * k - p * p) / (2 * p + 1)
    if not np.all(np.isfinite(row)) or not np.any(row):
        raise InputError(f"expected finite factors that are not all zero, got {condition.factors}")
    return row
