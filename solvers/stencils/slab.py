"""`Slab`: the memory of a part of a sample, and `Domain`: the slabs that make up a sample."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from operator import mul

import numpy as np

from ..tableaux import RungeKutta
from .boundary import Closures
from .march import (
    G0,
    G1,
    G2,
    HALO,
    LAG,
    N0,
    N1,
    N2,
    PHYSICAL_HIGH,
    PHYSICAL_LOW,
    ROWS,
    ROWS_HIGH,
    ROWS_LOW,
    SIZE,
    TRIGGER,
    WIDTH,
    WINDOW,
    fill_state,
    march,
)  # fmt: skip
from .source import Update

PAGE = 4096  # bytes
STAGGER = 1536  # where arrays read and written together begin in a page: not at the same place
CACHE = 1 << 20  # bytes, of the second level: planes of all levels of a slab fit it
VECTOR = 64  # bytes: a load that lies across two lines of cache takes the time of two

Shape3 = tuple[int, int, int]


@dataclass(frozen=True)
class Plan:
    """A pass of `steps` steps of a method as arrays, see `march.sweep`."""

    steps: int
    levels: np.ndarray
    shares: np.ndarray
    slopes: np.ndarray
    times: np.ndarray
    """(L,) of the levels, in steps since the pass began."""

    @staticmethod
    def of(method: RungeKutta, steps: int, dtype: np.dtype) -> Plan:
        """A pass has at least two levels, as its last one overwrites what the first one reads."""
        stages = method.stages * steps
        copies = len(stages) == 1
        history = max(len(alpha) for alpha, _ in method.stages) - 1
        levels = np.zeros((len(stages) + copies, 2 + history), dtype=np.int64)
        shares = np.zeros((len(levels), 1 + history), dtype=dtype)
        slopes = np.zeros(len(levels), dtype=dtype)
        nodes = [Fraction(0)]  # c_1 .. c_(s+1)
        for alpha, beta in method.stages:
            nodes.append(sum(map(mul, alpha, nodes), beta))
        times = np.array([j + float(c) for j in range(steps) for c in nodes[1:]])
        for row, (alpha, beta) in enumerate(stages):
            first = row - row % len(method.stages)
            *before, own = alpha
            kept = [(first + j, share) for j, share in enumerate(before) if share]
            levels[row, 0] = len(kept)
            levels[row, 2 : 2 + len(kept)] = [level for level, _ in kept]
            shares[row, : 1 + len(kept)] = [float(own), *(float(share) for _, share in kept)]
            slopes[row] = float(beta)
        if copies:
            levels[-1, 1] = True
            times = np.append(times, times[-1])
        return Plan(steps, levels, shares, slopes, times)

    @property
    def memory(self) -> int:
        """How many levels back the planes of a level are still asked for."""
        rows = enumerate(self.levels, start=1)
        return max(
            (level - int(origin) for level, row in rows for origin in row[2 : 2 + row[0]]),
            default=1,
        )


@dataclass(frozen=True)
class Engine:
    """What all slabs of all samples share.

    shape, reach: cells and ghosts along the engine's axes; plans: of the passes that will be
    asked for, the longest first, the last of one step.
    """

    update: Update
    shape: Shape3
    reach: Shape3
    periodic: bool
    """Whether the first axis is, along which slabs are cut."""
    wraps: bool
    """Whether the second one is, along which they are cut into strips."""
    plans: Sequence[Plan]
    closures: Closures
    weights: np.ndarray
    fields: int
    dtype: np.dtype

    def longest(self, steps: int) -> Plan:
        """The plan of most steps, up to so many."""
        return next(plan for plan in self.plans if plan.steps <= steps)

    @property
    def halo(self) -> int:
        return self.reach[0] * max(len(plan.levels) for plan in self.plans)

    @property
    def strips(self) -> int:
        """Slabs side by side along the second axis, of rows whose planes stay in cache."""
        (r, g1, g2), (n0, n1, n2) = self.reach, self.shape
        levels = max(len(plan.levels) for plan in self.plans)
        if n0 == 1 or r == 0:
            return 1
        row = self.fields * _row(n2 + 2 * g2, self.dtype) * self.dtype.itemsize
        beyond = g1 * levels
        fit = CACHE // (row * ((levels - 1) * self.window + 2 * r + 1)) - 2 * beyond
        # Thinner ones would step too much that is not their own.
        return -(-n1 // max(fit, 8 * beyond, 1))

    @property
    def window(self) -> int:
        """Planes of a ring: what is asked for behind its newest one, and ghosts before it."""
        r, memory = self.reach[0], max(plan.memory for plan in self.plans)
        span = max(self.lag + 2 * r, memory * self.lag + r) + 1
        return 1 << (span - 1).bit_length()

    @property
    def lag(self) -> int:
        return max(self.reach[0], self.closures.deepest)


class Slab:
    """Planes first .. first + n0 of a sample, of them the rows `rows`, with their halo."""

    def __init__(
        self,
        engine: Engine,
        first: int,
        n0: int,
        rows: tuple[int, int],
        given: np.ndarray,
        parameters: np.ndarray,
    ) -> None:
        """given: (coefficients, n0, n1, n2) of the whole sample; parameters: (count,)."""
        self.engine, self.first, self.n0, self.rows = engine, first, n0, slice(*rows)
        halo, (_, whole, n2), (r, g1, g2) = engine.halo, engine.shape, engine.reach
        self.n1 = n1 = rows[1] - rows[0]
        # Rows that are all the sample's have no neighbours, not even where they are periodic.
        wraps = n1 < whole and engine.wraps
        self.rows_low = not wraps and rows[0] == 0
        self.rows_high = not wraps and rows[1] == whole
        levels = max(len(plan.levels) for plan in engine.plans)
        self.beyond = g1 if n1 == whole else g1 * levels
        self.low = not engine.periodic and first == 0
        self.high = not engine.periodic and first + n0 == engine.shape[0]
        self.layout = np.zeros(SIZE, dtype=np.int64)
        self.layout[[N0, N1, N2, G0, G1, G2]] = n0, n1, n2, r, g1, g2
        self.layout[[LAG, WINDOW, TRIGGER]] = engine.lag, engine.window, engine.closures.deepest
        self.layout[[PHYSICAL_LOW, PHYSICAL_HIGH]] = self.low, self.high
        self.layout[[ROWS, ROWS_LOW, ROWS_HIGH]] = self.beyond, self.rows_low, self.rows_high
        self.padded = (n1 + 2 * self.beyond, _row(n2 + 2 * g2, engine.dtype))
        self.layout[[WIDTH, HALO]] = self.padded[1], halo
        size, fields, dtype = self.padded[0] * self.padded[1], engine.fields, engine.dtype
        self.state = _staggered((fields, n0 + 2 * halo, size), dtype, 0, g2)
        self.rings = _staggered((levels - 1, fields, engine.window, size), dtype, 1, g2)
        self.scratch = _staggered((fields, 1, size), dtype, 2, g2)
        self.given = np.zeros((len(given), n0 + 2 * halo, size), dtype=dtype)
        planes = np.arange(first - halo, first + n0 + halo)
        wanted = given.take(planes, axis=1, mode="wrap" if engine.periodic else "clip")
        near = np.arange(rows[0] - self.beyond, rows[1] + self.beyond)
        wanted = wanted.take(near, axis=2, mode="wrap" if engine.wraps else "clip")
        self.given.reshape(*self.given.shape[:2], *self.padded)[..., g2 : g2 + n2] = wanted
        self.parameters = parameters.astype(dtype)
        ends = engine.closures
        self.ends, self.tables = ends.ends, ends.tables.astype(dtype)

    @property
    def own(self) -> np.ndarray:
        """The slab's own cells, (fields, n0, n1, n2), a view."""
        halo, g2, n2 = self.engine.halo, self.engine.reach[2], self.engine.shape[2]
        view = self.state.reshape(*self.state.shape[:-1], *self.padded)
        rows = slice(self.beyond, self.beyond + self.n1)
        return view[:, halo : halo + self.n0, rows, g2 : g2 + n2]

    def load(self, fields: np.ndarray, values: np.ndarray) -> None:
        """Set the own cells, (fields, n0, n1, n2), and their ghosts from the values at ends."""
        self.own[:] = fields
        fill_state(self.state, self.layout, self.ends, self.tables, values)

    def run(
        self,
        passes: int,
        plan: Plan,
        dt: float,
        wraps: bool,
        values: np.ndarray,
        looks: bool = True,
    ) -> bool:
        """March; False where the state is looked at and not finite afterwards.

        values: at ends, for each pass (or for all, 1) and level.
        """
        slopes = (dt * plan.slopes).astype(self.engine.dtype)
        return march(
            passes, wraps, looks, self.engine.update, self.state, self.rings, self.scratch,
            self.given, self.layout, plan.levels, plan.shares, slopes, self.engine.weights,
            self.parameters, (self.ends, self.tables, values),
        )  # fmt: skip


