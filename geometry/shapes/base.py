"""What every shape offers: a domain with an inside, a boundary in named pieces, and distances.

Points are arrays (n, d), NumPy or torch. Points are placed from the unit cube, so that any
sequence of it (uniform, Sobol) becomes one of the shape and keeps its order. Smooth distances
are written in + - * / ** of the columns alone, so that every kind of number can go through.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from ..arrays import Array, as_floating, constant, namespace
from ..errors import InputError

ALL = "all"
ONLY = "boundary"
PROBES = 2**14

View = Literal["inside", "outside", "both"]


class Measure(NamedTuple):
    """A length, area or volume and the standard error of its estimate, 0 where it is exact."""

    value: float
    error: float = 0.0


class Placed(NamedTuple):
    """Points of a boundary piece with outward unit normals, both (n, d)."""

    points: Array
    normals: Array


class Columns(Sequence[Any]):
    """The columns of points (n, d), made when they are asked for.

    Where there are thousands, `points` are they as a whole.
    """

    def __init__(self, points: Any) -> None:
        self.points = points

    def __getitem__(self, i: Any) -> Any:
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self.points[:, i]

    def __len__(self) -> int:
        return int(self.points.shape[1])


class Piece(ABC):
    """A part of a boundary, of dimension d - 1."""

    @property
    def root(self) -> Piece:
        """The piece of a convex shape that it was cut from, or itself."""
        return self

    @property
    @abstractmethod
    def measure(self) -> Measure:
        """Length or area; the number of points in one dimension."""

    @abstractmethod
    def place(self, unit: Array) -> Placed:
        """Points of the unit cube (n, d) to the piece, evenly; fewer may come back."""

    @abstractmethod
    def distance(self, columns: Sequence[Any], view: View = "inside") -> Any:
        """A smooth function that is 0 on the piece, and nowhere else where it is looked from, and
        grows by 1 away from it: a distance to first order.

        view: from inside the shape it is positive; from outside too; from both sides it may
        change its sign on the piece.
        """


class Shape(ABC):
    """A bounded open set of points with d coordinates."""

    bounds: tuple[tuple[float, float], ...]
    """(low, high) of each coordinate."""
    fills: bool = False
    """Whether `interior` uses every point of the unit cube."""

    @property
    @abstractmethod
    def pieces(self) -> Mapping[str, Piece]:
        """The boundary by name."""

    @property
    @abstractmethod
    def volume(self) -> Measure:
        """Length, area or volume."""

    @abstractmethod
    def signed_distance(self, points: Array) -> Array:
        """(n, d) to (n,): negative inside. Exact for simple shapes; for combinations never larger
        than the distance, and exact in sign."""

    @abstractmethod
    def level(self, columns: Sequence[Any]) -> Any:
        """A smooth function of the columns: positive inside, 0 on the boundary, negative outside.
        Raises InputError for shapes that have none."""

    def interior(self, unit: Array) -> Array:
        """Points of the unit cube (n, d) to points inside, evenly, in their order.

        Where the shape does not fill its box, those that fall outside are left out.
        """
        points = in_box(self.bounds, unit)
        return points[self.contains(points)]

    # --- what follows from these ------------------------------------------------------------

    @property
    def ndim(self) -> int:
        """Coordinates of a point."""
        return len(self.bounds)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pieces of the boundary."""
        return tuple(self.pieces)

    @property
    def size(self) -> float:
        """Length of the box's diagonal."""
        return math.dist(*zip(*self.bounds, strict=True))

    def contains(self, points: Array) -> Array:
        """(n, d) to bool (n,): whether inside; points on the boundary are not."""
        return self.signed_distance(self.checked(points)) < 0

    def faces(self, axis: int) -> tuple[str, str] | None:
        """The pieces at the two ends of an axis that are translates of each other, if any."""
        return None

    def removed(self) -> frozenset[str]:
        """Pieces of the parts of which a combination has left nothing."""
        return frozenset()

    def select(self, where: str | Sequence[str]) -> tuple[str, ...]:
        """The names of pieces that are meant.

        where: names of pieces; "all" for every piece; "boundary" only where there is one piece.
        Raises InputError, with the list of pieces, for other names and for pieces of which a
        combination of shapes has left nothing.
        """
        wanted = (where,) if isinstance(where, str) else tuple(where)
        if wanted == (ALL,):
            return self.names
        if wanted == (ONLY,) and len(self.names) == 1:
            return self.names
        for name in wanted:
            if name in self.removed():
                raise InputError(
                    f"expected a piece of the boundary, got '{name}', of which the combination of "
                    f"shapes has left nothing; its pieces are {', '.join(self.names)}"
                )
            if name not in self.pieces:
                raise InputError(
                    f"expected a piece of the boundary, got '{name}'; its pieces are "
                    f"{', '.join(self.names)}, and 'all' means every one"
                )
        if not wanted or len(set(wanted)) < len(wanted):
            raise InputError(f"expected different pieces of the boundary, got {wanted}")
        return wanted

    def measure(self, where: str | Sequence[str] = ALL) -> Measure:
        """Length or area of some pieces."""
        parts = [self.pieces[name].measure for name in self.select(where)]
        return Measure(sum(p.value for p in parts), math.hypot(*(p.error for p in parts)))

    def on_boundary(self, where: str | Sequence[str], unit: Array) -> Placed:
        """Points of the unit cube (n, d) to points and normals on some pieces, evenly.

        Each piece gets a share of the points by its measure, but at least one: runs of the
        sequence, so that each stays even. Fewer may come back.
        """
        return placed_on([self.pieces[name] for name in self.select(where)], unit)

    def distance(self, points: Array, where: str | Sequence[str] = ALL) -> Array:
        """Smooth distance (n,) to some pieces: 0 there, positive inside, slope 1 along the normal.

        The distances of several pieces are joined to 1 / sum(1 / phi_i), which keeps the slope
        (Sukumar & Srivastava 2022, R-equivalence of order 1). torch differentiates it.
        """
        columns = Columns(points)
        return joined([self.pieces[name].distance(columns) for name in self.select(where)])

    def renamed(self, names: Mapping[str, str]) -> Shape:
        """The same shape with other names of some pieces: {old: new}.

        Raises InputError for names that it does not have and names that are taken.
        """
        self.select(tuple(names))
        new = [names.get(name, name) for name in self.names]
        return self.with_pieces(dict(zip(new, self.pieces.values(), strict=True)), new)

    def cut(self, name: str, piece: str, where: Callable[..., Any]) -> Shape:
        """The same shape with the piece `name` cut out of `piece`, which keeps the rest.

        where: the coordinates, one argument each, to bools, or to numbers that are positive on
        the new piece; numbers of slope about 1, such as y - 0.5, serve conditions that hold
        exactly too. Raises InputError for names as `renamed` and where it cuts off nothing.
        """
        from .cut import cut

        return cut(self, name, piece, where)

    def __or__(self, other: Shape) -> Shape:
        from .combined import Union

        return Union(self, other)

    def __and__(self, other: Shape) -> Shape:
        from .combined import Intersection

        return Intersection(self, other)

    def __sub__(self, other: Shape) -> Shape:
        from .combined import Difference

        return Difference(self, other)

    def with_pieces(self, pieces: Mapping[str, Piece], names: Sequence[str]) -> Shape:
        """A copy with another division of the boundary, of which `names` are all."""
        reserved = {ALL} | ({ONLY} if len(names) > 1 else set())
        if len(set(names)) < len(names) or set(names) & reserved or not all(names):
            raise InputError(
                f"expected different names of pieces, none of them {sorted(reserved)}, got "
                f"{', '.join(names)}; name them otherwise"
            )
        other = copy.copy(self)
        other.__dict__["pieces"] = dict(pieces)
        return other

    def checked(self, points: Array) -> Array:
        """Floating points (n, d), else InputError."""
        points = as_floating(points)
        if points.ndim != 2 or points.shape[1] != self.ndim:
            raise InputError(f"expected points of shape (n, {self.ndim}), got {points.shape}")
        return points

    @cached_property
    def _estimated_volume(self) -> Measure:
        box = math.prod(high - low for low, high in self.bounds)
        inside = self.contains(in_box(self.bounds, even_points(PROBES, self.ndim)))
        return share_of(box, inside)


