"""Red-black storage of a two-dimensional level: the two colours of a chessboard, row by row.

Cell (i, j) is red where i + j is even. Of row i a colour holds the cells of one parity s,
j = 2 k + s, one after another from place FIRST + i STRIDE on; black ones HALF places further. The
neighbours above and below have the same k in the other colour, those to the left and right k and
k - 1 (s = 0) or k + 1 and k (s = 1): loops over a row have no strides, and take WIDTH places,
whole vectors. What is not a cell holds zero, except for links of the boundary; sums over a row
may leave something behind the last cell where nobody reads it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..kernels import kernel
from ..lanes import LANES
from .layout import M0 as _M0
from .layout import M2 as _M2
from .layout import N0 as _N0
from .layout import N2 as _N2
from .layout import Column, level_layout
from .layout import U as _U

# Columns: cells of this level and of the next; distance of rows; places of a row that loops take;
# rows that pass through the steps together; place of the first cell, and of black behind red;
# offsets of fields. W0 and W2, the weights of the prolongation, and LINES, the next level's
# solution in natural order, know no colours: W0 has a row of aggregates for each row of cells, W2
# the weights of black cells.
(
    N0, N2, M0, M2, STRIDE, WIDTH, SLAB, FIRST, HALF,
    U, B, F0, F2, INVERSE, SIGMA, W0, W2, LINES, END,
) = map(Column, range(19))  # fmt: skip
RED, BLACK = 0, 1
SLAB_CELLS = 24576  # places that pass through the steps together


@lru_cache(maxsize=16)
def colour_layout(
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    periodic: tuple[bool, ...],
    reaction: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """(levels, 19) table of the levels of `level_layout`, and, behind them in memory, the coarsest
    one in natural order (a row of that table).

    No rows where the grid is periodic, has three dimensions or is a single line: there natural
    order serves.
    """
    natural = level_layout(shape, spacing, periodic, reaction)
    if len(shape) != 2 or any(periodic) or min(shape) == 1:
        return np.empty((0, END + 1), dtype=np.int64), natural[-1]
    rows, offset = [], 0
    for n0, n2, m0, m2 in natural[:, [_N0, _N2, _M0, _M2]]:
        stride, width = whole((n2 + 1) // 2 + 1), whole((n2 + 1) // 2)
        first = LANES + stride
        half = first + (n0 + 1) * stride + LANES
        coarsest = m0 == n0 and m2 == n2
        line = 2 * whole((m2 + 1) // 2 + 1)
        counts = [2 * half] * 5 + [2 * half * reaction]
        lines = LANES + (m0 + 2) * line + LANES
        counts += [0, 0, 0] if coarsest else [half * (1 + (n2 == m2)), half, lines]
        ends = offset + np.cumsum(counts)
        slab = max(1, min(n0, SLAB_CELLS // (2 * stride)))
        rows.append([n0, n2, m0, m2, stride, width, slab, first, half, offset, *ends])
        offset = int(ends[-1])
    table, last = np.array(rows, dtype=np.int64), natural[-1].copy()
    last[_U:] += offset - last[_U]
    for part in (table, last):
        part.setflags(write=False)
    return table, last


def whole(count: int) -> int:
    """So many or more, in whole vectors."""
    return int(-(-count // LANES) * LANES)


@kernel(inner=True)
def start(level, name, colour):
    """Place of a field's first cell of a colour in row 0; k cells on in row i: + i STRIDE + k."""
    return level[name] + colour * level[HALF] + level[FIRST]


@kernel(inner=True)
def row_start(level, name, i, colour):
    """The same in row i, or in the row of ghosts -1 or n0."""
    return start(level, name, colour) + i * level[STRIDE]


@kernel()
def spread_cells(u, scale, level, name, w):
    """A field of both colours = scale times natural u."""
    for i in range(level[N0]):
        for j in range(level[N2]):
            w[row_start(level, name, i, (i + j) % 2) + j // 2] = scale * u[i, 0, j]


@kernel()
def gather_cells(w, scale, level, name, u):
    """Natural u = scale times a field of both colours."""
    for i in range(level[N0]):
        for j in range(level[N2]):
            u[i, 0, j] = scale * w[row_start(level, name, i, (i + j) % 2) + j // 2]
