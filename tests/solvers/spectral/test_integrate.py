"""Trajectories of equations given as data: orders, exact solutions, invariants, batches, errors."""

import re

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.spectral.equation import SpectralEquation
from sobolev.solvers.spectral.equations import (
    ADVECTION,
    ALLEN_CAHN,
    BURGERS,
    BURGERS_2D,
    CAHN_HILLIARD,
    HEAT,
    KDV,
    KURAMOTO_SIVASHINSKY,
    NAVIER_STOKES,
    QUASI_GEOSTROPHIC,
    SCHROEDINGER,
)
from sobolev.solvers.spectral.integrate import integrate
from sobolev.solvers.spectral.schemes import SCHEMES

LAYERS = {
    "beta": 1.0, "radius": 0.5, "depth_ratio": 0.25, "shear": 0.4, "bottom_drag": 0.1,
    "hyperviscosity": 1e-6,
}  # fmt: skip


def box(n, ndim=1, length=2 * np.pi, left=0.0):
    return Grid(((left, left + length),) * ndim, (n,) * ndim, periodic=True)


def waves(grid, count, highest=3, seed=0):
    """Random real fields (count, *grid) of waves up to `highest`."""
    rng = np.random.default_rng(seed)
    u_hat = np.zeros((count, *grid.shape), dtype=complex)
    places = np.ix_(range(count), *[np.arange(-highest, highest + 1)] * grid.ndim)
    shape = (count, *[2 * highest + 1] * grid.ndim)
    u_hat[places] = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    return np.fft.ifftn(u_hat, axes=range(1, grid.ndim + 1)).real * grid.size / highest


def cole_hopf(x, t, nu, nodes=100):
    """u0 = -sin(pi x): Gauss-Hermite quadrature (Basdevant et al. 1986, equation 2.5)."""
    xi, weights = np.polynomial.hermite.hermgauss(nodes)
    y = x[:, None] - np.sqrt(4 * nu * t) * xi
    exponent = -np.cos(np.pi * y) / (2 * np.pi * nu)
    phi = weights * np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return -(phi * np.sin(np.pi * y)).sum(axis=1) / phi.sum(axis=1)


EXPLICIT = ("euler", "midpoint", "heun", "ssprk3", "rk4")


@pytest.mark.parametrize("name", SCHEMES)
def test_order_in_time(name):
    """Burgers against Cole-Hopf; explicit schemes on few modes, where they are stable."""
    grid, nu = box(48 if name in EXPLICIT else 128, 1, 2.0, -1.0), 0.1
    u0, times = -np.sin(np.pi * grid.axes[0])[None], np.array([0.0, 0.5])
    fine = integrate(BURGERS, u0, times, grid, {"viscosity": nu}, dt=1 / 4000).fields[0, 1]
    if name not in EXPLICIT:
        np.testing.assert_allclose(fine, cole_hopf(grid.axes[0], 0.5, nu), atol=1e-10)
    first = 120 if name in EXPLICIT else 40
    steps = first * np.array([1, 1.5, 2, 3, 4])
    errors = [
        np.abs(
            integrate(
                BURGERS, u0, times, grid, {"viscosity": nu}, dt=0.5 / n, scheme=name
            ).fields[0, 1] - fine
        ).max()
        for n in steps
    ]  # fmt: skip
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(order - SCHEMES[name].order) < 0.2


def test_heat_and_advection_are_exact():
    for ndim in (1, 2, 3):
        grid = box(12, ndim)
        x = grid.coordinates()[0]
        u0 = (1 + np.cos(3 * x))[None]
        heat = integrate(HEAT, u0, np.array([0.0, 1.7]), grid, {"diffusivity": 0.1}, dt=10.0)
        exact = 1 + np.exp(-0.9 * 1.7) * np.cos(3 * x)
        np.testing.assert_allclose(heat.fields[0, 1], exact, atol=1e-14)
        moved = integrate(ADVECTION, u0, np.array([0.0, 1.7]), grid, {"speed": 2.0}, dt=10.0)
        np.testing.assert_allclose(moved.fields[0, 1], 1 + np.cos(3 * (x - 3.4)), atol=1e-13)


def soliton(x, t, length, speed):
    """u_t + 6 u u_x + u_xxx = 0"""
    y = (x - speed * t) % length - length / 2
    return 0.5 * speed / np.cosh(0.5 * np.sqrt(speed) * y) ** 2


