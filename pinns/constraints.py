"""Conditions that hold exactly: the solution is built so that it cannot break them.

u = g + phi N: phi vanishes where u is given, to the order to which it is given, and g takes the
given values there. Where several conditions meet, g is the transfinite interpolant of their
values by inverse distances (Sukumar & Srivastava 2022; Rvachev et al. 2001).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..geometry.errors import InputError
from ..geometry.shapes import Piece, Shape
from ..geometry.shapes.base import Columns, even_points
from .conditions import Condition, Dirichlet, Initial, Value
from .fields import Points

if TYPE_CHECKING:
    from .statement import Statement

CORNER = {torch.float32: 1e-12, torch.float64: 1e-60}
"""What keeps 0 / 0 from the weights of values where conditions meet."""

CONTRADICTION = 1e-6  # of the size of the values


class StatedField(nn.Module):
    """A network with the hard conditions of a statement, and the unknown parameters beside it.

    Maps points (n, coordinates) to values (n, unknowns). `parameters()` are those of the network
    and the unknown ones of the equation, which are a copy: a statement never changes.
    """

    def __init__(self, statement: Statement, network: nn.Module) -> None:
        super().__init__()
        self.statement, self.network = statement, network
        self.trainable = statement.trainable_copy()
        self.built = {
            unknown: Built(statement, hard)
            for unknown in statement.unknowns
            if (hard := [c for c in statement.conditions if c.hard and c.of == unknown])
        }

    def forward(self, points: Tensor) -> Tensor:
        """(n, coordinates) to (n, unknowns)."""
        values = self.network(points)
        if values.ndim == 1:
            values = values[:, None]
        unknowns = self.statement.unknowns
        if values.shape[-1] != len(unknowns):
            raise InputError(
                f"expected a network with {len(unknowns)} outputs, one for each of "
                f"{', '.join(unknowns)}, got {values.shape[-1]}"
            )
        if not self.built:
            return values
        columns = [
            self.built[name](points, values[:, i]) if name in self.built else values[:, i]
            for i, name in enumerate(unknowns)
        ]
        return torch.stack(columns, dim=1)

    def equation(self, u: Any, d: Any, x: Points) -> Any:
        """The residual of the statement with the parameters as they are now."""
        return self.statement.equation(u, d, x, self.trainable)


class Built:
    """u = g + phi N for one unknown, where `hard` are its hard conditions.

    Warns where two of them want different values at a point where they meet.
    """

    def __init__(self, statement: Statement, hard: Sequence[Condition]) -> None:
        self.statement = statement
        walls: dict[Any, list[str]] = {}
        self.parts: list[Wall | Start] = []
        for condition in hard:
            if isinstance(condition, Initial):
                self.parts.append(Start(statement, condition))
            elif isinstance(condition, Dirichlet):
                walls.setdefault(condition.value, []).extend(condition.pieces(statement))
            else:
                raise InputError(f"expected a condition that can be hard, got '{condition.name}'")
        self.parts += [Wall(statement, names, value) for value, names in walls.items()]
        for i, first in enumerate(self.parts):
            for second in self.parts[i + 1 :]:
                warn_of_contradiction(statement, first, second)

    def __call__(self, points: Tensor, network: Tensor) -> Tensor:
        """points (n, coordinates) and the network's values (n,) there, to u (n,)."""
        distances = [part.distance(points) for part in self.parts]
        phi = distances[0]
        for other in distances[1:]:
            phi = phi * other
        return self.given(points, distances) + phi * network

    def given(self, points: Tensor, distances: Sequence[Tensor]) -> Any:
        """g: each part's values, by how near it is beside the others."""
        x = self.statement.named(points)
        values = [part.values(x) for part in self.parts]
        if len(values) == 1:
            return values[0]
        top: Any = 0.0
        bottom: Any = 0.0
        for i, value in enumerate(values):
            weight: Any = 1.0
            for j, distance in enumerate(distances):
                if j != i:
                    weight = weight * (distance + CORNER.get(points.dtype, CORNER[torch.float64]))
            top, bottom = top + weight * value, bottom + weight
        return top / bottom


class Wall:
    """Pieces of the boundary where u is given."""

    def __init__(self, statement: Statement, names: Sequence[str], value: Value) -> None:
        check_differentiable(value)
        assert statement.domain is not None  # the condition is bound
        self.statement, self.names, self.value = statement, tuple(names), value
        self.pieces = [statement.domain.pieces[name] for name in names]
        # Distances of about 1 leave the network of the size of u.
        self.scale = 2.0 / min(high - low for low, high in statement.domain.bounds)

    @property
    def label(self) -> str:
        return ", ".join(f"'{name}'" for name in self.names)

    def distance(self, points: Tensor) -> Tensor:
        columns = Columns(points if self.statement.time is None else points[:, 1:])
        phi: Any = 1.0
        for piece in self.pieces:
            phi = phi * (self.scale * piece.distance(columns))
        return phi

    def values(self, x: Points) -> Any:
        return self.value(x) if callable(self.value) else float(self.value)


