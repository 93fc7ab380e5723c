"""What holds beside the equation: on the boundary, at the first time, at measured points.

A condition gives `rows`, points with whatever belongs to them as further columns, and `misfit`,
which a solution makes zero there. The engine differentiates a misfit as it does a residual. A
condition that is `hard` is built into the solution instead (`constraints`).

To add one, subclass `Condition` and write the two.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from ..geometry.errors import InputError
from .fields import Field, Points, checked

if TYPE_CHECKING:
    from ..geometry.calculus.base import Calculus
    from .statement import Statement

Value = float | Field
"""A number, or a function of the coordinates by name, each (n,), that gives (n,)."""

Kind = Literal["boundary", "initial", "data"]


def values_at(value: Value, x: Points, what: str) -> Tensor:
    """A value at points, (n,). Raises InputError where it is not finite or of another shape."""
    like = next(iter(x.values()))
    if not callable(value):
        return torch.full_like(like, float(value))
    return checked(value, x, what).detach().to(like.dtype)


def check_value(value: Any, what: str) -> None:
    """Raise InputError unless it is a finite number or callable."""
    if not callable(value) and not (
        isinstance(value, int | float | np.number) and math.isfinite(value)
    ):
        raise InputError(f"expected {what}: a finite number or a function, got {value!r}")


@dataclass(frozen=True, eq=False)
class Condition(ABC):
    """One condition on one unknown.

    of: name of the unknown, which may be left out where there is one. hard: built into the
    solution, so that it holds to rounding and is no term of the loss. name: of its term.
    index: column of the unknown, which the statement fills in.
    """

    of: str | None = field(default=None, kw_only=True)
    hard: bool = field(default=False, kw_only=True)
    name: str = field(default="", kw_only=True)
    index: int = field(default=0, kw_only=True, repr=False)

    kind: ClassVar[Kind] = "boundary"

    @property
    @abstractmethod
    def label(self) -> str:
        """Its name, unless the user gives another."""

    @abstractmethod
    def rows(self, statement: Statement, unit: Tensor) -> Tensor:
        """Points of the unit cube (n, coordinates) to rows (m, >= coordinates).

        The first columns are the coordinates. Raises InputError where a given value is not finite.
        """

    @abstractmethod
    def misfit(self, u: Any, d: Calculus, x: Points, rows: Tensor) -> Any:
        """What vanishes on the rows, (m,) or a tuple of such; u as in a residual."""

    def bound(self, statement: Statement) -> Condition:
        """The same condition with its unknown looked up and its name filled in.

        Raises InputError for another unknown and where it cannot hold in the statement.
        """
        many = len(statement.unknowns) > 1
        if self.of is None and many:
            raise InputError(
                f"expected the unknown of the condition '{self.label}', one of "
                f"{', '.join(statement.unknowns)}; give it as of=..."
            )
        if self.of is not None and self.of not in statement.unknowns:
            raise InputError(
                f"expected an unknown of {', '.join(statement.unknowns)}, got '{self.of}' in the "
                f"condition '{self.label}'"
            )
        of = self.of or statement.unknowns[0]
        name = self.name or (f"{self.label} {of}" if many else self.label)
        index = statement.unknowns.index(of)
        return dataclasses.replace(self, of=of, name=name, index=index)

    def of_all(self, u: Any) -> Any:
        """Its unknown among all."""
        return u[self.index] if isinstance(u, tuple) else u


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
        for name in statement.domain.select(self.where):
            if name in statement.joined:
                raise InputError(
                    f"expected a piece with an end, got '{name}', where the solution goes on "
                    "periodically; drop the condition"
                )
        return super().bound(statement)

    def place(self, statement: Statement, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Points (m, coordinates) on the pieces and outward normals (m, space)."""
        domain = statement.domain
        assert domain is not None  # `bound` looked
        space, normals = domain.on_boundary(self.where, unit[:, statement.space])
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


@dataclass(frozen=True, eq=False)
class Initial(Condition):
    """u = value at the first time, and du/dt = rate where a rate is given.

    The value is a function of all coordinates, as every field is.
    """

    value: Value
    rate: Value | None = None

    kind: ClassVar[Kind] = "initial"

    def __post_init__(self) -> None:
        check_value(self.value, "an initial value")
        if self.rate is not None:
            check_value(self.rate, "an initial rate")

    @property
    def label(self) -> str:
        return "initial"

    def bound(self, statement: Statement) -> Condition:
        if statement.time is None:
            raise InputError("expected a steady equation without initial values, got an Initial")
        return super().bound(statement)

    def rows(self, statement: Statement, unit: Tensor) -> Tensor:
        """Columns: coordinates, value, rate where there is one."""
        assert statement.times is not None  # `bound` looked
        points = statement.interior(unit)
        points[:, 0] = statement.times[0]
        x = statement.named(points)
        columns = [values_at(self.value, x, "the initial field")]
        if self.rate is not None:
            columns.append(values_at(self.rate, x, "the initial rate"))
        return torch.cat([points, torch.stack(columns, dim=1)], dim=1)

    def misfit(self, u: Any, d: Calculus, x: Points, rows: Tensor) -> Any:
        u = self.of_all(u)
        if self.rate is None:
            return u - rows[:, -1]
        return u - rows[:, -2], d(u, "t") - rows[:, -1]


