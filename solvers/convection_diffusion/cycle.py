"""One cycle of `convection_diffusion_multigrid.py`: sweeps and transfers along diagonals."""

from __future__ import annotations

import numpy as np

from ..kernels import REASSOCIATE, kernel
from .layout import (
    EAST,
    INVERSE,
    LANES,
    N0,
    N1,
    NORTH,
    P0,
    P1,
    SOUTH,
    WEST,
    B,
    U,
    V,
    origins_of,
    part,
)

A_9, A_3, A_1 = (np.float32(k / 16) for k in (9, 3, 1))  # weights of bilinear interpolation


# The sweeps cut their slices themselves: from a function they came at twice the time of a sweep.


@kernel()
def rows_of(d, p0, p1):
    """First row of diagonal d of p0 x p1 cells, and the number of its rows."""
    low = max(0, d - p1 + 1)
    return low, min(d, p0 - 1) + 1 - low


@kernel()
def places_of(d, p0, p1, origin):
    """Places of the first cell of diagonal d and of its row on the two beside, and the cells."""
    low, count = rows_of(d, p0, p1)
    return origin[d + 1] + low, origin[d + 2] + low, origin[d + 3] + low, count


@kernel(REASSOCIATE)
def sweep_up_from_zero(b, south, west, inverse, origin, p0, p1, u):
    """Gauss-Seidel from the first diagonal to the last, u = 0 before."""
    for d in range(p0 + p1 - 1):
        before, here, _, count = places_of(d, p0, p1, origin)
        new, source = u[here : here + count], b[here : here + count]
        scale = inverse[here : here + count]
        s, w = south[here : here + count], west[here : here + count]
        u_s, u_w = u[before - 1 : before - 1 + count], u[before : before + count]
        for k in range(count):
            new[k] = scale[k] * (source[k] + s[k] * u_s[k] + w[k] * u_w[k])


@kernel(REASSOCIATE)
def sweep_up(b, south, west, north, east, inverse, origin, p0, p1, u, v):
    """Gauss-Seidel from the first diagonal to the last; v = what came from the old values."""
    for d in range(p0 + p1 - 1):
        before, here, after, count = places_of(d, p0, p1, origin)
        new, source = u[here : here + count], b[here : here + count]
        scale = inverse[here : here + count]
        s, w = south[here : here + count], west[here : here + count]
        u_s, u_w = u[before - 1 : before - 1 + count], u[before : before + count]
        n, e = north[here : here + count], east[here : here + count]
        u_n, u_e = u[after + 1 : after + 1 + count], u[after : after + count]
        old = v[here : here + count]
        for k in range(count):
            ahead = n[k] * u_n[k] + e[k] * u_e[k]
            old[k] = ahead
            new[k] = scale[k] * (source[k] + s[k] * u_s[k] + w[k] * u_w[k] + ahead)


@kernel(REASSOCIATE)
def sweep_down(b, south, west, north, east, inverse, origin, p0, p1, u):
    """Gauss-Seidel from the last diagonal to the first."""
    for d in range(p0 + p1 - 2, -1, -1):
        before, here, after, count = places_of(d, p0, p1, origin)
        new, source = u[here : here + count], b[here : here + count]
        scale = inverse[here : here + count]
        s, w = south[here : here + count], west[here : here + count]
        u_s, u_w = u[before - 1 : before - 1 + count], u[before : before + count]
        n, e = north[here : here + count], east[here : here + count]
        u_n, u_e = u[after + 1 : after + 1 + count], u[after : after + count]
        for k in range(count):
            new[k] = scale[k] * (
                source[k] + s[k] * u_s[k] + w[k] * u_w[k] + n[k] * u_n[k] + e[k] * u_e[k]
            )


