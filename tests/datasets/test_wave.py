"""Waves: modes of the square, energy that stays or leaves, symmetry."""

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.wave import MODES, Wave
from sobolev.geometry.errors import InputError


def test_solutions_between_fixed_ends_are_those_of_the_series():
    """Each sine of the random field swings with cos(c k t)."""
    problem = Wave(frames=3)
    grid = problem.grid(97)
    draw = problem.draw_sample(0, 0)
    u = problem.solve_draws([draw], grid, Fidelity(97)).fields[0, :, 0]
    k = np.pi * np.arange(1, MODES + 1)
    frequency = draw["speed"] * np.sqrt(np.add.outer(k**2, k**2))
    for t, frame in zip(problem.times, u, strict=True):
        exact = problem.field.evaluate(draw["u0"] * np.cos(frequency * t), grid)
        assert np.abs(frame - exact).max() < 2e-3 * np.abs(u[0]).max()


@pytest.mark.parametrize("ends", ["reflecting", "absorbing"])
def test_energy_stays_or_leaves(ends):
    problem = Wave(ends=ends, horizon=2.0, frames=9, speed_min=1.0)
    grid = problem.grid(65)
    draws = [problem.draw_sample(0, i) for i in range(2)]
    fields = problem.solve_draws(draws, grid, Fidelity(65)).fields
    speed = np.array([draw["speed"] for draw in draws])
    energy = problem.energy(fields[:, :, 0], fields[:, :, 1], speed, grid)
    if ends == "reflecting":
        np.testing.assert_allclose(energy, np.repeat(energy[:, :1], 9, 1), rtol=5e-3)
    else:
        assert np.all(np.diff(energy) < 0)
        assert np.all(energy[:, -1] < 2e-3 * energy[:, 0])


def test_truth_checks_pass_on_solutions_and_fail_on_others(finds_a_late_frame):
    finds_a_late_frame(Wave(frames=5), 33, "u")


@pytest.mark.parametrize("config", [{"ends": "open"}, {"speed_min": 0.0}, {"speed_min": 3.0}])
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        Wave(**config)
