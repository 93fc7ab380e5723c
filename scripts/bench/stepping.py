"""Steps in time against Devito, py-pde, Exponax and plain NumPy, one thread, states kept alive.

The spectral cases (Navier-Stokes, Kuramoto-Sivashinsky, Burgers) compare trajectories at equal
accuracy: see `stepping_spectral.py`. In the others (heat, Gray-Scott) every method starts from the
same state, which is set anew before each timing. The column `error` holds the largest difference
from plain NumPy in double precision after the same few steps, relative to the largest value. The
row `floor` is the time of reading and writing the state once for each step at the speed of a copy
measured in the same run; a code that takes several steps in one pass can be faster than that.
Subnormal numbers are flushed for all.

    python scripts/bench/stepping.py --quick --json stepping.json
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import stepping_spectral
import torch
from common import Row, parser, report

from sobolev.datasets.files import write_whole
from sobolev.geometry.grid import Grid
from sobolev.solvers.stencils.boundary import Boundary, Dirichlet, Neumann
from sobolev.solvers.stencils.equation import Equation
from sobolev.solvers.stencils.equations import GRAY_SCOTT, HEAT
from sobolev.solvers.stencils.job import prepared
from sobolev.solvers.stencils.slab import Domain

GRAY_SCOTT_NUMBERS = {"feed": 0.04, "kill": 0.06, "diffusivity_u": 0.16, "diffusivity_v": 0.08}
DIFFUSIVITY = 0.1
EDGE = 16  # cells next to the ends, where the codes differ in what stands outside


@dataclass(frozen=True)
class Method:
    """reset sets the state; run takes that many steps; state is a copy, (fields, *grid)."""

    reset: Callable[[], None]
    run: Callable[[int], object]
    state: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Case:
    """One problem in one precision; `make(quick)` returns the methods that are installed, ours
    first, and one that the errors are taken from."""

    name: str
    steps: int
    make: Callable[[bool], tuple[dict[str, Method], Method]]
    check: int = 8
    edge: int = 0
    quick: bool = True


# --- ours and plain NumPy -------------------------------------------------------------------------


def ours(
    equation: Equation,
    grid: Grid,
    numbers: Mapping[str, float],
    boundary: Boundary,
    u0: np.ndarray,
    dt: float,
    dtype: type,
) -> Method:
    job = prepared(
        equation, u0[None], np.array([0.0, 1.0]), grid, numbers, {}, boundary, dt, 2, "euler",
        np.dtype(dtype), 1,
    )  # fmt: skip
    domain = Domain(job.engine, np.zeros((0, *job.engine.shape)), job.parameters[0])
    shaped = u0.reshape(-1, *job.engine.shape)

    def run(steps: int) -> None:
        while steps:
            plan = job.engine.longest(steps)
            domain.run(steps // plan.steps, plan, dt)
            steps %= plan.steps

    return Method(lambda: domain.load(shaped), run, lambda: domain.state.reshape(u0.shape))


def laplacian(u: np.ndarray, wrap: bool) -> np.ndarray:
    """Sum of the neighbours minus as many times the centre."""
    padded = np.pad(u, 1, mode="wrap" if wrap else "constant")
    inner = (slice(1, -1),) * u.ndim
    total = -2 * u.ndim * u
    for axis in range(u.ndim):
        for part in (slice(None, -2), slice(2, None)):
            total += padded[(*inner[:axis], part, *inner[axis + 1 :])]
    return total


def numpy_method(step: Callable[[np.ndarray], np.ndarray], u0: np.ndarray) -> Method:
    held = {"u": u0}

    def run(steps: int) -> None:
        for _ in range(steps):
            held["u"] = step(held["u"])

    return Method(lambda: held.update(u=u0), run, lambda: held["u"])


# --- Gray-Scott -----------------------------------------------------------------------------------


def gray_scott_start(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    u0 = np.stack([np.ones((n, n)), np.zeros((n, n))])
    middle = slice(3 * n // 8, n // 2)
    u0[0, middle, middle], u0[1, middle, middle] = 0.5, 0.25
    return u0 + 0.01 * rng.random(u0.shape)


def gray_scott_numpy(state: np.ndarray) -> np.ndarray:
    u, v = state
    real = state.dtype.type
    feed, kill, du, dv = (real(value) for value in GRAY_SCOTT_NUMBERS.values())
    reaction = u * v * v
    return np.stack([
        u + du * laplacian(u, True) - reaction + feed * (1 - u),
        v + dv * laplacian(v, True) + reaction - (feed + kill) * v,
    ])  # fmt: skip


def gray_scott_py_pde(u0: np.ndarray, dtype: type) -> Method:
    import pde

    grid = pde.CartesianGrid([[0, n] for n in u0.shape[1:]], u0.shape[1:], periodic=True)
    equation = pde.PDE({
        "u": "0.16 * laplace(u) - u * v**2 + 0.04 * (1 - u)",
        "v": "0.08 * laplace(v) + u * v**2 - 0.1 * v",
    })  # fmt: skip
    fields = [pde.ScalarField(grid, u, dtype=dtype) for u in u0]
    state = pde.FieldCollection(fields, dtype=dtype)
    step = pde.EulerSolver(equation, backend="numba").make_stepper(state, dt=1.0)

    def reset() -> None:
        state.data[:] = u0

    return Method(reset, lambda steps: step(state, 0, steps), lambda: state.data.copy())


def gray_scott(n: int, dtype: type, quick: bool) -> tuple[dict[str, Method], Method]:
    u0 = gray_scott_start(n)
    grid = Grid(((0.0, float(n)),) * 2, (n, n), periodic=True)
    methods = {
        "sobolev": ours(GRAY_SCOTT, grid, GRAY_SCOTT_NUMBERS, Neumann(), u0, 1.0, dtype),
        "numpy": numpy_method(gray_scott_numpy, u0.astype(dtype)),
    }
    if installed("pde"):
        methods["py-pde float64"] = gray_scott_py_pde(u0, np.float64)
        if dtype == np.float32 and not quick:
            methods["py-pde"] = gray_scott_py_pde(u0, np.float32)
    return methods, numpy_method(gray_scott_numpy, u0)


# --- heat -----------------------------------------------------------------------------------------


def heat_devito(u0: np.ndarray, dtype: type) -> Method:
    import devito

    devito.configuration["log-level"] = "ERROR"
    devito.configuration["language"] = "C"
    n = u0.shape[1]
    grid = devito.Grid(u0.shape[1:], extent=(n - 1.0,) * 3, dtype=dtype)
    u = devito.TimeFunction(name="u", grid=grid, space_order=2, time_order=1)
    diffusivity = devito.Constant(name="diffusivity", dtype=dtype, value=DIFFUSIVITY)
    update = devito.solve(u.dt - diffusivity * u.laplace, u.forward)
    operator = devito.Operator([devito.Eq(u.forward, update)])
    taken = [0]

    def reset() -> None:
        u.data[0], taken[0] = u0[0], 0

    def run(steps: int) -> None:
        operator.apply(time_m=taken[0], time_M=taken[0] + steps - 1, dt=1.0)
        taken[0] += steps

    return Method(reset, run, lambda: np.array(u.data[taken[0] % 2])[None])


def heat(n: int, dtype: type) -> tuple[dict[str, Method], Method]:
    u0 = np.random.default_rng(0).random((1, n, n, n))
    grid = Grid(((0.0, n - 1.0),) * 3, (n,) * 3)
    rate = np.dtype(dtype).type(DIFFUSIVITY)
    methods = {
        "sobolev": ours(HEAT, grid, {"diffusivity": DIFFUSIVITY}, Dirichlet(), u0, 1.0, dtype),
        "numpy": numpy_method(lambda u: u + rate * laplacian(u[0], False), u0.astype(dtype)),
    }
    if installed("devito"):
        methods["devito"] = heat_devito(u0, dtype)
    exact = numpy_method(lambda u: u + DIFFUSIVITY * laplacian(u[0], False), u0)
    return methods, exact


# --- the table ------------------------------------------------------------------------------------

CASES = (
    Case("gray_scott-128-f64", 2000, lambda quick: gray_scott(128, np.float64, quick)),
    Case("gray_scott-128-f32", 2000, lambda quick: gray_scott(128, np.float32, quick)),
    Case("heat3d-128-f64", 24, lambda quick: heat(128, np.float64), edge=EDGE),
    Case("heat3d-128-f32", 24, lambda quick: heat(128, np.float32), edge=EDGE, quick=False),
    Case("heat3d-256-f64", 8, lambda quick: heat(256, np.float64), edge=EDGE, quick=False),
    Case("heat3d-256-f32", 8, lambda quick: heat(256, np.float32), edge=EDGE, quick=False),
)


def installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def timed(methods: Mapping[str, Method], steps: int, seconds: float) -> dict[str, float]:
    """Median seconds of `steps` steps of each method, in turns, from the same state."""
    times: dict[str, list[float]] = {name: [] for name in methods}
    for method in methods.values():
        method.reset()
        method.run(steps)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < 5:
        for name, method in methods.items():
            method.reset()
            start = time.perf_counter()
            method.run(steps)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def copy_method(state: np.ndarray) -> Method:
    """Reading and writing the state once a step."""
    target = np.empty_like(state)

    def run(steps: int) -> None:
        for _ in range(steps):
            np.copyto(target, state)

    return Method(lambda: None, run, lambda: target)


def errors(methods: Mapping[str, Method], exact: Method, case: Case) -> dict[str, float]:
    """Each against NumPy in double precision after a few steps."""

    def answer(method: Method) -> np.ndarray:
        method.reset()
        method.run(case.check)
        state = method.state()
        inner = (slice(case.edge, -case.edge or None),) * (state.ndim - 1)
        return state[(slice(None), *inner)].astype(float)

    right = answer(exact)
    scale = np.abs(right).max()
    return {name: float(np.abs(answer(m) - right).max() / scale) for name, m in methods.items()}


def measure(case: Case, quick: bool, slow: Sequence[str] = ("numpy",)) -> list[Row]:
    methods, exact = case.make(quick)
    off = errors(methods, exact, case)
    fast = {name: method for name, method in methods.items() if name not in slow}
    methods["sobolev"].reset()
    fast["floor: copy"] = copy_method(methods["sobolev"].state())
    times = timed(fast, case.steps, 1.5 if quick else 6.0)
    few = max(1, case.steps // 20)
    for name in slow:
        methods[name].reset()
        start = time.perf_counter()
        methods[name].run(few)
        times[name] = (time.perf_counter() - start) / few * case.steps
    return [
        Row(case.name, name, name == "sobolev", taken, off.get(name, float("nan")))
        for name, taken in times.items()
    ]


def main() -> int:
    options = parser(__doc__ or "")
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("--only", default="", metavar="PREFIX", help="cases that begin with this")
    options.add_argument(
        "--steps", type=Path, metavar="FILE", help="spectral cases: steps found by an earlier run"
    )
    given = options.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for module, name in (("pde", "py-pde"), ("devito", "devito"), ("exponax", "exponax")):
        if not installed(module):
            print(f"{name} is not installed: no rows of it; pip install {name}", file=sys.stderr)
    rows: list[Row] = []
    kept = json.loads(given.steps.read_text()) if given.steps and given.steps.exists() else {}
    for case in (*CASES, *stepping_spectral.CASES):
        if not case.name.startswith(given.only) or (given.quick and not case.quick):
            continue
        print(f"measuring {case.name}", file=sys.stderr, flush=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(case, Case):
                rows += measure(case, given.quick)
            else:
                rows += stepping_spectral.measure_spectral(case.make(), given.quick, kept)
    if given.steps:
        write_whole(given.steps, json.dumps(kept, indent=2) + "\n")
    report(rows, given, threads=1)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
