"""What every condition offers."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from ...geometry.errors import InputError
from ..fields import Field, Points, checked

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ..statement import Statement

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
