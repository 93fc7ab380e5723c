"""Systems ready to be integrated. Each is a few words of data and a function."""

from __future__ import annotations

import numpy as np

from ...geometry.errors import InputError
from .system import System


def _lorenz63(x, y, z, t, sigma, rho, beta):
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


LORENZ63 = System(
    "lorenz63", ("x", "y", "z"), _lorenz63, ("sigma", "rho", "beta"), (10.0, 28.0, 8.0 / 3.0)
)
"""Lorenz (1963), J. Atmos. Sci. 20, equations (25)-(27)"""


def _roessler(x, y, z, t, a, b, c):
    return -y - z, x + a * y, b + z * (x - c)


ROESSLER = System("roessler", ("x", "y", "z"), _roessler, ("a", "b", "c"), (0.2, 0.2, 5.7))
"""Roessler (1976), Phys. Lett. A 57, equation (2)"""


def _lorenz96(u, t, p, du):
    n, samples = u.shape
    for i in range(n):
        for j in range(samples):
            advection = (u[i + 1 - n, j] - u[i - 2, j]) * u[i - 1, j]  # negative places wrap
            du[i, j] = advection - u[i, j] + p[0, j]


def lorenz96(n: int = 40) -> System:
    """x_i' = (x_(i+1) - x_(i-2)) x_(i-1) - x_i + F on a ring of n sites (Lorenz 1996).

    Raises `InputError` for fewer than four sites, on which the neighbours are not different.
    """
    if not isinstance(n, int | np.integer) or n < 4:
        raise InputError(f"expected at least 4 sites, got {n}")
    names = tuple(f"x{i}" for i in range(n))
    return System("lorenz96", names, _lorenz96, ("forcing",), (8.0,), "rows")


def _stirred_reactor(y, theta, t, damkoehler, inlet, heat, activation):
    rate = damkoehler * y * np.exp(activation * (1.0 / (1.0 + heat) - 1.0 / theta))
    return 1.0 - y - rate, inlet - theta + heat * rate


STIRRED_REACTOR = System(
    "stirred_reactor", ("y", "theta"), _stirred_reactor,
    ("damkoehler", "inlet", "heat", "activation"), (1.0, 1.0, 4.0, 20.0),
)  # fmt: skip
"""An adiabatic perfectly stirred reactor with one reaction of first order and Arrhenius's rate.

y: unburnt share of the fuel; theta: temperature over a reference; t: in residence times;
inlet: temperature of what flows in; heat: temperature rise of complete burning; activation:
activation temperature over the reference. The Damkoehler number is the residence time by the
time of burning at the temperature 1 + heat (Law 2006, Combustion Physics, section 8.1).
"""
