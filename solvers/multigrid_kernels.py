"""Kernels of the multigrid cycle in `multigrid.py`: 5-point operators on rows of cells.

A level of n0 x n1 cells keeps its arrays in one flat single-precision workspace, at the offsets
of its row of the layout. Fields have a ring of ghost zeros, shape (n0+2, n1+2), so that no kernel
asks where the boundary is. The next coarser level has m0 x m1 cells: along each axis either
m = n, or m = n // 2 aggregates of two cells, the last of three where n is odd.
"""

from __future__ import annotations

import numpy as np

from .kernels import REASSOCIATE, kernel

# Columns of the layout: sizes of the level and of the next, offsets, and the level's end.
N0, N1, M0, M1, U, V, B, FACES_0, FACES_1, INVERSE, WEIGHT_0, WEIGHT_1, END = range(13)

# Chebyshev weights of two Jacobi steps: 1 / (roots of T_2 mapped to [LOWEST, HIGHEST]). The
# eigenvalues of D^-1 A lie in (0, 2) by Gershgorin; those below LOWEST are left to the next level.
HIGHEST, LOWEST = 2.0, 0.4
_middle, _radius = 0.5 * (HIGHEST + LOWEST), 0.5 * (HIGHEST - LOWEST) * np.sqrt(0.5)
OMEGA_1 = np.float32(1.0 / (_middle - _radius))
OMEGA_2 = np.float32(1.0 / (_middle + _radius))
ONE, HALF = np.float32(1.0), np.float32(0.5)


@kernel()
def view(workspace, offset, rows, columns):
    return workspace[offset : offset + rows * columns].reshape(rows, columns)


# --- set-up: links, weights and the coarsest inverse ----------------------------------------------


@kernel(REASSOCIATE)
def invert_diagonal(faces_0, faces_1, inverse):
    n0, n1 = inverse.shape
    for i in range(n0):
        out, above, below = inverse[i], faces_0[i], faces_0[i + 1]
        left, right = faces_1[i, :n1], faces_1[i, 1:]
        for j in range(n1):
            out[j] = ONE / (above[j] + below[j] + left[j] + right[j])


@kernel(REASSOCIATE)
def coarsen_columns(link, weight, out):
    """Links (n+1,) of a row of cells -> links (m+1,) of its aggregates, weights (n,).

    A coarse link is the fine ones between two centres in series: a half, a whole, a half. The
    weight of a fine cell for the neighbouring aggregate is its share of that resistance, so
    that interpolation carries a constant flux.
    """
    n, m = weight.size, out.size - 1
    if n == m:
        out[:] = link
        weight[:] = 0
        return
    for k in range(1, m - 1):
        before, after = HALF / link[2 * k - 1], HALF / link[2 * k + 1]
        out[k] = ONE / (before + ONE / link[2 * k] + after)
        weight[2 * k - 1] = before * out[k]
        weight[2 * k] = after * out[k]
    # The ends: the boundary face has no cell behind it, the last aggregate may hold three.
    size = n - 2 * (m - 1)
    half = HALF if size == 2 else ONE
    first = HALF / link[1] if m > 1 else half / link[1]
    out[0] = ONE / (ONE / link[0] + first)
    weight[0] = first * out[0]
    if m > 1:
        before, after = HALF / link[2 * m - 3], half / link[2 * m - 1]
        out[m - 1] = ONE / (before + ONE / link[2 * m - 2] + after)
        weight[2 * m - 3] = before * out[m - 1]
        weight[2 * m - 2] = after * out[m - 1]
    if size == 3:
        weight[n - 2] = 0
    last = half / link[n - 1]
    out[m] = ONE / (last + ONE / link[n])
    weight[n - 1] = last * out[m]


