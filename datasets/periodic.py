"""Periodic problems in time, u_t = L u + N(u): all but the equation is written here.

A problem on this base states its residual and its inputs, and gets its solver (Fourier series
and ETDRK4), its fidelity knob and its checks of stored trajectories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from .evolution import EvolutionProblem
from .problem import Arrays, Fidelity, check_range

if TYPE_CHECKING:
    from ..solvers.solution import Solution
    from ..solvers.spectral.equation import SpectralEquation
    from .semi_discrete import SemiDiscrete


@dataclass(frozen=True)
class PeriodicProblem(EvolutionProblem):
    """u_t = L u + N(u), periodic on [left, right) along each of its axes.

    left, right: ends of every axis.
    """

    left: float = 0.0
    right: float = 1.0

    solver_name: ClassVar[str] = "spectral ETDRK4"
    units: ClassVar[str] = "m"
    """of the coordinates"""
    step_counts: ClassVar[tuple[int, ...]] = (4, 6, 8, 12, 16, 32, 64)
    """over the horizon, of the work-precision curve"""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("left", "right"):
            check_range(name, getattr(self, name), -1e12, 1e12)
        if not self.left < self.right:
            raise InputError(f"expected left < right, got {self.left} and {self.right}")

    @property
    def right_hand_side(self) -> SemiDiscrete[SpectralEquation]:
        """F as the engine takes it: read from the residual, unless another form is better."""
        from .semi_discrete import spectral_equation

        return spectral_equation(self)

    def solver_fields(self, inputs: Arrays, grid: Grid) -> dict[str, np.ndarray]:
        """What the engine is given as functions of x, beside the initial values."""
        return self.right_hand_side.coefficients(self.solver_coefficients(inputs), grid)

    def resolving(self, tolerance: float) -> int:
        """Points an axis that resolve every solution to the tolerance."""
        return 256

    def grid(self, resolution: int) -> Grid:
        ndim = len(self.coordinates) - 1
        extent = ((self.left, self.right),) * ndim
        return Grid(extent, (resolution,) * ndim, periodic=True, units=self.units)

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        """ETDRK of the fidelity's order (4), de-aliased; fields (batch, frames, *grid)."""
        from ..solvers.spectral.integrate import integrate

        equation, grid = self.right_hand_side.equation, self.grid(fidelity.resolution)
        fixed = fidelity.steps is not None
        return integrate(
            equation,
            self.initial_state(inputs),
            self.times,
            grid,
            self.solver_parameters(inputs, equation.parameters),
            self.solver_fields(inputs, grid),
            dt=self.horizon / fidelity.steps if fidelity.steps else None,
            tolerance=None if fixed else fidelity.tolerance,
            scheme=f"ETDRK{fidelity.order or 4}",
            threads=threads,
        )

    def data_fidelity(self, resolution: int, tolerance: float) -> Fidelity:
        """The stored grid, doubled until it resolves: storing then takes every 2^j-th point."""
        points = resolution
        while points < self.resolving(tolerance):
            points *= 2
        return Fidelity(points, tolerance)

    def ladder(self) -> tuple[Fidelity, ...]:
        """Coarse grids with few steps, up to a grid that resolves."""
        finest = self.data_fidelity(32, 1e-6).resolution
        sizes = [n for n in (16, 24, 32, 48, 64, 96, 128, 256, 512) if n < finest]
        return tuple(
            Fidelity(n, steps=steps) for n in (*sizes, finest) for steps in self.step_counts
        )

    def reference_fidelity(self) -> Fidelity:
        return Fidelity(2 * self.data_fidelity(32, 1e-8).resolution, 1e-9)

    def allowance(
        self, inputs: Arrays, before: np.ndarray, again: np.ndarray, grid: Grid, fidelity: Fidelity
    ) -> np.ndarray:
        """The tolerance, and what the highest third of the waves holds.

        A window starts from a stored frame and so knows no wave beyond the stored grid. The end is
        looked at as it was recomputed, not as it was stored: noise excuses nothing.
        """
        lost = np.maximum(_high_share(before, grid), _high_share(again, grid))
        return 20 * fidelity.tolerance + lost


def _high_share(u: np.ndarray, grid: Grid) -> np.ndarray:
    """Largest relative L2 size (batch,) of the highest third of the waves of an output."""
    from ..solvers.spectral import FourierBasis

    basis = FourierBasis(grid)
    power = np.abs(basis.forward(u)) ** 2
    axes = tuple(range(2, power.ndim))
    total = power.sum(axes)
    share = np.where(total > 0, (power * ~basis.resolved).sum(axes) / np.where(total, total, 1), 0)
    return np.sqrt(share.max(axis=1))
