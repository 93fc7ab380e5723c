"""Restriction and prolongation between two levels, on slabs of slices.

Restriction sums the cells of an aggregate. Prolongation shares by resistance, one axis after the
other: the first cell of an aggregate leans towards the aggregate below, the last towards the one
above, each by its weight; the middle one of three takes the aggregate's value. Loops over rows
stand inside the kernels: a row is too short to pay for a call.
"""

from __future__ import annotations

from ..kernels import REASSOCIATE, kernel
from .layout import N2, S0, S1


@kernel(inner=True)
def aggregate(i, n, m):
    """Aggregate of cell i, and the neighbour that it leans to (itself where to none)."""
    if n == m:
        return i, i
    k = min(i // 2, m - 1)
    if i == 2 * k:
        return k, k - 1
    if i == n - 1 or (i == 2 * k + 1 and (k < m - 1 or n % 2 == 0)):
        return k, k + 1
    return k, k


@kernel(inner=True)
def as_rows(u, level):
    """A padded field as (rows, n2 + 2), and the number of rows in a slice."""
    row = level[N2] + 2
    return u.reshape(u.size // row, row), level[S0] // row


@kernel(REASSOCIATE, inner=True)
def add_row_sums(r, level, coarse, first, last, lines, step, out):
    """out += sums over aggregates, rows to rows; r starts with slice `first`.

    step: rows of a coarse slice; both have a ring, and out also a slice of ghosts at its start.
    """
    n0, n1, n2, m0, m1, m2 = level[:6]
    ring = 1 if lines > 1 else 0
    for i in range(first, last):
        k0, _ = aggregate(i, n0, m0)
        for j in range(n1):
            k1, _ = aggregate(j, n1, m1)
            row, to = (i - first) * lines + j + ring, (k0 + 1) * step + k1 + ring
            if n2 == m2:
                for k in range(1, m2 + 1):
                    out[to, k] += r[row, k]
                continue
            for k in range(m2):
                out[to, k + 1] += r[row, 2 * k + 1] + r[row, 2 * k + 2]
            if n2 % 2:
                out[to, m2] += r[row, n2]


@kernel(inner=True)
def restrict_slices(r, level, coarse, first, last, target):
    """target += sums of slices [first, last) of r over aggregates; r starts with slice `first`."""
    rows, lines = as_rows(r, level)
    out, step = as_rows(target, coarse)
    add_row_sums(rows, level, coarse, first, last, lines, step, out)


@kernel(REASSOCIATE, inner=True)
def lean(source, share, start, first, last, n, m, out):
    """out[i - first] = the line of cell i's aggregate, drawn to the neighbour by share[start + i].

    source: (m + 2, length) lines with ghosts, of the aggregates along one axis.
    """
    for i in range(first, last):
        own, other = aggregate(i, n, m)
        if own == other:
            for k in range(out.shape[1]):
                out[i - first, k] = source[own + 1, k]
        else:
            for k in range(out.shape[1]):
                value = source[own + 1, k]
                change = source[other + 1, k] - value
                out[i - first, k] = value + share[start + i, k] * change


@kernel(REASSOCIATE, inner=True)
def expand_pairs(lines, weight, start, count, m, u, to):
    """Rows of u += lines with ghosts expanded along themselves; weights (even m, odd m)."""
    for i in range(count):
        for k in range(m):
            value = lines[i, k + 1]
            even, odd = weight[start + i, k], weight[start + i, m + k]
            u[to + i, 2 * k + 1] += value + even * (lines[i, k] - value)
            u[to + i, 2 * k + 2] += value + odd * (lines[i, k + 2] - value)


@kernel(inner=True)
def expand(lines, weight, start, count, n, m, u, to):
    """Rows to, to + 1, ... of u += lines expanded to n cells."""
    if n == m:
        for i in range(count):
            for k in range(1, n + 1):
                u[to + i, k] += lines[i, k]
        return
    expand_pairs(lines, weight, start, count, m, u, to)
    if n % 2:
        # The last aggregate has three: the pair took its first and its last for the middle one.
        for i in range(count):
            value = lines[i, m]
            odd = weight[start + i, 2 * m - 1]
            change = odd * (lines[i, m + 1] - value)
            u[to + i, n - 1] -= change
            u[to + i, n] += value + change


@kernel(inner=True)
def prolong_slices(coarse, w0, w1, w2, level, next_level, first, last, buffer, u):
    """u += P coarse on slices [first, last)."""
    n0, n1, n2, m0, m1, m2 = level[:6]
    c0, c1, row, count = next_level[S0], next_level[S1], m2 + 2, last - first
    rows, lines = as_rows(u, level)
    weight = w2.reshape(n0 * n1, n2 - n2 % 2)
    slices = buffer[: count * c0].reshape(count, c0)
    lean(coarse.reshape(m0 + 2, c0), w0.reshape(n0, c0), 0, first, last, n0, m0, slices)
    if c1 == 0:
        expand(slices, weight, first, count, n2, m2, rows, first + 1)
        return
    between = buffer[count * c0 : count * c0 + n1 * row].reshape(n1, row)
    share = w1.reshape(n0 * n1, row)
    for i in range(first, last):
        lean(slices[i - first].reshape(m1 + 2, c1), share, i * n1, 0, n1, n1, m1, between)
        expand(between, weight, i * n1, n1, n2, m2, rows, (i + 1) * lines + 1)
