"""Time stepping between ends: exact solutions, orders, blow-up, control of the error."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from sobolev.geometry.errors import InputError
from sobolev.solvers.chebyshev.basis import ChebyshevBasis
from sobolev.solvers.chebyshev.boundary import dirichlet, neumann, robin
from sobolev.solvers.chebyshev.integrate import integrate
from sobolev.solvers.solution import STAGNATED
from sobolev.solvers.tableaux import ADDITIVE

ENDS = np.array([0.0, 1.0])


def cubic(u, t, basis):
    return u - u**3


def front(x, t, a=0.1):
    """u_t = a u_xx + u - u^3 between 1 and 0: a wave of speed 3 sqrt(a / 2)."""
    return 0.5 * (1 - np.tanh((x - 3 * np.sqrt(a / 2) * t) / np.sqrt(8 * a)))


def allen_cahn(n, **options):
    basis = ChebyshevBasis(((-2.0, 2.0),), (n,))
    ends = {"x": (dirichlet(lambda t: front(-2.0, t)), dirichlet(lambda t: front(2.0, t)))}
    u0 = front(basis.axes[0], 0.0)[None]
    times = np.array([0.0, 0.5])
    solution = integrate(0.1, cubic, u0, times, basis, ends, **options)
    return solution, float(np.abs(solution.fields[0, -1] - front(basis.axes[0], 0.5)).max())


def fitted(steps, errors):
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


@pytest.mark.parametrize("scheme", ADDITIVE)
def test_order_where_all_rates_meet_the_conditions(scheme):
    """A reaction with values of zero; the truth is the scheme of order 4 with small steps."""
    basis = ChebyshevBasis(((0.0, np.pi),), (24,))
    x = basis.axes[0]
    u0 = (np.sin(x) + 0.4 * np.sin(2 * x))[None]
    steps = np.array([20, 40, 80, 160])

    def final(count, scheme):
        return integrate(
            0.3, cubic, u0, ENDS, basis, dirichlet(), dt=1 / count, scheme=scheme
        ).fields[0, -1]

    truth = final(1000, "ARK436")
    errors = [np.abs(final(count, scheme) - truth).max() for count in steps]
    assert abs(fitted(steps, errors) - ADDITIVE[scheme].order) < 0.2


@pytest.mark.parametrize(
    ("scheme", "order"), [("ARS111", 1), ("ARS222", 2), ("ARS443", 2), ("ARK436", 2)]
)
def test_order_with_values_that_change_in_time_is_at_most_two(scheme, order):
    steps = np.array([40, 80, 160, 320])
    errors = [allen_cahn(48, dt=0.5 / count, scheme=scheme)[1] for count in steps]
    assert abs(fitted(steps, errors) - order) < 0.2


def test_a_front_converges_like_an_exponential_in_space():
    errors = [allen_cahn(n, dt=0.5 / 640, scheme="ARS443")[1] for n in (8, 12, 16, 24, 48)]
    falls = np.array(errors[:-1]) / errors[1:]
    assert np.all(falls[:3] > 5)
    assert errors[-1] < 3e-10  # the error in time of these steps


def test_the_tolerance_is_kept():
    for tolerance in (1e-4, 1e-7):
        solution, error = allen_cahn(48, tolerance=tolerance)
        assert solution.converged.all()
        assert solution.residual[0] <= tolerance
        assert error < 3 * tolerance
    _, loose = allen_cahn(48, tolerance=1e-3)
    assert loose > 1e-9  # it does not do more than it was asked for by luck


def test_heat_loses_through_robin_ends_as_its_modes_do():
    """cos(k x), k tan(k) = 2, with u_x = -2 u at the upper and the mirror at the lower end."""
    k = brentq(lambda k: k * math.tan(k) - 2, 0.5, 1.5)
    basis = ChebyshevBasis(((-1.0, 1.0),), (20,))
    u0 = np.cos(k * basis.axes[0])[None] * np.array([[1.0], [3.0]])
    a = np.array([0.3, 1.0])
    ends = {"x": (robin(2.0, -1.0), robin(2.0, 1.0))}
    solution = integrate(a, None, u0, ENDS, basis, ends, dt=1 / 400)
    exact = np.exp(-a * k * k)[:, None] * u0
    assert np.abs(solution.fields[:, 1] - exact).max() < 1e-12
    # And towards the value outside: the flux at both ends is that to a bath of temperature 5.
    bath = {"x": (robin(2.0, -1.0, 10.0), robin(2.0, 1.0, 10.0))}
    shifted = integrate(a, None, u0 + 5, ENDS, basis, bath, dt=1 / 400)
    assert np.abs(shifted.fields[:, 1] - exact - 5).max() < 1e-11


def test_two_fields_with_their_own_ends_in_two_dimensions():
    """u_t = a lap u - v, v_t = b lap v on modes of the same shape along x."""
    basis = ChebyshevBasis(((0.0, 1.0), (0.0, 2.0)), (18, 20))
    x = basis.coordinates()[0]
    mode = np.sin(np.pi * x)
    u0 = np.stack([2 * mode, mode])[None]
    sides = {"x": (dirichlet(), dirichlet()), "y": (neumann(), neumann())}

    def coupling(state, t, basis):
        return np.stack([-state[:, 1], 0 * state[:, 1]], axis=1)

    p, q = 0.05 * np.pi**2, 0.02 * np.pi**2
    solution = integrate(
        np.array([[0.05, 0.02]]), coupling, u0, ENDS, basis, [sides, sides], dt=1 / 60
    )
    v = np.exp(-q)
    u = 2 * np.exp(-p) - (np.exp(-q) - np.exp(-p)) / (p - q)
    exact = np.stack([u * mode, v * mode])
    assert np.abs(solution.fields[0, 1] - exact).max() < 1e-9
    # A pair of different ends, of which each has its own number of modes.
    still = integrate(
        np.array([[0.05, 0.02]]), None, np.stack([0 * mode, 1 + 0 * mode])[None], ENDS, basis,
        [dirichlet(), neumann()], dt=0.1,
    )  # fmt: skip
    np.testing.assert_allclose(still.fields[0, 1, 1], 1.0, atol=1e-12)
    assert np.abs(still.fields[0, 1, 0]).max() < 1e-14


def test_the_mean_is_kept_between_insulated_ends():
    basis = ChebyshevBasis(((0.0, 1.0), (0.0, 1.0), (0.0, 1.0)), (10, 9, 11))
    u0 = np.random.default_rng(0).standard_normal((1, *basis.shape))
    solution = integrate(0.1, None, u0, np.linspace(0, 1, 4), basis, neumann(), dt=0.05)
    totals = (basis.weights * solution.fields).sum(axis=(2, 3, 4))[0]
    np.testing.assert_allclose(totals, totals[0], rtol=0, atol=1e-11)


def test_blow_up_ends_one_sample_with_its_time_and_leaves_the_others():
    basis = ChebyshevBasis(((0.0, 1.0),), (16,))
    u0 = np.stack([np.full(16, 2.0), np.full(16, 0.1), np.full(16, np.nan)])
    solution = integrate(
        0.1, lambda u, t, basis: u**2, u0, np.linspace(0, 1, 6), basis, neumann(), dt=1e-3
    )
    assert solution.converged.tolist() == [False, True, False]
    told = float(solution.reason[0].split("t = ")[1].split()[0])
    assert 0.5 <= told < 0.55  # u = 1 / (1/2 - t)
    assert "smaller dt" in solution.reason[0]
    assert "not finite" in solution.reason[2]
    assert np.isnan(solution.fields[0, 3:]).all()
    np.testing.assert_allclose(solution.fields[1, -1], 1 / (10 - 1), rtol=1e-11)


def test_a_tolerance_below_rounding_is_told():
    basis = ChebyshevBasis(((0.0, np.pi),), (16,))
    u0 = np.sin(basis.axes[0])[None]
    solution = integrate(1.0, None, u0, ENDS, basis, dirichlet(), tolerance=1e-17)
    assert solution.reason == (STAGNATED,)


@pytest.mark.parametrize(
    "change",
    [
        {"u0": np.zeros((1, 15))},
        {"times": np.array([0.0])},
        {"times": np.array([1.0, 0.0])},
        {"dt": None},
        {"tolerance": 1e-3},
        {"dt": -1.0},
        {"scheme": "RK4"},
        {"diffusivity": -1.0},
        {"diffusivity": np.ones(3)},
        {"boundary": [dirichlet(), dirichlet()]},
        {"boundary": "periodic"},
    ],
)
def test_what_does_not_fit_is_refused(change):
    basis = ChebyshevBasis(((0.0, 1.0),), (16,))
    given = {
        "diffusivity": 1.0, "nonlinear": None, "u0": np.zeros((1, 16)), "times": ENDS,
        "basis": basis, "boundary": dirichlet(), "dt": 0.1,
    }  # fmt: skip
    with pytest.raises(InputError, match="expected"):
        integrate(**(given | change))
