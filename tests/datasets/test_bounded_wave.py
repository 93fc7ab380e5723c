"""Waves between ends: d'Alembert's solution, every kind of end, checks that can fail."""

import dataclasses
import math

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.bounded_wave import BoundedWave
from sobolev.geometry.calculus.grids import GridCalculus
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.geometry.norms import norm


def central(family, low=0.0, high=0.0, position=0.7, **options):
    """A pulse far from both ends, where its tail is below rounding."""
    problem = BoundedWave(family=family, **options)
    draw = {"position": position, "ends": np.array([low, high])}
    return problem, draw


@pytest.mark.parametrize("low", [0.0, 1.0])
@pytest.mark.parametrize("high", [0.0, 1.0])
def test_echoes_are_dalemberts_to_rounding(low, high):
    """Twelve passes, against images that know no Chebyshev polynomial."""
    problem, draw = central("WE3", low, high, frames=51)
    for n, limit in ((64, 2e-6), (97, 1e-12), (160, 1e-12)):
        inputs = problem.evaluate_batch([draw], problem.grid(n))
        solution = problem.solve(inputs, Fidelity(n))
        assert solution.converged.all()
        one = {name: value[0] for name, value in inputs.items()}
        exact, _ = problem.exact(one, problem.grid(n))
        assert np.abs(solution.fields[0, :, 0] - exact).max() < limit


def test_the_images_meet_the_ends_and_the_start():
    for low, high in ((0.0, 1.0), (1.0, 0.0)):
        problem, draw = central("WE3", low, high, frames=401)
        grid = problem.grid(401)
        one = problem.evaluate(draw, grid)
        exact, _ = problem.exact(one, grid)
        np.testing.assert_allclose(exact[0], one["u0"], atol=1e-13)
        h = grid.spacing[0]
        for end, (near, next_, third) in ((low, (0, 1, 2)), (high, (-1, -2, -3))):
            slope = (-3 * exact[:, near] + 4 * exact[:, next_] - exact[:, third]) / (2 * h)
            seen, gone = (exact[:, near], slope) if end else (slope, exact[:, near])
            assert np.abs(seen).max() > 0.5
            assert np.abs(gone).max() < (2e-2 if end else 1e-12)


def test_the_stored_trajectory_satisfies_the_equation_by_the_grid_reading():
    problem, draw = central("WE1", horizon=8.0, frames=801)
    grid = problem.grid(201)
    fields = problem.solve_draws([draw], grid, problem.data_fidelity(201, 1e-9)).fields[0]
    u, v = fields[:, 0], fields[:, 1]
    spacetime = Grid(((0.0, 8.0), *grid.extent), u.shape, names=("t", "x"))
    d = GridCalculus(spacetime, scheme="fd4")
    p = problem.parameters(problem.evaluate_batch([draw], grid), 2)
    for residual, size in zip(
        problem.residual((u, v), d, {}, p), (d(u, "t"), d(v, "t")), strict=True
    ):
        inside = (slice(None), slice(4, -4))  # one-sided differences at the ends are coarser
        cut = Grid(((0.0, 1.0),) * 2, residual[inside].shape)
        assert float(norm(residual[inside], cut) / norm(size[inside], cut)) < 1e-3


def stored(problem, n=100, count=3):
    grid, fidelity = problem.grid(n), problem.data_fidelity(n, 1e-6)
    draws = [problem.draw_sample(0, i) for i in range(count)]
    fields = problem.split(problem.solve_draws(draws, grid, fidelity).fields)
    return problem.evaluate_batch(draws, grid), fields, grid, fidelity


def judge(problem, inputs, outputs, grid, fidelity):
    return problem.truth_checks(inputs, outputs, grid, fidelity, np.random.default_rng(0))


@pytest.mark.parametrize("family", ["WE1", "WE2", "WE3"])
@pytest.mark.parametrize(("n", "dtype"), [(50, np.float64), (100, np.float32)])
def test_truth_checks_pass_on_solutions(family, n, dtype):
    problem = BoundedWave(family=family, frames=21)
    inputs, outputs, grid, fidelity = stored(problem, n)
    inputs = {name: value.astype(dtype) for name, value in inputs.items()}
    outputs = {name: value.astype(dtype) for name, value in outputs.items()}
    checks = judge(problem, inputs, outputs, grid, fidelity)
    assert len(checks) == 3
    assert all(check.passed for check in checks), checks


def test_truth_checks_fail_on_what_is_no_solution():
    problem = BoundedWave(frames=21)
    inputs, outputs, grid, fidelity = stored(problem)

    def passed(inputs, **change):
        return [check.passed for check in judge(problem, inputs, outputs | change, grid, fidelity)]

    u, v = outputs["u"], outputs["v"]
    slower = dataclasses.replace(problem, speed=1.999)
    drifted = slower.split(slower.solve(inputs, Fidelity(100)).fields)["u"]
    assert not passed(inputs, u=drifted)[2]
    noisy = u.copy()
    noisy[0, 5] += 1e-3 * (-1.0) ** np.arange(u.shape[-1])
    assert passed(inputs, u=noisy) == [True, False, False]
    assert passed(inputs, v=1.001 * v) == [False, False, True]
    assert passed(inputs, u=u[::-1], v=v[::-1])[0] is False
    free = inputs | {"left_end": 1 - inputs["left_end"]}
    assert passed(free)[1:] == [False, False]


def test_families_draw_their_ends():
    def ends(family):
        problem = BoundedWave(family=family)
        draws = [problem.draw_sample(0, i) for i in range(200)]
        positions = np.array([draw["position"] for draw in draws])
        assert positions.min() >= -4
        assert positions.max() <= 4
        assert np.ptp(positions) > 7.5
        return np.array([draw["ends"] for draw in draws])

    assert np.all(ends("WE1") == 0)
    assert np.all(ends("WE2") == 1)
    kinds, counts = np.unique(ends("WE3"), axis=0, return_counts=True)
    assert len(kinds) == 4
    assert counts.min() > 30


def test_samples_of_several_kinds_keep_their_order():
    problem = BoundedWave(family="WE3", frames=3)
    grid = problem.grid(80)
    draws = [problem.draw_sample(1, i) for i in range(8)]
    together = problem.solve(problem.evaluate_batch(draws, grid), Fidelity(80)).fields
    for i, draw in enumerate(draws):
        alone = problem.solve(problem.evaluate_batch([draw], grid), Fidelity(80)).fields[0]
        np.testing.assert_allclose(together[i], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "config",
    [{"family": "WE4"}, {"left": 9.0}, {"speed": 0.0}, {"reach": 9.0}, {"right": math.nan},
     {"frames": 1}, {"horizon": -1.0}],
)  # fmt: skip
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        BoundedWave(**config)
