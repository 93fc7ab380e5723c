"""A sine transform and an exact solve on the modes near resonance, as a preconditioner.

How many modes are taken so follows from a model of the time, whose constants were measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..kernels import kernel
from ..transforms import stencil_eigenvalues
from .modes import Factors, ResonantBlock, correlation, count, solve_modes
from .operator import HelmholtzOperator
from .sines import BACK, COSINES, SINES, Plane, plane, transform

FEWEST = 100  # modes that are always worth their time
SHARE = 0.1  # of the fluctuation that the coupling of blocks may miss
# Of the fluctuation to the gap.
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
    def of(k2: np.ndarray, plane: Plane) -> Fluctuation:
        hat = np.empty(k2.shape, dtype=np.float32)
        mean, spread, reach = _fluctuation(k2, plane, hat)
        return Fluctuation(mean, spread, hat, reach)


@kernel()
def _fluctuation(k2, plane, hat):
    """Fills `hat`; mean, spread, reach."""
    (n0, n1), values = k2.shape, plane.values
    mean = k2.sum() / k2.size
    values[:] = 0.0
    square = 0.0
    for i in range(n0):
        for j in range(n1):
            values[i, j] = k2[i, j] - mean
            square += (k2[i, j] - mean) ** 2
    transform(COSINES, plane)
    hat[:] = values[:n0, :n1]
    return mean, math.sqrt(square / k2.size), correlation(hat, SHARE)


def choose(grid: Grid, mean: float, spread: float, reach: int) -> Choice:
    """The fastest choice by the model; arguments as in `Fluctuation`."""
    area, perimeter = math.prod(grid.lengths), 2 * sum(grid.lengths)
    waves = math.sqrt(max(mean, 0.0)) * max(grid.lengths)
    return Choice(*_cheapest(area, perimeter, waves, grid.size, mean, spread, reach))


@kernel()
def _cheapest(area, perimeter, waves, size, mean, spread, reach):
    fewest = 2 * math.pi * FEWEST / area
    best = (0.0, 1, 0.0, math.inf)
    for ratio in RATIOS:
        gap = max(spread / ratio, fewest)
        modes = count(area, perimeter, mean + gap) - count(area, perimeter, mean - gap)
        # along the quarter circle of the ring there are waves / 2 modes
        blocks = max(1, min(int(0.5 * waves / reach), int(modes / 32)))
        left = (spread / gap) ** 2
        iterations = 7 + 200 * left + 70 * waves * left**3
        entries, of_one, chain = modes**2 / blocks, modes / blocks, 1 - 1 / blocks
        once = 2e-4 + 1e-8 * size + 5e-5 * blocks
        once += entries * (1.6e-8 + 4e-8 * chain + of_one * (3e-12 + 2.3e-11 * chain))
        each = size * (8e-9 + 6e-10 * iterations) + 6e-10 * entries + 1e-6 * blocks
        seconds = once + iterations * each
        if seconds < best[3]:
            best = (gap, blocks, iterations, seconds)
    return best


class Tables(NamedTuple):
    """The preconditioner for compiled code.

    inverse: 1 / (lambda - mean), of the shape of `plane.values`, zero behind the grid's modes;
    places: of the resonant modes there (m,).
    """

    plane: Plane
    inverse: np.ndarray
    places: np.ndarray
    factors: Factors


@kernel(inner=True)
def precondition(r, tables, z):
    """z = M r for flat r and z."""
    plane, inverse, places, factors = tables
    values, n1 = plane.values, plane.columns.n
    amplitudes = np.empty(places.size, dtype=np.float32)
    for i in range(plane.rows.n):
        row, values_of = r[i * n1 : (i + 1) * n1], values[i]
        for j in range(n1):
            values_of[j] = row[j]
        for j in range(n1, values_of.size):
            values_of[j] = 0.0
    transform(SINES, plane)
    flat, factor = values.ravel(), inverse.ravel()
    for a in range(places.size):
        amplitudes[a] = flat[places[a]]
    solve_modes(amplitudes, factors)
    for i in range(flat.size):
        flat[i] *= factor[i]
    for a in range(places.size):
        flat[places[a]] = amplitudes[a]
    transform(BACK, plane)
    for i in range(plane.rows.n):
        row, values_of = z[i * n1 : (i + 1) * n1], values[i]
        for j in range(n1):
            row[j] = values_of[j]


@kernel()
def _apply(r, tables, z):
    precondition(r, tables, z)


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
        self.grid: Grid = A.grid
        self._plane: Plane | None = None
        self.update(A)

    def update(self, A: HelmholtzOperator) -> None:
        """Take another operator."""
        if A.layer is not None:
            raise InputError("expected a real Helmholtz operator; use a direct solver with a layer")
        if self._plane is None or self.grid.shape != A.grid.shape:
            n0, n1 = A.grid.shape
            self._plane = plane((n0, n1))
            self._inverse = np.zeros_like(self._plane.values)
        self.shape, self.dtype, self.grid = A.shape, A.dtype, A.grid
        self._k2 = k2 = Fluctuation.of(A.k2, self._plane)
        self.choice = self._given or choose(A.grid, k2.mean, k2.spread, k2.reach)
        self._block: ResonantBlock | None = None

    @property
    def block(self) -> ResonantBlock:
        """The inverse on the modes near resonance."""
        if self._block is None:
            eigenvalues, modes = by_angle(self.grid)
            gaps = eigenvalues - self._k2.mean
            chosen = np.flatnonzero(np.abs(gaps) < self.choice.gap)
            if not chosen.size:
                chosen = np.array([np.argmin(np.abs(gaps))])
            modes = modes[:, chosen]
            n0, n1 = self.grid.shape
            with np.errstate(divide="ignore"):
                np.divide(
                    1.0, stencil_eigenvalues(self.grid) - self._k2.mean,
                    out=self._inverse[:n0, :n1], casting="same_kind",
                )  # fmt: skip
            self._places = modes[0] * self._inverse.shape[1] + modes[1]
            blocks = min(self.choice.blocks, chosen.size)
            self._block = ResonantBlock(self._k2.hat, modes + 1, gaps[chosen], blocks)
        return self._block

    @property
    def tables(self) -> Tables:
        """For compiled code; they hold until the next `update`."""
        factors, plane = self.block.factors, self._plane
        assert plane is not None  # since the first `update`
        return Tables(plane, self._inverse, self._places, factors)

    @property
    def modes(self) -> int:
        """How many modes are inverted exactly."""
        return self.block.parts[-1].stop

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        z = np.empty(self.shape[0])
        _apply(np.ascontiguousarray(r, dtype=np.float64).ravel(), self.tables, z)
        return z.reshape(r.shape)


@lru_cache(maxsize=2)
def by_angle(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (m,) of all modes and their places (2, m), sorted by angle; without the highest
    modes, whose sines have another norm than the others as SciPy scales them."""
    eigenvalues = stencil_eigenvalues(grid)[:-1, :-1]
    places = np.indices(eigenvalues.shape).reshape(2, -1)
    waves = (places + 1) / np.array(grid.lengths)[:, None]
    order = np.argsort(np.arctan2(waves[1], waves[0]), kind="stable")
    return eigenvalues.ravel()[order], places[:, order]
