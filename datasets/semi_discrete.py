"""Right-hand sides for the engines, read from a problem's residual.

The floor of the engines and the floor of the calculus do not know of problems; here the two are
put together, so that a problem states its equation once, as the residual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from ..geometry.calculus.algebra import Symbol, evaluate
from ..geometry.calculus.coefficients import Given
from ..geometry.calculus.forms import SpectralForm, spectral_form, stencil_form
from ..geometry.calculus.grids import GridCalculus
from ..geometry.calculus.tracing import Evolution, trace
from ..geometry.errors import InputError
from ..geometry.grid import Grid
from .problem import Problem

if TYPE_CHECKING:
    from ..solvers.spectral.equation import SpectralEquation
    from ..solvers.spectral.modes import Modes
    from ..solvers.stencils.equation import Equation

Right = TypeVar("Right", bound="Equation | SpectralEquation")

NOT_POLYNOMIAL = (
    3  # degree to de-alias for where none is enough; aliases of smooth fields are small
)


@dataclass(frozen=True)
class SemiDiscrete(Generic[Right]):
    """An equation as an engine takes it, and where its coefficients come from."""

    equation: Right
    given: tuple[Given, ...] = ()

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


@lru_cache(maxsize=64)
def stencil_equation(problem: Problem) -> SemiDiscrete[Equation]:
    """The equation for `solvers.stencils`, every derivative at a point.

    Raises InputError where the residual is no right-hand side, or knows the time.
    """
    return _stencil_equation(traced(problem), problem.name)


@lru_cache(maxsize=64)
def _stencil_equation(evolution: Evolution, name: str) -> SemiDiscrete[Equation]:
    from ..solvers.generated import pointwise_function
    from ..solvers.stencils.equation import Equation

    form = stencil_form(evolution)
    if form.timed:
        raise InputError(
            f"expected a right-hand side without the time, got one of {name} with 't'; make it an"
            " unknown with t_t = 1"
        )
    equation = Equation(
        name,
        form.unknowns,
        form.terms,
        pointwise_function(form.text, form.name, name),
        tuple(given.name for given in form.coefficients),
        form.parameters,
    )
    return SemiDiscrete(equation, form.coefficients)


@lru_cache(maxsize=64)
def spectral_equation(problem: Problem) -> SemiDiscrete[SpectralEquation]:
    """The equation for `solvers.spectral`: linear symbols, and products with the fewest transforms.

    Two unknowns whose linear parts are those of one complex unknown, as in Schroedinger's
    equation, are solved as that. Other linear terms between unknowns are taken like products.

    Raises InputError where the residual is no right-hand side.
    """
    return _spectral_equation(traced(problem), problem.name)


@lru_cache(maxsize=64)
def _spectral_equation(evolution: Evolution, name: str) -> SemiDiscrete[SpectralEquation]:
    from ..solvers.generated import pointwise_function
    from ..solvers.spectral.equation import SpectralEquation

    form = spectral_form(evolution)
    symbols = _Symbols(evolution, form)
    pair = symbols.complex_valued
    equation = SpectralEquation(
        name,
        ("_".join(form.unknowns),) if pair else form.unknowns,
        symbols.complex_linear if pair else symbols.linear,
        pointwise_function(form.text, form.name, name) if form.text else None,
        None if pair else symbols.inputs,
        symbols.complex_outputs if pair else symbols.outputs,
        (lambda modes, p: {}) if pair else symbols.coupling,
        form.sources,
        tuple(given.name for given in form.coefficients),
        form.parameters,
        degree=NOT_POLYNOMIAL if form.degree is None else max(form.degree, 1),
        timed=form.timed,
        complex_valued=pair,
    )
    return SemiDiscrete(equation, form.coefficients)


@dataclass(frozen=True)
class _Symbols:
    """Fourier symbols of a form, as functions of the engine's modes and parameters."""

    evolution: Evolution
    form: SpectralForm

    def word(self, modes: Modes, word: tuple[str, ...]) -> Any:
        """Of a derivative; real where its order is even."""
        total: Any = 1.0
        for name in word:
            total = total * np.imag(modes.derivative(self.evolution.space.index(name)))
        return (1, 1j, -1, -1j)[len(word) % 4] * total

    def between(self, modes: Modes, p: SimpleNamespace, field: str, other: str) -> Any:
        """The linear part of the rate of one unknown in another."""
        row = self.form.linear[self.form.unknowns.index(field)]
        total: Any = 0.0
        for (name, word), factor in row.items():
            if name == other:
                number = evaluate(factor, lambda symbol: getattr(p, symbol.name))
                total = total + number * self.word(modes, word)
        return total

    def linear(self, modes: Modes, p: SimpleNamespace) -> tuple[Any, ...]:
        return tuple(self.between(modes, p, name, name) for name in self.form.unknowns)

    def coupling(self, modes: Modes, p: SimpleNamespace) -> dict[tuple[str, str], Any]:
        return {
            (field, other): self.between(modes, p, field, other)
            for field, row in zip(self.form.unknowns, self.form.linear, strict=True)
            for other in dict.fromkeys(name for name, _ in row)
            if other != field
        }

    def inputs(self, modes: Modes, p: SimpleNamespace) -> tuple[dict[str, Any], ...]:
        return tuple({name: self.word(modes, word)} for name, word in self.form.inputs)

    def outputs(self, modes: Modes, p: SimpleNamespace) -> tuple[dict[str, Any], ...]:
        count = 1 + max((k for row in self.form.outer for k, _, _ in row), default=-1)
        found: tuple[dict[str, Any], ...] = tuple({} for _ in range(count))
        for field, row in zip(self.form.unknowns, self.form.outer, strict=True):
            for k, word, number in row:
                found[k][field] = found[k].get(field, 0.0) + number * self.word(modes, word)
        return found

    # --- two unknowns as one complex unknown ----------------------------------------------

    @property
    def complex_valued(self) -> bool:
        """Whether u' = a u - b v + D[f], v' = b u + a v + D[g] in linear operators a, b and D."""
        if len(self.form.unknowns) != 2 or self.form.sources:
            return False
        u, v = self.form.unknowns
        rows = [
            {(name == own, word): factor for (name, word), factor in row.items()}
            for own, row in zip((u, v), self.form.linear, strict=True)
        ]
        turned = {(own, w): f if own else -f for (own, w), f in rows[0].items()}
        products = [
            [(word, number) for k, word, number in row if k == i]
            for i, row in enumerate(self.form.outer)
        ]
        return (
            any(not own for own, _ in rows[0])
            and turned == rows[1]
            and all(
                len(part) == len(row) for part, row in zip(products, self.form.outer, strict=True)
            )
            and products[0] == products[1]
            and self.form.inputs in ((), ((u, ()), (v, ())))
        )

    def complex_linear(self, modes: Modes, p: SimpleNamespace) -> Any:
        u, v = self.form.unknowns
        return self.between(modes, p, u, u) + 1j * self.between(modes, p, v, u)

    def complex_outputs(self, modes: Modes, p: SimpleNamespace) -> tuple[dict[str, Any], ...]:
        u, _ = self.form.unknowns
        return ({"_".join(self.form.unknowns): self.outputs(modes, p)[0][u]},)
