import dataclasses

import numpy as np
import pytest
from scipy.optimize import brentq

from sobolev.datasets.generation import generate
from sobolev.datasets.problem import Fidelity
from sobolev.datasets.registry import make_problem
from sobolev.datasets.verification import verify
from sobolev.geometry.calculus.grids import GridCalculus
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid

REACTOR = make_problem("combustor")
INLET = 1.5
HEAT, ACTIVATION = REACTOR.heat, REACTOR.activation


def damkoehler(theta):
    """On which steady state theta stands: (theta - inlet) / ((inlet + heat - theta) k(theta))."""
    k = np.exp(ACTIVATION * (1 / (1 + HEAT) - 1 / theta))
    return (theta - INLET) / ((INLET + HEAT - theta) * k)


def root(Da, left, right):
    return brentq(lambda theta: damkoehler(theta) - Da, left, right)


def turning_points():
    """heat theta^2 = activation (theta - inlet) (inlet + heat - theta): cold and hot."""
    hot = INLET + HEAT
    return np.sort(
        np.roots([HEAT + ACTIVATION, -ACTIVATION * (INLET + hot), ACTIVATION * INLET * hot])
    )


def steady(theta0, Da):
    """Where the reactor is after 200 residence times."""
    problem = dataclasses.replace(REACTOR, horizon=200.0, frames=2)
    theta0, Da = np.broadcast_arrays(np.asarray(theta0, float), np.asarray(Da, float))
    inputs = {
        "y0": (INLET + HEAT - theta0) / HEAT, "theta0": theta0, "damkoehler": Da,
        "inlet": np.full(Da.shape, INLET),
    }  # fmt: skip
    solution = problem.solve(inputs, Fidelity(4, 1e-9))
    assert solution.converged.all(), solution.reason
    return solution.fields[:, 1, 1]


def test_steady_states_are_the_roots_on_both_stable_branches():
    cold, hot = turning_points()
    ignition, extinction = damkoehler(cold), damkoehler(hot)
    assert extinction < ignition
    Da = np.geomspace(1.05 * extinction, 0.95 * ignition, 8)
    low = [root(d, INLET + 1e-9, cold) for d in Da]
    high = [root(d, hot, INLET + HEAT - 1e-9) for d in Da]
    np.testing.assert_allclose(steady(np.full(8, INLET + 1e-6), Da), low, rtol=1e-6)
    np.testing.assert_allclose(steady(np.full(8, INLET + HEAT - 1e-6), Da), high, rtol=1e-6)


def test_the_middle_branch_parts_them():
    cold, hot = turning_points()
    Da = np.sqrt(damkoehler(cold) * damkoehler(hot))
    middle = root(Da, cold, hot)
    below, above = steady([middle - 0.01, middle + 0.01], Da)
    assert below < cold < hot < above


def test_it_ignites_and_goes_out_at_the_turning_points():
    cold, hot = turning_points()
    ignition, extinction = damkoehler(cold), damkoehler(hot)
    # past a turning point by 1% a passage takes a few ten residence times
    before, after = steady([INLET] * 2, [0.99 * ignition, 1.01 * ignition])
    assert before < cold
    assert after > hot
    after, before = steady([INLET + HEAT - 1e-3] * 2, [0.99 * extinction, 1.01 * extinction])
    assert after < cold
    assert before > hot


def test_enthalpy_knows_no_reaction():
    inputs = REACTOR.evaluate_batch([REACTOR.draw_sample(2, i) for i in range(20)], REACTOR.grid(4))
    fields = REACTOR.solve(inputs, Fidelity(4, 1e-9)).fields
    enthalpy = fields[..., 1] + HEAT * fields[..., 0]
    fed = inputs["inlet"][:, None] + HEAT
    exact = fed + (enthalpy[:, :1] - fed) * np.exp(-REACTOR.times)
    assert np.abs(enthalpy - exact).max() < 1e-7


def test_both_fates_are_in_the_data():
    inputs = REACTOR.evaluate_batch([REACTOR.draw_sample(0, i) for i in range(64)], REACTOR.grid(4))
    end = REACTOR.solve(inputs, Fidelity(4, 1e-6)).fields[:, -1, 1] - inputs["inlet"]
    assert (end < 0.2 * HEAT).sum() > 6
    assert (end > 0.6 * HEAT).sum() > 6


def test_trajectories_satisfy_the_residual():
    problem = dataclasses.replace(REACTOR, horizon=1.0, frames=801)
    inputs = problem.evaluate_batch([problem.draw_sample(4, i) for i in range(4)], problem.grid(4))
    inputs["damkoehler"] = np.minimum(inputs["damkoehler"], 5.0)  # no front between two frames
    fields = problem.solve(inputs, Fidelity(4, 1e-11)).fields
    time = Grid(((0.0, 1.0),), (801,), names=("t",))
    u, x = tuple(np.moveaxis(fields, 2, 0)), {"t": time.axes[0]}
    rows = problem.residual(u, GridCalculus(time), x, problem.parameters(inputs, ndim=1))
    assert np.abs(rows).max() < 1e-4


def test_the_equation_is_printed():
    rate = r"damkoehler e^{\left(- \frac{1}{\theta} + \frac{1}{1 + heat}\right) activation}"
    assert REACTOR.latex() == (
        rf"y_{{t}} - 1 + {rate} y + y = 0 \\ \theta_{{t}} - {rate} heat y - inlet + \theta = 0"
    )


def test_data_is_generated_and_verified(tmp_path):
    path = tmp_path / "combustor.h5"
    problem = dataclasses.replace(REACTOR, frames=11)
    assert generate(problem, 6, 16, 0, path, chunk=4).stored == 6
    found = verify(path)
    assert found.passed, found
    assert "enthalpy" in str(found)


def test_wrong_temperatures_are_seen():
    inputs = REACTOR.evaluate_batch([REACTOR.draw_sample(2, i) for i in range(4)], REACTOR.grid(4))
    outputs = REACTOR.split(REACTOR.solve(inputs, Fidelity(4, 1e-8)).fields)
    check = lambda: [  # noqa: E731
        c.passed
        for c in REACTOR.truth_checks(
            inputs, outputs, REACTOR.grid(4), Fidelity(4, 1e-8), np.random.default_rng(0)
        )
    ]
    assert all(check())
    outputs["theta"] = outputs["theta"] + 1e-3 * np.linspace(0, 1, 101)
    assert check()[1:] == [False, False]


@pytest.mark.parametrize(
    "config, words",
    [
        ({"damkoehler_min": 10.0, "damkoehler_max": 1.0}, "damkoehler_min <= damkoehler_max"),
        ({"inlet_min": 3.0}, "inlet_min <= inlet_max"),
        ({"heat": 0.0}, "expected heat"),
        ({"activation": -1.0}, "expected activation"),
        ({"damkoehler_min": 0.0}, "expected damkoehler_min"),
    ],
)
def test_bad_parameters_are_told_in_a_line(config, words):
    with pytest.raises(InputError, match=words) as caught:
        make_problem("combustor", config)
    assert "\n" not in str(caught.value)
