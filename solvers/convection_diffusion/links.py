"""The upwind operators of all levels of `convection_diffusion_multigrid.py`, five points each.

The links of a level lie on its faces, as a symmetric part (lower + upper) / 2, which holds the
diffusion that upwinding adds, and a flow lower - upper.
"""

from __future__ import annotations

import numpy as np

from ..kernels import REASSOCIATE, kernel
from .layout import (
    EAST,
    FLOW_0,
    FLOW_1,
    INVERSE,
    N0,
    N1,
    NORTH,
    REST,
    SOUTH,
    SUM_0,
    SUM_1,
    WEST,
    V,
    origins_of,
    part,
    table,
)

ONE, HALF = np.float32(1.0), np.float32(0.5)


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
def place_links(s_0, w_0, s_1, w_1, conservative, origin, south, west, north, east, inverse, rest):
    """Give every cell its four links, its inverse diagonal, and what its row sums to.

    Links to the boundary are zero; the row sum holds them, and the divergence where the form is
    conservative.
    """
    n0, n1 = s_1.shape[0], s_0.shape[1]
    zero = np.float32(0.0)
    for i in range(n0):
        for j in range(n1):
            at = origin[i + j + 2] + i
            v_s, v_n, v_w, v_e = w_0[i, j], w_0[i + 1, j], w_1[i, j], w_1[i, j + 1]
            s, n = s_0[i, j] + HALF * v_s, s_0[i + 1, j] - HALF * v_n
            w, e = s_1[i, j] + HALF * v_w, s_1[i, j + 1] - HALF * v_e
            sum_of_row = (v_n - v_s + v_e - v_w) if conservative else zero
            inverse[at] = ONE / (s + n + w + e + sum_of_row)
            if i == 0:
                sum_of_row += s
                s = zero
            if i == n0 - 1:
                sum_of_row += n
                n = zero
            if j == 0:
                sum_of_row += w
                w = zero
            if j == n1 - 1:
                sum_of_row += e
                e = zero
            south[at], north[at], west[at], east[at] = s, n, w, e
            rest[at] = sum_of_row


@kernel()
def fill_dense(origin, n0, n1, south, west, north, east, inverse, A):
    """A (n, n), the coarsest operator as a matrix, cells in C order."""
    A[:] = 0
    for i in range(n0):
        for j in range(n1):
            k, at = i * n1 + j, origin[i + j + 2] + i
            A[k, k] = ONE / inverse[at]
            if i > 0:
                A[k, k - n1] = -south[at]
            if i < n0 - 1:
                A[k, k + n1] = -north[at]
            if j > 0:
                A[k, k - 1] = -west[at]
            if j < n1 - 1:
                A[k, k + 1] = -east[at]


@kernel(REASSOCIATE)
def invert_dense(A):
    """A becomes its inverse, by Gauss-Jordan in place; an M-matrix needs no pivots (Fan 1960)."""
    n = A.shape[0]
    for k in range(n):
        pivot_row = A[k]
        scale = ONE / pivot_row[k]
        pivot_row[k] = ONE
        for j in range(n):
            pivot_row[j] *= scale
        for i in range(n):
            row = A[i]
            factor = row[k]
            if i != k and factor != 0:
                row[k] = 0
                for j in range(n):
                    row[j] -= factor * pivot_row[j]


@kernel()
def build_hierarchy(links, diagonal, conservative, layout, origins, workspace, dense):
    """Fill every level from the finest links; returns the scale of them all."""
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
            part(workspace, layout, level, REST),
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
    fill_dense(
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
    invert_dense(dense)
    return scale
