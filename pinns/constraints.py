"""Conditions that hold exactly: the solution is built so that it cannot break them.

u = g + phi N: phi vanishes where u is given, to the order to which it is given, and g takes the
given values there. Where several conditions meet, g is the transfinite interpolant of their
values by inverse distances (Sukumar & Srivastava 2022; Rvachev et al. 2001).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..geometry.errors import InputError
from .conditions import Condition, Dirichlet, Initial, Value

if TYPE_CHECKING:
    from .statement import Statement

Columns = Callable[[Tensor], Tensor]


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

    def equation(self, u: Any, d: Any, x: Any) -> Any:
        """The residual of the statement with the parameters as they are now."""
        return self.statement.equation(u, d, x, self.trainable)


class Built:
    """u = g + phi N for one unknown, where `hard` are its hard conditions."""

    def __init__(self, statement: Statement, hard: Sequence[Condition]) -> None:
        self.statement = statement
        self.parts = [part for condition in hard for part in _parts(statement, condition)]

    def __call__(self, points: Tensor, network: Tensor) -> Tensor:
        """points (n, coordinates) and the network's values (n,) there, to u (n,)."""
        x = self.statement.named(points)
        distances = [part.distance(points) for part in self.parts]
        phi = distances[0]
        for other in distances[1:]:
            phi = phi * other
        return self.given(points, x, distances) + phi * network

    def given(self, points: Tensor, x: Any, distances: Sequence[Tensor]) -> Any:
        """g: each part's values, by how near it is beside the others."""
        values = [part.values(points, x) for part in self.parts]
        if len(values) == 1 or all(isinstance(v, float) and v == values[0] for v in values):
            return values[0]
        top: Any = 0.0
        bottom: Any = 0.0
        for i, value in enumerate(values):
            weight: Any = 1.0
            for j, distance in enumerate(distances):
                if j != i:
                    weight = weight * (distance + 1e-60)
            top, bottom = top + weight * value, bottom + weight
        return top / bottom


class Wall:
    """Pieces of the boundary where u is given."""

    def __init__(self, statement: Statement, names: Sequence[str], value: Value) -> None:
        self.statement, self.value = statement, value
        assert statement.domain is not None
        self.pieces = [statement.domain.pieces[name] for name in names]
        # Distances of about 1 leave the network of the size of u.
        self.scale = 4.0 / min(high - low for low, high in statement.domain.bounds)

    def distance(self, points: Tensor) -> Tensor:
        columns = [points[:, i] for i in self.statement.space]
        phi: Any = 1.0
        for piece in self.pieces:
            phi = phi * (self.scale * piece.distance(columns))
        return phi

    def values(self, points: Tensor, x: Any) -> Any:
        return self.value(x) if callable(self.value) else float(self.value)


class Start:
    """The first time, where u is given, and perhaps its rate."""

    def __init__(self, statement: Statement, condition: Initial) -> None:
        assert statement.times is not None
        self.statement, self.condition = statement, condition
        self.start, self.span = statement.times[0], statement.times[1] - statement.times[0]

    def distance(self, points: Tensor) -> Tensor:
        elapsed = (points[:, 0] - self.start) / self.span
        return elapsed if self.condition.rate is None else elapsed * elapsed

    def values(self, points: Tensor, x: Any) -> Any:
        value, rate = self.condition.value, self.condition.rate
        u = value(x) if callable(value) else float(value)
        if rate is None:
            return u
        return u + (points[:, 0] - self.start) * (rate(x) if callable(rate) else float(rate))


def _parts(statement: Statement, condition: Condition) -> list[Wall | Start]:
    if isinstance(condition, Initial):
        for value in (condition.value, condition.rate):
            if not getattr(value, "differentiable", True):
                raise InputError(
                    "expected an initial field with derivatives for hard=True, got samples on an "
                    "open axis; give a callable or state it softly"
                )
        return [Start(statement, condition)]
    if isinstance(condition, Dirichlet) and statement.domain is not None:
        return [Wall(statement, statement.domain.select(condition.where), condition.value)]
    raise InputError(f"expected a condition that can be hard, got '{condition.name}'")
