"""Allen-Cahn: u_t = width^2 Lap u + u - u^3 on a periodic square."""

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
from ..random_fields import GaussianField
from ..waves import smooth_field

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus


@dataclass(frozen=True)
class AllenCahn(PeriodicProblem):
    """Two phases, -1 and 1: walls form between them, and move by their curvature.

    width: of a wall, which is tanh(x / (sqrt(2) width)); mean, amplitude: of the initial field,
    the latter as root of its mean square; wave_length: below it the initial field has little.
    """

    horizon: float = 20.0
    frames: int = 21
    width: float = 0.02
    mean: float = 0.0
    amplitude: float = 0.5
    wave_length: float = 0.3

    name: ClassVar[str] = "allen_cahn"
    summary: ClassVar[str] = "u_t = width^2 Lap u + u - u^3, periodic square, random phases"
    inputs: ClassVar = (Variable("u0", description="initial phase"),)
    outputs: ClassVar = (Variable("u", description="phase"),)
    coordinates: ClassVar = ("t", "x", "y")
    units: ClassVar[str] = "1"
    symmetries: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("width", self.width, 1e-6, 1e6)
        check_range("mean", self.mean, -2, 2)
        check_range("amplitude", self.amplitude, 1e-12, 2)
        check_range("wave_length", self.wave_length, 1e-6, 1e6)

    @property
    def field(self) -> GaussianField:
        """The law of u(0, .) about its mean."""
        return smooth_field(((self.left, self.right),) * 2, self.wave_length, self.amplitude)

    def draw(self, generator: np.random.Generator) -> Draw:
        return {"u0": self.field.draw(generator)}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        return {"u0": self.mean + self.field.evaluate(draw["u0"], grid)}

    def constants(self) -> dict[str, float]:
        return {"width": float(self.width)}

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        return d(u, "t") - p.width**2 * d.laplacian(u) - u + u**3

    def energy(self, u: np.ndarray, grid: Grid) -> np.ndarray:
        """Mean of width^2 |grad u|^2 / 2 + (1 - u^2)^2 / 4 over the grid, (…); it never grows."""
        from ...geometry.calculus.grids import GridCalculus

        slopes = GridCalculus(grid).gradient(u)
        density = self.width**2 / 2 * sum(s**2 for s in slopes) + (1 - u**2) ** 2 / 4
        return np.asarray(density.mean(axis=tuple(range(-grid.ndim, 0))))

    @property
    def card(self) -> Card:
        return Card(
            domain=f"[{self.left:g}, {self.right:g})^2, t in [0, {self.horizon:g}]",
            conditions="periodic in x and y, u = u0 at t = 0",
            inputs=f"u0 Gaussian of mean {self.mean:g}, size {self.amplitude:g} and waves of"
            f" {self.wave_length:g}; width {self.width:g}",
            solver="Fourier pseudo-spectral, ETDRK4 (Kassam & Trefethen 2005)",
            source="Allen & Cahn 1979, A microscopic theory for antiphase boundary motion",
        )

    def resolving(self, tolerance: float) -> int:
        """Four points for the highest wave of a wall, as cubes alias from a quarter of the points.

        The Fourier transform of a wall falls like exp(-pi width k / sqrt(2)).
        """
        highest = -math.log(tolerance) * math.sqrt(2) / (math.pi * self.width)
        return math.ceil(4 * highest * (self.right - self.left) / (2 * math.pi))
