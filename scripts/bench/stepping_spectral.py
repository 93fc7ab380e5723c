"""Spectral cases of `stepping.py`: trajectories at equal accuracy, one thread.

Every code solves the same problem: the same waves of the same state, the same 2/3 rule (Exponax is
told to keep as many waves as we do), the same forcing. For each code and order the fewest equal
steps are searched, to a seventh, whose final state differs by at most 1e-3 (relative L2, the worst
of a batch) from one reference: ours, with steps so small that halving them changes at most 1e-5.
Then whole trajectories with those steps are timed in turns. A code enters with its fastest order;
Exponax's fourth is always told.

Exponax runs as it is meant to: stepper built and loop compiled beforehand, not timed, all steps in
Fourier space. Ours is one call of `integrate` with all that it sets up, and the row `set-up` tells
how much of it that is (a call with one step). The Crank-Nicolson generator is timed over a part
of its steps, and left out of --quick, as its search takes minutes; it enters with the fewest steps
that reach the target, and with the step of the published data, whose error is told. The row `floor`
is the time of the transforms of our steps alone, by our transform in a compiled loop or by
scipy.fft, whichever is faster.

The search takes longer than the timing: `--steps FILE` keeps what it finds and starts from it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from common import Row, interleaved
from stepping_spectral_peers import AS_PUBLISHED, crank_nicolson, exponax_runs, transforms

from sobolev.geometry.grid import Grid
from sobolev.solvers.spectral.equation import SpectralEquation
from sobolev.solvers.spectral.equations import BURGERS, KURAMOTO_SIVASHINSKY, NAVIER_STOKES
from sobolev.solvers.spectral.integrate import integrate
from sobolev.solvers.spectral.modes import Modes

TARGET = 1e-3
EVALUATIONS = {"ETDRK4": 4, "IFRK4": 4, "ETDRK3": 3, "ETDRK2": 2, "ARS443": 4}
MOST = 1 << 18  # steps of a code that is given up
CLOSE = 1.25  # schemes this near to the fastest are timed again in turns
Run = Callable[[int], np.ndarray]  # steps over the horizon -> final states (batch, *grid)
Found = dict[str, list[float]]  # method -> steps, error, seconds of a run in the search


@dataclass(frozen=True)
class SpectralCase:
    """One problem in one precision, from a state that holds kept waves only."""

    name: str
    equation: SpectralEquation
    grid: Grid
    u0: np.ndarray
    horizon: float
    numbers: Mapping[str, float]
    functions: Mapping[str, np.ndarray]
    dtype: type

    @property
    def modes(self) -> Modes:
        return Modes(self.grid, self.equation.degree)


def ours(case: SpectralCase, scheme: str) -> Run:
    def run(steps: int) -> np.ndarray:
        solution = integrate(
            case.equation, case.u0, np.array([0.0, case.horizon]), case.grid, case.numbers,
            case.functions, dt=case.horizon / steps, scheme=scheme, dtype=case.dtype,
        )  # fmt: skip
        return solution.fields[:, 1]

    return run


def set_up(case: SpectralCase, scheme: str, steps: int) -> Callable[[], object]:
    """A call with one step of that size."""
    return partial(
        integrate, case.equation, case.u0, np.array([0.0, case.horizon / steps]), case.grid,
        case.numbers, case.functions, dt=case.horizon, scheme=scheme, dtype=case.dtype,
    )  # fmt: skip


# --- cases ----------------------------------------------------------------------------------------


def finer(u: np.ndarray, grid: Grid, target: Grid, degree: int) -> np.ndarray:
    """The kept waves of `grid` on the points of another one, (batch, *grid)."""
    modes = Modes(grid, degree)
    return modes.inverse(modes.forward(u), target.shape)


def spun_up(case: SpectralCase, horizon: float, dt: float) -> np.ndarray:
    """The state some time after the case's own, with kept waves only."""
    u0 = case.modes.inverse(case.modes.forward(case.u0))
    times = np.array([0.0, horizon])
    solution = integrate(
        case.equation, u0, times, case.grid, case.numbers, case.functions, dt=dt
    )  # fmt: skip
    return solution.fields[:, 1]


def torus(n: int) -> Grid:
    return Grid(((0.0, 1.0), (0.0, 1.0)), (n, n), periodic=True)