def placed_on(pieces: Sequence[Piece], unit: Array) -> Placed:
    """Points of the unit cube (n, d) to points on several pieces, a run of them to each."""
    parts, start = [], 0
    for piece, count in zip(
        pieces, shares(len(unit), [p.measure.value for p in pieces]), strict=True
    ):
        parts.append(piece.place(unit[start : start + count]))
        start += count
    xp = namespace(unit)
    return Placed(*(xp.concat(each) for each in zip(*parts, strict=True)))


def joined(distances: Sequence[Any]) -> Any:
    """1 / sum(1 / phi_i): zero where one is, with its slope."""
    first, *rest = distances
    for other in rest:
        first = first * other / (first + other + tiny(first))
    return first


def shares(count: int, measures: Sequence[float]) -> list[int]:
    """How many of `count` points go to each part: by its measure, each at least one."""
    if count < len(measures):
        raise InputError(f"expected a point for each of {len(measures)} pieces, got {count}")
    if len(measures) == 1:  # which may be nothing, to rounding, in very many dimensions
        return [count]
    spare, total = count - len(measures), sum(measures)
    ends = np.floor(np.cumsum([0.0, *measures]) / total * spare + 1e-9).astype(int)
    ends[-1] = spare
    return [int(n) + 1 for n in np.diff(ends)]


