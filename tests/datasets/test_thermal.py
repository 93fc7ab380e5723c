"""Thermal: order of the scheme by the equation itself, closed forms, and checks that can fail."""

import math

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.thermal import CONDITIONS, Thermal
from sobolev.geometry.calculus import functions as fn
from sobolev.geometry.calculus.symbols import manufactured_source
from sobolev.geometry.errors import InputError
from sobolev.geometry.norms import norm
from sobolev.solvers.diffusion import DiffusionOperator
from sobolev.solvers.elliptic import solve_diffusion

LEFT, RIGHT = -3.0, 5.0


def exact(x, y):
    """The two temperatures at the ends of x, no slope at the ends of y."""
    return LEFT + (RIGHT - LEFT) * x + fn.sin(math.pi * x) * fn.cos(2 * math.pi * y)


def smooth(x, y):
    return 2 + fn.cos(3 * x) * fn.sin(2 * y)


@pytest.mark.parametrize("kind", ["L2", "Linf"])
def test_the_scheme_has_order_two_on_the_equation_as_it_is_written(kind):
    problem = Thermal()
    made = manufactured_source(problem, exact, {"kappa": smooth})
    sizes, errors = (16, 32, 64, 128), []
    for n in sizes:
        grid = problem.grid(n)
        x, y = grid.coordinates()
        operator = DiffusionOperator(smooth(x, y), grid, CONDITIONS)
        sides = operator.boundary_source(((LEFT, RIGHT), (None, None)))
        source = made.source_at(x=x, y=y) + sides
        solution = solve_diffusion(
            smooth(x, y)[None], source, grid, rtol=1e-11, conditions=CONDITIONS
        )
        assert solution.converged.all()
        errors.append(float(norm(solution.fields[0] - exact(x, y), grid, kind)))
    fitted = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(fitted - 2) < 0.2


def answer(kappa, left, right):
    inputs = {"kappa": kappa[None], "left": np.array([left]), "right": np.array([right])}
    solution = Thermal().solve(inputs, Fidelity(len(kappa), 1e-11))
    assert solution.converged.all()
    return solution.fields[0]


def test_layers_across_the_heat_are_exact():
    """kappa of x alone: T is the integral of 1 / kappa, which the harmonic mean has exactly."""
    n = 32
    kappa = np.exp(np.random.default_rng(0).standard_normal(n))
    resistance = np.cumsum(1 / kappa) - 0.5 / kappa
    T = answer(np.repeat(kappa[:, None], n, axis=1), -40.0, 60.0)
    expected = -40 + 100 * resistance / np.sum(1 / kappa)
    np.testing.assert_allclose(T, np.repeat(expected[:, None], n, axis=1), rtol=0, atol=1e-6)


def test_layers_along_the_heat_do_not_matter():
    n = 20
    kappa = np.exp(np.random.default_rng(1).standard_normal(n))
    T = answer(np.repeat(kappa[None], n, axis=0), 10.0, 30.0)
    x = (np.arange(n) + 0.5) / n
    np.testing.assert_allclose(T, np.repeat((10 + 20 * x)[:, None], n, axis=1), atol=1e-6)


@pytest.mark.parametrize("conductivity", ["threshold", "lognormal"])
def test_multigrid_agrees_with_the_direct_solver(conductivity):
    problem = Thermal(conductivity)
    inputs, outputs, grid, _ = solved(problem, 24, 1e-11)
    for i, kappa in enumerate(inputs["kappa"]):
        operator = DiffusionOperator(kappa, grid, CONDITIONS)
        sides = (inputs["left"][i], inputs["right"][i])
        b = operator.boundary_source((sides, (None, None))).ravel()
        exactly = np.linalg.solve(operator.to_csr().toarray(), b).reshape(grid.shape)
        np.testing.assert_allclose(outputs["T"][i], exactly, rtol=0, atol=1e-6)


def solved(problem, n=32, tolerance=1e-8, count=3):
    grid, fidelity = problem.grid(n), problem.data_fidelity(n, tolerance)
    draws = [problem.draw_sample(0, i) for i in range(count)]
    inputs = problem.evaluate_batch(draws, grid)
    return inputs, {"T": problem.solve_draws(draws, grid, fidelity).fields}, grid, fidelity


def judge(problem, inputs, T, grid, fidelity):
    return problem.truth_checks(inputs, {"T": T}, grid, fidelity, np.random.default_rng(0))


@pytest.mark.parametrize("conductivity", ["threshold", "lognormal"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_truth_checks_pass_on_solutions(conductivity, dtype):
    problem = Thermal(conductivity)
    inputs, outputs, grid, fidelity = solved(problem)
    checks = judge(problem, inputs, outputs["T"].astype(dtype), grid, fidelity)
    assert len(checks) == 3
    assert all(check.passed for check in checks), checks
    assert all(check.limit < 0.02 for check in checks)


def test_truth_checks_fail_on_what_is_no_solution():
    problem = Thermal()
    inputs, outputs, grid, fidelity = solved(problem)
    T = outputs["T"]
    noise = 1 + 1e-4 * np.random.default_rng(0).standard_normal(T.shape)
    x = grid.axes[0][:, None]
    left, right = (np.reshape(inputs[side], (-1, 1, 1)) for side in ("left", "right"))
    linear = left + (right - left) * x + 0 * T
    for wrong in (T * noise, T[:, ::-1], T[::-1], linear, np.where(T.max() == T, np.nan, T)):
        assert not judge(problem, inputs, wrong, grid, fidelity)[0].passed
    hot = judge(problem, inputs, 1.2 * T, grid, fidelity)
    assert not hot[1].passed
    # Uniform conductivity is within no bounds of a composite: it conducts too much.
    uniform = dict(inputs) | {"kappa": np.full_like(inputs["kappa"], 20.0)}
    other = problem.solve(uniform, fidelity).fields
    assert not judge(problem, inputs, other, grid, fidelity)[0].passed


def test_a_plate_of_one_temperature():
    problem = Thermal(left_min=7.0, left_max=7.0, right_min=7.0, right_max=7.0)
    inputs, outputs, grid, fidelity = solved(problem)
    np.testing.assert_allclose(outputs["T"], 7.0, rtol=1e-5)
    assert all(check.passed for check in judge(problem, inputs, outputs["T"], grid, fidelity))
    assert not judge(problem, inputs, outputs["T"] + 0.5, grid, fidelity)[1].passed


def test_temperatures_and_phases_follow_their_laws():
    problem = Thermal()
    draws = [problem.draw_sample(0, i) for i in range(40)]
    inputs = problem.evaluate_batch(draws, problem.grid(16))
    assert inputs["left"].shape == inputs["right"].shape == (40,)
    assert -100 <= inputs["left"].min() < -60 < -40 < inputs["left"].max() <= 0
    assert 0 <= inputs["right"].min() < 40 < 60 < inputs["right"].max() <= 100
    assert set(np.unique(inputs["kappa"])) == {1.0, 20.0}
    fine = problem.evaluate(draws[3], problem.grid(48))["kappa"]
    np.testing.assert_array_equal(inputs["kappa"][3], fine[1::3, 1::3])


@pytest.mark.parametrize(
    "config",
    [
        {"low": -1.0},
        {"low": 1e-300},
        {"high": 1e300},
        {"conductivity": "wavy"},
        {"contrast": 1e6},
        {"left_min": 1.0},
        {"left_min": "cold"},
        {"right_max": math.nan},
        {"right_max": 1e308},
    ],
)
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        Thermal(**config)
