"""BiCGSTAB on the cycle of `convection_diffusion_multigrid.py`, compiled whole.

The iteration runs in single precision, on residuals scaled to norm one and in the order of the
finest level's places; dead cells and ghosts stay zero. Each time it has gained what single
precision holds, its answer is added to x and the residual is computed anew, in double precision.
"""

from __future__ import annotations

import numpy as np

from ..kernels import REASSOCIATE, kernel
from .cycle import cycle
from .layout import (
    EAST,
    NORTH,
    P0,
    P1,
    REST,
    SOUTH,
    WEST,
    B,
    U,
    add_places,
    origins_of,
    part,
    place_field,
)
from .links import build_hierarchy
from .operator import apply_links

CONVERGED, STAGNATED, MAXIMUM, BAD_SOURCE = range(4)
WINDOW = 24  # cycles that must at least halve the residual
GAIN = 2e-5  # what one run in single precision is asked for at most
LEAST_GAIN = 0.5  # of the true residual, by one run, or it has stagnated


@kernel(REASSOCIATE)
def _product(links, origin, p0, p1, u, against, out):
    """out = A u; returns against . out and out . out.

    links: of the cells to the south, west, north and east, and the sums of the rows. Differences
    keep the digits that a diagonal in single precision would lose.
    """
    south, west, north, east, rest = links
    with_other, with_self = 0.0, 0.0
    for d in range(p0 + p1 - 1):
        low = max(0, d - p1 + 1)
        count = min(d, p0 - 1) + 1 - low
        here, before, after = origin[d + 2] + low, origin[d + 1] + low, origin[d + 3] + low
        s, w = south[here : here + count], west[here : here + count]
        n, e = north[here : here + count], east[here : here + count]
        more, own = rest[here : here + count], u[here : here + count]
        u_s, u_w = u[before - 1 : before - 1 + count], u[before : before + count]
        u_n, u_e = u[after + 1 : after + 1 + count], u[after : after + count]
        other, result = against[here : here + count], out[here : here + count]
        for k in range(count):
            value = (
                more[k] * own[k]
                + s[k] * (own[k] - u_s[k])
                + w[k] * (own[k] - u_w[k])
                + n[k] * (own[k] - u_n[k])
                + e[k] * (own[k] - u_e[k])
            )
            result[k] = value
            with_other += np.float64(other[k] * value)
            with_self += np.float64(value * value)
    return with_other, with_self


@kernel(REASSOCIATE)
def _step(alpha, u, q, x, r, shadow, b):
    """x += alpha u, b = r -= alpha q; returns r . r and shadow . r."""
    total, with_shadow = 0.0, 0.0
    for k in range(r.size):
        x[k] += alpha * u[k]
        value = r[k] - alpha * q[k]
        r[k] = value
        b[k] = value
        total += np.float64(value * value)
        with_shadow += np.float64(shadow[k] * value)
    return total, with_shadow


@kernel(REASSOCIATE)
def _direction(r, beta, p, gamma, v, b):
    """b = p = r + beta p - gamma v."""
    for k in range(r.size):
        value = r[k] + beta * p[k] - gamma * v[k]
        p[k] = value
        b[k] = value


@kernel(REASSOCIATE)
def _norm(b):
    """|b| without overflow; nan if an entry is not finite."""
    largest, finite = 0.0, 0.0
    for row in b:
        for j in range(row.size):
            largest = max(largest, abs(row[j]))
            finite += row[j] - row[j]
    if finite != 0.0:
        return np.nan
    if largest == 0.0:
        return 0.0
    total, scale = 0.0, 1.0 / largest
    for row in b:
        for j in range(row.size):
            total += (scale * row[j]) ** 2
    return largest * np.sqrt(total)


@kernel(REASSOCIATE)
def _residual(links, diagonal, x, b, scale, r):
    """r = scale b - A x in double precision; returns |r|."""
    apply_links(links, diagonal, x, r)
    total = 0.0
    for i in range(r.shape[0]):
        row, source = r[i], b[i]
        for j in range(row.size):
            value = scale * source[j] - row[j]
            row[j] = value
            total += value * value
    return np.sqrt(total)