class Start:
    """The first time, where u is given, and perhaps its rate."""

    label = "the first time"

    def __init__(self, statement: Statement, condition: Initial) -> None:
        check_differentiable(condition.value)
        check_differentiable(condition.rate)
        assert statement.times is not None  # the condition is bound
        self.condition = condition
        self.start, self.span = statement.times[0], statement.times[1] - statement.times[0]

    def distance(self, points: Tensor) -> Tensor:
        elapsed = (points[:, 0] - self.start) / self.span
        return elapsed if self.condition.rate is None else elapsed * elapsed

    def values(self, x: Points) -> Any:
        value, rate = self.condition.value, self.condition.rate
        u = value(x) if callable(value) else float(value)
        if rate is None:
            return u
        return u + (x["t"] - self.start) * (rate(x) if callable(rate) else float(rate))


def check_differentiable(value: Value | None) -> None:
    """Raise InputError for samples that cannot be differentiated."""
    if not getattr(value, "differentiable", True):
        raise InputError(
            "expected a field with derivatives for hard=True, got samples without; give a "
            "callable or state the condition softly"
        )


def warn_of_contradiction(statement: Statement, first: Wall | Start, second: Wall | Start) -> None:
    """Warn where the two meet and want different values, by more than rounding."""

    def wanted(points: Tensor) -> list[Tensor]:
        each = (part.values(statement.named(points)) for part in (first, second))
        return [torch.as_tensor(w, dtype=points.dtype).expand(len(points)) for w in each]

    cube = torch.from_numpy(even_points(64, len(statement.coordinates)))
    size = max(float(values.abs().max()) for values in wanted(statement.interior(cube)))
    for points in meeting_points(statement, first, second):
        one, two = wanted(points)
        x, gap = statement.named(points), (one - two).abs()
        if float(gap.max()) > CONTRADICTION * size:
            i = int(gap.argmax())
            where = ", ".join(f"{name} = {float(v[i]):.3g}" for name, v in x.items())
            warnings.warn(
                f"hard values {float(one[i]):.3g} of {first.label} and {float(two[i]):.3g} of "
                f"{second.label} meet at {where}: the solution jumps there",
                stacklevel=2,
            )
            return


def meeting_points(
    statement: Statement, first: Wall | Start, second: Wall | Start
) -> Iterator[Tensor]:
    """Points (n, coordinates) where two parts meet: of the boundary at the first time, or where
    two pieces do, which are searched by Newton's method from points nearby."""
    domain, count = statement.domain, 64
    walls = [part for part in (first, second) if isinstance(part, Wall)]
    assert domain is not None  # there is a wall
    space = torch.from_numpy(even_points(count, domain.ndim))
    if len(walls) == 1:
        found = domain.on_boundary(walls[0].names, space).points
        yield _at_times(statement, found, 0.0)
        return
    for a in walls[0].pieces:
        for b in walls[1].pieces:
            found = _crossings(a, b, a.place(space).points, domain)
            if len(found):
                yield torch.cat([_at_times(statement, found, share) for share in (0.0, 0.5, 1.0)])


def _at_times(statement: Statement, space: Tensor, share: float) -> Tensor:
    """Points of space at a share of the time, or as they are."""
    if statement.times is None:
        return space
    start, end = statement.times
    time = torch.full_like(space[:, :1], start + share * (end - start))
    return torch.cat([time, space], dim=1)


def _slope(values: Tensor, columns: list[Tensor]) -> Tensor:
    """The gradient (n, coordinates) of values (n,)."""
    slopes = torch.autograd.grad(
        values.sum(), columns, retain_graph=True, materialize_grads=True, allow_unused=True
    )
    return torch.stack(slopes, dim=1).nan_to_num()


def _crossings(a: Piece, b: Piece, points: Tensor, domain: Shape) -> Tensor:
    """Points of the boundary where two pieces meet."""
    nearest = b.distance(list(points.unbind(dim=1))).abs().argsort()[:4]
    x = points[nearest]
    for _ in range(20):
        columns = [column.clone().requires_grad_() for column in x.unbind(dim=1)]
        values = torch.stack([piece.root.distance(columns) for piece in (a, b)], dim=1)
        slopes = torch.stack([_slope(v, columns) for v in values.unbind(dim=1)], dim=1)
        x = x - (torch.linalg.pinv(slopes, rtol=1e-8) @ values.detach()[:, :, None])[:, :, 0]
    columns = list(x.unbind(dim=1))
    there = domain.signed_distance(x).abs() < 1e-6 * domain.size
    for piece in (a, b):
        there &= piece.distance(columns).abs() < 1e-6 * domain.size
    return x[there]
