"""Ordinary systems against SciPy's solve_ivp: the same method, tolerance and frames.

`python scripts/bench/ordinary.py` integrates Lorenz 63 and Lorenz 96 from random starts on one
thread by the method of Dormand and Prince of order 8, and prints seconds of a trajectory of five
time units, with the largest error of its frames. SciPy is given the right-hand side compiled,
which is the best that its users do.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

import numpy as np
from common import Row, interleaved, parser, report
from numba import njit
from scipy.integrate import solve_ivp

from sobolev.solvers.ordinary.integrate import integrate
from sobolev.solvers.ordinary.system import System
from sobolev.solvers.ordinary.systems import LORENZ63, lorenz96

TIMES = np.linspace(0.0, 5.0, 101)
TOLERANCE = 1e-9
BATCH = 64


@njit
def lorenz63_rates(t: float, u: np.ndarray) -> np.ndarray:
    return np.array(
        [10.0 * (u[1] - u[0]), u[0] * (28.0 - u[2]) - u[1], u[0] * u[1] - 8.0 / 3.0 * u[2]]
    )


@njit
def lorenz96_rates(t: float, u: np.ndarray) -> np.ndarray:
    n, du = len(u), np.empty(len(u))
    for i in range(n):
        du[i] = (u[(i + 1) % n] - u[i - 2]) * u[i - 1] - u[i] + 8.0
    return du


def ours(system: System, u0: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    return integrate(system, u0, TIMES, tolerance=tolerance).fields


def scipy(rates: Callable[..., np.ndarray], start: np.ndarray) -> np.ndarray:
    found = solve_ivp(
        rates, (TIMES[0], TIMES[-1]), start, "DOP853", TIMES, rtol=TOLERANCE,
        atol=1e-3 * TOLERANCE,
    )  # fmt: skip
    return found.y.T


def measured(
    name: str, system: System, rates: Callable[..., np.ndarray], seconds: float
) -> list[Row]:
    """One trajectory alone, and a batch of them; seconds are of one trajectory."""
    generator = np.random.default_rng(0)
    u0 = 5.0 + generator.standard_normal((BATCH, system.dimension))
    truth = ours(system, u0, 1e-13)
    methods: dict[str, tuple[Callable[[], np.ndarray], int]] = {
        "sobolev, batch": (lambda: ours(system, u0), BATCH),
        "sobolev, one": (lambda: ours(system, u0[:1]), 1),
        "scipy": (lambda: scipy(rates, u0[0])[None], 1),
    }
    taken = interleaved({key: call for key, (call, _) in methods.items()}, seconds)
    return [
        Row(
            name, key, key == "sobolev, batch", taken[key] / count,
            float(np.abs(call() - truth[:count]).max()),
        )
        for key, (call, count) in methods.items()
    ]  # fmt: skip


def main() -> int:
    options = parser(__doc__ or "")
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    given = options.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    seconds = 3.0 if given.quick else 10.0
    rows = measured("lorenz63", LORENZ63, lorenz63_rates, seconds)
    rows += measured("lorenz96-40", lorenz96(40), lorenz96_rates, seconds)
    report(rows, given, threads=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
