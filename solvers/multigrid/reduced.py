"""Flexible conjugate gradients on the black cells of a chessboard, the red ones eliminated.

With red cells first, A = ((D, C'), (C, E)) with diagonal D and E: S = E - C D^-1 C' is as sparse
as its parts, and half as large (Hageman & Young 1981, chapter 9). The cycle ends on the black
cells, and its last red ones are never needed: it preconditions S as it is, the residual of red
cells being zero. Half of all vectors and the first sweep fall away.

The search direction is made conjugate to the one before (Notay 2000, with one vector), because the
cycle is not symmetric. S z is formed while the cycle's last rows are in the cache, by differences
so that nothing cancels, and S p = S z + beta S p_before follows without another product: one
round over memory up, one down. Directions and the solution are in double precision, the rest in
single. The residual is computed anew in double from the double-precision links whenever the
running one has fallen by REFRESH or meets the tolerance (reliable updates: van der Vorst & Ye
2000); the direction before survives that.
"""

from __future__ import annotations

import numpy as np

from ..kernels import REASSOCIATE, borrowed, kernel
from .colour_cycle import (
    SWEEPS_UP,
    around,
    behind,
    coarse_levels,
    left_of,
    prolong,
    ready,
    relax,
    relax_from_zero,
    relax_without_source,
    restrict_rows,
    unfold,
)  # fmt: skip
from .colours import (
    BLACK,
    FIRST,
    HALF,
    INVERSE,
    N0,
    N2,
    RED,
    SIGMA,
    SLAB,
    STRIDE,
    WIDTH,
    B,
    U,
    row_start,
    start,
)  # fmt: skip
from .conjugate import (
    CANCELLED,
    CONVERGED,
    MAXIMUM,
    PROGRESS,
    REFRESH,
    REFRESHES,
    STAGNATED,
    WINDOW,
)  # fmt: skip
from .lanes import (
    LANES,
    alternating,
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

NONE = np.float32(0.0)


@kernel()
def half_start(level, i):
    """Place of row i in arrays of black cells alone."""
    return level[FIRST] + i * level[STRIDE]


@kernel()
def advance(w, level, alpha, alpha_x, beta, x, p, y, q):
    """p = z + beta p, x += alpha_x p, q = y + beta q, r -= alpha q, all black; returns r.r.

    z: U, r: B.
    """
    along, ahead = spread(beta), spread(alpha_x)
    along_single, back = spread(np.float32(beta)), spread(np.float32(-alpha))
    n0, stride, width, begin = level[N0], level[STRIDE], level[WIDTH], level[FIRST]
    u, b = level[U] + level[HALF], level[B] + level[HALF]
    found = 0.0
    for at in range(begin, begin + n0 * stride, stride):
        part = spread(NONE)
        for k in range(at, at + width, LANES):
            direction = widened(load(w, u + k)) + along * load(p, k)
            store(direction, p, k)
            store(load(x, k) + ahead * direction, x, k)
            product = load(y, k) + along_single * load(q, k)
            store(product, q, k)
            rest = load(w, b + k) + back * product
            store(rest, w, b + k)
            part = part + rest * rest
        found += total(part)
    return found


@kernel()
def along(w, level, p):
    """p.r on the black cells."""
    n0, stride, width, begin = level[N0], level[STRIDE], level[WIDTH], level[FIRST]
    b, found = level[B] + level[HALF], 0.0
    for at in range(begin, begin + n0 * stride, stride):
        part = spread(0.0)
        for k in range(at, at + width, LANES):
            part = part + load(p, k) * widened(load(w, b + k))
        found += total(part)
    return found


@kernel()
def lag(w, level, first, last):
    """U of the red cells of rows [first, last) = their value, where A z = 0 there, over that of the
    cell to the left.

    By differences: rounding of a value itself would leave a residual as large as what is sought.
    """
    above, below, _, right, black, stride = around(level, RED)
    u, inverse, width = start(level, U, RED), start(level, INVERSE, RED), level[WIDTH]
    sigma, reaction = start(level, SIGMA, RED), level[SIGMA + 1] > level[SIGMA]
    for i in range(first, last):
        row, side = i * stride, left_of(i, RED, stride)
        for k in range(0, width, LANES):
            at, left = row + k, side + k
            here = load(w, black + left)
            value = load(w, above + at) * (load(w, black + at - stride) - here)
            value = value + load(w, below + at) * (load(w, black + at + stride) - here)
            value = value + load(w, right + left) * (load(w, black + left + 1) - here)
            if reaction:
                value = value - load(w, sigma + at) * here
            store(load(w, inverse + at) * value, w, u + at)


@kernel()
def multiply(w, level, first, last, y, q):
    """y = S z on the black cells of rows [first, last), after `lag` of the red ones around; returns
    the shares of z.y, z.q and z.r."""
    above, below, along, right, red, stride = around(level, BLACK)
    u, b, width, n2 = start(level, U, BLACK), start(level, B, BLACK), level[WIDTH], level[N2]
    sigma, reaction = start(level, SIGMA, BLACK), level[SIGMA + 1] > level[SIGMA]
    begin = level[FIRST]
    energy, slope, change = 0.0, 0.0, 0.0
    for i in range(first, last):
        row, side = i * stride, left_of(i, BLACK, stride)
        zy, zq, zr = spread(NONE), spread(NONE), spread(NONE)
        parity = (i + 1) % 2
        count = (n2 + 1 - parity) // 2
        for k in range(0, width, LANES):
            at, left = row + k, side + k
            # Beside the black cells to the left of the red ones around, whose `lag` counts there.
            z = load(w, u + at)
            value = load(w, above + at) * (
                (z - load(w, u + left - stride)) - load(w, red + at - stride)
            )
            value = value + load(w, below + at) * (
                (z - load(w, u + left + stride)) - load(w, red + at + stride)
            )
            value = value + load(w, along + at) * ((z - load(w, u + at - 1)) - load(w, red + left))
            value = value - load(w, right + left) * load(w, red + left + 1)
            if reaction:
                value = value + load(w, sigma + at) * z
            value = kept(value, count - k)
            store(value, y, begin + at)
            zy = zy + z * value
            zq = zq + z * load(q, begin + at)
            zr = zr + z * load(w, b + at)
        cell = row + count
        if (n2 - 1 - parity) % 2 == 0:
            # The ghost at the right is not as large as the last cell beside it, but zero.
            more = w[right + cell - 1 + side - row] * w[u + cell - 1]
            y[begin + cell - 1] += more
            energy += more * w[u + cell - 1]
        energy, slope, change = energy + total(zy), slope + total(zr), change + total(zq)
    return energy, change, slope


@kernel()
def search(w, levels, natural, y, q):
    """z = the cycle's answer to r, y = S z; returns z.y, z.q and z.r."""
    level, deep = levels[0], levels.shape[0] > 1
    n0, slab, steps = level[N0], level[SLAB], 2 * SWEEPS_UP if deep else 0
    if deep:
        done = 0
        for first in range(0, n0, slab):
            last = min(first + slab, n0)
            relax_from_zero(w, level, BLACK, first, last)
            more = ready(level, last)
            restrict_rows(w, level, levels[1], done, more)
            done = more
    coarse_levels(w, levels, natural)
    if deep:
        unfold(w, level, levels[1])
    zy, zq, zr = 0.0, 0.0, 0.0
    for first in range(0, n0, slab):
        last = min(first + slab, n0)
        if deep:
            prolong(w, level, first, last)
        for step in range(1, steps + 1):
            lo, hi = behind(first, last, step, n0)
            if step % 2:
                relax_without_source(w, level, RED, lo, hi)
            else:
                relax(w, level, BLACK, lo, hi)
        lo, hi = behind(first, last, steps + 1, n0)
        lag(w, level, lo, hi)
        lo, hi = behind(first, last, steps + 2, n0)
        shares = multiply(w, level, lo, hi, y, q)
        zy, zq, zr = zy + shares[0], zq + shares[1], zr + shares[2]
    return zy, zq, zr


@kernel()
def take_black(u, level, x):
    """x, black cells alone, from natural u."""
    for i in range(level[N0]):
        at, parity = half_start(level, i), (i + 1) % 2
        for k in range((level[N2] + 1 - parity) // 2):
            x[at + k] = u[i, 0, 2 * k + parity]


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


@kernel()
def place_black(x, level, i, u):
    """Row i of natural u, with ghosts: black cells from x, zero elsewhere."""
    at, to, none = half_start(level, i), (i + 1) * (level[N2] + 2) + 1, spread(0.0)
    for k in range(0, level[WIDTH], LANES):
        value = load(x, at + k)
        one, other = (none, value) if i % 2 == 0 else (value, none)
        store(lower_pairs(one, other), u, to + 2 * k)
        store(upper_pairs(one, other), u, to + 2 * k + LANES)


@kernel()
def row_sum(f0, f2, u, i, n, k):
    """Sum over the neighbours of link times value of cells k, ... of row i; u with ghosts."""
    inlined()
    cell, face, at, count = i * n + k, i * (n + 1) + k, (i + 1) * (n + 2) + 1 + k, n - k
    value = load_some(f0, cell, count) * load(u, at - n - 2)
    value = value + load_some(f0, cell + n, count) * load(u, at + n + 2)
    value = value + load_some(f2, face, count) * load(u, at - 1)
    return value + load_some(f2, face + 1, count) * load(u, at + 1)


@kernel()
def row_diagonal(f0, f2, reaction, i, n, k):
    """Of A, for cells k, ... of row i."""
    inlined()
    cell, face, count = i * n + k, i * (n + 1) + k, n - k
    value = load_some(f0, cell, count) + load_some(f0, cell + n, count)
    value = value + (load_some(f2, face, count) + load_some(f2, face + 1, count))
    return value + load_some(reaction, cell, count) if reaction.size > 0 else value


@kernel()
def solve_red(f0, f2, reaction, b, b_scale, mean, i, n, scale, u, out):
    """Row i of out, with ghosts: u on black cells, and what makes the residual zero on red ones.

    The inverse of the diagonal in single precision, and twice what that leaves: a division in
    double precision takes longer.
    """
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


@kernel()
def residual_row(f0, f2, reaction, b, b_scale, mean, i, n, x, out):
    """out = b_scale b - mean - A x on row i, zeros behind it; x with ghosts."""
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


@kernel()
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


@kernel()
def eliminate(f0, f2, reaction, b, b_scale, mean, level, scale, size, w, x, black, full, row):
    """full = the solution, its red cells made from black x so that their residual is zero; B of
    black cells = the true residual / size, whose norm is returned. black, full: with
    ghosts; row: memory for one, zeros behind it."""
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


@kernel(REASSOCIATE)
def hand_over(full, level, norm, singular, x):
    """x = norm times the cells of full, its mean taken out where any constant would do."""
    n0, n, mean = level[N0], level[N2], 0.0
    if singular:
        mean = np.sum(full) / (n0 * n)
    for i in range(n0):
        at = np.uint64((i + 1) * (n + 2) + 1)
        for j in range(np.uint64(n)):
            x[i, 0, j] = norm * (full[at + j] - mean)


@kernel()
def reduced_gradients(
    faces_0, faces_2, reaction, singular, started, b, norm, mean, rtol, limit, levels, natural,
    workspace, scale, vectors, doubles, fields, row, x,
):  # fmt: skip
    """Solve A x = b, of that norm, from x where that is started; returns (status, iterations,
    |r| / |b|).

    mean: of b / |b| where the matrix is singular, else zero; vectors: (2, HALF) y and q; doubles:
    (2, HALF) solution and p on black cells; fields: (2, cells with ghosts) and
    `row`: see `eliminate`.
    """
    f0, f2 = borrowed(faces_0).reshape(faces_0.size), borrowed(faces_2).reshape(faces_2.size)
    sigma, source = borrowed(reaction).reshape(reaction.size), borrowed(b).reshape(b.size)
    levels, natural, w = borrowed(levels), borrowed(natural), borrowed(workspace)
    vectors, doubles, fields = borrowed(vectors), borrowed(doubles), borrowed(fields)
    x, row = borrowed(x), borrowed(row)
    level, y, q, solution, p = levels[0], vectors[0], vectors[1], doubles[0], doubles[1]
    black, full, inverse_norm = fields[0], fields[1], 1.0 / norm
    q[:] = 0
    doubles[:] = 0
    if levels.shape[0] == 1:
        w[level[B] : level[B] + level[HALF]] = 0  # nobody else writes it
    if started:
        take_black(x, level, solution)
        solution *= inverse_norm
    lost = mean * mean * b.size
    status, iteration, size, refreshes, last_pq, pr = MAXIMUM, 0, 1.0, 0, 1.0, 0.0
    rest = eliminate(
        f0, f2, sigma, source, inverse_norm, mean, level, scale, size, w, solution, black, full,
        row,
    )  # fmt: skip
    true = np.sqrt(rest * rest + lost)
    running, target = rest, 0.8 * rtol if singular else rtol
    last_true, window = rest, rest
    while True:
        if true <= rtol:
            status = CONVERGED
            break
        if iteration == limit:
            break
        iteration += 1
        zy, zq, zr = search(w, levels, natural, y, q)
        beta, pq = -zq / last_pq, zy - zq * zq / last_pq
        if pq < CANCELLED * zq * zq / last_pq:
            # Nothing but rounding is left of z beside the direction before: forget that.
            beta, pq = 0.0, zy
        slope = zr + beta * pr
        if not (pq > 0.0 and slope > 0.0):
            # The cycle is not positive on this residual: no direction to go.
            status = STAGNATED
            break
        alpha, last_pq = slope / pq, pq
        rr = advance(w, level, alpha, alpha * size * scale, beta, solution, p, y, q)
        running, pr = size * np.sqrt(rr), 0.0
        if running <= target or running <= REFRESH * last_true:
            size = max(running, 1e-30)
            rest = eliminate(
                f0, f2, sigma, source, inverse_norm, mean, level, scale, size, w, solution, black,
                full, row,
            )  # fmt: skip
            true = np.sqrt(rest * rest + lost)
            if true > rtol and running <= target:
                refreshes += 1
            if refreshes > REFRESHES:
                status = STAGNATED
                break
            # The steps before left nothing along p but what single precision did not see.
            running, last_true, pr = rest, rest, along(w, level, p)
        if iteration % WINDOW == 0:
            if not running < PROGRESS * window:
                status = STAGNATED
                break
            window = running
    if status != CONVERGED:
        rest = eliminate(
            f0, f2, sigma, source, inverse_norm, mean, level, scale, 1.0, w, solution, black, full,
            row,
        )  # fmt: skip
        true = np.sqrt(rest * rest + lost)
        if true <= rtol:
            status = CONVERGED
    hand_over(full, level, norm, singular, x)
    return status, iteration, true
