"""Helmholtz: order of the scheme by the equation itself, a closed form, and checks that fail."""

import math

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.helmholtz import Helmholtz
from sobolev.geometry.calculus import functions as fn
from sobolev.geometry.calculus.symbols import manufactured_source
from sobolev.geometry.errors import InputError
from sobolev.geometry.norms import norm
from sobolev.solvers.helmholtz import HelmholtzOperator
from sobolev.solvers.helmholtz.resonant import ResonantSolver


def exact(x, y):
    return fn.sin(math.pi * x) * fn.sin(2 * math.pi * y) * fn.exp(x)


def speed(x, y):
    return 1 + 0.1 * fn.cos(3 * x) * fn.sin(2 * y)


@pytest.mark.parametrize("kind", ["L2", "Linf"])
def test_the_scheme_has_order_two_on_the_equation_as_it_is_written(kind):
    problem = Helmholtz(omega=12.0)
    made = manufactured_source(problem, exact, {"c": speed, **problem.constants()})
    sizes, errors = (32, 64, 128, 256), []
    for n in sizes:
        grid = problem.grid(n)
        x, y = grid.coordinates()
        f = made.source_at(x=x, y=y) + problem.source(x, y, problem.constants()["f"])
        A = HelmholtzOperator((problem.omega / speed(x, y)) ** 2, grid)
        result = ResonantSolver().solve(A, f.ravel(), 1e-9)
        assert result.converged
        errors.append(float(norm(result.x.reshape(n, n) - exact(x, y), grid, kind)))
    assert abs(-np.polyfit(np.log(sizes), np.log(errors), 1)[0] - 2) < 0.2


def test_uniform_speed_agrees_with_the_sine_series():
    """Independent of the residual: the source's sine coefficients over lambda - omega^2."""
    problem = Helmholtz(omega=15.0, width=0.04, place=(0.5, 0.4))
    j = np.arange(1, 80)
    decay = np.exp(-((j * np.pi * problem.width) ** 2) / 2)
    one, two = (2 * decay * np.sin(j * np.pi * at) for at in problem.place)
    gaps = np.add.outer((j * np.pi) ** 2, (j * np.pi) ** 2) - problem.omega**2
    sizes, errors = (32, 64, 128, 256), []
    for n in sizes:
        x, _ = problem.grid(n).axes
        S = np.sin(np.pi * np.outer(x, j))
        series = S @ (np.outer(one, two) / gaps) @ S.T
        solution = problem.solve({"c": np.ones((1, n, n))}, Fidelity(n, 1e-10))
        errors.append(np.abs(solution.fields[0] - series).max() / np.abs(series).max())
    assert errors[-1] < 5e-3
    assert abs(-np.polyfit(np.log(sizes), np.log(errors), 1)[0] - 2) < 0.2


def solved(problem, n=48, count=4, threads=1):
    grid, fidelity = problem.grid(n), problem.data_fidelity(n, 1e-8)
    draws = [problem.draw_sample(0, i) for i in range(count)]
    inputs = problem.evaluate_batch(draws, grid)
    solution = problem.solve_draws(draws, grid, fidelity, threads)
    assert solution.converged.all(), solution.reason
    return inputs, {"u": solution.fields}, grid, fidelity


def judge(problem, inputs, outputs, grid, fidelity):
    return problem.truth_checks(inputs, outputs, grid, fidelity, np.random.default_rng(0))


@pytest.mark.parametrize(
    "problem",
    [
        Helmholtz(),
        Helmholtz(omega=25.0, contrast=0.3),
        Helmholtz(omega=1.0),
        Helmholtz(omega=1e-3, width=1e-3),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_truth_checks_pass_on_solutions(problem, dtype):
    inputs, outputs, grid, fidelity = solved(problem)
    stored = {"u": outputs["u"].astype(dtype)}
    checks = judge(problem, {"c": inputs["c"].astype(dtype)}, stored, grid, fidelity)
    assert len(checks) == 2
    assert all(check.passed for check in checks), checks


@pytest.mark.parametrize("problem", [Helmholtz(), Helmholtz(omega=1.0)])
def test_truth_checks_fail_on_what_is_no_solution(problem):
    inputs, outputs, grid, fidelity = solved(problem)
    u = outputs["u"]
    rough = u * (1 + 1e-3 * np.random.default_rng(0).standard_normal(u.shape))
    assert not judge(problem, inputs, {"u": rough}, grid, fidelity)[0].passed
    for wrong in (-u, u[::-1], u.swapaxes(1, 2)):
        checks = judge(problem, inputs, {"u": wrong}, grid, fidelity)
        assert not any(check.passed for check in checks), checks
    broken = u.copy()
    broken[1, 3, 3] = np.nan
    assert not judge(problem, inputs, {"u": broken}, grid, fidelity)[0].passed


def test_the_bits_do_not_depend_on_the_threads():
    problem = Helmholtz(omega=30.0)
    one, three = (solved(problem, threads=threads)[1]["u"] for threads in (1, 3))
    np.testing.assert_array_equal(one, three)
    empty = problem.solve({"c": np.empty((0, 16, 16))}, Fidelity(16))
    assert empty.fields.shape == (0, 16, 16)


def test_the_law_of_the_speed():
    problem = Helmholtz(contrast=0.2)
    draws = [problem.draw_sample(1, i) for i in range(60)]
    g = np.stack([problem.field.evaluate(draw["g"], problem.grid(32)) for draw in draws])
    assert np.mean(g**2) == pytest.approx(1.0, rel=0.3)
    c = problem.evaluate_batch(draws, problem.grid(32))["c"]
    assert 0.8 < c.min() < 0.85
    assert 1.15 < c.max() < 1.2
    fine = problem.evaluate(draws[3], problem.grid(96))["c"]
    np.testing.assert_allclose(c[3], fine[1::3, 1::3], rtol=1e-10)


@pytest.mark.parametrize(
    "config",
    [
        {"omega": 0.0},
        {"omega": 1e160},
        {"omega": "20"},
        {"contrast": 1.0},
        {"contrast": math.nan},
        {"width": -1.0},
        {"width": 1e-300},
        {"width": 1e160},
        {"place": (0, 2)},
        {"place": (0.5,)},
        {"place": ("a", "b")},
        {"place": None},
    ],
)
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        Helmholtz(**config)
