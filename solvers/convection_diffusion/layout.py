"""Where the levels of `convection_diffusion_multigrid.py` keep their numbers: by diagonals.

Cells are stored diagonal by diagonal, i + j = d, so that a Gauss-Seidel sweep in lexicographic
order, which follows the flow, runs in vector lanes: cell (i, j) needs the new values of (i-1, j)
and (i, j-1) only, and both lie on diagonal d - 1, side by side. Cell (i, j) of a level has the
place origins[d + 2] + i. Sizes are made even with dead cells, whose coefficients are zero, and a
ring of ghosts lies around all of them.

A level of n0 x n1 cells keeps its arrays in one flat single-precision workspace, at the offsets of
its row of the layout. Along each axis ceil(n / 2) aggregates of two cells (the last of one where
n is odd) make the next level.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..kernels import kernel

# Columns of the layout: cells, cells with the dead ones, places of the level, offsets, end.
N0, N1, P0, P1, PLACES, ORIGIN, U, V, B, SOUTH, WEST, NORTH, EAST, INVERSE, REST = range(15)
SUM_0, FLOW_0, SUM_1, FLOW_1, END = range(15, 20)
COARSEST = 8  # cells an axis that are no longer coarsened
LANES = 16  # single numbers in a vector register; rows of some arrays are filled up to that


@lru_cache(maxsize=16)
def make_layout(n0: int, n1: int) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and offsets of all levels, and where their diagonals begin."""
    rows: list[list[int]] = []
    origins: list[int] = []
    offset = 0
    while True:
        p0, p1 = n0 + n0 % 2, n1 + n1 % 2
        diagonals = np.arange(-2, p0 + p1 + 1)
        low = np.maximum(0, diagonals - p1 + 1)
        sizes = np.minimum(diagonals, p0 - 1) - low + 3  # a ghost at both ends
        ends = np.cumsum(sizes)
        places = int(ends[-1]) + 4 * LANES  # room for rows that run over their ends
        faces = [(n0 + 1) * n1] * 2 + [n0 * (n1 + 1)] * 2
        stops = offset + np.cumsum([places] * 9 + faces)
        rows.append([n0, n1, p0, p1, places, len(origins), offset, *(int(k) for k in stops)])
        origins += [int(k) for k in ends - sizes - low + 1]
        offset = int(stops[-1])
        if max(n0, n1) <= COARSEST:
            tables = np.array(rows, dtype=np.int64), np.array(origins, dtype=np.int64)
            for table in tables:
                table.setflags(write=False)
            return tables
        n0, n1 = (n0 + 1) // 2, (n1 + 1) // 2


@kernel()
def part(workspace, layout, level, name):
    """A field of a level, in the order of its places."""
    start = layout[level, name]
    return workspace[start : start + layout[level, PLACES]]


@kernel()
def origins_of(origins, layout, level):
    start = layout[level, ORIGIN]
    return origins[start : start + layout[level, P0] + layout[level, P1] + 3]


@kernel()
def table(workspace, start, rows, columns):
    return workspace[start : start + rows * columns].reshape(rows, columns)


@kernel()
def place_field(field, origin, scale, out):
    """out = scale times a field (n0, n1), diagonal by diagonal."""
    n0, n1 = field.shape
    for i in range(n0):
        for j in range(n1):
            out[origin[i + j + 2] + i] = scale * field[i, j]


@kernel()
def add_places(places, origin, scale, field):
    """field (n0, n1) += scale times what lies diagonal by diagonal."""
    n0, n1 = field.shape
    for i in range(n0):
        for j in range(n1):
            field[i, j] += scale * places[origin[i + j + 2] + i]
