"""Trajectories of periodic semilinear equations u_t = L u + N(u), by exponential time differencing.

The schemes and their source are in `schemes.py`; here are frames, step sizes, control of
the error, and blow-up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..kernels import CONTRACT, kernel
from ..solution import CONVERGED, MAXIMUM_ITERATIONS, STAGNATED, Solution
from .basis import FourierBasis
from .schemes import EXPONENTIAL as SCHEMES
from .schemes import Entry, Exponential, highest_phi, phi_functions, phi_nodes

Nonlinear = Callable[[np.ndarray], np.ndarray]

BLOCK = 8192  # coefficients stepped together: the arrays of a step then fit the second-level cache
FIRST_STEPS = 16  # steps over the horizon that an error-controlled run begins with
MAX_STEPS = 200_000
SAFETY = 2.0  # on the Richardson estimate, which is small where the order is not yet reached
ROUNDING = 1e-8  # an estimate below it that no longer falls has met rounding


def integrate(
    linear: np.ndarray,
    nonlinear: Nonlinear,
    u0: np.ndarray,
    times: np.ndarray,
    grid: Grid,
    dt: float | None = None,
    tolerance: float | None = None,
    scheme: str = "ETDRK4",
    dealias: bool = True,
    threads: int = 1,
    max_steps: int = MAX_STEPS,
) -> Solution:
    """Solve u_t = L u + N(u) on a periodic grid from u(times[0]) = u0.

    linear: symbol of L on `FourierBasis(grid).shape`, shared, or with a leading (batch,);
    nonlinear: coefficients (batch, *shape) -> coefficients of N, for any part of the batch, and
    safe to be called from several threads; u0: real, (batch, *grid.shape); times: increasing,
    (frames,). `dealias` drops the modes beyond the 2/3 rule from u0 and N.

    Either `dt`: every interval between frames is cut into equal steps of at most that, and
    `residual` is nan. Or `tolerance`: steps are added until the estimated error in time, relative
    to the largest frame in L2, is at most that; the estimate (Richardson) is the `residual`, and
    samples that need more steps than others do not slow them down for more than their block.

    Fields of the result: (batch, frames, *grid.shape), frame 0 being u0; iterations are steps. A
    sample that blows up has converged False and the time in its reason; the others go on.
    Raises `InputError` on shapes, times or options that do not fit.

    >>> grid = Grid(((0.0, 2 * np.pi),), (16,), periodic=True)
    >>> heat = FourierBasis(grid).laplacian
    >>> u0 = np.cos(grid.axes[0])[None]
    >>> solution = integrate(heat, np.zeros_like, u0, np.array([0.0, 1.0]), grid, dt=0.5)
    >>> bool(np.allclose(solution.fields[0, 1], np.exp(-1) * u0[0]))
    True
    """
    basis = FourierBasis(grid)
    u0, times, linear = _check(basis, linear, u0, times)
    if (dt is None) == (tolerance is None):
        raise InputError("expected either dt or tolerance, got both or neither")
    if not 0 < (dt if dt is not None else tolerance) < np.inf:  # type: ignore[operator]
        raise InputError(f"expected a positive dt or tolerance, got {dt if dt else tolerance}")
    if scheme not in SCHEMES:
        raise InputError(f"expected a scheme of {sorted(SCHEMES)}, got {scheme!r}")
    modes = int(np.prod(basis.shape))
    size = max(1, BLOCK // modes)
    mask = basis.resolved.ravel() if dealias else np.ones(modes, dtype=bool)

    def run(first: int) -> Solution:
        rows = slice(first, first + size)
        symbol = linear if len(linear) == 1 else linear[rows]
        march = _March(basis, SCHEMES[scheme], symbol, nonlinear, mask, u0[rows], times, max_steps)
        # A state that blows up overflows before it is found; its reason says so.
        with np.errstate(over="ignore", invalid="ignore"):
            return march.fixed(dt) if dt is not None else march.controlled(float(tolerance or 0))

    starts = range(0, len(u0), size)
    if threads == 1 or len(starts) == 1:
        parts = [run(start) for start in starts]
    else:
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(run, starts))
    return Solution.join(parts)


class _March:
    """One block of samples, stepped together."""

    def __init__(
        self,
        basis: FourierBasis,
        tableau: Exponential,
        linear: np.ndarray,
        nonlinear: Nonlinear,
        mask: np.ndarray,
        u0: np.ndarray,
        times: np.ndarray,
        max_steps: int,
    ) -> None:
        self.basis, self.tableau, self.linear = basis, tableau, linear
        self.u0, self.times, self.mask, self.max_steps = u0, times, mask, max_steps
        self.intervals = np.diff(times)
        self.started = time.perf_counter()

        def flat(u_hat: np.ndarray) -> np.ndarray:
            slope = nonlinear(u_hat.reshape(-1, *basis.shape))
            return np.ascontiguousarray(slope, dtype=np.complex128).reshape(u_hat.shape)

        self.nonlinear = flat

    def fixed(self, dt: float) -> Solution:
        # An interval of k dt up to rounding gets k steps, not k + 1.
        counts = np.maximum(np.ceil(self.intervals / dt * (1 - 1e-12)), 1).astype(int)
        everyone = np.arange(len(self.u0))
        frames, died = self.frames(everyone, counts)
        return self.solution(
            frames,
            np.full(len(self.u0), counts.sum()),
            np.full(len(self.u0), np.nan),
            [CONVERGED if np.isnan(t) else _blow_up(t) for t in died],
        )

    def controlled(self, tolerance: float) -> Solution:
        """Multiply the steps of the samples that are not good enough until all are."""
        count = len(self.u0)
        horizon = self.times[-1] - self.times[0]
        counts = np.maximum(np.ceil(FIRST_STEPS * self.intervals / horizon), 1).astype(int)
        result = np.zeros((count, len(self.times), *self.basis.grid.shape))
        steps, estimate = np.zeros(count, dtype=int), np.full(count, np.inf)
        reason = [MAXIMUM_ITERATIONS] * count
        waiting, factor = np.arange(count), 2
        coarse, _ = self.frames(waiting, counts)
        while len(waiting):
            counts = counts * factor
            fine, died = self.frames(waiting, counts)
            previous = estimate[waiting]
            new = SAFETY * _difference(fine, coarse) / (factor**self.tableau.order - 1)
            new = np.maximum(new, np.finfo(float).eps * np.sqrt(counts.sum()))
            alive = np.isnan(died)
            new[~alive] = np.inf
            result[waiting], steps[waiting], estimate[waiting] = fine, counts.sum(), new
            good = new <= tolerance
            stuck = ~good & alive & (previous < ROUNDING) & (new > 0.5 * previous)
            for place, i in enumerate(waiting):
                if not alive[place]:
                    reason[i] = _blow_up(died[place])
                elif good[place] or stuck[place]:
                    reason[i] = CONVERGED if good[place] else STAGNATED
                else:
                    reason[i] = MAXIMUM_ITERATIONS
            keep = ~(good | stuck)
            waiting, coarse = waiting[keep], fine[keep]
            factor = _next_factor(new[keep], tolerance, self.tableau.order)
            if counts.sum() * factor > self.max_steps:
                break
        return self.solution(result, steps, estimate, reason)

    def solution(
        self, frames: np.ndarray, steps: np.ndarray, estimate: np.ndarray, reason: list[str]
    ) -> Solution:
        finite = np.all(np.isfinite(self.u0), axis=tuple(range(1, self.u0.ndim)))
        reason = [
            text if ok else "breakdown: initial state is not finite"
            for text, ok in zip(reason, finite, strict=True)
        ]
        converged = np.array([text == CONVERGED for text in reason])
        estimate = np.where(np.isfinite(estimate), estimate, np.nan)
        share = (time.perf_counter() - self.started) / len(self.u0)
        seconds = np.full(len(self.u0), share)
        return Solution(frames, converged, steps, estimate, seconds, tuple(reason))

    def frames(self, which: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Frames (which, frames, *grid) with counts[i] steps in interval i, and times of death.

        The time is nan for those that live; frames from then on are nan.
        """
        u0 = self.u0[which]
        linear = self.linear if len(self.linear) == 1 else self.linear[which]
        frames = np.empty((len(which), len(self.times), *self.basis.grid.shape))
        frames[:, 0] = u0
        died = np.full(len(which), np.nan)
        bad = ~np.all(np.isfinite(u0), axis=tuple(range(1, u0.ndim)))
        died[bad] = self.times[0]
        u0 = np.where(bad.reshape(-1, *[1] * (u0.ndim - 1)), 0.0, u0)
        u_hat = np.ascontiguousarray(self.basis.forward(u0)).reshape(len(which), -1) * self.mask
        spare, stage = np.empty_like(u_hat), np.empty_like(u_hat)
        stepper: Stepper | None = None
        for i, interval in enumerate(self.intervals):
            h = interval / counts[i]
            if stepper is None or abs(stepper.h - h) > 1e-12 * h:
                stepper = Stepper(self.tableau, linear, h, self.mask, self.nonlinear)
            for n in range(counts[i]):
                stepper.step(u_hat, stage, spare)
                u_hat, spare = spare, u_hat
                gone = ~np.isfinite(u_hat.sum(axis=1))
                if gone.any():
                    died[gone] = self.times[i] + (n + 1) * h
                    u_hat[gone] = 0.0  # so that the others are not slowed down
                    if not np.isnan(died).any():
                        break
            frames[:, i + 1] = self.basis.inverse(u_hat.reshape(-1, *self.basis.shape))
            frames[~np.isnan(died), i + 1 :] = np.nan
            if not np.isnan(died).any():
                break
        return frames, died


