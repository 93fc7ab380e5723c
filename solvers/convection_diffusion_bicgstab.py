"""BiCGSTAB in double precision on the cycle of `convection_diffusion_multigrid.py`, compiled whole.

All vectors lie in the order of the finest level's places; dead cells and ghosts stay zero.
"""

from __future__ import annotations

import numpy as np

from .convection_diffusion_cycle import cycle
from .convection_diffusion_layout import (
    P0,
    P1,
    B,
    U,
    fetch_field,
    origins_of,
    part,
    place_field,
)
from .convection_diffusion_links import build_hierarchy, place_operator
from .kernels import REASSOCIATE, kernel

CONVERGED, STAGNATED, MAXIMUM, BAD_SOURCE = range(4)
WINDOW = 24  # iterations that must at least halve the residual
REFRESHES = 4  # times that the recursion may promise what the true residual does not hold


@kernel(REASSOCIATE)
def _product(stencil, origin, p0, p1, u, against, out):
    """out = A u for single u; returns against . out and out . out."""
    with_other, with_self = 0.0, 0.0
    for d in range(p0 + p1 - 1):
        low = max(0, d - p1 + 1)
        count = min(d, p0 - 1) + 1 - low
        here, before, after = origin[d + 2] + low, origin[d + 1] + low, origin[d + 3] + low
        s, w = stencil[0, here : here + count], stencil[1, here : here + count]
        n, e = stencil[2, here : here + count], stencil[3, here : here + count]
        centre, own = stencil[4, here : here + count], u[here : here + count]
        u_s, u_w = u[before - 1 : before - 1 + count], u[before : before + count]
        u_n, u_e = u[after + 1 : after + 1 + count], u[after : after + count]
        other, result = against[here : here + count], out[here : here + count]
        for k in range(count):
            value = (
                centre[k] * own[k] - s[k] * u_s[k] - w[k] * u_w[k] - n[k] * u_n[k] - e[k] * u_e[k]
            )
            result[k] = value
            with_other += other[k] * value
            with_self += value * value
    return with_other, with_self


@kernel(REASSOCIATE)
def _step(alpha, u, q, x, r, shadow, scale, b_single):
    """x += alpha u, r -= alpha q, b_single = scale r; returns r . r and shadow . r."""
    total, with_shadow = 0.0, 0.0
    for k in range(r.size):
        x[k] += alpha * u[k]
        value = r[k] - alpha * q[k]
        r[k] = value
        b_single[k] = scale * value
        total += value * value
        with_shadow += shadow[k] * value
    return total, with_shadow


@kernel(REASSOCIATE)
def _direction(r, beta, p, gamma, v, scale, b_single):
    """p = r + beta p - gamma v, b_single = scale p."""
    for k in range(r.size):
        value = r[k] + beta * p[k] - gamma * v[k]
        p[k] = value
        b_single[k] = scale * value


@kernel(REASSOCIATE)
def _begin(stencil, origin, p0, p1, x, b, r, shadow, p):
    """r = shadow = p = b - A x; returns |r|."""
    _product(stencil, origin, p0, p1, x, b, r)
    total = 0.0
    for k in range(r.size):
        value = b[k] - r[k]
        r[k] = value
        shadow[k] = value
        p[k] = value
        total += value * value
    return np.sqrt(total)


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


@kernel()
def _bicgstab(norm, rtol, history, layout, origins, single, dense, stencil, vectors):
    """BiCGSTAB from r = shadow = p; returns (cycles, |r| by recursion).

    Saad 2003, *Iterative Methods for Sparse Linear Systems*, algorithm 7.7, preconditioned from
    the right. The cycle gets its vectors scaled into single range and may scale its answers as it
    likes: the steps along p^ = M^-1 p and s^ = M^-1 s take that back.

    history: |r| after each cycle; as many cycles are allowed as it has room for.
    """
    r, shadow, p, v, t, x, _ = vectors
    p0, p1 = layout[0, P0], layout[0, P1]
    origin = origins_of(origins, layout, 0)
    u, b_single = part(single, layout, 0, U), part(single, layout, 0, B)
    rho, scale_p, best, window, mark, cycles = norm * norm, 1.0 / norm, norm, norm, 0, 0
    _direction(r, 0.0, p, 0.0, v, scale_p, b_single)  # 2
    while cycles < history.size:  # 3
        cycle(layout, origins, single, dense)
        along, _ = _product(stencil, origin, p0, p1, u, shadow, v)
        alpha, scale_s = rho / along, 1.0 / norm  # 4
        rr, _ = _step(alpha, u, v, x, r, shadow, scale_s, b_single)  # 5, first half of 7
        norm = np.sqrt(rr)
        history[cycles] = norm
        cycles += 1
        if not norm > rtol or cycles == history.size:
            break
        cycle(layout, origins, single, dense)
        ts, tt = _product(stencil, origin, p0, p1, u, r, t)
        omega = ts / tt  # 6
        rr, new_rho = _step(omega, u, t, x, r, shadow, scale_s, b_single)  # second half of 7, 8
        norm = np.sqrt(rr)
        history[cycles] = norm
        cycles += 1
        best = min(best, norm)
        if not norm > rtol:  # also where a breakdown made it nan
            break
        if cycles - mark >= WINDOW:
            if not best < 0.5 * window:
                break
            window, mark = best, cycles
        gamma = new_rho / rho * alpha
        beta = gamma * scale_p / (omega * scale_s)  # 9
        rho, scale_p = new_rho, 1.0 / norm
        _direction(r, beta, p, gamma, v, scale_p, b_single)  # 10
    return cycles, norm


@kernel()
def solve_system(
    links,
    diagonal,
    conservative,
    b,
    rtol,
    x,
    history,
    layout,
    origins,
    single,
    dense,
    stencil,
    vectors,
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
    origin = origins_of(origins, layout, 0)
    build_hierarchy(links, diagonal, conservative, layout, origins, single, dense)
    place_operator(links, diagonal, origin, stencil)
    vectors[:] = 0
    r, shadow, p, _, _, places, source = vectors
    place_field(b, origin, 1.0 / norm_b, source)
    place_field(x, origin, 1.0 / norm_b, places)
    total, promised = 0, 0.0
    for _ in range(1 + REFRESHES):
        norm = _begin(stencil, origin, layout[0, P0], layout[0, P1], places, source, r, shadow, p)
        if total == 0:
            history[0] = norm
        if norm <= rtol or not promised <= rtol or total + 1 == history.size:
            break
        cycles, promised = _bicgstab(
            norm, rtol, history[1 + total :], layout, origins, single, dense, stencil, vectors
        )
        total += cycles
    fetch_field(places, origin, norm_b, x)
    if norm <= rtol:
        return CONVERGED, total, norm
    return MAXIMUM if total + 1 == history.size else STAGNATED, total, norm
