"""Shallow water: a round dam against a radial solution, mass, symmetry, checks."""

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.shallow_water import ShallowWater
from sobolev.geometry.errors import InputError


def radial(radius, depth, time, cells=3000, reach=2.5):
    """(r, h) of the same dam in r alone: fluxes over rings by Lax and Friedrichs, first order."""
    faces = np.linspace(0, reach, cells + 1)
    r, rings = (faces[1:] + faces[:-1]) / 2, np.diff(faces**2) / 2
    h, m, t = np.where(r < radius, depth, 1.0), np.zeros(cells), 0.0
    while t < time:
        fastest = (np.abs(m / h) + np.sqrt(h)).max()
        dt = min(0.5 * np.diff(faces)[0] / fastest, time - t)
        states = np.stack([h, m])
        fluxes = np.stack([m, m * m / h + h * h / 2])
        left = np.concatenate([states[:, :1] * [[1], [-1]], states], axis=1)
        right = np.concatenate([states, states[:, -1:]], axis=1)
        of_left = np.concatenate([fluxes[:, :1] * [[-1], [1]], fluxes], axis=1)
        of_right = np.concatenate([fluxes, fluxes[:, -1:]], axis=1)
        through = (of_left + of_right - fastest * (right - left)) / 2 * faces
        states = states - dt / rings * np.diff(through, axis=1)
        h, m = states[0], states[1] + dt * h * h / (2 * r)  # the pressure on the sides of a ring
        t += dt
    return r, h


def collapse(n, **options):
    problem = ShallowWater(frames=3, **options)
    draw = problem.draw_sample(0, 0)
    solution = problem.solve_draws([draw], problem.grid(n), Fidelity(n))
    assert solution.converged.all()
    return problem, draw, solution.fields[0]


def test_a_round_dam_breaks_as_in_one_dimension():
    problem, draw, fields = collapse(128)
    x, y = problem.grid(128).coordinates()
    r, h = radial(draw["radius"], draw["depth"], problem.horizon)
    exact = np.interp(np.hypot(x, y), r, h)
    off = np.abs(fields[-1, 0] - exact).mean() / np.abs(exact - 1).mean()
    assert off < 0.06
    totals = fields[:, 0].mean(axis=(1, 2))
    np.testing.assert_allclose(totals, totals[0], rtol=1e-12)
    np.testing.assert_allclose(fields[:, 0], fields[:, 0].transpose(0, 2, 1), atol=1e-12)
    np.testing.assert_allclose(fields[:, 1], fields[:, 2].transpose(0, 2, 1), atol=1e-12)


def test_truth_checks_pass_on_solutions_and_fail_on_others():
    problem = ShallowWater(horizon=0.5, frames=4)
    grid, fidelity = problem.grid(32), problem.data_fidelity(32, 1e-8)
    draws = [problem.draw_sample(0, i) for i in range(2)]
    outputs = problem.split(problem.solve_draws(draws, grid, fidelity).fields)
    inputs = problem.evaluate_batch(draws, grid)

    def failed(outputs):
        checks = problem.truth_checks(inputs, outputs, grid, fidelity, np.random.default_rng(0))
        return [check.name for check in checks if not check.passed]

    assert not failed(outputs)
    late = outputs["h"].copy()
    late[:, 2] = outputs["h"][:, 3] + 1e-6
    assert len(failed(outputs | {"h": late})) == 2


@pytest.mark.parametrize(
    "config", [{"radius_min": 0.9}, {"depth_min": 0.5}, {"depth_max": np.inf}, {"gravity": 0.0}]
)
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        ShallowWater(**config)
