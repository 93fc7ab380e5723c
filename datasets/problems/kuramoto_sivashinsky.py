"""Kuramoto-Sivashinsky: u_t + u u_x + u_xx + u_xxxx = 0 on a periodic interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...geometry.grid import Grid
from ..checks import conserved_mean
from ..periodic import PeriodicProblem
from ..problem import Arrays, Card, Draw, Variable
from ..waves import SineWaves

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus


@dataclass(frozen=True)
class KuramotoSivashinsky(PeriodicProblem):
    """Flame fronts: long waves grow, short ones are damped, and what is between is chaos.

    Errors grow by a factor e in about twenty units of time on intervals of length 22, in about
    ten on long ones.
    """

    left: float = 0.0
    right: float = 64.0
    horizon: float = 40.0
    frames: int = 41

    name: ClassVar[str] = "kuramoto_sivashinsky"
    summary: ClassVar[str] = "u_t + u u_x + u_xx + u_xxxx = 0, periodic, random waves, chaotic"
    inputs: ClassVar = (Variable("u0", description="initial slope of the front"),)
    outputs: ClassVar = (Variable("u", description="slope of the front"),)
    units: ClassVar[str] = "1"

    @property
    def waves(self) -> SineWaves:
        return SineWaves(self.right - self.left)

    def draw(self, generator: np.random.Generator) -> Draw:
        return {"waves": self.waves.draw(generator)}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        return {"u0": self.waves.evaluate(draw["waves"], grid.axes[0] - self.left)}

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        return d(u, "t") + u * d(u, "x") + d(u, "xx") + d(u, "xxxx")

    @property
    def card(self) -> Card:
        return Card(
            domain=f"x in [{self.left:g}, {self.right:g}), t in [0, {self.horizon:g}]",
            conditions="periodic in x, u = u0 at t = 0",
            inputs="ten sine waves of 1 to 3 periods, amplitudes uniform in [-0.5, 0.5]",
            solver="Fourier pseudo-spectral, ETDRK4 (Kassam & Trefethen 2005)",
            source="Brandstetter, Welling & Worrall 2022, Lie point symmetry data augmentation;"
            " dynamics in Cvitanovic, Davidchack & Siminos 2010",
        )

    def conserved(self, outputs: Arrays, inputs: Arrays, grid: Grid) -> dict[str, np.ndarray]:
        return conserved_mean(self, outputs["u"])

    def resolving(self, tolerance: float) -> int:
        """Three points for the highest wave, where the spectrum falls like exp(-2.5 k).

        Solutions are analytic in a strip whose width does not depend on the length of the interval
        (Collet, Eckmann, Epstein & Stubbe 1993).
        """
        highest = -np.log(tolerance) / 2.5
        return int(np.ceil(3 * highest * (self.right - self.left) / (2 * np.pi)))
