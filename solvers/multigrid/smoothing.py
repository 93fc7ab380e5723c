"""Flat loops over padded slices: Jacobi steps and products with the 5- or 7-point operator.

All take the flat range [lo, hi) of cells to write; strides and layout are those of `layout.py`.
Ghosts inside the range come out as zero times something, because the inverse is zero there.
"""

from __future__ import annotations

import numpy as np

from ..kernels import REASSOCIATE, kernel
from .layout import FIRST, N0, N1, N2, P0, P1, P2, S0, S1

ONE = np.float32(1.0)


@kernel(REASSOCIATE, inner=True)
def jacobi_from_zero(b, inverse, omega, out, lo, hi):
    """out = omega D^-1 b."""
    source, scale, new = b[lo:hi], inverse[lo:hi], out[lo:hi]
    for k in range(new.size):
        new[k] = omega * scale[k] * source[k]


@kernel(REASSOCIATE, inner=True)
def jacobi_2d(u, b, f0, f2, inverse, omega, out, s0, lo, hi):
    """out = u + omega D^-1 (b - A u), two dimensions."""
    above, below = u[lo - s0 : hi - s0], u[lo + s0 : hi + s0]
    left, middle, right = u[lo - 1 : hi - 1], u[lo:hi], u[lo + 1 : hi + 1]
    up, down, west, east = f0[lo:hi], f0[lo + s0 : hi + s0], f2[lo:hi], f2[lo + 1 : hi + 1]
    source, scale, new = b[lo:hi], inverse[lo:hi], out[lo:hi]
    rest = ONE - omega
    for k in range(new.size):
        new[k] = rest * middle[k] + omega * scale[k] * (
            source[k]
            + up[k] * above[k]
            + down[k] * below[k]
            + west[k] * left[k]
            + east[k] * right[k]
        )


@kernel(REASSOCIATE, inner=True)
def jacobi_3d(u, b, f0, f1, f2, inverse, omega, out, s0, s1, lo, hi):
    """out = u + omega D^-1 (b - A u), three dimensions."""
    front, back = u[lo - s0 : hi - s0], u[lo + s0 : hi + s0]
    above, below = u[lo - s1 : hi - s1], u[lo + s1 : hi + s1]
    left, middle, right = u[lo - 1 : hi - 1], u[lo:hi], u[lo + 1 : hi + 1]
    near, far = f0[lo:hi], f0[lo + s0 : hi + s0]
    up, down, west, east = f1[lo:hi], f1[lo + s1 : hi + s1], f2[lo:hi], f2[lo + 1 : hi + 1]
    source, scale, new = b[lo:hi], inverse[lo:hi], out[lo:hi]
    rest = ONE - omega
    for k in range(new.size):
        new[k] = rest * middle[k] + omega * scale[k] * (
            source[k]
            + near[k] * front[k]
            + far[k] * back[k]
            + up[k] * above[k]
            + down[k] * below[k]
            + west[k] * left[k]
            + east[k] * right[k]
        )


@kernel(REASSOCIATE, inner=True)
def apply_2d(u, f0, f2, out, s0, lo, hi):
    """out[0 : hi - lo] = A u by differences, so that nothing cancels; wrong on ghosts."""
    above, below = u[lo - s0 : hi - s0], u[lo + s0 : hi + s0]
    left, middle, right = u[lo - 1 : hi - 1], u[lo:hi], u[lo + 1 : hi + 1]
    up, down, west, east = f0[lo:hi], f0[lo + s0 : hi + s0], f2[lo:hi], f2[lo + 1 : hi + 1]
    for k in range(hi - lo):
        m = middle[k]
        out[k] = (
            up[k] * (m - above[k])
            + down[k] * (m - below[k])
            + west[k] * (m - left[k])
            + east[k] * (m - right[k])
        )


