"""Two-layer quasi-geostrophic flow: eddies fed by a sheared current, baroclinic instability."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...geometry.grid import Grid
from ..checks import conserved_mean
from ..periodic import PeriodicProblem
from ..problem import Arrays, Card, Draw, Variable, check_range
from ..random_fields import GaussianField
from ..semi_discrete import SemiDiscrete

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.spectral.equation import SpectralEquation


@dataclass(frozen=True)
class QuasiGeostrophic(PeriodicProblem):
    """Potential vorticity of two layers of ocean on a beta plane, doubly periodic.

    Lengths are in deformation radii L_d, times in L_d / U, where U is the speed of the upper mean
    current over the lower one, which rests. The defaults are the eddying ocean of Arbic &
    Flierl 2004: U = 2.5 cm/s, L_d = 15 km, beta = 1.5e-11 / (m s), drag over 20 days.

    beta: gradient of the Coriolis parameter, beta L_d^2 / U, which may differ between samples.
    depth_ratio: of the upper layer to the lower one. bottom_drag: linear friction of the lower
    layer, r L_d / U. hyperviscosity: of lap^4, which takes the enstrophy at the smallest scales.
    strength: root mean square of the initial potential vorticities.
    """

    right: float = 20 * math.pi
    horizon: float = 40.0
    frames: int = 41
    beta_min: float = 0.1
    beta_max: float = 0.2
    depth_ratio: float = 0.25
    bottom_drag: float = 0.35
    hyperviscosity: float = 1e-4
    strength: float = 2.0

    name: ClassVar[str] = "quasi_geostrophic"
    summary: ClassVar[str] = "q_t + J(psi, q) = -beta psi_x + ..., two layers on a beta plane"
    inputs: ClassVar = (
        Variable("q1_0", description="initial potential vorticity of the upper layer"),
        Variable("q2_0", description="initial potential vorticity of the lower layer"),
        Variable("beta", "1", "scalar", "gradient of the Coriolis parameter"),
    )
    outputs: ClassVar = (
        Variable("q1", description="potential vorticity of the upper layer"),
        Variable("q2", description="potential vorticity of the lower layer"),
    )
    coordinates: ClassVar = ("t", "x", "y")
    units: ClassVar[str] = "1"
    unknowns: ClassVar = ("q1", "q2", "psi1", "psi2")  # the stream functions are not stored
    step_counts: ClassVar = (128, 256, 512, 1024, 2048)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("beta_min", self.beta_min, -1e6, 1e6)
        check_range("beta_max", self.beta_max, self.beta_min, 1e6)
        check_range("depth_ratio", self.depth_ratio, 1e-6, 1e6)
        for name in ("bottom_drag", "hyperviscosity", "strength"):
            check_range(name, getattr(self, name), 0, 1e6)

    @property
    def field(self) -> GaussianField:
        """The law of q: eddies of some deformation radii, of the strength that is asked for."""
        extent = ((self.left, self.right),) * 2
        k = 2 * math.pi * np.arange(-31, 32) / (self.right - self.left)
        tau, alpha = 0.5, 4.0
        rates = (np.add.outer(k**2, k**2) + tau**2) ** -alpha
        mean_square = (rates.sum() - tau ** (-2 * alpha)) / (self.right - self.left) ** 2
        scale = max(self.strength, 1e-300) / math.sqrt(mean_square)
        return GaussianField(extent, alpha, tau, scale, "periodic", 32, constant_mode=False)

    def draw(self, generator: np.random.Generator) -> Draw:
        beta = generator.uniform(self.beta_min, self.beta_max)
        return {
            "beta": beta,
            "q1": self.field.draw(generator),
            "q2": self.field.draw(generator),
        }

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        q1, q2 = (self.field.evaluate(draw[name], grid) for name in ("q1", "q2"))
        return {"q1_0": q1, "q2_0": q2, "beta": np.asarray(draw["beta"])}

    def constants(self) -> dict[str, float]:
        return {
            "radius": 1.0,
            "shear": 1.0,
            "depth_ratio": self.depth_ratio,
            "bottom_drag": self.bottom_drag,
            "hyperviscosity": self.hyperviscosity,
        }

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        q1, q2, psi1, psi2 = u
        stretch1 = 1 / (p.radius**2 * (1 + p.depth_ratio))
        stretch2 = p.depth_ratio * stretch1

        def moved(psi: Any, q: Any) -> Any:
            carried = d(psi, "x") * d(q, "y") - d(psi, "y") * d(q, "x")
            smoothed = d.laplacian(d.laplacian(d.laplacian(d.laplacian(q))))
            return d(q, "t") + carried + p.hyperviscosity * smoothed

        upper = (
            moved(psi1, q1) + p.shear * d(q1, "x") + (p.beta + stretch1 * p.shear) * d(psi1, "x")
        )
        lower = moved(psi2, q2) + (p.beta - stretch2 * p.shear) * d(psi2, "x")
        return (
            upper,
            lower + p.bottom_drag * d.laplacian(psi2),
            d.laplacian(psi1) + stretch1 * (psi2 - psi1) - q1,
            d.laplacian(psi2) + stretch2 * (psi1 - psi2) - q2,
        )

    @property
    def card(self) -> Card:
        return Card(
            domain=f"torus [{self.left:g}, {self.right:g})^2, t in [0, {self.horizon:g}]",
            conditions="periodic, q1 = q1_0 and q2 = q2_0 at t = 0; mean currents 1 above, 0 below",
            inputs=(
                f"q_i ~ N(0, c (-Lap + 1/4)^-4) without mean, of root mean square "
                f"{self.strength:g}; beta uniform in [{self.beta_min:g}, {self.beta_max:g}]; "
                f"lengths in deformation radii, times in radii over the current's speed"
            ),
            solver="Fourier pseudo-spectral, ETDRK4 (Kassam & Trefethen 2005)",
            source="Vallis 2017, Atmospheric and Oceanic Fluid Dynamics, section 5.4 (equations); "
            "Arbic & Flierl 2004, J. Phys. Oceanogr. 34 (parameters)",
        )

    @property
    def right_hand_side(self) -> SemiDiscrete[SpectralEquation]:
        """By hand, because the stream functions are no unknowns of the engine."""
        from ...solvers.spectral.equations import QUASI_GEOSTROPHIC

        return SemiDiscrete(QUASI_GEOSTROPHIC)

    def conserved(self, outputs: Arrays, inputs: Arrays, grid: Grid) -> dict[str, np.ndarray]:
        upper = conserved_mean(self, outputs["q1"], "mean of q1")
        return upper | conserved_mean(self, outputs["q2"], "mean of q2")

    def resolving(self, tolerance: float) -> int:
        return 128
