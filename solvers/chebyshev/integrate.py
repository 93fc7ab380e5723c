"""Trajectories of u_t = a lap u + N(u) on intervals and boxes with ends."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from ...geometry.errors import InputError
from ..solution import CONVERGED, MAXIMUM_ITERATIONS, STAGNATED, Solution
from ..tableaux import ADDITIVE
from .basis import ChebyshevBasis
from .boundary import INSULATED, Boundary
from .box import Box
from .stepper import Nonlinear, Stepper

MAX_STEPS = 1_000_000
FIRST_STEPS = 16  # steps over the horizon that an error-controlled run begins with
ROUNDING = 1e-8  # a change below it that no longer falls has met rounding
SAFETY = 2.0  # on the Richardson estimate, which is small where the order is not yet reached


def integrate(
    diffusivity: float | np.ndarray,
    nonlinear: Nonlinear | None,
    u0: np.ndarray,
    times: np.ndarray,
    basis: ChebyshevBasis,
    boundary: Boundary | Sequence[Boundary] = INSULATED,
    dt: float | None = None,
    tolerance: float | None = None,
    scheme: str = "ARK436",
    dealias: bool = True,
    max_steps: int = MAX_STEPS,
) -> Solution:
    """Solve u_t = a lap u + N(u) on a box from u(times[0]) = u0, a lap u implicitly.

    diffusivity: a, a number, (batch,), or (batch, fields); nonlinear: N(u, t, basis) with u
    (batch, [fields,] *basis.shape) on the basis that it is handed, `dealias` having 3/2 times the
    points; None for none. u0: (batch, [fields,] *basis.shape) at the Chebyshev points; times:
    increasing, (frames,); boundary: of all fields, or a list with one for each; scheme: a name of
    `tableaux.ADDITIVE`.

    Either `dt`: every interval between frames is cut into equal steps of at most that, and
    `residual` is nan. Or `tolerance`: steps are doubled until the estimated error in time,
    relative to the largest frame in L2, is at most that; the estimate is the `residual`.

    The order of the scheme is that of the result where a lap u and N(u) meet the homogeneous
    conditions too, as with slopes of zero, or values of zero and N(0) = 0. Elsewhere, as with data
    that changes in time, schemes of order 3 and 4 give 2 to 3 near the ends (Sanz-Serna, Verwer &
    Hundsdorfer, Numer. Math. 50 (1986)). Estimates take the order that they see.

    Fields of the result: (batch, frames, [fields,] *basis.shape), frame 0 being u0; iterations
    are steps. A sample that blows up has converged False and the time in its reason.
    Raises `InputError` on shapes, names or options that do not fit.

    >>> basis = ChebyshevBasis(((0.0, np.pi),), (20,))
    >>> u0 = np.cos(basis.axes[0])[None]
    >>> heat = integrate(1.0, None, u0, np.array([0.0, 1.0]), basis, tolerance=1e-9)
    >>> bool(np.allclose(heat.fields[0, 1], np.exp(-1) * u0[0], rtol=0, atol=1e-9))
    True
    """
    started = time.perf_counter()
    u0, bare = _checked_state(u0, basis)
    times = np.asarray(times, dtype=np.float64)
    if times.ndim != 1 or len(times) < 2 or not np.all(np.diff(times) > 0):
        raise InputError("expected at least two increasing times, the first that of u0")
    if (dt is None) == (tolerance is None):
        raise InputError("expected either dt or tolerance, got both or neither")
    size = dt if dt is not None else tolerance
    if not 0 < size < np.inf:  # type: ignore[operator]
        raise InputError(f"expected a positive dt or tolerance, got {size}")
    if scheme not in ADDITIVE:
        raise InputError(f"expected a scheme of {sorted(ADDITIVE)}, got {scheme!r}")
    boxes = _boxes(basis, boundary, u0.shape[1])
    tableau = ADDITIVE[scheme]
    a = _diffusivities(diffusivity, u0)
    stepper = Stepper(tableau, boxes, a, nonlinear, dealias and nonlinear is not None, bare)
    march = _March(stepper, u0, times, max_steps)
    with np.errstate(over="ignore", invalid="ignore"):
        if dt is not None:
            # An interval of k dt up to rounding gets k steps, not k + 1.
            counts = np.maximum(np.ceil(march.intervals / dt * (1 - 1e-12)), 1).astype(int)
            frames, reason = march.run(counts)
            estimate, steps = np.full(len(u0), np.nan), int(counts.sum())
        else:
            frames, reason, estimate, steps = march.controlled(float(tolerance or 0), tableau.order)
    share = (time.perf_counter() - started) / len(u0)
    return Solution(
        frames[:, :, 0] if bare else frames,
        np.array([text == CONVERGED for text in reason]),
        np.full(len(u0), steps),
        estimate,
        np.full(len(u0), share),
        tuple(reason),
    )


class _March:
    """All samples, stepped together."""

    def __init__(self, stepper: Stepper, u0: np.ndarray, times: np.ndarray, max_steps: int) -> None:
        self.stepper, self.u0, self.times, self.max_steps = stepper, u0, times, max_steps
        self.intervals = np.diff(times)

    def run(self, counts: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """Frames (batch, frames, fields, *shape) with counts[i] steps in interval i; reasons."""
        if counts.sum() > self.max_steps:
            text = f"{MAXIMUM_ITERATIONS}: {counts.sum()} steps are needed"
            return self._empty(), [text] * len(self.u0)
        stepper, frames = self.stepper, self._empty()
        reason = [CONVERGED] * len(self.u0)
        alive = np.isfinite(self.u0.reshape(len(self.u0), -1).sum(axis=1))
        for dead in np.flatnonzero(~alive):
            reason[dead] = "breakdown: initial state is not finite"
        data = stepper.data(self.times[0])
        begin = np.where(alive.reshape(-1, *[1] * (self.u0.ndim - 1)), self.u0, 0.0)
        state = stepper.begin(begin, self.times[0])
        for i, count in enumerate(counts):
            h = self.intervals[i] / count
            for n in range(count):
                t = self.times[i] + n * h
                state, data = stepper.step(state, data, t, h)
                total = sum(c.reshape(len(c), -1).sum(axis=1) for c in state)
                gone = alive & ~np.isfinite(total)
                for sample in np.flatnonzero(gone):
                    reason[sample] = (
                        f"blow-up at t = {t + h:.6g} with steps of {h:.3g}: use a smaller dt or "
                        "more points"
                    )
                if gone.any():
                    alive &= ~gone
                    for c in state:
                        c[~alive] = 0.0  # so that the others are not slowed down
            values = stepper.values(state, data)
            frames[alive, i + 1] = values[alive]
        return frames, reason

    def controlled(
        self, tolerance: float, order: int
    ) -> tuple[np.ndarray, list[str], np.ndarray, int]:
        """Double the steps until every sample that lives is good enough."""
        horizon = self.times[-1] - self.times[0]
        counts = np.maximum(np.ceil(FIRST_STEPS * self.intervals / horizon), 1).astype(int)
        coarse, _ = self.run(counts)
        previous = np.full(len(self.u0), np.nan)
        while True:
            counts = 2 * counts
            fine, reason = self.run(counts)
            change = _difference(fine, coarse)
            estimate = SAFETY * change / (2 ** _observed(change, previous, order) - 1)
            bad = ~(estimate <= tolerance)  # nan is bad
            stuck = bad & (change < ROUNDING) & (change > 0.5 * previous)
            if not np.any(bad & ~stuck) or 2 * counts.sum() > self.max_steps:
                break
            coarse, previous = fine, change
        for i in np.flatnonzero(bad):
            if reason[i] == CONVERGED:
                reason[i] = STAGNATED if stuck[i] else MAXIMUM_ITERATIONS
        return fine, reason, estimate, int(counts.sum())

    def _empty(self) -> np.ndarray:
        frames = np.full(
            (len(self.u0), len(self.times), *self.u0.shape[1:]), np.nan, dtype=np.float64
        )
        frames[:, 0] = self.u0
        return frames


def _difference(fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """Largest L2 difference of the frames of each sample, relative to its largest frame."""
    count, frames = fine.shape[:2]
    far = np.linalg.norm((fine - coarse).reshape(count, frames, -1), axis=2).max(axis=1)
    size = np.linalg.norm(fine.reshape(count, frames, -1), axis=2).max(axis=1)
    return far / np.where(size > 0, size, 1.0)


def _observed(change: np.ndarray, previous: np.ndarray, order: int) -> np.ndarray:
    """Order at which the changes fall, at most the declared one; 1 where it is not known yet."""
    ratio = previous / np.where(change > 0, change, np.inf)
    return np.clip(np.log2(np.where(ratio > 2, ratio, 2.0)), 1, order)


def _checked_state(u0: np.ndarray, basis: ChebyshevBasis) -> tuple[np.ndarray, bool]:
    """(batch, fields, *shape), and whether the axis of fields was missing."""
    u0 = np.asarray(u0, dtype=np.float64)
    bare = u0.ndim == basis.ndim + 1
    if (
        u0.ndim not in (basis.ndim + 1, basis.ndim + 2)
        or u0.shape[-basis.ndim :] != basis.shape
        or 0 in u0.shape
    ):
        raise InputError(
            f"expected u0 of shape (batch, [fields,] {str(basis.shape)[1:-1]}), got {u0.shape}"
        )
    return (u0[:, None] if bare else u0), bare


def _diffusivities(diffusivity: float | np.ndarray, u0: np.ndarray) -> np.ndarray:
    """(batch, fields)."""
    batch, fields = u0.shape[:2]
    a = np.asarray(diffusivity, dtype=np.float64)
    if a.shape not in ((), (batch,), (batch, fields)) or not np.all(a >= 0) or np.isinf(a).any():
        raise InputError(
            f"expected diffusivities of at least 0, one, ({batch},) or ({batch}, {fields}), "
            f"got shape {a.shape}"
        )
    return np.broadcast_to(a[:, None] if a.ndim == 1 else a, (batch, fields))


def _boxes(
    basis: ChebyshevBasis, boundary: Boundary | Sequence[Boundary], fields: int
) -> list[Box]:
    if isinstance(boundary, Sequence):
        if len(boundary) != fields:
            raise InputError(f"expected {fields} boundaries, got {len(boundary)}")
        return [Box(basis, each) for each in boundary]
    return [Box(basis, boundary)] * fields
