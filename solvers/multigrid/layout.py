"""Where every level of the hierarchy keeps its arrays: one table of sizes and offsets.

Grids of two and of three dimensions share all code: a level has n0 x n1 x n2 cells, and a
two-dimensional grid (a, b) is the level (a, 1, b) whose axis 1 has no links. Fields lie flat in
one single-precision workspace with a ring of ghosts around the cells (none along the missing
axis), so that cell (i, j, k) stands at FIRST + i S0 + j S1 + k, and its neighbours at distances
S0, S1 and 1. The link between a cell and its lower neighbour along an axis stands at the cell's
own place. Ghosts are zero, or copies of the other end where the axis is periodic; the inverse
diagonal is zero on them, so that one flat loop smooths whole slices without asking where the
boundary is.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np


class Column(int):
    """A number that tells `kernel` which file it came from, so that an edit here recompiles."""

    sources = frozenset({__file__})


# Columns: sizes of this level and of the next, periodic flags, strides (S1 = 0 where there are
# two dimensions), place of the first cell, padded size, slices handled at a time, then offsets.
(
    N0, N1, N2, M0, M1, M2, P0, P1, P2, S0, S1, FIRST, SIZE, SLAB,
    U, V, B, F0, F1, F2, INVERSE, W0, W1, W2, SIGMA, END,
) = map(Column, range(26))  # fmt: skip

COARSEST = 4  # cells an axis that are no longer coarsened
SLAB_CELLS = 16384  # cells that pass through the smoothing steps together


@lru_cache(maxsize=16)
def level_layout(
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    periodic: tuple[bool, ...],
    reaction: bool = False,
) -> np.ndarray:
    """(levels, 26) table for a grid of two or three dimensions.

    Only axes whose cells are the smaller ones are coarsened, so that long thin cells become
    square before all are. Along each axis either m = n, or m = n // 2 aggregates of two cells,
    the last of three where n is odd.
    """
    flat = len(shape) == 2
    sizes, lengths, wraps = (canonical(part) for part in (shape, spacing, periodic))
    n, h = [int(size) for size in sizes], [float(length) for length in lengths]
    rows, offset = [], 0
    while True:
        smallest = min((h[d] for d in range(3) if n[d] > COARSEST), default=0.0)
        halve = [n[d] > COARSEST and h[d] < 1.5 * smallest for d in range(3)]
        m = [size // 2 if half else size for size, half in zip(n, halve, strict=True)]
        coarsest = m == n
        s1, s0, size, first = _strides(n, flat)
        s0_next = _strides(m, flat)[1]
        if coarsest:
            inverse, weights = int(np.prod(n)) ** 2, [0, 0, 0]
        else:
            inverse = size
            weights = [n[0] * s0_next, n[0] * n[1] * (m[2] + 2), n[0] * n[1] * (n[2] - n[2] % 2)]
        counts = [size, size, size, size, 0 if flat else size, size, inverse, *weights]
        counts.append(size if reaction else 0)
        ends = offset + np.cumsum(counts)
        slab = slices_at_a_time(n[0], s0)
        rows.append([*n, *m, *map(int, wraps), s0, s1, first, size, slab, offset, *ends])
        offset = int(ends[-1])
        if coarsest:
            table = np.array(rows, dtype=np.int64)
            table.setflags(write=False)
            return table
        h = [length * a / b for length, a, b in zip(h, n, m, strict=True)]
        n = m


def slices_at_a_time(count: int, cells: int) -> int:
    """How many of `count` slices of so many cells pass through the smoothing steps together."""
    return max(1, min(count, SLAB_CELLS // cells))


def _strides(n: list[int], flat: bool) -> tuple[int, int, int, int]:
    """S1, S0, padded size, place of the first cell."""
    row = n[2] + 2
    if flat:
        return 0, row, (n[0] + 2) * row, row + 1
    return row, (n[1] + 2) * row, (n[0] + 2) * (n[1] + 2) * row, (n[1] + 2) * row + row + 1


def canonical(part: tuple) -> tuple:
    """One entry an axis -> one for each of three, a missing axis 1 of one cell put in."""
    return (part[0], type(part[0])(1), part[1]) if len(part) == 2 else tuple(part)
