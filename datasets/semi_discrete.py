"""Right-hand sides for the engines, read from a problem's residual.

The floor of the engines and the floor of the calculus do not know of problems; here the two are
put together, so that a problem states its equation once, as the residual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from ..geometry.calculus.algebra import Symbol, evaluate
from ..geometry.calculus.coefficients import Given
from ..geometry.calculus.forms import stencil_form
from ..geometry.calculus.grids import GridCalculus
from ..geometry.calculus.tracing import Evolution, trace
from ..geometry.errors import InputError
from ..geometry.grid import Grid
from .problem import Problem

if TYPE_CHECKING:
    from ..solvers.stencils.equation import Equation

Right = TypeVar("Right")


@dataclass(frozen=True)
class SemiDiscrete(Generic[Right]):
    """An equation as an engine takes it, and where its coefficients come from."""

    equation: Right
    given: tuple[Given, ...]
    parameters: tuple[str, ...]

    def values(self, numbers: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the problem's numbers that the equation has."""
        return {name: numbers[name] for name in self.parameters}

    def coefficients(self, fields: Mapping[str, np.ndarray], grid: Grid) -> dict[str, np.ndarray]:
        """Arrays (batch, *grid.shape), or grid.shape where no given field is in them.

        fields: the given functions of x, (batch, *grid.shape). Their derivatives are spectral
        along periodic axes and of fourth order along others.
        """
        d = GridCalculus(grid)
        x = dict(zip(grid.names, grid.coordinates(), strict=True))

        def value(symbol: Symbol) -> Any:
            if symbol.kind == "coordinate":
                return x[symbol.name]
            field = np.asarray(fields[symbol.name], dtype=float)
            return d.derivative(field, symbol.along) if symbol.along else field

        return {given.name: evaluate(given.value, value) for given in self.given}


def traced(problem: Problem) -> Evolution:
    """The problem's residual as u_t = F(u).

    The inputs beyond the initial values are parameters (scalars) and given fields; constants are
    parameters too, but whole numbers are written into the equation, where exponents need them.
    Raises InputError as `trace` does.
    """
    rest = problem.inputs[len(problem.outputs) :]
    constants = problem.constants()
    whole = {name: value for name, value in constants.items() if isinstance(value, int)}
    return trace(
        problem,
        [v.name for v in problem.outputs],
        [v.name for v in rest if v.kind == "field"],
        [*(v.name for v in rest if v.kind == "scalar"), *(c for c in constants if c not in whole)],
        whole,
    )


def stencil_equation(problem: Problem) -> SemiDiscrete[Equation]:
    """The equation for `solvers.stencils`, every derivative at a point.

    Raises InputError where the residual is no right-hand side, or knows the time.
    """
    from ..solvers.generated import pointwise_function
    from ..solvers.stencils.equation import Equation

    form = stencil_form(traced(problem))
    if form.timed:
        raise InputError(
            f"expected a right-hand side without the time, got one of {problem.name} with 't';"
            " make it an unknown with t_t = 1"
        )
    equation = Equation(
        problem.name,
        form.unknowns,
        form.terms,
        pointwise_function(form.text, form.name, problem.name),
        tuple(given.name for given in form.coefficients),
        form.parameters,
    )
    return SemiDiscrete(equation, form.coefficients, form.parameters)
