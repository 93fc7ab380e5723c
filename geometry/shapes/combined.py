"""Unions, differences and intersections of shapes: `a | b`, `a - b`, `a & b`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import Array, namespace, to_numpy
from ..errors import InputError
from .base import Measure, Piece, Placed, Shape, View, even_points, share_of
from .smooth import both, either, trimmed

PROBES = 2**13  # points that measure what is left of a piece


class Combined(Shape):
    """Two shapes made one. The pieces keep their names, those that both parts have get the prefix
    "first " or "second "; pieces of which nothing is left are none (`removed`).

    Volume and measures of pieces are counted on even points; they state a standard error. Pieces
    that are kept whole keep their exact measure. Raises InputError for parts of different
    dimensions and where nothing is left inside.
    """

    def __init__(self, first: Shape, second: Shape) -> None:
        if first.ndim != second.ndim:
            raise InputError(
                f"expected two shapes of one dimension, got {first.ndim} and {second.ndim}"
            )
        self.first, self.second = first, second
        self.bounds = self._bounds()
        boxed = all(low < high for low, high in self.bounds)
        if not boxed or not self.volume.value:
            raise InputError(f"expected a shape with an inside, got an empty one: {self!r}")

    def _bounds(self) -> tuple[tuple[float, float], ...]:
        return self.first.bounds

    def _combine(self, first: Any, second: Any, xp: Any) -> Any:
        """Signed distances of the two to that of the result."""
        raise NotImplementedError

    @cached_property
    def pieces(self) -> Mapping[str, Piece]:
        return {name: rest for name, rest in self._remainders.items() if rest.measure.value > 0}

    @cached_property
    def _remainders(self) -> dict[str, Remainder]:
        clash = set(self.first.names) & set(self.second.names)
        return {
            f"{prefix} {name}" if name in clash else name: Remainder(self, part, piece)
            for part, prefix in ((self.first, "first"), (self.second, "second"))
            for name, piece in part.pieces.items()
        }

    def removed(self) -> frozenset[str]:
        return frozenset(n for n, rest in self._remainders.items() if not rest.measure.value)

    @cached_property
    def volume(self) -> Measure:
        return self._estimated_volume

    def faces(self, axis: int) -> tuple[str, str] | None:
        """Those of the first part, where they are still whole."""
        ends = self.first.faces(axis)
        kept = ends and all(
            name in self.pieces and self.pieces[name].measure == self.first.pieces[name].measure
            for name in ends
        )
        return ends if kept else None

    def signed_distance(self, points: Array) -> Array:
        first, second = self.first.signed_distance(points), self.second.signed_distance(points)
        return self._combine(first, second, namespace(points))


class Union(Combined):
    """Points of one or the other."""

    def _bounds(self) -> tuple[tuple[float, float], ...]:
        pairs = zip(self.first.bounds, self.second.bounds, strict=True)
        return tuple((min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs)

    def _combine(self, first: Any, second: Any, xp: Any) -> Any:
        return xp.minimum(first, second)

    def level(self, columns: Sequence[Any]) -> Any:
        return either(self.first.level(columns), self.second.level(columns))

    def __repr__(self) -> str:
        return f"({self.first!r} | {self.second!r})"


class Intersection(Combined):
    """Points of both."""

    def _bounds(self) -> tuple[tuple[float, float], ...]:
        pairs = zip(self.first.bounds, self.second.bounds, strict=True)
        return tuple((max(a[0], b[0]), min(a[1], b[1])) for a, b in pairs)

    def _combine(self, first: Any, second: Any, xp: Any) -> Any:
        return xp.maximum(first, second)

    def level(self, columns: Sequence[Any]) -> Any:
        return both(self.first.level(columns), self.second.level(columns))

    def __repr__(self) -> str:
        return f"({self.first!r} & {self.second!r})"


class Difference(Combined):
    """Points of the first that are not of the second, nor on its boundary."""

    def _combine(self, first: Any, second: Any, xp: Any) -> Any:
        return xp.maximum(first, -second)

    def level(self, columns: Sequence[Any]) -> Any:
        return both(self.first.level(columns), -self.second.level(columns))

    def __repr__(self) -> str:
        return f"({self.first!r} - {self.second!r})"


class Remainder(Piece):
    """What a combination leaves of a piece of one of its parts.

    A point of the piece is kept where just one of its two sides is inside; the outward normal
    points to the other. Where the parts share a boundary, it belongs to the first.
    """

    def __init__(self, whole: Combined, part: Shape, piece: Piece) -> None:
        self.whole, self.part, self.piece = whole, part, piece
        self.holes = part is whole.second and isinstance(whole, Difference)

    @property
    def root(self) -> Piece:
        return self.piece.root

    def place(self, unit: Array) -> Placed:
        points, normals = self.piece.place(unit)
        kept = self._kept(points, normals)
        return Placed(points[kept], -normals[kept] if self.holes else normals[kept])

    def _kept(self, points: Array, normals: Array) -> Array:
        xp = namespace(points)
        step = 0.1 * float(xp.finfo(points.dtype).eps) ** 0.5 * self.whole.size
        if self.holes:
            normals = -normals
        inner = self.whole.contains(points - step * normals)
        outer = self.whole.contains(points + step * normals)
        kept = inner & ~outer
        if self.part is self.whole.second:
            kept = kept & ~(abs(self.whole.first.signed_distance(points)) < step)
        return kept

    @cached_property
    def measure(self) -> Measure:
        points, normals = self.piece.place(even_points(PROBES, self.whole.ndim))
        kept = to_numpy(self._kept(points, normals))
        before = self.piece.measure
        if kept.all():
            return before
        left = share_of(before.value, kept)
        return Measure(left.value, float(np.hypot(left.error, before.error * kept.mean())))

    def distance(self, columns: Sequence[Any], view: View = "inside") -> Any:
        """As before, unless the lost rest of the piece is in sight; then that is trimmed off.

        The rest of a union lies inside of it, that of the others outside.
        """
        if view == ("outside" if isinstance(self.whole, Union) else "inside"):
            opposite: View = "outside" if view == "inside" else "inside"
            return self.piece.distance(columns, opposite if self.holes else view)
        distance = self.piece.distance(columns, "both")
        if self.measure == self.piece.measure:
            return (distance * distance) ** 0.5
        other = self.whole.second if self.part is self.whole.first else self.whole.first
        kept_inside = self.holes or isinstance(self.whole, Intersection)
        level = other.level(columns)
        return trimmed(distance, level if kept_inside else -level)
