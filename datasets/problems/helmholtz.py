"""Helmholtz: -Lap u - (omega / c)^2 u = f on the square, u = 0 on its boundary, random speed c."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...geometry.calculus import functions as fn
from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..checks import dual_norm, equation_check
from ..problem import Arrays, Card, Draw, End, Fidelity, Problem, TruthCheck, Variable, check_range
from ..random_fields import GaussianField

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.solution import Solution

SQUARE = ((0.0, 1.0), (0.0, 1.0))
MODES, TAU = 64, 3.0


@dataclass(frozen=True)
class Helmholtz(Problem):
    """Sound of one frequency in a box with soft walls, around a source, in a random medium.

    omega: angular frequency in rad/s. At the mean speed of 1 m/s that is also the wavenumber, so
        the box is omega / 2 pi waves long, and a grid has 2 pi n / omega points a wavelength.
    contrast: c = 1 + contrast tanh(g), with g smooth, Gaussian, of mean square one. The law of
        the operator-learning benchmarks is 0.05 (a speed of 20 + tanh g).
    width, place: standard deviation and centre of the Gaussian source, whose integral is one.

    The scheme of order two has a wavenumber too small by the share (k h)^2 / 24: pollution.
    Phases are off by about omega^3 h^2 / 24 across the box: .08 at omega 20 and n = 64.

    The walls reflect everything, so that a sample whose speed is near a resonance of the box is
    large: the size of u has a heavy tail, which grows with omega.
    """

    omega: float = 20.0
    contrast: float = 0.1
    width: float = 0.05
    place: tuple[float, float] = (0.4, 0.3)

    name: ClassVar[str] = "helmholtz"
    summary: ClassVar[str] = "-Lap u - (omega/c)^2 u = f on the square, u = 0 around, random c"
    inputs: ClassVar = (Variable("c", "m/s", description="speed of sound"),)
    outputs: ClassVar = (Variable("u", "Pa", description="pressure amplitude"),)
    coordinates: ClassVar = ("x", "y")
    solver_name: ClassVar[str] = "sine transform GMRES"

    def __post_init__(self) -> None:
        check_range("omega", self.omega, 1e-6, 1e6)
        check_range("width", self.width, 1e-6, 1e6)
        check_range("contrast", self.contrast, 0, 0.999)
        place = tuple(self.place) if isinstance(self.place, Sequence) else ()
        if len(place) != 2:
            raise InputError(f"expected a place of two numbers, got {self.place!r}")
        for axis, value in zip("xy", place, strict=True):
            check_range(f"{axis} of the place", value, 1e-6, 1 - 1e-6)
        object.__setattr__(self, "place", tuple(float(value) for value in place))

    def grid(self, resolution: int) -> Grid:
        """Cells: their sine transforms have the kind lengths."""
        return Grid(SQUARE, (resolution, resolution), centering="cell", units="m")

    @property
    def field(self) -> GaussianField:
        """The law of g."""
        return GaussianField(SQUARE, alpha=2.0, tau=TAU, scale=_unit_scale(), modes=MODES)

    def draw(self, generator: np.random.Generator) -> Draw:
        return {"g": self.field.draw(generator)}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        return {"c": 1.0 + self.contrast * np.tanh(self.field.evaluate(draw["g"], grid))}

    def constants(self) -> dict[str, float]:
        return {"omega": self.omega, "f": 1.0 / (2 * math.pi * self.width**2)}

    def source(self, x: Any, y: Any, f: Any) -> Any:
        """The source of height f, in Pa/m^2, read by every calculus."""
        r2 = (x - self.place[0]) ** 2 + (y - self.place[1]) ** 2
        return f * fn.exp(-r2 / (2 * self.width**2))

    def _source_on(self, grid: Grid) -> np.ndarray:
        x, y = grid.coordinates()
        return np.asarray(self.source(x, y, self.constants()["f"]))

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        return -d.laplacian(u) - (p.omega / p.c) ** 2 * u - self.source(x["x"], x["y"], p.f)

    def end_conditions(self, inputs: Mapping[str, Any]) -> tuple[End, ...]:
        return self.all_ends("value")

    @property
    def card(self) -> Card:
        return Card(
            domain="unit square, cell-centred grid",
            conditions=(
                "u = 0 on the boundary; nothing absorbs, so u is real, and large where the speed "
                "is near a resonance of the box"
            ),
            inputs=(
                f"c = 1 + {self.contrast:g} tanh(g) m/s, g ~ N(0, s^2 (-Lap + {TAU**2:g})^-2), "
                f"Neumann eigenfunctions, s such that g has mean square 1; omega = "
                f"{self.omega:g} rad/s; Gaussian source of width {self.width:g} m at {self.place}"
            ),
            solver=(
                "five-point stencil, order 2 (pollution: the phase is off by omega^3 h^2 / 24 "
                "across the box); GMRES on a sine transform, exact on the modes near resonance"
            ),
            source="de Hoop et al. 2022, The cost-accuracy trade-off in operator learning (c)",
        )

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        from ...solvers.helmholtz import HelmholtzOperator
        from ...solvers.sequences import LinearSystem, solve_batch

        c = np.asarray(inputs["c"], dtype=float)
        grid = self.grid(fidelity.resolution)
        b = self._source_on(grid)

        def system(speed: np.ndarray) -> LinearSystem:
            return LinearSystem(HelmholtzOperator((self.omega / speed) ** 2, grid), b, speed)

        systems = [partial(system, speed) for speed in c]
        return solve_batch(systems, grid.shape, fidelity.tolerance, threads=threads)

    def ladder(self) -> tuple[Fidelity, ...]:
        sizes = (12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
        return tuple(Fidelity(n, tolerance) for n in sizes for tolerance in (1e-2, 1e-4))

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
        """The differences, written out here, judge every solution; so does the equation.

        Single-precision storage moves the residual by eps |A| |u| / |f|, so the limit grows by
        that much.
        """
        c, u = inputs["c"].astype(float), outputs["u"].astype(float)
        f = self._source_on(grid)
        residual = _differences(u, grid) - (self.omega / c) ** 2 * u - f
        figure = float(np.max(_size(residual) / _size(f[None])))
        stiffness = 4 * sum(h**-2 for h in grid.spacing) + (self.omega / c.min()) ** 2
        eps = float(np.finfo(outputs["u"].dtype).eps) + float(np.finfo(inputs["c"].dtype).eps)
        limit = 2 * fidelity.tolerance + eps * stiffness * float(np.max(_size(u) / _size(f[None])))
        discrete = TruthCheck("discrete residual |A u - f| / |f|", figure, limit)
        return [discrete, self._equation_check(c, u, grid)]

    def _equation_check(self, c: np.ndarray, u: np.ndarray, grid: Grid) -> TruthCheck:
        """The equation relative to (omega / c)^2 u or f, whichever is larger.

        What the differences near the boundary leave falls with (k h)^2 at least, where k is not
        below that of the longest wave in the box.
        """
        size = np.maximum(
            dual_norm((self.omega / c) ** 2 * u, grid), dual_norm(self._source_on(grid), grid)
        )
        limit = 1.5 * (max(self.omega / float(c.min()), math.pi) * grid.spacing[0]) ** 2
        return equation_check(self, {"c": c}, u, grid, size, limit)


@lru_cache
def _unit_scale() -> float:
    """The scale at which g has mean square one."""
    eigenvalues = math.pi**2 * np.arange(MODES) ** 2
    return float(np.sum((np.add.outer(eigenvalues, eigenvalues) + TAU**2) ** -2.0) ** -0.5)


def _differences(u: np.ndarray, grid: Grid) -> np.ndarray:
    """-Lap u of (batch, n0, n1) by differences, the value on the boundary faces being zero."""
    total = np.zeros_like(u)
    for axis, h in enumerate(grid.spacing):
        values = np.moveaxis(u, axis + 1, 0)
        ghosts = np.concatenate([-values[:1], values, -values[-1:]])
        total -= np.moveaxis(np.diff(ghosts, n=2, axis=0), 0, axis + 1) / h**2
    return total


def _size(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.mean(values**2, axis=(1, 2))))
