"""Set-up of the hierarchy: links between aggregates, weights of the prolongation, coarsest inverse.

A coarse link along an axis is the fine ones between two centres in series (a half, a whole, a
half), summed over the parallel paths. The weight with which a fine cell leans to the neighbouring
aggregate is its share of that resistance, so that interpolation carries a constant flux.
"""

from __future__ import annotations

import numpy as np

from ..kernels import REASSOCIATE, borrowed, kernel
from .layout import (
    F0,
    F1,
    F2,
    FIRST,
    INVERSE,
    M2,
    N0,
    N1,
    N2,
    P0,
    P1,
    P2,
    S0,
    S1,
    SIGMA,
    W0,
    W1,
    W2,
    U,
    V,
)  # fmt: skip
from .smoothing import wrap_slices
from .transfers import aggregate, as_rows, restrict_slices

ONE, HALF, NONE = np.float32(1.0), np.float32(0.5), np.float32(0.0)


@kernel(REASSOCIATE, inner=True)
def invert_diagonal(level, f0, f1, f2, sigma, inverse):
    """1 / sum of the links of every cell; the ghosts stay zero."""
    rows, lines = as_rows(inverse, level)
    near, _ = as_rows(f0, level)
    along, _ = as_rows(f2, level)
    for i in range(level[N0]):
        for j in range(level[N1]):
            row = (i + 1) * lines + j + (1 if lines > 1 else 0)
            for k in range(1, level[N2] + 1):
                total = near[row, k] + near[row + lines, k]
                rows[row, k] = total + along[row, k] + along[row, k + 1]
    if lines > 1:
        _add_links(rows, as_rows(f1, level)[0], level, lines)
    if sigma.size > 0:
        inverse += sigma
    for i in range(level[N0]):
        for j in range(level[N1]):
            row = (i + 1) * lines + j + (1 if lines > 1 else 0)
            for k in range(1, level[N2] + 1):
                rows[row, k] = ONE / rows[row, k]


@kernel(REASSOCIATE, inner=True)
def _add_links(rows, beside, level, lines):
    """Those of axis 1."""
    for i in range(level[N0]):
        for j in range(level[N1]):
            row = (i + 1) * lines + j + 1
            for k in range(1, level[N2] + 1):
                rows[row, k] += beside[row, k] + beside[row + 1, k]


@kernel(REASSOCIATE, inner=True)
def series_along_rows(f2, level, coarse, lines, step, weight, out):
    """Links of axis 2: in series along rows of cells, added over the rows of an aggregate.

    weight: (rows of cells, even m and odd m); f2 and out: padded rows, links from column 1 on.
    """
    n0, n1, n, m0, m1, m = level[:6]
    ring, periodic = 1 if lines > 1 else 0, level[P2]
    # The last aggregate may hold three cells, with its centre in the middle one.
    half = ONE if n % 2 else HALF
    resistance = np.empty(n + 2, dtype=np.float32)
    for i in range(n0):
        k0, _ = aggregate(i, n0, m0)
        for j in range(n1):
            k1, _ = aggregate(j, n1, m1)
            row, to, cell = (i + 1) * lines + j + ring, (k0 + 1) * step + k1 + ring, i * n1 + j
            for k in range(1, n + 2):
                resistance[k] = ONE / f2[row, k]
            for k in range(1, m - 1):
                before, after = HALF * resistance[2 * k], HALF * resistance[2 * k + 2]
                value = ONE / (before + resistance[2 * k + 1] + after)
                out[to, k + 1] += value
                weight[cell, m + k - 1] = before * value
                weight[cell, k] = after * value
            before, after = HALF * resistance[2 * m - 2], half * resistance[2 * m]
            value = ONE / (before + resistance[2 * m - 1] + after)
            out[to, m] += value
            weight[cell, 2 * m - 2], weight[cell, m - 1] = before * value, after * value
            last, first = half * resistance[n], HALF * resistance[2]
            value = ONE / (resistance[1] + first + (last if periodic else NONE))
            out[to, 1] += value
            weight[cell, 0] = first * value
            value = ONE / (last + resistance[n + 1] + (first if periodic else NONE))
            out[to, m + 1] += value
            weight[cell, 2 * m - 1] = last * value


