"""Allen-Cahn: uniform states, steady waves, a shrinking drop, and falling energy."""

import numpy as np
import pytest
from scipy.special import ellipj, ellipk

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.allen_cahn import AllenCahn
from sobolev.geometry.errors import InputError


def test_a_uniform_state_follows_its_closed_form():
    """u_t = u - u^3 has u^2 = 1 / (1 + (1 / u0^2 - 1) exp(-2 t))."""
    problem = AllenCahn(horizon=3.0, frames=4)
    u0 = np.array([0.05, -0.4, 1.6])
    given = {"u0": np.broadcast_to(u0[:, None, None], (3, 8, 8))}
    u = problem.solve(given, Fidelity(8, 1e-9)).fields
    exact = np.sign(u0)[:, None] / np.sqrt(
        1 + (1 / u0[:, None] ** 2 - 1) * np.exp(-2 * problem.times)
    )
    np.testing.assert_allclose(u, np.broadcast_to(exact[..., None, None], u.shape), atol=1e-8)


def steady_wave(x, modulus, width):
    """k sqrt(2 / (1 + k^2)) sn(x / (width sqrt(1 + k^2)), k): width^2 u'' + u - u^3 = 0."""
    sn = ellipj(x / (width * np.sqrt(1 + modulus**2)), modulus**2)[0]
    return modulus * np.sqrt(2 / (1 + modulus**2)) * sn


@pytest.mark.parametrize("axis", [0, 1])
def test_a_steady_wave_stays(axis):
    modulus = 0.9
    width = 1 / (4 * ellipk(modulus**2) * np.sqrt(1 + modulus**2))  # one period on the square
    problem = AllenCahn(width=width, horizon=2.0, frames=3)
    grid = problem.grid(64)
    u0 = steady_wave(grid.coordinates()[axis], modulus, width) + np.zeros(grid.shape)
    u = problem.solve({"u0": u0[None]}, Fidelity(64, 1e-10)).fields[0]
    np.testing.assert_allclose(u, np.broadcast_to(u0, u.shape), atol=1e-8)


@pytest.mark.slow
def test_a_drop_shrinks_by_its_curvature():
    """Its area falls by 2 pi width^2 a unit of time (Allen & Cahn 1979)."""
    width = 0.015
    problem = AllenCahn(width=width, horizon=50.0, frames=5)
    grid = problem.grid(192)
    x, y = grid.coordinates()
    u0 = np.tanh((0.3 - np.hypot(x - 0.5, y - 0.5)) / (np.sqrt(2) * width))
    u = problem.solve({"u0": u0[None]}, Fidelity(192, steps=200)).fields[0]
    area = (1 + u).mean(axis=(1, 2)) / 2
    speeds = np.diff(area)[1:] / np.diff(problem.times)[1:]
    np.testing.assert_allclose(speeds, -2 * np.pi * width**2, rtol=0.01)


def test_energy_falls():
    problem = AllenCahn(width=0.05, horizon=5.0, frames=11)
    grid = problem.grid(64)
    u = problem.solve_draws([problem.draw_sample(0, 0)], grid, Fidelity(64, steps=50)).fields
    energy = problem.energy(u[:, 1:], grid)
    assert np.all(np.diff(energy) < 0)
    assert np.all(energy[:, -1] < 0.75 * energy[:, 0])


def test_truth_checks_pass_on_solutions_and_fail_on_others():
    problem = AllenCahn(width=0.08, horizon=3.0, frames=4)
    grid, fidelity = problem.grid(48), problem.data_fidelity(48, 1e-5)
    draws = [problem.draw_sample(0, 0)]
    u = problem.solve_draws(draws, grid, fidelity).fields
    inputs = problem.evaluate_batch(draws, grid)

    def judge(u):
        return problem.truth_checks(inputs, {"u": u}, grid, fidelity, np.random.default_rng(0))

    assert all(check.passed for check in judge(u)), judge(u)
    assert not judge(1.001 * u)[0].passed
    late = u.copy()
    late[:, 2] = u[:, 3]
    assert not judge(late)[1].passed


@pytest.mark.parametrize(
    "config", [{"width": 0.0}, {"mean": 3.0}, {"amplitude": -1.0}, {"wave_length": 0.0}]
)
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        AllenCahn(**config)
