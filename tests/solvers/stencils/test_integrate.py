"""Trajectories by stencils: orders, ends, exact solutions, invariants, threads, blow-up."""

import itertools
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.stencils import job, slab
from sobolev.solvers.stencils.boundary import Absorbing, Dirichlet, Neumann
from sobolev.solvers.stencils.equation import Equation
from sobolev.solvers.stencils.equations import (
    BURGERS,
    FITZHUGH_NAGUMO,
    GRAY_SCOTT,
    HEAT,
    UPWIND_ADVECTION,
    WAVE,
)  # fmt: skip
from sobolev.solvers.stencils.integrate import integrate

ORDERS = (2, 4, 6)


def list_of(*choices):
    return list(itertools.product(*choices))


def line(n, periodic=False, centering="vertex", length=1.0):
    return Grid(((0.0, length),), (n,), periodic=periodic, centering=centering)


def fitted(spacings, errors):
    return np.polyfit(np.log(spacings), np.log(errors), 1)[0]


def _heated(u, laplacian, source, diffusivity):
    return diffusivity * laplacian + source


HEATED = Equation("heated", ("u",), (("u", "laplacian"),), _heated, ("source",), ("diffusivity",))


def heat_error(n, order, kind, centering):
    """u = w(x) + exp(-D k^2 t) s(x) with D w'' = -source; no end is a point of symmetry of w.

    Dirichlet ends start from w, and have time to get to the answer of the difference equations.
    """
    diffusivity, t = 0.5, 0.1
    grid = line(n, kind == "periodic", centering)
    x = grid.axes[0]
    if kind == "periodic":
        k, w, second = 2 * np.pi, np.sin(2 * np.pi * x + 0.4), -((2 * np.pi) ** 2)
        wave = np.sin(k * x + 1.0)
        boundary = None
    elif kind == "dirichlet":
        k, w, second, t = 0.0, np.sin(2 * x + 0.4), -4.0, 0.8
        wave = 0.0
        boundary = {"x": (Dirichlet(np.sin(0.4)), Dirichlet(np.sin(2.4)))}
    else:
        k, w, second = np.pi, np.cos(3 * np.pi * x), -((3 * np.pi) ** 2)
        wave = np.cos(k * x)
        boundary = Neumann()
    solution = integrate(
        HEATED, (w + wave)[None], np.array([0.0, t]), grid, {"diffusivity": diffusivity},
        {"source": -diffusivity * second * w}, boundary, order=order,
    )  # fmt: skip
    assert solution.converged.all()
    exact = w + np.exp(-diffusivity * k * k * t) * wave
    return grid.spacing[0], np.abs(solution.fields[0, 1] - exact).max()


@pytest.mark.parametrize(
    "order, kind, centering",
    list_of(ORDERS, ("periodic", "dirichlet", "neumann"), ("vertex", "cell")),
)
def test_order_in_space(order, kind, centering):
    sizes = (32, 48, 64, 96) if order == 2 else (24, 32, 40, 56)
    found = fitted(*zip(*(heat_error(n, order, kind, centering) for n in sizes), strict=True))
    assert abs(found - order) < 0.2


@pytest.mark.parametrize("order, centering", list_of(ORDERS, ("vertex", "cell")))
def test_order_with_ends_that_move(order, centering):
    """A travelling wave, given at both ends: u = cos(k x - w t + 0.3), at three times."""
    speed, k, times = 1.5, 5.0, np.array([0.0, 0.5, 0.75, 1.0])
    frequency = speed * k

    def u(x, t):
        return np.cos(k * x - frequency * t + 0.3)

    def v(x, t):
        return frequency * np.sin(k * x - frequency * t + 0.3)

    ends = tuple({"u": Dirichlet(partial(u, x)), "v": Dirichlet(partial(v, x))} for x in (0.0, 1.0))
    errors, spacings = [], []
    for n in (24, 32, 40, 48):
        grid = line(n, centering=centering)
        x = grid.axes[0]
        solution = integrate(
            WAVE, np.stack([u(x, 0), v(x, 0)])[None], times, grid, {"speed": speed}, None,
            {"x": ends}, 5e-4, order,
        )  # fmt: skip
        exact = u(x, times[:, None])
        errors.append(np.abs(solution.fields[0, :, 0] - exact).max())
        spacings.append(grid.spacing[0])
    assert abs(fitted(spacings, errors) - order) < 0.2