@kernel(REASSOCIATE)
def coarsen_rows(links, weights, out):
    """The same along axis 0: links (n+1, c), weights (n, c), out (m+1, c), column by column."""
    n, m, columns = weights.shape[0], out.shape[0] - 1, out.shape[1]
    if n == m:
        out[:] = links
        weights[:] = 0
        return
    for k in range(m + 1):
        middle, result = links[2 * k if k < m else n], out[k]
        half_before = ONE if k == m and n % 2 else HALF
        half_after = ONE if k == m - 1 and n % 2 else HALF
        if k == 0:
            next_link, below = links[1], weights[0]
            for j in range(columns):
                after = half_after / next_link[j]
                result[j] = ONE / (ONE / middle[j] + after)
                below[j] = after * result[j]
        elif k == m:
            previous, above = links[n - 1], weights[n - 1]
            for j in range(columns):
                before = half_before / previous[j]
                result[j] = ONE / (ONE / middle[j] + before)
                above[j] = before * result[j]
        else:
            previous, above = links[2 * k - 1], weights[2 * k - 1]
            next_link, below = links[2 * k + 1], weights[2 * k]
            for j in range(columns):
                before, after = half_before / previous[j], half_after / next_link[j]
                result[j] = ONE / (before + ONE / middle[j] + after)
                above[j] = before * result[j]
                below[j] = after * result[j]
    if n % 2:
        weights[n - 2] = 0


@kernel(REASSOCIATE)
def sum_columns(row, out):
    """out[k] = sum of row over aggregate k."""
    n, m = row.size, out.size
    if n == m:
        for j in range(n):
            out[j] = row[j]
        return
    for k in range(m):
        out[k] = row[2 * k] + row[2 * k + 1]
    if n % 2:
        out[m - 1] += row[n - 1]


@kernel(REASSOCIATE)
def coarsen_links(faces_0, faces_1, weight_0, weight_1, coarse_0, coarse_1, scratch):
    """Coarse faces and interpolation weights, axis 1 first; scratch holds (n0+1) * (m1+1)."""
    n0 = weight_1.shape[0]
    m0, m1 = coarse_1.shape[0], coarse_0.shape[1]
    half = view(scratch, 0, n0, m1 + 1)
    for i in range(n0):
        coarsen_columns(faces_1[i], weight_1[i], half[i])
    for k in range(m0):
        out = coarse_1[k]
        first = k if n0 == m0 else 2 * k
        last = first + 1 if n0 == m0 else (2 * k + 2 if k < m0 - 1 else n0)
        out[:] = half[first]
        for i in range(first + 1, last):
            row = half[i]
            for j in range(m1 + 1):
                out[j] += row[j]
    half = view(scratch, 0, n0 + 1, m1)
    for i in range(n0 + 1):
        sum_columns(faces_0[i], half[i])
    coarsen_rows(half, weight_0, coarse_0)


@kernel()
def invert_dense(faces_0, faces_1, inverse):
    """inverse (n, n) of the coarsest operator, by Gauss-Jordan; positive definite, so no pivots."""
    n0, n1 = faces_1.shape[0], faces_0.shape[1]
    n = n0 * n1
    A = np.zeros((n, 2 * n))
    for i in range(n0):
        for j in range(n1):
            k = i * n1 + j
            A[k, n + k] = 1.0
            A[k, k] = faces_0[i, j] + faces_0[i + 1, j] + faces_1[i, j] + faces_1[i, j + 1]
            if i > 0:
                A[k, k - n1] = A[k - n1, k] = -faces_0[i, j]
            if j > 0:
                A[k, k - 1] = A[k - 1, k] = -faces_1[i, j]
    for k in range(n):
        A[k] /= A[k, k]
        for row in range(n):
            if row != k:
                A[row] -= A[row, k] * A[k]
    for row in range(n):
        for column in range(n):
            inverse[row, column] = A[row, n + column]


@kernel(REASSOCIATE)
def largest_entry(table):
    largest = 0.0
    for row in table:
        for j in range(row.size):
            largest = max(largest, row[j])
    return largest


@kernel(REASSOCIATE)
def scale_to_single(table, scale, out):
    for i in range(table.shape[0]):
        row, target = table[i], out[i]
        for j in range(row.size):
            target[j] = scale * row[j]