@kernel(REASSOCIATE, inner=True)
def apply_3d(u, f0, f1, f2, out, s0, s1, lo, hi):
    """The same in three dimensions."""
    front, back = u[lo - s0 : hi - s0], u[lo + s0 : hi + s0]
    above, below = u[lo - s1 : hi - s1], u[lo + s1 : hi + s1]
    left, middle, right = u[lo - 1 : hi - 1], u[lo:hi], u[lo + 1 : hi + 1]
    near, far = f0[lo:hi], f0[lo + s0 : hi + s0]
    up, down, west, east = f1[lo:hi], f1[lo + s1 : hi + s1], f2[lo:hi], f2[lo + 1 : hi + 1]
    for k in range(hi - lo):
        m = middle[k]
        out[k] = (
            near[k] * (m - front[k])
            + far[k] * (m - back[k])
            + up[k] * (m - above[k])
            + down[k] * (m - below[k])
            + west[k] * (m - left[k])
            + east[k] * (m - right[k])
        )


@kernel(REASSOCIATE, inner=True)
def subtract_from(b, t):
    """t = b - t."""
    for k in range(t.size):
        t[k] = b[k] - t[k]


@kernel(inner=True)
def jacobi(u, b, f0, f1, f2, inverse, omega, out, level, first, last):
    """out = u + omega D^-1 (b - A u) on slices [first, last), ghosts of these slices filled."""
    if last <= first:
        return
    s0, s1 = level[S0], level[S1]
    lo, hi = (first + 1) * s0, (last + 1) * s0
    if s1 == 0:
        jacobi_2d(u, b, f0, f2, inverse, omega, out, s0, lo, hi)
    else:
        jacobi_3d(u, b, f0, f1, f2, inverse, omega, out, s0, s1, lo, hi)
    wrap_slices(out, level, first, last)


@kernel(inner=True)
def apply(u, f0, f1, f2, sigma, out, level, first, last):
    """out, from its start, = A u on slices [first, last); wrong on ghosts."""
    s0, s1 = level[S0], level[S1]
    lo, hi = (first + 1) * s0, (last + 1) * s0
    if s1 == 0:
        apply_2d(u, f0, f2, out, s0, lo, hi)
    else:
        apply_3d(u, f0, f1, f2, out, s0, s1, lo, hi)
    if sigma.size > 0:
        add_product(sigma[lo:hi], u[lo:hi], out)


@kernel(REASSOCIATE, inner=True)
def add_product(a, b, out):
    """out += a b, entry by entry."""
    for k in range(a.size):
        out[k] += a[k] * b[k]


@kernel(inner=True)
def copy(u, source, to, count):
    """u[to :] = u[source :], so many numbers; an assignment of slices takes long to compile, for
    the message of its error."""
    for k in range(np.uint64(count)):
        u[np.uint64(to) + k] = u[np.uint64(source) + k]


@kernel(inner=True)
def wrap_slices(u, level, first, last):
    """Ghosts of slices [first, last) along the periodic ones of axes 1 and 2."""
    n1, n2, s0, s1 = level[N1], level[N2], level[S0], level[S1]
    if level[P2]:
        for i in range(first, last):
            for j in range(n1):
                at = level[FIRST] + i * s0 + j * s1
                u[at - 1] = u[at + n2 - 1]
                u[at + n2] = u[at]
    if level[P1] and s1 > 0:
        for i in range(first, last):
            at = (i + 1) * s0
            copy(u, at + n1 * s1, at, s1)
            copy(u, at + s1, at + (n1 + 1) * s1, s1)


@kernel(inner=True)
def wrap_ends(u, level):
    """Ghost slices below and above axis 0, if it is periodic."""
    if level[P0]:
        n0, s0 = level[N0], level[S0]
        copy(u, n0 * s0, 0, s0)
        copy(u, s0, (n0 + 1) * s0, s0)


@kernel(inner=True)
def clear_ghosts(u, level, first, last):
    """Zeros on the ghosts of slices [first, last); u starts with slice `first`."""
    n1, n2, s0, s1 = level[N1], level[N2], level[S0], level[S1]
    rows = n1 if s1 == 0 else n1 + 2
    for i in range(last - first):
        for j in range(rows):
            at = i * s0 + j * s1
            u[at] = 0
            u[at + n2 + 1] = 0
        if s1 > 0:
            u[i * s0 : i * s0 + s1] = 0
            u[(i + 1) * s0 - s1 : (i + 1) * s0] = 0
