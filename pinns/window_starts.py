"""What a window in time starts from: the field of the one before."""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import Any

import torch
from torch import Tensor, nn

from .conditions import Condition, Data, Initial
from .derivatives.readings import make_derivatives
from .fields import Named, Points
from .statement import Statement

KNOWN = 32  # sets of points at which a field is remembered


class End:
    """An unknown, or its rate, of a solved field as a field of the coordinates by name."""

    differentiable = True

    def __init__(self, field: nn.Module, statement: Statement, index: int, rate: bool) -> None:
        self.field, self.statement, self.index, self.rate = field, statement, index, rate
        self._known: deque[tuple[Any, Tensor, Any]] = deque(maxlen=KNOWN)

    def __call__(self, x: Points) -> Any:
        if isinstance(x, Named) and x.columns is None:
            points = x.points  # what a reading knows as coordinates, it is fast with
        else:
            points = torch.stack([x[name] for name in self.statement.coordinates], dim=1)
        if not self.rate:
            series = hasattr(type(points), "embedded")
            return self._at(points) if series else self.field(points)[:, self.index]
        names = self.statement.unknowns
        derivatives = make_derivatives("nested", self.field, self.statement.coordinates, names)
        index = self.index if len(names) > 1 else None
        return derivatives(points, lambda u, d, x: d(u if index is None else u[index], "t"))

    def _at(self, points: Any) -> Any:
        """The unknown with the derivatives that its Taylor series carries, made once for a set of
        points: a later window asks at the same ones in every step, and all earlier windows answer.
        """
        for eager, where, known in tuple(self._known):  # threads add to it
            if eager == points.eager and torch.equal(where, points.value):
                return known
        with torch.no_grad():
            found = self.field(points)[:, self.index]
        self._known.append((points.eager, points.value.clone(), found))
        return found


def window_statement(
    statement: Statement, times: tuple[float, float], previous: nn.Module | None
) -> Statement:
    """The statement between two times, which starts from the previous window's field."""
    conditions: list[Condition] = []
    for condition in statement.conditions:
        if isinstance(condition, Initial) and previous is not None:
            rate = End(previous, statement, condition.index, True) if condition.rate else None
            value = End(previous, statement, condition.index, False)
            conditions.append(dataclasses.replace(condition, value=value, rate=rate))
        elif isinstance(condition, Data):
            inside = (condition.points[:, 0] >= times[0]) & (condition.points[:, 0] <= times[1])
            if bool(inside.any()):
                points, values = condition.points[inside], condition.values[inside]
                conditions.append(dataclasses.replace(condition, points=points, values=values))
        else:
            conditions.append(condition)
    return dataclasses.replace(statement, times=times, conditions=conditions)