@kernel()
def build_hierarchy(faces_0, faces_1, layout, workspace):
    """Fill every level from the finest faces (float64); returns the scale of level 0."""
    # A preconditioner may be scaled: keep single precision in range.
    scale = 1.0 / max(largest_entry(faces_0), largest_entry(faces_1))
    levels = layout.shape[0]
    n0, n1 = layout[0, N0], layout[0, N1]
    fine_0 = view(workspace, layout[0, FACES_0], n0 + 1, n1)
    fine_1 = view(workspace, layout[0, FACES_1], n0, n1 + 1)
    scale_to_single(faces_0, scale, fine_0)
    scale_to_single(faces_1, scale, fine_1)
    for level in range(levels - 1):
        n0, n1, m0, m1 = layout[level, :4]
        fine_0 = view(workspace, layout[level, FACES_0], n0 + 1, n1)
        fine_1 = view(workspace, layout[level, FACES_1], n0, n1 + 1)
        invert_diagonal(fine_0, fine_1, view(workspace, layout[level, INVERSE], n0, n1))
        coarsen_links(
            fine_0,
            fine_1,
            view(workspace, layout[level, WEIGHT_0], n0, m1),
            view(workspace, layout[level, WEIGHT_1], n0, n1),
            view(workspace, layout[level + 1, FACES_0], m0 + 1, m1),
            view(workspace, layout[level + 1, FACES_1], m0, m1 + 1),
            workspace[layout[level, V] :],
        )
        # The scratch was a field with ghost zeros: give them back.
        view(workspace, layout[level, V], n0 + 2, n1 + 2)[:] = 0
    last = layout[levels - 1]
    n0, n1 = last[N0], last[N1]
    invert_dense(
        view(workspace, last[FACES_0], n0 + 1, n1),
        view(workspace, last[FACES_1], n0, n1 + 1),
        view(workspace, last[INVERSE], n0 * n1, n0 * n1),
    )
    return scale


# --- one V-cycle ----------------------------------------------------------------------------------


@kernel(REASSOCIATE)
def residual_row(u, b, faces_0, faces_1, i, out):
    """out = row i of b - A u; u has its ghost ring."""
    n1 = b.shape[1]
    above, here, below = u[i, 1 : n1 + 1], u[i + 1], u[i + 2, 1 : n1 + 1]
    left, middle, right = here[:n1], here[1 : n1 + 1], here[2:]
    up, down, west, east = faces_0[i], faces_0[i + 1], faces_1[i, :n1], faces_1[i, 1:]
    source = b[i]
    for j in range(n1):
        out[j] = (
            source[j]
            - up[j] * (middle[j] - above[j])
            - down[j] * (middle[j] - below[j])
            - west[j] * (middle[j] - left[j])
            - east[j] * (middle[j] - right[j])
        )


@kernel(REASSOCIATE)
def jacobi(u, b, faces_0, faces_1, inverse, omega, out):
    """out = u + omega D^-1 (b - A u); one loop, a third faster than through `residual_row`."""
    n0, n1 = b.shape
    for i in range(n0):
        above, here, below = u[i, 1 : n1 + 1], u[i + 1], u[i + 2, 1 : n1 + 1]
        left, middle, right = here[:n1], here[1 : n1 + 1], here[2:]
        up, down, west, east = faces_0[i], faces_0[i + 1], faces_1[i, :n1], faces_1[i, 1:]
        source, scale, new = b[i], inverse[i], out[i + 1, 1 : n1 + 1]
        for j in range(n1):
            new[j] = middle[j] + omega * scale[j] * (
                source[j]
                - up[j] * (middle[j] - above[j])
                - down[j] * (middle[j] - below[j])
                - west[j] * (middle[j] - left[j])
                - east[j] * (middle[j] - right[j])
            )


@kernel(REASSOCIATE)
def jacobi_from_zero(b, inverse, omega, out):
    n0, n1 = b.shape
    for i in range(n0):
        source, scale, new = b[i], inverse[i], out[i + 1, 1 : n1 + 1]
        for j in range(n1):
            new[j] = omega * scale[j] * source[j]


@kernel(REASSOCIATE)
def restrict_residual(u, b, faces_0, faces_1, coarse, buffer, total):
    """coarse = sums of b - A u over aggregates."""
    n0, n1 = b.shape
    m0 = coarse.shape[0]
    for k in range(m0):
        first = k if n0 == m0 else 2 * k
        last = first + 1 if n0 == m0 else (2 * k + 2 if k < m0 - 1 else n0)
        residual_row(u, b, faces_0, faces_1, first, total)
        for i in range(first + 1, last):
            residual_row(u, b, faces_0, faces_1, i, buffer)
            for j in range(n1):
                total[j] += buffer[j]
        sum_columns(total, coarse[k])


