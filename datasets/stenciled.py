"""Problems in time by finite differences or volumes: all but the equation is written here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..geometry.grid import Grid
from ..geometry.norms import norm
from .evolution import EvolutionProblem
from .problem import Arrays, End, Fidelity

if TYPE_CHECKING:
    from ..solvers.solution import Solution
    from ..solvers.stencils.boundary import Boundary, Side
    from ..solvers.stencils.equation import Equation
    from .semi_discrete import SemiDiscrete


@dataclass(frozen=True)
class StencilProblem(EvolutionProblem):
    """u_t = F(u) on any box, by the stencil engine: explicit Runge-Kutta at its stability limit.

    The error is that of the discretisation, so the knob is the resolution; the tolerance of a
    fidelity has no say.
    """

    solver_name: ClassVar[str] = "finite differences RK4"
    order: ClassVar[int] = 4
    """of the differences in space"""
    scheme: ClassVar[str] = "rk4"
    reconstruction: ClassVar[str] = "weno5"
    flux: ClassVar[str] = "split"
    sizes: ClassVar[tuple[int, ...]] = (8, 12, 16, 24, 32, 48, 64, 96)
    """resolutions of the work-precision curve"""
    reference_resolution: ClassVar[int] = 256

    @property
    def right_hand_side(self) -> SemiDiscrete[Equation]:
        """F as the engine takes it: read from the residual, unless another form is better."""
        from .semi_discrete import stencil_equation

        return stencil_equation(self)

    def boundary(self, inputs: Arrays) -> Boundary | None:
        """What holds at the ends of axes that are not periodic; None: slope zero."""
        return None

    def end_conditions(self, inputs: Mapping[str, Any]) -> tuple[End, ...] | None:
        from ..solvers.stencils.boundary import Neumann, sides_of

        grid, outputs = self.grid(8), [v.name for v in self.outputs]
        sides = sides_of(self.boundary(inputs) or Neumann(), grid, outputs)
        found = []
        for axis, pair in enumerate(sides):
            for upper, each in enumerate(pair if not grid.wraps[axis] else ()):
                for output, side in zip(outputs, each, strict=True):
                    end = _end(grid.names[axis], bool(upper), output, side)
                    if end is None:
                        return None
                    found.append(end)
        return tuple(found)

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        from ..solvers.stencils.integrate import integrate

        right, grid = self.right_hand_side, self.grid(fidelity.resolution)
        return integrate(
            right.equation,
            self.initial_state(inputs),
            self.times,
            grid,
            self.solver_parameters(inputs, right.equation.parameters),
            right.coefficients(self.solver_coefficients(inputs), grid),
            self.boundary(inputs),
            dt=self.horizon / fidelity.steps if fidelity.steps else None,
            order=fidelity.order or self.order,
            scheme=self.scheme,
            reconstruction=self.reconstruction,
            flux=self.flux,
            threads=threads,
        )

    def ladder(self) -> tuple[Fidelity, ...]:
        orders = (2, self.order) if self.order > 2 else (self.order,)
        return tuple(Fidelity(n, order=order) for n in self.sizes for order in orders)

    def reference_fidelity(self) -> Fidelity:
        return Fidelity(self.reference_resolution)

    def allowance(
        self, inputs: Arrays, before: np.ndarray, again: np.ndarray, grid: Grid, fidelity: Fidelity
    ) -> np.ndarray:
        """Twice the distance of the finer window from one at the fidelity of the data.

        That is the error of the discretisation, which is all that may lie between a stored frame
        and the finer window.
        """
        plain = self.window(inputs, before, grid, fidelity)
        size = np.asarray(norm(again, grid))
        off = np.asarray(norm(again - plain, grid))
        share = np.where(size > 0, off / np.where(size > 0, size, 1.0), 0.0)
        return 2 * np.sqrt(np.mean(share**2, axis=1))

    def finer(self, fidelity: Fidelity) -> Fidelity:
        """Half the spacing; the points of the data's grid are among its points."""
        n = fidelity.resolution
        nested = self.grid(n).centering == "vertex" and not any(self.grid(n).wraps)
        return dataclasses.replace(fidelity, resolution=2 * n - 1 if nested else 2 * n, steps=None)


def _end(axis: str, upper: bool, output: str, side: Side) -> End | None:
    """One side of the stencil engine as an end of the problem, if it is a number."""
    from ..solvers.stencils.boundary import Dirichlet, Neumann

    if isinstance(side, Dirichlet) and isinstance(side.value, int | float):
        return End(axis, upper, output, "value", float(side.value))
    if isinstance(side, Neumann) and isinstance(side.slope, int | float):
        return End(axis, upper, output, "slope", float(side.slope if upper else -side.slope))
    return None
