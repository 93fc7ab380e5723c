"""Trajectories: orders in time, exact solutions, control of the error, blow-up."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.spectral import FourierBasis
from sobolev.solvers.spectral.etdrk import integrate
from sobolev.solvers.spectral.schemes import EXPONENTIAL as SCHEMES


def line(n, left=-1.0, right=1.0):
    return Grid(((left, right),), (n,), periodic=True)


def burgers(u0, nu, times, grid, **options):
    """u_t + u u_x = nu u_xx; nu one number or one for each sample."""
    basis = FourierBasis(grid)
    half_slope = -0.5 * basis.derivative(0)
    linear = np.multiply.outer(nu, basis.laplacian)
    return integrate(
        linear,
        lambda v: half_slope * basis.forward(basis.inverse(v) ** 2),
        u0,
        times,
        grid,
        **options,
    )


def cole_hopf(x, t, nu, nodes=100):
    """u0 = -sin(pi x) through phi = exp(-cos(pi x) / (2 pi nu)), which obeys the heat equation.

    Gauss-Hermite quadrature of the heat kernel (Basdevant et al. 1986, equation 2.5).
    """
    xi, weights = np.polynomial.hermite.hermgauss(nodes)
    y = x[:, None] - np.sqrt(4 * nu * t) * xi
    exponent = -np.cos(np.pi * y) / (2 * np.pi * nu)
    phi = weights * np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return -(phi * np.sin(np.pi * y)).sum(axis=1) / phi.sum(axis=1)


@pytest.mark.parametrize("name", SCHEMES)
def test_order_in_time(name):
    grid, times = line(128), np.array([0.0, 0.5])
    u0 = -np.sin(np.pi * grid.axes[0])[None]
    exact = cole_hopf(grid.axes[0], 0.5, 0.1)
    steps = np.array([40, 60, 80, 120, 160])
    errors = [
        np.abs(burgers(u0, 0.1, times, grid, dt=0.5 / n, scheme=name).fields[0, 1] - exact).max()
        for n in steps
    ]
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(order - SCHEMES[name].order) < 0.2


@pytest.mark.parametrize("nu, n", [(0.1, 128), (0.05, 256), (0.01 / np.pi, 2048)])
def test_burgers_against_cole_hopf(nu, n):
    grid, times = line(n), np.linspace(0, 1, 6)
    u0 = -np.sin(np.pi * grid.axes[0])[None]
    solution = burgers(u0, nu, times, grid, tolerance=1e-9)
    assert solution.converged.all()
    np.testing.assert_array_equal(solution.fields[:, 0], u0)
    for frame, t in zip(solution.fields[0, 1:], times[1:], strict=True):
        assert np.abs(frame - cole_hopf(grid.axes[0], t, nu)).max() <= 1e-8


def test_heat_and_transport_are_exact():
    """A linear equation is solved to rounding in any step, with a real or complex symbol."""
    grid = line(32, 0.0, 2 * np.pi)
    basis, x = FourierBasis(grid), grid.axes[0]
    linear = 0.1 * basis.laplacian - 2.0 * basis.derivative(0)
    times = np.array([0.0, 0.3, 1.7])
    u0 = (1 + np.cos(3 * x))[None]
    fields = integrate(linear, np.zeros_like, u0, times, grid, dt=10.0).fields[0]
    for field, t in zip(fields, times, strict=True):
        np.testing.assert_allclose(
            field, 1 + np.exp(-0.9 * t) * np.cos(3 * (x - 2 * t)), atol=1e-13
        )


def test_two_dimensions_and_the_diagonal():
    """Burgers along the diagonal of a square is Burgers on a line."""
    nu, times = 0.1, np.array([0.0, 0.4])
    square = Grid(((-1.0, 1.0), (-1.0, 1.0)), (64, 64), periodic=True)
    basis = FourierBasis(square)
    x, y = square.coordinates()
    slope = -0.5 * (basis.derivative(0) + basis.derivative(1))

    def nonlinear(v):
        return slope * basis.forward(basis.inverse(v) ** 2)

    u0 = -np.sin(np.pi * (x + y))[None] / 2
    solution = integrate(nu / 2 * basis.laplacian, nonlinear, u0, times, square, tolerance=1e-9)
    # s = x + y: u_t + 2 u u_s = nu u_ss, so 2 u obeys Burgers.
    s = (x + y).ravel()
    exact = cole_hopf(s, 0.4, nu).reshape(x.shape) / 2
    assert np.abs(solution.fields[0, 1] - exact).max() < 1e-8


def random_waves(grid, count, seed=0):
    rng = np.random.default_rng(seed)
    k = np.arange(1, 5)[:, None]
    waves = np.sin(np.pi * k * grid.axes[0] + rng.uniform(0, 6, size=(count, 4, 1)))
    return np.einsum("bk,bkn->bn", rng.normal(size=(count, 4)), waves)


def test_each_sample_has_its_own_viscosity():
    grid, times = line(64), np.array([0.0, 0.2, 0.5])
    u0, nu = random_waves(grid, 3), np.array([0.1, 0.2, 0.4])
    together = burgers(u0, nu, times, grid, dt=0.01)
    for i in range(3):
        alone = burgers(u0[i : i + 1], nu[i], times, grid, dt=0.01)
        np.testing.assert_allclose(together.fields[i], alone.fields[0], rtol=1e-12, atol=1e-13)


def test_the_bits_do_not_depend_on_threads():
    grid, times = line(512), np.array([0.0, 0.1])
    u0 = random_waves(grid, 40)
    for options in ({"dt": 0.01}, {"tolerance": 1e-5}):
        one = burgers(u0, 0.1, times, grid, threads=1, **options)
        three = burgers(u0, 0.1, times, grid, threads=3, **options)
        np.testing.assert_array_equal(one.fields, three.fields)
        np.testing.assert_array_equal(one.iterations, three.iterations)


def test_steps_divide_every_interval():
    grid = line(16)
    u0 = random_waves(grid, 1)
    times = np.array([0.0, 0.1, 0.35, 0.36])
    solution = burgers(u0, 1.0, times, grid, dt=0.1)
    assert solution.iterations[0] == 1 + 3 + 1
    assert np.isnan(solution.residual[0])
    tenths = np.linspace(0, 1, 11)  # 0.1 up to rounding
    assert burgers(u0, 1.0, tenths, grid, dt=0.1).iterations[0] == 10


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-7])
def test_the_estimate_bounds_the_error(tolerance):
    grid, times = line(256), np.linspace(0, 0.5, 3)
    u0, nu = random_waves(grid, 6), np.geomspace(0.03, 0.3, 6)
    solution = burgers(u0, nu, times, grid, tolerance=tolerance)
    exact = burgers(u0, nu, times, grid, dt=1 / 8000).fields
    assert solution.converged.all()
    far = np.linalg.norm(solution.fields - exact, axis=2).max(axis=1)
    error = far / np.linalg.norm(exact, axis=2).max(axis=1)
    assert np.all(solution.residual <= tolerance)
    assert np.all(error <= solution.residual)
    assert np.all(error >= 0.1 * solution.residual)


def test_a_tolerance_out_of_reach_is_not_claimed():
    grid, times = line(32), np.array([0.0, 0.1])
    solution = burgers(random_waves(grid, 1), 0.1, times, grid, tolerance=1e-18)
    assert not solution.converged[0]
    assert solution.reason[0] == "stagnated"
    solution = burgers(random_waves(grid, 1), 0.1, times, grid, tolerance=1e-13, max_steps=100)
    assert solution.reason[0] == "maximum iterations"


def riccati(u0, times, **options):
    """u_t = u^2 on 8 points: u = u0 / (1 - u0 t), infinite at t = 1 / u0."""
    grid = line(8)
    basis = FourierBasis(grid)
    return integrate(
        np.zeros(basis.shape),
        lambda v: basis.forward(basis.inverse(v) ** 2),
        np.multiply.outer(u0, np.ones(8)),
        times,
        grid,
        **options,
    )


@pytest.mark.parametrize("options", [{"dt": 0.01}, {"tolerance": 1e-8, "max_steps": 20_000}])
def test_blow_up_ends_with_its_time_and_the_others_go_on(options):
    times = np.linspace(0, 2, 5)
    solution = riccati(np.array([0.25, 1.0, np.nan, -1.0]), times, **options)
    assert solution.converged.tolist() == [True, False, False, True]
    assert solution.reason[1].startswith("blow-up at t = 1.")
    assert solution.reason[2] == "breakdown: initial state is not finite"
    for i, u0 in ((0, 0.25), (3, -1.0)):
        exact = u0 / (1 - u0 * times)
        np.testing.assert_allclose(solution.fields[i, :, 0], exact, rtol=1e-7)
    np.testing.assert_allclose(solution.fields[1, 1, 0], 2.0, rtol=1e-6)
    assert np.isnan(solution.fields[1, -1]).all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"u0": np.zeros(8)}, "u0 of shape"),
        ({"u0": np.zeros((1, 9))}, "u0 of shape"),
        ({"times": np.array([0.0])}, "times"),
        ({"times": np.array([0.0, 0.0])}, "times"),
        ({"linear": np.zeros(8)}, "linear symbol of shape"),
        ({"linear": np.full(5, np.nan)}, "finite linear"),
        ({"dt": None}, "either dt or tolerance"),
        ({"tolerance": 1e-3}, "either dt or tolerance"),
        ({"dt": -1.0}, "positive"),
        ({"dt": np.nan}, "positive"),
        ({"scheme": "RK4"}, "scheme"),
        ({"grid": Grid(((0.0, 1.0),), (8,))}, "periodic"),
    ],
)
def test_bad_input_is_refused(change, message):
    call = {
        "linear": np.zeros(5),
        "nonlinear": np.zeros_like,
        "u0": np.zeros((1, 8)),
        "times": np.array([0.0, 1.0]),
        "grid": line(8),
        "dt": 0.1,
    } | change
    with pytest.raises(InputError, match=message):
        integrate(**call)
