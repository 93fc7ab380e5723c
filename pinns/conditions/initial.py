"""Initial values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from ...geometry.errors import InputError
from ..fields import Points
from .base import Condition, Kind, Value, check_value, values_at

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ..statement import Statement


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
