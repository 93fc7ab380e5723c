"""Ends of an axis, written as ghost values: a polynomial through the condition and the cells.

A ghost at distance x outside is  const + sum_k table_k u_k  over the cells next to the boundary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...geometry.derivatives import difference_weights
from ...geometry.errors import InputError
from ...geometry.grid import Grid
from .march import CLOSURE, INSIDE, KIND, PERIODIC, SOURCES

Value = float | np.ndarray | Callable[[np.ndarray], np.ndarray]
"""A number, one for each sample, (batch,), or a function of times (k,) that gives (k,) or
(k, batch), as `scipy.interpolate.CubicSpline` does for a table."""


@dataclass(frozen=True)
class Dirichlet:
    """u = value at the end, at the times of all stages.

    The ghosts lie on the polynomial of degree order - 1 through the value and the nearest cells
    (at order 2 they are the mirror image with the other sign about the value); a point that
    stands on the end (vertex grids) is given the value.
    """

    value: Value = 0.0


@dataclass(frozen=True)
class Neumann:
    """The derivative along the axis (not along the outer normal) is `slope` at the end.

    The ghosts are the mirror image plus slope times distance, which is exact to all orders where
    all higher odd derivatives vanish at the end, as they do for slope 0 in heat, wave and
    reaction-diffusion equations; it also keeps the total of the field.
    """

    slope: Value = 0.0


@dataclass(frozen=True)
class Absorbing:
    """A sponge: rates get -sigma(x) (u - rest) in a layer of `width` (in units of x) at the end.

    sigma grows from 0 to `strength` (1 / time) as the cube of the depth in the layer, so that
    little is reflected where it begins. Behind it the slope is zero.
    """

    width: float
    strength: float
    rest: float = 0.0


Side = Dirichlet | Neumann | Absorbing
Sides = Side | Mapping[str, Side]  # one for all fields, or one for each
Boundary = Side | Mapping[str, tuple[Sides, Sides]]  # one for all ends, or (low, high) of each axis


@dataclass(frozen=True)
class Closures:
    """Ends of the engine's three axes in numbers, see `march`.

    ends (3, 2, fields, 3) int64; tables (3, 2, fields, ghosts, sources); units (3, 2, fields,
    ghosts): what a ghost gets for each unit of the value that is given at its end; given: those
    values, by (axis, end, field)
    """

    ends: np.ndarray
    tables: np.ndarray
    units: np.ndarray
    given: Mapping[tuple[int, int, int], Value]

    @property
    def deepest(self) -> int:
        """Index of the last plane that a ghost before plane 0 looks at."""
        first = self.ends[0, 0]
        return max(0, int((first[:, INSIDE] + first[:, SOURCES]).max()) - 1)

    @property
    def moving(self) -> bool:
        """Whether any value depends on the time."""
        return any(map(callable, self.given.values()))

    def values(self, times: np.ndarray, sample: int) -> np.ndarray:
        """What the ghosts of a sample get at some times (k,): (k, 3, 2, fields, ghosts)."""
        result = np.zeros((len(times), *self.units.shape))
        for at, value in self.given.items():
            found = np.asarray(value(times) if callable(value) else value, dtype=float)
            if callable(value):
                if found.shape[:1] != times.shape or found.ndim > 2:
                    raise InputError(
                        f"expected a value for each of {len(times)} times at an end, got shape "
                        f"{found.shape}; return an array like the times, or (times, batch)"
                    )
                found = (found[:, sample] if found.ndim == 2 else found)[:, None]
            elif found.ndim:
                found = found[sample]
            result[(slice(None), *at)] = found * self.units[at]
        return result


def sides_of(boundary: Boundary, grid: Grid, fields: Sequence[str]) -> list[list[list[Side]]]:
    """[axis][end][field]; `InputError` where the boundary does not describe all."""
    result: list[list[list[Side]]] = []
    mirror: Side = Neumann()
    for axis, name in enumerate(grid.names):
        if grid.wraps[axis]:
            result.append([[mirror] * len(fields)] * 2)
            continue
        pair: tuple[Sides, Sides]
        if isinstance(boundary, Mapping):
            if name not in boundary or len(boundary[name]) != 2:
                raise InputError(
                    f"expected a pair of ends for axis {name}, got {boundary}; give (low, high)"
                )
            pair = boundary[name]
        else:
            pair = (boundary, boundary)
        result.append([_each(sides, fields, name) for sides in pair])
    return result


def _each(sides: Sides, fields: Sequence[str], name: str) -> list[Side]:
    if isinstance(sides, Mapping):
        if set(sides) != set(fields):
            raise InputError(f"expected ends for fields {tuple(fields)}, got {tuple(sides)}")
        found = [sides[field] for field in fields]
    else:
        found = [sides] * len(fields)
    if not all(isinstance(side, Dirichlet | Neumann | Absorbing) for side in found):
        raise InputError(f"expected Dirichlet, Neumann or Absorbing on axis {name}, got {found}")
    return found


def closures(
    boundary: Boundary,
    grid: Grid,
    fields: Sequence[str],
    axes: Sequence[int],
    reach: Sequence[int],
    order: int,
    batch: int,
) -> Closures:
    """The ends of a grid.

    axes: where each axis of the grid is among the engine's three; reach: its ghost cells;
    order: of the differences, for Dirichlet ends; batch: of samples, each with its own values.
    """
    sides = sides_of(boundary, grid, fields)
    ghosts, sources = max(reach) + 1, max(max(reach) + 1, order)
    ends = np.zeros((3, 2, len(fields), 3), dtype=np.int64)
    tables = np.zeros((3, 2, len(fields), ghosts, sources))
    units = np.zeros((3, 2, len(fields), ghosts))
    given: dict[tuple[int, int, int], Value] = {}
    for axis, width in enumerate(reach):
        if width == 0:
            continue
        if grid.wraps[axis]:
            ends[axes[axis], ..., KIND] = PERIODIC
            continue
        h, cell = grid.spacing[axis], grid.centering == "cell"
        for end in range(2):
            for c, side in enumerate(sides[axis][end]):
                at = (axes[axis], end, c)
                if isinstance(side, Dirichlet):
                    inside, table, unit = _polynomial(width, order, cell)
                    given[at] = _checked(side.value, batch)
                else:
                    inside, table, unit = _mirror(h * (2 * end - 1), width, cell)
                    given[at] = _checked(side.slope, batch) if isinstance(side, Neumann) else 0.0
                ends[at] = CLOSURE, inside, table.shape[1]
                tables[at][: table.shape[0], : table.shape[1]] = table
                units[at][: len(unit)] = unit
    return Closures(ends, tables, units, given)


def _checked(value: Value, batch: int) -> Value:
    if callable(value):
        return value
    found = np.asarray(value, dtype=float)
    if found.shape not in ((), (batch,)) or not np.all(np.isfinite(found)):
        raise InputError(
            f"expected a finite number at an end, or {batch} of them, got {value}; give one for "
            "each sample, or a function of times"
        )
    return found


def _polynomial(width: int, order: int, cell: bool) -> tuple[int, np.ndarray, np.ndarray]:
    """Polynomial of degree order - 1 through a value of 1 at 0 and cells at 1, 2, .. (or halves).

    At order 2 ghosts farther away than the first are mirrored too, each from its own cell.
    """
    inside, count = (0, width) if cell else (1, width + 1)
    if order == 2:
        table, values = np.zeros((count, width)), np.full(count, 2.0)
        table[inside:] = -np.eye(width)
        values[:inside] = 1.0
        return inside, table, values
    # Twice the distances from the end, so that they are integers.
    nodes = [0, *(2 * k + 1 if cell else 2 * k + 2 for k in range(order - 1))]
    table, values = np.zeros((count, order - 1)), np.zeros(count)
    for q in range(count):
        ghost = -(2 * q + 1) if cell else -2 * q
        if ghost == 0:
            values[q] = 1.0
            continue
        on_end, *weights = difference_weights(tuple(node - ghost for node in nodes), 0)
        table[q], values[q] = weights, on_end
    return inside, table, values


def _mirror(rise: float, width: int, cell: bool) -> tuple[int, np.ndarray, np.ndarray]:
    """The mirror image plus `rise` a spacing, taken over the distance to the mirrored cell."""
    table, values = np.zeros((width, width if cell else width + 1)), np.zeros(width)
    for q in range(width):
        table[q, q if cell else q + 1] = 1.0
        values[q] = rise * (2 * q + 1 if cell else 2 * q + 2)
    return 0, table, values


def sponge(
    boundary: Boundary, grid: Grid, fields: Sequence[str]
) -> tuple[np.ndarray, np.ndarray] | None:
    """sigma on the grid (grid.shape) and the rest values (fields,), or None without a sponge."""
    sides = sides_of(boundary, grid, fields)
    sigma, rest, found = np.zeros(grid.shape), np.zeros(len(fields)), False
    for axis, points in enumerate(grid.axes):
        for end in range(2):
            for c, side in enumerate(sides[axis][end]):
                if not isinstance(side, Absorbing):
                    continue
                if not (0 < side.width < grid.lengths[axis] and 0 < side.strength < np.inf):
                    raise InputError(
                        f"expected a sponge inside the domain and of positive strength, got {side}"
                    )
                depth = 1 - np.abs(points - grid.extent[axis][end]) / side.width
                layer = side.strength * np.clip(depth, 0, None) ** 3
                shape = [-1 if d == axis else 1 for d in range(grid.ndim)]
                sigma = np.maximum(sigma, layer.reshape(shape))
                rest[c], found = side.rest, True
    return (sigma, rest) if found else None
