"""Conditions at the ends of a box: value * u + slope * du/dx_axis = data.

The slope is taken along the axis and not along the outer normal, as in `stencils/boundary.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...geometry.errors import InputError
from .basis import ChebyshevBasis

Data = float | np.ndarray | Callable[[float], float | np.ndarray]
"""A number, an array over the points of the face (a leading axis for the batch is welcome), or a
function of time that returns either."""


@dataclass(frozen=True, eq=False)
class End:
    """value * u + slope * du/dx = data at one end of an axis; made by the functions below."""

    value: float
    slope: float
    data: Data = 0.0

    def __post_init__(self) -> None:
        if not np.all(np.isfinite([self.value, self.slope])) or self.value == self.slope == 0:
            raise InputError(
                f"expected finite factors that are not both zero, got {self.value}, {self.slope}"
            )

    @property
    def essential(self) -> bool:
        """Whether the end gives the value itself."""
        return self.slope == 0

    @property
    def moves(self) -> bool:
        """Whether the data depends on time."""
        return callable(self.data)

    def at(self, t: float, shape: tuple[int, ...]) -> np.ndarray:
        """The data at time t on a face of this shape, (..., *shape)."""
        data = np.asarray(self.data(t) if callable(self.data) else self.data, dtype=np.float64)
        try:
            return np.broadcast_to(data, np.broadcast_shapes(data.shape, shape))
        except ValueError as problem:
            raise InputError(
                f"expected data of shape (..., {str(shape)[1:-1]}) at an end, got {data.shape}"
            ) from problem


def dirichlet(data: Data = 0.0) -> End:
    """u = data."""
    return End(1.0, 0.0, data)


def neumann(data: Data = 0.0) -> End:
    """du/dx = data, the slope along the axis."""
    return End(0.0, 1.0, data)


def robin(value: float, slope: float, data: Data = 0.0) -> End:
    """value * u + slope * du/dx = data; energy leaves where value * slope > 0 at the upper end."""
    return End(value, slope, data)


INSULATED = neumann()

Boundary = End | Mapping[str, tuple[End, End]]
"""One for all ends, or (low, high) for each axis by its name: x, y, z."""


def ends_of(boundary: Boundary, basis: ChebyshevBasis) -> tuple[tuple[End, End], ...]:
    """(low, high) of each axis; `InputError` where the boundary does not describe all."""
    names = ("x", "y", "z")[: basis.ndim]
    if isinstance(boundary, End):
        return ((boundary, boundary),) * basis.ndim
    if not isinstance(boundary, Mapping) or set(boundary) != set(names):
        got = sorted(boundary) if isinstance(boundary, Mapping) else type(boundary).__name__
        raise InputError(f"expected an end, or a pair of them for each of {names}, got {got}")
    result = []
    for name in names:
        pair = boundary[name]
        if (
            not isinstance(pair, Sequence)
            or len(pair) != 2
            or not all(isinstance(end, End) for end in pair)
        ):
            raise InputError(
                f"expected a pair of ends for axis {name}, made by dirichlet, neumann or robin"
            )
        result.append((pair[0], pair[1]))
    return tuple(result)
