"""A Rosenbrock method with error control for stiff systems, on samples side by side."""

from __future__ import annotations

import math

import numpy as np

from ..kernels import CONTRACT, kernel
from .control import DONE, RUNNING, first_step, judge, shares

STEP = 6e-6  # of a central difference: the cube root of rounding


@kernel(CONTRACT)
def linearise(f, u, t, p, span, jacobian, slope, near, moment, above, below):
    """jacobian (n, n, lanes) = df/du and slope (n lanes,) = df/dt by central differences."""
    lanes = t.size
    n = u.size // lanes
    near[:], moment[:] = u, t
    for column in range(n):
        for sign in (1.0, -1.0):
            for q in range(column * lanes, (column + 1) * lanes):
                near[q] = u[q] + sign * STEP * max(abs(u[q]), 1e-3)
            f(near, moment, p, above if sign > 0 else below)
        for j in range(lanes):
            at = column * lanes + j
            near[at], width = u[at], 2.0 * STEP * max(abs(u[at]), 1e-3)
            for i in range(n):
                jacobian[i, column, j] = (above[i * lanes + j] - below[i * lanes + j]) / width
    for sign in (1.0, -1.0):
        for j in range(lanes):
            moment[j] = t[j] + sign * STEP * span
        f(near, moment, p, above if sign > 0 else below)
    for q in range(u.size):
        slope[q] = (above[q] - below[q]) / (2.0 * STEP * span)


@kernel(CONTRACT)
def factor(jacobian, shift, lu, pivots):
    """lu (lanes, n, n) of shift - jacobian, rows exchanged as pivots (lanes, n) tell."""
    n, lanes = jacobian.shape[1:]
    for j in range(lanes):
        A = lu[j]
        for i in range(n):
            for m in range(n):
                A[i, m] = -jacobian[i, m, j]
            A[i, i] += shift[j]
        for m in range(n):
            best = m
            for i in range(m + 1, n):
                if abs(A[i, m]) > abs(A[best, m]):
                    best = i
            pivots[j, m] = best
            if best != m:
                for i in range(n):
                    A[m, i], A[best, i] = A[best, i], A[m, i]
            for i in range(m + 1, n):
                A[i, m] /= A[m, m]
                for q in range(m + 1, n):
                    A[i, q] -= A[i, m] * A[m, q]


@kernel(CONTRACT)
def substitute(lu, pivots, b):
    """b (n, lanes), laid flat, <- the solution of the factored systems."""
    lanes, n = pivots.shape
    for j in range(lanes):
        A = lu[j]
        for m in range(n):
            best = pivots[j, m]
            if best != m:
                b[m * lanes + j], b[best * lanes + j] = b[best * lanes + j], b[m * lanes + j]
        for m in range(n):
            for i in range(m + 1, n):
                b[i * lanes + j] -= A[i, m] * b[m * lanes + j]
        for m in range(n - 1, -1, -1):
            for i in range(m + 1, n):
                b[m * lanes + j] -= A[m, i] * b[i * lanes + j]
            b[m * lanes + j] /= A[m, m]


@kernel(CONTRACT)
def combine(u, U, weights, count, out):
    """out = u + sum_(s < count) weights_s U_s."""
    out[:] = u
    for s in range(count):
        for q in range(u.size):
            out[q] += weights[s] * U[s, q]


@kernel(CONTRACT)
def error_norm(u, new, off, rtol, atol, norm):
    lanes = norm.size
    for j in range(lanes):
        total = 0.0
        for q in range(j, u.size, lanes):
            scale = atol + rtol * max(abs(u[q]), abs(new[q]))
            total += (off[q] / scale) ** 2
        norm[j] = math.sqrt(total / (u.size // lanes))


@kernel(CONTRACT)
def march(f, u, times, p, lanes, gamma, a, c, alpha, d, power, rtol, atol, limit, frames):
    """As `explicit.march`; steps end on the frames."""
    size, stages, span = u.size, len(alpha), times[-1] - times[0]
    n = size // lanes
    U, near, new = np.zeros((stages, size)), np.empty(size), np.empty(size)
    du, slope, spare = np.empty(size), np.empty(size), np.empty(size)
    jacobian, lu = np.empty((n, n, lanes)), np.empty((lanes, n, n))
    pivots = np.empty((lanes, n), dtype=np.int64)
    t, end = np.full(lanes, times[0]), np.full(lanes, times[1])
    step, moment, shift = np.zeros(size), np.empty(lanes), np.ones(lanes)
    h, norm, worst, grow = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes), np.full(lanes, 10.0)
    status, steps = np.full(lanes, RUNNING), np.zeros(lanes, dtype=np.int64)
    following, accepted = np.ones(lanes, dtype=np.int64), np.zeros(lanes, dtype=np.bool_)
    f(u, t, p, du)
    first_step(u, du, span, -1.0 / power, rtol, atol, h)
    moved = True
    while shares(t, h, end, status, step):
        if moved:
            linearise(f, u, t, p, span, jacobian, slope, near, moment, du, spare)
        for j in range(lanes):
            if step[j] > 0.0:
                shift[j] = 1.0 / (gamma * step[j])
        factor(jacobian, shift, lu, pivots)
        for s in range(stages):
            combine(u, U, a[s], s, near)
            for j in range(lanes):
                moment[j] = t[j] + alpha[s] * step[j]
            f(near, moment, p, U[s])
            for q in range(size):
                total = 0.0
                for r in range(s):
                    total += c[s, r] * U[r, q]
                U[s, q] += total * gamma * shift[q % lanes] + step[q] * d[s] * slope[q]
            substitute(lu, pivots, U[s])
        combine(u, U, a[stages], stages, new)
        error_norm(u, new, U[stages - 1], rtol, atol, norm)
        judge(norm, power, t, step, h, grow, steps, limit, status, accepted, worst)
        moved = False
        for j in range(lanes):
            if not accepted[j]:
                continue
            moved = True
            ends = step[j] == end[j] - t[j]
            t[j] = end[j] if ends else t[j] + step[j]
            for q in range(j, size, lanes):
                u[q] = new[q]
            if ends:
                for q in range(j, size, lanes):
                    frames[following[j], q] = u[q]
                following[j] += 1
                if following[j] == len(times):
                    status[j] = DONE
                else:
                    end[j] = times[following[j]]
    return status, steps, worst, t
