"""Korteweg-de Vries: one soliton, two that meet, and what stays."""

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.kdv import KdV
from sobolev.geometry.errors import InputError
from sobolev.geometry.norms import error


def alone(speed, **options):
    return KdV(initial="solitons", solitons=1, speed_min=speed, speed_max=speed, **options)


def test_a_soliton_moves_at_its_speed_without_a_change_of_shape():
    problem = alone(0.7, left=-40.0, right=40.0, frames=5)
    grid = problem.grid(64)
    draw = problem.draw_sample(0, 0)
    solution = problem.solve_draws([draw], grid, problem.data_fidelity(64, 1e-9))
    assert solution.converged.all()
    for frame, t in enumerate(problem.times):
        exact = problem.solitary(grid.axes[0], draw["speed"], draw["place"] + 0.7 * t)
        assert float(error(solution.fields[0, frame], exact, grid)) < 1e-8


@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_order_knob_is_the_order_in_time(order):
    problem = alone(2.0, left=-16.0, right=16.0, horizon=4.0, frames=2)
    grid, draw = problem.grid(256), problem.draw_sample(0, 0)
    exact = problem.solitary(grid.axes[0], draw["speed"], draw["place"] + 8.0)
    steps, errors = (400, 600, 800, 1200), []
    for count in steps:
        final = problem.solve_draws([draw], grid, Fidelity(256, steps=count, order=order)).fields
        errors.append(float(error(final[0, -1], exact, grid)))
    fitted = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(fitted - order) < 0.2


def two_solitons(x, t, fast, slow):
    """Hirota's solution u = 12 (log F)_xx with k^2 = fast and slow, independent of any solver.

    F = 1 + e^a + e^b + A e^(a+b), a = k_1 x - k_1^3 t, A = ((k_1 - k_2) / (k_1 + k_2))^2
    (Drazin & Johnson 1989, section 5.3, scaled to this equation).
    """
    k1, k2 = np.sqrt(fast), np.sqrt(slow)
    a, b = np.exp(k1 * x - k1**3 * t), np.exp(k2 * x - k2**3 * t)
    A = ((k1 - k2) / (k1 + k2)) ** 2
    F = 1 + a + b + A * a * b
    first = k1 * a + k2 * b + A * (k1 + k2) * a * b
    second = k1**2 * a + k2**2 * b + A * (k1 + k2) ** 2 * a * b
    return 12 * (second / F - (first / F) ** 2)


def test_two_solitons_pass_through_each_other():
    problem = KdV(left=-40.0, right=40.0, horizon=16.0, frames=9)
    grid = problem.grid(384)
    x = grid.axes[0]
    inputs = {"u0": two_solitons(x, -8.0, 2.0, 1.0)[None]}
    solution = problem.solve(inputs, Fidelity(384, 1e-9))
    assert solution.converged.all()
    for frame, t in enumerate(problem.times):
        exact = two_solitons(x, t - 8.0, 2.0, 1.0)
        assert float(error(solution.fields[0, frame], exact, grid)) < 1e-8


def test_mass_momentum_and_energy_stay():
    """The first three of infinitely many invariants, u, u^2 and u^3 / 3 - u_x^2."""
    problem = KdV(frames=5)
    grid = problem.grid(256)
    solution = problem.solve_draws([problem.draw_sample(0, 0)], grid, Fidelity(512, 1e-9))
    u = solution.fields[0]
    slope = np.fft.irfft(2j * np.pi / 128 * np.arange(129) * np.fft.rfft(u), 256)
    for density in (u, u**2, u**3 / 3 - slope**2):
        values = density.mean(axis=-1)
        assert np.abs(values - values[0]).max() < 1e-8 * np.abs(density[0]).mean()


@pytest.mark.parametrize("points", [256, 512])
def test_truth_checks_pass_on_solutions_and_fail_on_others(points):
    problem = KdV(horizon=8.0, frames=4)
    grid, fidelity = problem.grid(points), problem.data_fidelity(points, 1e-6)
    draws = [problem.draw_sample(0, 0)]
    u = problem.solve_draws(draws, grid, fidelity).fields
    inputs = problem.evaluate_batch(draws, grid)

    def judge(u):
        return problem.truth_checks(inputs, {"u": u}, grid, fidelity, np.random.default_rng(0))

    assert all(check.passed for check in judge(u)), judge(u)
    moved = u.copy()
    moved[:, 2:] += 1e-3
    # On 256 points the mean of the points is not the mean of the waves.
    assert [c.passed for c in judge(moved)] == [True, False, False][: 2 if points == 256 else 3]


@pytest.mark.parametrize(
    "config",
    [{"initial": "square"}, {"solitons": 0}, {"solitons": 1.5}, {"speed_min": -1.0},
     {"speed_min": 2.0, "speed_max": 1.0}, {"left": 200.0}, {"frames": 1}],
)  # fmt: skip
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        KdV(**config)
