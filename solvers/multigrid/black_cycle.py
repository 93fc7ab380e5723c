"""The cycle on the finest level, black cells alone, and the product of its answer with S.

Both follow each other row behind row, so that the product finds the answer in the cache.
"""

from __future__ import annotations

import numpy as np

from ..kernels import kernel
from ..lanes import LANES, apart, kept, load, spread, store, total
from .colour_cycle import (
    SWEEPS_UP,
    around,
    behind,
    left_of,
    prolong,
    ready,
    relax,
    relax_from_zero,
    relax_without_source,
    restrict_rows,
    unfold,
)  # fmt: skip
from .colours import BLACK, FIRST, INVERSE, N0, N2, RED, SIGMA, SLAB, WIDTH, B, U, start

NONE = np.float32(0.0)


@kernel(inner=True)
def lag(w, level, first, last):
    """U of the red cells of rows [first, last) = their value, where A z = 0 there, over that of the
    cell to the left.

    By differences: rounding of a value itself would leave a residual as large as what is sought.
    """
    apart()
    above, below, _, right, black, stride = around(level, RED)
    u, inverse, width = start(level, U, RED), start(level, INVERSE, RED), level[WIDTH]
    sigma, reaction = start(level, SIGMA, RED), level[SIGMA + 1] > level[SIGMA]
    for i in range(first, last):
        row, side = i * stride, left_of(i, RED, stride)
        for k in range(0, width, LANES):
            at, left = row + k, side + k
            here = load(w, black + left)
            value = load(w, above + at) * (load(w, black + at - stride) - here)
            value = value + load(w, below + at) * (load(w, black + at + stride) - here)
            value = value + load(w, right + left) * (load(w, black + left + 1) - here)
            if reaction:
                value = value - load(w, sigma + at) * here
            store(load(w, inverse + at) * value, w, u + at)


@kernel(inner=True)
def multiply(w, level, first, last, y, q):
    """y = S z on the black cells of rows [first, last), after `lag` of the red ones around; returns
    the shares of z.y, z.q and z.r."""
    apart()
    above, below, along, right, red, stride = around(level, BLACK)
    u, b, width, n2 = start(level, U, BLACK), start(level, B, BLACK), level[WIDTH], level[N2]
    sigma, reaction = start(level, SIGMA, BLACK), level[SIGMA + 1] > level[SIGMA]
    begin = level[FIRST]
    energy, slope, change = 0.0, 0.0, 0.0
    for i in range(first, last):
        row, side = i * stride, left_of(i, BLACK, stride)
        zy, zq, zr = spread(NONE), spread(NONE), spread(NONE)
        parity = (i + 1) % 2
        count = (n2 + 1 - parity) // 2
        for k in range(0, width, LANES):
            at, left = row + k, side + k
            # Beside the black cells to the left of the red ones around, whose `lag` counts there.
            z = load(w, u + at)
            value = load(w, above + at) * (
                (z - load(w, u + left - stride)) - load(w, red + at - stride)
            )
            value = value + load(w, below + at) * (
                (z - load(w, u + left + stride)) - load(w, red + at + stride)
            )
            value = value + load(w, along + at) * ((z - load(w, u + at - 1)) - load(w, red + left))
            value = value - load(w, right + left) * load(w, red + left + 1)
            if reaction:
                value = value + load(w, sigma + at) * z
            value = kept(value, count - k)
            store(value, y, begin + at)
            zy = zy + z * value
            zq = zq + z * load(q, begin + at)
            zr = zr + z * load(w, b + at)
        cell = row + count
        if (n2 - 1 - parity) % 2 == 0:
            # The ghost at the right is not as large as the last cell beside it, but zero.
            more = w[right + cell - 1 + side - row] * w[u + cell - 1]
            y[begin + cell - 1] += more
            energy += more * w[u + cell - 1]
        energy, slope, change = energy + total(zy), slope + total(zr), change + total(zq)
    return energy, change, slope


@kernel(inner=True)
def fall(w, levels):
    """A sweep from zero on r, and the residual restricted to the next level's B."""
    apart()
    if levels.shape[0] == 1:
        return
    level = levels[0]
    n0, slab, done = level[N0], level[SLAB], ready(level, 0)
    for first in range(0, n0, slab):
        last = min(first + slab, n0)
        relax_from_zero(w, level, BLACK, first, last)
        more = ready(level, last)
        restrict_rows(w, level, levels[1], done, more)
        done = more


@kernel(inner=True)
def rise(w, levels, y, q):
    """z = the cycle's answer to r from what the next level found, y = S z; returns z.y, z.q and
    z.r."""
    apart()
    level, deep = levels[0], levels.shape[0] > 1
    n0, slab, steps = level[N0], level[SLAB], 2 * SWEEPS_UP if deep else 0
    if deep:
        unfold(w, level, levels[1])
    zy, zq, zr = 0.0, 0.0, 0.0
    for first in range(0, n0, slab):
        last = min(first + slab, n0)
        if deep:
            prolong(w, level, first, last)
        for step in range(1, steps + 1):
            lo, hi = behind(first, last, step, n0)
            if step % 2:
                relax_without_source(w, level, RED, lo, hi)
            else:
                relax(w, level, BLACK, lo, hi)
        lo, hi = behind(first, last, steps + 1, n0)
        lag(w, level, lo, hi)
        lo, hi = behind(first, last, steps + 2, n0)
        shares = multiply(w, level, lo, hi, y, q)
        zy, zq, zr = zy + shares[0], zq + shares[1], zr + shares[2]
    return zy, zq, zr
