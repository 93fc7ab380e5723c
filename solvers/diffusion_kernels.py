"""Kernels of the finite volume operator on natural arrays, in double precision.

Fields have shape (n0, n1, n2), with n1 = 1 and no links of axis 1 in two dimensions. Links of an
axis are one longer along it; their ends are the boundary faces, or twice the same face where the
axis is periodic.
"""

from __future__ import annotations

import numpy as np

from .kernels import REASSOCIATE, borrowed, kernel

DIRICHLET, NEUMANN, PERIODIC = 0, 1, 2


@kernel()
def is_constant(a):
    """Whether all entries are one number, by looking no further than the first that is not it."""
    k = 1
    while k < a.size and a[k] == a[0]:
        k += 1
    return k >= a.size


@kernel()
def _all_positive(a):
    """Whether all entries are positive and finite; a: (n,)."""
    count = 0  # of whole numbers, so that the loop runs in vector lanes
    for k in range(a.size):
        count += (a[k] > 0.0) & (a[k] < np.inf)
    return count == a.size


@kernel(REASSOCIATE)
def _between(lower, upper, weight, out):
    """Harmonic means, without overflow of the product."""
    for k in range(out.size):
        out[k] = weight * lower[k] * (upper[k] / (lower[k] + upper[k]))


@kernel()
def _at_side(condition, inside, opposite, weight, out):
    if condition == DIRICHLET:
        out[:] = weight * inside
    elif condition == NEUMANN:
        out[:] = 0.0
    else:
        _between(opposite, inside, weight, out)


@kernel(REASSOCIATE)
def _links_along_rows(a, weight, lower, upper, out):
    """out (rows, n+1) from a (rows, n); weight = 2 / h^2, conditions of the two ends."""
    n = a.shape[1]
    for i in range(a.shape[0]):
        for k in range(1, n):
            out[i, k] = weight * a[i, k - 1] * (a[i, k] / (a[i, k - 1] + a[i, k]))
    _at_side(lower, a[:, 0], a[:, n - 1], weight, out[:, 0])
    _at_side(upper, a[:, n - 1], a[:, 0], weight, out[:, n])


@kernel()
def _links_across_rows(a, weight, lower, upper, out):
    """out (outer, n+1, inner) from a (outer, n, inner), along the middle axis."""
    n = a.shape[1]
    for i in range(a.shape[0]):
        for j in range(1, n):
            _between(a[i, j - 1], a[i, j], weight, out[i, j])
        _at_side(lower, a[i, 0], a[i, n - 1], weight, out[i, 0])
        _at_side(upper, a[i, n - 1], a[i, 0], weight, out[i, n])


@kernel()
def fill_links(a, weights, codes, f0, f1, f2):
    """Links of every axis that has any; False, and nothing done, where `a` is not positive.

    weights: 2 / h^2 of three axes; codes: the conditions of their two ends. Face i of an axis lies
    between cells i - 1 and i; both ends of a periodic axis are one.
    """
    a, f0, f1, f2 = borrowed(a), borrowed(f0), borrowed(f1), borrowed(f2)
    n0, n1, n2 = a.shape
    if not _all_positive(a.reshape(a.size)):
        return False
    across, along = f0.reshape(1, n0 + 1, n1 * n2), f2.reshape(n0 * n1, n2 + 1)
    _links_across_rows(a.reshape(1, n0, n1 * n2), weights[0], *codes[0], across)
    if f1.size > 0:
        _links_across_rows(a, weights[1], *codes[1], f1)
    _links_along_rows(a.reshape(n0 * n1, n2), weights[2], *codes[2], along)
    return True


@kernel()
def _beside(i, n, wraps):
    """Neighbours of i, and 1.0 each where they are inside, 0.0 where they only stand in."""
    below, above = (i + n - 1) % n, (i + 1) % n
    return below, 1.0 if i > 0 or wraps else 0.0, above, 1.0 if i < n - 1 or wraps else 0.0


@kernel(REASSOCIATE)
def apply_links(f0, f1, f2, sigma, wraps, u, out):
    """out = A u, zero Dirichlet values. Loops over rows stand here: a row pays for no call."""
    n0, n1, n = u.shape
    for i in range(n0):
        below, in_below, above, in_above = _beside(i, n0, wraps[0])
        for j in range(n1):
            for k in range(1, n - 1):
                m = u[i, j, k]
                out[i, j, k] = (
                    f0[i, j, k] * (m - in_below * u[below, j, k])
                    + f0[i + 1, j, k] * (m - in_above * u[above, j, k])
                    + f2[i, j, k] * (m - u[i, j, k - 1])
                    + f2[i, j, k + 1] * (m - u[i, j, k + 1])
                )
            before, after = (u[i, j, n - 1], u[i, j, 0]) if wraps[2] else (0.0, 0.0)
            for k in (0, n - 1):
                m = u[i, j, k]
                out[i, j, k] = (
                    f0[i, j, k] * (m - in_below * u[below, j, k])
                    + f0[i + 1, j, k] * (m - in_above * u[above, j, k])
                    + f2[i, j, k] * (m - (u[i, j, k - 1] if k > 0 else before))
                    + f2[i, j, k + 1] * (m - (u[i, j, k + 1] if k < n - 1 else after))
                )
    if f1.size > 0:
        _add_axis_1(f1, wraps[1], u, out)
    if sigma.size > 0:
        _add_product(sigma.reshape(u.size), u.reshape(u.size), out.reshape(u.size))


@kernel(REASSOCIATE)
def _add_product(a, b, out):
    for k in range(out.size):
        out[k] += a[k] * b[k]


@kernel(REASSOCIATE)
def _add_axis_1(f1, wraps, u, out):
    n0, n1, n = u.shape
    for i in range(n0):
        for j in range(n1):
            below, in_below, above, in_above = _beside(j, n1, wraps)
            for k in range(n):
                m = u[i, j, k]
                out[i, j, k] += f1[i, j, k] * (m - in_below * u[i, below, k]) + f1[i, j + 1, k] * (
                    m - in_above * u[i, above, k]
                )
