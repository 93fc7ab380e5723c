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

from ..kernels import borrowed, kernel
from ..lanes import LANES, apart, load, spread, store, total, widened
from .black_cycle import fall, rise
from .colour_cycle import coarse_levels
from .colours import FIRST, HALF, N0, STRIDE, WIDTH, B, U
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
from .elimination import eliminate, hand_over, take_black

NONE = np.float32(0.0)


@kernel(inner=True)
def advance(w, level, alpha, alpha_x, beta, x, p, y, q):
    """p = z + beta p, x += alpha_x p, q = y + beta q, r -= alpha q, all black; returns r.r.

    z: U, r: B.
    """
    apart()
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


@kernel(inner=True)
def along(w, level, p):
    """p.r on the black cells."""
    apart()
    n0, stride, width, begin = level[N0], level[STRIDE], level[WIDTH], level[FIRST]
    b, found = level[B] + level[HALF], 0.0
    for at in range(begin, begin + n0 * stride, stride):
        part = spread(0.0)
        for k in range(at, at + width, LANES):
            part = part + load(p, k) * widened(load(w, b + k))
        found += total(part)
    return found


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
        take_black(x, inverse_norm, level, solution)
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
        fall(w, levels)
        coarse_levels(w, levels, natural)
        zy, zq, zr = rise(w, levels, y, q)
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