def share_of(whole: float, kept: np.ndarray) -> Measure:
    """The measure of a part by the share of even points that it keeps, and its standard error."""
    share = float(np.mean(kept))
    return Measure(whole * share, whole * math.sqrt(share * (1 - share) / len(kept)))


def even_points(count: int, dimension: int) -> np.ndarray:
    """Points of the unit cube (count, dimension) that fill it evenly: multiples of the powers of
    1 / g modulo 1, where g solves g^(dimension + 1) = g + 1 (the golden ratio in one dimension)."""
    ratio = 2.0
    for _ in range(64):
        ratio = (1.0 + ratio) ** (1.0 / (dimension + 1))
    steps = ratio ** -np.arange(1.0, dimension + 1)
    return (0.5 + np.arange(1, count + 1)[:, None] * steps) % 1.0


def in_box(bounds: Sequence[tuple[float, float]], unit: Array) -> Array:
    """Points of the unit cube to points of the box, never on its faces."""
    xp = namespace(unit)
    eps = float(xp.finfo(unit.dtype).eps)
    low, span, least, most = constant(_ends, tuple(bounds), eps, like=unit)
    return xp.minimum(xp.maximum(low + unit * span, least), most)


def _ends(bounds: Sequence[tuple[float, float]], eps: float) -> np.ndarray:
    """Lower ends, lengths, and the least and largest numbers off the faces, (4, d)."""
    low, high = np.array(bounds).T
    gap = 4 * eps * np.maximum(np.maximum(abs(low), abs(high)), high - low)
    return np.stack([low, high - low, low + gap, high - gap])


def inner_unit(unit: Array) -> Array:
    """The same points, none of them on a face of the cube."""
    xp = namespace(unit)
    eps = float(xp.finfo(unit.dtype).eps)
    return xp.clip(unit, eps, 1 - eps)


def tiny(like: Any) -> float:
    """What keeps distances that meet from giving 0 / 0, without changing them elsewhere."""
    return 1e-30 if "float32" in str(getattr(like, "dtype", "")) else 1e-200