def test_kdv_soliton_to_rounding_and_its_invariants():
    """The tails of a soliton on 80 are below rounding, so the periodic one is exact."""
    length = 80.0
    grid = box(512, 1, length)
    u0 = soliton(grid.axes[0], 0.0, length, 1.0)[None]
    numbers = {"nonlinearity": 6.0, "dispersion": 1.0}
    solution = integrate(KDV, u0, np.linspace(0, 2, 3), grid, numbers, tolerance=1e-11)
    assert solution.converged.all()
    exact = soliton(grid.axes[0], 2.0, length, 1.0)
    assert np.abs(solution.fields[0, 2] - exact).max() < 2e-11
    u = solution.fields[0]
    np.testing.assert_allclose(u.sum(axis=1), u0.sum(), rtol=1e-13)
    np.testing.assert_allclose((u**2).sum(axis=1), (u0**2).sum(), rtol=1e-11)


def test_schroedinger_soliton_and_its_invariants():
    """psi = sech(x - v t) exp(i (v x + (1 - v^2) t / 2))"""
    length, t = 80.0, 0.5
    grid, v = box(1024, 1, length), 2 * np.pi / 80.0 * 10

    def exact(t):
        y = (grid.axes[0] - v * t) % length - length / 2
        psi = np.exp(1j * (v * grid.axes[0] + (1 - v * v) / 2 * t)) / np.cosh(y)
        return np.stack([psi.real, psi.imag])

    u0 = np.stack([exact(0.0)] * 3)
    solution = integrate(
        SCHROEDINGER, u0, np.array([0.0, t]), grid, {"strength": 1.0}, tolerance=1e-10
    )
    assert solution.fields.shape == (3, 2, 2, 1024)
    assert np.abs(solution.fields[:, 1] - exact(t)).max() < 1e-9
    mass = (solution.fields**2).sum(axis=(2, 3))
    np.testing.assert_allclose(mass[:, 1], mass[:, 0], rtol=1e-10)


def test_taylor_green_is_exact():
    grid = box(24, 2)
    x, y = grid.coordinates()
    w0 = 2 * np.cos(3 * x) * np.cos(3 * y)
    numbers, still = {"viscosity": 0.01, "drag": 0.1}, {"forcing": np.zeros(grid.shape)}
    solution = integrate(
        NAVIER_STOKES, w0[None], np.linspace(0, 2, 3), grid, numbers, still, dt=0.2
    )
    for frame, t in zip(solution.fields[0], (0.0, 1.0, 2.0), strict=True):
        np.testing.assert_allclose(frame, w0 * np.exp(-(0.18 + 0.1) * t), atol=1e-13)


def test_forced_navier_stokes_reaches_its_balance():
    grid = box(24, 2)
    forcing = np.cos(4 * grid.coordinates()[1])
    numbers = {"viscosity": 0.5, "drag": 0.1}
    w = integrate(
        NAVIER_STOKES, np.zeros((1, 24, 24)), np.array([0.0, 8.0]), grid, numbers,
        {"forcing": forcing}, dt=0.1,
    ).fields[0, 1]  # fmt: skip
    np.testing.assert_allclose(w, forcing / 8.1, atol=1e-12)


@pytest.mark.parametrize("dealias", ["2/3", "3/2"])
def test_energy_and_enstrophy_without_viscosity(dealias):
    """De-aliased products conserve both: the drift is that of the scheme, and falls with dt."""
    grid = box(32, 2)
    w0, still = waves(grid, 1, 3), {"forcing": np.zeros(grid.shape)}
    drifts = []
    for dt in (0.01, 0.005):
        w = integrate(
            NAVIER_STOKES, w0, np.array([0.0, 0.5]), grid, {"viscosity": 0.0, "drag": 0.0}, still,
            dt=dt, scheme="rk4", dealias=dealias,
        ).fields[0]  # fmt: skip
        w_hat = np.fft.fft2(w)
        m = np.fft.fftfreq(32, 1 / 32)
        square = m[:, None] ** 2 + m**2
        square[0, 0] = np.inf
        invariants = [(np.abs(w_hat) ** 2 / s).sum(axis=(1, 2)) for s in (square, square**0)]
        drifts.append([abs(v[1] / v[0] - 1) for v in invariants])
    assert np.max(drifts) < 1e-9
    assert np.all(np.array(drifts[0]) > 8 * np.array(drifts[1]))


