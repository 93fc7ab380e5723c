"""Chebyshev points on a box in one to three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from . import nodes


@dataclass(frozen=True)
class ChebyshevBasis:
    """Polynomials on a box by their values (..., *shape) at the tensor grid of Chebyshev points.

    extent: ((left, right), ...), shape: points an axis, at least 2. Axis order is that of `Grid`.
    Raises `InputError` where these describe no box of one to three dimensions.

    >>> basis = ChebyshevBasis(((0.0, 2.0),), (12,))
    >>> x = basis.axes[0]
    >>> bool(np.allclose(basis.derivative(x**3, (1,)), 3 * x**2))
    True
    >>> round(float((basis.weights * x**3).sum()), 12)
    4.0
    """

    extent: tuple[tuple[float, float], ...]
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        # A grid has the same rules for extents and shapes, and says what is wrong.
        grid = Grid(self.extent, self.shape)
        if not 1 <= grid.ndim <= 3:
            raise InputError(f"expected one to three dimensions, got {grid.ndim}")
        object.__setattr__(self, "extent", grid.extent)
        object.__setattr__(self, "shape", grid.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def lengths(self) -> tuple[float, ...]:
        return tuple(right - left for left, right in self.extent)

    @property
    def axes(self) -> tuple[np.ndarray, ...]:
        """Coordinates along each axis, ascending, both ends exactly included."""
        return tuple(
            (left * (1 - x) + right * (1 + x)) / 2
            for (left, right), x in zip(self.extent, map(nodes.points, self.shape), strict=True)
        )

    def coordinates(self) -> np.ndarray:
        """(ndim, *shape)."""
        return np.stack(np.meshgrid(*self.axes, indexing="ij"))

    @property
    def weights(self) -> np.ndarray:
        """Clenshaw-Curtis weights of shape `shape`; they sum to the volume."""
        each = [
            length / 2 * nodes.weights(n)
            for length, n in zip(self.lengths, self.shape, strict=True)
        ]
        return reduce(np.multiply.outer, each)

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Coefficients (..., *shape) of products of Chebyshev polynomials."""
        return self._each(nodes.forward, self._checked(values))

    def inverse(self, coefficients: np.ndarray) -> np.ndarray:
        """Values (..., *shape) of coefficients."""
        return self._each(nodes.inverse, self._checked(coefficients))

    def derivative(self, values: np.ndarray, orders: Sequence[int]) -> np.ndarray:
        """Values of the mixed derivative with orders[d] along axis d; exact for the polynomial."""
        values = self._checked(values)
        if len(orders) != self.ndim or min(orders) < 0:
            raise InputError(f"expected {self.ndim} orders of at least 0, got {tuple(orders)}")
        for axis, order in enumerate(orders):
            if order:
                place = axis - self.ndim
                c = nodes.differentiate(nodes.forward(values, place), place, order)
                values = nodes.inverse(c, place) * (2 / self.lengths[axis]) ** order
        return values

    def laplacian(self, values: np.ndarray) -> np.ndarray:
        """Sum of the second derivatives."""
        units = 2 * np.eye(self.ndim, dtype=int)
        return np.sum([self.derivative(values, unit.tolist()) for unit in units], axis=0)

    def interpolate(self, values: np.ndarray, target: Grid | np.ndarray) -> np.ndarray:
        """Values of the polynomial on a grid, (..., *target.shape), or at points (m, ndim).

        Raises `InputError` for points outside the box.
        """
        values = self._checked(values)
        if isinstance(target, Grid):
            if target.ndim != self.ndim:
                raise InputError(f"expected a grid with {self.ndim} axes, got {target.ndim}")
            for axis, x in enumerate(target.axes):
                values = along(self.matrix(axis, x), values, axis - self.ndim)
            return values
        at = np.asarray(target, dtype=np.float64)
        if at.ndim != 2 or at.shape[1] != self.ndim:
            raise InputError(f"expected points of shape (m, {self.ndim}), got {at.shape}")
        matrices = [self.matrix(axis, x) for axis, x in enumerate(at.T)]
        # One axis after another: sum over the last, keep the points.
        result = np.einsum("...k,mk->...m", values, matrices[-1])
        for matrix in matrices[-2::-1]:
            result = np.einsum("...km,mk->...m", result, matrix)
        return result

    def refined(self, shape: Sequence[int]) -> ChebyshevBasis:
        """The same box with other numbers of points."""
        return ChebyshevBasis(self.extent, tuple(shape))

    def matrix(self, axis: int, x: np.ndarray) -> np.ndarray:
        """(m, n): values along an axis to values of their polynomial at coordinates x, (m,)."""
        left, right = self.extent[axis]
        return nodes.interpolation_matrix(
            self.shape[axis], ((x - left) - (right - x)) / (right - left)
        )

    def _each(self, transform, values: np.ndarray) -> np.ndarray:
        for axis in range(-self.ndim, 0):
            values = transform(values, axis)
        return values

    def _checked(self, values: np.ndarray) -> np.ndarray:
        values = np.asarray(values, dtype=np.float64)
        if values.shape[-self.ndim :] != self.shape:
            raise InputError(
                f"expected values of shape (..., {str(self.shape)[1:-1]}), got {values.shape}"
            )
        return values


def along(matrix: np.ndarray, values: np.ndarray, axis: int) -> np.ndarray:
    """The matrix applied to one axis of an array.

    >>> along(np.ones((1, 3)), np.arange(6.0).reshape(3, 2), 0).tolist()
    [[6.0, 9.0]]
    """
    if axis in (-1, values.ndim - 1):
        return values @ matrix.T
    return np.moveaxis(np.moveaxis(values, axis, -1) @ matrix.T, -1, axis)


def along_all(matrices: Sequence[np.ndarray], values: np.ndarray) -> np.ndarray:
    """One matrix along each of the last axes."""
    for axis, matrix in enumerate(matrices):
        values = along(matrix, values, axis - len(matrices))
    return values
