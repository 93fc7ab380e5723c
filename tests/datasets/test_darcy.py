"""Darcy: order of the scheme by the equation itself, a closed form, and checks that can fail."""

import dataclasses
import math

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.darcy import Darcy
from sobolev.geometry.calculus import functions as fn
from sobolev.geometry.calculus.symbols import manufactured_source
from sobolev.geometry.errors import InputError
from sobolev.geometry.norms import norm
from sobolev.solvers.elliptic import solve_diffusion


def exact(x, y):
    return fn.sin(math.pi * x) * fn.sin(2 * math.pi * y)


def smooth(x, y):
    return 2 + fn.cos(3 * x) * fn.sin(2 * y)


@pytest.mark.parametrize("kind", ["L2", "Linf"])
def test_the_scheme_has_order_two_on_the_equation_as_it_is_written(kind):
    problem = Darcy()
    made = manufactured_source(problem, exact, {"a": smooth}, source="f")
    sizes, errors = (16, 32, 64, 128), []
    for n in sizes:
        grid = problem.grid(n)
        x, y = grid.coordinates()
        solution = solve_diffusion(smooth(x, y)[None], made.source_at(x=x, y=y), grid, rtol=1e-11)
        assert solution.converged.all()
        errors.append(float(norm(solution.fields[0] - exact(x, y), grid, kind)))
    fitted = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(fitted - 2) < 0.2


def test_uniform_coefficient_agrees_with_the_sine_series():
    """Independent of the residual: -Lap u = 1, u = sum 16 sin sin / (pi^4 jk (j^2 + k^2))."""
    odd = np.arange(1, 400, 2)
    j, k = np.meshgrid(odd, odd, indexing="ij")
    modes = 16 / (math.pi**4 * j * k * (j**2 + k**2))
    errors = []
    for n in (16, 32, 64, 128):
        x, y = Darcy().grid(n).axes
        series = np.sin(math.pi * np.outer(x, odd)) @ modes @ np.sin(math.pi * np.outer(odd, y))
        solution = Darcy().solve({"a": np.full((1, n, n), 4.0)}, Fidelity(n, 1e-10))
        errors.append(np.abs(4 * solution.fields[0] - series).max() / series.max())
    assert errors[-1] < 2e-4
    assert abs(np.log2(errors[0] / errors[-1]) / 3 - 2) < 0.2


@pytest.mark.parametrize("coefficient", ["threshold", "lognormal"])
def test_every_method_agrees_to_the_tolerance(coefficient):
    problem = Darcy(coefficient)
    grid = problem.grid(24)
    a = problem.evaluate_batch([problem.draw_sample(0, i) for i in range(3)], grid)["a"]
    rtol = 1e-10
    solutions = {
        method: solve_diffusion(a, 1.0, grid, rtol=rtol, method=method).fields
        for method in ("superlu", "multigrid", "cg", "gmres", "gcro_dr")
    }
    exactly = solutions.pop("superlu")
    # |u - u*| / |u*| <= condition * residual; the condition number here is below 1e4.
    for method, fields in solutions.items():
        assert np.abs(fields - exactly).max() / np.abs(exactly).max() < 1e4 * rtol, method


def solved(problem, n=32, count=3):
    grid, fidelity = problem.grid(n), problem.data_fidelity(n, 1e-8)
    draws = [problem.draw_sample(0, i) for i in range(count)]
    inputs = problem.evaluate_batch(draws, grid)
    return inputs, {"u": problem.solve_draws(draws, grid, fidelity).fields}, grid, fidelity


def judge(problem, inputs, outputs, grid, fidelity):
    return problem.truth_checks(inputs, outputs, grid, fidelity, np.random.default_rng(0))


@pytest.mark.parametrize("coefficient", ["threshold", "lognormal"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_truth_checks_pass_on_solutions(coefficient, dtype):
    problem = Darcy(coefficient)
    inputs, outputs, grid, fidelity = solved(problem)
    checks = judge(problem, inputs, {"u": outputs["u"].astype(dtype)}, grid, fidelity)
    assert len(checks) == (2 if coefficient == "lognormal" else 1)
    assert all(check.passed for check in checks), checks


def test_truth_checks_fail_on_what_is_no_solution():
    problem = Darcy("lognormal")
    inputs, outputs, grid, fidelity = solved(problem)
    u = outputs["u"]
    rough = u * (1 + 1e-3 * np.random.default_rng(0).standard_normal(u.shape))
    assert not judge(problem, inputs, {"u": rough}, grid, fidelity)[0].passed
    wrong_sign = judge(problem, inputs, {"u": -u}, grid, fidelity)
    assert not any(check.passed for check in wrong_sign)
    swapped = judge(problem, inputs, {"u": u[::-1]}, grid, fidelity)
    assert not any(check.passed for check in swapped)
    broken = u.copy()
    broken[1, 3, 3] = np.nan
    assert not judge(problem, inputs, {"u": broken}, grid, fidelity)[0].passed


def test_the_same_sample_on_every_grid():
    problem = Darcy("lognormal")
    draw = problem.draw_sample(3, 5)
    coarse = problem.evaluate(draw, problem.grid(10))["a"]
    fine = problem.evaluate(draw, problem.grid(30))["a"]
    np.testing.assert_allclose(coarse, fine[1::3, 1::3], rtol=1e-10)


def test_both_phases_and_their_values():
    problem = Darcy(low=1.0, high=7.0, constant_mode=False)
    inputs = problem.evaluate_batch(
        [problem.draw_sample(0, i) for i in range(20)], problem.grid(16)
    )
    assert set(np.unique(inputs["a"])) == {1.0, 7.0}
    assert abs((inputs["a"] == 7.0).mean() - 0.5) < 0.15


@pytest.mark.parametrize(
    "config",
    [
        {"low": -1.0},
        {"high": math.nan},
        {"coefficient": "wavy"},
        {"contrast": 0.0},
        {"low": 1e-300},
        {"contrast": 1e6},
    ],
)
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        Darcy(**config)
    with pytest.raises(InputError, match="at least 4"):
        Fidelity(-3)
    assert dataclasses.asdict(Darcy()) == Darcy().config()
