"""Heat: u_t = D Lap u on a box of one to three dimensions, D and the first temperature random."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..problem import Arrays, Card, Draw, Fidelity, TruthCheck, Variable, check_range
from ..random_fields import GaussianField
from ..stenciled import StencilProblem

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.stencils.boundary import Boundary

Ends = Literal["dirichlet", "neumann", "periodic"]
ALPHA, TAU, MODES = 3.0, 8.0, 12


@dataclass(frozen=True)
class Heat(StencilProblem):
    """A body that was heated unevenly.

    dimensions: 1, 2 or 3; ends: "dirichlet" held at u = 0, "neumann" insulated, or "periodic";
    diffusivity: log-uniform between its two bounds, which may be equal.
    """

    horizon: float = 1.0
    frames: int = 11
    dimensions: int = 2
    ends: Ends = "dirichlet"
    diffusivity_min: float = 1e-3
    diffusivity_max: float = 1e-2

    name: ClassVar[str] = "heat"
    summary: ClassVar[str] = "u_t = D Lap u on a box, random D and initial temperature"
    inputs: ClassVar = (
        Variable("u0", "K", description="initial temperature"),
        Variable("diffusivity", "m^2/s", "scalar", "thermal diffusivity D"),
    )
    outputs: ClassVar = (Variable("u", "K", description="temperature"),)
    symmetries: ClassVar[bool] = True
    reference_resolution: ClassVar[int] = 193

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dimensions not in (1, 2, 3):
            raise InputError(f"expected 1, 2 or 3 dimensions, got {self.dimensions}")
        if self.ends not in get_args(Ends):
            raise InputError(f"expected ends of {', '.join(get_args(Ends))}, got '{self.ends}'")
        for name in ("diffusivity_min", "diffusivity_max"):
            check_range(name, getattr(self, name), 1e-12, 1e6)
        check_range("diffusivity_min", self.diffusivity_min, 0, self.diffusivity_max)

    @property
    def coordinates(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("t", *"xyz"[: self.dimensions])

    def grid(self, resolution: int) -> Grid:
        extent = ((0.0, 1.0),) * self.dimensions
        periodic = self.ends == "periodic"
        return Grid(extent, (resolution,) * self.dimensions, periodic=periodic, units="m")

    @property
    def field(self) -> GaussianField:
        """The law of u0: eigenfunctions of the same ends."""
        # TAU^ALPHA makes fields of about one kelvin.
        extent = ((0.0, 1.0),) * self.dimensions
        scale = TAU ** (ALPHA - self.dimensions / 2)
        return GaussianField(extent, ALPHA, TAU, scale, self.ends, MODES)

    def draw(self, generator: np.random.Generator) -> Draw:
        bounds = math.log(self.diffusivity_min), math.log(self.diffusivity_max)
        return {
            "diffusivity": math.exp(generator.uniform(*bounds)),
            "u0": self.field.draw(generator),
        }

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        u0 = self.field.evaluate(draw["u0"], grid)
        return {"u0": u0, "diffusivity": np.asarray(draw["diffusivity"])}

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        return d(u, "t") - p.diffusivity * d.laplacian(u)

    def boundary(self, inputs: Arrays) -> Boundary:
        from ...solvers.stencils.boundary import Dirichlet, Neumann

        return Dirichlet() if self.ends == "dirichlet" else Neumann()

    @property
    def card(self) -> Card:
        conditions = {
            "dirichlet": "u = 0 on the boundary",
            "neumann": "zero normal slope on the boundary",
            "periodic": "periodic along every axis",
        }
        return Card(
            domain=f"[0, 1]^{self.dimensions} m, t in [0, {self.horizon:g}] s",
            conditions=f"{conditions[self.ends]}, u = u0 at t = 0",
            inputs=f"u0 ~ N(0, c (-Lap + {TAU**2:g})^-{ALPHA:g}); D log-uniform in "
            f"[{self.diffusivity_min:g}, {self.diffusivity_max:g}] m^2/s",
            solver="differences of fourth order, RK4",
            source="Evans 2010, Partial Differential Equations, section 2.3",
        )

    def conserved(self, outputs: Arrays, inputs: Arrays, grid: Grid) -> dict[str, np.ndarray]:
        """The mean temperature, where no heat can leave."""
        if self.ends == "dirichlet":
            return {}
        axes = tuple(range(-grid.ndim, 0))
        weights = grid.weights / grid.weights.sum()
        mean = (outputs["u"] * weights).sum(axis=axes)
        return {"mean": mean / np.abs(outputs["u"]).max(axis=(1, *axes))[:, None]}

    def truth_checks(
        self,
        inputs: Arrays,
        outputs: Arrays,
        grid: Grid,
        fidelity: Fidelity,
        generator: np.random.Generator,
    ) -> list[TruthCheck]:
        """The checks of every trajectory, and the maximum principle."""
        checks = super().truth_checks(inputs, outputs, grid, fidelity, generator)
        u = np.asarray(outputs["u"], dtype=float)
        peaks = np.abs(u).max(axis=tuple(range(2, u.ndim)))
        growth = float((peaks[:, 1:] / peaks[:, :1]).max() - 1)
        return [*checks, TruthCheck("maximum principle, growth of max |u|", growth, 1e-6)]