def test_mass_and_energy_of_cahn_hilliard():
    grid = box(64, 2)
    numbers = {"mobility": 1.0, "width": 0.2}
    u0 = 0.05 * waves(grid, 2)
    u = integrate(CAHN_HILLIARD, u0, np.linspace(0, 0.1, 5), grid, numbers, dt=1e-3).fields
    np.testing.assert_allclose(
        u.mean(axis=(2, 3)), u0.mean(axis=(1, 2))[:, None] + 0 * u[:, :, 0, 0], atol=1e-14
    )
    k = np.fft.fftfreq(64, 1 / 64)
    gradient = np.abs(np.fft.fft2(u)) ** 2 * (k[:, None] ** 2 + k**2) / 64**4
    energy = (0.25 * (1 - u**2) ** 2).mean(axis=(2, 3)) + 0.02 * gradient.sum(axis=(2, 3))
    assert np.all(np.diff(energy, axis=1) < 0)


def test_burgers_2d_on_the_diagonal_is_burgers():
    """u = v = f(x + y) / 2 obeys f_t + f f_s = 2 nu f_ss."""
    nu = 0.05
    square, line = box(64, 2, 2.0, -1.0), box(64, 1, 2.0, -1.0)
    x, y = square.coordinates()
    u0 = np.stack([-np.sin(np.pi * (x + y)) / 2] * 2)[None]
    times = np.array([0.0, 0.3])
    u = integrate(BURGERS_2D, u0, times, square, {"viscosity": nu}, tolerance=1e-9).fields[0, 1]
    exact = integrate(
        BURGERS, -np.sin(np.pi * line.axes[0])[None], times, line, {"viscosity": 2 * nu},
        tolerance=1e-9,
    ).fields[0, 1] / 2  # fmt: skip
    index = (np.arange(64)[:, None] + np.arange(64) + 32) % 64  # x + y from -2
    np.testing.assert_allclose(u[0], exact[index], atol=1e-8)
    np.testing.assert_allclose(u[1], u[0], atol=1e-12)


def test_quasi_geostrophic_waves_grow_and_travel_as_the_linear_theory_says():
    """A small single wave obeys q_t = M q with the 2 x 2 matrix of Vallis 2017, section 9.6."""
    grid, k = box(24, 2), 2.0
    p = LAYERS
    f1 = 1 / (p["radius"] ** 2 * (1 + p["depth_ratio"]))
    f2 = p["depth_ratio"] * f1
    to_q = np.array([[-k * k - f1, f1], [f2, -k * k - f2]])
    advection = np.diag([p["shear"], 0.0])
    gradients = np.diag([p["beta"] + f1 * p["shear"], p["beta"] - f2 * p["shear"]])
    drag = np.diag([0.0, p["bottom_drag"] * k * k])
    matrix = -1j * k * (advection @ to_q + gradients) + drag
    matrix = matrix @ np.linalg.inv(to_q) - p["hyperviscosity"] * k**8 * np.eye(2)
    q0 = np.array([1.0, 0.5j])
    values, vectors = np.linalg.eig(matrix)
    q = vectors @ (np.exp(values * 1.5) * np.linalg.solve(vectors, q0))
    wave = np.exp(1j * k * grid.coordinates()[0])
    state = 1e-6 * np.real(q0[:, None, None] * wave)
    solution = integrate(QUASI_GEOSTROPHIC, state[None], np.array([0.0, 1.5]), grid, p, dt=0.01)
    exact = 1e-6 * np.real(q[:, None, None] * wave)
    np.testing.assert_allclose(solution.fields[0, 1], exact, atol=1e-13)