def _difference(fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """Largest L2 difference of the frames of each sample, relative to its largest frame."""
    count, frames = fine.shape[:2]
    far = np.linalg.norm((fine - coarse).reshape(count, frames, -1), axis=2).max(axis=1)
    size = np.linalg.norm(fine.reshape(count, frames, -1), axis=2).max(axis=1)
    ratio = far / np.where(size > 0, size, 1.0)
    return np.where(np.isfinite(ratio), ratio, np.inf)


def _next_factor(estimate: np.ndarray, tolerance: float, order: int) -> int:
    """By how much to multiply the steps; 2 where the estimate is too large to be believed."""
    if not len(estimate) or not estimate.max() < 0.05:
        return 2
    return int(np.clip(np.ceil(1.05 * (estimate.max() / tolerance) ** (1 / order)), 2, 8))


def _blow_up(t: float) -> str:
    return f"blow-up at t = {t:.6g}"


def _check(
    basis: FourierBasis, linear: np.ndarray, u0: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    u0 = np.asarray(u0, dtype=np.float64)
    grid = basis.grid.shape
    if u0.ndim != len(grid) + 1 or u0.shape[1:] != grid or not len(u0):
        raise InputError(f"expected u0 of shape (batch, {str(grid)[1:-1]}), got {u0.shape}")
    times = np.asarray(times, dtype=np.float64)
    if times.ndim != 1 or len(times) < 2 or not np.all(np.diff(times) > 0):
        raise InputError("expected at least two increasing times, the first that of u0")
    linear = np.asarray(linear)
    if linear.shape not in (basis.shape, (len(u0), *basis.shape)):
        raise InputError(
            f"expected a linear symbol of shape {basis.shape} or {(len(u0), *basis.shape)}, got "
            f"{linear.shape}; one coefficient for each mode"
        )
    rows = 1 if linear.shape == basis.shape else len(u0)
    kind = np.complex128 if np.iscomplexobj(linear) else np.float64
    linear = np.ascontiguousarray(linear, dtype=kind).reshape(rows, -1)
    if not np.all(np.isfinite(linear)):
        raise InputError("expected a finite linear symbol, got NaN or infinity in it")
    return u0, times, linear


class Stepper:
    """One scheme with one step size on one linear symbol: its coefficients, ready to be used.

    linear: (rows, modes) with one row for all samples or one for each; mask: (modes,) bool, the
    modes in which the nonlinear term acts; nonlinear: maps u_hat (batch, modes) to the same.
    """

    def __init__(
        self,
        tableau: Exponential,
        linear: np.ndarray,
        h: float,
        mask: np.ndarray,
        nonlinear: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self.h = h
        self.nonlinear = nonlinear
        self._z = h * linear
        self._phi = {
            c: phi_functions(c * self._z, highest_phi(tableau, c)) for c in phi_nodes(tableau)
        }
        scale = h * mask
        self._rows = [
            self._row(c, entries, scale) for c, entries in zip(tableau.c, tableau.a, strict=True)
        ]
        self._last = self._row(1.0, tableau.b, scale)
        del self._phi, self._z

    def _row(
        self, c: float, entries: tuple[Entry, ...], scale: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """exp(c z), the coefficients that are not zero, and of which stages they are."""
        which = [j for j, entry in enumerate(entries) if entry]
        decay = self._phi[c][0]
        coefficients = np.empty((len(which), *decay.shape), dtype=decay.dtype)
        for place, j in enumerate(which):
            total = sum(weight * self._phi[node][k] for weight, k, node in entries[j])
            coefficients[place] = scale * total
        return decay, coefficients, np.array(which, dtype=np.int64)

    def step(self, u_hat: np.ndarray, stage: np.ndarray, out: np.ndarray) -> None:
        """out = u_hat one step later, all (batch, modes); stage is scratch."""
        slopes = [self.nonlinear(u_hat)]
        for decay, coefficients, which in self._rows[1:]:
            _combine(decay, u_hat, coefficients, tuple(slopes[j] for j in which), stage)
            slopes.append(self.nonlinear(stage))
        decay, coefficients, which = self._last
        _combine(decay, u_hat, coefficients, tuple(slopes[j] for j in which), out)


@kernel(CONTRACT)
def _combine(decay, u, coefficients, slopes, out):
    """out = decay u + sum_s coefficients[s] slopes[s]; one row of coefficients serves all rows."""
    batch, modes = u.shape
    for b in range(batch):
        row = b if decay.shape[0] > 1 else 0
        factor, source, target = decay[row], u[b], out[b]
        for k in range(modes):
            target[k] = factor[k] * source[k]
        for s in range(len(slopes)):
            factor, source = coefficients[s, row], slopes[s][b]
            for k in range(modes):
                target[k] += factor[k] * source[k]
