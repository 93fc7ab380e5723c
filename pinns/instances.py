"""What a statement takes from a problem and the inputs of one sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import nn

from ..datasets.problem import Problem, Variable
from ..geometry.errors import InputError
from ..geometry.function import Function
from ..geometry.grid import Grid
from ..geometry.shapes.box import side_names
from .conditions import Condition, Dirichlet, Neumann
from .fields import Field, SampledField


def initial_names(problem: Problem) -> tuple[str, ...]:
    """Names of the inputs that are the initial values of the outputs, in their order.

    Raises InputError where the inputs are fewer or of another kind.
    """
    names = getattr(problem, "initial_names", None)
    if names is None:  # not an EvolutionProblem: the first fields, one for each output
        fields = tuple(v.name for v in problem.inputs if v.kind == "field")
        names = fields[: len(problem.outputs)]
    if len(names) != len(problem.outputs):
        raise InputError(
            f"expected an initial field for each output of '{problem.name}' among its inputs, got "
            f"{names}"
        )
    return tuple(names)


def end_conditions(
    problem: Problem, inputs: Mapping[str, Any], boundary: Field | None
) -> list[Condition]:
    """The conditions on the sides of the problem's box; `boundary`: values there instead.

    Raises InputError where neither says what holds.
    """
    if boundary is not None:
        return [Dirichlet("all", boundary, of=name) for name in problem.unknowns]
    known = {name: v for name, v in inputs.items() if not isinstance(v, nn.Module)}
    try:
        ends = problem.end_conditions(known)
    except KeyError as missing:
        raise InputError(
            f"expected numbers at the ends of '{problem.name}' that are known, got a module as "
            f"{missing}; what is in the equation can be found"
        ) from None
    if ends is None:
        raise InputError(
            f"expected a problem that says what holds at the ends of its axes, got "
            f"'{problem.name}'; give `boundary`, values there"
        )
    names, sides = problem.grid(8).names, side_names(problem.grid(8).ndim)
    found: dict[tuple[str, str, float], list[str]] = {}
    for end in ends:
        side = sides[2 * names.index(end.axis) + int(end.upper)]
        found.setdefault((end.output, end.kind, end.value), []).append(side)
    kinds: dict[str, Callable[..., Condition]] = {"value": Dirichlet, "slope": Neumann}
    return [
        kinds[kind]("all" if len(where) == len(sides) else tuple(where), value, of=output)
        for (output, kind, value), where in found.items()
    ]


def input_value(problem: Problem, variable: Variable, inputs: Mapping[str, Any]) -> Any:
    """The value of one input: a float, a field, or a module that is to be found.

    Raises InputError where it is missing, of another kind or not of one sample.
    """
    name = variable.name
    if name not in inputs:
        raise InputError(f"expected the input '{name}' of '{problem.name}', got {sorted(inputs)}")
    value = inputs[name]
    if isinstance(value, nn.Module):
        return value
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
