"""Polygons: a closed row of corners, with a piece of the boundary for each side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import Array, namespace
from ..errors import InputError
from .base import Measure, Piece, Placed, Shape, View, inner_unit, joined, placed_on
from .smooth import both, trimmed


class Polygon(Shape):
    """The inside of a row of corners, in either direction: `Polygon([(0, 0), (2, 0), (0, 1)])`.

    corners: (m, 2). names: of the sides, from each corner to the next; several sides of one name
    are one piece. Without names they are "side 1" to "side m". Raises InputError for fewer than
    three corners, sides that cross or touch, and another number of names.

    >>> triangle = Polygon([(0, 0), (2, 0), (0, 1)], names=["ground", "roof", "wall"])
    >>> triangle.volume.value, triangle.measure("wall").value
    (1.0, 1.0)
    """

    def __init__(self, corners: Sequence[Sequence[float]], names: Sequence[str] = ()) -> None:
        points = np.array(corners, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
            raise InputError(f"expected three corners (x, y) or more, got shape {points.shape}")
        if not np.isfinite(points).all():
            raise InputError("expected finite corners, got nan or infinity")
        self.names_of_sides = tuple(names) or tuple(f"side {i + 1}" for i in range(len(points)))
        if len(self.names_of_sides) != len(points):
            raise InputError(f"expected a name for each of {len(points)} sides, got {names}")
        ends = np.roll(points, -1, axis=0)
        _check_simple(points, ends)
        area = 0.5 * float(np.sum(points[:, 0] * ends[:, 1] - ends[:, 0] * points[:, 1]))
        if area < 0:  # clockwise: the same sides, walked the other way
            points, ends = ends, points
        self.starts, self.ends, self.area = points, ends, abs(area)
        low, high = points.min(axis=0), points.max(axis=0)
        self.bounds = tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))

    @cached_property
    def convex(self) -> bool:
        """Whether no corner points inwards."""
        along = self.ends - self.starts
        offsets = self.starts[None] - self.starts[:, None]  # [side, corner]
        left = along[:, None, 0] * offsets[..., 1] - along[:, None, 1] * offsets[..., 0]
        return bool((left > -1e-12 * self.size**2).all())

    @cached_property
    def sides(self) -> list[Side]:
        return [Side(a, b, self.convex) for a, b in zip(self.starts, self.ends, strict=True)]

    @cached_property
    def pieces(self) -> dict[str, Piece]:
        grouped: dict[str, list[Side]] = {}
        for name, side in zip(self.names_of_sides, self.sides, strict=True):
            grouped.setdefault(name, []).append(side)
        return {n: s[0] if len(s) == 1 else Chain(s) for n, s in grouped.items()}

    @property
    def volume(self) -> Measure:
        return Measure(self.area)

    def signed_distance(self, points: Array) -> Array:
        xp = namespace(points)
        nearest, crossings = None, None
        x, y = points[:, 0], points[:, 1]
        for (ax, ay), (bx, by) in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            length2 = (bx - ax) ** 2 + (by - ay) ** 2
            s = xp.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2, 0.0, 1.0)
            square = (x - ax - s * (bx - ax)) ** 2 + (y - ay - s * (by - ay)) ** 2
            nearest = square if nearest is None else xp.minimum(nearest, square)
            if ay != by:  # a ray to the right crosses the side
                at = ax + (y - ay) * ((bx - ax) / (by - ay))
                crosses = ((y < ay) != (y < by)) & (x < at)
                crossings = crosses if crossings is None else crossings ^ crosses
        distance = xp.sqrt(nearest)
        return xp.where(crossings, -distance, distance)

    def level(self, columns: Sequence[Any]) -> Any:
        if not self.convex:
            raise InputError(
                "expected a convex polygon where a shape is cut smoothly, got one with a corner "
                "that points inwards; make it a union of convex ones"
            )
        first, *rest = [side.distance(columns) for side in self.sides]
        for other in rest:
            first = both(first, other)
        return first

    def __repr__(self) -> str:
        return f"Polygon({self.starts.tolist()})"


class Side(Piece):
    """The segment from a to b, with the inside on its left."""

    def __init__(self, a: np.ndarray, b: np.ndarray, convex: bool) -> None:
        self.a, self.b, self.convex = a, b, convex
        self.length = float(np.hypot(*(b - a)))
        along = (b - a) / self.length
        self.normal = np.array([along[1], -along[0]])

    @property
    def root(self) -> Piece:
        """As a side of a convex polygon."""
        return Side(self.a, self.b, True)

    @property
    def measure(self) -> Measure:
        return Measure(self.length)

    def place(self, unit: Array) -> Placed:
        xp, s = namespace(unit), inner_unit(unit)[:, 0]
        points = [a + s * (b - a) for a, b in zip(self.a.tolist(), self.b.tolist(), strict=True)]
        normals = [xp.full_like(s, n) for n in self.normal.tolist()]
        return Placed(xp.stack(points, axis=1), xp.stack(normals, axis=1))

    def distance(self, columns: Sequence[Any], view: View = "inside") -> Any:
        """Of the whole line where the polygon is convex, and so on one side of it; else of the
        segment (Sukumar & Srivastava 2022)."""
        middle, half = (self.a + self.b) / 2, self.length / 2
        x, y = columns[0] - float(middle[0]), columns[1] - float(middle[1])
        inward = -float(self.normal[0]) * x - float(self.normal[1]) * y
        if self.convex and view == "inside":
            return inward
        within = (half * half - (x * x + y * y)) / (2 * half)
        return trimmed(inward, within)


class Chain(Piece):
    """Several pieces under one name."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.parts = list(pieces)

    @property
    def measure(self) -> Measure:
        each = [piece.measure for piece in self.parts]
        return Measure(sum(m.value for m in each), math.hypot(*(m.error for m in each)))

    def place(self, unit: Array) -> Placed:
        return placed_on(self.parts, unit)

    def distance(self, columns: Sequence[Any], view: View = "inside") -> Any:
        return joined([piece.distance(columns, view) for piece in self.parts])


def _check_simple(starts: np.ndarray, ends: np.ndarray) -> None:
    """Raise InputError where two sides meet elsewhere than in a common corner."""
    m = len(starts)
    if (np.hypot(*(ends - starts).T) == 0).any():
        raise InputError("expected different corners one after the other, got one twice")
    for i in range(m):
        for j in range(i + 1, m):
            neighbours = j == i + 1 or (i == 0 and j == m - 1)
            if _touch(starts[i], ends[i], starts[j], ends[j], neighbours):
                raise InputError(
                    f"expected sides that do not cross or touch, got sides {i + 1} and {j + 1} "
                    "that do; put the corners in order"
                )


def _touch(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, neighbours: bool) -> bool:
    def turn(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    def within(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> bool:
        return bool((np.minimum(p, q) <= r).all() and (r <= np.maximum(p, q)).all())

    if neighbours:  # they share a corner: they must not lie on each other
        shared = b if (b == c).all() else a
        p, q = (a if shared is b else b), (d if shared is b else c)
        back = float(np.dot(p - shared, q - shared)) > 0
        return back and turn(shared, p, q) == 0
    one, two = turn(a, b, c), turn(a, b, d)
    three, four = turn(c, d, a), turn(c, d, b)
    if one * two < 0 and three * four < 0:
        return True
    each = ((one, a, b, c), (two, a, b, d), (three, c, d, a), (four, c, d, b))
    return any(value == 0 and within(p, q, r) for value, p, q, r in each)