@kernel()
def _bicgstab(norm, goal, history, layout, origins, single, dense, vectors):
    """BiCGSTAB from r, |r| = 1, to |r| <= goal; returns how many cycles it took.

    Saad 2003, *Iterative Methods for Sparse Linear Systems*, algorithm 7.7, preconditioned from
    the right, with p^ = M^-1 p and s^ = M^-1 s. history: norm |r| after each cycle; as many cycles
    are allowed as it has room for.
    """
    r, shadow, p = vectors[0], vectors[1], vectors[2]  # unpacking would forget the layout
    v, t, x = vectors[3], vectors[4], vectors[5]
    p0, p1 = layout[0, P0], layout[0, P1]
    origin = origins_of(origins, layout, 0)
    u, b = part(single, layout, 0, U), part(single, layout, 0, B)
    links = (
        part(single, layout, 0, SOUTH),
        part(single, layout, 0, WEST),
        part(single, layout, 0, NORTH),
        part(single, layout, 0, EAST),
        part(single, layout, 0, REST),
    )
    rho, best, window, mark, cycles = 1.0, 1.0, 1.0, 0, 0
    x[:] = 0
    shadow[:] = p[:] = b[:] = r  # 1, 2
    while cycles < history.size:  # 3
        cycle(layout, origins, single, dense)
        along, _ = _product(links, origin, p0, p1, u, shadow, v)
        alpha = rho / along  # 4
        rr, _ = _step(np.float32(alpha), u, v, x, r, shadow, b)  # 5, first half of 7
        history[cycles] = norm * np.sqrt(rr)
        cycles += 1
        if not np.sqrt(rr) > goal or cycles == history.size:
            break
        cycle(layout, origins, single, dense)
        ts, tt = _product(links, origin, p0, p1, u, r, t)
        omega = ts / tt  # 6
        rr, new_rho = _step(np.float32(omega), u, t, x, r, shadow, b)  # second half of 7, 8
        history[cycles] = norm * np.sqrt(rr)
        cycles += 1
        best = min(best, np.sqrt(rr))
        if not np.sqrt(rr) > goal:  # also where a breakdown made it nan
            break
        if cycles - mark >= WINDOW:
            if not best < 0.5 * window:
                break
            window, mark = best, cycles
        gamma = new_rho / rho * alpha
        beta = gamma / omega  # 9
        rho = new_rho
        _direction(r, np.float32(beta), p, np.float32(gamma), v, b)  # 10
    return cycles


@kernel()
def solve_system(
    links, diagonal, conservative, b, rtol, x, history, layout, origins, single, dense, vectors, r
):
    """See `Workspace.solve`."""
    norm_b = _norm(b)
    if not np.isfinite(norm_b):
        return BAD_SOURCE, 0, np.nan
    if norm_b == 0.0:
        x[:] = 0
        return CONVERGED, 0, 0.0
    for level in range(layout.shape[0]):
        part(single, layout, level, U)[:] = 0  # a system that failed may have left nan
    vectors[:] = 0
    origin = origins_of(origins, layout, 0)
    scale = build_hierarchy(links, diagonal, conservative, layout, origins, single, dense)
    x /= norm_b
    norm, total = _residual(links, diagonal, x, b, 1.0 / norm_b, r), 0
    history[0] = norm
    while norm > rtol and total + 1 < history.size:
        place_field(r, origin, 1.0 / norm, vectors[0])
        goal = 0.5 * rtol / norm
        if goal < GAIN:
            goal = max(GAIN, np.sqrt(goal))  # two runs that gain the same
        total += _bicgstab(
            norm, goal, history[1 + total :], layout, origins, single, dense, vectors
        )
        add_places(vectors[5], origin, norm * scale, x)
        before, norm = norm, _residual(links, diagonal, x, b, 1.0 / norm_b, r)
        if not norm < LEAST_GAIN * before:
            break
    x *= norm_b
    if norm <= rtol:
        return CONVERGED, total, norm
    return MAXIMUM if total + 1 == history.size else STAGNATED, total, norm
