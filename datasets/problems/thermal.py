"""Steady heat conduction: -div(kappa grad T) = 0 between a cold and a warm side, random kappa."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
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
    check_phases,
    check_range,
)
from ..random_fields import GaussianField

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.solution import Solution

SQUARE = ((0.0, 1.0), (0.0, 1.0))
CONDITIONS = ("dirichlet", "neumann")
"""Temperatures at the ends of x; no heat through the ends of y."""
SIDES = ("left", "right")


@dataclass(frozen=True)
class Thermal(Problem):
    """A plate of a random composite, held at two temperatures and insulated between them.

    conductivity: "threshold" takes `high` where the Gaussian field g is positive and `low`
        elsewhere; "lognormal" takes exp(contrast * g).
    left_min, left_max, right_min, right_max: bounds of the uniform temperatures of the two sides,
        by default those of Wang et al. 2024: U(-100, 0) and U(0, 100).
    """

    conductivity: Literal["threshold", "lognormal"] = "threshold"
    low: float = 1.0
    high: float = 20.0
    contrast: float = 10.0
    left_min: float = -100.0
    left_max: float = 0.0
    right_min: float = 0.0
    right_max: float = 100.0

    name: ClassVar[str] = "thermal"
    summary: ClassVar[str] = "-div(kappa grad T) = 0 between two temperatures, random kappa"
    inputs: ClassVar = (
        Variable("kappa", "W/(m K)", description="thermal conductivity"),
        Variable("left", "degC", "scalar", "temperature at x = 0"),
        Variable("right", "degC", "scalar", "temperature at x = 1"),
    )
    outputs: ClassVar = (Variable("T", "degC", description="temperature"),)
    coordinates: ClassVar = ("x", "y")
    solver_name: ClassVar[str] = "multigrid CG"

    def __post_init__(self) -> None:
        if self.conductivity not in ("threshold", "lognormal"):
            raise InputError(
                f"expected conductivity threshold or lognormal, got '{self.conductivity}'"
            )
        check_phases(self.low, self.high)
        check_range("contrast", self.contrast, 1e-6, 500)  # exp(contrast g) is finite
        for side in ("left", "right"):
            low, high = getattr(self, f"{side}_min"), getattr(self, f"{side}_max")
            check_range(f"{side}_min", low, -1e100, 1e100)
            check_range(f"{side}_max", high, -1e100, 1e100)
            if low > high:
                raise InputError(f"expected {side}_min <= {side}_max, got {low} and {high}")

    def grid(self, resolution: int) -> Grid:
        """Cells, so that jumps of kappa lie on faces."""
        return Grid(SQUARE, (resolution, resolution), centering="cell", units="m")

    @property
    def field(self) -> GaussianField:
        """The law of g, that of `darcy`."""
        return GaussianField(SQUARE, alpha=2.0, tau=3.0, modes=128)

    def draw(self, generator: np.random.Generator) -> Draw:
        left = generator.uniform(self.left_min, self.left_max)
        right = generator.uniform(self.right_min, self.right_max)
        return {"left": left, "right": right, "g": self.field.draw(generator)}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        g = self.field.evaluate(draw["g"], grid)
        threshold = self.conductivity == "threshold"
        kappa = np.where(g > 0, self.high, self.low) if threshold else np.exp(self.contrast * g)
        return {
            "kappa": kappa,
            "left": np.asarray(draw["left"]),
            "right": np.asarray(draw["right"]),
        }

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        return -d.diffusion(p.kappa, u)

    def end_conditions(self, inputs: Mapping[str, Any]) -> tuple[End, ...]:
        held = [End("x", name == "right", "T", "value", float(inputs[name])) for name in SIDES]
        return (*held, End("y", False, "T", "slope"), End("y", True, "T", "slope"))

    @property
    def card(self) -> Card:
        law = (
            f"kappa = {self.high:g} where g > 0, else {self.low:g}"
            if self.conductivity == "threshold"
            else f"kappa = exp({self.contrast:g} g)"
        )
        return Card(
            domain="unit square, cell-centred grid",
            conditions="T = left at x = 0, T = right at x = 1, no flux at y = 0 and y = 1",
            inputs=(
                f"{law}; g ~ N(0, (-Lap + 9)^-2), Neumann eigenfunctions; "
                f"left ~ U({self.left_min:g}, {self.left_max:g}), "
                f"right ~ U({self.right_min:g}, {self.right_max:g})"
            ),
            solver="cell-centred finite volumes, harmonic face coefficients, multigrid CG",
            source="temperatures of the two sides: Wang et al. 2024, arXiv 2401.09516, appendix",
        )

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        from ...solvers.elliptic import solve_diffusion

        grid = self.grid(fidelity.resolution)
        return solve_diffusion(
            inputs["kappa"], _side_source(inputs, grid), grid, rtol=fidelity.tolerance,
            threads=threads, conditions=CONDITIONS,
        )  # fmt: skip

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
        """Heat is conserved, stays between the two temperatures, and is neither more nor less
        than Rayleigh's bounds allow. None of the three knows the matrix or the solver.

        All limits grow by what the solver's tolerance and the precision of storage can move.
        """
        eps = float(np.finfo(outputs["T"].dtype).eps)
        checks = [
            _Plate(kappa, T, float(left), float(right), grid)
            for kappa, T, left, right in zip(
                inputs["kappa"].astype(float), outputs["T"].astype(float), inputs["left"],
                inputs["right"], strict=True,
            )
        ]  # fmt: skip
        names = (
            "heat flow the same through all sections, relative",
            "temperature outside of the two sides', relative",
            "heat flow outside of Rayleigh's bounds, relative",
        )
        figures = np.array([plate.figures() for plate in checks])
        slack = np.array([plate.slack(fidelity.tolerance, eps) for plate in checks])
        worst = np.argmax(np.nan_to_num(figures / slack[:, None], nan=math.inf), axis=0)
        return [
            TruthCheck(name, float(figures[at, i]), float(slack[at]))
            for i, (name, at) in enumerate(zip(names, worst, strict=True))
        ]


def _side_source(inputs: Arrays, grid: Grid) -> np.ndarray:
    """What the two temperatures add to the right-hand side, (batch, n0, n1)."""
    kappa = inputs["kappa"]
    source = np.zeros(kappa.shape)
    weight = 2.0 / grid.spacing[0] ** 2
    source[:, 0] += weight * kappa[:, 0] * np.reshape(inputs["left"], (-1, 1))
    source[:, -1] += weight * kappa[:, -1] * np.reshape(inputs["right"], (-1, 1))
    return source


class _Plate:
    """One stored sample as resistors between its cells, for the truth checks."""

    def __init__(
        self, kappa: np.ndarray, T: np.ndarray, left: float, right: float, grid: Grid
    ) -> None:
        resistance = 0.5 / kappa  # from a cell's centre to its faces, squares of unit depth
        ends = np.zeros((1, kappa.shape[1]))
        before, after = np.vstack([ends, resistance]), np.vstack([resistance, ends])
        self.conductance = grid.spacing[1] / grid.spacing[0] / (before + after)
        rows = np.full((1, kappa.shape[1]), left), T, np.full((1, kappa.shape[1]), right)
        self.T, self.left, self.right = T, left, right
        self.flow = (self.conductance * np.diff(np.vstack(rows), axis=0)).sum(axis=1)
        # Rayleigh 1899: links across cut bound the flow from below, shortened ones from above.
        self.least = float(np.sum(1 / np.sum(1 / self.conductance, axis=0)))
        self.most = float(1 / np.sum(1 / np.sum(self.conductance, axis=1)))

    def figures(self) -> tuple[float, float, float]:
        """Relative violations, 0 where there is none."""
        drop = self.right - self.left
        low, high = min(self.left, self.right), max(self.left, self.right)
        if drop == 0:
            return 0.0, float(np.max(np.abs(self.T - low))) / (abs(low) or 1.0), 0.0
        flow = self.flow / drop
        spread = float(np.max(np.abs(flow - flow.mean()))) / self.most
        outside = float(max(low - self.T.min(), self.T.max() - high, 0.0)) / abs(drop)
        bounds = max(self.least - flow.mean(), flow.mean() - self.most, 0.0) / self.most
        return spread, outside, float(bounds)

    def slack(self, tolerance: float, eps: float) -> float:
        """What a relative residual of `tolerance` and rounding of T to `eps` may do to a figure.

        A residual r changes the flow by at most the sum of |r| over all cells, so by |r| times
        the root of their number, and b holds the two temperatures on the outer links.
        """
        size = max(abs(self.left), abs(self.right)) / (abs(self.right - self.left) or 1.0)
        outer = np.linalg.norm(self.conductance[[0, -1]])
        solver = 2 * tolerance * outer * math.sqrt(self.T.size)
        storage = eps * float(np.max(self.conductance.sum(axis=1)))
        return float(size * (solver + storage) / self.most) + 64 * 2.2e-16
