"""Poisson: -Lap u = f on the unit square or cube, zero Dirichlet values, random f."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ...geometry.norms import norm
from ..checks import dual_norm, equation_check
from ..problem import Arrays, Card, Draw, End, Fidelity, Problem, TruthCheck, Variable, check_range
from ..random_fields import GaussianField

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.diffusion import DiffusionOperator
    from ...solvers.solution import Solution

MODES = {2: 128, 3: 32}
"""Wave numbers of f along each axis, by dimension."""


@dataclass(frozen=True)
class Poisson(Problem):
    """A potential in a grounded box with random charges.

    dimension: 2 (square) or 3 (cube).
    smoothness, tau: f is Gaussian with covariance scale^2 (-Lap + tau^2)^-smoothness, where
        scale = tau^(smoothness - dimension/2) keeps the size of f the same whatever the two are.
    constant_mode: the law as it is written; False drops the mean of f.
    """

    dimension: Literal[2, 3] = 2
    smoothness: float = 2.5
    tau: float = 5.0
    constant_mode: bool = True

    name: ClassVar[str] = "poisson"
    summary: ClassVar[str] = "-Lap u = f on the square or the cube, zero Dirichlet, random f"
    inputs: ClassVar = (Variable("f", "V/m^2", description="charge density over permittivity"),)
    outputs: ClassVar = (Variable("u", "V", description="potential"),)
    coordinates: ClassVar = ("x", "y")  # of an instance: one for each dimension
    symmetries: ClassVar[bool] = True
    solver_name: ClassVar[str] = "fast transform"

    def __post_init__(self) -> None:
        if self.dimension not in (2, 3):
            raise InputError(f"expected dimension 2 or 3, got {self.dimension}")
        check_range("tau", self.tau, 1e-6, 1e6)
        check_range("smoothness", self.smoothness, 0, 40)
        if self.smoothness <= self.dimension / 2:
            raise InputError(
                f"expected a smoothness above {self.dimension / 2}, got {self.smoothness}; f has "
                "no values at points there"
            )
        object.__setattr__(self, "coordinates", ("x", "y", "z")[: self.dimension])

    @property
    def box(self) -> tuple[tuple[float, float], ...]:
        """The extent of the domain."""
        return ((0.0, 1.0),) * self.dimension

    def grid(self, resolution: int) -> Grid:
        """Cells, like those of `darcy`."""
        return Grid(self.box, (resolution,) * self.dimension, centering="cell", units="m")

    @property
    def field(self) -> GaussianField:
        """The law of f."""
        scale = self.tau ** (self.smoothness - self.dimension / 2)
        return GaussianField(
            self.box, self.smoothness, self.tau, scale, "neumann", MODES[self.dimension],
            self.constant_mode,
        )  # fmt: skip

    def draw(self, generator: np.random.Generator) -> Draw:
        return {"f": self.field.draw(generator)}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        return {"f": self.field.evaluate(draw["f"], grid)}

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        return -d.laplacian(u) - p.f

    def end_conditions(self, inputs: Mapping[str, Any]) -> tuple[End, ...]:
        return self.all_ends("value")

    @property
    def card(self) -> Card:
        mode = "kept" if self.constant_mode else "dropped"
        power = self.smoothness - self.dimension / 2
        return Card(
            domain=f"unit {'square' if self.dimension == 2 else 'cube'}, cell-centred grid",
            conditions="u = 0 on the boundary",
            inputs=(
                f"f ~ N(0, {self.tau:g}^{2 * power:g} (-Lap + {self.tau**2:g})^-"
                f"{self.smoothness:g}), Neumann eigenfunctions, constant mode {mode}"
            ),
            solver="cell-centred second-order stencil, inverted to rounding by sine transforms",
            source="Swarztrauber 1977, SIAM Review 19, 490-501 (solver)",
        )

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        """One transform a sample, whatever the tolerance."""
        from ...solvers.sequences import LinearSystem, solve_batch

        grid = self.grid(fidelity.resolution)
        A = _operator(grid)
        systems = [LinearSystem(A, f) for f in np.asarray(inputs["f"], dtype=float)]
        return solve_batch(systems, grid.shape, fidelity.tolerance, threads=threads)

    def ladder(self) -> tuple[Fidelity, ...]:
        sizes = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
        return tuple(Fidelity(n) for n in sizes if n**self.dimension <= 64**3)

    def reference_fidelity(self) -> Fidelity:
        return Fidelity({2: 512, 3: 128}[self.dimension], 1e-9)

    def truth_checks(
        self,
        inputs: Arrays,
        outputs: Arrays,
        grid: Grid,
        fidelity: Fidelity,
        generator: np.random.Generator,
    ) -> list[TruthCheck]:
        """The assembled matrix judges every solution, and so does the equation as it is written.

        Single-precision storage moves the residual by eps |A| |u| / |f|, so the limit grows by
        that much.
        """
        f, u = inputs["f"].astype(float), outputs["u"].astype(float)
        figure = float(np.max(self._discrete_residual(f, u)))
        eps = float(np.finfo(outputs["u"].dtype).eps)
        norm_A = 4 * sum(h**-2 for h in grid.spacing)
        axes = tuple(range(1, u.ndim))
        sizes = np.abs(u).max(axes) / np.sqrt(np.mean(f**2, axis=axes))
        discrete = TruthCheck(
            "discrete residual |A u - f| / |f|",
            figure,
            2 * fidelity.tolerance + eps * norm_A * float(np.max(sizes)),
        )
        return [discrete, self._equation_check(f, u, grid)]

    def _discrete_residual(self, f: np.ndarray, u: np.ndarray) -> np.ndarray:
        """|f - A u| / |f| of each sample (batch,), 0 / 0 being 0; A assembled, not transformed."""
        A = _matrix(u.shape[1:])
        count = len(u)
        b = f.reshape(count, -1).T
        off = np.linalg.norm(b - A @ u.reshape(count, -1).T, axis=0)
        size = np.linalg.norm(b, axis=0)
        return np.asarray(off / np.where(size > 0, size, 1.0))

    def _equation_check(self, f: np.ndarray, u: np.ndarray, grid: Grid) -> TruthCheck:
        """The equation relative to f.

        What the differences leave in the cells at the boundary is as large as f is there: h |f|
        in H^-1, which is large beside f where that is rough.
        """
        size = dual_norm(f, grid)
        roughness = float(np.max(norm(f, grid, "L2") / size))
        limit = grid.spacing[0] * max(4.0, 2 * roughness)
        return equation_check(self, {"f": f}, u, grid, size, limit)


@lru_cache(maxsize=8)
def _operator(grid: Grid) -> DiffusionOperator:
    from ...solvers.diffusion import DiffusionOperator

    return DiffusionOperator(np.ones(grid.shape), grid)


def _matrix(shape: tuple[int, ...]) -> sparse.csr_array:
    """The stencil of -Lap on the cells of the unit box, zero on its faces, as a Kronecker sum."""
    lines = []
    for n in shape:
        diagonal = np.full(n, 2.0)
        diagonal[[0, -1]] = 3.0  # the value on the face stands half a cell away
        line = sparse.diags_array([diagonal, -1.0, -1.0], offsets=[0, -1, 1], shape=(n, n))
        lines.append(sparse.csr_array(line) * float(n) ** 2)
    return sparse.csr_array(reduce(lambda A, B: sparse.kronsum(B, A), lines))
