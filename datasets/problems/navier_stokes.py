"""Navier-Stokes: the vorticity of a flow on the torus, forced and turbulent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ...geometry.calculus.functions import cos, sin
from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..checks import conserved_mean
from ..periodic import PeriodicProblem
from ..problem import Arrays, Card, Draw, Variable, check_range
from ..random_fields import GaussianField, log_uniform
from ..semi_discrete import SemiDiscrete

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.spectral.equation import SpectralEquation


@dataclass(frozen=True)
class NavierStokes(PeriodicProblem):
    """Two-dimensional flow of a viscous fluid, driven by a force that stays the same.

    forcing: "diagonal" is that of the operator-learning papers, in the vorticity's equation
        amplitude (sin 2 pi (x + y) / L + cos 2 pi (x + y) / L), amplitude 0.1 there;
        "kolmogorov" drives the velocity by amplitude sin(2 pi wavenumber y / L) along x;
        "none" leaves the flow to decay.
    drag: linear friction, which takes the energy that turbulence carries to the largest scales.
    viscosity: log-uniform between its two bounds, which may be equal.
    """

    horizon: float = 20.0
    frames: int = 21
    forcing: Literal["diagonal", "kolmogorov", "none"] = "diagonal"
    amplitude: float = 0.1
    wavenumber: int = 4
    drag: float = 0.0
    viscosity_min: float = 1e-3
    viscosity_max: float = 1e-3

    name: ClassVar[str] = "navier_stokes"
    summary: ClassVar[str] = "w_t + u . grad w = nu Lap w + f on the torus, random vorticity"
    inputs: ClassVar = (
        Variable("w0", "1/s", description="initial vorticity"),
        Variable("viscosity", "m^2/s", "scalar", "kinematic viscosity nu"),
    )
    outputs: ClassVar = (Variable("w", "1/s", description="vorticity"),)
    coordinates: ClassVar = ("t", "x", "y")
    unknowns: ClassVar = ("w", "psi")  # the stream function is not stored
    step_counts: ClassVar = (8, 16, 32, 64, 128, 256, 512)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.forcing not in ("diagonal", "kolmogorov", "none"):
            raise InputError(f"expected forcing diagonal, kolmogorov or none, got '{self.forcing}'")
        if not isinstance(self.wavenumber, int) or not 1 <= self.wavenumber <= 1000:
            raise InputError(f"expected a wavenumber from 1 to 1000, got {self.wavenumber}")
        check_range("amplitude", self.amplitude, 0, 1e6)
        check_range("drag", self.drag, 0, 1e6)
        check_range("viscosity_min", self.viscosity_min, 1e-9, 1e6)
        check_range("viscosity_max", self.viscosity_max, self.viscosity_min, 1e6)

    @property
    def field(self) -> GaussianField:
        """N(0, 2 7^3 (-Lap + 49)^-2.5) on the unit torus, stretched to the torus of this problem.

        The published generator draws this law; the paper states 7^(3/2) in place of 2 7^3.
        """
        length = self.right - self.left
        extent = ((self.left, self.right),) * 2
        scale = math.sqrt(2.0) * (7 / length) ** 1.5
        return GaussianField(extent, 2.5, 7 / length, scale, "periodic", constant_mode=False)

    def draw(self, generator: np.random.Generator) -> Draw:
        viscosity = log_uniform(generator, self.viscosity_min, self.viscosity_max)
        return {"viscosity": viscosity, "w0": self.field.draw(generator)}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        w0 = self.field.evaluate(draw["w0"], grid)
        return {"w0": w0, "viscosity": np.asarray(draw["viscosity"])}

    def constants(self) -> dict[str, float]:
        return {"drag": self.drag}

    def force(self, x: Any, y: Any) -> Any:
        """The curl of the force, in the vorticity's equation."""
        turn = 2 * math.pi / (self.right - self.left)
        if self.forcing == "diagonal":
            phase = turn * (x + y)
            return self.amplitude * (sin(phase) + cos(phase))
        if self.forcing == "kolmogorov":
            k = self.wavenumber * turn
            return -self.amplitude * k * cos(k * y)
        return 0 * x

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        w, psi = u
        transport = d(psi, "y") * d(w, "x") - d(psi, "x") * d(w, "y")
        force = self.force(x["x"], x["y"])
        rate = transport - p.viscosity * d.laplacian(w) + p.drag * w - force
        return d(w, "t") + rate, d.laplacian(psi) + w

    @property
    def card(self) -> Card:
        force = {
            "diagonal": f"{self.amplitude:g} (sin + cos)(2 pi (x + y) / L)",
            "kolmogorov": f"the curl of {self.amplitude:g} sin(2 pi {self.wavenumber} y / L) e_x",
            "none": "0",
        }[self.forcing]
        return Card(
            domain=f"torus [{self.left:g}, {self.right:g})^2, t in [0, {self.horizon:g}]",
            conditions="periodic, w = w0 at t = 0",
            inputs=(
                "w0 ~ N(0, 2 7^3 (-Lap + 49)^-2.5) without mean, stretched from the unit torus; "
                f"nu log-uniform in [{self.viscosity_min:g}, {self.viscosity_max:g}]; f = {force}; "
                f"drag {self.drag:g}"
            ),
            solver="Fourier pseudo-spectral, ETDRK4 (Kassam & Trefethen 2005)",
            source="Li et al. 2021, Fourier neural operator for parametric PDEs, section 5.3",
        )

    @property
    def right_hand_side(self) -> SemiDiscrete[SpectralEquation]:
        """By hand, because the stream function is no unknown of the engine."""
        from ...solvers.spectral.equations import NAVIER_STOKES

        return SemiDiscrete(NAVIER_STOKES)

    def solver_fields(self, inputs: Arrays, grid: Grid) -> dict[str, np.ndarray]:
        return {"forcing": self.force(*grid.coordinates())}

    def conserved(self, outputs: Arrays, inputs: Arrays, grid: Grid) -> dict[str, np.ndarray]:
        return {} if self.drag else conserved_mean(self, outputs["w"], "mean vorticity")

    def resolving(self, tolerance: float) -> int:
        """Three points for the highest wave.

        Coefficients fall like exp(-|k| / k_d) with 2 pi k_d / L a tenth of (|w| / nu)^(1/2), where
        |w| is 1/s, or more where the force makes it so; the factor was measured.
        """
        length = self.right - self.left
        k = 2 * math.pi / length * (self.wavenumber if self.forcing == "kolmogorov" else 1)
        vorticity = max(1.0, math.sqrt(self.amplitude * k))
        highest = 0.07 * length * math.sqrt(vorticity / self.viscosity_min) * -math.log(tolerance)
        return math.ceil(3 * highest)