def vorticity(n: int) -> np.ndarray:
    """A Gaussian field of covariance 7^3 (49 - lap)^-2.5 (Li et al. 2021, section 5.3)."""
    m = np.fft.fftfreq(n, 1 / n)
    square = 4 * np.pi**2 * (m[:, None] ** 2 + m[None] ** 2)
    scale = 7**1.5 * (square + 49) ** -1.25
    scale[0, 0] = 0
    noise = np.fft.fft2(np.random.default_rng(0).normal(size=(n, n)))
    return np.fft.ifft2(scale * noise).real[None] * n


def navier_stokes(n: int, dtype: type, viscosity: float, horizon: float) -> SpectralCase:
    """Forced as there, after 8 units of time, the last 2 of them on the grid itself."""
    numbers = {"viscosity": viscosity, "drag": 0.0}

    def on(size: int, u0: np.ndarray) -> SpectralCase:
        grid = torus(size)
        along = 2 * np.pi * sum(np.meshgrid(*grid.axes, indexing="ij"))
        forcing = {"forcing": 0.1 * (np.sin(along) + np.cos(along))}
        name = f"navier_stokes-{n}-{precision(dtype)}"
        return SpectralCase(name, NAVIER_STOKES, grid, u0, horizon, numbers, forcing, dtype)

    u = spun_up(on(64, vorticity(64)), 6.0, 0.01)
    if n > 64:
        u = finer(u, torus(64), torus(n), NAVIER_STOKES.degree)
    return on(n, spun_up(on(n, u), 2.0, 0.64 / n))


