"""The V-cycle in red-black storage: Gauss-Seidel sweeps, one down and two up, row behind row.

Down, the sweep starts from zero: the red cells are D^-1 b, the black ones follow, and after them
only the red cells have a residual. Up, the red cells are computed anew from the black ones, so
the correction goes to the black ones alone. Half of the work of either transfer falls away. All
steps follow each other by a row, while its neighbours are in the cache.
"""

from __future__ import annotations

from ..kernels import kernel
from ..lanes import LANES, apart, evens, inlined, load, lower_pairs, odds, store, upper_pairs
from .colours import (
    BLACK,
    F0,
    F2,
    FIRST,
    INVERSE,
    LINES,
    M0,
    M2,
    N0,
    N2,
    RED,
    SLAB,
    STRIDE,
    W0,
    W2,
    WIDTH,
    B,
    U,
    row_start,
    start,
)  # fmt: skip
from .cycle import solve_coarsest
from .layout import INVERSE as DENSE
from .layout import B as NATURAL_B
from .layout import U as NATURAL_U
from .links import field
from .transfers import aggregate

SWEEPS_UP = 2


@kernel(inner=True)
def around(level, colour):
    """Of row 0 of a colour: places of the links above, below, left and right, of the values of the
    other colour, and the distance of rows. To the first two links and to values of the same
    column `i STRIDE + k` is added, to the others and to values at the left that of `left_of`."""
    stride = level[STRIDE]
    return (
        start(level, F0, colour),
        start(level, F0, 1 - colour) + stride,
        start(level, F2, colour),
        start(level, F2, 1 - colour) + 1,
        start(level, U, 1 - colour),
        stride,
    )


@kernel(inner=True)
def left_of(i, colour, stride):
    """Of the first cell of a colour in row i, the left neighbour's place in the other one."""
    return i * stride - 1 + (i + colour) % 2


@kernel(inner=True)
def neighbour_sum(w, places, at, left):
    """Sum over the neighbours of link times value, for LANES cells."""
    inlined()
    above, below, along, right, u, stride = places
    value = load(w, above + at) * load(w, u + at - stride)
    value = value + load(w, below + at) * load(w, u + at + stride)
    value = value + load(w, along + at) * load(w, u + left)
    return value + load(w, right + left) * load(w, u + left + 1)


@kernel(inner=True)
def relax(w, level, colour, first, last):
    """u = D^-1 (b - (A - D) u) on a colour of rows [first, last)."""
    apart()
    places, width, stride = around(level, colour), level[WIDTH], level[STRIDE]
    u, b, inverse = start(level, U, colour), start(level, B, colour), start(level, INVERSE, colour)
    for i in range(first, last):
        row, left = i * stride, left_of(i, colour, stride)
        for k in range(0, width, LANES):
            value = load(w, b + row + k) + neighbour_sum(w, places, row + k, left + k)
            store(load(w, inverse + row + k) * value, w, u + row + k)


@kernel(inner=True)
def relax_without_source(w, level, colour, first, last):
    """`relax` where b is zero."""
    apart()
    places, width, stride = around(level, colour), level[WIDTH], level[STRIDE]
    u, inverse = start(level, U, colour), start(level, INVERSE, colour)
    for i in range(first, last):
        row, left = i * stride, left_of(i, colour, stride)
        for k in range(0, width, LANES):
            value = neighbour_sum(w, places, row + k, left + k)
            store(load(w, inverse + row + k) * value, w, u + row + k)


@kernel(inner=True)
def relax_from_zero(w, level, colour, first, last):
    """u = D^-1 b."""
    apart()
    width, stride = level[WIDTH], level[STRIDE]
    u, b, inverse = start(level, U, colour), start(level, B, colour), start(level, INVERSE, colour)
    for row in range(first * stride, last * stride, stride):
        for k in range(row, row + width, LANES):
            store(load(w, inverse + k) * load(w, b + k), w, u + k)


