"""Explicit Runge-Kutta methods on samples side by side, with error control or equal steps.

A state is (rows, lanes), laid flat, because a loop costs more to begin than a few lanes take: the
unknowns, and behind them any number of tangent vectors, each with as many rows, which follow the
linearised equations v_t = f'(u) v.
"""

from __future__ import annotations

import math

import numpy as np

from ..kernels import CONTRACT, kernel
from .control import DONE, RUNNING, STUCK, first_step, judge, shares

SHORT = 8  # numbers: a loop over fewer is not worth vector lanes
STEP = 6e-6  # of a central difference: the cube root of rounding


@kernel(CONTRACT)
def evaluate(f, u, t, p, du, work):
    """Rates of a state. work (3, n lanes), n being the number of unknowns.

    The derivative along a tangent is a central difference over a distance that is the same share
    of the state whatever the length of the tangent: its error is about 1e-10 of its size.
    """
    own, lanes = work.shape[1], t.size
    if u.size == own:
        f(u, t, p, du)
        return
    f(u[:own], t, p, du[:own])
    near, rates, distance = work[0], work[1], work[2]
    for first in range(own, u.size, own):
        for j in range(lanes):
            size, length = 1e-3, 1e-300
            for q in range(j, own, lanes):
                size = max(size, abs(u[q]))
                length = max(length, abs(u[first + q]))
            for q in range(j, own, lanes):
                distance[q] = STEP * size / length
        for q in range(own):
            near[q] = u[q] + distance[q] * u[first + q]
        f(near, t, p, du[first : first + own])
        for q in range(own):
            near[q] = u[q] - distance[q] * u[first + q]
        f(near, t, p, rates)
        for q in range(own):
            du[first + q] = (du[first + q] - rates[q]) / (2.0 * distance[q])


@kernel(CONTRACT)
def combine(u, k, weights, count, h, out):
    """out = u + h sum_(s < count) weights_s k_s; h as flat as u."""
    if u.size < SHORT:
        for q in range(u.size):
            total = 0.0
            for s in range(count):
                total += weights[s] * k[s, q]
            out[q] = u[q] + h[q] * total
        return
    for q in range(u.size):
        out[q] = 0.0
    for s in range(count):
        weight = weights[s]
        if weight != 0.0:
            for q in range(u.size):
                out[q] += weight * k[s, q]
    for q in range(u.size):
        out[q] = u[q] + h[q] * out[q]


@kernel(CONTRACT)
def stage(f, u, k, s, a, c, t, h, p, near, moment, work):
    """k_s from the stages before it; `near` is then the state that it belongs to."""
    combine(u, k, a[s], s, h, near)
    for j in range(t.size):
        moment[j] = t[j] + c[s] * h[j]
    evaluate(f, near, moment, p, k[s], work)


@kernel(CONTRACT)
def pair_norm(u, new, k, error, count, h, rtol, atol, off, norm):
    """norm = h e_1^2 / sqrt(e_1^2 + e_2^2 / 100), e the root mean squares of both estimates in
    units of atol + rtol |u|; that is h e_1 where there is one (HNW I, section II.10).
    """
    lanes = norm.size
    rows = u.size // lanes
    off[:] = 0.0
    for s in range(count):
        first, second = error[0, s], error[1, s]
        for q in range(u.size):
            off[0, q] += first * k[s, q]
            off[1, q] += second * k[s, q]
    for q in range(u.size):
        scale = atol + rtol * max(abs(u[q]), abs(new[q]))
        off[0, q] = (off[0, q] / scale) ** 2
        off[1, q] = (off[1, q] / scale) ** 2
    for j in range(lanes):
        first, second = 0.0, 0.0
        for q in range(j, u.size, lanes):
            first += off[0, q]
            second += off[1, q]
        norm[j] = h[j] * first / math.sqrt((first + 0.01 * second) * rows) if first != 0.0 else 0.0


@kernel(CONTRACT)
def dense_weights(dense, x, weights):
    """weights (rows of `dense`,) of the slopes in u(t + x h) = u + h sum_s weights_s k_s."""
    for s in range(dense.shape[0]):
        weights[s] = 0.0
        for d in range(dense.shape[1] - 1, -1, -1):
            weights[s] = x * (weights[s] + dense[s, d])


