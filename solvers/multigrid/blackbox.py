"""The robust tier: black-box multigrid, whose transfers and coarse operators come from A alone.

Interpolation follows the operator (Alcouffe, Brandt, Dendy, Painter 1981; Dendy 1982), restriction
is its transpose and coarse operators are Galerkin products of 9 or 27 points, so that sharp jumps
of the coefficient survive on all levels. One sweep of Gauss-Seidel before and one backward after
make the cycle symmetric and positive: it preconditions plain conjugate gradients.
"""

from __future__ import annotations

import numpy as np

from ..diffusion import DiffusionOperator, solid_field
from .blackbox_kernels import (
    add_prolonged,
    finest_stencil,
    galerkin,
    gauss_seidel,
    interpolation,
    restrict_residual,
)

COARSEST = 200  # cells that are solved for by a dense inverse


class BlackBoxMultigrid:
    """One V(1,1)-cycle of black-box multigrid as a preconditioner, symmetric positive definite.

    >>> from ...geometry.grid import Grid
    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (32, 32), centering="cell")
    >>> a = np.where(grid.coordinates()[0] < 0.3, 1e4, 1.0)
    >>> A = DiffusionOperator(a, grid)
    >>> u = BlackBoxMultigrid(A) @ A.matvec(np.ones(A.shape[0]))
    >>> bool(abs(u - 1).max() < 0.3)
    True
    """

    def __init__(self, A: DiffusionOperator) -> None:
        self.shape, self.dtype = A.shape, A.dtype
        flat = A.grid.ndim == 2
        spacing = list(A.grid.spacing)
        h = [spacing[0], np.inf, spacing[1]] if flat else spacing
        offsets = _offsets(flat, 1)
        stencil = np.empty((*solid_field(A.a).shape, len(offsets)))
        links, reaction, wraps = A.solid
        finest_stencil(*links, reaction, wraps, stencil)
        self.levels: list[_Level] = []
        while stencil[..., 0].size > COARSEST:
            level = _Level(stencil, offsets, _halved(stencil.shape[:3], h))
            self.levels.append(level)
            h = [x * (1 + half) for x, half in zip(h, level.halved, strict=True)]
            offsets = _offsets(flat, 3)
            stencil = level.coarsen(len(offsets))
        self.coarsest = stencil.shape[:3]
        self.inverse = _inverse(stencil, offsets, A.singular)

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        """Apply the cycle to r of the grid's shape or (n,)."""
        sizes = self.levels[0].A.shape[:3] if self.levels else self.coarsest
        b = np.ascontiguousarray(r, dtype=np.float64).reshape(sizes)
        return self._cycle(0, b).reshape(np.shape(r))

    def _cycle(self, number: int, b: np.ndarray) -> np.ndarray:
        if number == len(self.levels):
            return (self.inverse @ b.reshape(-1)).reshape(b.shape)
        level = self.levels[number]
        x = np.zeros(b.shape)
        gauss_seidel(level.A, level.offsets, level.distances, b, x, False)
        coarse = np.empty(level.coarse)
        restrict_residual(
            level.A, level.offsets, level.distances, level.P, level.halved, b, x, coarse
        )
        add_prolonged(level.P, level.halved, self._cycle(number + 1, coarse), x)
        gauss_seidel(level.A, level.offsets, level.distances, b, x, True)
        return x


class _Level:
    """A, P and the axes that are coarsened."""

    def __init__(self, A: np.ndarray, offsets: np.ndarray, halved: tuple[int, int, int]) -> None:
        self.A, self.offsets, self.halved = A, offsets, halved
        n = A.shape[:3]
        self.coarse = tuple(-(-size // (1 + half)) for size, half in zip(n, halved, strict=True))
        self.distances = offsets @ np.array([n[1] * n[2], n[2], 1])
        self.P = np.empty((*n, 8))
        interpolation(A, offsets, halved, self.P)

    def coarsen(self, points: int) -> np.ndarray:
        """The Galerkin product, with so many points."""
        coarse = np.empty((*self.coarse, points))
        galerkin(self.A, self.P, self.offsets, self.halved, coarse)
        return coarse


def _offsets(flat: bool, reach: int) -> np.ndarray:
    """(points, 3) neighbours at most one step away along each axis, in the order of the cells.

    reach: along how many axes at once; 1 gives 5 or 7 points, 3 gives 9 or 27.
    """
    steps = (-1, 0, 1)
    all_27 = [(a, b, c) for a in steps for b in steps for c in steps]
    kept = [o for o in all_27 if sum(map(abs, o)) <= reach and not (flat and o[1])]
    return np.array(kept, dtype=np.int64)


def _halved(n: tuple[int, ...], h: list[float]) -> tuple[int, int, int]:
    """Axes to coarsen: those whose cells are the smaller ones."""
    smallest = min(x for x, size in zip(h, n, strict=True) if size > 2)
    a, b, c = (int(size > 2 and x < 1.5 * smallest) for x, size in zip(h, n, strict=True))
    return a, b, c


def _inverse(A: np.ndarray, offsets: np.ndarray, singular: bool) -> np.ndarray:
    """Dense, on vectors of mean zero where constants are the null space."""
    sizes = A.shape[:3]
    cells = np.indices(sizes).reshape(3, -1)
    dense = np.zeros((cells.shape[1],) * 2)
    for point, offset in enumerate(offsets):
        values = A[..., point].reshape(-1)
        used = np.flatnonzero(values)
        others = (cells[:, used] + offset[:, None]) % np.array(sizes)[:, None]
        np.add.at(dense, (used, np.ravel_multi_index(tuple(others), sizes)), values[used])
    dense = 0.5 * (dense + dense.T)
    if not singular:
        return np.linalg.inv(dense)
    shift = float(np.max(np.diagonal(dense))) or 1.0
    count = len(dense)
    return np.linalg.inv(dense + shift) - 1.0 / (shift * count * count)
