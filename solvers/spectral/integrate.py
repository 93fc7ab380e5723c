"""Trajectories of periodic equations, by Fourier series in space and a scheme of `schemes.py`."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..solution import CONVERGED, MAXIMUM_ITERATIONS, STAGNATED, Solution
from ..stencils.compiling import compiling_is_told
from .block import Block, Job
from .equation import SpectralEquation, resolve
from .modes import Dealias, Modes
from .schemes import SCHEMES, step_limit
from .source import compiled_pointwise

LANES = 16  # samples side by side that are worth leaving the cache for
CACHE = 1 << 19  # bytes that the arrays of a block may take: half of a second-level cache
FIRST_STEPS = 16  # steps over the horizon that an error-controlled run begins with
MAX_STEPS = 200_000
SAFETY = 2.0  # on the Richardson estimate, which is small where the order is not yet reached

Values = Mapping[str, float | np.ndarray]


def integrate(
    equation: SpectralEquation,
    u0: np.ndarray,
    times: np.ndarray,
    grid: Grid,
    parameters: Values | None = None,
    coefficients: Values | None = None,
    dt: float | None = None,
    tolerance: float | None = None,
    scheme: str = "ETDRK4",
    dealias: Dealias = True,
    dtype: type[np.floating] = np.float64,
    threads: int = 1,
    max_steps: int = MAX_STEPS,
) -> Solution:
    """Solve u_t = L u + N(u) on a periodic grid from u(times[0]) = u0, for a batch of samples.

    u0: (batch, fields, *grid.shape), or without the axis of fields where there is one real field;
    complex fields are two each, (Re, Im); times: increasing, (frames,); parameters: a number, or
    one for each sample, (batch,); coefficients: arrays of grid.shape, or (batch, *grid.shape);
    scheme: a name of `schemes.SCHEMES`; dealias: as in `modes.Modes`; threads: over blocks of
    samples.

    Either `dt`: every interval between frames is cut into equal steps of at most that, and
    `residual` is nan. Or `tolerance`: steps are added until the estimated error in time, relative
    to the largest frame in L2, is at most that; the estimate (Richardson) is the `residual`.
    `max_steps` bounds the steps of a trajectory.

    Fields of the result: (batch, frames, [fields,] *grid.shape) in `dtype`, frame 0 being u0;
    iterations are steps. A sample that blows up has converged False, its time in the reason, and
    nan from then on; the others go on. Two samples may share a complex transform: the smaller one
    then knows rounding of the larger. The bits do not depend on the number of threads.

    Raises `InputError` on shapes, names, times or options that do not fit.

    >>> from sobolev.solvers.spectral.equations import HEAT
    >>> grid = Grid(((0.0, 2 * np.pi),), (16,), periodic=True)
    >>> u0 = np.cos(grid.axes[0])[None]
    >>> solution = integrate(HEAT, u0, np.array([0.0, 1.0]), grid, {"diffusivity": 1.0}, dt=1.0)
    >>> bool(np.allclose(solution.fields[0, 1], np.exp(-1) * u0[0]))
    True
    """
    if (dt is None) == (tolerance is None):
        raise InputError("expected either dt or tolerance, got both or neither")
    if not 0 < (dt if dt is not None else tolerance) < np.inf:  # type: ignore[operator]
        raise InputError(f"expected a positive dt or tolerance, got {dt if dt else tolerance}")
    with compiling_is_told():
        job, bare = prepared(
            equation, u0, times, grid, parameters or {}, coefficients or {}, scheme, dealias,
            np.dtype(dtype),
        )  # fmt: skip
        size = _block_size(job)
        batch = np.arange(len(job.u0))
        blocks = [batch[first : first + size] for first in range(0, len(batch), size)]

        def run(which: np.ndarray) -> Solution:
            # A state that blows up overflows before it is found; its reason says so.
            with np.errstate(over="ignore", invalid="ignore"):
                march = _March(job, which, max_steps)
                return (
                    march.fixed(dt) if dt is not None else march.controlled(float(tolerance or 0))
                )

        if threads == 1 or len(blocks) == 1:
            parts = [run(which) for which in blocks]
        else:
            with ThreadPoolExecutor(threads) as pool:
                parts = list(pool.map(run, blocks))
    solution = Solution.join(parts)
    if not bare:
        return solution
    return Solution(
        solution.fields[:, :, 0], solution.converged, solution.iterations, solution.residual,
        solution.seconds, solution.reason,
    )  # fmt: skip


class _March:
    """One block of samples, stepped together."""

    def __init__(self, job: Job, which: np.ndarray, max_steps: int) -> None:
        self.job, self.which, self.max_steps = job, which, max_steps
        self.intervals = np.diff(job.times)
        self.started = time.perf_counter()

    def fixed(self, dt: float) -> Solution:
        # An interval of k dt up to rounding gets k steps, not k + 1.
        counts = np.maximum(np.ceil(self.intervals / dt * (1 - 1e-12)), 1).astype(int)
        count = len(self.which)
        if counts.sum() > self.max_steps:
            shape = (count, len(self.job.times), *self.job.u0.shape[1:])
            frames = np.full(shape, np.nan, dtype=self.job.dtype)
            frames[:, 0] = self.job.u0[self.which]
            reason = (
                f"{MAXIMUM_ITERATIONS}: {counts.sum()} steps are needed; use a larger dt or raise "
                "max_steps"
            )
            return self.solution(
                frames, np.zeros(count, int), np.full(count, np.nan), [reason] * count
            )
        frames, died = self.frames(np.arange(count), counts)
        return self.solution(
            frames,
            np.full(count, counts.sum()),
            np.full(count, np.nan),
            [self.fixed_reason(t, counts) for t in died],
        )

    def controlled(self, tolerance: float) -> Solution:
        """Multiply the steps of the samples that are not good enough until all are."""
        job, count = self.job, len(self.which)
        order = job.tableau.order
        # A difference below it that no longer falls has met rounding.
        rounding = 1e-8 if job.dtype == np.float64 else 1e-3
        horizon = job.times[-1] - job.times[0]
        counts = np.maximum(np.ceil(FIRST_STEPS * self.intervals / horizon), 1).astype(int)
        result = np.full((count, len(job.times), *job.u0.shape[1:]), np.nan, dtype=job.dtype)
        steps, estimate = np.zeros(count, dtype=int), np.full(count, np.inf)
        difference = np.full(count, np.inf)
        reason = [MAXIMUM_ITERATIONS] * count
        waiting, factor = np.arange(count), 2
        coarse, _ = self.frames(waiting, counts)
        while len(waiting):
            counts = counts * factor
            fine, died = self.frames(waiting, counts)
            previous, latest = difference[waiting], _difference(fine, coarse)
            difference[waiting] = latest
            new = SAFETY * latest / (factor**order - 1)
            new = np.maximum(new, np.finfo(job.dtype).eps * np.sqrt(counts.sum()))
            alive = np.isnan(died)
            new[~alive] = np.inf
            result[waiting], steps[waiting], estimate[waiting] = fine, counts.sum(), new
            good = new <= tolerance
            stuck = ~good & alive & (previous < rounding) & (latest > 0.5 * previous)
            for place, i in enumerate(waiting):
                if not alive[place]:
                    reason[i] = (
                        f"blow-up at t = {died[place]:.6g}, also with steps of "
                        f"{self.step(died[place], counts):.3g}: end before that time, or raise "
                        "max_steps"
                    )
                elif good[place] or stuck[place]:
                    reason[i] = CONVERGED if good[place] else STAGNATED
                else:
                    reason[i] = MAXIMUM_ITERATIONS
            keep = ~(good | stuck)
            waiting, coarse = waiting[keep], fine[keep]
            factor = _next_factor(new[keep], tolerance, order)
            if counts.sum() * factor > self.max_steps:
                break
        return self.solution(result, steps, estimate, reason)

    def frames(self, which: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Frames of some samples of the block, and times of death, nan for those that live."""
        u0 = self.job.u0[self.which[which]]
        shape = (len(which), len(self.job.times), *u0.shape[1:])
        frames = np.full(shape, np.nan, dtype=self.job.dtype)
        frames[:, 0] = u0
        died = np.full(len(which), np.nan)
        died[~np.isfinite(u0).all(axis=tuple(range(1, u0.ndim)))] = self.job.times[0]
        waiting = np.flatnonzero(np.isnan(died))
        while len(waiting):
            block = Block(self.job, self.which[which[waiting]])
            found, ends = block.frames(counts)
            frames[waiting], gone = found, ~np.isnan(ends)
            died[waiting] = ends
            if block.groups == 1 or not gone.any():
                break
            # Whoever shared a transform with one that blew up is run again without it.
            seats = gone[block.seats].reshape(2, -1)
            spoilt = np.zeros(len(waiting), dtype=bool)
            spoilt[block.seats] = (seats | seats[::-1]).ravel()
            waiting = waiting[spoilt & ~gone]
        return frames, died

    def solution(
        self, frames: np.ndarray, steps: np.ndarray, estimate: np.ndarray, reason: list[str]
    ) -> Solution:
        u0 = self.job.u0[self.which]
        finite = np.isfinite(u0).all(axis=tuple(range(1, u0.ndim)))
        reason = [
            text if ok else "breakdown: initial state is not finite"
            for text, ok in zip(reason, finite, strict=True)
        ]
        converged = np.array([text == CONVERGED for text in reason])
        estimate = np.where(np.isfinite(estimate), estimate, np.nan)
        share = (time.perf_counter() - self.started) / len(u0)
        return Solution(
            frames, converged, steps, estimate, np.full(len(u0), share), tuple(reason)
        )  # fmt: skip

    def step(self, t: float, counts: np.ndarray) -> float:
        """The step that ended at t."""
        at = int(np.searchsorted(self.job.times[1:], t * (1 - 1e-12)))
        i = min(at, len(counts) - 1)
        return self.intervals[i] / counts[i]

    def fixed_reason(self, died: float, counts: np.ndarray) -> str:
        """Why a sample that died then, or did not (nan), ends."""
        if np.isnan(died):
            return CONVERGED
        h = self.step(died, counts)
        text = f"blow-up at t = {died:.6g} with steps of {h:.3g}"
        linear = self.job.resolved.linear
        limit = step_limit(self.job.tableau, linear, h)
        if limit < h:
            return f"{text}; the step limit of the linear terms is {limit:.3g}: use a smaller dt"
        return f"{text}: use a smaller dt; if the time stays, the solution itself blows up"


