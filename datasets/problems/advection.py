"""Advection: u_t + c u_x = 0, periodic, with a random speed; the exact solution is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..problem import Arrays, Card, Draw, Fidelity, TruthCheck, Variable, check_range
from ..semi_discrete import SemiDiscrete
from ..stenciled import StencilProblem
from ..waves import SineWaves

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.stencils.equation import Equation


@dataclass(frozen=True)
class Advection(StencilProblem):
    """A profile that is carried around a circle of length 1.

    speed: uniform between its bounds, of either sign; count, highest: of the sine waves of u0.
    """

    horizon: float = 2.0
    frames: int = 41
    speed_min: float = 0.1
    speed_max: float = 1.0
    count: int = 2
    highest: int = 8

    name: ClassVar[str] = "advection"
    summary: ClassVar[str] = "u_t + c u_x = 0, periodic interval, random c and initial profile"
    inputs: ClassVar = (
        Variable("u0", description="initial profile"),
        Variable("speed", "m/s", "scalar", "speed c"),
    )
    outputs: ClassVar = (Variable("u", description="profile"),)
    solver_name: ClassVar[str] = "WENO5 RK4"
    order: ClassVar[int] = 2  # of derivatives, of which there are none; fluxes are of order 5
    sizes: ClassVar[tuple[int, ...]] = (16, 24, 32, 48, 64, 96, 128, 192, 256)
    reference_resolution: ClassVar[int] = 1024

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("speed_min", "speed_max"):
            check_range(name, getattr(self, name), -1e6, 1e6)
        check_range("speed_min", self.speed_min, -1e6, self.speed_max)
        check_range("count", self.count, 1, 64)
        check_range("highest", self.highest, 1, 64)

    def grid(self, resolution: int) -> Grid:
        return Grid(((0.0, 1.0),), (resolution,), periodic=True, units="m")

    @property
    def waves(self) -> SineWaves:
        return SineWaves(1.0, self.count, 1.0, self.highest)

    def draw(self, generator: np.random.Generator) -> Draw:
        speed = generator.uniform(self.speed_min, self.speed_max)
        return {"speed": speed, "waves": self.waves.draw(generator)}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        u0 = self.waves.evaluate(draw["waves"], grid.axes[0])
        return {"u0": u0, "speed": np.asarray(draw["speed"])}

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        return d(u, "t") + p.speed * d(u, "x")

    @property
    def right_hand_side(self) -> SemiDiscrete[Equation]:
        """By fluxes, so that nothing is lost and steep profiles do not ring."""
        from ...solvers.stencils.equations import ADVECTION

        return SemiDiscrete(ADVECTION, ())

    @property
    def card(self) -> Card:
        return Card(
            domain=f"[0, 1) m, t in [0, {self.horizon:g}] s",
            conditions="periodic, u = u0 at t = 0",
            inputs=f"u0 a sum of {self.count} sines of up to {self.highest} periods; c uniform in "
            f"[{self.speed_min:g}, {self.speed_max:g}] m/s",
            solver="finite differences of fluxes, WENO5 (Jiang & Shu 1996), RK4",
            source="Takamoto et al. 2022, PDEBench, section D.1 (their speeds are fixed)",
        )

    def data_fidelity(self, resolution: int, tolerance: float) -> Fidelity:
        """The stored grid, doubled until the shortest wave has 64 points.

        Raises InputError where the stored grid does not hold that wave: frames could not be told
        from others then.
        """
        if resolution <= 2 * self.highest:
            raise InputError(
                f"expected more than {2 * self.highest} points for waves of {self.highest} periods,"
                f" got {resolution}; refine the grid or lower highest"
            )
        points = resolution
        while points < 64 * self.highest:
            points *= 2
        return Fidelity(points, tolerance)

    def allowance(
        self, inputs: Arrays, before: np.ndarray, again: np.ndarray, grid: Grid, fidelity: Fidelity
    ) -> np.ndarray:
        """Beside the error of the window that of the way before it, as the stored grid does not
        hold all waves of it."""
        return super().allowance(inputs, before, again, grid, fidelity) + self.error(fidelity)

    def error(self, fidelity: Fidelity) -> float:
        """A bound of the relative error at the end: WENO5 errs by about (2 pi / points a wave)^5
        / 60 a radian of the way, of which this takes the double."""
        wave = 2 * np.pi * self.highest
        radians = wave * self.horizon * max(abs(self.speed_min), abs(self.speed_max))
        return 2 * radians * (wave / fidelity.resolution) ** 5 / 60

    def exact(self, inputs: Arrays, grid: Grid) -> np.ndarray:
        """(batch, frames, points): the Fourier series of u0, moved."""
        u_hat = np.fft.rfft(np.asarray(inputs["u0"], dtype=float))
        k = 2 * np.pi * np.arange(u_hat.shape[-1])
        way = np.multiply.outer(np.asarray(inputs["speed"], dtype=float), self.times)
        return np.fft.irfft(u_hat[:, None] * np.exp(-1j * way[..., None] * k), grid.shape[0])

    def truth_checks(
        self,
        inputs: Arrays,
        outputs: Arrays,
        grid: Grid,
        fidelity: Fidelity,
        generator: np.random.Generator,
    ) -> list[TruthCheck]:
        """The checks of every trajectory, and the exact solution."""
        checks = super().truth_checks(inputs, outputs, grid, fidelity, generator)
        exact = self.exact(inputs, grid)
        off = np.linalg.norm(np.asarray(outputs["u"], dtype=float) - exact, axis=(1, 2))
        figure = float((off / np.linalg.norm(exact, axis=(1, 2))).max())
        limit = self.error(fidelity)
        return [*checks, TruthCheck("exact solution, relative L2", figure, limit)]
