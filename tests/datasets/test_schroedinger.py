"""Nonlinear Schroedinger: one soliton, plane waves and their instability, invariants."""

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.schroedinger import Schroedinger
from sobolev.geometry.errors import InputError


def soliton(x, t, height, number, length):
    """a sech(a (x - k t)) exp(i (k x + (a^2 - k^2) t / 2)) (Zakharov & Shabat 1972)."""
    k = 2 * np.pi / length * number
    off = np.mod(x - k * t + length / 2, length) - length / 2
    return height / np.cosh(height * off) * np.exp(1j * (k * x + (height**2 - k**2) * t / 2))


def test_a_soliton_moves_without_a_change_of_shape():
    problem = Schroedinger(horizon=4.0, frames=5)
    x = problem.grid(512).axes[0]
    exact = np.stack([soliton(x, t, 1.5, 3, 40.0) for t in problem.times])
    inputs = {"u0": exact[:1].real, "v0": exact[:1].imag}
    solution = problem.solve(inputs, Fidelity(512, 1e-9))
    assert solution.converged.all()
    assert solution.fields.shape == (1, 5, 2, 512)
    psi = solution.fields[0, :, 0] + 1j * solution.fields[0, :, 1]
    assert np.abs(psi - exact).max() < 1e-8


@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_order_knob_is_the_order_in_time(order):
    problem = Schroedinger(horizon=2.0, frames=2)
    x = problem.grid(512).axes[0]
    start, exact = (soliton(x, t, 1.5, 3, 40.0) for t in (0.0, 2.0))
    inputs = {"u0": start.real[None], "v0": start.imag[None]}
    steps, errors = (50, 70, 100, 140), []
    for count in steps:
        u, v = problem.solve(inputs, Fidelity(512, steps=count, order=order)).fields[0, -1]
        errors.append(np.abs(u + 1j * v - exact).max())
    fitted = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(fitted - order) < 0.2


def test_waves_on_a_plane_wave_grow_at_their_rate():
    """|k| sqrt(a^2 - k^2 / 4) about a exp(i a^2 t) (Benjamin & Feir 1967, in these units)."""
    height, length, horizon = 1.0, 40.0, 2.0
    problem = Schroedinger(horizon=horizon, frames=2)
    x = problem.grid(128).axes[0]
    k = 2 * np.pi / length * np.arange(1, 12)
    rate = k * np.sqrt(height**2 - k**2 / 4)
    # The mode that grows: with u = 1 + p, p_t = -q_xx / 2 and q_t = p_xx / 2 + 2 p.
    shape = k**2 / 2 / rate
    wave = 1e-7 * np.cos(np.multiply.outer(k, x))
    psi = problem.solve(
        {"u0": height + shape[:, None] * wave, "v0": wave}, Fidelity(128, 1e-11)
    ).fields[:, 1]
    turned = (psi[:, 0] + 1j * psi[:, 1]) * np.exp(-1j * height**2 * horizon) - height
    growth = 2 * np.mean(turned.imag * wave, axis=1) / 1e-14
    np.testing.assert_allclose(growth, np.exp(rate * horizon), rtol=1e-5)


def test_mass_momentum_and_energy_stay():
    problem = Schroedinger(horizon=3.0, height_max=1.0, frames=4)
    grid = problem.grid(512)
    u = problem.solve_draws([problem.draw_sample(0, 0)], grid, Fidelity(512, 1e-8)).fields
    psi = u[:, :, 0] + 1j * u[:, :, 1]
    k = 2 * np.pi / 40 * np.fft.fftfreq(512, 1 / 512)
    slope = np.fft.ifft(1j * k * np.fft.fft(psi))
    mass = np.mean(np.abs(psi) ** 2, axis=-1)
    momentum = np.mean((psi.conj() * slope).imag, axis=-1)
    energy = np.mean(np.abs(slope) ** 2 / 2 - np.abs(psi) ** 4 / 2, axis=-1)
    for values in (mass, momentum, energy):
        assert np.abs(values - values[:, :1]).max() < 1e-7 * mass.max()


def test_truth_checks_pass_on_solutions_and_fail_on_others():
    problem = Schroedinger(horizon=1.0, frames=4, height_max=1.0)
    grid, fidelity = problem.grid(256), problem.data_fidelity(256, 1e-5)
    draws = [problem.draw_sample(0, 0)]
    fields = problem.split(problem.solve_draws(draws, grid, fidelity).fields)
    inputs = problem.evaluate_batch(draws, grid)

    def judge(fields):
        return problem.truth_checks(inputs, fields, grid, fidelity, np.random.default_rng(0))

    assert all(check.passed for check in judge(fields)), judge(fields)
    turned = {"u": fields["u"], "v": fields["v"].copy()}
    turned["v"][:, 2:] *= -1
    assert not judge(turned)[1].passed


@pytest.mark.parametrize("config", [{"solitons": 0}, {"height_min": 0.0}, {"height_max": 0.1}])
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        Schroedinger(**config)
