"""Chaotic systems: trajectories from random points of an attractor, by the name of the system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...geometry.arrays import namespace
from ...geometry.grid import Grid
from ..ordinary import OrdinaryProblem
from ..problem import Card, Draw, Variable, check_range

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.ordinary.catalogue import Chaotic as Entry
    from ...solvers.ordinary.system import System

FIELD = "lorenz96"  # whose unknowns are the values of one field on a ring


@dataclass(frozen=True)
class Chaotic(OrdinaryProblem):
    """A trajectory on the attractor of a chaotic system.

    system_name: lorenz63, lorenz96, roessler, or a class of dysts.flows (extra `chaos`);
    dimension: sites of lorenz96, 0 for the usual 40;
    horizon: in dominant periods of the system, so that (frames - 1) / horizon is the number of
    points a period;
    transient: periods that a start is given to come to the attractor, and up to as many again at
    random, or all samples would be at the same phase; spread: of the starts before it, in standard
    deviations of the attractor.
    """

    horizon: float = 4.0
    frames: int = 129
    system_name: str = "lorenz63"
    dimension: int = 0
    transient: float = 10.0
    spread: float = 0.1

    pictured: ClassVar = {"horizon": 40.0}

    name: ClassVar[str] = "chaotic"
    summary: ClassVar[str] = "trajectories on strange attractors, of more than a hundred systems"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("transient", self.transient, 0, 1e6)
        check_range("spread", self.spread, 0, 100)
        check_range("dimension", self.dimension, 0, 1e6)
        self.entry  # noqa: B018, an unknown name is told here

    @property
    def entry(self) -> Entry:
        """The system with its start, scale and period."""
        from ...solvers.ordinary.catalogue import chaotic

        return chaotic(self.system_name, self.dimension or None)

    @property
    def system(self) -> System:
        return self.entry.system

    @property
    def inputs(self) -> tuple[Variable, ...]:  # type: ignore[override]
        if self.system_name == FIELD:
            return (Variable("u0", description="initial values on the ring"),)
        return tuple(
            Variable(f"{name}0", kind="scalar", description=f"initial {name}")
            for name in self.system.variables
        )

    @property
    def outputs(self) -> tuple[Variable, ...]:  # type: ignore[override]
        names = ("u",) if self.system_name == FIELD else self.system.variables
        return tuple(Variable(name) for name in names)

    @property
    def coordinates(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("t", "x") if self.system_name == FIELD else ("t",)

    @property
    def times(self) -> np.ndarray:
        return self.entry.period * super().times

    def constants(self) -> dict[str, float]:
        return self.system.usual

    def grid(self, resolution: int) -> Grid:
        if self.system_name != FIELD:
            return super().grid(resolution)
        n = self.system.dimension
        return Grid(((0.0, float(n)),), (n,), periodic=True)

    def draw(self, generator: np.random.Generator) -> Draw:
        normals = generator.standard_normal(self.system.dimension)
        return {"normals": normals, "wait": self.transient * generator.uniform(1.0, 2.0)}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        """The state after the transient; nan where the start does not stay with the attractor."""
        from ...solvers.ordinary.integrate import integrate

        entry = self.entry
        state = np.array(entry.start) + self.spread * np.array(entry.scale) * draw["normals"]
        if draw["wait"]:
            times = np.array([0.0, draw["wait"] * entry.period])
            state = integrate(entry.system, state[None], times, tolerance=1e-9).fields[0, 1]
        if self.system_name == FIELD:
            return {"u0": state}
        return {v.name: value for v, value in zip(self.inputs, state, strict=True)}

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        if self.system_name != FIELD:
            return super().residual(u, d, x, p)
        roll = namespace(u).roll
        advection = (roll(u, -1, axis=-1) - roll(u, 2, axis=-1)) * roll(u, 1, axis=-1)
        return d(u, "t") - advection + u - p.forcing

    def latex(self) -> str:
        if self.system_name == FIELD:
            return r"u_{i,t} - (u_{i+1} - u_{i-2}) u_{i-1} + u_i - F = 0"
        try:
            return super().latex()
        except (TypeError, AttributeError):  # functions that have no symbol, such as max
            return rf"u_t - f_{{\mathrm{{{self.system_name}}}}}(u) = 0"

    @property
    def card(self) -> Card:
        entry = self.entry
        numbers = ", ".join(f"{name} = {value:g}" for name, value in entry.system.usual.items())
        if np.isfinite(entry.exponent):
            numbers += f"; largest Lyapunov exponent {entry.exponent:.3g}"
        return Card(
            domain=f"t in [0, {self.times[-1]:g}], {self.horizon:g} periods of {entry.period:g}",
            conditions=f"a state on the attractor at t = 0; {numbers}",
            inputs=(
                f"start + {self.spread:g} deviations N(0, 1), after {self.transient:g} to "
                f"{2 * self.transient:g} periods"
            ),
            solver="Dormand-Prince 8(5, 3) with error control and dense output of order 7",
            source=entry.source,
        )
