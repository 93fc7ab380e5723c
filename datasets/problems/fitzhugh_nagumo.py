"""FitzHugh-Nagumo: an activator and an inhibitor that spreads faster make patterns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...geometry.grid import Grid
from ..problem import Card, Draw, Variable, check_range
from ..random_fields import GaussianField
from ..stenciled import StencilProblem

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus


@dataclass(frozen=True)
class FitzHughNagumo(StencilProblem):
    """u is made by itself and taken by v, which follows it.

    diffusivity_u, diffusivity_v, k: numbers of the equations; amplitude: root of the mean square
    of the initial fields; wave_length: below it they have little.
    """

    horizon: float = 5.0
    frames: int = 21
    diffusivity_u: float = 1e-3
    diffusivity_v: float = 5e-3
    k: float = 5e-3
    amplitude: float = 0.5
    wave_length: float = 0.4

    name: ClassVar[str] = "fitzhugh_nagumo"
    summary: ClassVar[str] = "FitzHugh-Nagumo reaction and diffusion, insulated square"
    inputs: ClassVar = (
        Variable("u0", description="initial activator"),
        Variable("v0", description="initial inhibitor"),
    )
    outputs: ClassVar = (
        Variable("u", description="activator"),
        Variable("v", description="inhibitor"),
    )
    coordinates: ClassVar = ("t", "x", "y")
    symmetries: ClassVar[bool] = True
    sizes: ClassVar[tuple[int, ...]] = (12, 16, 24, 32, 48, 64, 96)
    reference_resolution: ClassVar[int] = 192

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("diffusivity_u", "diffusivity_v"):
            check_range(name, getattr(self, name), 0, 1e6)
        check_range("k", self.k, -1e3, 1e3)
        check_range("amplitude", self.amplitude, 1e-12, 10)
        check_range("wave_length", self.wave_length, 0.05, 1e6)

    def grid(self, resolution: int) -> Grid:
        return Grid(((-1.0, 1.0),) * 2, (resolution,) * 2, centering="cell", units="1")

    @property
    def field(self) -> GaussianField:
        """The law of u0 and v0: cosines, of slope zero at the ends."""
        tau, extent = 2 * np.pi / self.wave_length, ((-1.0, 1.0),) * 2
        unit = GaussianField(extent, 4.0, tau, 1.0, "neumann", 32)
        k = (np.pi / 2 * np.arange(unit.modes)) ** 2
        mean_square = np.sum((np.add.outer(k, k) + tau**2) ** -unit.alpha) / 4
        return GaussianField(
            extent, unit.alpha, tau, self.amplitude / np.sqrt(mean_square), "neumann", unit.modes
        )

    def draw(self, generator: np.random.Generator) -> Draw:
        return {name: self.field.draw(generator) for name in ("u0", "v0")}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        return {name: self.field.evaluate(draw[name], grid) for name in ("u0", "v0")}

    def constants(self) -> dict[str, float]:
        return {
            name: float(getattr(self, name)) for name in ("diffusivity_u", "diffusivity_v", "k")
        }

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        u, v = u
        return (
            d(u, "t") - p.diffusivity_u * d.laplacian(u) - u + u**3 + p.k + v,
            d(v, "t") - p.diffusivity_v * d.laplacian(v) - u + v,
        )

    @property
    def card(self) -> Card:
        return Card(
            domain=f"[-1, 1]^2, t in [0, {self.horizon:g}]",
            conditions="zero normal slopes on the boundary, u = u0 and v = v0 at t = 0",
            inputs=f"u0, v0 Gaussian of size {self.amplitude:g} and waves of "
            f"{self.wave_length:g}; D_u = {self.diffusivity_u:g}, D_v = {self.diffusivity_v:g}, "
            f"k = {self.k:g}",
            solver="differences of fourth order, RK4",
            source="Klaasen & Troy 1984, SIAM J. Appl. Math. 44; numbers of Takamoto et al. 2022",
        )