def test_one_layer_of_two_equal_ones_is_navier_stokes():
    """psi_1 = psi_2 without a mean flow or beta: q = lap psi in both layers."""
    grid = box(32, 2)
    psi_q = waves(grid, 1, 4)
    psi_q -= psi_q.mean()
    numbers = dict.fromkeys(LAYERS, 0.0) | {"radius": 1.0, "depth_ratio": 1.0}
    times = np.array([0.0, 0.2])
    q = integrate(
        QUASI_GEOSTROPHIC, np.stack([psi_q, psi_q], axis=1), times, grid, numbers, dt=0.01
    )
    # lap psi = q here, and -w there: the flow is the mirror image in time of the sign.
    w = integrate(
        NAVIER_STOKES, psi_q, times, grid, {"viscosity": 0.0, "drag": 0.0},
        {"forcing": np.zeros(grid.shape)}, dt=0.01,
    )  # fmt: skip
    np.testing.assert_allclose(q.fields[0, 1, 0], w.fields[0, 1], atol=1e-11)
    np.testing.assert_allclose(q.fields[0, 1, 1], w.fields[0, 1], atol=1e-11)


BATCHES = [
    (BURGERS, box(48), {"viscosity": np.array([0.1, 0.2, 0.3, 0.4, 0.5])}),
    (KURAMOTO_SIVASHINSKY, box(48, 1, 20.0), {}),
    (ALLEN_CAHN, box(20, 2), {"diffusivity": np.linspace(0.1, 0.5, 5), "rate": 1.0}),
    (ALLEN_CAHN, box(10, 3), {"diffusivity": 0.1, "rate": np.linspace(0.1, 1, 5)}),
    (SCHROEDINGER, box(48), {"strength": np.linspace(-1, 1, 5)}),
    (BURGERS_2D, box(20, 2), {"viscosity": np.linspace(0.1, 0.5, 5)}),
]


@pytest.mark.parametrize("equation, grid, numbers", BATCHES)
def test_a_batch_is_its_samples(equation, grid, numbers):
    components, times = equation.components, np.array([0.0, 0.05, 0.1])
    u0 = waves(grid, 5 * components).reshape(5, components, *grid.shape)
    together = integrate(equation, u0, times, grid, numbers, dt=0.01)
    for i in range(5):
        mine = {k: v if np.ndim(v) == 0 else v[i] for k, v in numbers.items()}
        alone = integrate(equation, u0[i : i + 1], times, grid, mine, dt=0.01)
        scale = np.abs(alone.fields).max()
        assert np.abs(together.fields[i] - alone.fields[0]).max() < 1e-13 * scale
    rough = integrate(equation, u0, times, grid, numbers, dt=0.01, dtype=np.float32)
    assert rough.fields.dtype == np.float32
    assert np.abs(rough.fields - together.fields).max() < 2e-5 * np.abs(together.fields).max()


def test_the_bits_do_not_depend_on_threads():
    grid = box(512)
    u0 = waves(grid, 300)
    for options in ({"dt": 0.02}, {"tolerance": 1e-3}):
        one, three = (
            integrate(
                BURGERS, u0, np.array([0.0, 0.1]), grid, {"viscosity": 0.1}, threads=threads,
                **options,
            )
            for threads in (1, 3)
        )  # fmt: skip
        np.testing.assert_array_equal(one.fields, three.fields)


def quadratic(modes, p):
    return 0.0


def product(u):
    return u * u


def cubic(u):
    return u * u * u


@pytest.mark.parametrize("rates, degree", [(product, 2), (cubic, 3)])
@pytest.mark.parametrize("dealias", ["2/3", "3/2"])
@pytest.mark.parametrize("n", [15, 16, 24])
def test_products_are_exact_on_the_kept_waves(rates, degree, dealias, n):
    """One Euler step is the product itself; against the same on four times the points."""
    equation = SpectralEquation("power", ("u",), quadratic, rates, degree=degree)
    grid = box(n)
    highest = (n - 1) // (degree + 1) if dealias == "2/3" else (n - 1) // 2
    u0, fine = waves(grid, 1, highest), box(4 * n)
    full = np.fft.fft(u0[0])
    m = np.fft.fftfreq(n, 1 / n).astype(int)
    spread = np.zeros(4 * n, dtype=complex)
    spread[m % (4 * n)] = np.where(np.abs(m) <= highest, full, 0) * 4
    exact = np.fft.fft(np.fft.ifft(spread).real ** degree)
    m_fine = np.fft.fftfreq(4 * n, 1 / fine.shape[0])
    exact = np.fft.ifft(np.where(np.abs(m_fine) <= highest, exact, 0)).real[::4]
    u = integrate(
        equation, u0, np.array([0.0, 1.0]), grid, dt=1.0, scheme="euler", dealias=dealias
    ).fields[0, 1]  # fmt: skip
    np.testing.assert_allclose(u - u0[0], exact, atol=1e-12 * np.abs(exact).max())


