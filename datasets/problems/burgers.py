"""Viscous Burgers: u_t + u u_x = nu u_xx on a periodic interval."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ...geometry.norms import error
from ..problem import Arrays, Card, Draw, Fidelity, Problem, TruthCheck, Variable
from ..random_fields import GaussianField

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.solution import Solution


@dataclass(frozen=True)
class Burgers(Problem):
    """Steepening waves with a viscosity that differs from sample to sample.

    initial: "gaussian" draws u(0, .) from N(0, 625 (-Lap + 25)^-2); "sine" is
        -sin(2 pi (x - centre) / L), the usual test of PINNs on [-1, 1].
    viscosity: log-uniform between its two bounds, which may be equal.
    constant_mode: False drops the mean of u(0, .), as the generator of the published data does.
    """

    initial: Literal["gaussian", "sine"] = "gaussian"
    viscosity_min: float = 0.02
    viscosity_max: float = 0.2
    left: float = 0.0
    right: float = 1.0
    horizon: float = 1.0
    frames: int = 11
    constant_mode: bool = True

    name: ClassVar[str] = "burgers"
    summary: ClassVar[str] = "u_t + u u_x = nu u_xx, periodic, random initial field and viscosity"
    inputs: ClassVar = (
        Variable("u0", "m/s", description="initial velocity"),
        Variable("viscosity", "m^2/s", "scalar", "kinematic viscosity nu"),
    )
    outputs: ClassVar = (Variable("u", "m/s", description="velocity"),)
    coordinates: ClassVar = ("t", "x")
    solver_name: ClassVar[str] = "spectral ETDRK4"

    def __post_init__(self) -> None:
        if self.initial not in ("gaussian", "sine"):
            raise InputError(f"expected initial gaussian or sine, got '{self.initial}'")
        if not 0 < self.viscosity_min <= self.viscosity_max < math.inf:
            raise InputError(
                "expected 0 < viscosity_min <= viscosity_max, got"
                f" {self.viscosity_min} and {self.viscosity_max}"
            )
        if not (math.isfinite(self.left) and self.left < self.right < math.inf):
            raise InputError(f"expected left < right, got {self.left} and {self.right}")
        if not 0 < self.horizon < math.inf:
            raise InputError(f"expected a positive horizon, got {self.horizon}")
        if self.frames < 2:
            raise InputError(f"expected at least 2 frames, got {self.frames}")

    def grid(self, resolution: int) -> Grid:
        return Grid(((self.left, self.right),), (resolution,), periodic=True, units="m")

    @property
    def times(self) -> np.ndarray:
        return np.linspace(0.0, self.horizon, self.frames)

    def endpoints(self) -> Burgers:
        return dataclasses.replace(self, frames=2)

    @property
    def field(self) -> GaussianField:
        """The law of u(0, .)."""
        extent = ((self.left, self.right),)
        return GaussianField(
            extent, 2.0, 5.0, 25.0, "periodic", modes=512, constant_mode=self.constant_mode
        )

    def draw(self, generator: np.random.Generator) -> Draw:
        low, high = math.log(self.viscosity_min), math.log(self.viscosity_max)
        viscosity = math.exp(generator.uniform(low, high))
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

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        from ...solvers.etdrk import integrate
        from ...solvers.spectral import wavenumbers

        raise NotImplementedError

    def data_fidelity(self, resolution: int, tolerance: float) -> Fidelity:
        """Enough points for the sharpest front, tanh(x / width) with width = 4 nu / jump.

        Its Fourier coefficients fall like exp(-pi^2 k width / L); the grid is a doubling of the
        stored one, so that storing is taking every so-manieth point.
        """
        jump = 2.0 if self.initial == "sine" else 5.0
        width = 4 * self.viscosity_min / jump
        highest = -math.log(tolerance) * (self.right - self.left) / (math.pi**2 * width)
        points = resolution
        while points < 3 * highest:
            points *= 2
        return Fidelity(points, tolerance)

    def ladder(self) -> tuple[Fidelity, ...]:
        """Coarse grids with few steps up to what the data was made with."""
        finest = self.data_fidelity(32, 1e-6).resolution
        sizes = [n for n in (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512) if n < finest]
        return tuple(
            Fidelity(n, 1e-6, steps=steps) for n in (*sizes, finest) for steps in (4, 8, 16, 32, 64)
        )

    def reference_fidelity(self) -> Fidelity:
        return Fidelity(2 * self.data_fidelity(32, 1e-10).resolution, 1e-10)

    def truth_checks(
        self,
        inputs: Arrays,
        outputs: Arrays,
        grid: Grid,
        fidelity: Fidelity,
        generator: np.random.Generator,
    ) -> list[TruthCheck]:
        """The first frame is the input; random windows agree with a finer solve.

        Frames are too far apart for a difference quotient, so one window a sample, between two
        stored frames, is solved again on twice the points with a tenth of the tolerance. It
        starts from a stored frame and so knows no wave beyond the stored grid: what the highest
        third of the stored waves holds is added to the limit. The first window is left out
        where frames allow: the initial field is not smooth.
        """
        u = outputs["u"].astype(float)
        eps = float(np.finfo(outputs["u"].dtype).eps)
        size = np.abs(u[:, 0]).max()
        start = TruthCheck(
            "first frame is the input",
            float(np.abs(u[:, 0] - inputs["u0"]).max() / size),
            64 * eps,
        )
        first = 1 if self.frames > 2 else 0
        chosen = generator.integers(first, self.frames - 1, size=len(u))
        before, after = u[np.arange(len(u)), chosen], u[np.arange(len(u)), chosen + 1]
        window = dataclasses.replace(self, horizon=self.horizon / (self.frames - 1), frames=2)
        finer = Fidelity(2 * fidelity.resolution, max(fidelity.tolerance / 10, 1e-12))
        fine = self.grid(finer.resolution)
        given = {"u0": self.transfer(before, grid, fine), "viscosity": inputs["viscosity"]}
        again = window.transfer(window.solve(given, finer).fields[:, 1], fine, grid)
        figure = float(np.max(error(again, after, grid)))
        tail = max(_high_share(before), _high_share(after))
        limit = 20 * (fidelity.tolerance + eps) + tail
        return [start, TruthCheck("random windows solved again, relative L2", figure, limit)]


def _high_share(u: np.ndarray) -> float:
    """Largest relative L2 size of the highest third of the waves of (batch, n) values."""
    power = np.abs(np.fft.rfft(u, axis=-1)) ** 2
    cut = 2 * power.shape[-1] // 3
    return float(np.sqrt(np.max(power[:, cut:].sum(axis=-1) / power.sum(axis=-1))))