@kernel(inner=True)
def restrict_rows(w, level, coarse, first, last):
    """B of rows [first, last) of the next level = sums over aggregates of the residual of red
    cells, (D - A) u.

    That is the residual after `relax_from_zero` of the red cells and `relax` of the black ones,
    where it is zero.
    """
    apart()
    n0, n2, m0, m2, stride = level[N0], level[N2], level[M0], level[M2], level[STRIDE]
    places, width = around(level, RED), level[WIDTH]
    red, black, step = start(coarse, B, RED), start(coarse, B, BLACK), coarse[STRIDE]
    for row in range(first, last):
        even, odd = (red, black) if row % 2 == 0 else (black, red)
        even, odd = even + row * step, odd + row * step
        begin, end = cells_of(row, n0, m0)
        for i in range(begin, end):
            at, left = i * stride, left_of(i, RED, stride)
            if n2 == m2:
                to = even if i % 2 == 0 else odd
                for k in range(0, width, LANES):
                    value = neighbour_sum(w, places, at + k, left + k)
                    store(value if i - begin < 2 else value + load(w, to + k), w, to + k)
                continue
            for k in range(0, m2, 2 * LANES):
                low = neighbour_sum(w, places, at + k, left + k)
                high = neighbour_sum(w, places, at + k + LANES, left + k + LANES)
                half, one, other = k // 2, evens(low, high), odds(low, high)
                if i > begin:
                    one = one + load(w, even + half)
                    other = other + load(w, odd + half)
                store(one, w, even + half)
                store(other, w, odd + half)
            if n2 % 2 and i % 2 == 0:
                to = (odd if m2 % 2 == 0 else even) + (m2 - 1) // 2
                w[to] += third_cell(w, places, at + m2, left + m2)


@kernel(inner=True)
def third_cell(w, places, at, left):
    """`neighbour_sum` of the last cell, of an aggregate of three."""
    above, below, along, right, u, stride = places
    value = w[above + at] * w[u + at - stride] + w[below + at] * w[u + at + stride]
    return value + w[along + at] * w[u + left] + w[right + left] * w[u + left + 1]


@kernel(inner=True)
def cells_of(k, n, m):
    """Cells [first, last) of aggregate k."""
    if n == m:
        return k, k + 1
    return 2 * k, n if k == m - 1 else 2 * k + 2


@kernel(inner=True)
def line_start(level, row):
    """Place of a row of the next level in LINES; both its ends have a ghost beside them."""
    return level[LINES] + LANES + (row + 1) * line_length(level[M2])