@pytest.mark.parametrize("scheme, order", [("euler", 1), ("heun", 2), ("ssprk3", 3), ("rk4", 4)])
def test_order_in_time_with_an_end_that_moves(scheme, order):
    """Against small steps of the same difference equations; samples have ends of their own."""
    grid, steps = line(12), np.array([112, 160, 224, 320])
    u0 = np.zeros((2, 12))

    def run(count, name=scheme, threads=1):
        ends = {"x": (Dirichlet(lambda t: np.stack([np.sin(9 * t), 1 - np.cos(9 * t)], -1)),) * 2}
        return integrate(
            HEAT, u0, np.array([0.0, 1.0]), grid, {"diffusivity": 0.1}, None, ends, 1 / count,
            scheme=name, threads=threads,
        ).fields[:, 1]  # fmt: skip

    exact = run(4000, "rk4")
    assert np.abs(exact[0] - exact[1]).max() > 0.1
    errors = [np.abs(run(n) - exact).max() for n in steps]
    assert abs(fitted(1 / steps, errors) - order) < 0.2
    np.testing.assert_array_equal(run(40), run(40, threads=2))


def test_slabs_see_ends_that_move():
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (40, 12))
    ends = {"x": (Dirichlet(np.sin), Neumann(np.cos)), "y": (Dirichlet(np.cos), Dirichlet(0.5))}
    one, two = (
        integrate(
            HEAT, np.zeros((1, *grid.shape)), np.array([0.0, 0.1]), grid, {"diffusivity": 0.1},
            None, ends, order=4, threads=threads,
        ).fields
        for threads in (1, 2)
    )  # fmt: skip
    np.testing.assert_array_equal(one, two)
    assert one[0, 1, 5, 0] == np.cos(0.1)


@pytest.mark.parametrize(
    "scheme, order", [("euler", 1), ("midpoint", 2), ("heun", 2), ("ssprk3", 3), ("rk4", 4)]
)
def test_order_in_time(scheme, order):
    """Against the exact solution of the difference equations, which are linear."""
    grid, t = line(16, True), 0.2
    u0 = np.sin(2 * np.pi * grid.axes[0])
    rate = -0.1 * (2 * np.sin(np.pi / 16) / grid.spacing[0]) ** 2
    steps = np.array([6, 8, 11, 15, 20])
    errors = []
    for n in steps:
        solution = integrate(
            HEAT, u0[None], np.array([0.0, t]), grid, {"diffusivity": 0.1}, dt=t / n, scheme=scheme
        )
        assert solution.iterations[0] == n
        errors.append(np.abs(solution.fields[0, 1] - np.exp(rate * t) * u0).max())
    assert abs(fitted(t / steps, errors) - order) < 0.2


@pytest.mark.parametrize("order", ORDERS)
def test_standing_waves_between_free_ends(order):
    errors, spacings = [], []
    for n in (33, 41, 49, 65):
        grid = line(n)
        shape = np.cos(3 * np.pi * grid.axes[0])
        u0 = np.stack([shape, np.zeros(n)])[None]
        solution = integrate(
            WAVE, u0, np.array([0.0, 0.55]), grid, {"speed": 1.5}, None, Neumann(), 1e-3, order
        )
        errors.append(np.abs(solution.fields[0, 1, 0] - np.cos(4.5 * np.pi * 0.55) * shape).max())
        spacings.append(grid.spacing[0])
    assert abs(fitted(spacings, errors) - order) < 0.2


@pytest.mark.parametrize("speed, order", list_of((1.0, -1.0), (2, 4, 6)))
def test_upwind_advection(speed, order):
    errors, spacings = [], []
    for n in (64, 96, 128, 192) if order > 2 else (256, 384, 512, 768):
        grid = line(n, True)
        x = grid.axes[0]
        u0 = np.exp(np.sin(2 * np.pi * x))
        solution = integrate(
            UPWIND_ADVECTION, u0[None], np.array([0.0, 0.25]), grid, {"speed": speed}, order=order,
            dt=0.25 / 1000,
        )  # fmt: skip
        exact = np.exp(np.sin(2 * np.pi * (x - speed * 0.25)))
        errors.append(np.abs(solution.fields[0, 1] - exact).mean())
        spacings.append(grid.spacing[0])
    assert abs(fitted(spacings, errors) - (order - 1)) < 0.2


