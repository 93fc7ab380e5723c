"""A block of samples, laid out for the engine: `Layout` of all blocks of a run, and `Block`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from .butterflies import width
from .equation import Entries, Resolved, SpectralEquation
from .fft import plan
from .march import Products, Scheme, Symbols, march
from .modes import Modes
from .schemes import Scheme as Tableau
from .schemes import rows
from .source import Pointer, compiled_transform
from .transforms import Space, Work
from .vectors import aligned, aligned_copy

FEW = 16  # lanes below which coefficients that samples share are written for each of them
TILE = 128  # points on which products are taken at a time
KEPT = 8  # results that the blocks of a run share, beyond which they are forgotten
Result = TypeVar("Result")


@dataclass(frozen=True)
class Job:
    """What all samples of a run share, checked. Arrays begin with (batch or 1,)."""

    equation: SpectralEquation
    modes: Modes
    resolved: Resolved
    tableau: Tableau
    pointwise: Pointer
    u0: np.ndarray
    """(batch, components, *grid.shape)"""
    times: np.ndarray
    parameters: np.ndarray
    """(parameters, batch)"""
    given: np.ndarray
    """(coefficients, batch or 1, points)"""
    sources: np.ndarray
    """(batch or 1, fields, modes)"""
    dtype: np.dtype
    kept: dict[tuple, object] = field(default_factory=dict)

    def shared(self, key: tuple, compute: Callable[[], Result]) -> Result:
        """What blocks have in common, computed by the first one."""
        found = self.kept.get(key)
        if found is None:
            if len(self.kept) >= KEPT:
                self.kept.clear()
            found = self.kept[key] = compute()
        return found  # type: ignore[return-value]

    @cached_property
    def paired(self) -> bool:
        """Whether the functions of one group make pairs."""
        r = self.resolved
        return self.equation.complex_valued or (r.count_in % 2 == 0 and r.count_out % 2 == 0)

    @property
    def pairs(self) -> int:
        """Complex transforms of a group, or of two."""
        r = self.resolved
        most = max(r.count_in, r.count_out, 1)
        return most if not self.paired or self.equation.complex_valued else most // 2


class Block:
    """Samples `which` of a job, at most two groups of lanes."""

    def __init__(self, job: Job, which: np.ndarray) -> None:
        self.job, self.which = job, which
        self.groups = 2 if not job.paired and len(which) > 1 else 1
        self.lanes = -(-len(which) // self.groups)
        # A seat without a sample of its own repeats the last one, so that it does no harm.
        self.seats = np.minimum(np.arange(self.groups * self.lanes), len(which) - 1)
        self.samples = which[self.seats].reshape(self.groups, self.lanes)
        self.one = self.lanes == 1
        modes, fields = job.modes, len(job.equation.fields)
        self.shape = (
            2,
            self.groups * fields,
            *((1, modes.size) if self.one else (modes.size, self.lanes)),
        )
        self.schemes: list[Scheme] = []

    @property
    def spreads(self) -> bool:
        """Whether numbers that all samples share are written for each lane, so that loops over
        few lanes run on from row to row."""
        return not self.one and self.lanes < FEW

    # --- layout ----------------------------------------------------------------------------------

    def _laid(self, array: np.ndarray, group: int) -> np.ndarray:
        """(batch or 1, modes) to (rows, columns or 1) of a group."""
        if self.one:
            return array[self.samples[group, 0] if len(array) > 1 else 0][None]
        if len(array) == 1:
            return np.repeat(array[0][:, None], self.lanes if self.spreads else 1, axis=1)
        return array[self.samples[group]].T

    def _parts(self, array: np.ndarray) -> np.ndarray:
        """Real and imaginary parts apart, in the precision of the run."""
        return np.stack([array.real, array.imag]).astype(self.job.dtype)

    def _per_group(self, entries: Entries, targets: int, sources: int) -> Symbols:
        index, values = [], []
        for group in range(self.groups):
            for target, source, symbol in entries:
                index.append((group * targets + target, group * sources + source))
                values.append(self._laid(symbol, group))
        rows_, columns = self.shape[2], max((value.shape[1] for value in values), default=1)
        stacked = aligned((len(values), 2, rows_, columns), self.job.dtype)
        for e, value in enumerate(values):
            stacked[e] = self._parts(value)
        return Symbols(np.array(index, dtype=np.int64).reshape(-1, 2), stacked)

    @cached_property
    def symbols(self) -> tuple[Symbols, Symbols, Symbols, np.ndarray]:
        job, fields = self.job, len(self.job.equation.fields)
        r = job.resolved
        # The forward transform is not scaled: the symbols behind it are.
        scale = 1 / math.prod(job.modes.points)
        outputs = tuple((i, j, symbol * scale) for i, j, symbol in r.outputs)
        added = [
            [self._laid(job.sources[:, f], group) for f in range(fields)]
            for group in range(self.groups)
        ]
        sources = self._parts(np.array(added))
        return (
            self._per_group(r.inputs, r.count_in, fields),
            self._per_group(outputs, fields, r.count_out),
            self._per_group(r.coupling, fields, fields),
            aligned_copy(sources.reshape(2, -1, *sources.shape[3:]), job.dtype),
        )

    @property
    def space(self) -> Space:
        return self.job.shared((self.lanes,), self._space)

    def _space(self) -> Space:
        job, modes = self.job, self.job.modes
        points, ndim, lanes = modes.points, modes.grid.ndim, width(job.dtype)
        side_by_side = ndim == 1
        inner = [math.prod(points[a + 1 : -1]) for a in range(ndim)]
        plans = [plan(n, job.dtype) for n in points] + [plan(1, job.dtype)] * (3 - ndim)
        # Rows of waves: where each stands among the points of its axis, and so its mirror image.
        axes = modes.numbers if side_by_side else modes.numbers[:-1]
        grid = np.meshgrid(*[m.ravel() for m in axes], indexing="ij")
        shape = points if side_by_side else points[:-1]
        spots = [
            np.ravel_multi_index([sign * m % n for m, n in zip(grid, shape, strict=True)], shape)
            for sign in (1, -1)
        ]
        rows = math.prod(shape)
        blocks = (
            -(-self.lanes // lanes) if side_by_side else 2 * -(-(modes.highest[-1] + 1) // lanes)
        )
        block = 2 * (rows + 1) * lanes
        slice_ = 2 * (points[-1] + 1) * lanes
        return Space(
            np.array(list(zip(points, modes.full, inner, strict=True)), dtype=np.int64),
            tuple(p.radices for p in plans),
            tuple(p.twiddles for p in plans),
            np.stack([spot.ravel() for spot in spots], axis=1),
            rows,
            self.lanes if side_by_side else modes.shape[-1],
            blocks,
            block,
            blocks if side_by_side else -(-rows // lanes),
            blocks * block if side_by_side else slice_,
            slice_ // 2,
            job.equation.complex_valued,
        )

    @cached_property
    def products(self) -> Products:
        job, r, slices = self.job, self.job.resolved, self.space.slices
        points, lanes = job.modes.points, width(job.dtype)
        seats = self._spread_lanes(np.arange(self.lanes))
        own = self.samples[:, seats].reshape(self.groups, *seats.shape)
        parameters = job.parameters[:, own].astype(job.dtype)
        parameters = np.broadcast_to(
            parameters.reshape(len(parameters), self.groups, own.shape[1], 1, lanes),
            (len(parameters), self.groups, slices, TILE // lanes, lanes),
        )
        given = np.empty((len(job.given), self.groups, slices, points[-1] * lanes), job.dtype)
        for m, values in enumerate(job.given):
            for group in range(self.groups):
                given[m, group] = self._sliced(values, own[group])
        places_in, pairs_in = self._pairs(r.count_in)
        places_out, pairs_out = self._pairs(r.count_out)
        return Products(
            given.reshape(len(given), self.groups * slices, points[-1] * lanes),
            np.array(parameters).reshape(len(parameters), self.groups * slices, TILE),
            places_in, places_out, pairs_in, pairs_out,
            job.equation.inputs is None and self.groups * r.count_in == self.work.inputs.shape[1],
            bool(job.sources.any()),
        )  # fmt: skip

    def _spread_lanes(self, lines: np.ndarray) -> np.ndarray:
        """Lines to (vectors, width), the last one repeated where they fill no vector."""
        lanes = width(self.job.dtype)
        count = -(-len(lines) // lanes)
        return lines[np.minimum(np.arange(count * lanes), len(lines) - 1)].reshape(count, lanes)

    def _sliced(self, values: np.ndarray, own: np.ndarray) -> np.ndarray:
        """A function (batch or 1, points) as (slices, points of a slice), for samples `own`."""
        modes = self.job.modes
        orders = [plan(n, self.job.dtype).order for n in modes.points]
        places: Any = (slice(None), *np.ix_(*orders))
        values = values.reshape(-1, *modes.points)[places]
        if modes.grid.ndim == 1:
            found = values[own if len(values) > 1 else np.zeros_like(own)]
            return found.transpose(0, 2, 1).reshape(len(found), -1)
        rows = values[own.flat[0] if len(values) > 1 else 0].reshape(-1, modes.points[-1])
        found = rows[self._spread_lanes(np.arange(len(rows)))]
        return found.transpose(0, 2, 1).reshape(len(found), -1)

    def _pairs(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Where each function of each group stands on points, and the slots of the pairs."""
        pair, other = self.space.pair, self.space.other
        if self.job.equation.complex_valued:
            places = [[i // 2 * pair + i % 2 * other for i in range(2 * count)]]
            pairs = [(i, i) for i in range(count)]
        elif self.groups == 2:
            places = [[g * other + i * pair for i in range(count)] for g in range(2)]
            pairs = [(i, count + i) for i in range(count)]
        else:
            places = [[i // 2 * pair + i % 2 * other for i in range(count)]]
            # An odd one is paired with a slot that stays empty.
            pairs = [(i, i + 1) for i in range(0, count, 2)]
        return (
            np.array(places, dtype=np.int64).reshape(self.groups, -1),
            np.array(pairs, dtype=np.int64).reshape(-1, 2),
        )

    @cached_property
    def work(self) -> Work:
        job, space, r = self.job, self.space, self.job.resolved
        dtype, parts = job.dtype, 2 if job.equation.complex_valued else 1
        waves = aligned((job.pairs * space.blocks * space.block,), dtype)
        separate = job.modes.grid.ndim > 1

        def slots(count: int) -> np.ndarray:
            count = self.groups * count
            odd = self.groups == 1 and not job.equation.complex_valued
            return aligned((2, count + count % 2 if odd else count, *self.shape[2:]), dtype)

        return Work(
            waves,
            aligned((job.pairs * space.pair,), dtype) if separate else waves,
            aligned((2 * (max(job.modes.points) + 1) * width(dtype),), dtype),
            aligned((max(parts * r.count_out, 1), TILE), dtype),
            slots(r.count_in),
            slots(r.count_out),
        )

    # --- the scheme ------------------------------------------------------------------------------

    def scheme(self, h: float, steps: int) -> Scheme:
        """Coefficients of so many steps of size h; those of the last few are kept.

        Times have rounding, and so have their differences: steps that differ by less are the same.
        """
        rounding = 4 * np.finfo(float).eps * np.abs(self.job.times).max()
        for known in self.schemes:
            if abs(known.h - h) * steps <= rounding:
                return known
        if len(self.job.resolved.linear) > 1:
            found = self._scheme(h)
        else:
            found = self.job.shared((h, self.groups, self.lanes), lambda: self._scheme(h))
        self.schemes = [found, *self.schemes[:3]]
        return found

    def _scheme(self, h: float) -> Scheme:
        job = self.job
        linear = job.resolved.linear
        mine = linear if len(linear) == 1 else linear[self.which]
        found = rows(job.tableau, h * mine)
        needed = sorted({j for row in found for j in row.slopes})
        stages = [found[j] for j in needed] or [found[0]]
        numbers = {j: place for place, j in enumerate(needed)}
        real = not np.iscomplexobj(linear)

        def laid(array: np.ndarray) -> np.ndarray:
            if len(linear) > 1:
                array = array[self.seats].reshape(self.groups, self.lanes, *array.shape[1:])
                array = array.transpose(0, 2, 1, 3) if self.one else array.transpose(0, 2, 3, 1)
            elif self.one:
                array = np.repeat(array[:, :, None], self.groups, axis=0)
            else:
                array = np.repeat(array[..., None], self.groups, axis=0)
                array = np.repeat(array, self.lanes if self.spreads else 1, axis=-1)
            array = array.reshape(-1, *array.shape[2:])
            return array.real[None].astype(job.dtype) if real else self._parts(array)

        slopes: list[np.ndarray] = []
        plan_rows: list[list[int]] = []
        following = [*stages[1:], found[-1]]
        for row in following:
            plan_rows.append([len(slopes), len(row.slopes), *(numbers[j] for j in row.slopes)])
            slopes += [laid(h * slope) for slope in row.slopes.values()]
        width = max(map(len, plan_rows))
        shape = laid(found[-1].decay).shape
        return Scheme(
            np.array([row + [0] * (width - len(row)) for row in plan_rows], dtype=np.int64),
            aligned_copy(np.stack([laid(row.decay) for row in following]), job.dtype),
            aligned_copy(np.array(slopes).reshape(-1, *shape), job.dtype),
            np.array([row.node for row in stages]),
            h,
        )

    # --- frames ----------------------------------------------------------------------------------

    def frames(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Frames (samples, frames, components, *grid) with counts[i] steps in interval i, and
        times of death: nan for those that live. Frames from then on are nan.
        """
        job = self.job
        u0 = job.u0[self.which]
        frames = np.empty((len(u0), len(job.times), *u0.shape[1:]), dtype=job.dtype)
        frames[:, 0] = u0
        died = np.full(self.groups * self.lanes, np.nan)
        u = self.load(u0)
        spare = aligned(u.shape, u.dtype)
        slopes = np.zeros((1, 1, 1, 1, 1), u.dtype)
        for i, interval in enumerate(np.diff(job.times)):
            scheme = self.scheme(interval / counts[i], counts[i])
            if len(slopes) != len(scheme.nodes) or slopes.shape[1:] != u.shape:
                slopes = aligned((len(scheme.nodes), *u.shape), u.dtype)
            march(
                counts[i], job.times[i], scheme, u, spare, slopes, died, *self.symbols, self.space,
                self.work, self.products, job.pointwise,
                compiled_transform(job.dtype),
            )  # fmt: skip
            gone = ~np.isnan(died[: len(u0)])
            frames[:, i + 1] = self.unload(u)
            frames[gone, i + 1 :] = np.nan
            if gone.all():
                break
        return frames, died[: len(u0)]

    def load(self, u0: np.ndarray) -> np.ndarray:
        """The state of fields (samples, components, *grid)."""
        modes = self.job.modes
        if self.job.equation.complex_valued:
            u0 = u0[:, 0::2] + 1j * u0[:, 1::2]
        u_hat = modes.forward(u0).reshape(*u0.shape[:2], modes.size)[self.seats]
        u_hat = u_hat.reshape(self.groups, self.lanes, *u_hat.shape[1:])
        u_hat = u_hat.transpose(0, 2, 1, 3) if self.one else u_hat.transpose(0, 2, 3, 1)
        return aligned_copy(self._parts(u_hat).reshape(self.shape), self.job.dtype)

    def unload(self, u: np.ndarray) -> np.ndarray:
        """The way back."""
        modes, fields = self.job.modes, len(self.job.equation.fields)
        u_hat = (u[0] + 1j * u[1]).reshape(self.groups, fields, *u.shape[2:])
        u_hat = u_hat.transpose(0, 2, 1, 3) if self.one else u_hat.transpose(0, 3, 1, 2)
        u_hat = u_hat.reshape(-1, fields, *modes.shape)[: len(self.which)]
        result = modes.inverse(u_hat)
        if not self.job.equation.complex_valued:
            return result
        parts = np.stack([result.real, result.imag], axis=2)
        return parts.reshape(len(parts), -1, *result.shape[2:])