@kernel(REASSOCIATE, inner=True)
def add_links_along(f2, level, coarse, lines, step, out):
    """Links of axis 2 where it is not coarsened."""
    n0, n1, n, m0, m1 = level[:5]
    ring = 1 if lines > 1 else 0
    for i in range(n0):
        k0, _ = aggregate(i, n0, m0)
        for j in range(n1):
            k1, _ = aggregate(j, n1, m1)
            row, to = (i + 1) * lines + j + ring, (k0 + 1) * step + k1 + ring
            for k in range(1, n + 2):
                out[to, k] += f2[row, k]


@kernel(inner=True)
def neighbours(k, n, m, periodic):
    """Of the link below aggregate k: the cell links before and after it, and their shares.

    The link itself is number min(2 k, n); k = m is the upper boundary, or the link 0 again.
    """
    half_last = ONE if n % 2 else HALF
    if 0 < k < m:
        return 2 * k - 1, 2 * k + 1, HALF, half_last if k == m - 1 else HALF
    if periodic:
        return n - 1, 1, half_last, HALF
    return (1, 1, NONE, HALF) if k == 0 else (n - 1, n - 1, half_last, NONE)


@kernel(REASSOCIATE, inner=True)
def series_across(sums, n, m, periodic, share, start, stride, out, to, step):
    """Links between lines of aggregates: in series across the lines of cells, added to out.

    sums: (n + 1, count, length) links; share: rows with ghosts, of cell i at start + i stride;
    out: rows with ghosts, of link k at to + k step.
    """
    count, length = sums.shape[1], sums.shape[2]
    for k in range(m + 1):
        if n == m:
            for j in range(count):
                for c in range(length):
                    out[to + k * step + j, c + 1] += sums[k, j, c]
            continue
        before, after, half_before, half_after = neighbours(k, n, m, periodic)
        middle = 2 * k if k < m else n
        below = start + (middle - 1 if k > 0 else n - 1) * stride
        above = start + (middle if k < m else 0) * stride
        for j in range(count):
            for c in range(length):
                lower, upper = half_before / sums[before, j, c], half_after / sums[after, j, c]
                value = ONE / (lower + ONE / sums[middle, j, c] + upper)
                out[to + k * step + j, c + 1] += value
                if half_before > NONE:
                    share[below + j, c + 1] = lower * value
                if half_after > NONE:
                    share[above + j, c + 1] = upper * value


@kernel(REASSOCIATE, inner=True)
def sum_along(f, first, count, n1, n2, m1, m2, sums):
    """sums[j's aggregate] += sums over aggregates of padded rows first, first + 1, ..."""
    for j in range(count):
        k1, _ = aggregate(j, n1, m1)
        if n2 == m2:
            for k in range(n2):
                sums[k1, k] += f[first + j, k + 1]
            continue
        for k in range(m2):
            sums[k1, k] += f[first + j, 2 * k + 1] + f[first + j, 2 * k + 2]
        if n2 % 2:
            sums[k1, m2 - 1] += f[first + j, n2]


@kernel(inner=True)
def coarsen_axis_2(level, coarse, f2, w2, out):
    n0, n1, n2 = level[:3]
    rows, lines = as_rows(f2, level)
    target, step = as_rows(out, coarse)
    out[:] = 0
    if level[M2] == n2:
        add_links_along(rows, level, coarse, lines, step, target)
    else:
        weight = w2.reshape(n0 * n1, n2 - n2 % 2)
        series_along_rows(rows, level, coarse, lines, step, weight, target)


