"""European and American options by finite differences in the log price."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..reading import read_real
from ..solution import CONVERGED, MAXIMUM_ITERATIONS, Solution
from .closed_form import Kind, payoff, sign_of
from .march import LANES, march
from .smoothing import smoothed_payoff

Style = Literal["european", "american"]
Rows = tuple[tuple[Fraction | int, ...], ...]

F = Fraction
BACKWARD_EULER: Rows = ((1,),)
CRANK_NICOLSON: Rows = ((0,), (F(1, 2), F(1, 2)))
# Hairer & Wanner, Solving Ordinary Differential Equations II, table IV.6.5: L-stable, order 4.
SDIRK4: Rows = (
    (F(1, 4),),
    (F(1, 2), F(1, 4)),
    (F(17, 50), F(-1, 25), F(1, 4)),
    (F(371, 1360), F(-137, 2720), F(15, 544), F(1, 4)),
    (F(25, 24), F(-49, 48), F(125, 16), F(-85, 12), F(1, 4)),
)
HALF_STEPS = 4  # backward Euler steps in place of the first two: Rannacher, Numer. Math. 43 (1984)
DEVIATIONS = 6.0  # how far beyond the log price's spread the ends lie; there its density is 1e-9
MAX_STEPS = 100_000


@dataclass(frozen=True)
class Steps:
    """Lengths of all steps, the tableau of each, and the frame that it ends in (-1: none)."""

    dt: np.ndarray
    which: np.ndarray
    save: np.ndarray


def solve_options(
    grid: Grid,
    times: np.ndarray,
    volatility: Any,
    rate: Any,
    dividend: Any = 0.0,
    kind: Kind = "put",
    style: Style = "european",
    order: int | None = None,
    steps: int | None = None,
    tolerance: float | None = None,
    threads: int = 1,
    max_steps: int = MAX_STEPS,
) -> Solution:
    """Prices in units of the strike, (batch, frames, *grid.shape), at log prices x = log(S / K).

        V_t = sigma^2 / 2 V_xx + (r - q - sigma^2 / 2) V_x - r V,   V = payoff at t = 0,

    t being the time to maturity; an American option is held above its payoff instead:
    min(V_t - ..., V - payoff) = 0.

    grid: one vertex axis around x = 0; times: increasing from 0, (frames,); volatility, rate,
    dividend: a number, or one for each sample, (batch,), the rates at least zero.

    order: 4 (European only) is a compact difference in x and an L-stable Runge-Kutta method in t;
    2 is a central difference and Crank-Nicolson behind four half steps of backward Euler. The
    kink of the payoff is averaged in a way that keeps the order. American options take steps that
    are equal in sqrt(t), as their boundary starts like it (Forsyth & Vetzal, SIAM J. Sci. Comput.
    23 (2002)), and Brennan & Schwartz's projection.

    steps: of the whole time, shared out over the intervals between frames, at least one each;
    otherwise they are doubled until two answers differ by less than three times the `tolerance`,
    of the strike; the finer one is returned, and residual is a third of the difference. (That is
    the error of a method of order 2; one of order 4 shows its order only after the kink is gone.)

    Raises `InputError` on arguments that do not fit.

    >>> grid = Grid(((-1.0, 1.0),), (101,))
    >>> solution = solve_options(grid, np.array([0.0, 1.0]), 0.2, 0.05, kind="call", steps=20)
    >>> round(float(solution.fields[0, 1, 50]), 5)
    0.10451
    """
    started = time.perf_counter()
    order = order or (4 if style == "european" else 2)
    times = read_real(times, "times")
    _check(grid, times, style, order, steps, tolerance)
    options = _options(volatility, rate, dividend)
    job = _Job(grid, times, options, kind, style, order, threads)
    if steps is not None:
        fields, count = job.run(steps)
        return job.solution(fields, count, np.full(len(options), np.nan), None, started)
    assert tolerance is not None
    steps = 2 * (len(times) - 1)
    coarse, count = job.run(steps)
    while True:
        steps *= 2
        fine, count = job.run(steps)
        estimate = np.abs(fine - coarse).max(axis=(1, 2)) / 3
        if not np.any(estimate > tolerance) or 2 * steps > max_steps:
            return job.solution(fine, count, estimate, tolerance, started)
        coarse = fine


class _Job:
    """A batch on a grid that reaches far enough, cut into groups of `LANES`."""

    def __init__(
        self,
        grid: Grid,
        times: np.ndarray,
        options: np.ndarray,
        kind: Kind,
        style: Style,
        order: int,
        threads: int,
    ) -> None:
        self.times, self.options, self.order, self.threads = times, options, order, threads
        self.american, self.kind, self.sign = style == "american", kind, -sign_of(kind)
        self.h = grid.spacing[0]
        spread = options[:, 0] * math.sqrt(times[-1])
        drift = np.abs(options[:, 1] - options[:, 2] - 0.5 * options[:, 0] ** 2) * times[-1]
        reach = float(np.max(DEVIATIONS * spread + drift))
        (left, right), x = grid.extent[0], grid.axes[0]
        before = max(0, math.ceil((left + reach) / self.h))
        after = max(0, math.ceil((reach - right) / self.h))
        self.x = left + self.h * np.arange(-before, len(x) + after)
        self.inside = slice(before, before + len(x))
        self.stored = payoff(x, kind)

    def run(self, steps: int) -> tuple[np.ndarray, int]:
        """Fields (batch, frames, points) with about `steps` steps, and how many they were."""
        plan = _plan(self.times, steps, self.order, self.american)
        groups = range(0, len(self.options), LANES)
        with ThreadPoolExecutor(self.threads) as pool:
            parts = list(pool.map(lambda first: self._group(first, plan), groups))
        return np.concatenate(parts)[: len(self.options)], len(plan.dt)

    def _group(self, first: int, plan: Steps) -> np.ndarray:
        """Options first to first + LANES; where there are fewer the last one is repeated.

        A call is turned about x = 0, so that early exercise is on the left for both kinds.
        """
        chosen = np.minimum(np.arange(first, first + LANES), len(self.options) - 1)
        sigma, r, q = self.options[chosen].T
        a, b = 0.5 * sigma**2, self.sign * (r - q - 0.5 * sigma**2)
        mass, stiff = _entries(a, b, r, self.h, self.order)
        turned = slice(None, None, int(self.sign))
        start = _lanes(smoothed_payoff(self.x, self.kind, self.order)[turned])
        frames = np.empty((len(self.times), *start.shape))
        end = np.full(LANES, math.exp(self.x[turned][0]))
        methods = (BACKWARD_EULER, CRANK_NICOLSON) if self.order == 2 else (SDIRK4,)
        march(
            start, frames, _lanes(payoff(self.x, self.kind)[turned]), self.american, mass, stiff,
            np.full(LANES, self.sign), end, np.stack([r, q]), plan.dt, plan.which, plan.save,
            _tableaux(methods),
        )  # fmt: skip
        fields = np.ascontiguousarray(np.moveaxis(frames[:, turned][:, self.inside], -1, 0))
        fields[:, 0] = self.stored
        return fields

    def solution(
        self,
        fields: np.ndarray,
        count: int,
        estimate: np.ndarray,
        tolerance: float | None,
        started: float,
    ) -> Solution:
        batch = len(fields)
        finite = np.isfinite(fields).all(axis=(1, 2))
        exact = np.ones(batch, dtype=bool) if tolerance is None else estimate <= tolerance
        reasons = {
            (True, True): CONVERGED,
            (True, False): f"{MAXIMUM_ITERATIONS}: {count} steps do not reach {tolerance}",
        }
        overflow = "breakdown: prices are not finite"
        pairs = zip(finite.tolist(), exact.tolist(), strict=True)
        return Solution(
            fields, finite & exact, np.full(batch, count), estimate,
            np.full(batch, (time.perf_counter() - started) / batch),
            tuple(reasons.get(pair, overflow) for pair in pairs),
        )  # fmt: skip


def _entries(
    a: np.ndarray, b: np.ndarray, r: np.ndarray, h: float, order: int
) -> tuple[np.ndarray, np.ndarray]:
    """Entries (3, LANES) of M and A with M u_t = A u for u_t = a u_xx + b u_x - r u.

    Order 4: a u_xx + b u_x = f with f = u_t + r u reads
    (a + b^2 h^2 / 12 a) delta^2 u + b delta_0 u = (1 + h^2 / 12 (delta^2 + b / a delta_0)) f.
    """
    second = np.array([1.0, -2.0, 1.0])[:, None] / h**2
    first = np.array([-0.5, 0.0, 0.5])[:, None] / h
    mass = np.zeros((3, LANES))
    mass[1] = 1.0
    if order == 4:
        mass = mass + h**2 / 12 * (second + b / a * first)
        a = a + b**2 * h**2 / (12 * a)
    return mass, a * second + b * first - r * mass


def _plan(times: np.ndarray, steps: int, order: int, american: bool) -> Steps:
    """Equal steps between frames, of t or (American) of sqrt(t)."""
    clock = np.sqrt(times) if american else times
    counts = np.ceil(steps * np.diff(clock) / clock[-1] * (1 - 1e-12)).astype(int)
    dt, save = [], []
    for i, count in enumerate(np.maximum(counts, 1)):
        points = np.linspace(clock[i], clock[i + 1], count + 1)
        dt += np.diff(points**2 if american else points).tolist()
        save += [-1] * (count - 1) + [i + 1]
    which = [0] * len(dt)
    if order == 2:
        halved = HALF_STEPS // 2
        early = [part for h in dt[:halved] for part in (0.5 * h, 0.5 * h)]
        marks = [mark for frame in save[:halved] for mark in (-1, frame)]
        which = [0] * len(early) + [1] * len(dt[halved:])
        dt, save = early + dt[halved:], marks + save[halved:]
    return Steps(np.array(dt), np.array(which), np.array(save))


def _tableaux(methods: tuple[Rows, ...]) -> np.ndarray:
    """(methods, stages, stages), padded with zeros."""
    stages = max(len(rows) for rows in methods)
    result = np.zeros((len(methods), stages, stages))
    for method, rows in zip(result, methods, strict=True):
        for i, row in enumerate(rows):
            method[i, : len(row)] = [float(entry) for entry in row]
    return result


def _lanes(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.repeat(values[:, None], LANES, axis=1))


def _options(volatility: Any, rate: Any, dividend: Any) -> np.ndarray:
    """(batch, 3)."""
    given: Mapping[str, np.ndarray] = {
        "volatility": read_real(volatility, "volatility"),
        "rate": read_real(rate, "rate"),
        "dividend": read_real(dividend, "dividend"),
    }
    try:
        columns = np.broadcast_arrays(*(np.atleast_1d(values) for values in given.values()))
    except ValueError as problem:
        shapes = [values.shape for values in given.values()]
        raise InputError(f"expected numbers or one for each sample, got {shapes}") from problem
    options = np.stack(columns, axis=-1)
    if options.ndim != 2 or not len(options) or not np.isfinite(options).all():
        raise InputError("expected finite volatility, rate and dividend, one for each sample")
    if not (options[:, 0] > 0).all() or not (options[:, 1:] >= 0).all():
        raise InputError(
            "expected a volatility above zero and rates of at least zero, got "
            f"{options.min(axis=0).tolist()} as the least ones"
        )
    return options


def _check(
    grid: Grid,
    times: np.ndarray,
    style: str,
    order: int,
    steps: int | None,
    tolerance: float | None,
) -> None:
    if grid.ndim != 1 or grid.centering != "vertex" or grid.wraps[0] or grid.shape[0] < 4:
        raise InputError(f"expected one vertex axis that is not periodic, got {grid}")
    if not grid.extent[0][0] < 0 < grid.extent[0][1]:
        raise InputError(f"expected log prices around 0, the strike, got {grid.extent[0]}")
    if times.ndim != 1 or len(times) < 2 or times[0] != 0 or not (np.diff(times) > 0).all():
        raise InputError("expected at least two increasing times, the first of them 0")
    if style not in ("european", "american"):
        raise InputError(f"expected the style european or american, got '{style}'")
    if order not in ((2, 4) if style == "european" else (2,)):
        raise InputError(f"expected order 2, or 4 for European options, got {order}")
    if (steps is None) == (tolerance is None):
        raise InputError("expected either steps or a tolerance")
    if steps is not None and steps < 1:
        raise InputError(f"expected at least one step, got {steps}")
    if tolerance is not None and not 0 < tolerance < 1:
        raise InputError(f"expected a tolerance between 0 and 1, got {tolerance}")
