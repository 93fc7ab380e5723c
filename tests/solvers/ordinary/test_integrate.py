"""The engines of ordinary systems: orders, tolerance, ends, batches."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sobolev.geometry.derivatives import derivative
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.ordinary.integrate import integrate
from sobolev.solvers.ordinary.methods import EMBEDDED, RODAS4, explicit, names
from sobolev.solvers.ordinary.system import System
from sobolev.solvers.ordinary.systems import LORENZ63, lorenz96


def _forced(x, y, t, rate):
    """Exact solution x = cos t, y = 1 / (1 + t): nonlinear, and t stands in it."""
    return y * (1.0 + t) * -np.sin(t) + rate * (np.cos(t) - x) * y, -x * y * y / np.cos(t)


FORCED = System("forced", ("x", "y"), _forced, ("rate",), (1.5,))


def forced(t):
    return np.stack([np.cos(t), 1 / (1 + t)], axis=-1)


def _square(u, t):
    return u * u


SQUARE = System("square", ("u",), _square)


def _van_der_pol(x, y, t, stiffness):
    return y, stiffness * ((1.0 - x * x) * y - x)


VAN_DER_POL = System("van_der_pol", ("x", "y"), _van_der_pol, ("stiffness",), (1e6,))

# Steps at which the error is above rounding and the leading term rules, and where they end.
COARSEST = {"dop853": (8, 0.5), "dopri5": (80, 1.0), "rodas4": (40, 0.5)}


def order_of(scheme):
    return RODAS4.order if scheme == "rodas4" else explicit(scheme).order


def fitted(counts, errors):
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


@pytest.mark.parametrize("scheme", names())
def test_order(scheme):
    first, end = COARSEST.get(scheme, (100, 0.5))
    counts, u0 = first * 2 ** np.arange(4), np.array([[1.0, -2.0, 20.0]])
    truth = scipy_trajectory(lambda t, u: _lorenz(u), u0[0], np.array([0.0, end]))[-1]
    errors = [
        np.abs(integrate(LORENZ63, u0, [0, end], dt=end / n, scheme=scheme).fields[0, 1] - truth)
        for n in counts
    ]
    assert fitted(counts, np.max(errors, axis=1)) == pytest.approx(order_of(scheme), abs=0.2)


@pytest.mark.parametrize(
    "scheme, first", [("heun", 16), ("rk4", 16), ("dop853", 2), ("rodas4", 16)]
)
def test_order_where_time_stands_in_the_rates(scheme, first):
    counts, end = first * 2 ** np.arange(4), 1.2
    errors = [
        np.abs(integrate(FORCED, forced(np.zeros(1)), [0.0, end], dt=end / n, scheme=scheme)
               .fields[0, -1] - forced(np.array(end))).max()
        for n in counts
    ]  # fmt: skip
    assert fitted(counts, errors) == pytest.approx(order_of(scheme), abs=0.2)


@pytest.mark.parametrize("name, order", [("dopri5", 4), ("dop853", 7)])
def test_dense_output_satisfies_its_order_conditions(name, order):
    method = explicit(name)
    np.testing.assert_allclose(method.a.sum(axis=1), method.c, atol=1e-14)
    for x in (0.1, 0.35, 0.8, 1.0):
        weights = method.dense @ x ** np.arange(1, method.dense.shape[1] + 1)
        for q in range(1, order + 1):  # quadrature conditions
            assert weights @ method.c ** (q - 1) == pytest.approx(x**q / q, abs=1e-13)
        # the longest chain of products, a (a (... c)), that the order still has to satisfy
        chain = np.ones(len(method.c))
        for q in range(1, order + 1):
            assert weights @ chain == pytest.approx(x**q / np.prod(np.arange(1, q + 1)), abs=1e-13)
            chain = method.a @ chain
    last = np.zeros(len(method.c))
    last[: method.stages] = method.a[method.stages, : method.stages]
    np.testing.assert_allclose(method.dense.sum(axis=1), last, atol=1e-13)


def _lorenz(u):
    return [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]


def scipy_trajectory(rates, u0, times):
    found = solve_ivp(
        rates, (times[0], times[-1]), u0, "DOP853", times, rtol=1e-13, atol=1e-13
    )  # fmt: skip
    return found.y.T


@pytest.mark.parametrize("scheme", EMBEDDED)
def test_lorenz_agrees_with_scipy(scheme):
    times = np.linspace(0.0, 5.0, 51)
    u0 = np.array([1.0, -2.0, 20.0])
    truth = scipy_trajectory(lambda t, u: _lorenz(u), u0, times)
    solution = integrate(LORENZ63, u0[None], times, tolerance=1e-12, scheme=scheme)
    assert np.abs(solution.fields[0] - truth).max() < 5e-9  # errors grow by a hundred to thousand
    assert 0 < solution.residual[0] <= 1e-12


def test_lorenz96_agrees_with_scipy():
    times = np.linspace(0.0, 2.0, 11)
    u0 = 8 + np.random.default_rng(3).standard_normal(12)
    truth = scipy_trajectory(
        lambda t, u: (np.roll(u, -1) - np.roll(u, 2)) * np.roll(u, 1) - u + 8.0, u0, times
    )
    solution = integrate(lorenz96(12), u0[None], times, tolerance=1e-12)
    np.testing.assert_allclose(solution.fields[0], truth, atol=1e-9)


@pytest.mark.parametrize("scheme", [*EMBEDDED, "rodas4"])
def test_the_error_follows_the_tolerance(scheme):
    times = np.linspace(0.0, 1.2, 7)
    tolerances = 10.0 ** -np.arange(4, 11)
    errors = [
        np.abs(integrate(FORCED, forced(np.zeros(1)), times, tolerance=tolerance, scheme=scheme)
               .fields[0] - forced(times)).max()
        for tolerance in tolerances
    ]  # fmt: skip
    assert np.all(errors <= 20 * tolerances)
    # An order q whose error estimate has order q - 1 gains more than it is asked for.
    assert 0.8 < np.polyfit(np.log(tolerances), np.log(errors), 1)[0] < 1.5


def test_frames_do_not_change_the_steps():
    u0 = np.array([[1.0, 2.0, 20.0]])
    coarse = integrate(LORENZ63, u0, np.linspace(0, 4, 5), tolerance=1e-9)
    fine = integrate(LORENZ63, u0, np.linspace(0, 4, 4001), tolerance=1e-9)
    assert coarse.iterations == fine.iterations < 400
    np.testing.assert_array_equal(coarse.fields[0], fine.fields[0, ::1000])
    x, y = fine.fields[0, :, 0], fine.fields[0, :, 1]
    slopes = derivative(x, Grid(((0.0, 4.0),), (4001,)), (1,), "fd4")
    assert np.abs(slopes - 10 * (y - x)).max() < 5e-5  # no kink between two steps


@pytest.mark.parametrize("scheme, dt", [("dop853", None), ("rodas4", None), ("rk4", 0.01)])
def test_samples_do_not_touch_each_other(scheme, dt):
    generator = np.random.default_rng(5)
    u0, rho = generator.standard_normal((35, 3)), generator.uniform(20, 30, 35)
    times = np.linspace(0.0, 2.0, 9)
    together = integrate(LORENZ63, u0, times, {"rho": rho}, dt=dt, scheme=scheme)
    threaded = integrate(LORENZ63, u0, times, {"rho": rho}, dt=dt, scheme=scheme, threads=2)
    np.testing.assert_array_equal(together.fields, threaded.fields)
    np.testing.assert_array_equal(together.iterations, threaded.iterations)
    for i in (0, 17, 34):
        alone = integrate(LORENZ63, u0[i : i + 1], times, {"rho": rho[i]}, dt=dt, scheme=scheme)
        np.testing.assert_array_equal(alone.fields[0], together.fields[i])
    assert together.fields.shape == (35, 9, 3)


@pytest.mark.parametrize("scheme", [*EMBEDDED, "rodas4"])
def test_blow_up_is_told_with_its_time_and_its_frames_are_nan(scheme):
    # u = 1 / (1 / u0 - t) ends at t = 1 / u0
    solution = integrate(SQUARE, np.array([1.0, 0.5]), np.linspace(0, 1.5, 7), scheme=scheme)
    assert solution.converged.tolist() == [False, True]
    assert solution.reason[0].startswith("blow-up at t = ")
    told = float(solution.reason[0].split("t = ")[1].split(":")[0])
    assert told == pytest.approx(1.0, abs=1e-6)
    assert np.isfinite(solution.fields[0, :4]).all()
    assert np.isnan(solution.fields[0, 5:]).all()
    np.testing.assert_allclose(solution.fields[1], 1 / (2 - np.linspace(0, 1.5, 7)), rtol=1e-6)


def test_blow_up_of_equal_steps_is_told():
    solution = integrate(SQUARE, np.array([1.0]), [0.0, 0.5, 3.0], dt=0.01, scheme="rk4")
    assert not solution.converged[0]
    assert "equal steps of rk4: use a smaller dt" in solution.reason[0]
    assert np.isfinite(solution.fields[0, 1])
    assert np.isnan(solution.fields[0, 2])
    assert np.isnan(solution.residual[0])


def test_a_start_that_is_not_finite_is_no_solution():
    solution = integrate(LORENZ63, np.array([[1.0, np.nan, 0.0], [1.0, 1.0, 1.0]]), [0.0, 1.0])
    assert solution.converged.tolist() == [False, True]
    assert "not finite" in solution.reason[0]
    assert np.isnan(solution.fields[0, 1]).all()


def test_stiff_systems_need_the_stiff_method():
    # Hairer & Wanner, Solving ODEs II, section IV.10: VDPOL at t = 1, 2 and at eps = 1e-6
    truth = [[-1.863646254808130, 0.7535430865435460], [1.706167732170456, -0.8928097010248257]]
    u0, times = np.array([[2.0, -0.66]]), np.array([0.0, 1.0, 2.0])
    solution = integrate(VAN_DER_POL, u0, times, tolerance=1e-7, scheme="rodas4")
    np.testing.assert_allclose(solution.fields[0, 1:], truth, rtol=2e-5)
    assert solution.iterations < 3000
    explicit_one = integrate(VAN_DER_POL, u0, times, tolerance=1e-7, max_steps=20_000)
    assert not explicit_one.converged[0]
    assert "maximum iterations: 20000 steps reach t = " in explicit_one.reason[0]
    assert "rodas4" in explicit_one.reason[0]


@pytest.mark.parametrize("system, width", [(LORENZ63, 3), (lorenz96(6), 6)])
def test_tangent_vectors_follow_the_linearised_flow(system, width):
    generator = np.random.default_rng(7)
    u0, v = generator.standard_normal((2, width)) * 3, generator.standard_normal((2, 2, width))
    start = np.concatenate([u0, v.reshape(2, -1)], axis=1)
    end = integrate(system, start, [0.0, 0.7], tolerance=1e-11).fields[:, 1]
    for k in range(2):
        near = [
            integrate(system, u0 + sign * 1e-5 * v[:, k], [0.0, 0.7], tolerance=1e-13).fields[:, 1]
            for sign in (1, -1)
        ]
        quotient = (near[0] - near[1]) / 2e-5
        found = end[:, (k + 1) * width : (k + 2) * width]
        np.testing.assert_allclose(found, quotient, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        end[:, :width], integrate(system, u0, [0.0, 0.7], tolerance=1e-11).fields[:, 1], rtol=1e-8
    )


@pytest.mark.parametrize(
    "change, words",
    [
        ({"u0": np.ones((2, 4))}, r"u0 of shape \(batch, 3\)"),
        ({"u0": np.ones((0, 3))}, "u0 of shape"),
        ({"times": [0.0, 0.0]}, "increasing times"),
        ({"times": [0.0]}, "increasing times"),
        ({"scheme": "leapfrog"}, "a method of dopri5"),
        ({"scheme": "rk4"}, "dt with the scheme"),
        ({"dt": 0.1, "tolerance": 1e-6}, "dt or a tolerance"),
        ({"tolerance": 0.0}, "positive tolerance"),
        ({"dt": -1.0}, "positive dt"),
        ({"absolute": -1.0}, "positive absolute"),
        ({"max_steps": 0}, "max_steps"),
        ({"dt": 1e-9}, "use a larger dt"),
        ({"threads": 0}, "one thread"),
        ({"parameters": {"viscosity": 1.0}}, "parameters"),
        ({"parameters": {"rho": np.ones(3)}}, r"rho of shape \(\)"),
        ({"u0": np.ones((1, 6)), "scheme": "rodas4"}, "tangent"),
    ],
)
def test_bad_input_is_told_in_a_line(change, words):
    arguments = {"u0": np.ones((2, 3)), "times": [0.0, 1.0]} | change
    with pytest.raises(InputError, match=words) as caught:
        integrate(LORENZ63, **arguments)
    assert "\n" not in str(caught.value)


def test_bad_systems_are_told_in_a_line():
    with pytest.raises(InputError, match="different names"):
        System("twice", ("u", "u"), _square)
    with pytest.raises(InputError, match="as many defaults"):
        System("some", ("u",), _square, ("a", "b"), (1.0,))
    with pytest.raises(InputError, match="'numbers' or 'rows'"):
        System("formless", ("u",), _square, form="tensor")
    with pytest.raises(InputError, match="at least 4 sites"):
        lorenz96(3)
    two = System("two", ("u", "v"), _square)  # rates of one number
    with pytest.raises(InputError, match="that Numba compiles to 2 numbers"):
        integrate(two, np.ones((1, 2)), [0.0, 1.0])
    scope: dict = {}
    exec("def rates(u, t): return u", scope)
    with pytest.raises(InputError, match="in a file"):
        integrate(System("nowhere", ("u",), scope["rates"]), np.ones(1), [0.0, 1.0])