@kernel(REASSOCIATE)
def prolong_row(own, other, share, weight, row, buffer):
    """row += interpolation of a coarse row, towards `other` by `share`, then along axis 1.

    own, other: (m+2,) with ghosts; share: (m,); weight, row: (n,); buffer: (m+2,), zero ends.
    """
    n, m = row.size, share.size
    inner, from_own, from_other = buffer[1 : m + 1], own[1 : m + 1], other[1 : m + 1]
    for k in range(m):
        inner[k] = from_own[k] + share[k] * (from_other[k] - from_own[k])
    if n == m:
        for k in range(m):
            row[k] += inner[k]
        return
    left, right = buffer[:m], buffer[2:]
    for k in range(m):
        row[2 * k] += inner[k] + weight[2 * k] * (left[k] - inner[k])
        if k < m - 1 or n % 2 == 0:
            row[2 * k + 1] += inner[k] + weight[2 * k + 1] * (right[k] - inner[k])
    if n % 2:
        row[n - 2] += inner[m - 1]
        row[n - 1] += inner[m - 1] + weight[n - 1] * (right[m - 1] - inner[m - 1])


@kernel(REASSOCIATE)
def prolong(coarse, weight_0, weight_1, u, buffer):
    """u += P coarse, both with ghosts."""
    n0, n1 = weight_1.shape
    m0, m1 = coarse.shape[0] - 2, coarse.shape[1] - 2
    buffer[0] = buffer[m1 + 1] = 0
    for i in range(n0):
        k = i if n0 == m0 else min(i // 2, m0 - 1)
        # The first cell of an aggregate looks back, the last ahead; weight 0 where neither.
        neighbour = k - 1 if (n0 != m0 and i == 2 * k) else k + 1
        prolong_row(
            coarse[k + 1],
            coarse[neighbour + 1],
            weight_0[i],
            weight_1[i],
            u[i + 1, 1 : n1 + 1],
            buffer[: m1 + 2],
        )


@kernel(REASSOCIATE)
def solve_coarsest(inverse, b, u):
    n0, n1 = b.shape
    for i in range(n0):
        for j in range(n1):
            row = inverse[i * n1 + j]
            total = np.float32(0.0)
            for k in range(n0):
                for c in range(n1):
                    total += row[k * n1 + c] * b[k, c]
            u[i + 1, j + 1] = total


@kernel()
def cycle(layout, workspace, buffer, total):
    """One V(2,2)-cycle from zero: level 0's B in, its U out."""
    levels = layout.shape[0]
    for level in range(levels - 1):
        n0, n1, m0, m1 = layout[level, :4]
        u = view(workspace, layout[level, U], n0 + 2, n1 + 2)
        v = view(workspace, layout[level, V], n0 + 2, n1 + 2)
        b = view(workspace, layout[level, B], n0, n1)
        faces_0 = view(workspace, layout[level, FACES_0], n0 + 1, n1)
        faces_1 = view(workspace, layout[level, FACES_1], n0, n1 + 1)
        inverse = view(workspace, layout[level, INVERSE], n0, n1)
        jacobi_from_zero(b, inverse, OMEGA_1, v)
        jacobi(v, b, faces_0, faces_1, inverse, OMEGA_2, u)
        coarse = view(workspace, layout[level + 1, B], m0, m1)
        restrict_residual(u, b, faces_0, faces_1, coarse, buffer, total[:n1])
    last = layout[levels - 1]
    n0, n1 = last[N0], last[N1]
    solve_coarsest(
        view(workspace, last[INVERSE], n0 * n1, n0 * n1),
        view(workspace, last[B], n0, n1),
        view(workspace, last[U], n0 + 2, n1 + 2),
    )
    for level in range(levels - 2, -1, -1):
        n0, n1, m0, m1 = layout[level, :4]
        u = view(workspace, layout[level, U], n0 + 2, n1 + 2)
        v = view(workspace, layout[level, V], n0 + 2, n1 + 2)
        b = view(workspace, layout[level, B], n0, n1)
        faces_0 = view(workspace, layout[level, FACES_0], n0 + 1, n1)
        faces_1 = view(workspace, layout[level, FACES_1], n0, n1 + 1)
        inverse = view(workspace, layout[level, INVERSE], n0, n1)
        weight_0 = view(workspace, layout[level, WEIGHT_0], n0, m1)
        weight_1 = view(workspace, layout[level, WEIGHT_1], n0, n1)
        coarse = view(workspace, layout[level + 1, U], m0 + 2, m1 + 2)
        prolong(coarse, weight_0, weight_1, u, buffer)
        jacobi(u, b, faces_0, faces_1, inverse, OMEGA_1, v)
        jacobi(v, b, faces_0, faces_1, inverse, OMEGA_2, u)