def test_without_dealiasing_products_are_those_of_the_points():
    equation = SpectralEquation("power", ("u",), quadratic, product)
    grid = box(15)
    u0 = waves(grid, 1, 7)
    u = integrate(
        equation, u0, np.array([0.0, 1.0]), grid, dt=1.0, scheme="euler", dealias=False
    ).fields[0, 1]  # fmt: skip
    np.testing.assert_allclose(u, u0[0] + u0[0] ** 2, atol=1e-11)


def driven(u, shape, rate, t):
    return rate * t * shape


@pytest.mark.parametrize("dealias", ["2/3", "3/2"])
def test_rates_know_coefficients_parameters_and_time(dealias):
    equation = SpectralEquation(
        "driven", ("u",), quadratic, driven, coefficients=("shape",), parameters=("rate",),
        timed=True,
    )  # fmt: skip
    grid = box(16)
    shape = np.stack([np.cos(grid.axes[0]), np.sin(2 * grid.axes[0]), np.cos(3 * grid.axes[0])])
    for scheme in ("ETDRK4", "ARS443"):
        u = integrate(
            equation, np.zeros((3, 16)), np.array([0.0, 1.0, 2.0]), grid,
            {"rate": np.array([1.0, 2.0, 3.0])}, {"shape": shape}, dt=0.25, scheme=scheme,
            dealias=dealias,
        ).fields  # fmt: skip
        exact = 0.5 * np.array([1.0, 2.0, 3.0])[:, None] * shape
        np.testing.assert_allclose(u[:, 1], exact, atol=1e-13)
        np.testing.assert_allclose(u[:, 2], 4 * exact, atol=1e-13)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_the_estimate_bounds_the_error(tolerance):
    grid, times = box(256, 1, 2.0), np.linspace(0, 0.5, 3)
    u0, numbers = waves(grid, 6), {"viscosity": np.geomspace(0.03, 0.3, 6)}
    solution = integrate(BURGERS, u0, times, grid, numbers, tolerance=tolerance)
    exact = integrate(BURGERS, u0, times, grid, numbers, dt=1 / 2000).fields
    assert solution.converged.all()
    far = np.linalg.norm(solution.fields - exact, axis=2).max(axis=1)
    error = far / np.linalg.norm(exact, axis=2).max(axis=1)
    assert np.all(solution.residual <= tolerance)
    assert np.all(error <= solution.residual)
    assert np.all(error >= 0.1 * solution.residual)


def test_a_tolerance_out_of_reach_is_not_claimed():
    grid = box(32)
    solution = integrate(
        BURGERS, waves(grid, 1), np.array([0.0, 0.1]), grid, {"viscosity": 0.1}, tolerance=1e-18
    )
    assert not solution.converged[0]
    assert solution.reason[0] == "stagnated"


def test_steps_divide_every_interval():
    grid = box(16)

    def steps(times):
        solution = integrate(HEAT, waves(grid, 1), times, grid, {"diffusivity": 1.0}, dt=0.1)
        assert np.isnan(solution.residual[0])
        return solution.iterations[0]

    assert steps(np.array([0.0, 0.1, 0.35, 0.36])) == 1 + 3 + 1
    assert steps(np.linspace(0, 1, 11)) == 10  # 0.1 up to rounding


@pytest.mark.parametrize("nu, n", [(0.05, 256), (0.01 / np.pi, 2048)])
def test_burgers_against_cole_hopf(nu, n):
    grid, times = box(n, 1, 2.0, -1.0), np.linspace(0, 1, 6)
    u0 = -np.sin(np.pi * grid.axes[0])[None]
    solution = integrate(BURGERS, u0, times, grid, {"viscosity": nu}, tolerance=1e-9)
    assert solution.converged.all()
    np.testing.assert_array_equal(solution.fields[:, 0], u0)
    for frame, t in zip(solution.fields[0, 1:], times[1:], strict=True):
        assert np.abs(frame - cole_hopf(grid.axes[0], t, nu)).max() <= 1e-8


RICCATI = SpectralEquation("riccati", ("u",), quadratic, product)


