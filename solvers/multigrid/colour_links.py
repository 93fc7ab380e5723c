"""Set-up of the hierarchy in red-black storage, by the rules of `links.py`."""

from __future__ import annotations

import numpy as np

from ..kernels import REASSOCIATE, borrowed, kernel
from ..lanes import LANES, apart, evens, load, lower_pairs, odds, spread, store, upper_pairs
from .colour_cycle import (
    cells_of,
    line_length,
    to_natural,
    weights_start,
)  # fmt: skip
from .colours import (
    F0,
    F2,
    INVERSE,
    M0,
    M2,
    N0,
    N2,
    RED,
    SIGMA,
    W2,
    WIDTH,
    row_start,
)  # fmt: skip
from .layout import F0 as NATURAL_F0
from .layout import F2 as NATURAL_F2
from .layout import INVERSE as DENSE
from .layout import SIGMA as NATURAL_SIGMA
from .links import field, invert_dense, neighbours, typical_size

ONE, HALF, NONE = np.float32(1.0), np.float32(0.5), np.float32(0.0)
TWO_PLACES, ONE_PLACE = np.uint64(2), np.uint64(1)


@kernel(REASSOCIATE, inner=True)
def deal(source, start, count, scale, w, even, odd):
    """w from even and from odd on = scale times numbers 0, 2, ... and 1, 3, ... of the source.

    Both in one loop, or the compiler finds no vectors; unsigned, for it asks of others whether
    they count from the end.
    """
    pairs, at = np.uint64(count // 2), np.uint64(start)
    one, other = np.uint64(even), np.uint64(odd)
    for k in range(pairs):
        w[one + k] = scale * source[at + TWO_PLACES * k]
        w[other + k] = scale * source[at + TWO_PLACES * k + ONE_PLACE]
    if count % 2:
        w[one + pairs] = scale * source[at + TWO_PLACES * pairs]


@kernel(inner=True)
def deal_rows(source, rows, length, scale, level, name, w):
    """A field of the finest level from rows of so many numbers."""
    for i in range(rows):
        even, odd = row_start(level, name, i, i % 2), row_start(level, name, i, 1 - i % 2)
        deal(source, i * length, length, scale, w, even, odd)


@kernel(inner=True)
def clear(w, start, stop):
    for k in range(start, stop):
        w[k] = NONE


@kernel(inner=True)
def invert_diagonal(w, level):
    """1 / sum of the links of every cell; zero elsewhere."""
    apart()
    for i in range(level[N0]):
        for colour in range(2):
            near, along = row_start(level, F0, i, colour), row_start(level, F2, i, colour)
            far = row_start(level, F0, i + 1, 1 - colour)
            right = row_start(level, F2, i, 1 - colour) + (i + colour) % 2
            to = row_start(level, INVERSE, i, colour)
            sigma = row_start(level, SIGMA, i, colour)
            for k in range(0, level[WIDTH], LANES):
                value = load(w, near + k) + load(w, far + k)
                value = value + load(w, along + k) + load(w, right + k)
                if level[SIGMA + 1] > level[SIGMA]:
                    value = value + load(w, sigma + k)
                store(spread(ONE) / value, w, to + k)
            cells = (level[N2] + 1 - (i + colour) % 2) // 2
            clear(w, to + cells, to + level[WIDTH])


@kernel(inner=True)
def series_along_row(w, level, i, line):
    """line[LANES + k] = the link below aggregate k of row i, and the weights of its black cells.

    Even links 2 k of a row stand beside its even cells, odd ones 2 k + 1 beside odd cells.
    """
    apart()
    n, m, parity = level[N2], level[M2], (i + 1) % 2
    even, odd = row_start(level, F2, i, i % 2), row_start(level, F2, i, 1 - i % 2)
    to = row_start(level, W2, i, RED)
    half, one = spread(HALF), spread(ONE)
    for k in range(0, m + 1, LANES):
        value = half / load(w, odd + k - 1) + one / load(w, even + k) + half / load(w, odd + k)
        store(one / value, line, LANES + k)
    # The ends: boundary links, and the last aggregate, of three cells with its centre in the middle
    # one where n is odd.
    line[LANES] = ONE / (ONE / w[even] + HALF / w[odd])
    if n % 2:
        last = ONE / w[odd + m - 1]
        line[LANES + m - 1] = ONE / (HALF / w[odd + m - 2] + ONE / w[even + m - 1] + last)
        line[LANES + m] = ONE / (ONE / w[even + m] + ONE / w[odd + m])
    else:
        line[LANES + m] = ONE / (HALF / w[odd + m - 1] + ONE / w[even + m])
    clear(line, LANES + m + 1, line.size)
    for k in range(0, m, LANES):
        store(half / load(w, odd + k) * load(line, LANES + k + parity), w, to + k)
    clear(w, to + m, to + level[WIDTH])
    if n % 2 and parity == 0:
        w[to + m - 1] = last * line[LANES + m - 1]
        # The last cell stands beside the ghost of an aggregate of its own, and leans from there.
        w[to + m] = ONE - line[LANES + m] / w[even + m]
    elif n % 2:
        w[to + m - 1] = NONE


@kernel(inner=True)
def deal_line(line, count, coarse, name, row, w):
    """A row of a coarse field from its natural order: `count` numbers, and zeros after them."""
    even, odd = row_start(coarse, name, row, row % 2), row_start(coarse, name, row, 1 - row % 2)
    for k in range(0, (count + 1) // 2, LANES):
        low, high = load(line, LANES + 2 * k), load(line, 2 * LANES + 2 * k)
        store(evens(low, high), w, even + k)
        store(odds(low, high), w, odd + k)


@kernel(inner=True)
def add_natural(w, level, name, i, line):
    """line += row i in natural order, the ghost behind its last cell with it."""
    apart()
    even, odd = row_start(level, name, i, i % 2), row_start(level, name, i, 1 - i % 2)
    for k in range(0, level[N2] // 2 + 1, LANES):
        one, other = load(w, even + k), load(w, odd + k)
        at = LANES + 2 * k
        store(load(line, at) + lower_pairs(one, other), line, at)
        store(load(line, at + LANES) + upper_pairs(one, other), line, at + LANES)


@kernel(inner=True)
def add_sums(w, level, name, i, line, start):
    """line[start + k] += sum of row i over aggregate k."""
    apart()
    n, m = level[N2], level[M2]
    even, odd = row_start(level, name, i, i % 2), row_start(level, name, i, 1 - i % 2)
    for k in range(0, m, LANES):
        value = load(w, even + k) + load(w, odd + k)
        store(load(line, start + k) + value, line, start + k)
    if n % 2:
        line[start + m - 1] += w[even + m]
    clear(line, start + m, start + (m + LANES) // LANES * LANES)


@kernel(inner=True)
def coarsen_along(w, level, coarse, scratch):
    """Links of rows: in series along them, added over the rows of an aggregate."""
    apart()
    m = level[M2]
    size = line_length(m) + 4 * LANES
    line, sums = scratch[:size], scratch[size : 2 * size]
    for row in range(level[M0]):
        sums[:] = NONE
        first, last = cells_of(row, level[N0], level[M0])
        for i in range(first, last):
            if level[N2] == m:
                add_natural(w, level, F2, i, sums)
                continue
            series_along_row(w, level, i, line)
            for k in range(0, m + 1, LANES):
                store(load(sums, LANES + k) + load(line, LANES + k), sums, LANES + k)
        deal_line(sums, m + 1, coarse, F2, row, w)


@kernel(inner=True)
def coarsen_across(w, level, coarse, scratch):
    """Links between rows: summed over the aggregates of a row, in series across the rows."""
    apart()
    n, m, m2 = level[N0], level[M0], level[M2]
    length = line_length(m2) + 4 * LANES
    line, sums = scratch[:length], scratch[length : (n + 2) * length]
    sums[:] = NONE
    for i in range(n + 1):
        if level[N2] == m2:
            add_natural(w, level, F0, i, sums[i * length : (i + 1) * length])
        else:
            add_sums(w, level, F0, i, sums, i * length + LANES)
    for k in range(m + 1):
        if n == m:
            deal_line(sums[k * length : (k + 1) * length], m2, coarse, F0, k, w)
            continue
        before, after, half_before, half_after = neighbours(k, n, m, False)
        middle = 2 * k if k < m else n
        series_across(w, level, sums, length, before, middle, after, half_before, half_after, line)
        deal_line(line, m2, coarse, F0, k, w)


@kernel(inner=True)
def series_across(
    w, level, sums, length, before, middle, after, half_before, half_after, line
):  # fmt: skip
    """line = the links between two rows of aggregates, and the weights of the cells beside."""
    apart()
    m2, one = level[M2], spread(ONE)
    below, above = weights_start(level, middle - 1), weights_start(level, middle)
    first, second, third = before * length, middle * length, after * length
    for at in range(LANES, LANES + m2, LANES):
        lower = spread(half_before) / load(sums, first + at)
        upper = spread(half_after) / load(sums, third + at)
        value = one / (lower + one / load(sums, second + at) + upper)
        store(value, line, at)
        if half_before > NONE:
            store(lower * value, w, below + at - LANES)
        if half_after > NONE:
            store(upper * value, w, above + at - LANES)
    clear(line, LANES + m2, line.size)
    end = (m2 + LANES - 1) // LANES * LANES
    if half_before > NONE:
        clear(w, below + m2, below + end)
    if half_after > NONE:
        clear(w, above + m2, above + end)


@kernel(inner=True)
def coarsen_reaction(w, level, coarse, scratch):
    """Sums over aggregates, as the links are."""
    apart()
    line = scratch[: line_length(level[M2]) + 4 * LANES]
    for row in range(level[M0]):
        line[:] = NONE
        first, last = cells_of(row, level[N0], level[M0])
        for i in range(first, last):
            if level[N2] == level[M2]:
                add_natural(w, level, SIGMA, i, line)
            else:
                add_sums(w, level, SIGMA, i, line, LANES)
        deal_line(line, level[M2], coarse, SIGMA, row, w)


@kernel()
def build_colours(faces_0, faces_2, reaction, singular, levels, natural, workspace, scratch):
    """Fill every level from the finest faces (float64); returns the scale of level 0."""
    faces_0, faces_2, reaction = borrowed(faces_0), borrowed(faces_2), borrowed(reaction)
    levels, w, scratch = borrowed(levels), borrowed(workspace), borrowed(scratch)
    natural = borrowed(natural)
    scale = 1.0 / typical_size(faces_0, faces_0[:0], faces_2, reaction)
    first, count = levels[0], levels.shape[0]
    n0, n2 = first[N0], first[N2]
    deal_rows(faces_0.reshape(faces_0.size), n0 + 1, n2, scale, first, F0, w)
    deal_rows(faces_2.reshape(faces_2.size), n0, n2 + 1, scale, first, F2, w)
    if reaction.size > 0:
        deal_rows(reaction.reshape(reaction.size), n0, n2, scale, first, SIGMA, w)
    invert_diagonal(w, first)
    for number in range(count - 1):
        level, coarse = levels[number], levels[number + 1]
        if number > 0:
            invert_diagonal(w, level)
        if reaction.size > 0:
            coarsen_reaction(w, level, coarse, scratch)
        coarsen_along(w, level, coarse, scratch)
        coarsen_across(w, level, coarse, scratch)
    last = levels[count - 1]
    f0, f2 = field(w, natural, NATURAL_F0), field(w, natural, NATURAL_F2)
    sigma = field(w, natural, NATURAL_SIGMA)
    to_natural(w, last, F0, natural, f0)
    to_natural(w, last, F2, natural, f2)
    if reaction.size > 0:
        to_natural(w, last, SIGMA, natural, sigma)
    invert_dense(natural, f0, f0[:0], f2, sigma, singular, field(w, natural, DENSE))
    return scale
