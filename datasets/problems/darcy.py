"""Darcy flow: -div(a grad u) = f on the unit square, zero Dirichlet values, random a."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    check_phases,
    check_range,
)
from ..random_fields import GaussianField

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.solution import Solution

SQUARE = ((0.0, 1.0), (0.0, 1.0))


@dataclass(frozen=True)
class Darcy(Problem):
    """Steady flow through a random medium.

    coefficient: "threshold" takes `high` where the Gaussian field g is positive and `low`
        elsewhere; "lognormal" takes exp(contrast * g).
    constant_mode: the law N(0, (-Lap + 9)^-2) as it is written. False drops the constant mode of
        g, as the generator of the published data does.
    """

    coefficient: Literal["threshold", "lognormal"] = "threshold"
    low: float = 3.0
    high: float = 12.0
    contrast: float = 10.0
    constant_mode: bool = True

    name: ClassVar[str] = "darcy"
    summary: ClassVar[str] = "-div(a grad u) = 1 on the square, a two-phase (12/3) or lognormal"
    inputs: ClassVar = (Variable("a", "m^2/(Pa s)", description="permeability over viscosity"),)
    outputs: ClassVar = (Variable("u", "Pa", description="pressure"),)
    coordinates: ClassVar = ("x", "y")
    symmetries: ClassVar[bool] = True
    solver_name: ClassVar[str] = "multigrid CG"

    def __post_init__(self) -> None:
        if self.coefficient not in ("threshold", "lognormal"):
            raise InputError(
                f"expected coefficient threshold or lognormal, got '{self.coefficient}'"
            )
        check_phases(self.low, self.high)
        check_range("contrast", self.contrast, 1e-6, 500)  # exp(contrast g) is finite

    def grid(self, resolution: int) -> Grid:
        """Cells, so that jumps of a lie on faces."""
        return Grid(SQUARE, (resolution, resolution), centering="cell", units="m")

    @property
    def field(self) -> GaussianField:
        """The law of g."""
        return GaussianField(
            SQUARE, alpha=2.0, tau=3.0, modes=128, constant_mode=self.constant_mode
        )

    def draw(self, generator: np.random.Generator) -> Draw:
        return {"g": self.field.draw(generator)}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        g = self.field.evaluate(draw["g"], grid)
        if self.coefficient == "threshold":
            return {"a": np.where(g > 0, self.high, self.low)}
        return {"a": np.exp(self.contrast * g)}

    def constants(self) -> dict[str, float]:
        return {"f": 1.0}

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        return -d.diffusion(p.a, u) - p.f

    def end_conditions(self, inputs: Mapping[str, Any]) -> tuple[End, ...]:
        return self.all_ends("value")

    @property
    def card(self) -> Card:
        law = (
            f"a = {self.high:g} where g > 0, else {self.low:g}"
            if self.coefficient == "threshold"
            else f"a = exp({self.contrast:g} g)"
        )
        mode = "kept" if self.constant_mode else "dropped"
        return Card(
            domain="unit square, cell-centred grid",
            conditions="u = 0 on the boundary",
            inputs=f"{law}; g ~ N(0, (-Lap + 9)^-2), Neumann eigenfunctions, constant mode {mode}",
            solver="cell-centred finite volumes, harmonic face coefficients, multigrid CG",
            source="Li et al. 2021, Fourier neural operator for parametric PDEs, section 5.2",
        )

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        from ...solvers.elliptic import solve_diffusion

        grid = self.grid(fidelity.resolution)
        return solve_diffusion(inputs["a"], 1.0, grid, rtol=fidelity.tolerance, threads=threads)

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
        """The assembled matrix judges every solution; where a is smooth, the equation does too."""
        from ...solvers.diffusion import DiffusionOperator

        u = outputs["u"].astype(float)
        f = np.ones(grid.size)
        systems = (
            (DiffusionOperator(a.astype(float), grid).to_csr(), f, solution.ravel())
            for a, solution in zip(inputs["a"], u, strict=True)
        )
        eps = float(np.finfo(outputs["u"].dtype).eps)
        checks = [matrix_check(systems, fidelity.tolerance, eps)]
        if self.coefficient == "lognormal":
            size, limit = dual_norm(f.reshape(grid.shape), grid), 4.0 * grid.spacing[0]
            checks.append(equation_check(self, inputs, u, grid, size, limit))
        return checks
