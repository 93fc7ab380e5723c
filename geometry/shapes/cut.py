"""Pieces of the boundary that the user cuts out of others and names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import InputError
from .base import Measure, Piece, Placed, Shape, View, even_points, share_of
from .smooth import trimmed

PROBES = 2**13
Where = Callable[..., Any]
"""Coordinates, one argument each, to bools, or to numbers that are positive on the new piece."""


class Cut(Piece):
    """The part of a piece where `where` is positive, or the rest of it."""

    def __init__(self, piece: Piece, where: Where, ndim: int, rest: bool) -> None:
        self.piece, self.where, self.ndim, self.rest = piece, where, ndim, rest

    def _kept(self, points: Array) -> Array:
        found = self.where(*(points[:, i] for i in range(self.ndim)))
        positive = found if "bool" in str(found.dtype) else found > 0
        return ~positive if self.rest else positive

    @property
    def root(self) -> Piece:
        return self.piece.root

    def place(self, unit: Array) -> Placed:
        points, normals = self.piece.place(unit)
        kept = self._kept(points)
        return Placed(points[kept], normals[kept])

    @cached_property
    def measure(self) -> Measure:
        points, _ = self.piece.place(even_points(PROBES, self.ndim))
        kept, before = to_numpy(self._kept(points)), self.piece.measure
        left = share_of(before.value, kept)
        return Measure(left.value, float(np.hypot(left.error, before.error * kept.mean())))

    def distance(self, columns: Sequence[Any], view: View = "inside") -> Any:
        level = self.where(*columns)
        if "bool" in str(getattr(level, "dtype", type(level))):
            raise InputError(
                "expected numbers that are positive on a piece that is cut out, for conditions "
                "that hold exactly, got bools; write y - 0.5 for y > 0.5, or state them softly"
            )
        return trimmed(self.piece.distance(columns, view), -level if self.rest else level)


def cut(shape: Shape, name: str, piece: str, where: Where) -> Shape:
    """See `Shape.cut`."""
    (piece,) = shape.select(piece)
    pieces: dict[str, Piece] = {}
    for other, old in shape.pieces.items():
        if other != piece:
            pieces[other] = old
            continue
        new = {name: Cut(old, where, shape.ndim, False), piece: Cut(old, where, shape.ndim, True)}
        for key, part in new.items():
            if not 0 < part.measure.value < old.measure.value:
                raise InputError(
                    f"expected '{name}' to be a part of '{piece}', got "
                    f"{'all' if (key == name) == bool(part.measure.value) else 'nothing'} of it; "
                    "check where it is positive"
                )
        pieces |= new
    return shape.with_pieces(pieces, [*shape.names, name])
