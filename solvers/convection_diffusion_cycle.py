"""Kernels of the cycle in `convection_diffusion_multigrid.py`: upwind operators, by diagonals.

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

import numpy as np

from .kernels import REASSOCIATE, kernel

# Columns of the layout: cells, cells with the dead ones, places of the level, offsets, end.
N0, N1, P0, P1, PLACES, ORIGIN, U, V, B, SOUTH, WEST, NORTH, EAST, INVERSE = range(14)
SUM_0, FLOW_0, SUM_1, FLOW_1, END = range(14, 19)
ONE, HALF = np.float32(1.0), np.float32(0.5)
A_9, A_3, A_1 = (np.float32(k / 16) for k in (9, 3, 1))  # bilinear weights
LANES = 16  # numbers in one vector register, or a multiple of that


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


# --- set-up: links of all levels, their places, the coarsest inverse ------------------------------


@kernel(REASSOCIATE)
def split_links(lower, upper, scale, total, flow):
    """Symmetric part (lower + upper) / 2 and flow lower - upper of links, scaled."""
    for i in range(lower.shape[0]):
        low, high, s, w = lower[i], upper[i], total[i], flow[i]
        for j in range(low.size):
            s[j] = (0.5 * scale) * (low[j] + high[j])
            w[j] = scale * (low[j] - high[j])


@kernel(REASSOCIATE)
def coarsen_row(s, w, n, coarse_s, coarse_w):
    """Links (n + 1,) of a row of cells -> those of its aggregates.

    The symmetric parts are conductances in series: half of the link inside an aggregate, the
    link between two, half of the next. What upwinding needs at the coarse level is added where
    it is more.
    """
    m = (n + 1) // 2
    for k in range(1, m - 1):
        resistance = ONE / s[2 * k] + HALF / s[2 * k - 1] + HALF / s[2 * k + 1]
        coarse_w[k] = w[2 * k]
        coarse_s[k] = max(ONE / resistance, HALF * abs(w[2 * k]))
    for k in (0, m - 1, m):
        face = min(2 * k, n)
        resistance = ONE / s[face]
        if k > 0 and 2 * k - 1 < n:
            resistance += HALF / s[2 * k - 1]
        if k < m and 2 * k + 1 < n:
            resistance += HALF / s[2 * k + 1]
        coarse_w[k] = w[face]
        coarse_s[k] = max(ONE / resistance, HALF * abs(w[face]))


@kernel(REASSOCIATE)
def coarsen_along_rows(s, w, n0, n1, coarse_s, coarse_w, row_s, row_w):
    """Links of axis 1, (n0, n1 + 1): rows in parallel, then in series."""
    m0 = (n0 + 1) // 2
    for k in range(m0):
        if 2 * k + 1 < n0:
            s_0, s_1, w_0, w_1 = s[2 * k], s[2 * k + 1], w[2 * k], w[2 * k + 1]
            for j in range(n1 + 1):
                row_s[j] = s_0[j] + s_1[j]
                row_w[j] = w_0[j] + w_1[j]
            coarsen_row(row_s, row_w, n1, coarse_s[k], coarse_w[k])
        else:
            coarsen_row(s[2 * k], w[2 * k], n1, coarse_s[k], coarse_w[k])


@kernel(REASSOCIATE)
def sum_pairs(row, out):
    """out[k] = row[2k] + row[2k + 1], the last alone where their number is odd."""
    n = row.size
    for k in range(n // 2):
        out[k] = row[2 * k] + row[2 * k + 1]
    if n % 2:
        out[n // 2] = row[n - 1]


@kernel(REASSOCIATE)
def coarsen_across_rows(s, w, n0, coarse_s, coarse_w, row):
    """Links of axis 0, (n0 + 1, n1): columns in parallel, then in series."""
    m0, m1 = coarse_s.shape[0] - 1, coarse_s.shape[1]
    for k in range(m0 + 1):
        face = min(2 * k, n0)
        flow, out = coarse_w[k], coarse_s[k]
        sum_pairs(w[face], flow)
        sum_pairs(s[face], row)
        for j in range(m1):
            out[j] = ONE / row[j]
        if k > 0 and 2 * k - 1 < n0:
            sum_pairs(s[2 * k - 1], row)
            for j in range(m1):
                out[j] += HALF / row[j]
        if k < m0 and 2 * k + 1 < n0:
            sum_pairs(s[2 * k + 1], row)
            for j in range(m1):
                out[j] += HALF / row[j]
        for j in range(m1):
            out[j] = max(ONE / out[j], HALF * abs(flow[j]))


@kernel(REASSOCIATE)
def place_links(s_0, w_0, s_1, w_1, conservative, origin, south, west, north, east, inverse):
    """Give every cell its four links and its inverse diagonal; links to the boundary are zero."""
    n0, n1 = s_1.shape[0], s_0.shape[1]
    side = -HALF if conservative else HALF
    for i in range(n0):
        for j in range(n1):
            at = origin[i + j + 2] + i
            s, n = s_0[i, j], s_0[i + 1, j]
            w, e = s_1[i, j], s_1[i, j + 1]
            v_s, v_n, v_w, v_e = w_0[i, j], w_0[i + 1, j], w_1[i, j], w_1[i, j + 1]
            inverse[at] = ONE / (s + n + w + e + side * (v_s - v_n + v_w - v_e))
            south[at] = s + HALF * v_s if i > 0 else np.float32(0.0)
            north[at] = n - HALF * v_n if i < n0 - 1 else np.float32(0.0)
            west[at] = w + HALF * v_w if j > 0 else np.float32(0.0)
            east[at] = e - HALF * v_e if j < n1 - 1 else np.float32(0.0)


@kernel()
def place_operator(links, diagonal, origin, stencil):
    """The finest operator, double precision: south, west, north, east and centre of `stencil`."""
    lower_0, upper_0, lower_1, upper_1 = links
    n0, n1 = diagonal.shape
    for i in range(n0):
        for j in range(n1):
            at = origin[i + j + 2] + i
            stencil[0, at] = lower_0[i, j] if i > 0 else 0.0
            stencil[1, at] = lower_1[i, j] if j > 0 else 0.0
            stencil[2, at] = upper_0[i + 1, j] if i < n0 - 1 else 0.0
            stencil[3, at] = upper_1[i, j + 1] if j < n1 - 1 else 0.0
            stencil[4, at] = diagonal[i, j]


@kernel()
def place_field(field, origin, scale, out):
    """out = scale times a field (n0, n1), diagonal by diagonal."""
    n0, n1 = field.shape
    for i in range(n0):
        for j in range(n1):
            out[origin[i + j + 2] + i] = scale * field[i, j]


@kernel()
def fetch_field(places, origin, scale, field):
    """The inverse of `place_field`."""
    n0, n1 = field.shape
    for i in range(n0):
        for j in range(n1):
            field[i, j] = scale * places[origin[i + j + 2] + i]


@kernel()
def invert_dense(origin, n0, n1, south, west, north, east, inverse, dense):
    """dense (n, n), the inverse of the coarsest operator, by Gauss-Jordan without pivots.

    An M-matrix needs none (Fan 1960).
    """
    n = n0 * n1
    A = np.zeros((n, 2 * n))
    for i in range(n0):
        for j in range(n1):
            k, at = i * n1 + j, origin[i + j + 2] + i
            A[k, n + k] = 1.0
            A[k, k] = 1.0 / inverse[at]
            if i > 0:
                A[k, k - n1] = -south[at]
            if i < n0 - 1:
                A[k, k + n1] = -north[at]
            if j > 0:
                A[k, k - 1] = -west[at]
            if j < n1 - 1:
                A[k, k + 1] = -east[at]
    for k in range(n):
        A[k] /= A[k, k]
        for row in range(n):
            if row != k:
                A[row] -= A[row, k] * A[k]
    for row in range(n):
        for column in range(n):
            dense[row, column] = A[row, n + column]


@kernel()
def build_hierarchy(links, diagonal, conservative, layout, origins, workspace, dense):
    """Fill every level from the finest links."""
    lower_0, upper_0, lower_1, upper_1 = links
    levels = layout.shape[0]
    scale = 1.0 / np.max(diagonal)  # a preconditioner may be scaled: keep in single range
    for level in range(levels):
        n0, n1 = layout[level, N0], layout[level, N1]
        s_0 = table(workspace, layout[level, SUM_0], n0 + 1, n1)
        w_0 = table(workspace, layout[level, FLOW_0], n0 + 1, n1)
        s_1 = table(workspace, layout[level, SUM_1], n0, n1 + 1)
        w_1 = table(workspace, layout[level, FLOW_1], n0, n1 + 1)
        if level == 0:
            split_links(lower_0, upper_0, scale, s_0, w_0)
            split_links(lower_1, upper_1, scale, s_1, w_1)
        place_links(
            s_0,
            w_0,
            s_1,
            w_1,
            conservative,
            origins_of(origins, layout, level),
            part(workspace, layout, level, SOUTH),
            part(workspace, layout, level, WEST),
            part(workspace, layout, level, NORTH),
            part(workspace, layout, level, EAST),
            part(workspace, layout, level, INVERSE),
        )
        if level == levels - 1:
            break
        m0, m1 = layout[level + 1, N0], layout[level + 1, N1]
        scratch = part(workspace, layout, level, V)
        coarsen_across_rows(
            s_0,
            w_0,
            n0,
            table(workspace, layout[level + 1, SUM_0], m0 + 1, m1),
            table(workspace, layout[level + 1, FLOW_0], m0 + 1, m1),
            scratch,
        )
        coarsen_along_rows(
            s_1,
            w_1,
            n0,
            n1,
            table(workspace, layout[level + 1, SUM_1], m0, m1 + 1),
            table(workspace, layout[level + 1, FLOW_1], m0, m1 + 1),
            scratch[: n1 + 1],
            scratch[n1 + 1 :],
        )
        scratch[:] = 0
    last = levels - 1
    invert_dense(
        origins_of(origins, layout, last),
        layout[last, N0],
        layout[last, N1],
        part(workspace, layout, last, SOUTH),
        part(workspace, layout, last, WEST),
        part(workspace, layout, last, NORTH),
        part(workspace, layout, last, EAST),
        part(workspace, layout, last, INVERSE),
        dense,
    )


# --- one F-cycle ----------------------------------------------------------------------------------


@kernel(REASSOCIATE)
def sweep_up_from_zero(b, south, west, inverse, origin, p0, p1, u):
    """Gauss-Seidel from the first diagonal to the last, u = 0 before."""
    for d in range(p0 + p1 - 1):
        low = max(0, d - p1 + 1)
        count = min(d, p0 - 1) + 1 - low
        here, before = origin[d + 2] + low, origin[d + 1] + low
        new, source, scale = (
            u[here : here + count],
            b[here : here + count],
            inverse[here : here + count],
        )
        s, w = south[here : here + count], west[here : here + count]
        u_s, u_w = u[before - 1 : before - 1 + count], u[before : before + count]
        for k in range(count):
            new[k] = scale[k] * (source[k] + s[k] * u_s[k] + w[k] * u_w[k])


@kernel(REASSOCIATE)
def sweep_up(b, south, west, north, east, inverse, origin, p0, p1, u, v):
    """Gauss-Seidel from the first diagonal to the last; v = what came from the old values."""
    for d in range(p0 + p1 - 1):
        low = max(0, d - p1 + 1)
        count = min(d, p0 - 1) + 1 - low
        here, before, after = origin[d + 2] + low, origin[d + 1] + low, origin[d + 3] + low
        new, source, scale = (
            u[here : here + count],
            b[here : here + count],
            inverse[here : here + count],
        )
        s, w = south[here : here + count], west[here : here + count]
        n, e = north[here : here + count], east[here : here + count]
        u_s, u_w = u[before - 1 : before - 1 + count], u[before : before + count]
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
        low = max(0, d - p1 + 1)
        count = min(d, p0 - 1) + 1 - low
        here, before, after = origin[d + 2] + low, origin[d + 1] + low, origin[d + 3] + low
        new, source, scale = (
            u[here : here + count],
            b[here : here + count],
            inverse[here : here + count],
        )
        s, w = south[here : here + count], west[here : here + count]
        n, e = north[here : here + count], east[here : here + count]
        u_s, u_w = u[before - 1 : before - 1 + count], u[before : before + count]
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
        low = max(0, D - m1 + 1)
        count = (min(D, m0 - 1) + 1 - low + LANES - 1) & -LANES
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
        low = max(0, D - m1 + 1)
        count = min(D, m0 - 1) + 1 - low
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


@kernel()
def solve_coarsest(dense, origin, n0, n1, b, u):
    for i in range(n0):
        for j in range(n1):
            row = dense[i * n1 + j]
            total = np.float32(0.0)
            for k in range(n0):
                for c in range(n1):
                    total += row[k * n1 + c] * b[origin[k + c + 2] + k]
            u[origin[i + j + 2] + i] = total


@kernel()
def go_down(top, started, layout, origins, workspace):
    """From level `top` to the last but one: smooth and restrict; `started`: top has a guess."""
    for level in range(top, layout.shape[0] - 1):
        p0, p1 = layout[level, P0], layout[level, P1]
        origin = origins_of(origins, layout, level)
        u, v = part(workspace, layout, level, U), part(workspace, layout, level, V)
        b = part(workspace, layout, level, B)
        south, west = part(workspace, layout, level, SOUTH), part(workspace, layout, level, WEST)
        north, east = part(workspace, layout, level, NORTH), part(workspace, layout, level, EAST)
        inverse = part(workspace, layout, level, INVERSE)
        guess = started and level == top
        if guess:
            sweep_up(b, south, west, north, east, inverse, origin, p0, p1, u, v)
        else:
            sweep_up_from_zero(b, south, west, inverse, origin, p0, p1, u)
        coarse_b, coarse_origin = (
            part(workspace, layout, level + 1, B),
            origins_of(origins, layout, level + 1),
        )
        restrict_residual(u, north, east, origin, p0 // 2, p1 // 2, coarse_b, coarse_origin)
        if guess:
            subtract_sums(v, origin, p0 // 2, p1 // 2, coarse_b, coarse_origin)


@kernel()
def go_up(level, layout, origins, workspace):
    """From level + 1 to level: interpolate and smooth."""
    p0, p1 = layout[level, P0], layout[level, P1]
    origin, coarse_origin = (
        origins_of(origins, layout, level),
        origins_of(origins, layout, level + 1),
    )
    u, coarse = part(workspace, layout, level, U), part(workspace, layout, level + 1, U)
    reflect(coarse, coarse_origin, layout[level + 1, N0], layout[level + 1, N1])
    prolong(coarse, coarse_origin, p0 // 2, p1 // 2, u, origin)
    sweep_down(
        part(workspace, layout, level, B),
        part(workspace, layout, level, SOUTH),
        part(workspace, layout, level, WEST),
        part(workspace, layout, level, NORTH),
        part(workspace, layout, level, EAST),
        part(workspace, layout, level, INVERSE),
        origin,
        p0,
        p1,
        u,
    )


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
