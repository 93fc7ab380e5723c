"""Lyapunov exponents, by tangent vectors of a system and by pairs of trajectories of any map.

Benettin, Galgani, Giorgilli & Strelcyn (1980), Meccanica 15, 9 and 21: vectors that follow the
linearised flow are made orthonormal again after every interval; the mean logarithm of what they
have grown by, per time, tends to the exponents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ...geometry.errors import InputError
from .integrate import integrate
from .system import System

BLOCKS = 16  # of time, for the error of a mean over correlated intervals


@dataclass(frozen=True)
class Exponents:
    """Exponents in 1 / time, largest first.

    values, errors: (count,), the mean over samples and time, and its standard error; growth:
    (intervals, batch, count), exponents of each interval alone.
    """

    values: np.ndarray
    errors: np.ndarray
    growth: np.ndarray

    @property
    def largest(self) -> float:
        return float(self.values[0])

    @property
    def dimension(self) -> float:
        """The Kaplan-Yorke dimension; needs as many exponents as make their sum negative."""
        sums = np.cumsum(self.values)
        if sums[-1] >= 0:
            raise InputError(
                f"expected exponents with a negative sum, got {sums[-1]:.3g}; ask for more"
            )
        whole = int(np.argmax(sums < 0))
        return whole + (sums[whole - 1] / -self.values[whole] if whole else 0.0)


def exponents(
    system: System,
    u0: np.ndarray,
    intervals: int,
    interval: float,
    count: int = 1,
    parameters: Mapping[str, float | np.ndarray] | None = None,
    transient: float = 0.0,
    start: float = 0.0,
    tolerance: float = 1e-9,
    scheme: str = "dop853",
) -> Exponents:
    """The `count` largest exponents of a system, by tangent vectors.

    u0: (batch, unknowns), independent starts whose results are averaged; `transient`: time that
    states and vectors are given to come to the attractor; `interval`: between two
    orthonormalisations, short enough that a vector does not grow beyond 1e6; start: first time,
    where the system depends on it.

    Raises `InputError` for counts that do not fit, and where a trajectory ends early.
    """
    u = np.array(u0, dtype=float)
    if u.ndim != 2 or not 1 <= count <= system.dimension:
        raise InputError(
            f"expected u0 (batch, {system.dimension}) and 1 to {system.dimension} exponents, got "
            f"{u.shape} and {count}"
        )
    _check_intervals(intervals, interval)
    basis = np.random.default_rng(0).standard_normal((len(u), system.dimension, count))
    Q = np.linalg.qr(basis)[0]
    growth, now = [], start
    skipped = int(np.ceil(transient / interval))
    for number in range(skipped + intervals):
        state = np.concatenate([u, Q.transpose(0, 2, 1).reshape(len(u), -1)], axis=1)
        solution = integrate(
            system, state, np.array([now, now + interval]), parameters, tolerance=tolerance,
            scheme=scheme,
        )  # fmt: skip
        if not solution.converged.all():
            first = solution.reason[int(np.argmin(solution.converged))]
            raise InputError(f"expected trajectories without end, got one that stops: {first}")
        end = solution.fields[:, 1]
        u, vectors = end[:, : system.dimension], end[:, system.dimension :]
        Q, R = np.linalg.qr(vectors.reshape(len(u), count, -1).transpose(0, 2, 1))
        now += interval
        if number >= skipped:
            growth.append(np.log(np.abs(np.diagonal(R, axis1=1, axis2=2))) / interval)
    return summary(np.array(growth))


def largest_exponent(
    advance: Callable[[np.ndarray], np.ndarray],
    u0: np.ndarray,
    intervals: int,
    interval: float,
    transient: int = 0,
    distance: float = 1e-6,
    seed: int = 0,
) -> Exponents:
    """The largest exponent of any map, by pairs of trajectories.

    advance: takes states (batch, ...) over one `interval` of time, by the same steps for all of
    them (a step control of its own for each would be seen as growth); u0: (batch, ...), independent
    starts; transient: intervals before the count begins; distance: between the two of a pair, as
    a share of the state's norm, to which it is brought back after each interval.

    Raises `InputError` where a state is no longer finite.
    """
    u = np.array(u0, dtype=float)
    _check_intervals(intervals, interval)
    axes = tuple(range(1, u.ndim))

    def size(values: np.ndarray) -> np.ndarray:
        return np.sqrt(np.sum(values**2, axis=axes, keepdims=True))

    shift = np.random.default_rng(seed).standard_normal(u.shape)
    growth = []
    for number in range(transient + intervals):
        apart = distance * size(u)
        both = np.concatenate([u, u + apart * shift / size(shift)])
        u, near = np.split(np.asarray(advance(both), dtype=float), 2)
        shift = near - u
        factor = size(shift) / apart
        if not (np.isfinite(factor) & (factor > 0)).all():
            raise InputError(
                f"expected finite states that stay apart, got others after {number + 1} intervals"
            )
        if number >= transient:
            growth.append(np.log(factor).reshape(len(u), 1) / interval)
    return summary(np.array(growth))


def summary(growth: np.ndarray) -> Exponents:
    """Means of growth (intervals, batch, count), and their standard errors.

    Intervals that follow one another are correlated, blocks of many hardly; samples are not.
    """
    values = growth.mean(axis=(0, 1))
    blocks = min(BLOCKS, len(growth))
    means = np.stack([part.mean(axis=0) for part in np.array_split(growth, blocks)])
    flat = means.reshape(-1, growth.shape[2])
    errors = flat.std(axis=0, ddof=1) / np.sqrt(len(flat)) if len(flat) > 1 else values * np.nan
    order = np.argsort(-values, kind="stable")
    return Exponents(values[order], errors[order], growth[..., order])


def _check_intervals(intervals: int, interval: float) -> None:
    if intervals < 1 or not 0 < interval < np.inf:
        raise InputError(
            f"expected at least one interval of positive length, got {intervals} of {interval}"
        )