@kernel(CONTRACT)
def interpolate(u, k, weights, h, j, lanes, out):
    """out = u + h sum_s weights_s k_s in lane j only."""
    for q in range(j, u.size, lanes):
        total = 0.0
        for s in range(weights.size):
            total += weights[s] * k[s, q]
        out[q] = u[q] + h * total


@kernel(CONTRACT)
def march(f, u, times, p, n, lanes, a, c, stages, error, dense, power, rtol, atol, limit, frames):
    """Trajectories with error control from u, overwritten, through frames (frames, rows lanes) at
    `times`; limit: of the number of steps.

    Returns status, steps, the largest accepted error in units of the tolerance, and the time
    reached, each (lanes,).
    """
    size = u.size
    k, near, new = np.zeros((len(a), size)), np.empty(size), np.empty(size)
    work, off, weights = np.empty((3, n * lanes)), np.empty((2, size)), np.empty(len(dense))
    t, end = np.full(lanes, times[0]), np.full(lanes, times[-1])
    step, moment, reached = np.zeros(size), np.empty(lanes), np.empty(lanes)
    h, norm, worst, grow = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes), np.full(lanes, 10.0)
    status, steps = np.full(lanes, RUNNING), np.zeros(lanes, dtype=np.int64)
    following, accepted = np.ones(lanes, dtype=np.int64), np.zeros(lanes, dtype=np.bool_)
    evaluate(f, u, t, p, k[0], work)
    first_step(u, k[0], end[0] - t[0], -1.0 / power, rtol, atol, h)
    while shares(t, h, end, status, step):
        for s in range(1, stages):
            stage(f, u, k, s, a, c, t, step, p, near, moment, work)
        stage(f, u, k, stages, a, c, t, step, p, new, moment, work)
        pair_norm(u, new, k, error, stages + 1, step, rtol, atol, off, norm)
        judge(norm, power, t, step, h, grow, steps, limit, status, accepted, worst)
        pending = False
        for j in range(lanes):
            reached[j] = end[j] if step[j] == end[j] - t[j] else t[j] + step[j]
            pending |= accepted[j] and times[following[j]] < reached[j]
        if pending:
            for s in range(stages + 1, len(a)):
                stage(f, u, k, s, a, c, t, step, p, near, moment, work)
        for j in range(lanes):
            if not accepted[j]:
                continue
            while times[following[j]] < reached[j]:
                dense_weights(dense, (times[following[j]] - t[j]) / step[j], weights)
                interpolate(u, k, weights, step[j], j, lanes, frames[following[j]])
                following[j] += 1
            t[j] = reached[j]
            for q in range(j, size, lanes):
                u[q] = new[q]
                k[0, q] = k[stages, q]
            if times[following[j]] == reached[j]:
                for q in range(j, size, lanes):
                    frames[following[j], q] = u[q]
                following[j] += 1
                if following[j] == len(times):
                    status[j] = DONE
    return status, steps, worst, t


@kernel(CONTRACT)
def march_equal(f, u, times, counts, p, n, lanes, a, c, stages, frames):
    """The same with counts[i] equal steps from times[i] to times[i + 1].

    A sample that is no longer finite stops at the step before the one that showed it.
    """
    size = u.size
    k, near, work = np.zeros((len(a), size)), np.empty(size), np.empty((3, n * lanes))
    t, h, moment = np.empty(lanes), np.empty(size), np.empty(lanes)
    status, steps = np.full(lanes, DONE), np.zeros(lanes, dtype=np.int64)
    last = np.full(lanes, times[0])
    for interval in range(len(counts)):
        h[:] = (times[interval + 1] - times[interval]) / counts[interval]
        for number in range(counts[interval]):
            t[:] = times[interval] + number * h[0]
            evaluate(f, u, t, p, k[0], work)
            for s in range(1, stages):
                stage(f, u, k, s, a, c, t, h, p, near, moment, work)
            combine(u, k, a[stages], stages, h, near)
            u[:] = near
            for j in range(lanes):
                total = 0.0
                for q in range(j, size, lanes):
                    total += u[q] * 0.0
                if total != 0.0:
                    status[j] = STUCK
                elif status[j] == DONE:
                    steps[j] += 1
                    last[j] = times[interval] + (number + 1) * h[0]
        frames[interval + 1] = u
    return status, steps, np.full(lanes, np.nan), last