@pytest.mark.parametrize("options", [{"dt": 0.01}, {"tolerance": 1e-8, "max_steps": 20_000}])
def test_blow_up_ends_with_its_time_and_the_others_go_on(options):
    """u_t = u^2: u = u0 / (1 - u0 t). The sample that dies shares a transform with others."""
    times, starts = np.linspace(0, 2, 5), np.array([0.25, 1.0, np.nan, -1.0])
    solution = integrate(RICCATI, np.multiply.outer(starts, np.ones(8)), times, box(8), **options)
    assert solution.converged.tolist() == [True, False, False, True]
    assert solution.reason[1].startswith("blow-up at t = 1.")
    advice = "with steps of 0.01: use a smaller dt" if "dt" in options else "raise max_steps"
    assert advice in solution.reason[1]
    assert solution.reason[2] == "breakdown: initial state is not finite"
    for i in (0, 3):
        exact = starts[i] / (1 - starts[i] * times)
        np.testing.assert_allclose(solution.fields[i, :, 0], exact, rtol=1e-7)
    assert np.isnan(solution.fields[1, -1]).all()


def test_an_unstable_step_is_told_with_its_limit():
    """rk4 is stable for h |lambda| below 2.785 on the negative axis (Hairer & Wanner)."""
    grid = box(64)
    solution = integrate(
        BURGERS, waves(grid, 1), np.array([0.0, 10.0]), grid, {"viscosity": 1.0}, dt=0.02,
        scheme="rk4",
    )  # fmt: skip
    found = re.fullmatch(
        r"blow-up at t = [\d.]+ with steps of 0.02; the step limit of the linear terms is "
        r"([\d.]+): use a smaller dt",
        solution.reason[0],
    )  # fmt: skip
    assert found
    highest = (64 - 1) // 3
    assert float(found[1]) == pytest.approx(2.785 / highest**2, rel=0.02)


def test_too_many_steps_are_told():
    grid = box(16)
    for options in ({"dt": 0.001}, {"tolerance": 1e-13}):
        solution = integrate(
            BURGERS, waves(grid, 1), np.array([0.0, 1.0]), grid, {"viscosity": 0.1},
            max_steps=100, **options,
        )  # fmt: skip
        assert not solution.converged[0]
        assert solution.reason[0].startswith("maximum iterations")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"u0": np.zeros(8)}, "u0 of shape"),
        ({"times": np.array([0.0, 0.0])}, "times"),
        ({"dt": None}, "either dt or tolerance"),
        ({"dt": -1.0}, "positive"),
        ({"scheme": "RK4"}, "scheme"),
        ({"dealias": "1/2"}, "dealias"),
        ({"dtype": np.int64}, "float32"),
        ({"parameters": {}}, "values for"),
        ({"parameters": {"viscosity": np.ones(3)}}, "finite viscosity"),
        ({"parameters": {"viscosity": np.nan}}, "finite viscosity"),
        ({"grid": Grid(((0.0, 1.0),), (8,))}, "periodic"),
    ],
)
def test_bad_input_is_refused(change, message):
    call = {
        "equation": BURGERS, "u0": np.zeros((1, 8)), "times": np.array([0.0, 1.0]),
        "grid": box(8), "parameters": {"viscosity": 0.1}, "dt": 0.1,
    } | change  # fmt: skip
    with pytest.raises(InputError, match=message):
        integrate(**call)


def two(u):
    return u, u


def promoted(u):
    return u * np.float64(2.0)


def test_bad_equations_are_refused():
    def run(**words):
        equation = SpectralEquation("bad", ("u",), **{"linear": quadratic} | words)
        integrate(
            equation, np.zeros((1, 8)), np.array([0.0, 1.0]), box(8), dt=1.0, dtype=np.float32
        )  # fmt: skip

    for words, message in (
        ({"rates": two}, "expected 1 rates"),
        ({"rates": promoted}, "float32"),
        ({"linear": lambda modes, p: (0.0, 0.0)}, "1 linear symbols"),
        ({"linear": lambda modes, p: np.zeros(7)}, "broadcast"),
        ({"linear": lambda modes, p: np.inf}, "finite symbols"),
        ({"rates": product, "outputs": lambda modes, p: ({"v": 1.0},)}, "symbols of"),
        ({"degree": 0}, "degree"),
        ({"sources": (("u", "f"),)}, "sources"),
        ({"parameters": ("u",)}, "different names"),
    ):
        with pytest.raises(InputError, match=message):
            run(**words)