@dataclass(frozen=True, eq=False)
class Periodic(Condition):
    """All unknowns go on from one end of a space coordinate to the other.

    hard: by an embedding of the coordinate in sines and cosines, which every network of ours
    has; else values and the first `derivatives` derivatives at the two ends are compared.
    """

    coordinate: str
    derivatives: int = 1

    @property
    def label(self) -> str:
        return f"periodic {self.coordinate}"

    def bound(self, statement: Statement) -> Condition:
        space = [name for name in statement.coordinates if name != "t"]
        if self.coordinate not in space or statement.domain is None:
            raise InputError(
                f"expected a space coordinate of {space} as periodic, got '{self.coordinate}'"
            )
        if statement.domain.faces(space.index(self.coordinate)) is None:
            raise InputError(
                f"expected a domain with two opposite faces along '{self.coordinate}', got "
                f"{statement.domain!r}; only boxes repeat themselves"
            )
        if self.of is not None:
            raise InputError("expected a Periodic for all unknowns, got one `of` an unknown")
        return dataclasses.replace(self, name=self.name or self.label)

    def rows(self, statement: Statement, unit: Tensor) -> Tensor:
        """Points in pairs, one after the other, of the two ends: an even number of rows."""
        points = statement.interior(unit)
        points = points.repeat_interleave(2, dim=0)
        column = statement.coordinates.index(self.coordinate)
        for i, end in enumerate(statement.extent[column]):
            points[i::2, column] = end
        return points

    def misfit(self, u: Any, d: Calculus, x: Points, rows: Tensor) -> Any:
        """Differences of the pairs, one for each of their points."""
        parts: list[Any] = []
        for one in u if isinstance(u, tuple) else (u,):
            parts.append(_gap(one))
            for order in range(1, self.derivatives + 1):
                parts.append(_gap(d(one, *[self.coordinate] * order)))
        return tuple(parts)


def _gap(values: Any) -> Any:
    """The difference of each point to its partner, (m,), in pairs that follow each other."""
    pairs = values.reshape(-1, 2)
    return (pairs - pairs.flip(1)).reshape(-1)


@dataclass(frozen=True, eq=False)
class Data(Condition):
    """Measured values (n,) of an unknown at points (n, coordinates).

    points: an array with a column a coordinate, or a mapping of names to (n,).
    """

    points: Any
    values: Any

    kind: ClassVar[Kind] = "data"

    @property
    def label(self) -> str:
        return "data"

    def bound(self, statement: Statement) -> Condition:
        points = self.points
        if isinstance(points, Mapping):
            if set(points) != set(statement.coordinates):
                raise InputError(
                    f"expected measured points with {', '.join(statement.coordinates)}, got "
                    f"{', '.join(points)}"
                )
            points = np.stack([np.asarray(points[n]) for n in statement.coordinates], axis=1)
        points, values = (_numbers(v) for v in (points, self.values))
        if points.ndim != 2 or points.shape[1] != len(statement.coordinates):
            raise InputError(
                f"expected measured points of shape (n, {len(statement.coordinates)}), got "
                f"{tuple(points.shape)}; one column a coordinate"
            )
        if not len(points):
            raise InputError("expected measured points, got an empty set")
        if values.shape != points.shape[:1]:
            raise InputError(
                f"expected a measured value for each of {len(points)} points, got shape "
                f"{tuple(values.shape)}"
            )
        if not bool(points.isfinite().all() and values.isfinite().all()):
            raise InputError("expected finite measured points and values, got nan or infinity")
        outside = int((~statement.holds(points)).sum())
        if outside:
            raise InputError(
                f"expected measured points in the domain, got {outside} of {len(points)} outside; "
                "check units and the order of the columns"
            )
        read = dataclasses.replace(self, points=points, values=values)
        return super(Data, read).bound(statement)

    def rows(self, statement: Statement, unit: Tensor) -> Tensor:
        """Columns: coordinates, value. All the data, whatever the points of the cube are."""
        return torch.cat([self.points, self.values[:, None]], dim=1).to(unit.dtype)

    def misfit(self, u: Any, d: Calculus, x: Points, rows: Tensor) -> Any:
        return self.of_all(u) - rows[:, -1]


def _numbers(values: Any) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.float64))
