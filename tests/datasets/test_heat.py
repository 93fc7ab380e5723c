"""Heat: every eigenfunction decays by its own rate, whatever the ends and the dimension."""

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.heat import MODES, Heat
from sobolev.geometry.errors import InputError


@pytest.mark.parametrize(
    "ends, dimensions, n, bound",
    [
        ("dirichlet", 1, 97, 2e-5),
        ("neumann", 2, 65, 3e-5),
        ("periodic", 2, 96, 2e-5),
        ("dirichlet", 3, 33, 1e-3),
    ],
)
def test_solutions_are_those_of_the_series(ends, dimensions, n, bound):
    """The random field with each of its coefficients times exp(-D lambda t)."""
    problem = Heat(ends=ends, dimensions=dimensions, frames=3)
    grid = problem.grid(n)
    draws = [problem.draw_sample(0, i) for i in range(2)]
    u = problem.solve_draws(draws, grid, Fidelity(n)).fields
    first = 1 if ends == "dirichlet" else 0
    if ends == "periodic":  # a cosine and a sine of each wave number above zero
        k = np.concatenate([[0], np.repeat(np.arange(1, MODES), 2)]) * 2 * np.pi
    else:
        k = np.arange(first, first + MODES) * np.pi
    rates = np.zeros(())
    for _ in range(dimensions):
        rates = np.add.outer(rates, k**2)
    for draw, frames in zip(draws, u, strict=True):
        scale = np.abs(frames[0]).max()
        for t, frame in zip(problem.times, frames, strict=True):
            decay = np.exp(-draw["diffusivity"] * t * rates)
            exact = problem.field.evaluate(draw["u0"] * decay, grid)
            assert np.abs(frame - exact).max() < bound * scale


@pytest.mark.parametrize("ends", ["dirichlet", "neumann"])
def test_truth_checks_pass_on_solutions_and_fail_on_others(ends):
    problem = Heat(ends=ends, frames=4)
    grid, fidelity = problem.grid(33), problem.data_fidelity(33, 1e-8)
    draws = [problem.draw_sample(0, i) for i in range(2)]
    u = problem.solve_draws(draws, grid, fidelity).fields
    inputs = problem.evaluate_batch(draws, grid)

    def failed(u):
        checks = problem.truth_checks(inputs, {"u": u}, grid, fidelity, np.random.default_rng(0))
        return [check.name for check in checks if not check.passed]

    assert not failed(u)
    assert "first frame is the input" in failed(1.001 * u)
    late = u.copy()
    late[:, 2] = u[:, 3]
    assert any("windows" in name for name in failed(late))
    hot = u.copy()
    hot[:, 3] *= 3
    assert any("maximum principle" in name for name in failed(hot))


@pytest.mark.parametrize(
    "config",
    [
        {"dimensions": 4},
        {"ends": "open"},
        {"diffusivity_min": 0.0},
        {"diffusivity_min": 0.1, "diffusivity_max": 0.01},
        {"horizon": -1.0},
    ],
)
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        Heat(**config)