def _block_size(job: Job) -> int:
    """Samples whose arrays fit the cache together: one, a pair, or many that make lanes."""
    modes, r = job.modes, job.resolved
    stages = len(getattr(job.tableau, "a", ())) + 2
    numbers = 2 * job.pairs * math.prod(modes.points) + 2 * modes.size * (
        len(job.equation.fields) * stages + r.count_in + r.count_out
    )
    fit = CACHE // (numbers * job.dtype.itemsize)
    group = 1 if job.paired else 2
    if modes.grid.ndim > 1 or fit < 4 * group:
        return group
    # As many lanes as the transforms take together are worth leaving that cache for.
    return group * max(LANES, 1 << int(math.log2(fit // group)))


def _difference(fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """Largest L2 difference of the frames of each sample, relative to its largest frame."""
    count, frames = fine.shape[:2]
    fine, coarse = fine.astype(float), coarse.astype(float)
    far = np.linalg.norm((fine - coarse).reshape(count, frames, -1), axis=2).max(axis=1)
    size = np.linalg.norm(fine.reshape(count, frames, -1), axis=2).max(axis=1)
    ratio = far / np.where(size > 0, size, 1.0)
    return np.where(np.isfinite(ratio), ratio, np.inf)


def _next_factor(estimate: np.ndarray, tolerance: float, order: int) -> int:
    """By how much to multiply the steps; 2 where the estimate is too large to be believed."""
    if not len(estimate) or not estimate.max() < 0.05:
        return 2
    return int(np.clip(np.ceil(1.05 * (estimate.max() / tolerance) ** (1 / order)), 2, 8))


def prepared(
    equation: SpectralEquation,
    u0: np.ndarray,
    times: np.ndarray,
    grid: Grid,
    parameters: Values,
    coefficients: Values,
    scheme: str,
    dealias: Dealias,
    dtype: np.dtype,
) -> tuple[Job, bool]:
    """The arguments of `integrate`, checked, and whether u0 came without an axis of fields."""
    modes = Modes(grid, equation.degree, dealias, equation.complex_valued)
    u0, bare = _check_u0(equation, u0, grid)
    times = np.asarray(times, dtype=np.float64)
    if times.ndim != 1 or len(times) < 2 or not np.all(np.diff(times) > 0):
        raise InputError("expected at least two increasing times, the first that of u0")
    if scheme not in SCHEMES:
        raise InputError(f"expected a scheme of {sorted(SCHEMES)}, got {scheme!r}")
    if dtype not in (np.float32, np.float64):
        raise InputError(f"expected float32 or float64, got {dtype}")
    batch = len(u0)
    numbers = _named(parameters, equation.parameters, (batch,), ())
    functions = _named(coefficients, equation.coefficients, (batch, *grid.shape), grid.shape)
    resolved = resolve(equation, modes, numbers, batch)
    pointwise = compiled_pointwise(equation, resolved.count_in, resolved.count_out, dtype)
    rows = np.stack(
        [np.broadcast_to(numbers[name], (batch,)) for name in equation.parameters]
        or [np.zeros(batch)]
    )
    return Job(
        equation, modes, resolved, SCHEMES[scheme], pointwise, u0, times,
        rows[: len(equation.parameters)],
        _on_points(equation, modes, functions), _sources(equation, modes, functions), dtype,
    ), bare  # fmt: skip


def _check_u0(equation: SpectralEquation, u0: np.ndarray, grid: Grid) -> tuple[np.ndarray, bool]:
    u0 = np.asarray(u0, dtype=np.float64)
    fields = equation.components
    bare = fields == 1 and u0.ndim == grid.ndim + 1
    if bare:
        u0 = u0[:, None]
    if u0.shape[1:] != (fields, *grid.shape) or not len(u0):
        raise InputError(
            f"expected u0 of shape (batch, {fields}, {str(grid.shape)[1:-1]}), got {u0.shape}"
        )
    return u0, bare


def _named(
    values: Values, names: tuple[str, ...], full: tuple[int, ...], one: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Arrays of shape `full` or `one` by name."""
    if set(values) != set(names):
        raise InputError(f"expected values for {names}, got {tuple(values)}")
    found = {}
    for name in names:
        value = np.asarray(values[name], dtype=np.float64)
        if value.shape not in (full, one) or not np.all(np.isfinite(value)):
            raise InputError(
                f"expected finite {name} of shape {one} or {full}, got shape {value.shape}"
            )
        found[name] = value
    return found


def _rows(values: np.ndarray, ndim: int) -> np.ndarray:
    """With an axis of samples, of length 1 where there was none."""
    return values if values.ndim > ndim else values[None]


def _on_points(
    equation: SpectralEquation, modes: Modes, functions: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Coefficients of the rates where products are taken: (coefficients, batch or 1, points)."""
    grid, points = modes.grid, modes.points
    every = Modes(grid, 1, False)
    found = []
    for name in equation.given:
        values = _rows(functions[name], grid.ndim)
        if points != grid.shape:
            values = every.inverse(every.forward(values), points)
        found.append(values.reshape(len(values), -1))
    count = max(map(len, found), default=1)
    shape = (count, math.prod(points))
    return np.stack([np.broadcast_to(v, shape) for v in found] or [np.zeros(shape)])[: len(found)]


def _sources(
    equation: SpectralEquation, modes: Modes, functions: Mapping[str, np.ndarray]
) -> np.ndarray:
    """(batch or 1, fields, modes)"""
    real = [_rows(functions[name], modes.grid.ndim) for _, name in equation.sources]
    count = max(map(len, real), default=1)
    total = np.zeros((count, len(equation.fields), modes.size), dtype=complex)
    for (field, _), values in zip(equation.sources, real, strict=True):
        total[:, equation.fields.index(field)] += modes.forward(values).reshape(len(values), -1)
    return total
