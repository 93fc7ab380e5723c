"""Flexible conjugate gradients in mixed precision, driven by the multigrid cycle.

The search direction is made conjugate to the one before (Notay 2000, with one vector), because
the cycle is not symmetric. Directions, products and the running residual are single precision;
the solution gathers in double, and the residual is computed anew in double from the
double-precision links whenever the running one has fallen by REFRESH or meets the tolerance. The
direction before survives that. (Reliable updates: van der Vorst & Ye 2000.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..diffusion_kernels import apply_links
from ..kernels import REASSOCIATE, borrowed, kernel
from .cycle import cycle
from .layout import N0, P0, S0, SIGMA, SLAB, B, U
from .links import field, largest_of, link_fields
from .smoothing import apply, clear_ghosts, wrap_ends, wrap_slices
from .transfers import as_rows

CONVERGED, STAGNATED, MAXIMUM, INCONSISTENT, BAD_SOURCE = range(5)
WINDOW, PROGRESS = 10, 0.2  # so many iterations must reduce the residual by this factor
REFRESHES = 3  # times that the running residual may promise what the true one does not hold
CANCELLED = 1e-3  # share of a new direction's energy below which it is rounding
SMALLEST, LARGEST = 1e-200, 1e200  # sums of squares that neither overflowed nor vanished
REFRESH = 1e-4  # fall of the running residual that single precision is trusted with


@kernel(REASSOCIATE, inner=True)
def _dot(x, y):
    """x.y, in single precision over stretches only."""
    total = 0.0
    for start in range(0, x.size, 4096):
        part: Any = np.float32(0.0)
        a, b = x[start : start + 4096], y[start : start + 4096]
        for k in range(a.size):
            part += a[k] * b[k]
        total += part
    return total


@kernel(REASSOCIATE, inner=True)
def _add_scaled(z, beta, p):
    """p = z + beta p."""
    for k in range(p.size):
        p[k] = z[k] + beta * p[k]


@kernel(REASSOCIATE, inner=True)
def _step(alpha, alpha_x, p, q, x, r):
    """x += alpha_x p in double precision, r -= alpha q; returns r.r."""
    total = 0.0
    for start in range(0, r.size, 4096):
        a, b = p[start : start + 4096], q[start : start + 4096]
        c, d = x[start : start + 4096], r[start : start + 4096]
        part: Any = np.float32(0.0)
        for k in range(d.size):
            c[k] += alpha_x * a[k]
            value = d[k] - alpha * b[k]
            d[k] = value
            part += value * value
        total += part
    return total


@kernel(inner=True)
def _search(z, beta, p, r, f0, f1, f2, sigma, level, q):
    """p = z + beta p and q = A p, slab by slab; returns p.q and p.r."""
    n0 = level[N0]
    energy, slope = 0.0, 0.0
    behind = 1 if level[P0] else 0
    for first in range(0, n0, level[SLAB]):
        last = min(first + level[SLAB], n0)
        end = last == n0
        _direct(z, beta, p, level, first, last)
        if end:
            wrap_ends(p, level)
        lo, hi = max(first - 1, behind), last if end else last - 1
        more = _product(p, r, f0, f1, f2, sigma, level, lo, hi, q)
        energy, slope = energy + more[0], slope + more[1]
    more = _product(p, r, f0, f1, f2, sigma, level, 0, behind, q)
    return energy + more[0], slope + more[1]


@kernel(inner=True)
def _direct(z, beta, p, level, first, last):
    """p = z + beta p on slices [first, last)."""
    s0 = level[S0]
    lo, hi = (first + 1) * s0, (last + 1) * s0
    _add_scaled(z[lo:hi], beta, p[lo:hi])
    wrap_slices(p, level, first, last)


@kernel(inner=True)
def _product(p, r, f0, f1, f2, sigma, level, first, last, q):
    """q = A p on slices [first, last); returns their shares of p.q and p.r."""
    if last <= first:
        return 0.0, 0.0
    s0 = level[S0]
    lo, hi = (first + 1) * s0, (last + 1) * s0
    apply(p, f0, f1, f2, sigma, q[lo:hi], level, first, last)
    clear_ghosts(q[lo:hi], level, first, last)
    return _dot(p[lo:hi], q[lo:hi]), _dot(p[lo:hi], r[lo:hi])


@kernel(REASSOCIATE, inner=True)
def _subtract(b, scale, r):
    """r = scale b - r; returns its sum and its sum of squares. All flat."""
    signed, total = 0.0, 0.0
    for k in range(r.size):
        value = scale * b[k] - r[k]
        r[k] = value
        signed += value
        total += value * value
    return signed, total


@kernel(REASSOCIATE)
def pad(x, shift, scale, level, padded):
    """Cells of padded = scale (x - shift), in the precision of either."""
    rows, lines = as_rows(padded, level)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            row = (i + 1) * lines + j + (1 if lines > 1 else 0)
            for k in range(x.shape[2]):
                rows[row, k + 1] = scale * (x[i, j, k] - shift)


@kernel(inner=True)
def _shift(x, mean):
    for k in range(x.size):
        x[k] -= mean


@kernel(REASSOCIATE, inner=True)
def _unpad_rows(padded, level, x):
    """x = the cells of padded in natural order; returns their sum."""
    rows, lines = as_rows(padded, level)
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            row = (i + 1) * lines + j + (1 if lines > 1 else 0)
            for k in range(x.shape[2]):
                x[i, j, k] = rows[row, k + 1]
                total += rows[row, k + 1]
    return total


@kernel(REASSOCIATE)
def unpad(padded, level, singular, x):
    """x = the cells of padded, its mean taken out where any constant would do."""
    total = _unpad_rows(padded, level, x)
    if singular:
        _shift(x.reshape(x.size), total / x.size)


@kernel(inner=True)
def _true_residual(faces, reaction, wraps, singular, b, b_scale, x, zero, r, level, single):
    """r = b_scale b - A x, and `single` the same, padded and of norm one, its mean taken out
    where constants are the null space. Returns the norms of both, the second as it was.

    zero: whether x is.
    """
    if zero:
        r.fill(0.0)
    else:
        apply_links(faces[0], faces[1], faces[2], reaction, wraps, x, r)
    signed, total = _subtract(b.reshape(b.size), b_scale, r.reshape(r.size))
    mean = signed / r.size if singular else 0.0
    rest = np.sqrt(max(total - r.size * mean * mean, 0.0))
    pad(r, mean, 1.0 / rest if rest > 0.0 else 0.0, level, single)
    return np.sqrt(total), rest


@kernel(REASSOCIATE, inner=True)
def _sums(flat, scale):
    """Of (scale b)^2 and of scale b."""
    total, signed = 0.0, 0.0
    for k in range(flat.size):
        value = scale * flat[k]
        total += value * value
        signed += value
    return total, signed


@kernel()
def norm_and_sum(b):
    """|b| without overflow, and the sum of b / |b|; nan if an entry is not finite."""
    flat = b.reshape(b.size)
    total, signed = _sums(flat, 1.0)
    largest = 1.0
    if not SMALLEST < total < LARGEST:
        largest = largest_of(flat)
        if largest == 0.0:
            return 0.0, 0.0
        total, signed = _sums(flat, 1.0 / largest)
    return largest * np.sqrt(total), signed / np.sqrt(total)


@kernel()
def conjugate_gradients(
    faces, reaction, wraps, singular, started, b, b_scale, rtol, limit, layout, workspace,
    buffer, scale, padded, vectors, r, x,
):  # fmt: skip
    """Solve A x = b_scale b, of norm one, from x; returns (status, iterations, |r|).

    padded: solution in double precision with ghosts; vectors: (2, SIZE) p and q; r: of x's shape.
    """
    layout, workspace, buffer = borrowed(layout), borrowed(workspace), borrowed(buffer)
    padded, vectors, r, x = borrowed(padded), borrowed(vectors), borrowed(r), borrowed(x)
    level = layout[0]
    f0, f1, f2 = link_fields(workspace, level)
    sigma = field(workspace, level, SIGMA)
    z, r_single = field(workspace, level, U), field(workspace, level, B)
    p, q = vectors[0], vectors[1]
    pad(x, 0.0, 1.0, level, padded)
    true, size = _true_residual(
        faces, reaction, wraps, singular, b, b_scale, x, not started, r, level, r_single
    )
    p[:] = 0
    q[:] = 0
    target = 0.8 * rtol if singular else rtol
    norm, window, refreshes, last_pq = size, size, 0, 1.0
    for iteration in range(1, limit + 1):
        if true <= rtol:
            return CONVERGED, iteration - 1, true
        cycle(layout, workspace, buffer)
        zq = _dot(z, q)
        beta = np.float32(-zq / last_pq)
        pq, pr = _search(z, beta, p, r_single, f0, f1, f2, sigma, level, q)
        if pq < CANCELLED * zq * zq / last_pq:
            # Nothing but rounding is left of z beside the direction before: forget that.
            beta = np.float32(0.0)
            pq, pr = _search(z, beta, p, r_single, f0, f1, f2, sigma, level, q)
        if not (pq > 0.0 and pr > 0.0):
            # The cycle is not positive on this residual: no direction to go.
            break
        alpha, last_pq = pr / pq, pq
        rr = _step(np.float32(alpha), alpha * size * scale, p, q, padded, r_single)
        norm = size * np.sqrt(rr)
        true = max(norm, 2 * rtol)  # not known
        if norm <= target or norm <= REFRESH * size:
            unpad(padded, level, singular, x)
            true, size = _true_residual(
                faces, reaction, wraps, singular, b, b_scale, x, False, r, level, r_single
            )
            if true > rtol and norm <= target:
                refreshes += 1
            if refreshes > REFRESHES:
                return STAGNATED, iteration, true
            norm = size
        if iteration % WINDOW == 0:
            if not norm < PROGRESS * window:
                break
            window = norm
    unpad(padded, level, singular, x)
    true, size = _true_residual(
        faces, reaction, wraps, singular, b, b_scale, x, False, r, level, r_single
    )
    if true <= rtol:
        return CONVERGED, iteration, true
    return MAXIMUM if iteration == limit else STAGNATED, iteration, true