@kernel(inner=True)
def coarsen_axis_1(level, coarse, f1, w1, out, scratch):
    """Summed along rows, in series across the rows of a slice, added over slices."""
    n0, n1, n2, m0, m1, m2 = level[:6]
    rows, lines = as_rows(f1, level)
    target, step = as_rows(out, coarse)
    share = w1.reshape(n0 * n1, m2 + 2)
    sums = scratch[: (n1 + 1) * m2].reshape(n1 + 1, 1, m2)
    flat = scratch[: (n1 + 1) * m2].reshape(n1 + 1, m2)
    out[:] = 0
    for i in range(n0):
        flat.fill(0)
        sum_along(rows, (i + 1) * lines + 1, n1 + 1, n1 + 1, n2, n1 + 1, m2, flat)
        k0, _ = aggregate(i, n0, m0)
        series_across(sums, n1, m1, level[P1], share, i * n1, 1, target, (k0 + 1) * step + 1, 1)
    if level[P2]:
        for cell in range(n0 * n1):
            share[cell, 0] = share[cell, m2]
            share[cell, m2 + 1] = share[cell, 1]


@kernel(inner=True)
def coarsen_axis_0(level, coarse, f0, w0, out, scratch):
    """Summed over the aggregates of a slice, in series across slices."""
    n0, n1, n2, m0, m1, m2 = level[:6]
    rows, lines = as_rows(f0, level)
    target, step = as_rows(out, coarse)
    ring = 1 if lines > 1 else 0
    sums = scratch[: (n0 + 1) * m1 * m2].reshape(n0 + 1, m1, m2)
    sums.fill(0)
    out.fill(0)
    for i in range(n0 + 1):
        sum_along(rows, (i + 1) * lines + ring, n1, n1, n2, m1, m2, sums[i])
    share = w0.reshape(n0 * step, m2 + 2)
    series_across(sums, n0, m0, level[P0], share, ring, step, target, step + ring, step)
    if m0 != n0:
        wrap_slices(w0, coarse, -1, n0 - 1)


@kernel(inner=True)
def coarsen_reaction(level, coarse, sigma, out):
    """Sums over aggregates, as the links are."""
    out[:] = 0
    restrict_slices(sigma[level[S0] :], level, coarse, 0, level[N0], out)


@kernel(inner=True)
def invert_dense(level, f0, f1, f2, sigma, singular, inverse):
    """inverse (n n,) of the coarsest operator by Gauss-Jordan; positive definite, so no pivots.

    Where constants are its null space: the inverse on the vectors of mean zero.
    """
    n0, n1, n2, s0, s1 = level[N0], level[N1], level[N2], level[S0], level[S1]
    n = n0 * n1 * n2
    A = np.zeros((n, 2 * n))
    for i in range(n0):
        for j in range(n1):
            for k in range(n2):
                cell = (i * n1 + j) * n2 + k
                at = level[FIRST] + i * s0 + j * s1 + k
                A[cell, n + cell] = 1.0
                if sigma.size > 0:
                    A[cell, cell] += sigma[at]
                _link(A, cell, i, n0, n1 * n2, level[P0], f0[at], f0[at + s0])
                if s1 > 0:
                    _link(A, cell, j, n1, n2, level[P1], f1[at], f1[at + s1])
                _link(A, cell, k, n2, 1, level[P2], f2[at], f2[at + 1])
    shift = 0.0
    if singular:
        for k in range(n):
            shift = max(shift, A[k, k])
        if n == 1:
            shift = 1.0
        for k in range(n):
            for c in range(n):
                A[k, c] += shift
    for k in range(n):
        _eliminate(A, k)
    if singular:
        # A + shift 1 1^T has the eigenvalue shift n on constants.
        shift = 1.0 / (shift * n * n)
    for row in range(n):
        for column in range(n):
            inverse[row * n + column] = A[row, n + column] - shift


@kernel(REASSOCIATE, inner=True)
def _eliminate(A, k):
    """Step k of Gauss-Jordan on (matrix, identity)."""
    n = A.shape[0]
    pivot = A[k, k : n + k + 1]
    factor = 1.0 / pivot[0]
    for c in range(pivot.size):
        pivot[c] *= factor
    for i in range(n):
        if i != k:
            row, factor = A[i, k : n + k + 1], A[i, k]
            for c in range(row.size):
                row[c] -= factor * pivot[c]


