"""Conservation laws by fluxes: orders, shocks against exact Riemann solutions, totals."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.stencils.boundary import Dirichlet, Neumann
from sobolev.solvers.stencils.equations import (
    ADVECTION,
    BURGERS_SHOCKS,
    SHALLOW_WATER_1D,
    SHALLOW_WATER_2D,
)
from sobolev.solvers.stencils.integrate import integrate


def cells(n, left=0.0, right=1.0, periodic=False):
    return Grid(((left, right),), (n,), periodic=periodic, centering="cell")


@pytest.mark.parametrize("speed", [1.0, -1.0])
@pytest.mark.parametrize(
    "name, flux, sizes, order",
    [
        ("weno5", "split", (64, 80, 112, 160), 5),
        ("weno5", "hll", (64, 80, 112, 160), 5),
        ("muscl", "hll", (256, 384, 512, 768), 2),
        ("upwind", "rusanov", (256, 384, 512, 768), 1),
    ],
)
def test_smooth_advection(name, flux, sizes, order, speed):
    errors = []
    for n in sizes:
        grid = cells(n, periodic=True)
        x = grid.axes[0]
        solution = integrate(
            ADVECTION, np.exp(np.sin(2 * np.pi * x))[None], np.array([0.0, 0.25]), grid,
            {"speed": speed}, dt=0.25 / 1000, reconstruction=name, flux=flux,
        )  # fmt: skip
        exact = np.exp(np.sin(2 * np.pi * (x - speed * 0.25)))
        errors.append(np.abs(solution.fields[0, 1] - exact).mean())
    assert abs(-np.polyfit(np.log(sizes), np.log(errors), 1)[0] - order) < 0.2


@pytest.mark.parametrize("name, bound", [("weno5", 0.02), ("upwind", 1e-12)])
def test_a_step_is_carried_without_wiggles_and_without_loss(name, bound):
    grid = cells(200, periodic=True)
    u0 = np.where(np.abs(grid.axes[0] - 0.5) < 0.2, 1.0, 0.0)
    solution = integrate(
        ADVECTION, u0[None], np.array([0.0, 1.0]), grid, {"speed": 1.0}, scheme="ssprk3",
        reconstruction=name,
    )  # fmt: skip
    u = solution.fields[0, 1]
    assert solution.converged.all()
    assert u.min() > -bound
    assert u.max() < 1 + bound
    assert abs(u.sum() - u0.sum()) < 1e-11
    assert np.abs(u - u0).mean() < (0.03 if name == "weno5" else 0.3)


def test_shock_of_burgers_stands_where_it_should():
    """From 2 to 0 the front moves with speed 1; L1 errors fall with the spacing."""
    errors = []
    for n in (60, 120, 240, 480):
        grid = cells(n, -1.0, 2.0)
        x = grid.axes[0]
        ends = {"x": (Dirichlet(2.0), Dirichlet(0.0))}
        solution = integrate(
            BURGERS_SHOCKS, np.where(x < 0, 2.0, 0.0)[None], np.array([0.0, 0.8]), grid,
            {"viscosity": 0.0}, None, ends, scheme="ssprk3",
        )  # fmt: skip
        u = solution.fields[0, 1]
        errors.append(np.abs(u - np.where(x < 0.8, 2.0, 0.0)).mean())
        place = -1 + u.sum() * grid.spacing[0] / 2
        assert abs(place - 0.8) < 1e-3
    assert errors[-1] < 0.01
    assert np.all(np.diff(errors) < 0)


def dam_break(x, t, left, right, gravity):
    """Stoker's solution: a fan, a plateau, a shock; the plateau's depth by bisection."""
    c_left = np.sqrt(gravity * left)

    def speeds(h):
        fan = 2 * (c_left - np.sqrt(gravity * h))
        shock = (h - right) * np.sqrt(gravity / 2 * (h + right) / (h * right))
        return fan, shock

    low, high = right, left
    for _ in range(100):
        middle = (low + high) / 2
        fan, shock = speeds(middle)
        low, high = (middle, high) if fan > shock else (low, middle)
    u, h = speeds(middle)[0], middle
    front = u * h / (h - right)
    xi = x / t
    fan_h = (2 * c_left - xi) ** 2 / (9 * gravity)
    fan_u = 2 / 3 * (c_left + xi)
    tail = u - np.sqrt(gravity * h)
    conditions = [xi < -c_left, xi < tail, xi < front]
    depth = np.select(conditions, [left, fan_h, h], right)
    speed = np.select(conditions, [0.0, fan_u, u], 0.0)
    return depth, depth * speed


@pytest.mark.parametrize(
    "name, flux, bound, least",
    [
        ("weno5", "split", 0.01, 0.8),
        ("weno5", "hll", 0.01, 0.8),
        ("muscl", "hll", 0.01, 0.8),
        ("muscl", "rusanov", 0.015, 0.8),
        ("upwind", "hll", 0.05, 0.5),
    ],
)
def test_dam_break(name, flux, bound, least):
    errors = []
    for n in (50, 100, 200, 400):
        grid = cells(n, -1.0, 1.0)
        x = grid.axes[0]
        u0 = np.stack([np.where(x < 0, 2.0, 1.0), np.zeros(n)])
        solution = integrate(
            SHALLOW_WATER_1D, u0[None], np.array([0.0, 0.15]), grid, {"gravity": 9.81},
            scheme="ssprk3", reconstruction=name, flux=flux,
        )  # fmt: skip
        assert solution.converged.all()
        exact = dam_break(x, 0.15, 2.0, 1.0, 9.81)
        errors.append(np.abs(solution.fields[0, 1] - exact).mean())
    assert np.all(np.diff(errors) < 0)
    assert errors[-1] < bound
    order = -np.polyfit(np.log([50, 100, 200, 400]), np.log(errors), 1)[0]
    assert least < order < 1.2


def dry_front(x, t, depth, gravity):
    """Ritter's solution: a fan that runs onto dry ground with twice the speed of small waves."""
    c, xi = np.sqrt(gravity * depth), x / t
    inside = (xi > -c) & (xi < 2 * c)
    h = np.where(inside, (2 * c - xi) ** 2 / (9 * gravity), np.where(xi <= -c, depth, 0.0))
    return h, np.where(inside, 2 / 3 * (c + xi), 0.0) * h


