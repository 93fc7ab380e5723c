"""A binomial tree for American options: the independent judge of the finite differences."""

from __future__ import annotations

import math

import numpy as np

from ...geometry.errors import InputError
from ..kernels import kernel
from .closed_form import Kind, european_price, sign_of

LEAST_STEPS = 10


def american_price(
    x: float,
    t: float,
    volatility: float,
    rate: float,
    dividend: float = 0.0,
    kind: Kind = "put",
    steps: int = 10_000,
) -> float:
    """Price in units of the strike at log price x and time t to maturity.

    The tree of Cox, Ross & Rubinstein (J. Financ. Econ. 7 (1979)) with the two remedies of
    Broadie & Detemple (Rev. Financ. Stud. 9 (1996), section 1.4): the last step is the European
    closed form, which takes the zigzag out of the error, and trees of steps / 2 and steps are
    extrapolated to none. The error falls faster than steps^-1.5; the work grows like steps^2.

    Raises `InputError` for t <= 0, fewer than 10 steps, and steps that are too few for the drift,
    whose tree would have a probability outside of [0, 1].

    >>> round(american_price(0.0, 1.0, 0.25, 0.05, 0.05, steps=1000), 5)
    0.09569
    """
    if not t > 0 or not volatility > 0:
        raise InputError(f"expected t and volatility above zero, got {t} and {volatility}")
    if steps < LEAST_STEPS:
        raise InputError(f"expected at least {LEAST_STEPS} steps, got {steps}")
    half, whole = (
        _smoothed(x, t, volatility, rate, dividend, kind, count) for count in (steps // 2, steps)
    )
    return 2 * whole - half


def _smoothed(
    x: float, t: float, volatility: float, rate: float, dividend: float, kind: Kind, steps: int
) -> float:
    dt = t / steps
    move = volatility * math.sqrt(dt)
    up = (math.exp((rate - dividend) * dt) - math.exp(-move)) / (2 * math.sinh(move))
    if not 0 < up < 1:
        raise InputError(f"expected more than {steps} steps for that drift; double them")
    last = x + move * np.arange(1 - steps, steps, 2)  # one step before maturity
    exercise = sign_of(kind) * np.expm1(last)
    value = np.maximum(european_price(last, dt, volatility, rate, dividend, kind), exercise)
    discount = math.exp(-rate * dt)
    return float(_back(value, sign_of(kind), x, move, discount * up, discount * (1 - up)))


@kernel()
def _back(value, sign, x, move, up, down):
    """From the leaves to the root; e^x of a node is a product, since exp in the loop is slow."""
    count = value.shape[0]
    stock = np.exp(x + move * np.arange(1 - count, count, 2))
    grow = np.exp(move)
    for left in range(count - 1, 0, -1):
        for i in range(left):
            stock[i] *= grow
            hold = up * value[i + 1] + down * value[i]
            value[i] = max(hold, sign * (stock[i] - 1.0))
    return value[0]