@kernel(inner=True)
def _link(A, cell, i, n, stride, periodic, lower, upper):
    """Links of a cell, number i of n along an axis, to its two neighbours there."""
    A[cell, cell] += lower + upper
    if i > 0 or periodic:
        A[cell, cell + ((i + n - 1) % n - i) * stride] -= lower
    if i < n - 1 or periodic:
        A[cell, cell + ((i + 1) % n - i) * stride] -= upper


@kernel(REASSOCIATE, inner=True)
def _sum(table):
    flat = table.reshape(table.size)
    total = 0.0
    for k in range(flat.size):
        total += flat[k]
    return total


@kernel(REASSOCIATE, inner=True)
def pad_links(faces, scale, level, out):
    """Links of the finest level in single precision, times scale."""
    rows, lines = as_rows(out, level)
    for i in range(faces.shape[0]):
        for j in range(faces.shape[1]):
            row = (i + 1) * lines + j + (1 if lines > 1 else 0)
            for k in range(faces.shape[2]):
                rows[row, k + 1] = scale * faces[i, j, k]


@kernel(inner=True)
def field(workspace, level, name):
    return workspace[level[name] : level[name + 1]]


@kernel(inner=True)
def link_fields(workspace, level):
    return (
        field(workspace, level, F0),
        field(workspace, level, F1),
        field(workspace, level, F2),
    )


@kernel(inner=True)
def largest_of(table):
    """Largest absolute value; nan if any is. np.max takes long to compile."""
    found = 0.0
    for value in table.reshape(table.size):
        if not abs(value) <= found:
            found = abs(value)
            if np.isnan(found):
                break
    return found


@kernel(inner=True)
def typical_size(faces_0, faces_1, faces_2, reaction):
    """What a preconditioner may be scaled by, to keep single precision in range.

    The mean, because a sum runs in vector lanes and a maximum does not; that is for sums that
    overflow.
    """
    size = faces_0.size + faces_1.size + faces_2.size
    typical = (_sum(faces_0) + _sum(faces_1) + _sum(faces_2) + _sum(reaction)) / size
    if not typical < np.inf:
        typical = max(largest_of(faces_0), largest_of(faces_2))
    return typical if typical > 0.0 else 1.0


@kernel()
def build_hierarchy(faces_0, faces_1, faces_2, reaction, singular, layout, workspace):
    """Fill every level from the finest faces (float64); returns the scale of level 0."""
    layout, workspace = borrowed(layout), borrowed(workspace)
    scale = 1.0 / typical_size(faces_0, faces_1, faces_2, reaction)
    first = layout[0]
    pad_links(faces_0, scale, first, field(workspace, first, F0))
    if first[S1] > 0:
        pad_links(faces_1, scale, first, field(workspace, first, F1))
    pad_links(faces_2, scale, first, field(workspace, first, F2))
    if reaction.size > 0:
        pad_links(reaction, scale, first, field(workspace, first, SIGMA))
    levels = layout.shape[0]
    for number in range(levels - 1):
        level, coarse = layout[number], layout[number + 1]
        f0, f1, f2 = link_fields(workspace, level)
        sigma = field(workspace, level, SIGMA)
        invert_diagonal(level, f0, f1, f2, sigma, field(workspace, level, INVERSE))
        if sigma.size > 0:
            coarsen_reaction(level, coarse, sigma, field(workspace, coarse, SIGMA))
        w0, w1 = field(workspace, level, W0), field(workspace, level, W1)
        scratch = field(workspace, level, V)
        coarsen_axis_2(level, coarse, f2, field(workspace, level, W2), field(workspace, coarse, F2))
        if level[S1] > 0:
            coarsen_axis_1(level, coarse, f1, w1, field(workspace, coarse, F1), scratch)
        coarsen_axis_0(level, coarse, f0, w0, field(workspace, coarse, F0), scratch)
        # V was scratch, and a solve that broke down leaves anything: ghosts are zero.
        scratch[:] = 0
        field(workspace, level, U)[:] = 0
    level = layout[levels - 1]
    field(workspace, level, U)[:] = 0
    f0, f1, f2 = link_fields(workspace, level)
    sigma, inverse = field(workspace, level, SIGMA), field(workspace, level, INVERSE)
    invert_dense(level, f0, f1, f2, sigma, singular, inverse)
    return scale
