"""Order at the kink, American options against a tree, early exercise, greeks."""

import itertools

import numpy as np
import pytest

from sobolev.geometry.derivatives import derivative
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.options.closed_form import european_greeks, european_price, payoff
from sobolev.solvers.options.finite_differences import solve_options
from sobolev.solvers.options.sensitivity import exercise_boundary, greeks
from sobolev.solvers.options.smoothing import smoothed_payoff
from sobolev.solvers.options.tree import american_price

SIGMA = np.array([0.15, 0.2, 0.3, 0.45])
RATE = np.array([0.01, 0.08, 0.05, 0.03])
TIMES = np.array([0.0, 0.1, 0.55, 1.0])


def axis(n, half_width=1.0):
    return Grid(((-half_width, half_width),), (n,))


def fitted(sizes, errors):
    return -np.polyfit(np.log(sizes), np.log(errors), 1)[0]


@pytest.mark.parametrize("kind", ["put", "call"])
@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("odd", [0, 1], ids=["kink between points", "kink on a point"])
def test_the_order_holds_at_the_kink(kind, order, odd):
    sizes, errors = np.array([40, 60, 80, 120, 160]) + odd, []
    for n in sizes:
        grid = axis(n)
        found = solve_options(grid, TIMES, SIGMA, RATE, 0.02, kind, order=order, steps=int(n))
        x, sigma, r = grid.axes[0], SIGMA[:, None, None], RATE[:, None, None]
        exact = european_price(x, TIMES[:, None], sigma, r, 0.02, kind)
        errors.append(np.abs(found.fields - exact)[:, 2:].max())
    assert abs(fitted(sizes - 1, errors) - order) < 0.2


def test_without_averaging_the_order_is_lost(monkeypatch):
    """What the averages are for: a kink between points costs Crank-Nicolson its clean order."""
    from sobolev.solvers.options import finite_differences as fd

    monkeypatch.setattr(fd, "smoothed_payoff", lambda x, kind, order: payoff(x, kind))
    grid = axis(64)
    exact = european_price(grid.axes[0], 1.0, 0.2, 0.05)
    raw = solve_options(grid, TIMES, 0.2, 0.05, steps=256).fields[0, -1]
    monkeypatch.undo()
    averaged = solve_options(grid, TIMES, 0.2, 0.05, steps=256).fields[0, -1]
    assert np.abs(raw - exact).max() > 50 * np.abs(averaged - exact).max()


@pytest.mark.parametrize(("order", "reach"), [(2, 1), (4, 3)])
def test_averages_are_taken_at_the_kink_alone(order, reach):
    x = np.linspace(-1, 1, 101) + 0.003
    moved = smoothed_payoff(x, "put", order) - payoff(x, "put")
    np.testing.assert_array_equal(moved != 0, np.abs(x) < reach * 0.02)
    # A kink of slope 1 on a point, averaged against a hat or a cubic spline, has the value
    # of the integral of s B(s) from 0 times the spacing; the sharpening adds a sixth of its own.
    at = smoothed_payoff(np.arange(-50, 51) * 1e-3, "call", order)[50] / 1e-3
    spline = {2: 1 / 6, 4: 8 / 6 * 7 / 30 - 1 / 6 * (1 / 120 + 1 + 1 / 120)}[order]
    assert at == pytest.approx(spline, abs=1e-3)


@pytest.mark.parametrize(("kind", "dividend"), [("put", 0.0), ("put", 0.05), ("call", 0.05)])
def test_american_options_against_the_tree(kind, dividend):
    points = np.array([-0.4, -0.2, 0.0, 0.2, 0.4])
    right = np.array([
        [[american_price(x, t, *option, dividend, kind, 3000) for x in points] for t in TIMES[1:]]
        for option in zip(SIGMA, RATE, strict=True)
    ])  # fmt: skip
    sizes, errors = np.array([40, 80, 120, 160, 240, 320]), []
    for n in sizes:
        found = solve_options(
            axis(n + 1), TIMES, SIGMA, RATE, dividend, kind, "american", steps=int(n)
        )
        at = np.round((points + 1) * n / 2).astype(int)
        errors.append(np.abs(found.fields[:, 1:][..., at] - right).max())
    assert abs(fitted(sizes, errors) - 2) < 0.2
    assert errors[-1] < 2e-5


