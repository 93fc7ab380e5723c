"""Nonlinear Schroedinger: i psi_t + psi_xx / 2 + |psi|^2 psi = 0, psi = u + i v, periodic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..periodic import PeriodicProblem
from ..problem import Card, Draw, Variable, check_range

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus

FASTEST = 4  # waves on the interval that the phase of a soliton turns through, at most


@dataclass(frozen=True)
class Schroedinger(PeriodicProblem):
    """Envelopes of light in a fibre or of waves on deep water: bright solitons that meet.

    solitons: how many; height_min, height_max: bounds of their heights, which are uniform.
    """

    left: float = -20.0
    right: float = 20.0
    horizon: float = 10.0
    frames: int = 51
    solitons: int = 2
    height_min: float = 0.8
    height_max: float = 1.6

    name: ClassVar[str] = "schroedinger"
    summary: ClassVar[str] = "i psi_t + psi_xx / 2 + |psi|^2 psi = 0, periodic, random solitons"
    inputs: ClassVar = (
        Variable("u0", description="initial real part"),
        Variable("v0", description="initial imaginary part"),
    )
    outputs: ClassVar = (
        Variable("u", description="real part of psi"),
        Variable("v", description="imaginary part of psi"),
    )
    units: ClassVar[str] = "1"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.solitons, int) or not 1 <= self.solitons <= 100:
            raise InputError(f"expected 1 to 100 solitons, got {self.solitons}")
        check_range("height_min", self.height_min, 1e-6, 1e6)
        check_range("height_max", self.height_max, self.height_min, 1e6)

    def draw(self, generator: np.random.Generator) -> Draw:
        count = self.solitons
        return {
            "height": generator.uniform(self.height_min, self.height_max, count),
            "place": generator.uniform(self.left, self.right, count),
            "number": generator.integers(-FASTEST, FASTEST + 1, count),
            "phase": generator.uniform(0, 2 * np.pi, count),
        }

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        """sum of a sech(a (x - x_0)) exp(i (k x + phi)), each with its periodic images.

        One of them alone on the line moves at its wave number k, which is 2 pi / L times a whole
        number (Zakharov & Shabat 1972).
        """
        length = self.right - self.left
        wave = 2 * np.pi / length * draw["number"]
        off = np.mod(np.subtract.outer(grid.axes[0], draw["place"]), length)
        envelope = sum(1 / np.cosh(draw["height"] * (off - i * length)) for i in (-1, 0, 1, 2))
        carrier = np.exp(1j * (np.multiply.outer(grid.axes[0], wave) + draw["phase"]))
        psi = (draw["height"] * envelope * carrier).sum(axis=-1)
        return {"u0": psi.real, "v0": psi.imag}

    def residual(
        self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace
    ) -> tuple[Any, Any]:
        u, v = u
        density = u**2 + v**2
        return (
            d(u, "t") + d(v, "xx") / 2 + density * v,
            d(v, "t") - d(u, "xx") / 2 - density * u,
        )

    @property
    def card(self) -> Card:
        return Card(
            domain=f"x in [{self.left:g}, {self.right:g}), t in [0, {self.horizon:g}]",
            conditions="periodic in x, u = u0 and v = v0 at t = 0",
            inputs=f"{self.solitons} solitons a sech(a (x - x0)) exp(i (k x + phi)), a uniform in"
            f" [{self.height_min:g}, {self.height_max:g}], x0 and phi uniform, k L / 2 pi one of"
            f" -{FASTEST} .. {FASTEST}",
            solver="Fourier pseudo-spectral, ETDRK4 (Kassam & Trefethen 2005)",
            source="Zakharov & Shabat 1972, Exact theory of two-dimensional self-focusing",
        )

    def resolving(self, tolerance: float) -> int:
        """Four points for the highest wave, as cubes alias from a quarter of the points.

        The Fourier transform of a sech(a x) falls like exp(-pi k / (2 a)); solitons that meet add
        their heights.
        """
        height = self.height_max * min(self.solitons, 2)
        turns = 2 * math.pi * FASTEST / (self.right - self.left)
        highest = turns - math.log(tolerance) * 2 * height / math.pi
        return math.ceil(4 * highest * (self.right - self.left) / (2 * math.pi))
