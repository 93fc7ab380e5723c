"""Shallow water: a round dam breaks at t = 0, and a shock runs outwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...geometry.grid import Grid
from ..problem import Arrays, Card, Draw, Variable, check_range
from ..semi_discrete import SemiDiscrete
from ..stenciled import StencilProblem

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.stencils.equation import Equation

HALF = 2.5
FINE = 16  # points along each axis of a cell, for the mean of a dam that cuts it


@dataclass(frozen=True)
class ShallowWater(StencilProblem):
    """A column of water stands in a square basin of water of depth 1 m, and collapses.

    radius, depth: of the column, uniform between their bounds; depth of at least 1.
    """

    horizon: float = 1.0
    frames: int = 21
    radius_min: float = 0.3
    radius_max: float = 0.7
    depth_min: float = 1.5
    depth_max: float = 2.5
    gravity: float = 1.0

    name: ClassVar[str] = "shallow_water"
    summary: ClassVar[str] = "shallow water, a round dam of random radius and depth breaks"
    inputs: ClassVar = (
        Variable("h0", "m", description="initial depth"),
        Variable("m0", "m^2/s", description="initial discharge along x"),
        Variable("n0", "m^2/s", description="initial discharge along y"),
    )
    outputs: ClassVar = (
        Variable("h", "m", description="depth"),
        Variable("m", "m^2/s", description="discharge along x"),
        Variable("n", "m^2/s", description="discharge along y"),
    )
    coordinates: ClassVar = ("t", "x", "y")
    solver_name: ClassVar[str] = "finite volumes HLL"
    order: ClassVar[int] = 2
    scheme: ClassVar[str] = "ssprk3"
    reconstruction: ClassVar[str] = "muscl"
    flux: ClassVar[str] = "hll"
    sizes: ClassVar[tuple[int, ...]] = (16, 24, 32, 48, 64, 96, 128)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("radius_min", "radius_max"):
            check_range(name, getattr(self, name), 1e-3, HALF)
        for name in ("depth_min", "depth_max"):
            check_range(name, getattr(self, name), 1.0, 1e3)
        check_range("radius_min", self.radius_min, 0, self.radius_max)
        check_range("depth_min", self.depth_min, 0, self.depth_max)
        check_range("gravity", self.gravity, 1e-6, 1e3)

    def grid(self, resolution: int) -> Grid:
        return Grid(((-HALF, HALF),) * 2, (resolution,) * 2, centering="cell", units="m")

    def draw(self, generator: np.random.Generator) -> Draw:
        return {
            "radius": generator.uniform(self.radius_min, self.radius_max),
            "depth": generator.uniform(self.depth_min, self.depth_max),
        }

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        """Means over cells, of `FINE`^2 points each."""
        fine = Grid(grid.extent, tuple(FINE * n for n in grid.shape), centering="cell")
        x, y = fine.coordinates()
        inside = (x**2 + y**2 < draw["radius"] ** 2).reshape(grid.shape[0], FINE, -1, FINE)
        h0 = 1 + (draw["depth"] - 1) * inside.mean(axis=(1, 3))
        return {"h0": h0, "m0": np.zeros(grid.shape), "n0": np.zeros(grid.shape)}

    def constants(self) -> dict[str, float]:
        return {"gravity": float(self.gravity)}

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        h, m, n = u
        pressure = 0.5 * p.gravity * h * h
        return (
            d(h, "t") + d(m, "x") + d(n, "y"),
            d(m, "t") + d(m * m / h + pressure, "x") + d(m * n / h, "y"),
            d(n, "t") + d(m * n / h, "x") + d(n * n / h + pressure, "y"),
        )

    @property
    def right_hand_side(self) -> SemiDiscrete[Equation]:
        """By fluxes, as there are shocks."""
        from ...solvers.stencils.equations import SHALLOW_WATER_2D

        return SemiDiscrete(SHALLOW_WATER_2D, ())

    def conserved(self, outputs: Arrays, inputs: Arrays, grid: Grid) -> dict[str, np.ndarray]:
        """The mean depth, until waves can have got to the ends."""
        deepest = float(np.max(inputs["h0"]))
        # Nothing is faster than a front on dry ground.
        if self.radius_max + 2 * np.sqrt(self.gravity * deepest) * self.horizon > HALF:
            return {}
        return {"mean depth": np.asarray(outputs["h"]).mean(axis=(-2, -1))}

    @property
    def card(self) -> Card:
        return Card(
            domain=f"[-{HALF:g}, {HALF:g}]^2 m, t in [0, {self.horizon:g}] s",
            conditions="zero normal slopes on the boundary; water at rest at t = 0",
            inputs=f"depth 1 m, in a column of radius uniform in [{self.radius_min:g}, "
            f"{self.radius_max:g}] m uniform in [{self.depth_min:g}, {self.depth_max:g}] m; "
            f"gravity {self.gravity:g} m/s^2",
            solver="finite volumes, MUSCL and HLL, SSPRK3",
            source="Toro 2001, Shock-Capturing Methods for Free-Surface Shallow Flows; the radial "
            "dam break of Takamoto et al. 2022, PDEBench, with random depths",
        )
