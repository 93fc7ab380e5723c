"""Navier-Stokes: closed forms, the equation itself, budgets, and the spectrum of turbulence."""

import dataclasses

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.navier_stokes import NavierStokes
from sobolev.geometry.calculus.grids import GridCalculus
from sobolev.geometry.errors import InputError
from sobolev.geometry.norms import energy_spectrum
from sobolev.solvers.spectral import FourierBasis

TURN = 2 * np.pi


def stream(w, grid):
    """psi of lap psi = -w."""
    basis = FourierBasis(grid)
    squares = np.where(basis.laplacian < 0, -basis.laplacian, 1.0)
    return basis.inverse(basis.forward(w) * (basis.laplacian < 0) / squares)


def test_taylor_green_vortices_decay_as_they_should():
    problem = NavierStokes(forcing="none", horizon=2.0, frames=3, drag=0.1)
    x, y = problem.grid(32).coordinates()
    w0 = np.cos(TURN * x) * np.cos(TURN * y) + 0.5 * np.cos(TURN * (x + y))
    viscosity = np.array([1e-3, 3e-3])
    fields = problem.solve(
        {"w0": np.stack([w0, w0]), "viscosity": viscosity}, Fidelity(32, 1e-10)
    ).fields
    # All waves have the same length, so the flow does not carry itself.
    rate = 2 * TURN**2 * viscosity + 0.1
    exact = np.exp(-rate[:, None] * problem.times)[:, :, None, None] * w0
    assert np.abs(fields - exact).max() < 1e-9


@pytest.mark.parametrize("forcing", ["diagonal", "kolmogorov", "none"])
def test_frames_satisfy_the_residual_as_it_is_written(forcing):
    step = 2.5e-4
    problem = NavierStokes(
        forcing=forcing, horizon=3 * step, frames=4, drag=0.2, viscosity_min=2e-3,
        viscosity_max=5e-3, left=-1.0, right=1.0, wavenumber=2,
    )  # fmt: skip
    grid = problem.grid(64)
    inputs = problem.evaluate_batch([problem.draw_sample(0, i) for i in range(2)], grid)
    # The first frame still has the waves that products do not take.
    _, before, now, after = np.moveaxis(problem.solve(inputs, Fidelity(64, 1e-12)).fields, 1, 0)
    d = GridCalculus(grid)
    x = dict(zip(grid.names, grid.coordinates(), strict=True))
    p = problem.parameters(inputs, 2)

    class AtOneTime:
        """`d` with the time derivative by a central difference."""

        def __getattr__(self, name):
            return getattr(d, name)

        def __call__(self, u, spelling):
            return (after - before) / (2 * step) if spelling == "t" else d(u, spelling)

    equation, poisson = problem.residual((now, stream(now, grid)), AtOneTime(), x, p)
    size = np.abs(after - before).max() / (2 * step)
    # On the waves that products are taken in.
    basis = FourierBasis(grid)
    resolved = basis.inverse(basis.forward(equation) * basis.resolved)
    assert np.abs(resolved).max() < 1e-5 * size
    assert np.abs(poisson).max() < 1e-10 * np.abs(now).max()


def test_the_laminar_kolmogorov_flow_stays():
    problem = NavierStokes(
        forcing="kolmogorov", wavenumber=2, amplitude=0.5, drag=0.3, horizon=1.0, frames=2
    )
    _, y = problem.grid(32).coordinates()
    k, viscosity = 2 * TURN, 0.01
    w0 = -0.5 * k * np.cos(k * y) / (viscosity * k**2 + 0.3)
    inputs = {"w0": w0[None], "viscosity": np.array([viscosity])}
    end = problem.solve(inputs, Fidelity(32, 1e-9)).fields[0, 1]
    assert np.abs(end - w0).max() < 1e-9 * np.abs(w0).max()


def test_data_resolves_and_a_finer_solve_agrees():
    problem = NavierStokes(frames=2, horizon=1.0)
    fidelity = problem.data_fidelity(32, 1e-6)
    grid = problem.grid(32)
    draws = [problem.draw_sample(5, 0)]
    data = problem.solve_draws(draws, grid, fidelity)
    finer = problem.solve_draws(draws, grid, Fidelity(2 * fidelity.resolution, 1e-8))
    off = np.linalg.norm(data.fields - finer.fields) / np.linalg.norm(finer.fields)
    assert off < 1e-6
    inputs = problem.evaluate_batch(draws, grid)
    checks = problem.truth_checks(
        inputs, {"w": data.fields}, grid, fidelity, np.random.default_rng(0)
    )
    assert all(check.passed for check in checks), checks
    wrong = data.fields.copy()
    wrong[:, 1] *= 1.2
    checks = problem.truth_checks(inputs, {"w": wrong}, grid, fidelity, np.random.default_rng(0))
    assert not checks[1].passed


@pytest.mark.parametrize(
    "wrong",
    [{"forcing": "wind"}, {"wavenumber": 0}, {"drag": -1.0}, {"viscosity_min": 0.0},
     {"viscosity_max": 1e-4}, {"amplitude": np.nan}],
)  # fmt: skip
def test_illegal_parameters_are_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        NavierStokes(**wrong)


@pytest.mark.slow
def test_turbulent_kolmogorov_flow_has_the_spectrum_and_the_budget():
    """The enstrophy cascade: E ~ k^-3 or steeper with drag (Boffetta & Ecke 2012, section 4)."""
    problem = NavierStokes(
        forcing="kolmogorov", wavenumber=4, amplitude=1.0, drag=0.1, right=TURN,
        viscosity_min=2e-3, viscosity_max=2e-3, horizon=60.0, frames=121,
    )  # fmt: skip
    grid = problem.grid(128)
    inputs = problem.evaluate_batch([problem.draw_sample(0, 0)], grid)
    solution = problem.solve(inputs, dataclasses.replace(Fidelity(128), steps=12_000))
    assert solution.converged.all()
    w = solution.fields[0, 41:]  # spun up
    psi = np.stack([stream(frame, grid) for frame in w])
    u = GridCalculus(grid)(psi, "y")
    _, y = grid.coordinates()
    injected = np.mean(u * np.sin(4 * y))
    enstrophy, energy = np.mean(w**2), np.mean(psi * w) / 2
    dissipated = 2e-3 * enstrophy + 2 * 0.1 * energy
    change = (np.mean(psi[-1] * w[-1]) - np.mean(psi[0] * w[0])) / 2 / (40.0)
    assert abs(injected - dissipated - change) < 0.03 * injected
    k, enstrophies = energy_spectrum(w, grid)
    inertial = (k >= 6) & (k <= 20)
    spectrum = enstrophies.mean(axis=0)[inertial] / k[inertial] ** 2
    slope = np.polyfit(np.log(k[inertial]), np.log(spectrum), 1)[0]
    assert -5.0 < slope < -3.0
