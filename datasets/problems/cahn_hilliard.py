"""Cahn-Hilliard: u_t = Lap(u^3 - u - width^2 Lap u) on a periodic square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...geometry.grid import Grid
from ..checks import conserved_mean
from ..problem import Arrays, Card
from .allen_cahn import AllenCahn

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus


@dataclass(frozen=True)
class CahnHilliard(AllenCahn):
    """A mixture that comes apart into two phases, -1 and 1, and then coarsens.

    It lowers the energy of Allen-Cahn, but keeps the amount of each phase.
    """

    horizon: float = 0.05
    frames: int = 26
    mean: float = 0.0
    amplitude: float = 0.1

    name: ClassVar[str] = "cahn_hilliard"
    summary: ClassVar[str] = "u_t = Lap(u^3 - u - width^2 Lap u), periodic square, a mixture"
    solver_name: ClassVar[str] = "spectral ETDRK4"

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        return d(u, "t") - d.laplacian(u**3 - u - p.width**2 * d.laplacian(u))

    @property
    def card(self) -> Card:
        return Card(
            domain=f"[{self.left:g}, {self.right:g})^2, t in [0, {self.horizon:g}]",
            conditions="periodic in x and y, u = u0 at t = 0",
            inputs=f"u0 Gaussian of mean {self.mean:g}, size {self.amplitude:g} and waves of"
            f" {self.wave_length:g}; width {self.width:g}",
            solver="Fourier pseudo-spectral, ETDRK4 (Kassam & Trefethen 2005)",
            source="Cahn & Hilliard 1958, Free energy of a nonuniform system, I",
        )

    def conserved(self, outputs: Arrays, inputs: Arrays, grid: Grid) -> dict[str, np.ndarray]:
        return conserved_mean(self, outputs["u"], "mass")
