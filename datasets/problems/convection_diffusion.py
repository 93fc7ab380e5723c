"""Convection-diffusion: v . grad u - kappa Lap u = 1 on the unit square, v from a random psi."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..checks import dual_norm, equation_check, matrix_check
from ..problem import (
    ITERATED,
    Arrays,
    Card,
    Draw,
    End,
    Fidelity,
    Problem,
    TruthCheck,
    Variable,
    check_range,
)
from ..random_fields import GaussianField, log_uniform

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.convection_diffusion import ConvectionDiffusionOperator
    from ...solvers.solution import Solution

SQUARE = ((0.0, 1.0), (0.0, 1.0))
MODES = 32
DECAY = 4.0  # psi ~ N(0, scale^2 (-Lap + 25)^-4)
TAU = 5.0


@dataclass(frozen=True)
class ConvectionDiffusion(Problem):
    """The temperature of a stirred fluid that is heated evenly, between walls at temperature zero.

    flow: "closed" turns in the box (psi = 0 on the walls); "open" also crosses them.
    speed: root mean square of |v| over the law.
    diffusivity: log-uniform between its two bounds, which may be equal. The default Peclet
        numbers, speed times length over kappa, are 3 to 100.
    """

    flow: Literal["closed", "open"] = "closed"
    speed: float = 1.0
    diffusivity_min: float = 0.01
    diffusivity_max: float = 0.3

    name: ClassVar[str] = "convection_diffusion"
    summary: ClassVar[str] = "v . grad u - kappa Lap u = 1 on the square, random flow and kappa"
    inputs: ClassVar = (
        Variable("psi", "m^2/s", description="stream function of the velocity"),
        Variable("diffusivity", "m^2/s", "scalar", "thermal diffusivity kappa"),
    )
    outputs: ClassVar = (Variable("u", "K", description="temperature"),)
    coordinates: ClassVar = ("x", "y")
    solver_name: ClassVar[str] = "multigrid BiCGSTAB"

    def __post_init__(self) -> None:
        if self.flow not in ("closed", "open"):
            raise InputError(f"expected flow closed or open, got '{self.flow}'")
        for name in ("speed", "diffusivity_min", "diffusivity_max"):
            check_range(name, getattr(self, name), 1e-6, 1e3)
        if self.diffusivity_min > self.diffusivity_max:
            raise InputError(
                f"expected diffusivity_min of at most diffusivity_max, got {self.diffusivity_min}"
                f" and {self.diffusivity_max}"
            )

    def grid(self, resolution: int) -> Grid:
        """Cells, whose faces the fluid crosses."""
        return Grid(SQUARE, (resolution, resolution), centering="cell", units="m")

    @property
    def field(self) -> GaussianField:
        """The law of psi; its scale makes the mean of |grad psi|^2 the square of the speed."""
        first = 1 if self.flow == "closed" else 0
        k = np.arange(first, first + MODES)
        rates = math.pi**2 * np.add.outer(k**2, k**2)
        mean_square = np.sum(rates * (rates + TAU**2) ** -DECAY)
        return GaussianField(
            SQUARE,
            alpha=DECAY,
            tau=TAU,
            scale=self.speed / math.sqrt(mean_square),
            boundary="dirichlet" if self.flow == "closed" else "neumann",
            modes=MODES,
        )

    def draw(self, generator: np.random.Generator) -> Draw:
        diffusivity = log_uniform(generator, self.diffusivity_min, self.diffusivity_max)
        return {"diffusivity": diffusivity, "psi": self.field.draw(generator)}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        psi = self.field.evaluate(draw["psi"], grid)
        return {"psi": psi, "diffusivity": np.asarray(draw["diffusivity"])}

    def constants(self) -> dict[str, float]:
        return {"f": 1.0}

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        convection = d(p.psi, "y") * d(u, "x") - d(p.psi, "x") * d(u, "y")
        return convection - p.diffusivity * d.laplacian(u) - p.f

    def end_conditions(self, inputs: Mapping[str, Any]) -> tuple[End, ...]:
        return self.all_ends("value")

    @property
    def card(self) -> Card:
        kind = "Dirichlet" if self.flow == "closed" else "Neumann"
        return Card(
            domain="unit square, cell-centred grid",
            conditions="u = 0 on the boundary",
            inputs=(
                f"v = (d psi/dy, -d psi/dx); psi ~ N(0, c (-Lap + {TAU**2:g})^-{DECAY:g}), {kind} "
                f"eigenfunctions ({self.flow} flow), c such that |v| is {self.speed:g} m/s (rms); "
                f"kappa log-uniform in [{self.diffusivity_min:g}, {self.diffusivity_max:g}]; "
                "heating 1 K/s"
            ),
            solver="cell-centred finite volumes, power-law scheme, multigrid BiCGSTAB",
            source="Patankar 1980, Numerical Heat Transfer and Fluid Flow, chapter 5 (scheme)",
        )

    def operator(
        self, psi: np.ndarray, diffusivity: float, grid: Grid
    ) -> ConvectionDiffusionOperator:
        """The discrete equation of one sample; psi: (n, n), on cells."""
        from ...solvers.convection_diffusion import ConvectionDiffusionOperator, stream_velocity

        v = stream_velocity(self._on_corners(psi.astype(float)), grid)
        return ConvectionDiffusionOperator(float(diffusivity), v, grid, scheme="power_law")

    def _on_corners(self, psi: np.ndarray) -> np.ndarray:
        """Means of the four cells around each corner; beyond walls psi is odd, or goes on."""
        if self.flow == "open":
            around = np.pad(psi, 1, mode="reflect", reflect_type="odd")
        else:
            around = np.pad(psi, 1, mode="edge")
            around[[0, -1], :] *= -1
            around[:, [0, -1]] *= -1
        sums = around[:-1] + around[1:]
        return 0.25 * (sums[:, :-1] + sums[:, 1:])

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        from ...solvers.sequences import LinearSystem, solve_batch

        grid = self.grid(fidelity.resolution)
        b = np.ones(grid.size)

        def system(psi: np.ndarray, diffusivity: float) -> LinearSystem:
            return LinearSystem(self.operator(np.asarray(psi), diffusivity, grid), b, psi)

        pairs = zip(inputs["psi"], inputs["diffusivity"], strict=True)
        systems = [partial(system, psi, diffusivity) for psi, diffusivity in pairs]
        return solve_batch(systems, grid.shape, fidelity.tolerance, threads=threads)

    def ladder(self) -> tuple[Fidelity, ...]:
        return ITERATED

    def reference_fidelity(self) -> Fidelity:
        return Fidelity(512, 1e-9)

    def truth_checks(
        self,
        inputs: Arrays,
        outputs: Arrays,
        grid: Grid,
        fidelity: Fidelity,
        generator: np.random.Generator,
    ) -> list[TruthCheck]:
        """The assembled matrix, the equation as it is written, and the maximum principle."""
        psi, diffusivity, u = inputs["psi"], inputs["diffusivity"], outputs["u"].astype(float)
        f = np.ones(grid.size)
        systems = (
            (self.operator(flow, kappa, grid).to_csr(), f, solution.ravel())
            for flow, kappa, solution in zip(psi, diffusivity, u, strict=True)
        )
        eps = max(float(np.finfo(stored.dtype).eps) for stored in (outputs["u"], psi))
        below = np.max(-u.min(axis=(1, 2)) / np.abs(u).max(axis=(1, 2)), initial=0.0)
        return [
            matrix_check(systems, fidelity.tolerance, 2 * eps),  # of u, and of what makes A
            *self._equation_check(inputs, u, grid),
            TruthCheck("maximum principle, -min u / max |u|", float(below), fidelity.tolerance),
        ]

    def _equation_check(self, inputs: Arrays, u: np.ndarray, grid: Grid) -> list[TruthCheck]:
        """The equation relative to f.

        Differences err with the cell Peclet number, more where the flow runs into a cold wall.
        Where the grid does not resolve the layers they say nothing, and the check is left out.
        """
        cell_peclet = self.speed * grid.spacing[0] / float(np.min(inputs["diffusivity"]))
        slope = 0.1 if self.flow == "closed" else 0.4
        limit = 2 * grid.spacing[0] + slope * cell_peclet
        size = dual_norm(np.ones(grid.shape), grid)
        return [equation_check(self, inputs, u, grid, size, limit)] if limit < 1 else []
