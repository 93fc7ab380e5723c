"""Black-Scholes as a problem: one equation, two styles, and checks that can fail."""

import math

import numpy as np
import pytest
import sympy as sp

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.black_scholes import BlackScholes
from sobolev.geometry.calculus.grids import GridCalculus
from sobolev.geometry.calculus.symbols import SymbolicCalculus
from sobolev.geometry.errors import InputError
from sobolev.solvers.options.closed_form import european_price

CASES = [(style, kind) for style in ("european", "american") for kind in ("put", "call")]


def solved(problem, n=33, tolerance=1e-4, count=3):
    grid, fidelity = problem.grid(n), problem.data_fidelity(n, tolerance)
    draws = [problem.draw_sample(0, i) for i in range(count)]
    solution = problem.solve_draws(draws, grid, fidelity)
    assert solution.converged.all()
    return problem.evaluate_batch(draws, grid), solution.fields, grid, fidelity


def judge(problem, inputs, V, grid, fidelity):
    return problem.truth_checks(inputs, {"V": V}, grid, fidelity, np.random.default_rng(0))


def test_the_closed_form_solves_the_equation_as_it_is_written():
    """By symbols: the residual of the formula vanishes, for both kinds and with a dividend."""
    t, x = sp.symbols("t x", real=True)
    sigma, r, q = sp.Rational(3, 10), sp.Rational(1, 20), sp.Rational(1, 50)
    normal = lambda z: (1 + sp.erf(z / sp.sqrt(2))) / 2  # noqa: E731
    d1 = (x + (r - q + sigma**2 / 2) * t) / (sigma * sp.sqrt(t))
    d2 = d1 - sigma * sp.sqrt(t)
    call = sp.exp(x - q * t) * normal(d1) - sp.exp(-r * t) * normal(d2)
    problem = BlackScholes(kind="call", dividend=0.02)
    p = problem.parameters({"payoff": 0, "volatility": sigma, "rate": r}, 1)
    d = SymbolicCalculus(problem.coordinates)
    residual = problem.residual(call, d, d.symbols, p).subs({t: 0.7, x: 0.1})
    assert abs(float(residual.evalf(30))) < 1e-15
    assert float(call.subs({t: 0.7, x: 0.1})) == pytest.approx(
        float(european_price(0.1, 0.7, 0.3, 0.05, 0.02, "call")), abs=1e-14
    )


def test_the_american_equation_is_a_complementarity():
    """By the grid: zero residual of the solution with its rate, both where held and where not."""
    problem = BlackScholes("american", frames=401)
    n = 201
    inputs = problem.evaluate_batch([problem.draw_sample(0, 0)], problem.grid(n))
    grid, V = problem.grid(n), problem.solve(inputs, Fidelity(n, steps=1600)).fields
    rate = (V[:, 202] - V[:, 200]) / (problem.times[202] - problem.times[200])
    u = V[:, 201]
    d = GridCalculus(grid, scheme="fd4", time_derivative=(u, rate))
    residual = problem.residual(u, d, {"x": grid.axes[0]}, problem.parameters(inputs, 1))
    assert np.abs(residual[0, 5:-5]).max() < 5e-3  # where V_xx jumps
    assert np.abs(residual[0, 5:-5]).mean() < 1e-4
    european = BlackScholes("european").residual(
        u, d, {"x": grid.axes[0]}, problem.parameters(inputs, 1)
    )
    held = V[0, 201] - inputs["payoff"][0] == 0
    assert 10 < held.sum() < n - 10
    assert european[0, 5:][held[5:]].max() > 0.5 * inputs["rate"][0]


@pytest.mark.parametrize(("style", "kind"), CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_truth_checks_pass_on_solutions(style, kind, dtype):
    problem = BlackScholes(style, kind, dividend=0.03)
    inputs, V, grid, fidelity = solved(problem)
    stored = {name: values.astype(dtype) for name, values in inputs.items()}
    checks = judge(problem, stored, V.astype(dtype), grid, fidelity)
    assert len(checks) == (2 if style == "european" else 5)
    assert all(check.passed for check in checks), checks
    assert all(check.limit < 3e-4 for check in checks)


@pytest.mark.parametrize(("style", "kind"), CASES)
def test_truth_checks_fail_on_what_is_no_price(style, kind):
    problem = BlackScholes(style, kind, dividend=0.03)
    inputs, V, grid, fidelity = solved(problem)
    other = BlackScholes("european" if style == "american" else "american", kind, dividend=0.03)
    wrong = solved(other)[1]
    noise = 1e-3 * np.random.default_rng(0).standard_normal(V.shape)
    missing = np.where(V.max() == V, np.nan, V)
    for bad in (wrong, V + noise, V[:, ::-1], V[..., ::-1], V[::-1], missing):
        assert not all(check.passed for check in judge(problem, inputs, bad, grid, fidelity))


def test_data_reach_their_tolerance():
    for tolerance in (1e-4, 1e-6, 1e-8):
        problem = BlackScholes()
        inputs, V, grid, _ = solved(problem, 65, tolerance, 8)
        sigma, r = (inputs[name][:, None, None] for name in ("volatility", "rate"))
        exact = european_price(grid.axes[0], problem.times[:, None], sigma, r)
        assert np.abs(V - exact).max() < tolerance
        np.testing.assert_allclose(V[:, 0], inputs["payoff"], rtol=0, atol=1e-15)


def test_the_equation_in_latex():
    latex = BlackScholes().latex()
    for term in ("V_{t}", r"0.5 \sigma^{2} V_{xx}", "V_{x}", "V r = 0"):
        assert term in latex
    assert r"\min" in BlackScholes("american").latex()


def test_another_payoff_is_refused():
    problem = BlackScholes(kind="put")
    inputs = problem.evaluate_batch([problem.draw_sample(0, 0)], problem.grid(17))
    other = dict(inputs) | {"payoff": inputs["payoff"][:, ::-1]}
    with pytest.raises(InputError, match="payoff"):
        problem.solve(other, Fidelity(17, steps=10))


@pytest.mark.parametrize(
    "config",
    [
        {"style": "bermudan"}, {"kind": "straddle"}, {"volatility_min": 0.5},
        {"volatility_max": math.nan}, {"rate_min": -0.1}, {"rate_max": 0.001},
        {"dividend": "much"}, {"half_width": 0.0}, {"horizon": -1.0}, {"frames": 1},
    ],
)  # fmt: skip
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        BlackScholes(**config)
