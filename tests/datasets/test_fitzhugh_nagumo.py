"""FitzHugh-Nagumo: uniform states, growth of small waves by the dispersion relation, checks."""

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.fitzhugh_nagumo import FitzHughNagumo
from sobolev.geometry.errors import InputError


def test_a_small_wave_grows_by_the_linear_equations():
    """About u = v = 0 with k = 0: (u, v)' = (1 - D_u q^2, -1; 1, -1 - D_v q^2) (u, v)."""
    problem = FitzHughNagumo(k=0.0, horizon=2.0, frames=3, wave_length=1.0)
    grid = problem.grid(48)
    x, y = grid.coordinates()
    wave, size = np.cos(np.pi * (x + 1)) * np.cos(np.pi / 2 * (y + 1)), 1e-4
    q_squared = np.pi**2 + (np.pi / 2) ** 2
    matrix = np.array(
        [
            [1 - problem.diffusivity_u * q_squared, -1.0],
            [1.0, -1 - problem.diffusivity_v * q_squared],
        ]
    )
    values, vectors = np.linalg.eig(matrix)
    given = {"u0": size * wave[None], "v0": 0 * wave[None]}
    found = problem.solve(given, Fidelity(48)).fields[0]
    share = np.linalg.solve(vectors, np.array([size, 0.0]))
    for t, frame in zip(problem.times, found, strict=True):
        amplitudes = (vectors @ (share * np.exp(values * t))).real
        exact = np.multiply.outer(amplitudes, wave)
        assert np.abs(frame - exact).max() < 1e-5 * size


def test_truth_checks_pass_on_solutions_and_fail_on_others(finds_a_late_frame):
    finds_a_late_frame(FitzHughNagumo(horizon=1.0, frames=4), 48, "u")


def test_initial_fields_have_the_size_that_was_asked_for():
    problem = FitzHughNagumo(amplitude=0.3)
    grid = problem.grid(32)
    fields = [problem.evaluate(problem.draw_sample(0, i), grid)["u0"] for i in range(50)]
    assert abs(np.sqrt(np.mean(np.square(fields))) - 0.3) < 0.02


@pytest.mark.parametrize(
    "config", [{"diffusivity_u": -1.0}, {"k": np.nan}, {"amplitude": 0.0}, {"wave_length": 0.0}]
)
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        FitzHughNagumo(**config)
