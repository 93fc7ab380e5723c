"""Kuramoto-Sivashinsky: linear growth, a travelling frame, and its largest Lyapunov exponent."""

from dataclasses import replace

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.kuramoto_sivashinsky import KuramotoSivashinsky


def test_small_waves_grow_and_decay_at_k2_minus_k4():
    problem = KuramotoSivashinsky(right=22.0, horizon=10.0, frames=2)
    x = problem.grid(64).axes[0]
    k = 2 * np.pi / 22 * np.arange(1, 6)
    u0 = 1e-9 * np.cos(np.multiply.outer(k, x))
    u = problem.solve({"u0": u0}, Fidelity(64, 1e-8)).fields
    growth = np.abs(np.fft.rfft(u[:, 1]))[range(5), range(1, 6)] / (32 * 1e-9)
    np.testing.assert_allclose(growth, np.exp(10 * (k**2 - k**4)), rtol=1e-6)


def test_a_moving_observer_sees_a_solution():
    """u(t, x - c t) + c solves the equation too (Galilei), which holds of no wrong factor."""
    problem = KuramotoSivashinsky(horizon=20.0, frames=2)
    grid = problem.grid(192)
    u0 = problem.evaluate(problem.draw_sample(0, 0), grid)["u0"]
    speed = 64 * 5 / 192 / 20  # five points in all the time
    fidelity = Fidelity(192, 1e-9)
    still = problem.solve({"u0": u0[None]}, fidelity).fields[0, 1]
    moving = problem.solve({"u0": u0[None] + speed}, fidelity).fields[0, 1]
    np.testing.assert_allclose(moving - speed, np.roll(still, 5), atol=1e-6)


def test_truth_checks_pass_on_solutions_and_fail_on_others():
    problem = KuramotoSivashinsky(right=32.0, horizon=10.0, frames=4)
    grid, fidelity = problem.grid(128), problem.data_fidelity(128, 1e-6)
    draws = [problem.draw_sample(0, 0)]
    u = problem.solve_draws(draws, grid, fidelity).fields
    inputs = problem.evaluate_batch(draws, grid)

    def judge(u):
        return problem.truth_checks(inputs, {"u": u}, grid, fidelity, np.random.default_rng(0))

    assert all(check.passed for check in judge(u)), judge(u)
    assert not all(check.passed for check in judge(1.001 * u))
    shorter = replace(problem, right=31.9)
    assert not all(
        check.passed
        for check in shorter.truth_checks(
            inputs, {"u": u}, shorter.grid(128), fidelity, np.random.default_rng(0)
        )
    )


@pytest.mark.slow
def test_largest_lyapunov_exponent_is_that_of_the_literature():
    """0.048 on length 22 (Cvitanovic, Davidchack & Siminos 2010), to 3% and the sampling error."""
    size, window, batch, points = 1e-8, 10.0, 32, 64
    problem = KuramotoSivashinsky(right=22.0, horizon=window, frames=2)
    fidelity = Fidelity(points, steps=100)
    grid = problem.grid(points)
    draws = [problem.draw_sample(0, i) for i in range(batch)]
    u = problem.evaluate_batch(draws, grid)["u0"]
    rng = np.random.default_rng(0)
    off = rng.standard_normal(u.shape)
    found = []
    for _ in range(800):
        off *= size / np.linalg.norm(off - off.mean(axis=1, keepdims=True), axis=1, keepdims=True)
        pair = problem.solve({"u0": np.concatenate([u, u + off])}, fidelity).fields[:, 1]
        u, off = pair[:batch], pair[batch:] - pair[:batch]
        found.append(np.log(np.linalg.norm(off, axis=1) / size) / window)
    exponents = np.mean(found[20:], axis=0)
    mean, spread = exponents.mean(), exponents.std() / np.sqrt(batch)
    assert spread < 0.015 * mean
    assert abs(mean - 0.048) < 0.03 * 0.048 + spread
