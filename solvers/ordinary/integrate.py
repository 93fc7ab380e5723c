"""Trajectories of ordinary systems, batched over samples."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...geometry.errors import InputError
from ..solution import CONVERGED, MAXIMUM_ITERATIONS, Solution
from ..stencils.compiling import compiling_is_told
from . import explicit, rosenbrock
from .control import DONE, TOO_MANY
from .methods import RODAS4, STIFF, Explicit
from .methods import explicit as explicit_method
from .source import LANES, compiled_rates
from .system import System

MAX_STEPS = 10_000_000
ABSOLUTE = 1e-3  # of the relative tolerance: what an unknown near zero may be off

Parameters = Mapping[str, float | np.ndarray]


def integrate(
    system: System,
    u0: np.ndarray,
    times: np.ndarray,
    parameters: Parameters | None = None,
    dt: float | None = None,
    tolerance: float | None = None,
    scheme: str = "dop853",
    absolute: float | None = None,
    threads: int = 1,
    max_steps: int = MAX_STEPS,
) -> Solution:
    """Solve u_t = f(u, t) from u(times[0]) = u0, for a batch of samples.

    u0: (batch, unknowns), or (batch,) where there is one; times: increasing, (frames,), as close
    or far apart as is asked for: the steps do not see them (but for "rodas4", whose steps end on
    them); parameters: a number, or one for each sample, (batch,); the system's defaults unless
    told; scheme: "dop853", "dopri5", "rodas4" for stiff systems, or, with `dt`, a name of
    `tableaux.RUNGE_KUTTA`; threads: over samples.

    tolerance: of the error of a step relative to each unknown, root mean square over them, 1e-8
    unless told; absolute: what is added to it, 1e-3 tolerance unless told. dt instead: every
    interval between frames is cut into equal steps of at most that.

    u0 may be (batch, unknowns * (1 + m)) with m tangent vectors behind the state: they follow
    v_t = f'(u) v in the same steps, by explicit schemes only.

    Fields of the result: (batch, frames, width of u0), frame 0 being u0; iterations are steps,
    rejected ones included; residual is the largest estimated error of a step (nan with dt). A
    sample that does not reach its end has converged False and says when and why; its frames are
    nan from then on. The bits of a sample do not depend on the number of threads.

    Raises `InputError` on shapes, names or options that do not fit.

    >>> from sobolev.solvers.ordinary.systems import LORENZ63
    >>> solution = integrate(LORENZ63, np.array([[1.0, 1.0, 1.0]]), np.linspace(0.0, 1.0, 5))
    >>> solution.fields.shape, bool(solution.converged.all())
    ((1, 5, 3), True)
    """
    with compiling_is_told():
        job = _prepared(
            system, u0, times, parameters or {}, dt, tolerance, scheme, absolute, max_steps
        )
        lanes = 1 if len(job.u0) == 1 else LANES
        starts = range(0, len(job.u0), lanes)
        if threads < 1:
            raise InputError(f"expected at least one thread, got {threads}")
        if threads == 1:
            return Solution.join([_block(job, start, lanes) for start in starts])
        with ThreadPoolExecutor(threads) as pool:
            return Solution.join(list(pool.map(lambda start: _block(job, start, lanes), starts)))


@dataclass(frozen=True)
class _Job:
    """Everything that the samples share, checked."""

    system: System
    u0: np.ndarray
    """(batch, width)"""
    bare: bool
    times: np.ndarray
    parameters: np.ndarray
    """(batch, count)"""
    method: Explicit | None
    """None for the Rosenbrock method."""
    scheme: str
    counts: np.ndarray | None
    """Equal steps in each interval, or None with error control."""
    rtol: float
    atol: float
    max_steps: int


def _block(job: _Job, start: int, lanes: int) -> Solution:
    """The samples from `start` on, as many as an engine takes at once."""
    began = time.perf_counter()
    own = slice(start, start + lanes)
    # The last block is filled up with its last sample, which costs less than a second compilation.
    places = np.minimum(np.arange(start, start + lanes), len(job.u0) - 1)
    u, p = job.u0[places].T.ravel(), job.parameters[places].T.ravel()
    frames = np.full((len(job.times), u.size), np.nan)
    frames[0] = u
    finite = np.isfinite(job.u0[own]).all(axis=1) & np.isfinite(job.parameters[own]).all(axis=1)
    status, steps, worst, reached = _march(job, u, p, lanes, frames)
    count = len(finite)
    reasons = [
        _reason(job, int(status[i]), int(steps[i]), float(reached[i]))
        if finite[i]
        else "breakdown: initial state or parameters are not finite"
        for i in range(count)
    ]
    fields = frames.reshape(len(frames), -1, lanes)[..., :count].transpose(2, 0, 1)
    for i in range(count):
        if reasons[i] != CONVERGED:
            fields[i, job.times > (reached[i] if finite[i] else job.times[0])] = np.nan
    return Solution(
        np.ascontiguousarray(fields[..., 0] if job.bare else fields),
        np.array([reason == CONVERGED for reason in reasons]),
        steps[:count],
        job.rtol * worst[:count] if job.counts is None else np.full(count, np.nan),
        np.full(count, (time.perf_counter() - began) / count),
        tuple(reasons),
    )


def _march(job: _Job, u: np.ndarray, p: np.ndarray, lanes: int, frames: np.ndarray) -> Any:
    f, n = compiled_rates(job.system, lanes), job.system.dimension
    method = job.method
    if method is None:
        times, found = job.times, frames
        if job.counts is not None:  # frames at all steps, as steps end on frames
            ends = np.cumsum(job.counts)
            places = np.concatenate([[0], ends]), np.arange(ends[-1] + 1)
            times = np.interp(places[1], places[0], job.times)
            found = np.full((len(times), u.size), np.nan)
        result = rosenbrock.march(
            f, u, times, p, lanes, RODAS4.gamma, RODAS4.a, RODAS4.c, RODAS4.alpha, RODAS4.d,
            -1 / (RODAS4.error_order + 1), job.rtol, job.atol, job.max_steps, found,
        )  # fmt: skip
        if job.counts is not None:
            frames[1:] = found[ends]
        return result
    if job.counts is not None:
        return explicit.march_equal(
            f, u, job.times, job.counts, p, n, lanes, method.a, method.c, method.stages, frames
        )
    return explicit.march(
        f, u, job.times, p, n, lanes, method.a, method.c, method.stages, method.error,
        method.dense, -1 / (method.error_order + 1), job.rtol, job.atol, job.max_steps, frames,
    )  # fmt: skip


def _reason(job: _Job, status: int, steps: int, reached: float) -> str:
    if status == DONE:
        return CONVERGED
    if status == TOO_MANY:
        advice = "use 'rodas4' if it is stiff, or more max_steps" if job.method else "raise it"
        return f"{MAXIMUM_ITERATIONS}: {steps} steps reach t = {reached:.6g}; {advice}"
    if job.counts is not None:
        return (
            f"blow-up at t = {reached:.6g} after {steps} equal steps of {job.scheme}: use a "
            "smaller dt"
        )
    return (
        f"blow-up at t = {reached:.6g}: no step that is left in rounding has an error below "
        f"{job.rtol:.1e}; end before, or check the equation"
    )


def _prepared(
    system: System,
    u0: np.ndarray,
    times: np.ndarray,
    parameters: Parameters,
    dt: float | None,
    tolerance: float | None,
    scheme: str,
    absolute: float | None,
    max_steps: int,
) -> _Job:
    u0, times = np.array(u0, dtype=np.float64), np.asarray(times, dtype=np.float64)
    n = system.dimension
    bare = n == 1 and u0.ndim == 1
    if bare:
        u0 = u0[:, None]
    if u0.ndim != 2 or not len(u0) or not u0.shape[1] or u0.shape[1] % n:
        raise InputError(f"expected u0 of shape (batch, {n}) for {system.name}, got {u0.shape}")
    if times.ndim != 1 or len(times) < 2 or not (np.isfinite(times).all() and _rises(times)):
        raise InputError(f"expected at least two increasing times, got {times}")
    method = None if scheme == STIFF else explicit_method(scheme)
    if method is None and u0.shape[1] != n:
        raise InputError(f"expected an explicit scheme for tangent vectors, got {scheme!r}")
    if dt is None and method is not None and not method.adaptive:
        raise InputError(f"expected dt with the scheme {scheme!r}, got none; or use 'dop853'")
    if dt is not None and tolerance is not None:
        raise InputError(f"expected dt or a tolerance, got both: {dt} and {tolerance}")
    rtol = 1e-8 if tolerance is None else tolerance
    atol = ABSOLUTE * rtol if absolute is None else absolute
    for name, value in (("dt", 1.0 if dt is None else dt), ("tolerance", rtol), ("absolute", atol)):
        if not 0 < value < np.inf:
            raise InputError(f"expected a positive {name}, got {value}")
    if max_steps < 1:
        raise InputError(f"expected max_steps of at least 1, got {max_steps}")
    counts = None
    if dt is not None:
        # An interval of k steps up to rounding gets k steps, not k + 1.
        counts = np.maximum(1, np.ceil(np.diff(times) / dt * (1 - 1e-12))).astype(np.int64)
        if counts.sum() > max_steps:
            raise InputError(
                f"expected at most {max_steps} steps, got {counts.sum()}; use a larger dt"
            )
        rtol = atol = np.inf
    return _Job(
        system, u0, bare, times, _numbers(system, parameters, len(u0)), method, scheme, counts,
        rtol, atol, max_steps,
    )  # fmt: skip


def _rises(times: np.ndarray) -> bool:
    return bool((np.diff(times) > 0).all())


def _numbers(system: System, given: Parameters, batch: int) -> np.ndarray:
    """(batch, parameters)"""
    values = {**system.usual, **given}
    if set(values) != set(system.parameters):
        raise InputError(
            f"expected the parameters {system.parameters} of {system.name}, got {tuple(values)}"
        )
    columns = []
    for name in system.parameters:
        value = np.asarray(values[name], dtype=np.float64)
        if value.shape not in ((), (batch,)):
            raise InputError(f"expected {name} of shape () or ({batch},), got {value.shape}")
        columns.append(np.broadcast_to(value, (batch,)))
    return np.stack(columns, axis=1) if columns else np.zeros((batch, 0))
