"""The forced mixed family: exact solutions, independent solvers, shocks, checks that can fail."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.forced_mixed import FAMILIES, PARTS, ForcedMixed
from sobolev.geometry.calculus.grids import GridCalculus
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.geometry.norms import norm


def with_coefficients(problem, n, alpha, beta, gamma, seed=0, **change):
    inputs = problem.evaluate_batch([problem.draw_sample(seed, 0)], problem.grid(n))
    given = {"alpha": alpha, "beta": beta, "gamma": gamma}
    return inputs | {name: np.array([value]) for name, value in (given | change).items()}


def without_forcing(inputs):
    still = {name: 0 * value for name, value in inputs.items() if name.startswith("amplitude")}
    return inputs | still


def linear_solution(problem, inputs, times, n):
    """alpha = 0: every wave of the forcing is an oscillator with damping, solved by hand.

    c' = -(beta k^2 - i gamma k^3) c + A exp(i (omega t + phi)), c(0) = A exp(i phi), and u the
    sum of Im(c exp(i k x)).
    """
    x, u = problem.grid(n).axes[0], np.zeros((len(times), n))
    value = {name: float(given[0]) for name, given in inputs.items() if name != "u0"}
    for j in range(1, 6):
        amplitude, omega, number, phase = (value[f"{part}_{j}"] for part in PARTS)
        k = 2 * np.pi * number / problem.length
        rate = value["beta"] * k**2 - 1j * value["gamma"] * k**3
        push = amplitude * np.exp(1j * phase)
        forced = push / (rate + 1j * omega)
        c = forced * np.exp(1j * omega * times) + (push - forced) * np.exp(-rate * times)
        u += (c[:, None] * np.exp(1j * k * x)).imag
    return u


@pytest.mark.parametrize(("family", "gamma", "n"), [("E3", 0.7, 32), ("E2", 0.0, 256)])
def test_waves_without_transport_are_solved_by_hand(family, gamma, n):
    problem = ForcedMixed(family=family, horizon=1.0, frames=5)
    inputs = with_coefficients(problem, n, 0.0, 0.15, gamma)
    found = problem.solve(inputs, Fidelity(n, 1e-8))
    exact = linear_solution(problem, inputs, problem.times, n)
    assert found.converged.all()
    assert np.abs(found.fields[0] - exact).max() < 1e-7


@pytest.mark.parametrize("scheme", ["volumes", "spectral"])
def test_the_solver_agrees_with_an_integrator_of_other_hands(scheme):
    """Fourier collocation and SciPy's DOP853 on a case with all terms that the solver has."""
    spectral = scheme == "spectral"
    problem = ForcedMixed(family="E3" if spectral else "E2", horizon=1.0, frames=3)
    gamma = 0.3 if spectral else 0.0
    inputs = with_coefficients(problem, 256, 1.3, 0.3, gamma, seed=3)
    p = problem.parameters({name: value[0] for name, value in inputs.items()}, 0)
    n = 64
    x = problem.grid(n).axes[0]
    k = 2 * np.pi / problem.length * np.fft.rfftfreq(n, 1 / n)

    def rate(t, u):
        wave, square = np.fft.rfft(u), np.fft.rfft(u * u)
        slope = -0.5j * p.alpha * k * square - p.beta * k**2 * wave + 1j * p.gamma * k**3 * wave
        return np.fft.irfft(slope, n) + problem.forcing({"t": t, "x": x}, p)

    start = inputs["u0"][0, ::4]
    truth = solve_ivp(rate, (0, 1), start, "DOP853", problem.times, rtol=1e-10, atol=1e-10).y.T
    found = problem.solve(inputs, Fidelity(256, 1e-9)).fields[0, :, ::4]
    assert np.abs(found - truth).max() < (1e-8 if spectral else 2e-6)


def final(problem, fidelity, stride=1):
    grid = problem.grid(fidelity.resolution)
    inputs = problem.evaluate_batch([problem.draw_sample(0, 0)], grid)
    return problem.solve(inputs, fidelity).fields[0, -1, ::stride]


def fitted(sizes, errors):
    return -np.polyfit(np.log(sizes), np.log(errors), 1)[0]


