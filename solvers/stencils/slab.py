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
    SIZE,
    TRIGGER,
    WINDOW,
    fill_state,
    march,
)  # fmt: skip
from .source import Update

PAGE = 4096  # bytes
STAGGER = 1536  # where arrays read and written together begin in a page: not at the same place

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
    asked for.
    """

    update: Update
    shape: Shape3
    reach: Shape3
    periodic: bool
    """Whether the first axis is, along which slabs are cut."""
    plans: Sequence[Plan]
    closures: Closures
    weights: np.ndarray
    fields: int
    dtype: np.dtype

    @property
    def halo(self) -> int:
        return self.reach[0] * max(len(plan.levels) for plan in self.plans)

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
    """Planes first .. first + n0 of a sample, with their halo."""

    def __init__(
        self, engine: Engine, first: int, n0: int, given: np.ndarray, parameters: np.ndarray
    ) -> None:
        """given: (coefficients, n0, n1, n2) of the whole sample; parameters: (count,)."""
        self.engine, self.first, self.n0 = engine, first, n0
        halo, (_, n1, n2), (r, g1, g2) = engine.halo, engine.shape, engine.reach
        self.low = not engine.periodic and first == 0
        self.high = not engine.periodic and first + n0 == engine.shape[0]
        self.layout = np.zeros(SIZE, dtype=np.int64)
        self.layout[[N0, N1, N2, G0, G1, G2, HALO]] = n0, n1, n2, r, g1, g2, halo
        self.layout[[LAG, WINDOW, TRIGGER]] = engine.lag, engine.window, engine.closures.deepest
        self.layout[[PHYSICAL_LOW, PHYSICAL_HIGH]] = self.low, self.high
        self.padded = (n1 + 2 * g1, n2 + 2 * g2)
        size, fields, dtype = self.padded[0] * self.padded[1], engine.fields, engine.dtype
        levels = max(len(plan.levels) for plan in engine.plans)
        self.state = _staggered((fields, n0 + 2 * halo, size), dtype, 0)
        self.rings = _staggered((levels - 1, fields, engine.window, size), dtype, 1)
        self.scratch = _staggered((fields, 1, size), dtype, 2)
        self.given = np.zeros((len(given), n0 + 2 * halo, size), dtype=dtype)
        planes = np.arange(first - halo, first + n0 + halo)
        wanted = given.take(planes, axis=1, mode="wrap" if engine.periodic else "clip")
        self._unpadded(self.given)[:] = wanted
        self.parameters = parameters.astype(dtype)
        ends = engine.closures
        self.ends, self.tables = ends.ends, ends.tables.astype(dtype)

    def _unpadded(self, planes: np.ndarray) -> np.ndarray:
        """(.., planes, cells) without the ghosts in the planes, a view."""
        (_, g1, g2), (_, n1, n2) = self.engine.reach, self.engine.shape
        view = planes.reshape(*planes.shape[:-1], *self.padded)
        return view[..., g1 : g1 + n1, g2 : g2 + n2]

    @property
    def own(self) -> np.ndarray:
        """The slab's own cells, (fields, n0, n1, n2), a view."""
        halo = self.engine.halo
        return self._unpadded(self.state)[:, halo : halo + self.n0]

    def load(self, fields: np.ndarray, values: np.ndarray) -> None:
        """Set the own cells, (fields, n0, n1, n2), and their ghosts from the values at ends."""
        self.own[:] = fields
        fill_state(self.state, self.layout, self.ends, self.tables, values)

    def run(self, passes: int, plan: Plan, dt: float, wraps: bool, values: np.ndarray) -> bool:
        """March; False where the state is not finite afterwards.

        values: at ends, for each pass (or for all, 1) and level.
        """
        slopes = (dt * plan.slopes).astype(self.engine.dtype)
        return march(
            passes, wraps, self.engine.update, self.state, self.rings, self.scratch, self.given,
            self.layout, plan.levels, plan.shares, slopes, self.engine.weights, self.parameters,
            (self.ends, self.tables, values),
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
        self.slabs = [
            Slab(engine, int(first), int(after - first), given, parameters)
            for first, after in pairwise(cuts)
        ]

    def load(self, fields: np.ndarray, t: float = 0.0) -> None:
        """Set all cells, (fields, n0, n1, n2), at the time t."""
        values = self._values(np.array([t]))[0]
        for slab in self.slabs:
            slab.load(fields[:, slab.first : slab.first + slab.n0], values)

    def _values(self, times: np.ndarray) -> np.ndarray:
        return self.engine.closures.values(times, self.sample).astype(self.engine.dtype)

    @property
    def state(self) -> np.ndarray:
        """A copy, (fields, n0, n1, n2)."""
        return np.concatenate([slab.own for slab in self.slabs], axis=1)

    def run(self, passes: int, plan: Plan, dt: float, t: float = 0.0) -> bool:
        """March from the time t; False where the state is not finite afterwards."""
        different = passes if self.engine.closures.moving else 1
        starts = t + dt * plan.steps * np.arange(different)
        times = np.add.outer(starts, dt * plan.times)
        values = self._values(times.ravel())
        values = values.reshape(*times.shape, *values.shape[1:])
        if len(self.slabs) == 1:
            wraps = self.engine.periodic and self.engine.reach[0] > 0
            return self.slabs[0].run(passes, plan, dt, wraps, values)
        assert self.pool is not None
        finite = True
        for number in range(passes):
            self._exchange()
            now = values[number % different :][:1]
            run = partial(Slab.run, passes=1, plan=plan, dt=dt, wraps=False, values=now)
            finite = all(list(self.pool.map(run, self.slabs)))
        return finite

    def _exchange(self) -> None:
        """Every halo from the neighbours' own planes."""
        halo = self.engine.halo
        for k, slab in enumerate(self.slabs):
            before, after = self.slabs[k - 1], self.slabs[(k + 1) % len(self.slabs)]
            if not slab.low:
                slab.state[:, :halo] = before.state[:, before.n0 : before.n0 + halo]
            if not slab.high:
                slab.state[:, halo + slab.n0 :] = after.state[:, halo : 2 * halo]


def _staggered(shape: tuple[int, ...], dtype: np.dtype, place: int) -> np.ndarray:
    """Zeros that begin `place` staggers behind a page.

    A load that is a multiple of a page behind a store waits for it.
    """
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.zeros(size + 2 * PAGE, dtype=np.uint8)
    start = -memory.ctypes.data % PAGE + place * STAGGER % PAGE
    return memory[start : start + size].view(dtype).reshape(shape)
