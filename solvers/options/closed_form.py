"""European options in closed form (Black & Scholes 1973; Merton 1973 with a dividend yield)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy.special import ndtr

from ...geometry.errors import InputError

Kind = Literal["put", "call"]
SIGNS = {"put": -1.0, "call": 1.0}


def sign_of(kind: str) -> float:
    """1 for a call, -1 for a put. Raises `InputError` for anything else."""
    if kind not in SIGNS:
        raise InputError(f"expected the kind put or call, got '{kind}'")
    return SIGNS[kind]


def payoff(x: Any, kind: Kind = "put") -> np.ndarray:
    """max(1 - e^x, 0) of a put or max(e^x - 1, 0) of a call, in units of the strike."""
    return np.maximum(sign_of(kind) * np.expm1(np.asarray(x, dtype=float)), 0.0)


def european_price(
    x: Any, t: Any, volatility: Any, rate: Any, dividend: Any = 0.0, kind: Kind = "put"
) -> np.ndarray:
    """Price in units of the strike at log price x and time t to maturity; arguments broadcast.

    Merton, Bell J. Econ. 4 (1973), equation 21 with a yield; at t = 0 the payoff.

    >>> round(float(european_price(0.0, 1.0, 0.2, 0.05, kind="call")), 6)
    0.104506
    """
    sign = sign_of(kind)
    x, t, volatility, rate, dividend = np.broadcast_arrays(x, t, volatility, rate, dividend)
    d1, d2 = _normalised(x, t, volatility, rate, dividend)
    stock, bond = np.exp(x - dividend * t), np.exp(-rate * t)
    value = sign * (stock * ndtr(sign * d1) - bond * ndtr(sign * d2))
    return np.where(t > 0, value, payoff(x, kind))


def european_greeks(
    x: Any, t: Any, volatility: Any, rate: Any, dividend: Any = 0.0, kind: Kind = "put"
) -> dict[str, np.ndarray]:
    """Derivatives of the price at t > 0 in units of the strike, S being e^x.

    delta V_S, gamma V_SS, theta -V_t (for a year that passes), vega V_sigma, rho V_r.
    """
    sign = sign_of(kind)
    x, t, volatility, rate, dividend = np.broadcast_arrays(x, t, volatility, rate, dividend)
    d1, d2 = _normalised(x, t, volatility, rate, dividend)
    stock, bond = np.exp(x - dividend * t), np.exp(-rate * t)
    density = np.exp(-0.5 * d1**2) / np.sqrt(2 * np.pi)
    earned = dividend * stock * ndtr(sign * d1) - rate * bond * ndtr(sign * d2)
    return {
        "delta": sign * np.exp(-dividend * t) * ndtr(sign * d1),
        "gamma": np.exp(-x) * np.exp(-dividend * t) * density / (volatility * np.sqrt(t)),
        "theta": -stock * density * volatility / (2 * np.sqrt(t)) + sign * earned,
        "vega": stock * density * np.sqrt(t),
        "rho": sign * t * bond * ndtr(sign * d2),
    }


def _normalised(
    x: np.ndarray, t: np.ndarray, volatility: np.ndarray, rate: np.ndarray, dividend: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """d1 and d2; at t = 0 those of a moment later, for the caller to leave out."""
    width = volatility * np.sqrt(np.where(t > 0, t, 1e-300))
    d2 = (x + (rate - dividend) * t) / width - 0.5 * width
    return d2 + width, d2