def test_orders_in_time_and_space_while_waves_are_smooth():
    problem = ForcedMixed(family="E1", horizon=0.25, frames=2)
    steps = (10, 20, 40, 80)
    truth = final(problem, Fidelity(256, steps=640))
    errors = [np.abs(final(problem, Fidelity(256, steps=k)) - truth).max() for k in steps]
    assert abs(fitted(steps, errors) - 3) < 0.2
    sizes = (64, 128, 256, 512)
    fine = final(problem, Fidelity(2048, steps=320))
    errors = [
        np.abs(final(problem, Fidelity(n, steps=320)) - fine[:: 2048 // n]).mean() for n in sizes
    ]
    assert abs(fitted(sizes, errors) - 5) < 0.2


def test_a_shock_leaves_the_first_order_in_the_mean():
    problem = ForcedMixed(family="E1", horizon=4.0, frames=2)
    sizes = (64, 128, 256, 512)
    truth = final(problem, Fidelity(2048))
    errors = [np.abs(final(problem, Fidelity(n)) - truth[:: 2048 // n]).mean() for n in sizes]
    assert abs(fitted(sizes, errors) - 1) < 0.3  # where it stands in its cell makes them scatter


def test_a_shock_between_two_levels_moves_at_their_mean():
    """Rankine & Hugoniot: the speed alpha (u_l + u_r) / 2 of a jump; no forcing."""
    problem = ForcedMixed(family="E1", horizon=2.0, frames=2)
    n = 512
    grid = problem.grid(n)
    x = grid.axes[0]
    inputs = without_forcing(with_coefficients(problem, n, 1.5, 0.0, 0.0))
    left, right = 1.0, 0.2
    jump = right + (left - right) * ((x >= 2) & (x < 10))
    inputs["u0"] = jump[None]
    u = problem.solve(inputs, Fidelity(n)).fields[0, -1]
    place = x[np.flatnonzero((u > 0.6) & (x > 8))[-1]]
    assert abs(place - (10 + 2 * 1.5 * 0.6)) < 2 * 16 / n
    # Behind it the rarefaction from the other jump: u = (x - x_0) / (alpha t).
    begin = 2 - grid.spacing[0] / 2
    fan = (x > begin + 3 * right + 0.2) & (x < begin + 3 * left - 0.2)
    np.testing.assert_allclose(u[fan], (x[fan] - begin) / 3, atol=1e-2)


def test_the_stored_trajectory_satisfies_the_equation_by_the_grid_reading():
    problem = ForcedMixed(family="E3", horizon=0.5, frames=201)
    grid = problem.grid(128)
    inputs = with_coefficients(problem, 128, 2.0, 0.3, 0.5, seed=1)
    u = problem.solve(inputs, Fidelity(128, 1e-9)).fields[0]
    spacetime = Grid(((0.0, 0.5), *grid.extent), u.shape, (False, True), names=("t", "x"))
    d = GridCalculus(spacetime, scheme="fd4")
    x = dict(zip(("t", "x"), spacetime.coordinates(), strict=True))
    residual = problem.residual(u, d, x, problem.parameters(inputs, 2))[0]
    assert float(norm(residual, spacetime) / norm(d(u, "t"), spacetime)) < 1e-3


def stored(problem, n, count=2):
    grid, fidelity = problem.grid(n), Fidelity(2 * n, 1e-6)
    draws = [problem.draw_sample(0, i) for i in range(count)]
    u = problem.solve_draws(draws, grid, fidelity).fields
    return problem.evaluate_batch(draws, grid), u, grid, fidelity


@pytest.mark.parametrize(("family", "dtype"), [("E1", np.float64), ("E3", np.float32)])
def test_truth_checks_pass_on_solutions_and_fail_on_others(family, dtype):
    problem = ForcedMixed(family=family, horizon=1.0 if family == "E1" else 0.25, frames=5)
    inputs, u, grid, fidelity = stored(problem, 64)
    inputs = {name: value.astype(dtype) for name, value in inputs.items()}
    u = u.astype(dtype)

    def passed(u, inputs=inputs):
        checks = problem.truth_checks(inputs, {"u": u}, grid, fidelity, np.random.default_rng(0))
        return [check.passed for check in checks]

    assert passed(u) == [True, True]
    assert passed(u[::-1]) == [False, False]
    frozen = u.copy()
    frozen[:, 2:] = u[:, 1:2]
    assert passed(frozen) == [True, False]
    other = inputs | {"frequency_1": inputs["frequency_1"] + 1, "amplitude_1": 0.4 + 0 * u[:, 0, 0]}
    assert passed(u, other) == [True, False]


@pytest.mark.parametrize("family", FAMILIES)
def test_draws_stay_in_their_ranges(family):
    problem = ForcedMixed(family=family)
    draws = [problem.draw_sample(0, i) for i in range(300)]
    ranges = FAMILIES[family]
    for i in range(3):
        values = np.array([draw["coefficients"][i] for draw in draws])
        low, high = ranges[i]
        assert low <= values.min() <= low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) <= values.max() <= high
    amplitude, frequency, number, phase = np.stack([draw["waves"] for draw in draws], axis=1)
    assert 0.49 < np.abs(amplitude).max() <= 0.5
    assert 0.39 < np.abs(frequency).max() <= 0.4
    assert set(np.unique(number)) == {1, 2}
    assert 6.2 < phase.max() <= 2 * np.pi
    assert problem.horizon == ranges[3]
    wide = dataclasses.replace(problem, highest_wave=3)
    assert {n for i in range(20) for n in wide.draw_sample(0, i)["waves"][2]} == {1, 2, 3}


@pytest.mark.parametrize(
    "config",
    [{"family": "E4"}, {"length": 0.0}, {"highest_wave": 0}, {"highest_wave": 1.5},
     {"horizon": -1.0}, {"horizon": math.inf}, {"frames": 1}],
)  # fmt: skip
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        ForcedMixed(**config)