@pytest.mark.parametrize("right", [1e-4, 0.0])
@pytest.mark.parametrize("name, flux", [("weno5", "hll"), ("muscl", "hll"), ("upwind", "rusanov")])
def test_water_runs_onto_dry_ground_and_stays_positive(name, flux, right):
    errors = []
    for n in (50, 100, 200, 400):
        grid = cells(n, -2.0, 2.0)
        x = grid.axes[0]
        u0 = np.stack([np.where(x < 0, 1.0, right), np.zeros(n)])
        walls = {"x": ({"h": Neumann(), "m": Dirichlet()},) * 2}
        solution = integrate(
            SHALLOW_WATER_1D, u0[None], np.array([0.0, 0.1, 0.2]), grid, {"gravity": 9.81}, None,
            walls, scheme="ssprk3", reconstruction=name, flux=flux,
        )  # fmt: skip
        assert solution.converged.all()
        assert solution.fields[0, :, 0].min() >= 0.0
        totals = solution.fields[0, :, 0].sum(axis=1)
        np.testing.assert_allclose(totals, totals[0], rtol=1e-13)
        errors.append(np.abs(solution.fields[0, 2] - dry_front(x, 0.2, 1.0, 9.81)).mean())
    assert np.all(np.diff(errors) < 0)
    assert errors[-1] < (0.015 if name == "upwind" else 0.003)


def test_water_between_walls_keeps_its_mass_and_both_axes_are_alike():
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (40, 40), centering="cell")
    x, y = grid.coordinates()
    h = 1 + 0.3 * np.exp(-40 * ((x - 0.4) ** 2 + (y - 0.6) ** 2))
    u0 = np.stack([h, 0 * h, 0 * h])
    still, wall = Neumann(), Dirichlet()
    ends = {
        "x": ({"h": still, "m": wall, "n": still},) * 2,
        "y": ({"h": still, "m": still, "n": wall},) * 2,
    }
    times = np.linspace(0, 0.6, 4)
    fields = [
        integrate(
            SHALLOW_WATER_2D, u[None], times, grid, {"gravity": 9.81}, None, ends, scheme="ssprk3",
            threads=threads,
        ).fields[0]
        for u, threads in ((u0, 1), (u0, 2), (u0.transpose(0, 2, 1), 1))
    ]  # fmt: skip
    assert np.isfinite(fields[0]).all()
    totals = fields[0][:, 0].mean(axis=(1, 2))
    np.testing.assert_allclose(totals, totals[0], rtol=1e-13)
    np.testing.assert_array_equal(fields[0], fields[1])
    swapped = fields[2].transpose(0, 1, 3, 2)[:, [0, 2, 1]]
    np.testing.assert_allclose(fields[0], swapped, atol=1e-12)


def test_single_precision_water_is_near():
    grid = cells(64, periodic=True)
    x = grid.axes[0]
    u0 = np.stack([1 + 0.1 * np.sin(2 * np.pi * x), 0.1 * np.cos(2 * np.pi * x)])[None]
    double, single = (
        integrate(
            SHALLOW_WATER_1D,
            u0,
            np.array([0.0, 0.2]),
            grid,
            {"gravity": 9.81},
            dt=1e-3,
            dtype=dtype,
        ).fields
        for dtype in (np.float64, np.float32)
    )
    assert single.dtype == np.float32
    assert 0 < np.abs(single - double)[0, 1].max() < 1e-5


def test_wrong_dimensions_and_reconstructions_are_refused():
    grid = Grid(((0.0, 1.0),) * 2, (8, 8), periodic=True)
    with pytest.raises(InputError, match="dimensions"):
        integrate(ADVECTION, np.zeros((1, 8, 8)), np.array([0.0, 1.0]), grid, {"speed": 1.0})
    call = (ADVECTION, np.zeros((1, 8)), np.array([0.0, 1.0]), cells(8, periodic=True))
    with pytest.raises(InputError, match="reconstruction"):
        integrate(*call, {"speed": 1.0}, reconstruction="weno7")
    with pytest.raises(InputError, match="flux"):
        integrate(*call, {"speed": 1.0}, flux="roe")
