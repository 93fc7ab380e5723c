"""Helmholtz systems by a sine transform and an exact solve on the modes near resonance.

With k^2 put at its mean m the operator is diagonal in sines, with entries lambda - m. Where these
are large against the fluctuation of k^2 their inverse is a good preconditioner; where they are
small (waves of nearly the right length, resonance) it is useless, and the operator restricted to
those modes is inverted by `ResonantBlock`. Flexible GMRES in double precision around it all; the
preconditioner works in single precision.

How many modes are taken so follows from a model of the time, whose constants were measured. The
idea of treating near-kernel modes exactly is that of deflation for Helmholtz (Erlangga & Nabben
2008, https://doi.org/10.1137/060678257), here in the space of sines, where it is dense but small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..direct import Direct, installed
from ..krylov.result import KrylovResult, System
from ..transforms import stencil_eigenvalues
from .gmres import FlexibleGmres
from .modes import ResonantBlock, correlation, cosine_transform, count
from .operator import HelmholtzOperator

FEWEST = 100  # modes that are always worth their time
SHARE = 0.1  # of the fluctuation that the coupling of blocks may miss
DIRECT = {"pardiso": 6.5e-8, "superlu": 3e-7}  # seconds of a solve over unknowns^1.2
RATIOS = (0.6, 0.5, 0.42, 0.35, 0.3, 0.25, 0.21, 0.18, 0.15, 0.12, 0.09, 0.06, 0.04)


@dataclass(frozen=True)
class Choice:
    """How the preconditioner is to be built, and what that is expected to cost.

    gap: modes with |lambda - mean k^2| below it are taken; blocks: of the ring of these;
    iterations, seconds: expected.
    """

    gap: float
    blocks: int
    iterations: float
    seconds: float


@dataclass(frozen=True)
class Fluctuation:
    """k^2 as the preconditioner sees it.

    mean, spread: mean and standard deviation; hat: cosine transform of k^2 - mean (n0, n1);
    reach: wave number beyond which it has little (`correlation`).
    """

    mean: float
    spread: float
    hat: np.ndarray
    reach: int

    @staticmethod
    def of(k2: np.ndarray) -> Fluctuation:
        mean = float(k2.mean())
        delta = k2 - mean
        hat = cosine_transform(delta)
        spread = math.sqrt(float(np.einsum("ij,ij->", delta, delta)) / delta.size)
        return Fluctuation(mean, spread, hat, correlation(hat, SHARE))


def choose(grid: Grid, mean: float, spread: float, reach: int) -> Choice:
    """The fastest choice by the model; arguments as in `Fluctuation`."""
    area, perimeter = math.prod(grid.lengths), 2 * sum(grid.lengths)
    waves = math.sqrt(max(mean, 0.0)) * max(grid.lengths)
    fewest = 2 * math.pi * FEWEST / area

    def expect(ratio: float) -> Choice:
        gap = max(spread / ratio, fewest)
        modes = count(area, perimeter, mean + gap) - count(area, perimeter, mean - gap)
        # along the quarter circle of the ring there are waves / 2 modes
        blocks = max(1, min(int(0.5 * waves / reach), int(modes / 32)))
        entries = modes * modes / blocks
        left = spread / gap
        iterations = 7 + 200 * left**2 + 70 * waves * left**6
        once = 2e-4 + 1.4e-8 * grid.size + 5e-9 * entries + 5e-11 * entries * modes / blocks
        each = 1e-8 * grid.size * (1 + 0.01 * iterations) + 6e-10 * entries + 5e-6 * blocks
        return Choice(gap, blocks, iterations, once + iterations * each)

    return min(map(expect, RATIOS), key=lambda choice: choice.seconds)


class ResonantTransform:
    """The preconditioner: `M @ r` is about A^-1 r, to single precision.

    A: a real `HelmholtzOperator`; choice: how to build it, None chooses. Raises `InputError` for
    a complex operator. The block is inverted on first use.

    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (32, 32), centering="cell")
    >>> x, y = grid.coordinates()
    >>> A = HelmholtzOperator(200.0 * (1 + 0.1 * x), grid)
    >>> M = ResonantTransform(A)
    >>> bool(abs(M @ (A @ np.ones(1024)) - 1).max() < 0.2)
    True
    """

    def __init__(self, A: HelmholtzOperator, choice: Choice | None = None) -> None:
        self._given = choice
        self.update(A)

    def update(self, A: HelmholtzOperator) -> None:
        """Take another operator."""
        if A.layer is not None:
            raise InputError("expected a real Helmholtz operator; use a direct solver with a layer")
        self.shape, self.dtype, self.grid = A.shape, A.dtype, A.grid
        self._k2 = k2 = Fluctuation.of(A.k2)
        self.choice = self._given or choose(A.grid, k2.mean, k2.spread, k2.reach)
        self._block: ResonantBlock | None = None

    @property
    def block(self) -> ResonantBlock:
        """The inverse on the modes near resonance."""
        if self._block is None:
            gaps = stencil_eigenvalues(self.grid) - self._k2.mean
            modes = _ring(gaps, self.choice.gap, self.grid)
            self._places = modes[0] * self.grid.shape[1] + modes[1]
            chosen = gaps.ravel()[self._places]
            gaps.ravel()[self._places] = 1.0
            with np.errstate(divide="ignore"):
                self._inverse = np.asarray(1.0 / gaps, dtype=np.float32)
            blocks = min(self.choice.blocks, self._places.size)
            self._block = ResonantBlock(self._k2.hat, modes + 1, chosen, blocks)
        return self._block

    @property
    def modes(self) -> int:
        """How many modes are inverted exactly."""
        return self.block.parts[-1].stop

    def apply(self, r: np.ndarray) -> np.ndarray:
        """M r in single precision, for r of the grid's shape.

        SciPy's sines are not of norm one, but all but the highest have the same norm.
        """
        block = self.block
        r_hat = fft.dstn(r.astype(np.float32), overwrite_x=True)
        resonant = block.solve(r_hat.ravel()[self._places])
        r_hat *= self._inverse
        r_hat.ravel()[self._places] = resonant
        return np.asarray(fft.idstn(r_hat, overwrite_x=True))

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        return self.apply(r.reshape(self.grid.shape)).reshape(r.shape).astype(np.float64)


def _ring(gaps: np.ndarray, gap: float, grid: Grid) -> np.ndarray:
    """Places (2, m) of the modes with |gaps| < gap, sorted by angle; without the highest ones,
    whose sines have another norm."""
    places = np.stack(np.nonzero(np.abs(gaps[:-1, :-1]) < gap))
    if not places.shape[1]:
        nearest = np.argmin(np.abs(gaps[:-1, :-1]))
        places = np.stack(np.unravel_index([nearest], gaps[:-1, :-1].shape))
    waves = (places + 1) / np.array(grid.lengths)[:, None]
    return places[:, np.argsort(np.arctan2(waves[1], waves[0]), kind="stable")]


class ResonantSolver:
    """Flexible GMRES on `ResonantTransform` for a sequence of systems, direct where that stalls.

    It keeps its workspace and the analysis of the direct solver. A complex system, or one whose
    fluctuation of k^2 lets the model expect `max_iterations` or more time than a direct solve,
    goes to the direct solver at once.

    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (32, 32), centering="cell")
    >>> A = HelmholtzOperator(200.0, grid)
    >>> ResonantSolver().solve(A, np.ones(1024), 1e-8).reason
    'converged'
    """

    def __init__(self, steps: int = 60, max_iterations: int = 90) -> None:
        self.max_iterations = max_iterations
        self._gmres = FlexibleGmres(steps)
        self._direct = Direct(positive=False)

    def solve(
        self, A: HelmholtzOperator, b: np.ndarray, rtol: float, x0: np.ndarray | None = None
    ) -> KrylovResult:
        """Solve A x = b until |b - A x| <= rtol |b|. Raises `InputError` on what does not fit."""
        if not isinstance(A, HelmholtzOperator):
            raise InputError(f"expected a HelmholtzOperator, got {type(A).__name__}")
        b = np.asarray(b).reshape(-1)
        if A.layer is not None or np.iscomplexobj(b) or (x0 is not None and np.iscomplexobj(x0)):
            return self._direct.solve(A, b, rtol)
        system = System(A, b, x0, None, rtol, self.max_iterations)
        M = ResonantTransform(A)
        rate = DIRECT["pardiso" if installed("pardiso") else "superlu"]
        direct = 1e-3 + rate * A.shape[0] ** 1.2
        if M.choice.iterations >= self.max_iterations or M.choice.seconds > direct:
            why = (
                f"the transform would take {M.choice.iterations:.0f} iterations "
                f"and {1e3 * M.choice.seconds:.3g} ms"
            )
        elif not M.block.regular:
            why = "the resonant block is singular"
        else:
            result = self._gmres.solve(A, M.apply, system, self.max_iterations)
            if result.converged or not np.isfinite(system.norm_b):
                return result
            why = f"GMRES {result.reason} at {result.residual:.0e}"
        result = self._direct.solve(A, b, rtol)
        return replace(result, reason=f"{result.reason}; direct, because {why}")
