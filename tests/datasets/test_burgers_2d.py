"""Burgers in two dimensions: Cole-Hopf solutions, and what it shares with one dimension."""

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.burgers import Burgers
from sobolev.datasets.problems.burgers_2d import Burgers2D
from sobolev.geometry.errors import InputError


def cole_hopf(x, y, t, nu):
    """w = -2 nu grad(phi) / phi of phi_t = nu Lap phi (Fletcher 1983, equation 5)."""
    k = 2 * np.pi
    slow, fast = np.exp(-nu * k**2 * t), np.exp(-nu * 5 * k**2 * t)
    phi = 2 + slow * np.cos(k * x) + 0.5 * fast * np.sin(k * (x + 2 * y))
    phi_x = -k * slow * np.sin(k * x) + 0.5 * k * fast * np.cos(k * (x + 2 * y))
    phi_y = k * fast * np.cos(k * (x + 2 * y))
    return np.stack([-2 * nu * phi_x / phi, -2 * nu * phi_y / phi])


@pytest.mark.parametrize("viscosity", [0.05, 0.02])
def test_solution_is_cole_hopfs(viscosity):
    problem = Burgers2D(frames=4)
    x, y = problem.grid(64).coordinates()
    exact = np.stack([cole_hopf(x, y, t, viscosity) for t in problem.times])
    u0, v0 = exact[0]
    inputs = {"u0": u0[None], "v0": v0[None], "viscosity": np.array([viscosity])}
    solution = problem.solve(inputs, Fidelity(64, 1e-9))
    assert solution.converged.all()
    assert np.abs(solution.fields[0] - exact).max() < 1e-8 * np.abs(exact).max()


def test_what_depends_on_one_axis_alone_is_the_one_dimensional_problem():
    plain, square = Burgers(frames=3), Burgers2D(frames=3)
    x = plain.grid(64).axes[0]
    u0 = 0.6 * np.sin(2 * np.pi * x) + 0.3 * np.cos(4 * np.pi * x)
    nu = np.array([0.03])
    fidelity = Fidelity(64, 1e-10)
    one = plain.solve({"u0": u0[None], "viscosity": nu}, fidelity).fields[0]
    along = np.broadcast_to(u0, (1, 64, 64))
    still = np.zeros((1, 64, 64))
    two = square.solve({"u0": still, "v0": along, "viscosity": nu}, fidelity).fields[0]
    assert np.abs(two[:, 1] - one[:, None, :]).max() < 1e-9
    assert np.abs(two[:, 0]).max() < 1e-14


def test_truth_checks_pass_on_solutions_and_fail_on_others():
    problem = Burgers2D(viscosity_min=0.05, frames=4)
    grid, fidelity = problem.grid(48), problem.data_fidelity(48, 1e-5)
    draws = [problem.draw_sample(0, 0)]
    fields = problem.split(problem.solve_draws(draws, grid, fidelity).fields)
    inputs = problem.evaluate_batch(draws, grid)

    def judge(fields, inputs=inputs):
        return problem.truth_checks(inputs, fields, grid, fidelity, np.random.default_rng(0))

    assert all(check.passed for check in judge(fields)), judge(fields)
    assert not all(check.passed for check in judge({"u": fields["v"], "v": fields["u"]}))
    other = dict(inputs) | {"viscosity": 1.1 * inputs["viscosity"]}
    assert not judge(fields, other)[1].passed


@pytest.mark.parametrize(
    "config", [{"viscosity_min": 0.0}, {"viscosity_max": 0.001}, {"speed": -1.0}]
)
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        Burgers2D(**config)
