"""Intervals and boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ..arrays import Array, namespace
from ..errors import InputError
from .base import Measure, Piece, Placed, Shape, View, in_box
from .smooth import both, trimmed


class Face(Piece):
    """One side of a box: the end of an axis."""

    def __init__(self, bounds: Sequence[tuple[float, float]], axis: int, upper: bool) -> None:
        self.bounds, self.axis, self.upper = tuple(bounds), axis, upper
        self.end = bounds[axis][int(upper)]

    @property
    def measure(self) -> Measure:
        lengths = [high - low for i, (low, high) in enumerate(self.bounds) if i != self.axis]
        return Measure(math.prod(lengths))

    def place(self, unit: Array) -> Placed:
        points = in_box(self.bounds, unit)
        points[:, self.axis] = self.end
        normals = namespace(unit).zeros_like(points)
        normals[:, self.axis] = 1.0 if self.upper else -1.0
        return Placed(points, normals)

    def distance(self, columns: Sequence[Any], view: View = "inside") -> Any:
        """Of the whole plane from inside, where the box meets it nowhere else."""
        inward = columns[self.axis] - self.end
        if self.upper:
            inward = -inward
        others = [axis for axis in range(len(self.bounds)) if axis != self.axis]
        if view == "inside":
            return inward
        if not others:
            return -inward if view == "outside" else inward
        return trimmed(inward, between([(columns[i], *self.bounds[i]) for i in others]))


class Box(Shape):
    """Sides parallel to the axes: `Box((0, 0), (2, 1))`.

    low, high: the two corners. Pieces: "left" and "right" are the ends of the first axis, then
    "bottom" and "top" in two dimensions; "front", "back", "bottom" and "top" in three; from four
    on "low0", "high0", "low1" and so on. Raises InputError unless low < high in each coordinate.

    >>> box = Box((0.0, 0.0), (2.0, 1.0))
    >>> box.names
    ('left', 'right', 'bottom', 'top')
    >>> box.measure("top").value
    2.0
    """

    fills = True

    def __init__(self, low: Sequence[float], high: Sequence[float]) -> None:
        if len(low) != len(high) or not len(low):
            raise InputError(f"expected two corners of one dimension, got {low} and {high}")
        self.bounds = tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))
        if not all(math.isfinite(b - a) and a < b for a, b in self.bounds):
            raise InputError(f"expected finite low < high, got {low} and {high}")

    @cached_property
    def pieces(self) -> dict[str, Piece]:
        ends = [(axis, upper) for axis in range(self.ndim) for upper in (False, True)]
        each = zip(side_names(self.ndim), ends, strict=True)
        return {name: Face(self.bounds, axis, upper) for name, (axis, upper) in each}

    @property
    def volume(self) -> Measure:
        return Measure(math.prod(high - low for low, high in self.bounds))

    def faces(self, axis: int) -> tuple[str, str] | None:
        found: dict[bool, str] = {}
        for name, piece in self.pieces.items():
            if isinstance(piece, Face) and piece.axis == axis:
                found[piece.upper] = name
        return (found[False], found[True]) if len(found) == 2 else None

    def interior(self, unit: Array) -> Array:
        return in_box(self.bounds, unit)

    def signed_distance(self, points: Array) -> Array:
        xp = namespace(points)
        outside = [abs(points[:, i] - (a + b) / 2) - (b - a) / 2 for i, (a, b) in self._axes]
        beyond = xp.stack([xp.clip(one, 0.0, None) for one in outside], axis=1)
        nearest = xp.max(xp.stack(outside, axis=1), axis=1)
        return xp.clip(nearest, None, 0.0) + xp.linalg.vector_norm(beyond, axis=1)

    def level(self, columns: Sequence[Any]) -> Any:
        return between([(columns[i], a, b) for i, (a, b) in self._axes])

    @property
    def _axes(self) -> list[tuple[int, tuple[float, float]]]:
        return list(enumerate(self.bounds))

    def __repr__(self) -> str:
        low, high = zip(*self.bounds, strict=True)
        return f"{type(self).__name__}({low}, {high})"


class Interval(Box):
    """Points of a line from `left` to `right`, with the pieces "left" and "right".

    >>> Interval(-1.0, 1.0).names
    ('left', 'right')
    """

    def __init__(self, left: float, right: float) -> None:
        super().__init__((left,), (right,))

    def __repr__(self) -> str:
        return f"Interval{self.bounds[0]}"


def between(ranges: Sequence[tuple[Any, float, float]]) -> Any:
    """Positive where each value lies between its (low, high), to first order a distance."""
    first, *rest = [(x - low) * (high - x) / (high - low) for x, low, high in ranges]
    for other in rest:
        first = both(first, other)
    return first


def side_names(dimension: int) -> tuple[str, ...]:
    """Names of the sides of a box, low and high end of each axis in turn."""
    named = {
        1: ("left", "right"),
        2: ("left", "right", "bottom", "top"),
        3: ("left", "right", "front", "back", "bottom", "top"),
    }
    many = (f"{end}{axis}" for axis in range(dimension) for end in ("low", "high"))
    return named.get(dimension) or tuple(many)
