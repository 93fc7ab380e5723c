"""Conditions on pieces of the boundary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...geometry.errors import InputError
from ..fields import Points
from .base import Condition, Value, check_value, values_at

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ..statement import Statement


@dataclass(frozen=True, eq=False)
class OnBoundary(Condition):
    """A condition on pieces of the boundary.

    where: a name, several, or "all" (see `Shape.select`).
    """

    where: str | Sequence[str]

    @property
    def label(self) -> str:
        if isinstance(self.where, str):
            return "boundary" if self.where == "all" else self.where
        return "+".join(self.where)

    def bound(self, statement: Statement) -> Condition:
        if statement.domain is None:
            raise InputError(
                f"expected a domain with a boundary for the condition '{self.label}', got an "
                "equation in time alone"
            )
        self.pieces(statement)
        return super().bound(statement)

    def pieces(self, statement: Statement) -> tuple[str, ...]:
        """Names of the pieces; "all" are those that are ends of the domain.

        Raises InputError for pieces that are none (see `Shape.select`), or no ends.
        """
        assert statement.domain is not None  # `bound` looked
        names = statement.domain.select(self.where)
        if self.where == "all" and set(names) - statement.joined:
            return tuple(name for name in names if name not in statement.joined)
        for name in names:
            if name in statement.joined:
                raise InputError(
                    f"expected a piece with an end, got '{name}', where the solution goes on "
                    "periodically; drop the condition"
                )
        return names

    def place(self, statement: Statement, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Points (m, coordinates) on the pieces and outward normals (m, space)."""
        domain, names = statement.domain, self.pieces(statement)
        assert domain is not None  # `bound` looked
        if domain.ndim == 1 and statement.time is None:
            unit = unit[: len(names)]  # pieces that are one point each
        space, normals = domain.on_boundary(names, unit[:, statement.space])
        if not len(space):
            raise InputError(f"expected points on '{self.label}', got an empty set; draw more")
        if statement.time is None:
            return space, normals
        times = statement.times_from_unit(unit[: len(space), statement.time])
        return torch.cat([times[:, None], space], dim=1), normals


@dataclass(frozen=True, eq=False)
class Dirichlet(OnBoundary):
    """u = value on pieces of the boundary: `Dirichlet("left", 0.0)`."""

    value: Value = 0.0

    def __post_init__(self) -> None:
        check_value(self.value, f"a value on '{self.label}'")

    def rows(self, statement: Statement, unit: Tensor) -> Tensor:
        points, _ = self.place(statement, unit)
        x = statement.named(points)
        values = values_at(self.value, x, f"the values on '{self.label}'")
        return torch.cat([points, values[:, None]], dim=1)

    def misfit(self, u: Any, d: Calculus, x: Points, rows: Tensor) -> Any:
        return self.of_all(u) - rows[:, -1]


@dataclass(frozen=True, eq=False)
class Robin(OnBoundary):
    """a u + b du/dn = value on pieces of the boundary, n the outward normal."""

    a: Value
    b: Value
    value: Value = 0.0

    def __post_init__(self) -> None:
        for value in (self.a, self.b, self.value):
            check_value(value, f"a, b and a value on '{self.label}'")

    def bound(self, statement: Statement) -> Condition:
        if self.hard:
            raise InputError(
                f"expected a Dirichlet, Initial or Periodic condition with hard=True, got "
                f"{type(self).__name__} on '{self.label}'; state it softly"
            )
        return super().bound(statement)

    def rows(self, statement: Statement, unit: Tensor) -> Tensor:
        """Columns: coordinates, normal, a, b, value."""
        points, normals = self.place(statement, unit)
        x, where = statement.named(points), f"on '{self.label}'"
        given = {"a": self.a, "b": self.b, "the values": self.value}
        columns = [values_at(v, x, f"{what} {where}") for what, v in given.items()]
        return torch.cat([points, normals, torch.stack(columns, dim=1)], dim=1)

    def misfit(self, u: Any, d: Calculus, x: Points, rows: Tensor) -> Any:
        u = self.of_all(u)
        space = [name for name in x if name != "t"]
        slope: Any = 0.0
        for i, name in enumerate(space):
            slope = slope + rows[:, len(x) + i] * d(u, name)
        a, b, value = rows[:, -3], rows[:, -2], rows[:, -1]
        return a * u + b * slope - value


def Neumann(where: str | Sequence[str], value: Value = 0.0, **options: Any) -> Robin:
    """du/dn = value on pieces of the boundary, n the outward normal."""
    return Robin(where, 0.0, 1.0, value, **options)
