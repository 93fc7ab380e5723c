"""Cahn-Hilliard: linear growth, steady waves, mass that stays and energy that falls."""

import numpy as np

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.cahn_hilliard import CahnHilliard


def test_small_waves_grow_at_their_rate():
    """k^2 (1 - 3 m^2 - width^2 k^2) about a mixture m (Cahn 1965, equation 12)."""
    mean, numbers = 0.2, [(1, 0), (0, 3), (2, 2), (5, 1)]
    problem = CahnHilliard(width=0.03, horizon=0.01, frames=2)
    x, y = problem.grid(32).coordinates()
    waves = [np.cos(2 * np.pi * (a * x + b * y)) for a, b in numbers]
    u0 = mean + 1e-8 * np.stack(waves)
    u = problem.solve({"u0": u0}, Fidelity(32, 1e-10)).fields[:, 1]
    growth = [2 * np.mean((one - mean) * wave) / 1e-8 for one, wave in zip(u, waves, strict=True)]
    k2 = 4 * np.pi**2 * np.array([a**2 + b**2 for a, b in numbers])
    exact = np.exp(0.01 * k2 * (1 - 3 * mean**2 - 0.03**2 * k2))
    np.testing.assert_allclose(growth, exact, rtol=1e-6)


def test_mass_stays_and_energy_falls():
    problem = CahnHilliard(width=0.05, mean=0.1, horizon=0.1, frames=11)
    grid = problem.grid(64)
    u = problem.solve_draws([problem.draw_sample(0, 0)], grid, Fidelity(64, steps=200)).fields
    mass, energy = u.mean(axis=(2, 3)), problem.energy(u, grid)
    assert np.abs(mass - mass[:, :1]).max() < 1e-13
    assert np.all(np.diff(energy) < 0)
    assert np.all(energy[:, -1] < 0.7 * energy[:, 0])
    assert np.abs(u[:, -1]).max() > 0.9  # it has come apart


def test_truth_checks_pass_on_solutions_and_fail_on_others():
    problem = CahnHilliard(width=0.08, frames=4)
    grid, fidelity = problem.grid(64), problem.data_fidelity(64, 1e-5)
    draws = [problem.draw_sample(0, 0)]
    u = problem.solve_draws(draws, grid, fidelity).fields
    inputs = problem.evaluate_batch(draws, grid)

    def judge(u):
        return problem.truth_checks(inputs, {"u": u}, grid, fidelity, np.random.default_rng(0))

    assert [check.name for check in judge(u)][-1] == "mass stays"
    assert all(check.passed for check in judge(u)), judge(u)
    moved = u.copy()
    moved[:, 2:] += 1e-6
    assert not judge(moved)[-1].passed
