"""Memory for solving diffusion systems on one grid, one after another."""

from __future__ import annotations

import math

import numpy as np

from ...geometry.grid import Grid
from ..diffusion import DiffusionOperator, solid_field
from .conjugate import (
    BAD_SOURCE,
    CONVERGED,
    INCONSISTENT,
    conjugate_gradients,
    norm_and_sum,
    pad,
    unpad,
)
from .halves import halves_layout
from .layout import S0, SIZE, SLAB, B, U, level_layout
from .links import build_hierarchy
from .red_black import cycle, split_hierarchy


class Workspace:
    """The fast tier: hierarchy, vectors and their memory; not shared between threads.

    reaction: whether the matrices have a reaction term.
    """

    def __init__(self, grid: Grid, reaction: bool = False) -> None:
        self.grid, self.reaction = grid, reaction
        spacing = tuple(float(h) for h in grid.spacing)
        self.layout = level_layout(grid.shape, spacing, grid.wraps, reaction)
        self.halves = halves_layout(grid.shape, spacing, grid.wraps, reaction)
        self.storage = self.halves if len(self.halves) else self.layout
        first = self.storage[0]
        self.single = np.zeros(int(self.storage[-1, -1]), dtype=np.float32)
        # Room for a slab, and for the rows of one slice.
        slabs = (self.storage[:, SLAB] + 3) * (self.layout[:, S0] + 1)
        self.buffer = np.zeros(int(slabs.max()), dtype=np.float32)
        self.padded = np.zeros(int(first[SIZE]))
        self.vectors = np.zeros((2, int(first[SIZE])), dtype=np.float32)
        self.residual = np.empty(solid_field(np.empty(grid.shape)).shape)
        self.scale = 0.0

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
        if started:
            x /= norm
        else:
            x[:] = 0
        outcome = conjugate_gradients(
            *A.solid,
            singular,
            started,
            source,
            1.0 / norm,
            rtol,
            max_iterations,
            self.layout,
            self.halves,
            self.single,
            self.buffer,
            self.scale,
            self.padded,
            self.vectors,
            self.residual,
            target,
        )
        x *= norm
        return outcome

    def fits(self, A: DiffusionOperator) -> bool:
        """Whether this memory is for systems like A."""
        same = A.grid is self.grid or A.grid == self.grid
        return same and (A.reaction is not None) == self.reaction

    def build(self, A: DiffusionOperator) -> None:
        """The hierarchy of A, for `cycle`."""
        links, reaction, _ = A.solid
        self.scale = build_hierarchy(*links, reaction, A.singular, self.layout, self.single)
        split_hierarchy(self.layout, self.halves, self.single)

    def cycle(self, r: np.ndarray) -> np.ndarray:
        """One V-cycle on r of the grid's shape or flat, any size of numbers."""
        size = float(np.max(np.abs(r)))
        if size == 0 or not np.isfinite(size):
            return np.zeros_like(r, dtype=np.float64) * size
        first = self.storage[0]
        source = solid_field(np.ascontiguousarray(r, dtype=np.float64).reshape(self.grid.shape))
        pad(source, 0.0, 1.0 / size, first, self.single[first[B] : first[B + 1]])
        cycle(self.layout, self.halves, self.single, self.buffer)
        u = np.empty(source.shape)
        unpad(self.single[first[U] : first[U + 1]], first, False, u)
        u *= size * self.scale
        return u.reshape(np.shape(r))
