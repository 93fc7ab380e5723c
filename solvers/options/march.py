"""The kernel of the finite differences: diagonally implicit steps of many options side by side.

All arrays end in an axis of `LANES` options, which the processor's vectors run through together:
the recurrences along the points are serial for one option alone.
"""

from __future__ import annotations

import numpy as np

from ..kernels import CONTRACT, kernel

LANES = 8


@kernel(CONTRACT)
def march(u, frames, obstacle, projected, mass, stiff, sign, ends, rates, dt, which, save, methods):
    """March M u_t = A u from u (points, LANES) and copy states to frames (count, points, LANES).

    mass, stiff: (3, LANES), entries of M and A left of, on and right of the diagonal; u is
    sign (bond - e^x stock) at the left end, ends (LANES,) being its e^x and rates (2, LANES) the
    rates at which bond and stock are discounted, and zero at the right one. Step i has the length
    dt[i], the tableau methods[which[i]], and is copied to frame save[i] unless that is negative.
    projected: whether every stage that ends a step is held above the obstacle.

    The tableaux (stages, stages), padded with zeros, are stiffly accurate; their diagonals are
    constant but for an explicit first stage.
    """
    n = u.shape[0]
    slopes = np.empty((methods.shape[1], n, LANES))
    stage, pivot, rhs = np.empty((n, LANES)), np.empty((n, LANES)), np.empty((n, LANES))
    lower, upper = np.empty(LANES), np.empty(LANES)
    money = np.ones((2, LANES))  # one unit of bond and of stock, discounted by the same method
    spent = np.empty((methods.shape[1] + 1, 2, LANES))
    implicit = -1.0
    for step in range(dt.shape[0]):
        a, h = methods[which[step]], dt[step]
        count = 0
        while count == 0 or (count < a.shape[0] and a[count].any()):
            count += 1
        if a[count - 1, count - 1] * h != implicit:
            implicit = a[count - 1, count - 1] * h
            _factor(mass, stiff, implicit, lower, upper, pivot)
        for i in range(count):
            final = i == count - 1
            _discount(money, rates, a, h, i, spent)
            if a[i, i] == 0.0:
                _apply(stiff, u, slopes[i])
                continue
            _right_hand_side(mass, u, a, h, i, slopes, rhs)
            for k in range(LANES):
                stage[0, k] = sign[k] * (spent[i, 0, k] - ends[k] * spent[i, 1, k])
                if projected:
                    stage[0, k] = max(stage[0, k], obstacle[0, k])
                stage[n - 1, k] = 0.0
            _solve(lower, upper, pivot, rhs, stage, obstacle, projected and final)
            if not final:
                _apply(stiff, stage, slopes[i])
        u[:] = stage
        money[:] = spent[count - 1]
        if save[step] >= 0:
            frames[save[step]] = u


@kernel(CONTRACT)
def _factor(mass, stiff, h, lower, upper, pivot):
    """Pivots of M - h A, eliminated from right to left; kept inverted."""
    diagonal = np.empty(LANES)
    for k in range(LANES):
        lower[k] = mass[0, k] - h * stiff[0, k]
        upper[k] = mass[2, k] - h * stiff[2, k]
        diagonal[k] = mass[1, k] - h * stiff[1, k]
        pivot[-1, k] = 0.0
    for i in range(pivot.shape[0] - 2, 0, -1):
        for k in range(LANES):
            pivot[i, k] = 1.0 / (diagonal[k] - upper[k] * lower[k] * pivot[i + 1, k])


@kernel(CONTRACT)
def _solve(lower, upper, pivot, rhs, u, obstacle, projected):
    """Solve from right to left and back; the ends of u are given.

    Held above the obstacle on the way back, u solves the complementarity problem exactly where it
    touches on an interval at the left end: Brennan & Schwartz, J. Finance 32 (1977); Jaillet,
    Lamberton & Lapeyre, Acta Appl. Math. 21 (1990), section 5.
    """
    n = u.shape[0]
    rhs[n - 1] = u[n - 1]
    for i in range(n - 2, 0, -1):
        here, beyond, inverse = rhs[i], rhs[i + 1], pivot[i]
        for k in range(LANES):
            here[k] = inverse[k] * (here[k] - upper[k] * beyond[k])
    for i in range(1, n - 1):
        here, before, inverse, given = u[i], u[i - 1], pivot[i], rhs[i]
        for k in range(LANES):
            here[k] = given[k] - inverse[k] * lower[k] * before[k]
        if projected:
            floor = obstacle[i]
            for k in range(LANES):
                here[k] = here[k] if here[k] > floor[k] else floor[k]


@kernel(CONTRACT)
def _apply(entries, u, out):
    before, at, after = entries[0], entries[1], entries[2]
    for i in range(1, u.shape[0] - 1):
        left, here, right, result = u[i - 1], u[i], u[i + 1], out[i]
        for k in range(LANES):
            result[k] = before[k] * left[k] + at[k] * here[k] + after[k] * right[k]


@kernel(CONTRACT)
def _right_hand_side(mass, u, a, h, i, slopes, rhs):
    """M u + h sum_(j < i) a_ij A U_j."""
    _apply(mass, u, rhs)
    for j in range(i):
        weight = h * a[i, j]
        if weight != 0.0:
            flat, slope = rhs.ravel(), slopes[j].ravel()
            for m in range(LANES, flat.shape[0] - LANES):
                flat[m] += weight * slope[m]


@kernel()
def _discount(money, rates, a, h, i, spent):
    """Stage i of y' = -rate y: the ends in time as the method has them, not exactly.

    Exact values would lower the order, because the stages between have a lower one.
    """
    for part in range(2):
        for k in range(LANES):
            value = money[part, k]
            for j in range(i):
                value -= h * a[i, j] * rates[part, k] * spent[j, part, k]
            spent[i, part, k] = value / (1.0 + h * a[i, i] * rates[part, k])
