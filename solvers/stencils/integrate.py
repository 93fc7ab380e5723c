"""Trajectories of equations on grids, by finite differences and explicit Runge-Kutta methods."""

from __future__ import annotations

import time
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..solution import CONVERGED, MAXIMUM_ITERATIONS, Solution
from .boundary import Boundary, Neumann
from .compiling import compiling_is_told
from .equation import Equation
from .job import Job, Parameters, prepared
from .slab import Domain

SAFETY = 0.8  # closures at ends raise the largest eigenvalue by up to 16%
CHECK = 32  # passes between two looks at a state
MOVED = 0.25  # of a field's size, by which it may leave the values its step was found for
HOPELESS = 1e6  # change of the logarithm, were it to last, of what ends before the times do
MAX_STEPS = 10_000_000


def integrate(
    equation: Equation,
    u0: np.ndarray,
    times: np.ndarray,
    grid: Grid,
    parameters: Parameters | None = None,
    coefficients: Parameters | None = None,
    boundary: Boundary | None = None,
    dt: float | None = None,
    order: int = 2,
    scheme: str = "rk4",
    dtype: type[np.floating] = np.float64,
    threads: int = 1,
    max_steps: int = MAX_STEPS,
    reconstruction: str = "weno5",
    flux: str = "split",
) -> Solution:
    """Solve u_t = F(u) from u(times[0]) = u0, for a batch of samples.

    u0: (batch, fields, *grid.shape), or without the axis of fields where there is one field;
    times: increasing, (frames,); parameters: a number, or one for each sample, (batch,);
    coefficients: arrays of grid.shape, or (batch, *grid.shape); boundary: of the axes that are
    not periodic, slope zero unless told; order: 2, 4 or 6 in the spacing; scheme: a name of
    `tableaux.RUNGE_KUTTA`; threads: over samples, or over slabs of a single one.

    `dt`: every interval between frames is cut into equal steps of at most that. Without it the
    steps are `SAFETY` times a limit that keeps them stable and lets them follow what grows; it is
    found anew at every frame, and where values leave those for which it was found.

    Fields of the result: (batch, frames, [fields,] *grid.shape) in `dtype`, frame 0 being u0
    with the values that the boundary gives; iterations are steps; residual is nan. A sample that
    blows up has converged False, the time and the step limit in its reason, and nan from
    then on. The bits do not depend on the number of threads.

    Raises `InputError` on shapes, names or options that do not fit.

    >>> from sobolev.solvers.stencils.equations import HEAT
    >>> grid = Grid(((0.0, 2 * np.pi),), (64,), periodic=True)
    >>> u0 = np.cos(grid.axes[0])[None]
    >>> solution = integrate(HEAT, u0, np.array([0.0, 1.0]), grid, {"diffusivity": 1.0}, order=4)
    >>> bool(np.allclose(solution.fields[0, 1], np.exp(-1) * u0[0], atol=1e-6))
    True
    """
    with compiling_is_told():
        job = prepared(
            equation, u0, times, grid, parameters or {}, coefficients or {}, boundary or Neumann(),
            dt, order, scheme, np.dtype(dtype), max_steps, reconstruction, flux, threads,
        )  # fmt: skip
        return Solution.join(_trajectories(job, threads))


def _trajectories(job: Job, threads: int) -> list[Solution]:
    batch = range(len(job.u0))
    if threads == 1:
        return [_trajectory(job, i, None, 1) for i in batch]
    with ThreadPoolExecutor(threads) as pool:
        if len(batch) >= threads:
            return list(pool.map(lambda i: _trajectory(job, i, None, 1), batch))
        return [_trajectory(job, i, pool, threads) for i in batch]


def _trajectory(job: Job, sample: int, pool: Executor | None, slabs: int) -> Solution:
    started = time.perf_counter()
    with np.errstate(over="ignore", invalid="ignore"):
        frames, steps, reason = _frames(job, sample, pool, slabs)
    return Solution(
        (frames[:, 0] if job.bare else frames)[None],
        np.array([reason == CONVERGED]),
        np.array([steps]),
        np.array([np.nan]),
        np.array([time.perf_counter() - started]),
        (reason,),
    )


