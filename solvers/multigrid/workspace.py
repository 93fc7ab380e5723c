"""Memory for solving diffusion systems on one grid, one after another."""

from __future__ import annotations

import math

import numpy as np

from ...geometry.grid import Grid
from ..diffusion import DiffusionOperator, solid_field
from ..lanes import LANES
from . import colours
from .colour_cycle import cycle as cycle_colours
from .colour_links import build_colours
from .conjugate import (
    BAD_SOURCE,
    CONVERGED,
    INCONSISTENT,
    conjugate_gradients,
    norm_and_sum,
    pad,
    unpad,
)
from .cycle import cycle
from .layout import END, S0, SIZE, SLAB, B, U, level_layout
from .links import build_hierarchy
from .reduced import reduced_gradients


class Workspace:
    """The fast tier: hierarchy, vectors and their memory; not shared between threads.

    reaction: whether the matrices have a reaction term. Grids of two dimensions without periodic
    axes are stored by colours and solved on the black cells, others in natural order.
    """

    def __init__(self, grid: Grid, reaction: bool = False) -> None:
        self.grid, self.reaction = grid, reaction
        spacing = tuple(float(h) for h in grid.spacing)
        self.levels, self.coarsest = colours.colour_layout(
            grid.shape, spacing, grid.wraps, reaction
        )
        self.layout = level_layout(grid.shape, spacing, grid.wraps, reaction)
        self.scale = 0.0
        if len(self.levels):
            self._allocate_colours()
        else:
            self._allocate_natural()

    def _allocate_colours(self) -> None:
        n0, n = self.grid.shape
        row, half = 2 * colours.whole(n) + 8 * LANES, int(self.levels[0][colours.HALF])
        self.single = aligned((int(self.coarsest[END]) + 4 * LANES,), np.float32)
        self.vectors = aligned((2, half), np.float32)
        self.doubles = aligned((2, half), np.float64)
        self.fields = aligned((2, colours.whole((n0 + 2) * (n + 2) + row)), np.float64)
        self.row = aligned((row,), np.float64)
        self.buffer = aligned(((n0 + 3) * row,), np.float32)

    def _allocate_natural(self) -> None:
        first = self.layout[0]
        self.single = np.zeros(int(self.layout[-1, -1]), dtype=np.float32)
        # Room for a slab, and for the rows of one slice.
        slabs = (self.layout[:, SLAB] + 3) * (self.layout[:, S0] + 1)
        self.buffer = np.zeros(int(slabs.max()), dtype=np.float32)
        self.padded = np.zeros(int(first[SIZE]))
        self.vectors = np.zeros((2, int(first[SIZE])), dtype=np.float32)
        self.residual = np.empty(solid_field(np.empty(self.grid.shape)).shape)

    def solve(
        self,
        A: DiffusionOperator,
        b: np.ndarray,
        rtol: float,
        x: np.ndarray,
        max_iterations: int,
        fresh: bool = True,
        started: bool = False,
    ) -> tuple[int, int, float]:
        """Solve A x = b, all (n0, n1) or (n0, n1, n2) float64 in C order.

        fresh: False where A is the matrix that came last; started: x holds a first guess.
        Returns status, iterations and the true relative residual |b - A x| / |b|.
        """
        if fresh:
            self.build(A)
        source, target = solid_field(b), solid_field(x)
        norm, signed = norm_and_sum(source)
        if not math.isfinite(norm):
            return BAD_SOURCE, 0, np.nan
        # What no x can remove; the rest of the tolerance is left to the iteration.
        singular = A.singular
        floor = abs(signed) / math.sqrt(b.size) if singular else 0.0
        if norm == 0.0 or floor > 0.5 * rtol:
            x[:] = 0
            return (CONVERGED, 0, 0.0) if norm == 0.0 else (INCONSISTENT, 0, floor)
        if len(self.levels):
            links, reaction, _ = A.solid
            outcome = reduced_gradients(
                links[0], links[2], reaction, singular, started, source, norm,
                signed / b.size if singular else 0.0, rtol, max_iterations, self.levels,
                self.coarsest, self.single, self.scale, self.vectors, self.doubles, self.fields,
                self.row, target,
            )  # fmt: skip
        else:
            outcome = self._solve_natural(A, source, norm, rtol, target, max_iterations, started)
        if not math.isfinite(outcome[2]):
            # Ghosts must be zero, and nothing else is read before it is written.
            self.single[:] = 0
            self.vectors[:] = 0
        return outcome

    def _solve_natural(
        self,
        A: DiffusionOperator,
        b: np.ndarray,
        norm: float,
        rtol: float,
        x: np.ndarray,
        max_iterations: int,
        started: bool,
    ) -> tuple[int, int, float]:
        if started:
            x /= norm
        else:
            x[:] = 0
        outcome = conjugate_gradients(
            *A.solid, A.singular, started, b, 1.0 / norm, rtol, max_iterations, self.layout,
            self.single, self.buffer, self.scale, self.padded, self.vectors, self.residual, x,
        )  # fmt: skip
        x *= norm
        return outcome

    def fits(self, A: DiffusionOperator) -> bool:
        """Whether this memory is for systems like A."""
        same = A.grid is self.grid or A.grid == self.grid
        return same and (A.reaction is not None) == self.reaction

    def build(self, A: DiffusionOperator) -> None:
        """The hierarchy of A, for `cycle`."""
        links, reaction, _ = A.solid
        if len(self.levels):
            self.scale = build_colours(
                links[0], links[2], reaction, A.singular, self.levels, self.coarsest, self.single,
                self.buffer,
            )  # fmt: skip
        else:
            self.scale = build_hierarchy(*links, reaction, A.singular, self.layout, self.single)

    def cycle(self, r: np.ndarray) -> np.ndarray:
        """One V-cycle on r of the grid's shape or flat, any size of numbers."""
        size = float(np.max(np.abs(r)))
        if size == 0 or not np.isfinite(size):
            return np.zeros_like(r, dtype=np.float64) * size
        source = solid_field(np.ascontiguousarray(r, dtype=np.float64).reshape(self.grid.shape))
        u = np.empty(source.shape)
        if len(self.levels):
            first = self.levels[0]
            colours.spread_cells(source, 1.0 / size, first, colours.B, self.single)
            cycle_colours(self.single, self.levels, self.coarsest)
            colours.gather_cells(self.single, size * self.scale, first, colours.U, u)
            return u.reshape(np.shape(r))
        first = self.layout[0]
        pad(source, 0.0, 1.0 / size, first, self.single[first[B] : first[B + 1]])
        cycle(self.layout, self.single, self.buffer)
        unpad(self.single[first[U] : first[U + 1]], first, False, u)
        u *= size * self.scale
        return u.reshape(np.shape(r))


def aligned(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Zeros that begin where a line of the cache does, so that whole vectors lie in one."""
    size, line = np.dtype(dtype).itemsize, 64
    count = math.prod(shape)
    memory: np.ndarray = np.zeros(count + line // size, dtype)
    first = -memory.ctypes.data % line // size
    return memory[first : first + count].reshape(shape)