@pytest.mark.parametrize("shape", [(24, 20), (12, 10, 14)])
@pytest.mark.parametrize("order", ORDERS)
def test_products_of_waves_decay_by_the_symbol(shape, order):
    """More dimensions, each with a spacing of its own: the answer of the difference equations."""
    lengths = (1.0, 1.5, 0.8)[: len(shape)]
    grid = Grid(tuple((0.0, length) for length in lengths), shape, periodic=True)
    phases = [2 * np.pi * x / length for x, length in zip(grid.axes, lengths, strict=True)]
    u0 = np.sin(phases[0])
    for phase in phases[1:]:
        u0 = np.multiply.outer(u0, np.cos(phase))
    rate = 0.0
    for n, h in zip(shape, grid.spacing, strict=True):
        s = np.sin(np.pi / n) ** 2
        series = {2: s, 4: s + s**2 / 3, 6: s + s**2 / 3 + 8 * s**3 / 45}[order]
        rate -= 4 * series / h**2
    t = 1 / -rate
    solution = integrate(
        HEAT, u0[None], np.array([0.0, t]), grid, {"diffusivity": 1.0}, dt=t / 200, order=order
    )
    np.testing.assert_allclose(solution.fields[0, 1], np.exp(-1) * u0, atol=1e-10)


def reference_step(u, v, feed, kill, du, dv, dt):
    def lap(a):
        near = sum(np.roll(a, s, axis) for s in (-1, 1) for axis in (0, 1))
        return near - 4 * a

    reaction = u * v * v
    return (
        u + dt * (du * lap(u) - reaction + feed * (1 - u)),
        v + dt * (dv * lap(v) + reaction - (feed + kill) * v),
    )


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("cache", [job.CACHE, 0])
def test_gray_scott_is_the_formula(cache, steps, monkeypatch):
    """Both ways of walking over a plane, and whole and broken passes."""
    monkeypatch.setattr(job, "CACHE", cache)
    shape = (16, 272)
    rng = np.random.default_rng(0)
    u0 = rng.uniform(0.2, 1, size=(2, *shape))
    grid = Grid(tuple((0.0, float(n)) for n in shape), shape, periodic=True)
    names = ("feed", "kill", "diffusivity_u", "diffusivity_v")
    values = (0.04, 0.06, 0.16, 0.08)
    solution = integrate(
        GRAY_SCOTT, u0[None], np.array([0.0, float(steps)]), grid,
        dict(zip(names, values, strict=True)), dt=1.0, scheme="euler",
    )  # fmt: skip
    expected = u0
    for _ in range(steps):
        expected = reference_step(*expected, *values, 1.0)
    np.testing.assert_allclose(solution.fields[0, 1], expected, rtol=0, atol=1e-13)


def test_steps_are_chosen_for_reactions_too():
    """Euler's limit for Gray-Scott is that of its diffusion, 2 / (8 D_u), a little less here."""
    u0 = np.random.default_rng(0).uniform(0, 1, size=(1, 2, 16, 16))
    u0[:, 1] *= 0.04  # so little catalyst that nothing grows
    grid = Grid(((0.0, 16.0),) * 2, (16, 16), periodic=True)
    names = ("feed", "kill", "diffusivity_u", "diffusivity_v")
    solution = integrate(
        GRAY_SCOTT, u0, np.array([0.0, 100.0]), grid,
        dict(zip(names, (0.04, 0.06, 0.16, 0.08), strict=True)), scheme="euler",
    )  # fmt: skip
    assert solution.converged.all()
    assert 100 / (2 / 1.28) < solution.iterations[0] < 3 * 100 / (2 / 1.28)


_RUN = """
import importlib.util, logging, sys
import numpy as np
from sobolev.geometry.grid import Grid
from sobolev.solvers.stencils.equation import Equation
from sobolev.solvers.stencils.integrate import integrate
logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
spec = importlib.util.spec_from_file_location("own", sys.argv[1])
own = importlib.util.module_from_spec(spec)
sys.modules["own"] = own
spec.loader.exec_module(own)
equation = Equation("own", ("u",), (("u", "laplacian"),), own.rates)
grid = Grid(((0.0, 1.0),), (8,), periodic=True)
print(integrate(equation, np.ones((1, 8)), np.array([0.0, 1.0]), grid, dt=0.01).fields[0, 1, 0])
"""