@kernel(inner=True)
def line_length(m):
    return 2 * (((m + 1) // 2 + LANES) // LANES * LANES)


@kernel(inner=True)
def unfold(w, level, coarse):
    """LINES = the solution of the next level in natural order."""
    apart()
    red, black, step = start(coarse, U, RED), start(coarse, U, BLACK), coarse[STRIDE]
    width, count, line, length = coarse[WIDTH], level[M0], line_start(level, 0), 2 * step
    for row in range(count):
        to, at = line + row * length, row * step
        even, odd = (red, black) if row % 2 == 0 else (black, red)
        for k in range(0, width, LANES):
            one, other = load(w, even + at + k), load(w, odd + at + k)
            store(lower_pairs(one, other), w, to + 2 * k)
            store(upper_pairs(one, other), w, to + 2 * k + LANES)


@kernel(inner=True)
def weights_start(level, i):
    """Place of row i of W0, as long as the rows of LINES that it draws to each other."""
    return level[W0] + level[FIRST] + i * level[STRIDE] * (2 if level[N2] == level[M2] else 1)


@kernel(inner=True)
def leaning(w, own, other, weight, k):
    """A line drawn to another one by its weights."""
    inlined()
    value = load(w, own + k)
    return value + load(w, weight + k) * (load(w, other + k) - value)


@kernel(inner=True)
def prolong(w, level, first, last):
    """The black cells of rows [first, last) += the correction in LINES, drawn to neighbours by
    resistance."""
    apart()
    n0, m0, width, stride = level[N0], level[M0], level[WIDTH], level[STRIDE]
    whole, u_start = level[N2] == level[M2], start(level, U, BLACK)
    lines, length = line_start(level, 0), line_length(level[M2])
    weights, shares = weights_start(level, 0), start(level, W2, RED)
    for i in range(first, last):
        k0, k1 = aggregate(i, n0, m0)
        own, other, parity = lines + k0 * length, lines + k1 * length, (i + 1) % 2
        u, share, ahead = u_start + i * stride, shares + i * stride, 2 * parity - 1
        if whole:
            weight = weights + 2 * i * stride
            for k in range(0, width, LANES):
                low = leaning(w, own, other, weight, 2 * k)
                high = leaning(w, own, other, weight, 2 * k + LANES)
                value = evens(low, high) if parity == 0 else odds(low, high)
                store(load(w, u + k) + value, w, u + k)
            continue
        weight = weights + i * stride
        for k in range(0, width, LANES):
            value = leaning(w, own, other, weight, k)
            beside = leaning(w, own, other, weight, k + ahead)
            value = value + load(w, share + k) * (beside - value)
            store(load(w, u + k) + value, w, u + k)


@kernel(inner=True)
def ready(level, rows):
    """How many rows of aggregates have all neighbours among `rows` rows of cells."""
    n0, m0 = level[N0], level[M0]
    if rows == n0:
        return m0
    return max(rows - 1, 0) if n0 == m0 else min(max(rows - 1, 0) // 2, m0 - 1)


@kernel(inner=True)
def descend(w, level, coarse):
    """A sweep from zero, and the residual restricted to the next level's B."""
    apart()
    n0, slab, done = level[N0], level[SLAB], ready(level, 0)
    for first in range(0, n0, slab):
        last = min(first + slab, n0)
        black = n0 if last == n0 else last - 1
        relax_from_zero(w, level, RED, first, last)
        relax(w, level, BLACK, max(first - 1, 0), black)
        more = ready(level, black)
        restrict_rows(w, level, coarse, done, more)
        done = more


@kernel(inner=True)
def ascend(w, level, coarse):
    """The black cells += P correction, and sweeps."""
    apart()
    n0, slab = level[N0], level[SLAB]
    unfold(w, level, coarse)
    for first in range(0, n0, slab):
        last = min(first + slab, n0)
        prolong(w, level, first, last)
        for step in range(1, 2 * SWEEPS_UP + 1):
            lo, hi = behind(first, last, step, n0)
            relax(w, level, RED if step % 2 else BLACK, lo, hi)


@kernel(inner=True)
def behind(first, last, step, n):
    """Rows [first, last), so many rows behind; up to the last one, n, where that is there."""
    return max(first - step, 0), n if last == n else max(last - step, 0)


@kernel(inner=True)
def solve_last(w, level, natural):
    """The coarsest level, by its dense inverse."""
    apart()
    source, solution = field(w, natural, NATURAL_B), field(w, natural, NATURAL_U)
    to_natural(w, level, B, natural, source)
    solve_coarsest(natural, field(w, natural, DENSE), source, solution)
    n2 = level[N2]
    for i in range(level[N0]):
        for j in range(n2):
            at = row_start(level, U, i, (i + j) % 2) + j // 2
            w[at] = solution[(i + 1) * (n2 + 2) + j + 1]


@kernel(inner=True)
def to_natural(w, level, name, natural, out):
    """A field to rows with a ghost on either side, links of the upper boundary with it."""
    n0, n2 = level[N0], level[N2]
    for i in range(n0 + 1):
        for j in range(n2 + 1):
            value = w[row_start(level, name, i, (i + j) % 2) + j // 2]
            out[(i + 1) * (n2 + 2) + j + 1] = value


@kernel(inner=True)
def coarse_levels(w, levels, natural):
    """The cycle from level 1 on, from zero: its B in, its U out; of a single level, that one."""
    apart()
    count = levels.shape[0]
    for number in range(1, count - 1):
        descend(w, levels[number], levels[number + 1])
    solve_last(w, levels[count - 1], natural)
    for number in range(count - 2, 0, -1):
        ascend(w, levels[number], levels[number + 1])


@kernel()
def cycle(w, levels, natural):
    """From zero: level 0's B in, its U out."""
    if levels.shape[0] > 1:
        descend(w, levels[0], levels[1])
    coarse_levels(w, levels, natural)
    if levels.shape[0] > 1:
        ascend(w, levels[0], levels[1])
