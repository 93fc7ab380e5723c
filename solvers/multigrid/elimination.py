"""Between the whole grid in double precision and its black cells: what the red ones are, and what
residual is left.

The red cells are made from the black ones so that their residual is zero, and the residual of the
black ones is formed from both by differences, row behind row. Fields are in natural order with a
ring of ghosts; loads of links stop at the end of a row, for the memory behind the last is not ours.
"""

from __future__ import annotations

import numpy as np

from ..kernels import REASSOCIATE, kernel
from ..lanes import (
    LANES,
    alternating,
    apart,
    evens,
    inlined,
    kept,
    load,
    load_some,
    lower_pairs,
    narrowed,
    odds,
    spread,
    store,
    store_some,
    total,
    upper_pairs,
    widened,
)  # fmt: skip
from .colours import BLACK, FIRST, N0, N2, STRIDE, WIDTH, B, row_start


@kernel(inner=True)
def half_start(level, i):
    """Place of row i in arrays of black cells alone."""
    return level[FIRST] + i * level[STRIDE]


@kernel(inner=True)
def take_black(u, scale, level, x):
    """x, black cells alone, = scale times natural u."""
    for i in range(level[N0]):
        at, parity = half_start(level, i), (i + 1) % 2
        for k in range((level[N2] + 1 - parity) // 2):
            x[at + k] = scale * u[i, 0, 2 * k + parity]


@kernel(inner=True)
def place_black(x, level, i, u):
    """Row i of natural u, with ghosts: black cells from x, zero elsewhere."""
    at, to, none = half_start(level, i), (i + 1) * (level[N2] + 2) + 1, spread(0.0)
    for k in range(0, level[WIDTH], LANES):
        value = load(x, at + k)
        one, other = (none, value) if i % 2 == 0 else (value, none)
        store(lower_pairs(one, other), u, to + 2 * k)
        store(upper_pairs(one, other), u, to + 2 * k + LANES)


@kernel(inner=True)
def row_sum(f0, f2, u, i, n, k):
    """Sum over the neighbours of link times value of cells k, ... of row i; u with ghosts."""
    inlined()
    cell, face, at, count = i * n + k, i * (n + 1) + k, (i + 1) * (n + 2) + 1 + k, n - k
    value = load_some(f0, cell, count) * load(u, at - n - 2)
    value = value + load_some(f0, cell + n, count) * load(u, at + n + 2)
    value = value + load_some(f2, face, count) * load(u, at - 1)
    return value + load_some(f2, face + 1, count) * load(u, at + 1)


@kernel(inner=True)
def row_diagonal(f0, f2, reaction, i, n, k):
    """Of A, for cells k, ... of row i."""
    inlined()
    cell, face, count = i * n + k, i * (n + 1) + k, n - k
    value = load_some(f0, cell, count) + load_some(f0, cell + n, count)
    value = value + (load_some(f2, face, count) + load_some(f2, face + 1, count))
    return value + load_some(reaction, cell, count) if reaction.size > 0 else value


@kernel(inner=True)
def solve_red(f0, f2, reaction, b, b_scale, mean, i, n, scale, u, out):
    """Row i of out, with ghosts: u on black cells, and what makes the residual zero on red ones.

    The inverse of the diagonal in single precision, and twice what that leaves: a division in
    double precision takes longer.
    """
    apart()
    at, factor, one = (i + 1) * (n + 2) + 1, spread(scale), spread(np.float32(1.0))
    for k in range(0, n, LANES):
        value = b_scale * load_some(b, i * n + k, n - k) - mean + row_sum(f0, f2, u, i, n, k)
        value = factor * value
        diagonal = factor * row_diagonal(f0, f2, reaction, i, n, k)
        inverse = widened(one / narrowed(diagonal))
        found = value * inverse
        found = found + inverse * (value - diagonal * found)
        found = found + inverse * (value - diagonal * found)
        given = load(u, at + k)
        both = alternating(found, given) if i % 2 == 0 else alternating(given, found)
        store_some(both, out, at + k, n - k)


@kernel(inner=True)
def residual_row(f0, f2, reaction, b, b_scale, mean, i, n, x, out):
    """out = b_scale b - mean - A x on row i, zeros behind it; x with ghosts."""
    apart()
    at = (i + 1) * (n + 2) + 1
    for k in range(0, n, LANES):
        cell, face, count, here = i * n + k, i * (n + 1) + k, n - k, at + k
        m = load(x, here)
        value = load_some(f0, cell, count) * (m - load(x, here - n - 2))
        value = value + load_some(f0, cell + n, count) * (m - load(x, here + n + 2))
        value = value + load_some(f2, face, count) * (m - load(x, here - 1))
        value = value + load_some(f2, face + 1, count) * (m - load(x, here + 1))
        if reaction.size > 0:
            value = value + load_some(reaction, cell, count) * m
        store(kept(b_scale * load_some(b, cell, count) - mean - value, count), out, k)


@kernel(inner=True)
def take_residual(row, back, level, i, w):
    """B of the black cells of row i = back times a row of numbers, zeros behind them; returns the
    sum of squares of the row."""
    to, found = row_start(level, B, i, BLACK), spread(0.0)
    for k in range(0, level[WIDTH], LANES):
        low, high = load(row, 2 * k), load(row, 2 * k + LANES)
        found = found + low * low + high * high
        black = evens(low, high) if i % 2 else odds(low, high)
        store(narrowed(back * black), w, to + k)
    return total(found)


@kernel(inner=True)
def eliminate(f0, f2, reaction, b, b_scale, mean, level, scale, size, w, x, black, full, row):
    """full = the solution, its red cells made from black x so that their residual is zero; B of
    black cells = the true residual / size, whose norm is returned. black, full: with
    ghosts; row: memory for one, zeros behind it."""
    apart()
    n0, n, found = level[N0], level[N2], 0.0
    factor, shift, back = spread(b_scale), spread(mean), spread(1.0 / size)
    for front in range(n0 + 2):
        if front < n0:
            place_black(x, level, front, black)
        if 0 < front <= n0:
            solve_red(f0, f2, reaction, b, factor, shift, front - 1, n, scale, black, full)
        if front > 1:
            residual_row(f0, f2, reaction, b, factor, shift, front - 2, n, full, row)
            found += take_residual(row, back, level, front - 2, w)
    return np.sqrt(found)


@kernel(REASSOCIATE, inner=True)
def hand_over(full, level, norm, singular, x):
    """x = norm times the cells of full, its mean taken out where any constant would do."""
    apart()
    n0, n, mean = level[N0], level[N2], 0.0
    if singular:
        mean = np.sum(full) / (n0 * n)
    for i in range(n0):
        at = np.uint64((i + 1) * (n + 2) + 1)
        for j in range(np.uint64(n)):
            x[i, 0, j] = norm * (full[at + j] - mean)
