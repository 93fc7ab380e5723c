"""Strong Wolfe line search (Nocedal & Wright 2006, Algorithms 3.5 and 3.6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

SUFFICIENT_DECREASE = 1e-4  # c1 of equation (3.7a)
CURVATURE = 0.9  # c2 of equation (3.7b)


@dataclass(frozen=True)
class Trial:
    """The objective along the ray at one step length."""

    step: float
    loss: float
    slope: float
    gradient: Tensor


def cubic_minimiser(a: Trial, b: Trial) -> float:
    """Minimiser of the cubic through two losses and slopes, equation (3.59); nan if it has none."""
    if a.step == b.step or not (math.isfinite(a.loss) and math.isfinite(b.loss)):
        return math.nan
    d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.step - b.step)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0.0:
        return math.nan
    d2 = math.copysign(math.sqrt(square), b.step - a.step)
    denominator = b.slope - a.slope + 2.0 * d2
    if denominator == 0.0:
        return math.nan
    return b.step - (b.step - a.step) * (b.slope + d2 - d1) / denominator


def strong_wolfe(
    along: Callable[[float], Trial], start: Trial, step: float, max_evaluations: int = 25
) -> Trial | None:
    """A step that satisfies the strong Wolfe conditions (3.7), or None.

    `along(step)` evaluates the objective on the ray and `start` is the trial at step 0, whose
    slope must be negative. A trial whose loss is not finite counts as too long. Where the budget
    ends first, a trial with sufficient decrease alone is returned if there is one.
    """

    def too_high(trial: Trial) -> bool:
        bound = start.loss + SUFFICIENT_DECREASE * trial.step * start.slope
        return not trial.loss <= bound  # a nan is too high as well

    previous = start
    for used in range(1, max_evaluations + 1):  # Algorithm 3.5
        trial = along(step)
        left = max_evaluations - used
        if too_high(trial) or (used > 1 and trial.loss >= previous.loss):
            return _zoom(along, start, previous, trial, too_high, left)
        if abs(trial.slope) <= -CURVATURE * start.slope:
            return trial
        if trial.slope >= 0.0:
            return _zoom(along, start, trial, previous, too_high, left)
        # The next trial lies beyond this one: the cubic's minimiser, kept within 1.5 to 5 times.
        guess = cubic_minimiser(previous, trial)
        previous = trial
        step = min(max(guess, 1.5 * step), 5.0 * step) if math.isfinite(guess) else 2.0 * step
    return previous if previous.step > 0.0 else None


def _zoom(
    along: Callable[[float], Trial],
    start: Trial,
    low: Trial,
    high: Trial,
    too_high: Callable[[Trial], bool],
    evaluations: int,
) -> Trial | None:
    """Algorithm 3.6: `low` has the lowest loss so far with sufficient decrease."""
    for _ in range(evaluations):
        width = abs(high.step - low.step)
        if width <= 1e-15 * max(abs(low.step), abs(high.step)):
            break
        step = cubic_minimiser(low, high)
        left, right = sorted((low.step, high.step))
        if not left + 0.1 * width <= step <= right - 0.1 * width:  # also where step is nan
            step = 0.5 * (left + right)
        trial = along(step)
        if too_high(trial) or trial.loss >= low.loss:
            high = trial
            continue
        if abs(trial.slope) <= -CURVATURE * start.slope:
            return trial
        if trial.slope * (high.step - low.step) >= 0.0:
            high = low
        low = trial
    return low if low.step > 0.0 else None
