"""Viscous Burgers in two dimensions: w_t + (w . grad) w = nu Lap w on a periodic square."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...geometry.grid import Grid
from ..periodic import PeriodicProblem
from ..problem import Card, Draw, Variable, check_range
from ..random_fields import GaussianField, log_uniform
from ..waves import smooth_field

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus


@dataclass(frozen=True)
class Burgers2D(PeriodicProblem):
    """A fluid without pressure that steepens along both axes.

    viscosity: log-uniform between its two bounds, which may be equal; speed: root of the mean
    square of each initial component; wave_length: below it the initial field has little.
    """

    viscosity_min: float = 0.01
    viscosity_max: float = 0.05
    speed: float = 0.5
    wave_length: float = 0.5

    name: ClassVar[str] = "burgers_2d"
    summary: ClassVar[str] = "w_t + (w . grad) w = nu Lap w, w = (u, v), periodic square"
    inputs: ClassVar = (
        Variable("u0", "m/s", description="initial velocity along x"),
        Variable("v0", "m/s", description="initial velocity along y"),
        Variable("viscosity", "m^2/s", "scalar", "kinematic viscosity nu"),
    )
    outputs: ClassVar = (
        Variable("u", "m/s", description="velocity along x"),
        Variable("v", "m/s", description="velocity along y"),
    )
    coordinates: ClassVar = ("t", "x", "y")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("viscosity_min", self.viscosity_min, 1e-12, 1e12)
        check_range("viscosity_max", self.viscosity_max, self.viscosity_min, 1e12)
        check_range("speed", self.speed, 1e-12, 1e12)
        check_range("wave_length", self.wave_length, 1e-6, 1e6)

    @property
    def field(self) -> GaussianField:
        """The law of each component of the initial velocity."""
        return smooth_field(((self.left, self.right),) * 2, self.wave_length, self.speed)

    def draw(self, generator: np.random.Generator) -> Draw:
        return {
            "viscosity": log_uniform(generator, self.viscosity_min, self.viscosity_max),
            "u0": self.field.draw(generator),
            "v0": self.field.draw(generator),
        }

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        return {
            "u0": self.field.evaluate(draw["u0"], grid),
            "v0": self.field.evaluate(draw["v0"], grid),
            "viscosity": np.asarray(draw["viscosity"]),
        }

    def residual(
        self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace
    ) -> tuple[Any, Any]:
        u, v = u

        def rate(w: Any) -> Any:
            return d(w, "t") + u * d(w, "x") + v * d(w, "y") - p.viscosity * d.laplacian(w)

        return rate(u), rate(v)

    @property
    def card(self) -> Card:
        return Card(
            domain=f"[{self.left:g}, {self.right:g})^2, t in [0, {self.horizon:g}]",
            conditions="periodic in x and y, (u, v) = (u0, v0) at t = 0",
            inputs=f"u0 and v0 Gaussian of size {self.speed:g} and waves of {self.wave_length:g};"
            f" nu log-uniform in [{self.viscosity_min:g}, {self.viscosity_max:g}]",
            solver="Fourier pseudo-spectral, ETDRK4 (Kassam & Trefethen 2005)",
            source="Fletcher 1983, Generating exact solutions of the two-dimensional Burgers"
            " equations",
        )

    def resolving(self, tolerance: float) -> int:
        """Three points for the highest wave of the sharpest front.

        A front tanh(x / width) has width = 4 nu / jump, and its Fourier coefficients fall like
        exp(-pi^2 k width / L); a jump of four times the typical speed is seldom exceeded.
        """
        width = 4 * self.viscosity_min / (4 * self.speed)
        highest = -math.log(tolerance) * (self.right - self.left) / (math.pi**2 * width)
        return math.ceil(3 * highest)
