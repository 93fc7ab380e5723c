"""Korteweg-de Vries: u_t + u u_x + u_xxx = 0 on a periodic interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..checks import conserved_mean
from ..periodic import PeriodicProblem
from ..problem import Arrays, Card, Draw, Variable, check_range
from ..waves import SineWaves

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus


@dataclass(frozen=True)
class KdV(PeriodicProblem):
    """Long waves in shallow water: they split into solitons, which pass through one another.

    initial: "waves" draws u(0, .) as a sum of ten sine waves; "solitons" as `solitons` solitary
        waves at random places, of speeds uniform between the two bounds, u = 3 c sech^2(...).
    """

    left: float = 0.0
    right: float = 128.0
    horizon: float = 20.0
    frames: int = 51
    initial: Literal["waves", "solitons"] = "waves"
    solitons: int = 2
    speed_min: float = 0.3
    speed_max: float = 1.0

    name: ClassVar[str] = "kdv"
    summary: ClassVar[str] = "u_t + u u_x + u_xxx = 0, periodic, random waves or solitons"
    inputs: ClassVar = (Variable("u0", description="initial elevation"),)
    outputs: ClassVar = (Variable("u", description="elevation"),)
    units: ClassVar[str] = "1"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.initial not in ("waves", "solitons"):
            raise InputError(f"expected initial waves or solitons, got '{self.initial}'")
        if not isinstance(self.solitons, int) or not 1 <= self.solitons <= 100:
            raise InputError(f"expected 1 to 100 solitons, got {self.solitons}")
        check_range("speed_min", self.speed_min, 1e-6, 1e6)
        check_range("speed_max", self.speed_max, self.speed_min, 1e6)

    @property
    def waves(self) -> SineWaves:
        return SineWaves(self.right - self.left)

    def draw(self, generator: np.random.Generator) -> Draw:
        if self.initial == "waves":
            return {"waves": self.waves.draw(generator)}
        return {
            "speed": generator.uniform(self.speed_min, self.speed_max, self.solitons),
            "place": generator.uniform(self.left, self.right, self.solitons),
        }

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        x = grid.axes[0]
        if self.initial == "waves":
            return {"u0": self.waves.evaluate(draw["waves"], x - self.left)}
        return {"u0": self.solitary(x, draw["speed"], draw["place"])}

    def solitary(self, x: np.ndarray, speed: np.ndarray, place: np.ndarray) -> np.ndarray:
        """sum of 3 c sech^2(sqrt(c) (x - x_0) / 2), with the periodic image that is nearest.

        One of them moves at its speed c without a change of shape (Drazin & Johnson 1989,
        *Solitons*, section 1.1, scaled to this equation).
        """
        length = self.right - self.left
        off = np.mod(np.subtract.outer(x, place) + length / 2, length) - length / 2
        return (3 * speed / np.cosh(np.sqrt(speed) / 2 * off) ** 2).sum(axis=-1)

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        return d(u, "t") + u * d(u, "x") + d(u, "xxx")

    @property
    def card(self) -> Card:
        solitons = (
            f"{self.solitons} solitons 3 c sech^2(sqrt(c) (x - x0) / 2), c uniform in"
            f" [{self.speed_min:g}, {self.speed_max:g}], x0 uniform"
        )
        waves = "ten sine waves of 1 to 3 periods, amplitudes uniform in [-0.5, 0.5]"
        return Card(
            domain=f"x in [{self.left:g}, {self.right:g}), t in [0, {self.horizon:g}]",
            conditions="periodic in x, u = u0 at t = 0",
            inputs=waves if self.initial == "waves" else solitons,
            solver="Fourier pseudo-spectral, ETDRK4 (Kassam & Trefethen 2005)",
            source="Brandstetter, Welling & Worrall 2022, Lie point symmetry data augmentation",
        )

    def conserved(self, outputs: Arrays, inputs: Arrays, grid: Grid) -> dict[str, np.ndarray]:
        return conserved_mean(self, outputs["u"], "mass")

    def resolving(self, tolerance: float) -> int:
        """Three points for the highest wave of the fastest soliton.

        The coefficients of sech^2(sqrt(c) x / 2) fall like exp(-pi k / sqrt(c)). Waves break up
        into solitons of at most twice their height (Zabusky & Kruskal 1965), and ten of them are
        seldom higher than four of their amplitudes.
        """
        fastest = self.speed_max
        if self.initial == "waves":
            fastest = 2 * 4 * self.waves.amplitude / 3
        highest = -math.log(tolerance) * math.sqrt(fastest) / math.pi
        return math.ceil(3 * highest * (self.right - self.left) / (2 * math.pi))