def test_a_later_process_starts_from_the_cache_and_an_edit_is_seen(tmp_path):
    path, found = tmp_path / "own.py", []
    for text in ("-1.0 * u", None, "-2.0 * u"):
        if text:
            path.write_text(f"def rates(u, laplacian):\n    return laplacian + {text}\n")
        done = subprocess.run(
            [sys.executable, "-B", "-c", _RUN, str(path)],
            check=True,
            capture_output=True,
            text=True,
        )
        found.append(done.stdout.splitlines())
    told = "compiling kernels; later runs start from the cache"
    assert [lines.count(told) for lines in found] == [1, 0, 1]
    values = [float(lines[-1]) for lines in found]
    np.testing.assert_allclose(values, np.exp([-1, -1, -2]), rtol=1e-8)


def test_single_precision_stays_single_and_near():
    grid = line(64, True)
    u0 = np.stack([np.sin(2 * np.pi * grid.axes[0]), np.cos(2 * np.pi * grid.axes[0])])[None]
    values = {"diffusivity_u": 1e-3, "diffusivity_v": 5e-3, "k": 5e-3}
    times = np.array([0.0, 1.0])
    double, single = (
        integrate(FITZHUGH_NAGUMO, u0, times, grid, values, dt=0.01, dtype=dtype)
        for dtype in (np.float64, np.float32)
    )
    assert single.fields.dtype == np.float32
    assert 0 < np.abs(single.fields[0, 1] - double.fields[0, 1]).max() < 2e-5


def _promoted(u, rate):
    return -2 * rate * u


def test_rates_that_leave_single_precision_are_refused():
    grid = line(16, True)
    equation = Equation("promoted", ("u",), (), _promoted, parameters=("rate",))
    with pytest.raises(InputError, match=r"2\.0 and not 2"):
        integrate(
            equation, np.ones((1, 16)), np.array([0.0, 1.0]), grid, {"rate": 1.0}, dtype=np.float32
        )


@pytest.mark.parametrize("kind", ["periodic", "cell", "vertex"])
def test_heat_keeps_its_total(kind):
    grid = Grid(
        ((0.0, 1.0), (0.0, 1.0)),
        (20, 24),
        kind == "periodic",
        "cell" if kind == "cell" else "vertex",
    )
    u0 = np.random.default_rng(1).normal(size=(1, *grid.shape))
    solution = integrate(HEAT, u0, np.linspace(0, 0.05, 3), grid, {"diffusivity": 1.0}, order=2)
    totals = (solution.fields[0] * grid.weights).sum(axis=(1, 2))
    np.testing.assert_allclose(totals, totals[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "scheme, periodic, boundary, order",
    list_of(("euler", "rk4"), (True, False), (Dirichlet(0.3), Neumann(0.1)), (2, 4)),
)
def test_bits_do_not_depend_on_threads(scheme, periodic, boundary, order):
    grid = Grid(((0.0, 1.0),) * 3, (44, 9, 11), periodic)
    u0 = np.random.default_rng(2).normal(size=(1, *grid.shape))
    one, two = (
        integrate(
            HEAT, u0, np.array([0.0, 1e-3, 2e-3]), grid, {"diffusivity": 1.0}, None, boundary,
            None, order, scheme, threads=threads,
        )
        for threads in (1, 2)
    )  # fmt: skip
    np.testing.assert_array_equal(one.fields, two.fields)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_do_not_depend_on_threads_in_two_dimensions(dtype):
    """One thread takes the plane as a whole, two walk along its rows."""
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (40, 37))
    u0 = np.random.default_rng(2).normal(size=(1, *grid.shape))
    one, two = (
        integrate(
            HEAT, u0, np.array([0.0, 1e-3]), grid, {"diffusivity": 1.0}, order=4, dtype=dtype,
            threads=threads,
        )
        for threads in (1, 2)
    )  # fmt: skip
    np.testing.assert_array_equal(one.fields, two.fields)


@pytest.mark.parametrize("threads", (1, 2))
@pytest.mark.parametrize(("scheme", "order"), (("euler", 2), ("rk4", 4)))
@pytest.mark.parametrize("periodic", (False, True))
def test_bits_do_not_depend_on_strips(periodic, scheme, order, threads, monkeypatch):
    grid = Grid(((0.0, 1.0),) * 3, (34, 90, 13), periodic=periodic)
    u0 = np.random.default_rng(0).random((1, *grid.shape))
    ends = {"x": (Neumann(), Dirichlet(0.3)), "y": (Dirichlet(1.0), Neumann(0.5)),
            "z": (Neumann(), Neumann())}  # fmt: skip

    def run(cache):
        monkeypatch.setattr(slab, "CACHE", cache)
        # Passes of three steps, of two and of one.
        return integrate(
            HEAT, u0, np.array([0.0, 1e-4, 1.5e-4]), grid, {"diffusivity": 0.2},
            boundary=None if periodic else ends, dt=1e-5, order=order, scheme=scheme,
            threads=threads,
        ).fields  # fmt: skip

    np.testing.assert_array_equal(run(1 << 30), run(1))


