"""Poisson: order of the scheme by the equation itself, a closed form, and checks that can fail."""

import math

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.poisson import Poisson
from sobolev.geometry.calculus import functions as fn
from sobolev.geometry.calculus.symbols import manufactured_source
from sobolev.geometry.errors import InputError
from sobolev.geometry.norms import norm

SIZES = {2: (16, 32, 64, 128), 3: (8, 16, 24, 32)}
SMALL = {2: 32, 3: 16}


def exact(x, y, z=0.5):
    return fn.sin(math.pi * x) * fn.sin(2 * math.pi * y) * fn.sin(math.pi * z) * fn.exp(x)


@pytest.mark.parametrize("kind", ["L2", "Linf"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_the_scheme_has_order_two_on_the_equation_as_it_is_written(dimension, kind):
    problem = Poisson(dimension)
    made = manufactured_source(problem, exact, source="f")
    errors = []
    for n in SIZES[dimension]:
        grid = problem.grid(n)
        x = dict(zip(grid.names, grid.coordinates(), strict=True))
        solution = problem.solve({"f": made.source_at(**x)[None]}, Fidelity(n, 1e-10))
        assert solution.converged.all()
        errors.append(float(norm(solution.fields[0] - made.exact_at(**x), grid, kind)))
    fitted = -np.polyfit(np.log(SIZES[dimension]), np.log(errors), 1)[0]
    assert abs(fitted - 2) < 0.2


@pytest.mark.parametrize("dimension, middle", [(2, 0.0736713533), (3, 0.0562128)])
def test_uniform_charge_has_the_known_potential_in_the_middle(dimension, middle):
    """Independent of the residual: the sine series of -Lap u = 1, summed elsewhere."""
    n = SIZES[dimension][-1] + 1
    solution = Poisson(dimension).solve({"f": np.ones((1, *(n,) * dimension))}, Fidelity(n))
    assert solution.fields.max() == pytest.approx(middle, rel=2 / n**2)
    assert solution.fields[0][(n // 2,) * dimension] == solution.fields.max()


def solved(problem, count=3):
    n = SMALL[problem.dimension]
    grid, fidelity = problem.grid(n), problem.data_fidelity(n, 1e-8)
    draws = [problem.draw_sample(0, i) for i in range(count)]
    inputs = problem.evaluate_batch(draws, grid)
    return inputs, {"u": problem.solve_draws(draws, grid, fidelity).fields}, grid, fidelity


def judge(problem, inputs, outputs, grid, fidelity):
    return problem.truth_checks(inputs, outputs, grid, fidelity, np.random.default_rng(0))


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_truth_checks_pass_on_solutions(dimension, dtype):
    problem = Poisson(dimension)
    inputs, outputs, grid, fidelity = solved(problem)
    checks = judge(problem, inputs, {"u": outputs["u"].astype(dtype)}, grid, fidelity)
    assert len(checks) == 2
    assert all(check.passed for check in checks), checks


@pytest.mark.parametrize("tau", [50.0, 1000.0])
def test_truth_checks_pass_on_rough_sources(tau):
    problem = Poisson(tau=tau)
    checks = judge(problem, *solved(problem))
    assert all(check.passed for check in checks), checks


@pytest.mark.parametrize("dimension", [2, 3])
def test_truth_checks_fail_on_what_is_no_solution(dimension):
    problem = Poisson(dimension)
    inputs, outputs, grid, fidelity = solved(problem)
    u = outputs["u"]
    rough = u * (1 + 1e-3 * np.random.default_rng(0).standard_normal(u.shape))
    assert not judge(problem, inputs, {"u": rough}, grid, fidelity)[0].passed
    for wrong in (-u, u[::-1], 1.5 * u, np.zeros_like(u)):
        checks = judge(problem, inputs, {"u": wrong}, grid, fidelity)
        assert not any(check.passed for check in checks)
    broken = u.copy()
    broken[(1, *(3,) * dimension)] = np.nan
    assert not judge(problem, inputs, {"u": broken}, grid, fidelity)[0].passed


def test_a_residual_above_the_tolerance_is_told():
    solution = Poisson().solve({"f": np.ones((2, 64, 64))}, Fidelity(64, 1e-17))
    assert not solution.converged.any()
    assert all(reason.startswith("stagnated") for reason in solution.reason)


def test_the_same_sample_on_every_grid_and_its_law():
    problem = Poisson(3)
    draw = problem.draw_sample(3, 5)
    coarse = problem.evaluate(draw, problem.grid(10))["f"]
    fine = problem.evaluate(draw, problem.grid(30))["f"]
    np.testing.assert_allclose(coarse, fine[1::3, 1::3, 1::3], rtol=1e-9, atol=1e-12)
    mean_free = Poisson(constant_mode=False)
    f = mean_free.evaluate(mean_free.draw_sample(0, 0), mean_free.grid(256))["f"]
    assert abs(f.mean()) < 1e-12


def test_coordinates_follow_the_dimension():
    assert Poisson().coordinates == ("x", "y") == Poisson.coordinates
    assert Poisson(3).coordinates == ("x", "y", "z")
    assert "u_{zz}" in Poisson(3).latex()
    assert "u_{zz}" not in Poisson().latex()


@pytest.mark.parametrize(
    "config",
    [
        {"dimension": 1},
        {"dimension": 3, "smoothness": 1.5},
        {"smoothness": math.nan},
        {"smoothness": 1e300},
        {"tau": 0.0},
        {"tau": 1e300},
        {"tau": 1e-300},
        {"tau": "five"},
    ],
)
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        Poisson(**config)