def test_the_published_american_put():
    """See the tree's test for the source: the premium 0.106952702747 on K = S = 100."""
    grid, times = axis(2049), np.array([0.0, 1.0])
    found = solve_options(grid, times, 0.25, 0.05, 0.05, "put", "american", tolerance=1e-7)
    premium = found.fields[0, 1, 1024] - european_price(0.0, 1.0, 0.25, 0.05, 0.05)
    assert 100 * premium == pytest.approx(0.106952702747, abs=2e-5)


def test_early_exercise_is_complementary():
    """V is the payoff, or follows the equation, and never less; by differences of dense frames."""
    grid, times = axis(201), np.linspace(0, 1, 401)
    V = solve_options(grid, times, 0.3, 0.05, 0.0, "put", "american", steps=1600).fields[0]
    slope, bend = (derivative(V, grid, (order,), "fd2") for order in (1, 2))
    change = (V[2:] - V[:-2]) / (times[2:] - times[:-2])[:, None]
    equation = change - (0.045 * bend + (0.05 - 0.045) * slope - 0.05 * V)[1:-1]
    excess = (V - payoff(grid.axes[0]))[1:-1]
    late = slice(40, None)
    assert excess.min() >= 0
    both = np.minimum(equation, excess)[late, 2:-2]
    assert np.abs(both).max() < 2e-3
    held = excess[late, 2:-2] == 0
    assert 0.1 < held.mean() < 0.9
    deep = held & np.roll(held, -3, axis=1)  # three points from the boundary, which moves
    assert np.abs(equation[late, 2:-2][deep] - 0.05).max() < 1e-4  # r K: what waiting would lose


def test_the_boundary_of_an_old_put_is_that_without_maturity():
    """Merton 1973, section 8: V = (1 - S*) (S / S*)^m with sigma^2 m (m - 1) / 2 + (r - q) m = r
    and m < 0, and smooth fit gives S* = m / (m - 1)."""
    sigma, r, q = 0.4, 0.08, 0.02
    drift = r - q - 0.5 * sigma**2
    m = (-drift - np.sqrt(drift**2 + 2 * sigma**2 * r)) / sigma**2
    grid, times = axis(401), np.array([0.0, 1.0, 100.0])
    V = solve_options(grid, times, sigma, r, q, "put", "american", steps=1000).fields[0]
    boundary = exercise_boundary(V, grid)
    assert boundary[2] < boundary[1] < 1
    assert boundary[2] == pytest.approx(m / (m - 1), rel=0.2 * grid.spacing[0])
    after = grid.axes[0] > np.log(boundary[2])
    perpetual = (1 - boundary[2]) * np.exp(m * (grid.axes[0] - np.log(boundary[2])))
    np.testing.assert_allclose(V[2, after], perpetual[after], rtol=0, atol=1e-4)


def test_where_nothing_is_exercised_there_is_no_boundary():
    grid = axis(101)
    prices = solve_options(grid, TIMES, 0.3, 0.05, 0.0, "call", "american", steps=40).fields
    assert np.isnan(exercise_boundary(prices[:, 1:], grid, "call")).all()


def test_the_boundaries_of_put_and_call_mirror_each_other():
    grid, times = axis(801), np.array([0.0, 0.5])
    put = solve_options(grid, times, 0.3, 0.06, 0.03, "put", "american", steps=200).fields
    call = solve_options(grid, times, 0.3, 0.03, 0.06, "call", "american", steps=200).fields
    product = exercise_boundary(put, grid)[0, 1] * exercise_boundary(call, grid, "call")[0, 1]
    assert product == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("kind", ["put", "call"])