def test_samples_have_parameters_of_their_own():
    grid = line(32, True)
    u0 = np.stack([np.sin(2 * np.pi * grid.axes[0])] * 3)
    values = np.array([0.1, 0.2, 0.4])
    times = np.array([0.0, 0.1, 0.15])
    together = integrate(HEAT, u0, times, grid, {"diffusivity": values}, threads=2)
    for i, value in enumerate(values):
        alone = integrate(HEAT, u0[i : i + 1], times, grid, {"diffusivity": value})
        np.testing.assert_array_equal(together.fields[i], alone.fields[0])


def test_burgers_front():
    """u = 1 - tanh((x - t) / (2 nu)) travels with speed 1 between 2 and 0."""
    grid, nu = Grid(((-1.0, 2.0),), (601,)), 0.05

    def exact(t):
        return 1 - np.tanh((grid.axes[0] - t) / (2 * nu))

    ends = {"x": (Dirichlet(2.0), Dirichlet(0.0))}
    solution = integrate(
        BURGERS, exact(0)[None], np.array([0.0, 0.8]), grid, {"viscosity": nu}, None, ends, order=4
    )
    assert np.abs(solution.fields[0, 1] - exact(0.8)).max() < 1e-5


def test_sponge_takes_waves_away():
    """A pulse that leaves through both ends; a mirror would have brought it back."""
    grid = Grid(((-2.0, 2.0),), (401,))
    x = grid.axes[0] / 0.1
    pulse = np.exp(-(x**2)) * np.cos(4 * x)
    u0 = np.stack([pulse, 0 * pulse])[None]
    times = np.array([0.0, 4.0])
    left = [
        np.abs(
            integrate(WAVE, u0, times, grid, {"speed": 1.0}, None, ends, order=4).fields[0, 1, 0]
        ).max()
        for ends in (Absorbing(0.8, 30.0), Neumann())
    ]
    assert left[0] < 3e-3
    assert left[1] > 0.9


@pytest.mark.parametrize("scheme", ["euler", "heun", "ssprk3", "rk4"])
@pytest.mark.parametrize("order", ORDERS)
def test_the_stability_limit_is_the_limit(scheme, order):
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (16, 16), periodic=True)
    u0 = np.random.default_rng(3).normal(size=(1, *grid.shape))
    far = integrate(
        HEAT,
        u0,
        np.array([0.0, 20.0]),
        grid,
        {"diffusivity": 1.0},
        dt=20.0 / 160,
        scheme=scheme,
        order=order,
    )
    limit = float(far.reason[0].split(" is ")[1].split(":")[0])
    for factor, grows in ((0.99, False), (1.03, True)):
        h = factor * limit
        solution = integrate(
            HEAT,
            u0,
            np.array([0.0, 400 * h]),
            grid,
            {"diffusivity": 1.0},
            dt=h,
            scheme=scheme,
            order=order,
        )
        assert (not np.abs(solution.fields[0, 1]).max() <= np.abs(u0).max()) == grows


def test_blow_up_is_told_and_the_others_go_on():
    grid, times = line(64, True), np.array([0.0, 1.0, 2.0])
    u0 = np.stack([np.sin(2 * np.pi * grid.axes[0])] * 3)
    u0[2, 3] = np.nan
    diffusivity = np.array([0.01, 10.0, 0.01])
    solution = integrate(HEAT, u0, times, grid, {"diffusivity": diffusivity}, dt=5e-3)
    assert solution.converged.tolist() == [True, False, False]
    assert solution.reason[1].startswith("blow-up at t = ")
    assert "use a smaller dt" in solution.reason[1]
    assert solution.reason[2] == "breakdown: initial state is not finite"
    assert np.isnan(solution.fields[1, -1]).all()
    assert np.isfinite(solution.fields[0]).all()


def _square(u):
    return u * u


def _warming(u, k, laplacian):
    return k * laplacian, 1.0


