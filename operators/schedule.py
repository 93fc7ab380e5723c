"""Learning rates as functions of the step: no state, so a resume cannot go wrong."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["cosine", "onecycle", "step", "constant"]

ONECYCLE_RISE = 0.3  # of all steps, for the rising half (Smith & Topin 2019)
ONECYCLE_START = 1 / 25
STEP_PARTS = 5  # halved after each fifth of the run (Li et al. 2021 halve every 100 of 500)


def rate_factor(schedule: Schedule, step: int, total: int, warmup: float = 0.0) -> float:
    """What the learning rate is multiplied by at `step` of `total`, in [0, 1].

    cosine    from 1 to 0 along half a cosine
    onecycle  from 1/25 up to 1 in the first 30%, then down to 0, both along cosines
    step      halved after each fifth of the run
    constant  1
    Before that, the first `warmup` (a fraction of all steps) rises linearly.
    """
    rising = warmup * total
    if step < rising:
        return (step + 1) / (rising + 1)
    done = (step - rising) / max(total - rising, 1)
    if schedule == "constant":
        return 1.0
    if schedule == "step":
        return 0.5 ** math.floor(STEP_PARTS * done)
    if schedule == "cosine":
        return _cosine(1.0, 0.0, done)
    if done < ONECYCLE_RISE:
        return _cosine(ONECYCLE_START, 1.0, done / ONECYCLE_RISE)
    return _cosine(1.0, 0.0, (done - ONECYCLE_RISE) / (1 - ONECYCLE_RISE))


def _cosine(first: float, last: float, done: float) -> float:
    return last + 0.5 * (first - last) * (1 + math.cos(math.pi * done))