def test_greeks_of_the_solution(kind):
    grid, inside = axis(401), slice(40, -40)
    found = greeks(grid, 0.5, SIGMA, RATE, 0.02, kind, tolerance=1e-9)
    exact = european_greeks(grid.axes[0], 0.5, SIGMA[:, None], RATE[:, None], 0.02, kind)
    for name, values in exact.items():
        off = np.abs(found[name] - values)[:, inside].max()
        assert off < 2e-5 * np.abs(values).max(), name


def test_american_greeks_where_the_option_is_exercised():
    grid = axis(401)
    found = greeks(grid, 0.5, 0.2, 0.08, 0.0, "put", "american", tolerance=1e-6)
    deep = slice(20, 100)  # S / K below 0.6
    np.testing.assert_allclose(found["delta"][0, deep], -1, atol=1e-6)
    for name in ("theta", "vega", "rho"):
        np.testing.assert_allclose(found[name][0, deep], 0, atol=1e-7, err_msg=name)


def test_samples_do_not_know_each_other():
    """Whatever stands beside an option, and on however many threads, its bits are the same."""
    grid = axis(33)
    rng = np.random.default_rng(0)
    sigma, r = rng.uniform(0.2, 0.4, 19), rng.uniform(0.0, 0.1, 19)
    sigma[7] = 0.4  # the widest one decides how far the domain goes on
    whole = solve_options(grid, TIMES, sigma, r, steps=12).fields
    threads = solve_options(grid, TIMES, sigma, r, steps=12, threads=2).fields
    np.testing.assert_array_equal(whole, threads)
    order = np.random.default_rng(1).permutation(19)
    mixed = solve_options(grid, TIMES, sigma[order], r[order], steps=12).fields
    np.testing.assert_array_equal(whole[order], mixed)


def test_a_tolerance_is_kept_and_told():
    grid = axis(513)
    for tolerance in (1e-4, 1e-6, 1e-8):
        found = solve_options(grid, TIMES, 0.3, 0.05, order=4, tolerance=tolerance)
        assert found.converged.all()
        assert found.residual[0] <= tolerance
        exact = european_price(grid.axes[0], TIMES[:, None], 0.3, 0.05)
        assert np.abs(found.fields[0] - exact).max() < tolerance + 1e-8
    stopped = solve_options(grid, TIMES, 0.3, 0.05, order=2, tolerance=1e-12, max_steps=50)
    assert not stopped.converged.any()
    assert "steps do not reach" in stopped.reason[0]


@pytest.mark.parametrize(
    "change",
    [
        {"volatility": 0.0}, {"volatility": "high"}, {"rate": -0.01}, {"rate": np.nan},
        {"volatility": [0.2, 0.3], "rate": [0.1, 0.1, 0.1]}, {"kind": "straddle"},
        {"style": "bermudan"}, {"order": 3}, {"order": 4, "style": "american"},
        {"times": [0.5, 1.0]}, {"times": [0.0, 1.0, 1.0]}, {"steps": 0}, {"steps": None},
        {"tolerance": 1e-3}, {"steps": None, "tolerance": 2.0},
        {"grid": Grid(((0.5, 1.0),), (33,))}, {"grid": Grid(((-1.0, 1.0),), (33,), periodic=True)},
    ],
)  # fmt: skip
def test_what_cannot_be_priced_is_refused(change):
    given = {"grid": axis(33), "times": [0.0, 1.0], "volatility": 0.2, "rate": 0.05, "steps": 8}
    with pytest.raises(InputError, match="expected"):
        solve_options(**given | change)


def test_everything_stays_between_its_bounds():
    """No wiggles at the kink from Crank-Nicolson with long steps: Rannacher's start."""
    grid = axis(401)
    for kind, style in itertools.product(("put", "call"), ("european", "american")):
        V = solve_options(grid, TIMES[[0, 3]], SIGMA, RATE, 0.02, kind, style, 2, 16).fields[:, 1]
        bend = derivative(V, grid, (2,), "fd2") - derivative(V, grid, (1,), "fd2")
        assert bend.min() > -1e-3 * bend.max(), (kind, style)
