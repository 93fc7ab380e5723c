"""Measured values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...geometry.errors import InputError
from ..fields import Points
from .base import Condition, Kind

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ..statement import Statement


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