@kernel(REASSOCIATE)
def restrict_residual(u, north, east, origin, m0, m1, coarse, coarse_origin):
    """coarse = sums over aggregates of the residual after `sweep_up_from_zero`.

    That is what the links ahead carry. Aggregate (k, l) has cells on three diagonals, 2 (k + l)
    and the next two. Rows run over their ends into the next, which is written later.
    """
    for D in range(m0 + m1 - 1):
        low, count = rows_of(D, m0, m1)
        count = (count + LANES - 1) & -LANES
        out = coarse[coarse_origin[D + 2] + low : coarse_origin[D + 2] + low + count]
        first, second = origin[2 * D + 2] + 2 * low, origin[2 * D + 3] + 2 * low
        third, fourth = origin[2 * D + 4] + 2 * low, origin[2 * D + 5] + 2 * low
        n_0, e_0 = north[first : first + 2 * count], east[first : first + 2 * count]
        n_1, e_1 = north[second : second + 2 * count], east[second : second + 2 * count]
        n_2, e_2 = north[third : third + 2 * count], east[third : third + 2 * count]
        u_1, u_2 = u[second : second + 2 * count], u[third : third + 2 * count + 1]
        u_3 = u[fourth : fourth + 2 * count + 1]
        for k in range(count):
            out[k] = (
                n_0[2 * k] * u_1[2 * k + 1]
                + e_0[2 * k] * u_1[2 * k]
                + n_1[2 * k] * u_2[2 * k + 1]
                + e_1[2 * k] * u_2[2 * k]
                + n_1[2 * k + 1] * u_2[2 * k + 2]
                + e_1[2 * k + 1] * u_2[2 * k + 1]
                + n_2[2 * k + 1] * u_3[2 * k + 2]
                + e_2[2 * k + 1] * u_3[2 * k + 1]
            )


@kernel(REASSOCIATE)
def subtract_sums(v, origin, m0, m1, coarse, coarse_origin):
    """coarse -= sums of v over aggregates."""
    for D in range(m0 + m1 - 1):
        low, count = rows_of(D, m0, m1)
        out = coarse[coarse_origin[D + 2] + low : coarse_origin[D + 2] + low + count]
        first, second = origin[2 * D + 2] + 2 * low, origin[2 * D + 3] + 2 * low
        third = origin[2 * D + 4] + 2 * low
        v_0, v_1 = v[first : first + 2 * count], v[second : second + 2 * count]
        v_2 = v[third : third + 2 * count]
        for k in range(count):
            out[k] -= v_0[2 * k] + v_1[2 * k] + v_1[2 * k + 1] + v_2[2 * k + 1]


@kernel()
def reflect(u, origin, n0, n1):
    """Ring around the n0 x n1 cells, of the opposite sign: zero on the boundary between."""
    for i in range(n0):
        u[origin[i + 1] + i] = -u[origin[i + 2] + i]
        u[origin[i + n1 + 2] + i] = -u[origin[i + n1 + 1] + i]
    for j in range(-1, n1 + 1):
        u[origin[j + 1] - 1] = -u[origin[j + 2]]
        u[origin[j + n0 + 2] + n0] = -u[origin[j + n0 + 1] + n0 - 1]


@kernel(REASSOCIATE)
def prolong(coarse, coarse_origin, m0, m1, u, origin):
    """u += bilinear interpolation of the coarse values; fills the fine ghosts with what it likes.

    m0, m1: aggregates. Diagonals 2D and 2D + 1 at once: on both, cells of even and odd rows take
    turns.
    """
    for D in range(m0 + m1):
        first = max(0, D - m1)
        count = min(D, m0 - 1) + 1 - first
        before, here = coarse_origin[D + 1] + first, coarse_origin[D + 2] + first
        after, corner = coarse_origin[D + 3] + first, coarse_origin[D] + first - 1
        even, odd = origin[2 * D + 2] + 2 * first, origin[2 * D + 3] + 2 * first
        u_even, u_odd = u[even : even + 2 * count], u[odd : odd + 2 * count]
        own, next_own = coarse[here : here + count], coarse[here + 1 : here + 1 + count]
        last_own, less = coarse[here - 1 : here - 1 + count], coarse[before : before + count]
        last_less, more = coarse[before - 1 : before - 1 + count], coarse[after : after + count]
        next_more, far = coarse[after + 1 : after + 1 + count], coarse[corner : corner + count]
        for k in range(count):
            u_even[2 * k] += A_9 * own[k] + A_3 * (last_less[k] + less[k]) + A_1 * far[k]
            u_even[2 * k + 1] += A_9 * less[k] + A_3 * (next_own[k] + own[k]) + A_1 * next_more[k]
            u_odd[2 * k] += A_9 * own[k] + A_3 * (last_less[k] + more[k]) + A_1 * last_own[k]
            u_odd[2 * k + 1] += A_9 * own[k] + A_3 * (next_more[k] + less[k]) + A_1 * next_own[k]