def test_a_solution_that_is_infinite_is_not_blamed_on_the_step():
    equation = Equation("riccati", ("u",), (), _square)
    solution = integrate(equation, np.ones((1, 8)), np.array([0.0, 3.0]), line(8), dt=0.01)
    assert not solution.converged[0]
    assert "refine the grid or check the equation" in solution.reason[0]
    assert 1.0 <= float(solution.reason[0].split("t = ")[1].split()[0]) < 1.5


@pytest.mark.parametrize("scheme, near", [("heun", 3e-2), ("ssprk3", 5e-3), ("rk4", 3e-4)])
def test_steps_follow_what_grows_to_its_end(scheme, near):
    """u' = u^2: u = u0 / (1 - u0 t) ends at t = 1 / u0, which longer steps would pass unseen."""
    equation, u0 = Equation("riccati", ("u",), (), _square), np.array([0.1, 0.5, 2.0])
    times = np.array([0.0, 3.0])
    solution = integrate(equation, np.outer(u0, np.ones(8)), times, line(8), scheme=scheme)
    assert solution.converged.tolist() == [True, False, False]
    np.testing.assert_allclose(solution.fields[0, 1], 0.1 / 0.7, rtol=near)
    ended = [float(reason.split("blow-up at t = ")[1].split()[0]) for reason in solution.reason[1:]]
    np.testing.assert_allclose(ended, 1 / u0[1:], rtol=near)


def test_steps_are_chosen_again_where_a_state_has_moved():
    """One interval without a frame inside, at the end of which diffusion is a hundred times as
    fast as at its beginning."""
    equation = Equation("warming", ("u", "k"), (("u", "laplacian"),), _warming)
    u0 = np.stack([1e-3 * (-1.0) ** np.arange(16), np.full(16, 0.01)])[None]
    solution = integrate(equation, u0, np.array([0.0, 1.0]), line(16, True))
    assert solution.converged.all()
    assert np.abs(solution.fields[0, 1, 0]).max() < 1e-12
    np.testing.assert_allclose(solution.fields[0, 1, 1], 1.01, rtol=1e-12)


@pytest.mark.parametrize("dt", [None, 0.01])
def test_a_state_whose_rates_overflow_is_a_blow_up(dt):
    equation = Equation("riccati", ("u",), (), _square)
    u0 = np.full((1, 8), 1e200)
    solution = integrate(equation, u0, np.array([0.0, 1.0]), line(8), dt=dt)
    assert solution.reason[0].startswith("blow-up at t = 0")
    assert "refine the grid or check the equation" in solution.reason[0]


def test_too_many_steps_and_unstable_schemes_are_told():
    grid = line(64, True)
    u0 = np.stack([np.sin(2 * np.pi * grid.axes[0]), np.zeros(64)])[None]
    solution = integrate(WAVE, u0, np.array([0.0, 9.0]), grid, {"speed": 1.0}, max_steps=10)
    assert solution.reason[0].startswith("maximum iterations")
    with pytest.raises(InputError, match="stable"):
        integrate(WAVE, u0, np.array([0.0, 9.0]), grid, {"speed": 1.0}, scheme="euler")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"u0": np.zeros((1, 9))}, "u0 of shape"),
        ({"times": np.array([0.0, 0.0])}, "times"),
        ({"parameters": {}}, "values for"),
        ({"parameters": {"diffusivity": np.ones(3)}}, "diffusivity"),
        ({"parameters": {"diffusivity": np.nan}}, "finite"),
        ({"dt": -1.0}, "positive"),
        ({"order": 3}, "order"),
        ({"scheme": "ETDRK4"}, "scheme"),
        ({"dtype": np.float16}, "float32 or float64"),
        ({"boundary": {"y": (Neumann(), Neumann())}}, "axis x"),
        ({"boundary": 3.0}, "Dirichlet"),
        ({"boundary": Dirichlet(np.ones(3))}, "for each sample"),
        ({"boundary": Dirichlet(np.nan)}, "finite"),
        ({"boundary": Dirichlet(lambda t: 1.0)}, "value for each"),
        ({"boundary": Absorbing(5.0, 1.0)}, "sponge"),
        ({"grid": line(4), "u0": np.zeros((1, 4)), "order": 6}, "points"),
    ],
)
def test_bad_input_is_refused(change, message):
    call = {
        "equation": HEAT,
        "u0": np.zeros((1, 16)),
        "times": np.array([0.0, 1.0]),
        "grid": line(16),
        "parameters": {"diffusivity": 1.0},
    } | change
    with pytest.raises(InputError, match=message):
        integrate(**call)