class Domain:
    """One sample as slabs that are marched together, by the threads of a pool."""

    def __init__(
        self,
        engine: Engine,
        given: np.ndarray,
        parameters: np.ndarray,
        pool: Executor | None = None,
        slabs: int = 1,
        sample: int = 0,
    ) -> None:
        """slabs: at most so many; each is at least as thick as the halo that it lends."""
        self.engine, self.pool, self.sample = engine, pool, sample
        count = max(1, min(slabs, engine.shape[0] // max(1, engine.halo, engine.lag + 1)))
        cuts = np.linspace(0, engine.shape[0], count + 1).astype(int)
        bounds = np.linspace(0, engine.shape[1], engine.strips + 1).astype(int).tolist()
        self.strips = [
            [
                Slab(engine, int(first), int(after - first), rows, given, parameters)
                for first, after in pairwise(cuts)
            ]
            for rows in pairwise(bounds)
        ]
        self.slabs = [slab for strip in self.strips for slab in strip]

    def load(self, fields: np.ndarray, t: float = 0.0) -> None:
        """Set all cells, (fields, n0, n1, n2), at the time t."""
        values = self._values(np.array([t]))[0]
        for slab in self.slabs:
            slab.load(fields[:, slab.first : slab.first + slab.n0, slab.rows], values)

    def _values(self, times: np.ndarray) -> np.ndarray:
        return self.engine.closures.values(times, self.sample).astype(self.engine.dtype)

    @property
    def state(self) -> np.ndarray:
        """A copy, (fields, n0, n1, n2)."""
        strips = [np.concatenate([slab.own for slab in strip], axis=1) for strip in self.strips]
        return np.concatenate(strips, axis=2)

    def run(self, passes: int, plan: Plan, dt: float, t: float = 0.0) -> bool:
        """March from the time t; False where the state is not finite afterwards."""
        different = passes if self.engine.closures.moving else 1
        starts = t + dt * plan.steps * np.arange(different)
        times = np.add.outer(starts, dt * plan.times)
        values = self._values(times.ravel())
        values = values.reshape(*times.shape, *values.shape[1:])
        alone = len(self.strips[0]) == 1
        wraps = alone and self.engine.periodic and self.engine.reach[0] > 0
        if len(self.slabs) == 1:
            return self.slabs[0].run(passes, plan, dt, wraps, values)
        each = map if self.pool is None else self.pool.map
        finite = True
        for number in range(passes):
            self._exchange_rows()
            if not alone:
                self._exchange_planes()
            now, last = values[number % different :][:1], number == passes - 1
            run = partial(Slab.run, passes=1, plan=plan, dt=dt, wraps=wraps, values=now, looks=last)
            finite = all(list(each(run, self.slabs)))
        return finite

    def _exchange_planes(self) -> None:
        """Every halo from the neighbours' own planes, with the rows beyond their own."""
        halo = self.engine.halo
        for strip in self.strips:
            for k, slab in enumerate(strip):
                before, after = strip[k - 1], strip[(k + 1) % len(strip)]
                if not slab.low:
                    slab.state[:, :halo] = before.state[:, before.n0 : before.n0 + halo]
                if not slab.high:
                    slab.state[:, halo + slab.n0 :] = after.state[:, halo : 2 * halo]

    def _exchange_rows(self) -> None:
        """The rows beyond a slab's own from the neighbours', of their own planes and ghosts."""
        halo, r = self.engine.halo, self.engine.reach[0]
        for k, strip in enumerate(self.strips):
            others = self.strips[k - 1], self.strips[(k + 1) % len(self.strips)]
            for slab, before, after in zip(strip, *others, strict=True):
                own, cells, width = slab.n1, slab.beyond, slab.padded[1]
                planes = (slice(None), slice(halo - r, halo + slab.n0 + r))
                low, high = slice(cells * width), slice((cells + own) * width, None)
                if not slab.rows_low:
                    lent = slice(before.n1 * width, (before.n1 + cells) * width)
                    slab.state[planes][..., low] = before.state[planes][..., lent]
                if not slab.rows_high:
                    lent = slice(cells * width, 2 * cells * width)
                    slab.state[planes][..., high] = after.state[planes][..., lent]


def _row(cells: int, dtype: np.dtype) -> int:
    """The length of rows of so many cells: whole vectors, where that adds at most an eighth."""
    vector = VECTOR // dtype.itemsize
    whole = -(-cells // vector) * vector
    return whole if 8 * whole <= 9 * cells else cells


def _staggered(shape: tuple[int, ...], dtype: np.dtype, place: int, ghosts: int) -> np.ndarray:
    """Zeros whose cell after so many ghosts is `place` staggers behind a page.

    A load that is a multiple of a page behind a store waits for it.
    """
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.zeros(size + 3 * PAGE, dtype=np.uint8)
    start = -memory.ctypes.data % PAGE + PAGE + place * STAGGER % PAGE - ghosts * dtype.itemsize
    return memory[start : start + size].view(dtype).reshape(shape)