@kernel(REASSOCIATE)
def solve_coarsest(dense, origin, n0, n1, b, u, scratch):
    for i in range(n0):
        for j in range(n1):
            scratch[i * n1 + j] = b[origin[i + j + 2] + i]
    source = scratch[: n0 * n1]
    for i in range(n0):
        for j in range(n1):
            row, total = dense[i * n1 + j], np.float32(0.0)
            for k in range(source.size):
                total += row[k] * source[k]
            u[origin[i + j + 2] + i] = total


@kernel()
def coefficients(workspace, layout, level):
    """Links to the south, west, north and east, and the inverse of the matrix's diagonal."""
    return (
        part(workspace, layout, level, SOUTH),
        part(workspace, layout, level, WEST),
        part(workspace, layout, level, NORTH),
        part(workspace, layout, level, EAST),
        part(workspace, layout, level, INVERSE),
    )


@kernel()
def go_down(top, started, layout, origins, workspace):
    """From level `top` to the last but one: smooth and restrict; `started`: top has a guess."""
    for level in range(top, layout.shape[0] - 1):
        p0, p1 = layout[level, P0], layout[level, P1]
        origin = origins_of(origins, layout, level)
        u, v = part(workspace, layout, level, U), part(workspace, layout, level, V)
        b = part(workspace, layout, level, B)
        south, west, north, east, inverse = coefficients(workspace, layout, level)
        guess = started and level == top
        if guess:
            sweep_up(b, south, west, north, east, inverse, origin, p0, p1, u, v)
        else:
            sweep_up_from_zero(b, south, west, inverse, origin, p0, p1, u)
        coarse_b = part(workspace, layout, level + 1, B)
        coarse_origin = origins_of(origins, layout, level + 1)
        restrict_residual(u, north, east, origin, p0 // 2, p1 // 2, coarse_b, coarse_origin)
        if guess:
            subtract_sums(v, origin, p0 // 2, p1 // 2, coarse_b, coarse_origin)


@kernel()
def go_up(level, layout, origins, workspace):
    """From level + 1 to level: interpolate and smooth."""
    p0, p1 = layout[level, P0], layout[level, P1]
    origin = origins_of(origins, layout, level)
    coarse_origin = origins_of(origins, layout, level + 1)
    u, coarse = part(workspace, layout, level, U), part(workspace, layout, level + 1, U)
    reflect(coarse, coarse_origin, layout[level + 1, N0], layout[level + 1, N1])
    prolong(coarse, coarse_origin, p0 // 2, p1 // 2, u, origin)
    b = part(workspace, layout, level, B)
    south, west, north, east, inverse = coefficients(workspace, layout, level)
    sweep_down(b, south, west, north, east, inverse, origin, p0, p1, u)


@kernel()
def bottom(layout, origins, workspace, dense):
    last = layout.shape[0] - 1
    solve_coarsest(
        dense,
        origins_of(origins, layout, last),
        layout[last, N0],
        layout[last, N1],
        part(workspace, layout, last, B),
        part(workspace, layout, last, U),
        part(workspace, layout, last, V),
    )


@kernel()
def cycle(layout, origins, workspace, dense):
    """One F(1, 1)-cycle from zero: level 0's B in, its U out.

    On the way up every level but the first is improved by a V-cycle of its own: the coarse
    correction of an upwind scheme falls short by a factor that grows with each level (Brandt &
    Yavneh 1993, SIAM J. Sci. Comput. 14, 607-626), so that V-cycles alone take up to twice as many.
    """
    last = layout.shape[0] - 1
    go_down(0, False, layout, origins, workspace)
    bottom(layout, origins, workspace, dense)
    for level in range(last - 1, -1, -1):
        go_up(level, layout, origins, workspace)
        if level > 0:
            go_down(level, True, layout, origins, workspace)
            bottom(layout, origins, workspace, dense)
            for below in range(last - 1, level - 1, -1):
                go_up(below, layout, origins, workspace)
