"""Waves on a square: u_tt = c^2 Lap u, with a random speed, between ends that reflect or absorb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..problem import Arrays, Card, Draw, Variable, check_range
from ..random_fields import GaussianField
from ..semi_discrete import SemiDiscrete
from ..stenciled import StencilProblem

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.stencils.boundary import Boundary
    from ...solvers.stencils.equation import Equation

Ends = Literal["reflecting", "absorbing"]
ALPHA, TAU, MODES = 4.0, 8.0, 8


@dataclass(frozen=True)
class Wave(StencilProblem):
    """A membrane that is let go at t = 0.

    ends: "reflecting" holds it at u = 0; "absorbing" lets waves out, by u_t + c u_n = 0, which
    sends back (1 - cos a) / (1 + cos a) of a wave under the angle a; speed: uniform between its
    bounds.
    """

    horizon: float = 1.0
    frames: int = 21
    ends: Ends = "reflecting"
    speed_min: float = 0.5
    speed_max: float = 2.0

    name: ClassVar[str] = "wave"
    summary: ClassVar[str] = "u_tt = c^2 Lap u on the square, reflecting or absorbing, random c"
    inputs: ClassVar = (
        Variable("u0", "m", description="initial displacement"),
        Variable("v0", "m/s", description="initial velocity"),
        Variable("speed", "m/s", "scalar", "speed c"),
    )
    outputs: ClassVar = (
        Variable("u", "m", description="displacement"),
        Variable("v", "m/s", description="velocity"),
    )
    coordinates: ClassVar = ("t", "x", "y")
    symmetries: ClassVar[bool] = True
    sizes: ClassVar[tuple[int, ...]] = (16, 24, 32, 48, 64, 96)
    reference_resolution: ClassVar[int] = 257

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ends not in get_args(Ends):
            raise InputError(f"expected ends of {', '.join(get_args(Ends))}, got '{self.ends}'")
        for name in ("speed_min", "speed_max"):
            check_range(name, getattr(self, name), 1e-6, 1e6)
        check_range("speed_min", self.speed_min, 0, self.speed_max)

    def grid(self, resolution: int) -> Grid:
        return Grid(((0.0, 1.0),) * 2, (resolution,) * 2, units="m")

    @property
    def field(self) -> GaussianField:
        """The law of u0, which is zero on the boundary."""
        return GaussianField(((0.0, 1.0),) * 2, ALPHA, TAU, TAU ** (ALPHA - 1), "dirichlet", MODES)

    def draw(self, generator: np.random.Generator) -> Draw:
        speed = generator.uniform(self.speed_min, self.speed_max)
        return {"speed": speed, "u0": self.field.draw(generator)}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        u0 = self.field.evaluate(draw["u0"], grid)
        return {"u0": u0, "v0": np.zeros(grid.shape), "speed": np.asarray(draw["speed"])}

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        u, v = u
        return d(u, "t") - v, d(v, "t") - p.speed**2 * d.laplacian(u)

    @property
    def right_hand_side(self) -> SemiDiscrete[Equation]:
        return super().right_hand_side if self.ends == "reflecting" else _open()

    def boundary(self, inputs: Arrays) -> Boundary:
        from ...solvers.stencils.boundary import Dirichlet, Neumann

        return Dirichlet() if self.ends == "reflecting" else Neumann()

    def energy(self, u: np.ndarray, v: np.ndarray, speed: np.ndarray, grid: Grid) -> np.ndarray:
        """Integral of (v^2 + c^2 |grad u|^2) / 2; fields (batch, frames, *grid), speed (batch,)."""
        from ...geometry.calculus.grids import GridCalculus

        slopes = sum(s**2 for s in GridCalculus(grid).gradient(u))
        square = np.asarray(speed, dtype=float)[:, None, None, None] ** 2
        return np.asarray(((v**2 + square * slopes) / 2 * grid.weights).sum(axis=(-2, -1)))

    @property
    def card(self) -> Card:
        ends = "u = 0" if self.ends == "reflecting" else "u_t + c u_n = 0 (Engquist & Majda 1977)"
        return Card(
            domain=f"unit square (m), t in [0, {self.horizon:g}] s",
            conditions=f"{ends} on the boundary, u = u0 and u_t = 0 at t = 0",
            inputs=f"u0 ~ N(0, c (-Lap + {TAU**2:g})^-{ALPHA:g}), sines; c uniform in "
            f"[{self.speed_min:g}, {self.speed_max:g}] m/s",
            solver="differences of fourth order, RK4",
            source="Evans 2010, Partial Differential Equations, section 2.4",
        )


def _open() -> SemiDiscrete[Equation]:
    from ...solvers.stencils.radiation import RADIATING_WAVE

    return _Open(RADIATING_WAVE, ())


class _Open(SemiDiscrete["Equation"]):
    """The wave equation with its ends in it."""

    def coefficients(self, fields: Mapping[str, np.ndarray], grid: Grid) -> dict[str, np.ndarray]:
        from ...solvers.stencils.radiation import opening

        return {"opening": opening(grid)}
