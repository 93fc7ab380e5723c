import dataclasses

import numpy as np
import pytest

from sobolev.datasets.generation import generate
from sobolev.datasets.loader import load_pairs
from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.chaotic import Chaotic
from sobolev.datasets.registry import make_problem
from sobolev.datasets.verification import verify
from sobolev.geometry.calculus.grids import GridCalculus
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid

LORENZ = make_problem("chaotic")
RING = make_problem("chaotic", {"system_name": "lorenz96", "dimension": 12, "transient": 4.0})


def solved(problem, count=3, fidelity=None):
    grid = problem.grid(16)
    draws = [problem.draw_sample(0, i) for i in range(count)]
    inputs = problem.evaluate_batch(draws, grid)
    return inputs, problem.solve(inputs, fidelity or Fidelity(16, 1e-9))


def test_unknowns_are_outputs_and_their_starts_inputs():
    assert [v.name for v in LORENZ.outputs] == ["x", "y", "z"]
    assert [(v.name, v.kind) for v in LORENZ.inputs] == [
        (name, "scalar") for name in ("x0", "y0", "z0")
    ]
    assert [(v.name, v.kind) for v in RING.inputs] == [("u0", "field")]
    assert RING.grid(64) == Grid(((0.0, 12.0),), (12,), periodic=True)
    inputs, solution = solved(LORENZ)
    assert solution.fields.shape == (3, 129, 3)
    np.testing.assert_array_equal(solution.fields[:, 0, 2], inputs["z0"])
    assert solved(RING)[1].fields.shape == (3, 129, 12)


def test_time_is_in_periods():
    assert LORENZ.times[-1] == 4 * LORENZ.entry.period
    assert np.diff(LORENZ.times)[0] == pytest.approx(LORENZ.entry.period / 32)
    longer = make_problem("chaotic", {"horizon": 40.0, "frames": 11})
    assert longer.times[1] == 4 * LORENZ.entry.period


@pytest.mark.parametrize("name", ["lorenz63", "roessler"])
def test_the_period_is_the_dominant_one(name):
    problem = make_problem(
        "chaotic", {"system_name": name, "horizon": 200.0, "frames": 200 * 32 + 1}
    )
    fields = solved(problem, 1, Fidelity(16, 1e-7))[1].fields
    signal = fields[0, :, 2 if name == "lorenz63" else 0]  # z of Lorenz knows no lobes
    signal = (signal - signal.mean()) * np.hanning(len(signal))
    power = np.abs(np.fft.rfft(signal)) ** 2
    frequency = np.fft.rfftfreq(len(signal), 1 / 32)[np.argmax(power)]
    assert frequency == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("problem", [LORENZ, RING], ids=["lorenz63", "lorenz96"])
def test_trajectories_satisfy_the_residual(problem):
    dense = dataclasses.replace(problem, horizon=0.5, frames=401)
    inputs, solution = solved(dense)
    span = float(dense.times[-1])
    if problem is RING:
        spacetime = Grid(((0.0, span), (0.0, 12.0)), (401, 12), (False, True), names=("t", "x"))
        u = solution.fields
    else:
        spacetime = Grid(((0.0, span),), (401,), names=("t",))
        u = tuple(np.moveaxis(solution.fields, 2, 0))
    coordinates = dict(zip(spacetime.names, spacetime.coordinates(), strict=True))
    parameters = dense.parameters(inputs, ndim=spacetime.ndim)
    rows = dense.residual(u, GridCalculus(spacetime), coordinates, parameters)
    assert (
        np.abs(rows).max() < 1e-3 * np.abs(np.gradient(solution.fields, span / 400, axis=1)).max()
    )
    changed = dense.residual(
        tuple(1.01 * v for v in u) if isinstance(u, tuple) else 1.01 * u,
        GridCalculus(spacetime), coordinates, parameters,
    )  # fmt: skip
    assert np.abs(changed).max() > 20 * np.abs(rows).max()


def test_the_equation_is_printed():
    assert LORENZ.latex().startswith(r"x_{t} - \left(- x + y\right) \sigma = 0 \\ y_{t}")
    assert "F = 0" in RING.latex()


def test_starts_are_on_the_attractor():
    """The mean of z over the attractor is 23.55, its deviation 8.6; no phase is preferred."""
    z = LORENZ.evaluate_batch([LORENZ.draw_sample(1, i) for i in range(200)], LORENZ.grid(4))["z0"]
    error = z.std() / np.sqrt(200)
    assert abs(z.mean() - 23.55) < 4 * error
    assert z.std() == pytest.approx(8.6, rel=0.15)


@pytest.mark.parametrize("problem", [LORENZ, RING], ids=["lorenz63", "lorenz96"])
def test_data_is_generated_verified_and_loaded(problem, tmp_path):
    problem = dataclasses.replace(problem, frames=9)
    path = tmp_path / "chaotic.h5"
    report = generate(problem, 5, 16, 3, path, tolerance=1e-8, chunk=2)
    assert report.stored == 5
    found = verify(path)
    assert found.passed, found
    pairs = load_pairs(path)
    assert len(pairs.inputs) == 5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_wrong_frames_are_seen(dtype):
    inputs, solution = solved(LORENZ, fidelity=Fidelity(16, 1e-8))
    outputs = {k: v.astype(dtype) for k, v in LORENZ.split(solution.fields).items()}
    inputs = {k: v.astype(dtype) for k, v in inputs.items()}
    check = lambda: {  # noqa: E731
        c.name: c.passed
        for c in LORENZ.truth_checks(
            inputs, outputs, LORENZ.grid(16), Fidelity(16, 1e-8), np.random.default_rng(0)
        )
    }
    assert all(check().values())
    outputs["y"] = outputs["y"] * (1 + np.linspace(0, 1e-3, 129))
    assert not check()["windows solved again, relative L2"]


def test_more_accurate_is_nearer_to_the_reference():
    problem = dataclasses.replace(LORENZ, frames=5)
    inputs, reference = solved(problem, fidelity=problem.reference_fidelity())
    errors = [
        np.abs(problem.solve(inputs, fidelity).fields - reference.fields).max()
        for fidelity in problem.ladder()
        if fidelity.order == 8
    ]
    assert errors[-1] < 1e-6
    assert np.all(np.diff(np.log(errors[3:])) < 0)  # coarser ones lose the trajectory
    steps = problem.solve(inputs, Fidelity(4, steps=4000)).fields
    assert np.abs(steps - reference.fields).max() < 1e-6


@pytest.mark.parametrize(
    "config, words",
    [
        ({"system_name": "lorentz"}, "did you mean"),
        ({"system_name": "lorenz96", "dimension": 3}, "at least 4 sites"),
        ({"dimension": 5}, "only lorenz96 has a choice"),
        ({"transient": -1.0}, "expected transient"),
        ({"spread": -1.0}, "expected spread"),
        ({"horizon": 0.0}, "expected horizon"),
    ],
)
def test_bad_parameters_are_told_in_a_line(config, words):
    with pytest.raises(InputError, match=words) as caught:
        make_problem("chaotic", config)
    assert "\n" not in str(caught.value)


def test_a_system_of_dysts_is_a_problem_too(tmp_path):
    pytest.importorskip("dysts")
    problem = Chaotic(system_name="Thomas", frames=9)
    assert r"\sin" in problem.latex()
    assert "exponent" in problem.card.conditions
    path = tmp_path / "thomas.h5"
    assert generate(problem, 3, 16, 0, path).stored == 3
    found = verify(path)
    assert found.passed, found