def waves(batch: int, grid: Grid, highest: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    k = 2 * np.pi / grid.lengths[0] * np.arange(1, highest + 1)[:, None]
    phases = rng.uniform(0, 2 * np.pi, (batch, highest, 1))
    return np.einsum(
        "bk,bkn->bn", rng.normal(size=(batch, highest)), np.sin(k * grid.axes[0] + phases)
    )


def ks(n: int, batch: int, dtype: type) -> SpectralCase:
    """Chaotic, after 60 units of time, on a line of n 22/64."""
    grid = Grid(((0.0, n * 22 / 64),), (n,), periodic=True)
    name = f"ks-{n}x{batch}-{precision(dtype)}"

    def start(u0: np.ndarray) -> SpectralCase:
        return SpectralCase(name, KURAMOTO_SIVASHINSKY, grid, u0, 20.0, {}, {}, dtype)

    return start(spun_up(start(waves(batch, grid, 4)), 60.0, 0.1))


def burgers(n: int, batch: int, dtype: type) -> SpectralCase:
    """From smooth waves until after they have steepened."""
    grid = Grid(((0.0, 1.0),), (n,), periodic=True)
    return SpectralCase(
        f"burgers-{n}x{batch}-{precision(dtype)}", BURGERS, grid, waves(batch, grid, 4), 0.5,
        {"viscosity": 0.01}, {}, dtype,
    )  # fmt: skip


def precision(dtype: type) -> str:
    return "f64" if dtype is np.float64 else "f32"


@dataclass(frozen=True)
class Case:
    """A name, and how to make what it names."""

    name: str
    make: Callable[[], SpectralCase]
    quick: bool = False


CASES = (
    Case("navier_stokes-64-f64", lambda: navier_stokes(64, np.float64, 1e-3, 50.0), True),
    Case("navier_stokes-128-f64", lambda: navier_stokes(128, np.float64, 1e-4, 8.0)),
    Case("navier_stokes-128-f32", lambda: navier_stokes(128, np.float32, 1e-4, 8.0)),
    Case("navier_stokes-256-f64", lambda: navier_stokes(256, np.float64, 1e-4, 2.0)),
    Case("ks-64x32-f64", lambda: ks(64, 32, np.float64), True),
    Case("ks-256x8-f64", lambda: ks(256, 8, np.float64)),
    Case("ks-256x32-f64", lambda: ks(256, 32, np.float64)),
    Case("burgers-1024x16-f64", lambda: burgers(1024, 16, np.float64)),
)


# --- work and precision ---------------------------------------------------------------------------


def relative(found: np.ndarray, right: np.ndarray) -> float:
    """Largest relative L2 error of a batch; infinite where a state is not finite."""
    axes = tuple(range(1, right.ndim))
    if not np.isfinite(found).all():
        return float("inf")
    off = found.astype(float) - right
    return float(np.sqrt((off**2).sum(axes) / (right**2).sum(axes)).max())


def fewest_steps(run: Run, right: np.ndarray, first: int, most: int) -> tuple[int, float] | None:
    """The fewest steps, to a seventh, that reach the target, and the error there."""
    steps, low = first, 0
    while (error := relative(run(steps), right)) > TARGET:
        low, steps = steps, 2 * steps
        if steps > most:
            return None
    while steps - low > max(1, steps // 7):
        middle = (low + steps) // 2
        off = relative(run(middle), right)
        if off > TARGET:
            low = middle
        else:
            steps, error = middle, off
    return steps, error


def reference(case: SpectralCase) -> tuple[np.ndarray, int]:
    """Ours by ETDRK4 with so many steps that half as many differ by a hundredth of the target."""
    run, steps = ours(replace(case, dtype=np.float64), "ETDRK4"), 128
    coarse, fine = run(64), run(128)
    while relative(coarse, fine) > TARGET / 100:
        steps, coarse = 2 * steps, fine
        fine = run(steps)
    return fine, steps


def search(case: SpectralCase, runs: Mapping[str, Run]) -> Found:
    """Steps, error and seconds of all methods that reach the target, or have steps of their own."""
    right, steps = reference(case)
    found: Found = {}
    for name, run in runs.items():
        # The fewest steps of a scheme are the same in every code; Exponax has our ETDRK1 to 4.
        same = found.get(f"sobolev ETDRK{name[-1]}") if name.startswith("exponax") else None
        reached: tuple[int, float] | None = None
        if name == AS_PUBLISHED:
            steps_then = round(case.horizon / 1e-4)
            reached = steps_then, relative(run(steps_then), right)
        elif same is not None and (error := relative(run(int(same[0])), right)) <= TARGET:
            reached = int(same[0]), error
        else:
            reached = fewest_steps(run, right, max(steps // 8, 8), MOST)
        if reached is not None:
            seconds = np.inf if name == AS_PUBLISHED else timed(partial(run, reached[0]))
            found[name] = [*reached, seconds]
            print(f"  {name}: {reached[0]} steps, error {reached[1]:.1e}", file=sys.stderr)
    return found


def timed(call: Callable[[], object]) -> float:
    """Seconds of the second call."""
    call()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def worth_timing(found: Found) -> list[str]:
    """Those of each code near its fastest, and Exponax's fourth order."""
    best: dict[str, float] = {}
    for name, (_, _, seconds) in found.items():
        code = name.split()[0]
        best[code] = min(best.get(code, seconds), seconds)
    return [
        name
        for name, (_, _, seconds) in found.items()
        if seconds <= CLOSE * best[name.split()[0]] or name == "exponax 4"
    ]


def measure_spectral(case: SpectralCase, quick: bool, kept: dict[str, Found]) -> list[Row]:
    runs = {f"sobolev {scheme}": ours(case, scheme) for scheme in EVALUATIONS}
    runs |= exponax_runs(case, (4,) if quick else (2, 3, 4))
    slow = crank_nicolson(case) if case.grid.ndim == 2 and not quick else {}
    if case.name not in kept:
        kept[case.name] = search(case, runs | slow)
    found = kept[case.name]
    methods: dict[str, Callable[[], object]] = {
        name: partial(runs[name], int(found[name][0]))
        for name in worth_timing(found)
        if name in runs
    }
    nearest = min((n for n in methods if n.startswith("sobolev")), key=lambda n: found[n][2])
    scheme, steps = nearest.split()[1], int(found[nearest][0])
    evaluations = EVALUATIONS[scheme] * steps
    methods["set-up"] = set_up(case, scheme, steps)
    methods |= {f"floor {name}": call for name, call in transforms(case, evaluations).items()}
    tenth = {name: min(int(found[name][0]) // 10, 1000) for name in slow if name in found}
    methods |= {name: partial(slow[name], steps, count) for name, count in tenth.items()}
    return rows(case.name, found, interleaved(methods, 1.0 if quick else 6.0, 3, 1), tenth)


def rows(name: str, found: Found, times: dict[str, float], tenth: Mapping[str, int]) -> list[Row]:
    """Ours first, then peers from the fastest, then set-up and the lower of the floors."""
    for method, count in tenth.items():
        times[method] *= found[method][0] / count
    floors = {method: times.pop(method) for method in list(times) if method.startswith("floor")}
    setting_up, floor = times.pop("set-up"), min(floors, key=floors.__getitem__)
    order = sorted(times, key=lambda m: (not m.startswith("sobolev"), times[m]))
    result = [
        Row(name, f"{m}, {found[m][0]:.0f} steps", i == 0, times[m], found[m][1])
        for i, m in enumerate(order)
    ]
    return [
        *result, Row(name, "sobolev: set-up", False, setting_up),
        Row(name, f"floor: transforms ({floor.split()[1]})", False, floors[floor]),
    ]  # fmt: skip