def _frames(
    job: Job, sample: int, pool: Executor | None, slabs: int
) -> tuple[np.ndarray, int, str]:
    u0, times, engine = job.u0[sample], job.times, job.engine
    frames = np.full((len(times), *u0.shape), np.nan, dtype=engine.dtype)
    frames[0] = u0
    if not np.all(np.isfinite(u0)):
        return frames, 0, "breakdown: initial state is not finite"
    given, parameters = job.given[min(sample, len(job.given) - 1)], job.parameters[sample]
    if job.sigma is not None:
        given = np.concatenate([job.sigma[None], given])
        parameters = np.concatenate([parameters, job.rest])
    domain = Domain(engine, given.reshape(-1, *engine.shape), parameters, pool, slabs, sample)
    domain.load(u0.reshape(-1, *engine.shape), times[0])
    frames[0] = domain.state.reshape(u0.shape)
    done = 0
    for i, (start, end) in enumerate(pairwise(times)):
        steps, reason = _interval(job, sample, domain, start, end, job.max_steps - done)
        done += steps
        if reason != CONVERGED:
            return frames, done, reason
        frames[i + 1] = domain.state.reshape(u0.shape)
    return frames, done, CONVERGED


def _interval(
    job: Job, sample: int, domain: Domain, t: float, end: float, budget: int
) -> tuple[int, str]:
    """From one frame to the next: steps taken, and `CONVERGED` or why not."""

    def state() -> np.ndarray:
        return domain.state.reshape(job.u0[sample].shape)

    chosen, done, now = job.dt is None, 0, state()
    stiffness, change = job.stiffness(sample, now) if chosen else (np.inf, 0.0)
    seen = now
    while t < end:
        limit = job.limit(sample, now, stiffness) if chosen else np.inf
        count = _count(job, end - t, limit) if change < np.inf else budget + 1
        h = (end - t) / count
        if done + count > budget:
            if change * (job.times[-1] - job.times[0]) > HOPELESS:
                return done, _blow_up(t, h, t, limit, job.scheme)
            needed = job.max_steps - budget + done + count
            return done, f"{MAXIMUM_ITERATIONS}: {needed} steps are needed"
        some = min(count, _unseen(job, done, change * h)) if chosen else count
        taken = _march(domain, some, h, t)
        if taken < some:
            limit = job.limit(sample, now, job.stiffness(sample, now)[0])
            return done + taken, _blow_up(t + taken * h, h, t, limit, job.scheme)
        done += taken
        t = end if some == count else t + some * h
        now = state() if t < end else now
        if chosen and t < end and _moved(now, seen):
            (stiffness, change), seen = job.stiffness(sample, now), now
    return done, CONVERGED


def _unseen(job: Job, done: int, change: float) -> int:
    """Steps until the state is looked at again.

    done: in this interval; change: of the logarithm of the fastest mode in a step.
    """
    # Waves get faster where water begins to run: the first steps are watched closely.
    some = min(CHECK * job.engine.plans[0].steps, 1 + done)
    return max(1, min(some, int(MOVED / change))) if change > 0 else some


def _moved(state: np.ndarray, seen: np.ndarray) -> bool:
    """Whether the values of a field left those for which the step was found."""
    axes = tuple(range(1, state.ndim))
    allowed = MOVED * np.abs(seen).max(axis=axes)
    low, high = seen.min(axis=axes) - allowed, seen.max(axis=axes) + allowed
    return bool(np.any((state.min(axis=axes) < low) | (state.max(axis=axes) > high)))


def _count(job: Job, interval: float, limit: float) -> int:
    """Steps of an interval."""
    if job.dt is None and limit == 0:
        raise InputError(
            f"expected a scheme that is stable for {job.equation.name}, got {job.scheme!r}; "
            "use 'rk4', or give dt"
        )
    step = job.dt if job.dt is not None else SAFETY * limit
    # An interval of k steps up to rounding gets k steps, not k + 1.
    return max(1, int(np.ceil(interval / step * (1 - 1e-12)))) if np.isfinite(step) else 1


def _march(domain: Domain, count: int, h: float, t: float) -> int:
    """Take `count` steps from t on; how many had been taken when the state was last looked at."""
    taken = 0
    while taken < count:
        plan = domain.engine.longest(count - taken)
        passes = min(CHECK, (count - taken) // plan.steps)
        if not domain.run(passes, plan, h, t + taken * h):
            # The state was finite at the last look; one step less is told than was taken.
            return min(taken + passes * plan.steps, count - 1)
        taken += passes * plan.steps
    return taken


def _blow_up(died: float, h: float, t: float, limit: float, scheme: str) -> str:
    advice = "use a smaller dt" if 0 < limit < h else "refine the grid or check the equation"
    return (
        f"blow-up at t = {died:.6g} with steps of {h:.3g}; the step limit of {scheme} at "
        f"t = {t:g} is {limit:.3g}: {advice}"
    )
