"""Disks and balls of any dimension."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import Array, constant, namespace
from ..errors import InputError
from .base import Columns, Measure, Piece, Placed, Shape, View, inner_unit


class Ball(Shape):
    """All points nearer to `centre` than `radius`: `Ball((0, 0, 0), 1.0)`, in d >= 2 dimensions.

    name: of its boundary, a single piece. Raises InputError unless the radius is positive.

    >>> ball = Ball((0.0, 0.0, 0.0), 2.0)
    >>> round(ball.volume.value / (32 * math.pi / 3), 12), ball.names
    (1.0, ('boundary',))
    """

    fills = True

    def __init__(self, centre: Sequence[float], radius: float, name: str = "boundary") -> None:
        self.centre, self.radius = tuple(float(c) for c in centre), float(radius)
        if len(self.centre) < 2:
            raise InputError(
                f"expected a centre in two dimensions or more, got {centre}; an Interval has two "
                "ends of its own"
            )
        if not (0 < self.radius < math.inf and all(map(math.isfinite, self.centre))):
            raise InputError(f"expected a finite centre and radius > 0, got {centre} and {radius}")
        self.bounds = tuple((c - self.radius, c + self.radius) for c in self.centre)
        self.name = name

    @cached_property
    def pieces(self) -> dict[str, Piece]:
        return {self.name: Sphere(self)}

    @property
    def volume(self) -> Measure:
        return Measure(unit_ball(self.ndim) * self.radius**self.ndim)

    def interior(self, unit: Array) -> Array:
        """By polar coordinates in two dimensions; in more, radius and direction of normal numbers,
        whose squared length has a known distribution: no point is left out in any dimension."""
        unit, d = inner_unit(unit), self.ndim
        if d == 2:
            xp = namespace(unit)
            radius, directions = xp.sqrt(unit[:, 0]), circle(unit[:, 1])
        else:
            directions, squares = gaussian_directions(unit)
            radius = _special(unit).gammainc(0 * squares + d / 2, squares / 2) ** (1 / d)
        # Not on the sphere, where rounding would put it as well.
        eps = float(namespace(unit).finfo(unit.dtype).eps)
        margin = 8 * eps * (1 + max(map(abs, self.centre)) / self.radius)
        radius = namespace(unit).clip(radius, None, 1 - margin)
        return self.at(directions, self.radius * radius)

    def at(self, directions: Array, radius: Any) -> Array:
        """Points in directions (n, d) from the centre."""
        if not isinstance(radius, float):
            radius = radius[:, None]
        return constant(np.array, self.centre, like=directions) + radius * directions

    def signed_distance(self, points: Array) -> Array:
        return self._square(Columns(points)) ** 0.5 - self.radius

    def level(self, columns: Sequence[Any]) -> Any:
        return (self.radius**2 - self._square(columns)) / (2 * self.radius)

    def _square(self, columns: Sequence[Any]) -> Any:
        if isinstance(columns, Columns):
            points = columns.points
            if any(self.centre):  # tensors, and what stands for them, make constants themselves
                like = hasattr(points, "new_tensor")
                points = points - (
                    points.new_tensor(self.centre)
                    if like
                    else np.array(self.centre, dtype=points.dtype)
                )
            return (points * points).sum(-1)
        total: Any = 0.0
        for column, c in zip(columns, self.centre, strict=True):
            total = total + (column - c) * (column - c)
        return total

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.centre}, {self.radius})"


class Disk(Ball):
    """A ball in the plane: `Disk((0, 0), 1.0, "rim")`.

    >>> round(Disk((0.0, 0.0), 1.0, "rim").measure("rim").value / math.pi, 12)
    2.0
    """

    def __init__(self, centre: Sequence[float], radius: float, name: str = "boundary") -> None:
        if len(centre) != 2:
            raise InputError(f"expected a centre in the plane, got {centre}; take a Ball")
        super().__init__(centre, radius, name)


class Sphere(Piece):
    """The boundary of a ball."""

    def __init__(self, ball: Ball) -> None:
        self.ball = ball

    @property
    def measure(self) -> Measure:
        d = self.ball.ndim
        return Measure(d * unit_ball(d) * self.ball.radius ** (d - 1))

    def place(self, unit: Array) -> Placed:
        """By the angle, by height and angle (Archimedes), or by normal numbers."""
        unit, d = inner_unit(unit), self.ball.ndim
        if d == 2:
            directions = circle(unit[:, 0])
        elif d == 3:
            xp = namespace(unit)
            height = 2 * unit[:, 0] - 1
            around = circle(unit[:, 1]) * xp.sqrt(1 - height * height)[:, None]
            directions = xp.concat([around, height[:, None]], axis=1)
        else:
            directions, _ = gaussian_directions(unit)
        return Placed(self.ball.at(directions, self.ball.radius), directions)

    def distance(self, columns: Sequence[Any], view: View = "inside") -> Any:
        level = self.ball.level(columns)
        return -level if view == "outside" else level


def unit_ball(dimension: int) -> float:
    """Volume of the unit ball."""
    return math.exp(dimension / 2 * math.log(math.pi) - math.lgamma(dimension / 2 + 1))


def circle(turns: Array) -> Array:
    """Turns (n,) to points of the unit circle (n, 2)."""
    xp = namespace(turns)
    angle = 2 * math.pi * turns
    return xp.stack([xp.cos(angle), xp.sin(angle)], axis=1)


def gaussian_directions(unit: Array) -> tuple[Array, Array]:
    """Points of the unit cube (n, d) to unit vectors (n, d) and squared lengths (n,).

    Each number becomes a normal one; the vector of them has every direction with equal chance.
    """
    xp = namespace(unit)
    normal = _special(unit).ndtri(unit)
    squares = xp.sum(normal * normal, axis=1)
    return normal / xp.sqrt(squares)[:, None], squares


def _special(like: Array) -> Any:
    """ndtri and gammainc for the array's library."""
    if "torch" in type(like).__module__:
        return sys.modules["torch"].special
    from scipy import special

    return special
