"""Burgers: the Cole-Hopf solution, the equation by the grid reading, checks that can fail."""

import dataclasses
import math

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.burgers import Burgers
from sobolev.geometry.calculus.grids import GridCalculus
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.geometry.norms import error, norm


def cole_hopf(x, t, viscosity):
    """u(t, x) from u0 = -sin(pi x) (Basdevant et al. 1986, equation 2.5): independent of ETDRK.

    The trapezoid sum over the heat kernel is exact to rounding: the integrand is entire and
    falls like a Gaussian.
    """
    eta = np.linspace(-14, 14, 6001) * math.sqrt(2 * viscosity * t)
    y = x[:, None] - eta
    exponent = -np.cos(math.pi * y) / (2 * math.pi * viscosity) - eta**2 / (4 * viscosity * t)
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return -(np.sin(math.pi * y) * weight).sum(axis=1) / weight.sum(axis=1)


def sine(viscosity, **options):
    return Burgers(
        initial="sine",
        viscosity_min=viscosity,
        viscosity_max=viscosity,
        left=-1.0,
        right=1.0,
        **options,
    )


@pytest.mark.parametrize("viscosity", [0.1, 0.02, 0.01 / math.pi])
def test_solution_is_cole_hopfs_to_1e_8(viscosity):
    problem = sine(viscosity, frames=5)
    grid = problem.grid(64)
    draw = problem.draw_sample(0, 0)
    fidelity = problem.data_fidelity(64, 1e-9)
    solution = problem.solve_draws([draw], grid, fidelity)
    assert solution.converged.all()
    for frame, t in enumerate(problem.times[1:], 1):
        exact = cole_hopf(grid.axes[0], t, viscosity)
        assert float(error(solution.fields[0, frame], exact, grid)) < 1e-8


@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_order_knob_is_the_order_in_time(order):
    problem = sine(0.05, frames=2)
    draw = problem.draw_sample(0, 0)
    grid = problem.grid(256)
    exact = cole_hopf(grid.axes[0], 1.0, 0.05)
    steps, errors = (40, 80, 160, 320), []
    for count in steps:
        fidelity = Fidelity(256, steps=count, order=order)
        final = problem.solve_draws([draw], grid, fidelity).fields[0, -1]
        errors.append(float(error(final, exact, grid)))
    fitted = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(fitted - order) < 0.2


def test_the_stored_trajectory_satisfies_the_equation_by_the_grid_reading():
    problem = Burgers(viscosity_min=0.05, viscosity_max=0.05, horizon=0.4, frames=401)
    grid = problem.grid(128)
    draws = [problem.draw_sample(1, 0)]
    u = problem.solve_draws(draws, grid, problem.data_fidelity(128, 1e-9)).fields[0]
    spacetime = Grid(((0.0, 0.4), *grid.extent), u.shape, (False, True), names=("t", "x"))
    d = GridCalculus(spacetime, scheme="fd4")
    p = problem.parameters({"u0": None, "viscosity": 0.05}, 2)
    residual = problem.residual(u, d, {}, p)[40:]  # past the first instants, which are not smooth
    rate = d(u, "t")[40:]
    later = Grid(((0.04, 0.4), *grid.extent), residual.shape, (False, True), names=("t", "x"))
    assert float(norm(residual, later) / norm(rate, later)) < 1e-5


def stored(problem, n=128, count=3):
    grid, fidelity = problem.grid(n), problem.data_fidelity(n, 1e-6)
    draws = [problem.draw_sample(0, i) for i in range(count)]
    u = problem.solve_draws(draws, grid, fidelity).fields
    return problem.evaluate_batch(draws, grid), u, grid, fidelity


def judge(problem, inputs, u, grid, fidelity):
    return problem.truth_checks(inputs, {"u": u}, grid, fidelity, np.random.default_rng(0))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_truth_checks_pass_on_solutions(dtype):
    problem = Burgers()
    inputs, u, grid, fidelity = stored(problem)
    inputs = {name: values.astype(dtype) for name, values in inputs.items()}
    checks = judge(problem, inputs, u.astype(dtype), grid, fidelity)
    assert all(check.passed for check in checks), checks


def test_truth_checks_fail_on_what_is_no_solution():
    problem = Burgers()
    inputs, u, grid, fidelity = stored(problem)
    frozen = u.copy()
    frozen[:, 1:] = u[:, 1:2]
    assert not judge(problem, inputs, frozen, grid, fidelity)[1].passed
    scaled = u.copy()
    scaled[:, 1:] *= 1 + 1e-3 * np.arange(1, problem.frames)[:, None]
    assert not judge(problem, inputs, scaled, grid, fidelity)[1].passed
    last = u.copy()
    last[0, -1] *= 1 + 1e-3
    assert not judge(problem, inputs, last, grid, fidelity)[1].passed
    noisy = u.copy()
    noisy[0, -2] += 1e-3 * np.abs(u).max() * (-1.0) ** np.arange(u.shape[-1])
    assert not judge(problem, inputs, noisy, grid, fidelity)[1].passed
    assert not judge(problem, inputs, u[::-1], grid, fidelity)[0].passed
    other = dict(inputs) | {"viscosity": inputs["viscosity"] * 1.01}
    assert not judge(problem, other, u, grid, fidelity)[1].passed


def test_mean_is_conserved_and_the_constant_mode_can_be_dropped():
    for constant_mode in (True, False):
        problem = Burgers(constant_mode=constant_mode)
        inputs, u, _, _ = stored(problem, count=2)
        # The initial field has waves beyond the stored grid, which alias into its mean.
        means = u[:, 1:].mean(axis=-1)
        drift = np.abs(means - means[:, :1]).max()
        assert drift < 1e-12
        assert (np.abs(inputs["u0"].mean(axis=-1)).max() > 1e-3) == constant_mode


def test_viscosity_is_inside_its_range_and_log_uniform():
    problem = Burgers(initial="sine", viscosity_min=0.01, viscosity_max=1.0)
    drawn = np.array([problem.draw_sample(0, i)["viscosity"] for i in range(400)])
    assert drawn.min() >= 0.01
    assert drawn.max() <= 1.0
    assert abs(np.median(np.log10(drawn)) + 1) < 0.12


def test_a_resolution_that_cannot_carry_the_step_is_reported():
    problem = Burgers(viscosity_min=1e-3, viscosity_max=1e-3)
    inputs = problem.evaluate_batch([problem.draw_sample(0, 0)], problem.grid(256))
    solution = problem.solve(inputs, Fidelity(256, steps=4))
    assert not solution.converged[0]
    assert "blow-up at t" in solution.reason[0]


@pytest.mark.parametrize(
    "config",
    [{"viscosity_min": -1.0}, {"viscosity_min": 0.3, "viscosity_max": 0.2},
     {"horizon": math.nan}, {"frames": 1},
     {"left": 2.0}, {"initial": "square"}, {"right": math.inf}],
)  # fmt: skip
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        Burgers(**config)


def test_endpoints_only_drops_frames():
    problem = Burgers()
    assert problem.endpoints() == dataclasses.replace(problem, frames=2)


def test_the_reference_converges_where_steps_were_multiplied_by_more_than_the_last_time():
    problem = Burgers(frames=2, constant_mode=False)
    inputs = problem.evaluate_batch([problem.draw_sample(1000, 7)], problem.grid(2048))
    solution = problem.solve(inputs, problem.reference_fidelity())
    assert solution.reason == ("converged",)
    assert solution.residual[0] <= 1e-9
