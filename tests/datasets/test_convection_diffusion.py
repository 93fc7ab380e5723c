"""Convection-diffusion: order on the equation, a closed form, and checks that can fail."""

import math

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.convection_diffusion import ConvectionDiffusion
from sobolev.geometry.calculus import functions as fn
from sobolev.geometry.calculus.symbols import manufactured_source
from sobolev.geometry.errors import InputError
from sobolev.geometry.norms import norm
from sobolev.solvers.convection_diffusion.multigrid import ConvectionDiffusionMultigrid


def exact(x, y):
    return fn.sin(math.pi * x) * fn.sin(2 * math.pi * y) * fn.exp(x)


def stream(x, y):
    return fn.sin(math.pi * x) * fn.sin(math.pi * y)


@pytest.mark.parametrize("kind", ["L2", "Linf"])
def test_the_scheme_has_order_two_on_the_equation_as_it_is_written(kind):
    problem = ConvectionDiffusion()
    made = manufactured_source(problem, exact, {"psi": stream, "diffusivity": 0.1}, source="f")
    sizes, errors = (32, 48, 64, 96, 128), []
    for n in sizes:
        grid = problem.grid(n)
        x, y = grid.coordinates()
        A = problem.operator(stream(x, y), 0.1, grid)
        result = ConvectionDiffusionMultigrid().solve(A, made.source_at(x=x, y=y).ravel(), 1e-11)
        assert result.reason == "converged"
        errors.append(float(norm(result.x.reshape(n, n) - exact(x, y), grid, kind)))
    fitted = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(fitted - 2) < 0.2


def uniform_stream(nu, x, y):
    """u_x - nu Lap u = 1, zero on the walls, by sine series in y; no part of the residual.

    Each mode k solves X' - nu X'' + nu (k pi)^2 X = 4 / (k pi), X(0) = X(1) = 0.
    """
    u = np.zeros((x.size, y.size))
    for k in range(1, 800, 2):
        q = k * math.pi
        root = math.sqrt(1 + (2 * nu * q) ** 2)
        up, down = (1 + root) / (2 * nu), (1 - root) / (2 * nu)
        # up > 0 > down; growing part written from the right wall, so that nothing overflows.
        a = (math.exp(down) - 1) / (1 - math.exp(down - up))
        b = -1 - a * math.exp(-up)
        X = (1 + a * np.exp(up * (x - 1)) + b * np.exp(down * x)) * 4 / (q * nu * q**2)
        u += np.outer(X, np.sin(q * y))
    return u


@pytest.mark.parametrize("nu", [0.05, 0.2])
def test_uniform_flow_has_the_known_series(nu):
    """Independent of the residual: psi = y blows along x."""
    errors, sizes = [], (64, 96, 128, 192)
    problem = ConvectionDiffusion(flow="open")
    for n in sizes:
        x, y = problem.grid(n).axes
        psi = np.broadcast_to(y, (1, n, n))
        solution = problem.solve({"psi": psi, "diffusivity": np.array([nu])}, Fidelity(n, 1e-10))
        assert solution.converged.all()
        series = uniform_stream(nu, x, y)
        errors.append(np.sqrt(np.mean((solution.fields[0] - series) ** 2)) / series.max())
    assert errors[-1] < 1e-3
    assert abs(np.polyfit(np.log(sizes), np.log(errors), 1)[0] + 2) < 0.2


def solved(problem, n=64, count=3):
    grid, fidelity = problem.grid(n), problem.data_fidelity(n, 1e-8)
    draws = [problem.draw_sample(0, i) for i in range(count)]
    inputs = problem.evaluate_batch(draws, grid)
    return inputs, {"u": problem.solve_draws(draws, grid, fidelity).fields}, grid, fidelity


def judge(problem, inputs, outputs, grid, fidelity):
    return problem.truth_checks(inputs, outputs, grid, fidelity, np.random.default_rng(0))


@pytest.mark.parametrize("flow", ["closed", "open"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_truth_checks_pass_on_solutions(flow, dtype):
    problem = ConvectionDiffusion(flow)
    inputs, outputs, grid, fidelity = solved(problem, count=8)
    stored = {name: value.astype(dtype) for name, value in inputs.items()}
    checks = judge(problem, stored, {"u": outputs["u"].astype(dtype)}, grid, fidelity)
    assert len(checks) == 3
    assert all(check.passed for check in checks), checks


def test_truth_checks_fail_on_what_is_no_solution():
    problem = ConvectionDiffusion()
    inputs, outputs, grid, fidelity = solved(problem)
    u = outputs["u"]
    rough = u * (1 + 1e-3 * np.random.default_rng(0).standard_normal(u.shape))
    assert not judge(problem, inputs, {"u": rough}, grid, fidelity)[0].passed
    assert not any(check.passed for check in judge(problem, inputs, {"u": -u}, grid, fidelity))
    turned = {**inputs, "psi": -inputs["psi"]}
    for other, values in ((inputs, u[::-1]), (turned, u)):
        checks = judge(problem, other, {"u": values}, grid, fidelity)
        assert not checks[0].passed
        assert not checks[1].passed
    broken = u.copy()
    broken[1, 3, 3] = np.nan
    assert not judge(problem, inputs, {"u": broken}, grid, fidelity)[0].passed


@pytest.mark.parametrize("flow", ["closed", "open"])
def test_the_law_of_the_flow(flow):
    """The speed that was asked for, and no flow through the walls of a closed box."""
    problem = ConvectionDiffusion(flow, speed=3.0)
    grid = problem.grid(64)
    squares = []
    for i in range(60):
        psi = problem.evaluate(problem.draw_sample(1, i), grid)["psi"]
        rate = np.gradient(psi, *grid.axes)
        squares.append(np.mean(rate[0] ** 2 + rate[1] ** 2))
        corners = problem._on_corners(psi)
        walls = np.concatenate([corners[0], corners[-1], corners[:, 0], corners[:, -1]])
        assert (np.abs(walls).max() < 1e-15) == (flow == "closed")
    assert math.sqrt(np.mean(squares)) == pytest.approx(3.0, rel=0.15)


def test_the_same_sample_on_every_grid():
    problem = ConvectionDiffusion("open", diffusivity_min=0.1, diffusivity_max=0.1)
    draw = problem.draw_sample(3, 5)
    coarse, fine = (problem.evaluate(draw, problem.grid(n)) for n in (10, 30))
    np.testing.assert_allclose(coarse["psi"], fine["psi"][1::3, 1::3], rtol=1e-9, atol=1e-12)
    assert coarse["diffusivity"] == pytest.approx(0.1)
    assert r"\psi" in problem.latex() or "psi" in problem.latex()


@pytest.mark.parametrize(
    "config",
    [{"flow": "wild"}, {"speed": 0.0}, {"diffusivity_min": 0.0}, {"diffusivity_max": 0.001}],
)
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        ConvectionDiffusion(**config)
