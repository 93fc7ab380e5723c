"""Advection: the profile comes back as it was, and checks notice what is not carried right."""

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.advection import Advection
from sobolev.geometry.errors import InputError


def test_a_profile_comes_back_with_the_order_of_its_reconstruction():
    """Once around with speed 1, by steps so small that space alone errs."""
    problem = Advection(horizon=1.0, frames=2)
    sizes, errors = (48, 64, 96, 128), []
    for n in sizes:
        x = problem.grid(n).axes[0]
        u0 = np.exp(np.sin(2 * np.pi * x))[None]
        given = {"u0": u0, "speed": np.array([1.0])}
        u = problem.solve(given, Fidelity(n, steps=2000)).fields[0]
        errors.append(np.abs(u[1] - u[0]).mean())
        assert abs(u[1].mean() - u[0].mean()) < 1e-12
    assert abs(-np.polyfit(np.log(sizes), np.log(errors), 1)[0] - 5) < 0.2


def test_truth_checks_pass_on_solutions_and_fail_on_others():
    problem = Advection(frames=5, speed_min=-1.0)
    grid, fidelity = problem.grid(64), problem.data_fidelity(64, 1e-8)
    draws = [problem.draw_sample(0, i) for i in range(2)]
    u = problem.solve_draws(draws, grid, fidelity).fields
    inputs = problem.evaluate_batch(draws, grid)

    def failed(u):
        checks = problem.truth_checks(inputs, {"u": u}, grid, fidelity, np.random.default_rng(0))
        return [check.name for check in checks if not check.passed]

    assert not failed(u)
    late = u.copy()
    late[:, 2] = u[:, 3]
    assert len(failed(late)) == 2


@pytest.mark.parametrize(
    "config", [{"speed_min": 2.0}, {"speed_max": np.nan}, {"count": 0}, {"highest": 100}]
)
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        Advection(**config)


def test_a_grid_that_does_not_hold_the_waves_is_refused_and_the_next_one_is_verified():
    problem = Advection(frames=5, highest=8)
    with pytest.raises(InputError, match="more than 16 points"):
        problem.data_fidelity(16, 1e-8)
    grid, fidelity = problem.grid(17), problem.data_fidelity(17, 1e-8)
    draws = [problem.draw_sample(3, i) for i in range(2)]
    outputs = problem.split(problem.solve_draws(draws, grid, fidelity).fields)
    inputs = problem.evaluate_batch(draws, grid)
    checks = problem.truth_checks(inputs, outputs, grid, fidelity, np.random.default_rng(0))
    assert all(check.passed for check in checks)
