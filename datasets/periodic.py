"""Periodic semilinear problems in time, u_t = L u + N(u): all but the equation is written here.

A problem on this base states its residual, its inputs, the Fourier symbol of L and N, and gets
its solver (ETDRK4), its fidelity knob and its checks of stored trajectories.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from ..geometry.norms import error
from .problem import Arrays, Fidelity, Problem, TruthCheck

if TYPE_CHECKING:
    from ..solvers.solution import Solution
    from ..solvers.spectral import FourierBasis

MAX_WINDOWS = 16


@dataclass(frozen=True)
class PeriodicProblem(Problem):
    """u_t = L u + N(u) on a periodic interval; the first input is the initial field.

    left, right: ends of the interval; horizon: final time; frames: stored times, both ends
    included.
    """

    left: float = 0.0
    right: float = 1.0
    horizon: float = 1.0
    frames: int = 11

    coordinates: ClassVar = ("t", "x")
    solver_name: ClassVar[str] = "spectral ETDRK4"

    def __post_init__(self) -> None:
        if not np.isfinite([self.left, self.right]).all() or not self.left < self.right:
            raise InputError(f"expected left < right, got {self.left} and {self.right}")
        if not (np.isfinite(self.horizon) and self.horizon > 0):
            raise InputError(f"expected a positive horizon, got {self.horizon}")
        if self.frames < 2:
            raise InputError(f"expected at least 2 frames, got {self.frames}")

    @abstractmethod
    def linear(self, basis: FourierBasis, inputs: Arrays) -> np.ndarray:
        """Symbol of L, `basis.shape` or (batch, *basis.shape)."""

    @abstractmethod
    def nonlinear(self, basis: FourierBasis, u_hat: np.ndarray) -> np.ndarray:
        """Coefficients of N(u), (batch, *basis.shape), from those of u."""

    def resolving(self, tolerance: float) -> int:
        """Points an axis that resolve every solution to the tolerance."""
        return 256

    def grid(self, resolution: int) -> Grid:
        return Grid(((self.left, self.right),), (resolution,), periodic=True, units="m")

    @property
    def times(self) -> np.ndarray:
        return np.linspace(0.0, self.horizon, self.frames)

    def endpoints(self) -> Problem:
        return dataclasses.replace(self, frames=2)

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        """ETDRK of the fidelity's order (4), de-aliased; fields (batch, frames, *grid)."""
        from ..solvers.etdrk import integrate
        from ..solvers.spectral import FourierBasis

        basis = FourierBasis(self.grid(fidelity.resolution))
        fixed = fidelity.steps is not None
        return integrate(
            self.linear(basis, inputs),
            functools.partial(self.nonlinear, basis),
            inputs[self.inputs[0].name],
            self.times,
            basis.grid,
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
            Fidelity(n, steps=steps)
            for n in (*sizes, finest)
            for steps in (4, 6, 8, 12, 16, 32, 64)
        )

    def reference_fidelity(self) -> Fidelity:
        return Fidelity(2 * self.data_fidelity(32, 1e-8).resolution, 1e-9)

    def truth_checks(
        self,
        inputs: Arrays,
        outputs: Arrays,
        grid: Grid,
        fidelity: Fidelity,
        generator: np.random.Generator,
    ) -> list[TruthCheck]:
        """The first frame is the input; windows agree with a finer solve.

        Frames are too far apart for a difference quotient, so windows from one stored frame to
        the next are solved again on twice the points with a tenth of the tolerance: all of them,
        or `MAX_WINDOWS` drawn at random. A window starts from a stored frame and so knows no
        wave beyond the stored grid: what the highest third of its waves holds is added to the
        limit. The first window is left out where there are others, because initial fields need
        not be smooth.
        """
        u, u0 = outputs[self.outputs[0].name], inputs[self.inputs[0].name]
        eps = float(np.finfo(u.dtype).eps)
        u = u.astype(float)
        start = float(np.abs(u[:, 0] - u0).max() / np.abs(u0).max())
        windows = np.arange(1 if self.frames > 2 else 0, self.frames - 1)
        if len(windows) > MAX_WINDOWS:
            windows = generator.choice(windows, MAX_WINDOWS, replace=False)
        figure, limit = 0.0, math.inf
        for window in windows:
            before, after = u[:, window], u[:, window + 1]
            again = self._window(inputs, before, grid, fidelity)
            # The tail of the recomputed frame, not of the stored one: noise excuses nothing.
            allowed = 20 * (fidelity.tolerance + eps) + np.maximum(
                _high_share(before, grid), _high_share(again, grid)
            )
            off_by = np.asarray(error(again, after, grid))
            worst = int(np.argmax(np.nan_to_num(off_by, nan=math.inf) / allowed))
            if not off_by[worst] / allowed[worst] <= figure / limit:
                figure, limit = float(off_by[worst]), float(allowed[worst])
        return [
            TruthCheck("first frame is the input", start, 64 * eps),
            TruthCheck("windows solved again, relative L2", figure, limit),
        ]

    def _window(
        self, inputs: Arrays, before: np.ndarray, grid: Grid, fidelity: Fidelity
    ) -> np.ndarray:
        """One frame later, from `before`, by a finer solve; values on `grid`."""
        window = dataclasses.replace(self, horizon=self.horizon / (self.frames - 1), frames=2)
        finer = Fidelity(2 * fidelity.resolution, max(fidelity.tolerance / 10, 1e-12))
        fine = self.grid(finer.resolution)
        given = dict(inputs) | {self.inputs[0].name: self.transfer(before, grid, fine)}
        return window.transfer(window.solve(given, finer).fields[:, 1], fine, grid)


def _high_share(u: np.ndarray, grid: Grid) -> np.ndarray:
    """Relative L2 size (batch,) of the highest third of the waves."""
    from ..solvers.spectral import FourierBasis

    basis = FourierBasis(grid)
    power = np.abs(basis.forward(u)) ** 2
    axes = tuple(range(1, power.ndim))
    return np.sqrt((power * ~basis.resolved).sum(axes) / power.sum(axes))
