"""One instance of an equation, as the engine needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..datasets.problem import Problem, Variable
from ..geometry.errors import InputError
from ..geometry.function import Function
from ..geometry.grid import Grid
from .fields import Field, Points, SampledField


def no_parameters(x: Points) -> SimpleNamespace:
    return SimpleNamespace()


@dataclass(frozen=True)
class Statement:
    """Where an equation holds, what it says, and what is known beside it.

    coordinates: names; time, where there is one, is `t`. extent: (left, right) of each.
    periodic: one bool a coordinate. residual: `residual(u, d, x, p)` as in `Problem`.
    parameters: the coordinates by name to the residual's `p`.
    initial: u at the first time, as a function of the coordinates. boundary: u on both ends of
    every space axis that is not periodic (Dirichlet).

    A field of the statement takes the coordinates by name, each (n,), and returns (n,).
    Raises InputError where these do not fit together.
    """

    coordinates: tuple[str, ...]
    extent: tuple[tuple[float, float], ...]
    residual: Callable[[Any, Any, Points, SimpleNamespace], Any]
    periodic: tuple[bool, ...] = ()
    parameters: Callable[[Points], SimpleNamespace] = no_parameters
    initial: Field | None = None
    boundary: Field | None = None

    def __post_init__(self) -> None:
        dimension = len(self.coordinates)
        if not self.periodic:
            object.__setattr__(self, "periodic", (False,) * dimension)
        if not dimension or {len(self.extent), len(self.periodic)} != {dimension}:
            raise InputError(
                f"expected one extent and one periodic flag for each of {self.coordinates}, got "
                f"{self.extent} and {self.periodic}"
            )
        if any(not left < right for left, right in self.extent):
            raise InputError(f"expected left < right on every axis, got {self.extent}")
        if self.time is not None and self.periodic[self.time]:
            raise InputError("expected an open time axis, got a periodic one")
        if self.time is not None and self.initial is None:
            raise InputError("expected an initial field of an equation in time, got none; give one")
        if self.open_axes and self.boundary is None:
            names = [self.coordinates[axis] for axis in self.open_axes]
            raise InputError(f"expected boundary values on {names}, got none; give `boundary`")

    @property
    def time(self) -> int | None:
        """Column of the time, None if steady."""
        return self.coordinates.index("t") if "t" in self.coordinates else None

    @property
    def open_axes(self) -> tuple[int, ...]:
        """Columns of the space axes that have ends."""
        each = enumerate(self.periodic)
        return tuple(axis for axis, wraps in each if not wraps and axis != self.time)

    def named(self, points: Tensor) -> dict[str, Tensor]:
        """Points (n, coordinates) to coordinates by name, each (n,)."""
        return {name: points[:, i] for i, name in enumerate(self.coordinates)}

    def from_unit(self, unit: Tensor) -> Tensor:
        """Points of the unit cube to points of the box."""
        low, high = torch.tensor(self.extent, dtype=torch.float64).T
        return low + unit * (high - low)


def state_problem(
    problem: Problem, inputs: Mapping[str, Any], boundary: Field | None = None
) -> Statement:
    """The statement of one instance of a problem.

    inputs: by name, one value for each of `problem.inputs`: a number for a scalar; for a field a
    callable of the coordinates, a `Function`, or an array on `problem.grid(len(array))`. The
    first field of a problem in time is its initial field. Raises InputError on what is missing,
    of another kind or of another shape.
    """
    grid = problem.grid(8)
    values = {v.name: _value(problem, v, inputs) for v in problem.inputs}
    fields = [v.name for v in problem.inputs if v.kind == "field"]
    initial, times = None, problem.times
    extent, periodic = grid.extent, grid.wraps
    if times is not None:
        if not fields:
            raise InputError(f"expected an initial field among the inputs of '{problem.name}'")
        initial = values[fields.pop(0)]
        extent = ((float(times[0]), float(times[-1])), *extent)
        periodic = (False, *periodic)

    def parameters(x: Points) -> SimpleNamespace:
        here = {name: values[name](x) for name in fields}
        return problem.parameters({**values, **here}, ndim=1)

    return Statement(
        tuple(problem.coordinates),
        extent,
        problem.residual,
        periodic,
        parameters,
        initial,
        boundary,
    )


def _value(problem: Problem, variable: Variable, inputs: Mapping[str, Any]) -> Any:
    """A float or a field."""
    name = variable.name
    if name not in inputs:
        raise InputError(f"expected the input '{name}' of '{problem.name}', got {sorted(inputs)}")
    value = inputs[name]
    if variable.kind == "scalar":
        number = np.asarray(value, dtype=np.float64)
        if number.ndim or not np.isfinite(number):
            raise InputError(
                f"expected one finite number as '{name}', got {value}; give one sample"
            )
        return float(number)
    if isinstance(value, Function):
        if not isinstance(value.on, Grid):
            raise InputError(f"expected '{name}' on a grid, got {type(value.on).__name__}")
        return SampledField(value.numpy(), value.on)
    if callable(value):
        return value
    array = np.asarray(value, dtype=np.float64)
    if array.ndim != problem.grid(8).ndim:
        raise InputError(f"expected '{name}' on one grid, got shape {array.shape}; give one sample")
    return SampledField(array, problem.grid(array.shape[0]))
