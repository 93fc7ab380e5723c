"""What both engines with error control share: steps and errors of samples side by side.

Samples stand in lanes, the last axis of arrays that are laid flat. Each has its own time and
step; one that is done, or has failed, takes steps of size zero until the others are done too.
"""

from __future__ import annotations

import math

from ..kernels import CONTRACT, kernel

RUNNING, DONE, TOO_MANY, STUCK = range(4)

SAFETY, SHRINK, GROW = 0.9, 0.2, 10.0
ROUNDING = 16 * 2.0**-52  # steps below this share of the time are lost in rounding


@kernel(CONTRACT)
def first_step(u, du, span, order, rtol, atol, h):
    """h (lanes,): 1% of the time in which u would change by its size (HNW I, section II.4).

    The whole span where the tolerance is infinite.
    """
    rows = u.size // h.size
    for j in range(h.size):
        if atol == math.inf:
            h[j] = span
            continue
        size, speed = 0.0, 0.0
        for q in range(j, u.size, h.size):
            scale = atol + rtol * abs(u[q])
            size += (u[q] / scale) ** 2
            speed += (du[q] / scale) ** 2
        size, speed = math.sqrt(size / rows), math.sqrt(speed / rows)
        # The tolerance in units of the size, to the power of the order, bounds what 1% may be.
        limit = (0.01 / speed) ** (1.0 / order) if speed > 1e-10 else 1.0
        guess = 0.01 * size / speed if size > 1e-5 and speed > 1e-5 else 1e-6
        h[j] = min(guess, limit * max(1.0, guess), span)
        if not h[j] > 0.0:
            h[j] = 1e-6 * span


@kernel(CONTRACT)
def shares(t, h, end, status, step):
    """step (rows, lanes), flat: to be taken now; returns how many samples still run."""
    running = 0
    for j in range(t.size):
        if status[j] == RUNNING:
            running += 1
            left = end[j] - t[j]
            # The last but one step is not so long that the last is lost in rounding.
            step[j] = left if h[j] * 1.0001 >= left else h[j]
        else:
            step[j] = 0.0
        for q in range(j + t.size, step.size, t.size):
            step[q] = step[j]
    return running


@kernel(CONTRACT)
def judge(norm, power, t, step, h, grow, steps, limit, status, accepted, worst):
    """Accept the steps of size `step` whose error `norm` is at most 1, and choose the next h."""
    for j in range(norm.size):
        accepted[j] = False
        if status[j] != RUNNING:
            continue
        steps[j] += 1
        if norm[j] <= 1.0:
            accepted[j] = True
            worst[j] = max(worst[j], norm[j])
            factor = GROW if norm[j] == 0.0 else min(GROW, SAFETY * norm[j] ** power)
            # A step that was cut short at its end says little of what a whole one may be.
            h[j] = max(h[j], step[j] * factor) if step[j] < h[j] else h[j] * min(factor, grow[j])
            grow[j] = GROW
        else:  # nan as well
            factor = SAFETY * norm[j] ** power
            h[j] = step[j] * (max(SHRINK, factor) if factor > 0.0 else SHRINK)
            grow[j] = 1.0
            if h[j] <= ROUNDING * abs(t[j]) or h[j] < 1e-300:
                status[j] = STUCK
        if steps[j] >= limit and status[j] == RUNNING:
            status[j] = TOO_MANY
