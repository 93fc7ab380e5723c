"""Viscous Burgers: u_t + u u_x = nu u_xx on a periodic interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..periodic import PeriodicProblem
from ..problem import Card, Draw, Variable
from ..random_fields import GaussianField, log_uniform

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus


@dataclass(frozen=True)
class Burgers(PeriodicProblem):
    """Steepening waves with a viscosity that differs from sample to sample.

    initial: "gaussian" draws u(0, .) from N(0, 625 (-Lap + 25)^-2); "sine" is
        -sin(2 pi (x - centre) / L), the usual test of PINNs on [-1, 1].
    viscosity: log-uniform between its two bounds, which may be equal.
    constant_mode: False drops the mean of u(0, .), as the generator of the published data does.
    """

    initial: Literal["gaussian", "sine"] = "gaussian"
    viscosity_min: float = 0.01
    viscosity_max: float = 0.1
    constant_mode: bool = True

    name: ClassVar[str] = "burgers"
    summary: ClassVar[str] = "u_t + u u_x = nu u_xx, periodic, random initial field and viscosity"
    inputs: ClassVar = (
        Variable("u0", "m/s", description="initial velocity"),
        Variable("viscosity", "m^2/s", "scalar", "kinematic viscosity nu"),
    )
    outputs: ClassVar = (Variable("u", "m/s", description="velocity"),)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.initial not in ("gaussian", "sine"):
            raise InputError(f"expected initial gaussian or sine, got '{self.initial}'")
        if not 0 < self.viscosity_min <= self.viscosity_max < math.inf:
            raise InputError(
                "expected 0 < viscosity_min <= viscosity_max, got"
                f" {self.viscosity_min} and {self.viscosity_max}"
            )

    @property
    def field(self) -> GaussianField:
        """The law of u(0, .)."""
        extent = ((self.left, self.right),)
        return GaussianField(
            extent, 2.0, 5.0, 25.0, "periodic", modes=512, constant_mode=self.constant_mode
        )

    def draw(self, generator: np.random.Generator) -> Draw:
        viscosity = log_uniform(generator, self.viscosity_min, self.viscosity_max)
        if self.initial == "sine":
            return {"viscosity": viscosity}
        return {"viscosity": viscosity, "u0": self.field.draw(generator)}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        if self.initial == "sine":
            centre = (self.left + self.right) / 2
            u0 = -np.sin(2 * np.pi * (grid.axes[0] - centre) / (self.right - self.left))
        else:
            u0 = self.field.evaluate(draw["u0"], grid)
        return {"u0": u0, "viscosity": np.asarray(draw["viscosity"])}

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        return d(u, "t") + u * d(u, "x") - p.viscosity * d(u, "xx")

    @property
    def card(self) -> Card:
        mode = "kept" if self.constant_mode else "dropped"
        initial = (
            f"u0 ~ N(0, 625 (-Lap + 25)^-2), periodic, constant mode {mode}"
            if self.initial == "gaussian"
            else "u0 = -sin(2 pi (x - centre) / L)"
        )
        return Card(
            domain=f"x in [{self.left:g}, {self.right:g}), t in [0, {self.horizon:g}]",
            conditions="periodic in x, u = u0 at t = 0",
            inputs=f"{initial}; nu log-uniform in [{self.viscosity_min:g}, {self.viscosity_max:g}]",
            solver="Fourier pseudo-spectral, ETDRK4 (Kassam & Trefethen 2005)",
            source="Li et al. 2021, Fourier neural operator for parametric PDEs, section 5.1",
        )

    def resolving(self, tolerance: float) -> int:
        """Three points for the highest wave of the sharpest front.

        A front tanh(x / width) has width = 4 nu / jump, and its Fourier coefficients fall like
        exp(-pi^2 k width / L).
        """
        jump = 2.0 if self.initial == "sine" else 4.0
        width = 4 * self.viscosity_min / jump
        highest = -math.log(tolerance) * (self.right - self.left) / (math.pi**2 * width)
        return math.ceil(3 * highest)
