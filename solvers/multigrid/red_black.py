"""The V-cycle in red-black storage: Gauss-Seidel sweeps, one down and two up.

Down, the sweep starts from zero: the red cells are D^-1 b, the black ones follow, and after them
only the red cells have a residual. Up, the red cells are computed anew from the black ones, so
the correction goes to the black ones alone. Half of the work of either transfer falls away.
"""

from __future__ import annotations

import numpy as np

from ..kernels import REASSOCIATE, borrowed, kernel
from .cycle import cycle_natural, solve_coarsest
from .halves import (
    BASE,
    BLACK,
    ONE,
    RED,
    TWO,
    from_halves,
    places,
    red_residual,
    relax,
    relax_from_zero,
    span,
    to_halves,
)
from .layout import F0, F2, INVERSE, M0, M2, N0, N2, S0, SIGMA, SLAB, W0, W2, B, U
from .links import field
from .transfers import aggregate

SWEEPS_UP = 2


@kernel(REASSOCIATE)
def restrict_red(t, level, coarse, first, last, target):
    """target += sums over aggregates of the red cells t of rows [first, last)."""
    n0, n2, m0, m2 = level[N0], level[N2], level[M0], level[M2]
    start, _ = span(level, first, last)
    for i in range(first, last):
        # The red cells are j = parity, parity + 2, ...
        parity, row = i % 2, i + 1
        at = np.uint64(BASE + row * level[S0] + row // 2 + 1 - start)
        count = (n2 - parity + 1) // 2
        k0, _ = aggregate(i, n0, m0)
        even, odd = places(coarse, k0)
        if n2 == m2:
            to = even if parity == 0 else odd + ONE
            for k in range(np.uint64(count)):
                target[to + k] += t[at + k]
            continue
        pairs = np.uint64(m2 // 2)
        for k in range(pairs):
            target[even + k] += t[at + TWO * k]
            target[odd + ONE + k] += t[at + TWO * k + ONE]
        if m2 % 2:
            target[even + pairs] += t[at + TWO * pairs]
        if count > m2:  # the third cell of the last aggregate
            target[even + pairs if m2 % 2 else odd + pairs] += t[at + np.uint64(m2)]


@kernel(REASSOCIATE)
def add_leaning(line, start, ahead, weight, share, count, u, to):
    """u += line drawn to the cells before it (ahead = 0) or after it (2) by its share."""
    for k in range(np.uint64(count)):
        value = line[start + ONE + k]
        other = line[start + ahead + k]
        u[to + k] += value + weight[share + k] * (other - value)


@kernel(REASSOCIATE)
def prolong_black(correction, w0, w2, level, first, last, buffer, u):
    """The black cells of rows [first, last) += P correction; all natural and flat but u."""
    n0, n2, m0, m = level[N0], level[N2], level[M0], level[M2]
    line, zero = np.uint64(m + 2), np.uint64(0)
    for i in range(first, last):
        k0, k1 = aggregate(i, n0, m0)
        own, other = np.uint64(k0 + 1) * line, np.uint64(k1 + 1) * line
        share, weight = np.uint64(i) * line, np.uint64(i * (n2 - n2 % 2))
        for k in range(line):
            value = correction[own + k]
            buffer[k] = value + w0[share + k] * (correction[other + k] - value)
        even, odd = places(level, i)
        if n2 == m:
            to, start = (odd + ONE, TWO) if i % 2 == 0 else (even, ONE)
            for k in range(np.uint64((n2 + i % 2) // 2)):
                u[to + k] += buffer[start + TWO * k]
        elif i % 2 == 0:
            # The last of an aggregate; of three, the one in the middle, which leans to none.
            add_leaning(buffer, zero, TWO, w2, weight + np.uint64(m), m - n2 % 2, u, odd + ONE)
            if n2 % 2:
                u[odd + np.uint64(m)] += buffer[m]
        else:
            add_leaning(buffer, zero, zero, w2, weight, m, u, even)
            if n2 % 2:
                change = w2[weight + np.uint64(2 * m - 1)] * (buffer[m + 1] - buffer[m])
                u[even + np.uint64(m)] += buffer[m] + change


@kernel()
def descend_halves(workspace, level, coarse, buffer):
    """A sweep from zero, and the residual restricted to the next level's B."""
    u, b = field(workspace, level, U), field(workspace, level, B)
    f0, f2 = field(workspace, level, F0), field(workspace, level, F2)
    inverse, target = field(workspace, level, INVERSE), field(workspace, coarse, B)
    n0 = level[N0]
    target[:] = 0
    for first in range(0, n0, level[SLAB]):
        last = min(first + level[SLAB], n0)
        end = last == n0
        relax_from_zero(u, b, inverse, level, first, last)
        relax(u, b, f0, f2, inverse, level, BLACK, max(first - 1, 0), last if end else last - 1)
        lo, hi = max(first - 2, 0), last if end else last - 2
        if hi > lo:
            red_residual(u, f0, f2, level, lo, hi, buffer)
            restrict_red(buffer, level, coarse, lo, hi, target)


@kernel()
def ascend_halves(workspace, level, natural, correction, buffer):
    """The black cells += P correction, and sweeps, all trailing each other by a row."""
    u, b = field(workspace, level, U), field(workspace, level, B)
    f0, f2 = field(workspace, level, F0), field(workspace, level, F2)
    inverse = field(workspace, level, INVERSE)
    n0, w0, w2 = level[N0], field(workspace, natural, W0), field(workspace, natural, W2)
    for first in range(0, n0, level[SLAB]):
        last = min(first + level[SLAB], n0)
        prolong_black(correction, w0, w2, level, first, last, buffer, u)
        for step in range(1, 2 * SWEEPS_UP + 1):
            colour = RED if step % 2 else BLACK
            hi = n0 if last == n0 else last - step
            relax(u, b, f0, f2, inverse, level, colour, max(first - step, 0), hi)


@kernel()
def cycle_halves(layout, halves, workspace, buffer):
    """From zero: level 0's B in, its U out."""
    levels = layout.shape[0]
    for number in range(levels - 1):
        descend_halves(workspace, halves[number], halves[number + 1], buffer)
    last, split = layout[levels - 1], halves[levels - 1]
    source, solution = field(workspace, last, B), field(workspace, last, U)
    from_halves(field(workspace, split, B), split, source)
    solve_coarsest(last, field(workspace, last, INVERSE), source, solution)
    for number in range(levels - 2, -1, -1):
        level, natural, coarse = halves[number], layout[number], layout[number + 1]
        correction = field(workspace, coarse, U)
        if number < levels - 2:
            split = halves[number + 1]
            from_halves(field(workspace, split, U), split, correction)
        ascend_halves(workspace, level, natural, correction, buffer)
    if levels == 1:
        to_halves(solution, split, field(workspace, split, U))


@kernel()
def cycle(layout, halves, workspace, buffer):
    """From zero: level 0's B in, its U out, in red-black storage where `halves` has levels."""
    layout, halves = borrowed(layout), borrowed(halves)
    workspace, buffer = borrowed(workspace), borrowed(buffer)
    if halves.shape[0] > 0:
        cycle_halves(layout, halves, workspace, buffer)
    else:
        cycle_natural(layout, workspace, buffer)


@kernel()
def split_hierarchy(layout, halves, workspace):
    """What `build_hierarchy` left in natural order, in red-black storage too."""
    layout, halves, workspace = borrowed(layout), borrowed(halves), borrowed(workspace)
    levels = halves.shape[0]
    for number in range(levels):
        level, split = layout[number], halves[number]
        field(workspace, split, U)[:] = 0
        field(workspace, split, B)[:] = 0
        if 0 < number == levels - 1:
            return
        for name in (F0, F2, SIGMA):
            source = field(workspace, level, name)
            if source.size > 0:
                to_halves(source, split, field(workspace, split, name))
        if number < levels - 1:  # nobody smooths the only level
            to_halves(field(workspace, level, INVERSE), split, field(workspace, split, INVERSE))
