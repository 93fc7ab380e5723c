"""The engine on equations with closed forms, its pieces exchanged, its refusals."""

import csv
import dataclasses
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sobolev.datasets.problems.burgers import Burgers
from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid
from sobolev.geometry.shapes import Interval
from sobolev.operators.checkpoint import load_state, save_state
from sobolev.pinns.conditions import Dirichlet, Initial, Periodic
from sobolev.pinns.config import PINNConfig
from sobolev.pinns.optimisers import base
from sobolev.pinns.optimisers.adam import Adam
from sobolev.pinns.optimisers.lbfgs import LBFGS
from sobolev.pinns.pinn import train
from sobolev.pinns.result import CHECKPOINT, CHECKPOINT_SCHEMA, load_result
from sobolev.pinns.samplers import SAMPLERS, ResidualAdaptive
from sobolev.pinns.statement import Statement, state_problem
from sobolev.pinns.weights import WEIGHTINGS, Fixed

SMALL = PINNConfig(
    width=8, depth=2, points=64, initial_points=16, boundary_points=16, first_steps=20,
    hard_initial=True, weighting="fixed", second_steps=20, refresh_every=10,
    log_every=10, checkpoint_every=10,
)  # fmt: skip


def starting(field):
    return Periodic("x", hard=True), Initial(field)


def heat(**changes):
    """u_t = u_xx / 10 on a periodic interval: u = exp(-t pi^2 / 10) sin(pi x)."""
    options = {
        "coordinates": ("t", "x"),
        "domain": Interval(-1.0, 1.0),
        "times": (0.0, 1.0),
        "residual": lambda u, d, x, p: d(u, "t") - p.diffusivity * d(u, "xx"),
        "parameters": lambda x: SimpleNamespace(diffusivity=0.1),
        "conditions": starting(lambda x: torch.sin(math.pi * x["x"])),
    }
    return Statement(**{**options, **changes})


def heat_truth(shape=(21, 32)):
    grid = Grid(((0.0, 1.0), (-1.0, 1.0)), shape, periodic=(False, True), names=("t", "x"))
    t, x = grid.coordinates()
    return Function(np.exp(-0.1 * np.pi**2 * t) * np.sin(np.pi * x), grid)


@pytest.mark.parametrize("hard", [True, False])
def test_heat_equation_against_its_closed_form(hard):
    config = PINNConfig(
        width=12, depth=2, points=256, initial_points=64, first_steps=200, rate=5e-3,
        second="lbfgs" if hard else "ssbroyden", second_steps=400 if hard else 300,
        refresh_every=200, hard_initial=hard,
    )  # fmt: skip
    result = train(heat(), config=config, reference=heat_truth())
    assert result.error(heat_truth((11, 40))) < 1e-4
    assert result.column("error")[-1] < 1e-4
    assert result.column("error")[0] > 1e-2


def test_boundary_values_of_a_steady_equation():
    # u'' = -pi^2 sin(pi x), u(0) = 0, u(1) = 1: u = sin(pi x) + x.
    statement = Statement(
        ("x",),
        Interval(0.0, 1.0),
        lambda u, d, x, p: d(u, "xx") + math.pi**2 * torch.sin(math.pi * x["x"]),
        [Dirichlet("all", lambda x: x["x"])],
    )
    config = PINNConfig(
        width=10, depth=2, points=64, boundary_points=2, first_steps=100, rate=1e-2,
        second_steps=400, refresh_every=0,
    )  # fmt: skip
    result = train(statement, config=config)
    grid = Grid(((0.0, 1.0),), (33,))
    x = grid.axes[0]
    assert np.abs(result.predict(grid) - np.sin(np.pi * x) - x).max() < 1e-4
    assert set(result.columns) == {"step", "stage", "loss", "boundary", "equation", "seconds"}


def test_an_equation_in_time_alone():
    # u' = -2 t u, u(0) = 3: u = 3 exp(-t^2). No space axis, no point without an initial value.
    statement = Statement(
        ("t",), None, lambda u, d, x, p: d(u, "t") + 2.0 * x["t"] * u,
        [Initial(3.0)], times=(0.0, 1.0),
    )  # fmt: skip
    config = PINNConfig(
        width=10, depth=2, points=64, first_steps=50, rate=1e-2, second_steps=300,
        refresh_every=0, hard_initial=True,
    )  # fmt: skip
    result = train(statement, config=config)
    grid = Grid(((0.0, 1.0),), (17,), names=("t",))
    values = result.predict(grid)
    assert values[0] == 3.0
    assert np.abs(values - 3.0 * np.exp(-(grid.axes[0] ** 2))).max() < 1e-4


def test_a_problem_gives_its_axes_initial_field_and_parameters():
    problem = Burgers(initial="sine", viscosity_min=0.1, viscosity_max=0.1, left=-1.0, right=1.0)
    grid = problem.grid(32)
    inputs = problem.evaluate(problem.draw_sample(0, 0), grid)
    statement = state_problem(problem, inputs)
    assert statement.extent == ((0.0, 1.0), (-1.0, 1.0))
    assert statement.periodic == (False, True)
    x = {n: torch.rand(5, dtype=torch.float64) for n in ("t", "x")}
    (initial,) = (c for c in statement.conditions if isinstance(c, Initial))
    assert (initial.value(x) + torch.sin(math.pi * x["x"])).abs().max() < 1e-14
    assert statement.parameters(x).viscosity == pytest.approx(0.1)

    given = [Function(inputs["u0"], grid), lambda x: -torch.sin(math.pi * x["x"])]
    fields = [train(problem, inputs, SMALL)]
    fields += [train(problem, {**inputs, "u0": u0}, SMALL) for u0 in given]
    space_time = Grid(((0.0, 1.0), (-1.0, 1.0)), (5, 8), (False, True), names=("t", "x"))
    first, *others = [result.predict(space_time) for result in fields]
    assert np.array_equal(first, others[0])
    assert np.abs(first - others[1]).max() < 1e-6  # rounding, magnified by forty steps
    assert np.abs(first[0] - inputs["u0"][::4]).max() < 1e-14


def test_terms_count_what_the_options_say():
    config = dataclasses.replace(
        SMALL, hard_initial=False, first_steps=5, second_steps=0, log_every=1,
        term_weights={"initial": 100},
    )  # fmt: skip
    result = train(heat(), config=config)
    parts = 100.0 * result.column("initial") + result.column("equation")
    assert np.allclose(result.column("loss"), parts, rtol=1e-12)
    given = train(heat(), config=dataclasses.replace(config, term_weights={}),
                  weighting=Fixed({"initial": 100.0}))  # fmt: skip
    assert np.array_equal(result.column("loss"), given.column("loss"))


@pytest.mark.parametrize("hard", [True, False])
def test_weights_of_terms_that_are_not_there(hard):
    config = dataclasses.replace(SMALL, hard_initial=hard, term_weights={"inital": 10.0})
    there = "equation" if hard else "equation, initial"
    with pytest.raises(InputError, match=f"term_weights of {there}, got inital; "):
        train(heat(), config=config)


@pytest.mark.parametrize("weights", [{"initial": -1.0}, {"initial": math.inf}, {"initial": "2"}, 3])
def test_refuses_weights(weights):
    with pytest.raises(InputError, match="term_weights as finite numbers >= 0 by name of a term"):
        PINNConfig(term_weights=weights)


def test_options_without_weights_of_terms_are_read(tmp_path):
    """Those that were saved before there were any."""
    config = dataclasses.replace(SMALL, first_steps=3, second_steps=3)
    train(heat(), config=config, output=tmp_path)
    old = config.to_dict()
    del old["term_weights"]
    assert PINNConfig.from_dict(old) == config
    path = tmp_path / CHECKPOINT
    state = load_state(path, CHECKPOINT_SCHEMA)
    del state["config"]["term_weights"]
    save_state(path, CHECKPOINT_SCHEMA, state)
    assert train(heat(), config=config, output=tmp_path, resume=True).steps == 6
    other = dataclasses.replace(config, term_weights={"equation": 2.0})
    with pytest.raises(InputError, match="options of the stopped run"):
        train(heat(), config=other, output=tmp_path, resume=True)


@pytest.mark.parametrize("weighting", sorted(WEIGHTINGS))
@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
@pytest.mark.parametrize("optimisers", ["adam", "lbfgs", "both"])
def test_every_piece_works_in_the_loop(sampler, weighting, optimisers):
    row = {"adam": [Adam(60, 1e-2)], "lbfgs": [LBFGS(60)], "both": [Adam(60, 1e-2), LBFGS(60)]}
    config = dataclasses.replace(SMALL, sampler=sampler, weighting=weighting, hard_initial=False)
    result = train(heat(), config=config, optimisers=row[optimisers])
    seen = result.column("initial")
    if sampler != "causal_r3":  # through whose gate more of the equation is seen with every step
        seen = seen + result.column("equation")
    assert seen[-1] < 0.5 * seen[0]
    assert result.stop_reasons == (base.ITERATIONS,) * len(row[optimisers])
    assert result.steps == 60 * len(row[optimisers])


def test_pieces_of_ones_own():
    class Middle:  # a sampler in ten lines
        def __init__(self):
            self.seen = []

        def draw(self, count, dimension, residual=None, inside=None):
            self.seen.append(residual is not None)
            return 0.25 + 0.5 * torch.rand(count, dimension, dtype=torch.float64)

        def state(self):
            return {}

        def load_state(self, state):
            pass

    sampler, weighting = Middle(), Fixed({"equation": 0.0})
    config = dataclasses.replace(SMALL, hard_initial=False)
    result = train(heat(), config=config, sampler=sampler, weighting=weighting)
    assert sampler.seen == [False, True, True, True]  # at 0, 10, 20 and 30 steps
    assert result.column("loss") == pytest.approx(result.column("initial"))


def test_new_points_go_where_the_residual_is():
    statement = heat(residual=lambda u, d, x, p: 0.0 * u + torch.exp(-50.0 * (x["x"] - 0.5) ** 2))
    drawn = []

    class Watched(ResidualAdaptive):
        def draw(self, count, dimension, residual=None, inside=None):
            points = super().draw(count, dimension, residual, inside)
            drawn.append(points)
            return points

    sampler = Watched(0, floor=0.0)
    train(statement, config=SMALL, sampler=sampler, optimisers=[Adam(11, 1e-3)])
    share = [((p[:, 1] - 0.75).abs() < 0.15).double().mean().item() for p in drawn]
    assert share[0] < 0.4
    assert share[1] > 0.9


def test_threads_do_not_change_the_bits():
    one, three = (dataclasses.replace(SMALL, chunk=16, threads=n) for n in (1, 3))
    grid = heat_truth().on
    first, second = (train(heat(), config=config).predict(grid) for config in (one, three))
    assert np.array_equal(first, second)


def test_files_and_history(tmp_path):
    seen = []
    result = train(
        heat(), config=SMALL, output=tmp_path / "run", reference=heat_truth(),
        progress=lambda *args: seen.append(args),
    )  # fmt: skip
    assert [step for step, _, _ in seen] == [10, 20, 30, 40]
    assert all(total == 40 and "error" in text for _, total, text in seen)
    with open(tmp_path / "run" / "history.csv") as file:
        header, *rows = csv.reader(file)
    assert header == ["step", "stage", "loss", "equation", "error", "seconds"]
    assert [(row[0], row[1]) for row in rows] == [
        ("10", "0"),
        ("20", "0"),
        ("30", "1"),
        ("40", "1"),
    ]
    facts = json.loads((tmp_path / "run" / "config.json").read_text())
    assert facts["config"] == SMALL.to_dict()
    assert facts["stop_reasons"] == list(result.stop_reasons)

    loaded = load_result(tmp_path / "run", heat())
    grid = heat_truth().on
    assert np.array_equal(loaded.predict(grid), result.predict(grid))
    assert loaded.config == SMALL
    with pytest.raises(InputError, match="extent"):
        load_result(tmp_path / "run", heat(times=(0.0, 2.0)))


def test_says_when_the_loss_is_no_longer_finite():
    calls = []

    def residual(u, d, x, p):
        calls.append(1)
        return d(u, "t") * (math.nan if len(calls) > 5 else 1.0)

    result = train(heat(residual=residual), config=SMALL)
    assert result.stop_reasons == (base.NOT_FINITE,)
    assert result.steps < 10


@pytest.mark.parametrize(
    "residual, words",
    [
        (lambda u, d, x, p: u / 0.0, "finite residual, got .* at .*'t'"),
        (lambda u, d, x, p: d(u, "t")[:, None], r"shape \(64,\), got \(64, 1\)"),
        (lambda u, d, x, p: u + x["x"][:, None], r"shape \(64,\), got \(64, 64\)"),
        (lambda u, d, x, p: 0.0, "got float"),
        (lambda u, d, x, p: d(u, "y"), "got 'y'"),
    ],
)
def test_refuses_residuals(residual, words):
    # Sixteen points of the fingerprint come first; 64 of the loss say the shape.
    words = words.replace("64", "(16|64)")
    with pytest.raises(InputError, match=words):
        train(heat(residual=residual), config=SMALL)


class Nothing:
    def draw(self, count, dimension, residual=None, inside=None):
        return torch.empty(0, dimension, dtype=torch.float64)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: train(heat(), config=SMALL, sampler=Nothing()), "empty set"),
        (
            lambda: train(heat(conditions=starting(lambda x: x["x"][:, None])), config=SMALL),
            "initial field",
        ),
        (lambda: train(heat(), {"u0": 1}, SMALL), "beside a Statement"),
        (lambda: train(heat(), config=SMALL, resume=True), "output folder"),
        (lambda: train(Burgers(), {}, SMALL), "input 'u0'"),
        (
            lambda: train(Burgers(), {"u0": np.zeros(8), "viscosity": [1.0, 2.0]}, SMALL),
            "one finite",
        ),
        (lambda: train(Burgers(), {"u0": np.zeros((2, 8)), "viscosity": 1.0}, SMALL), "one sample"),
        (lambda: PINNConfig(points=0), "points"),
        (lambda: PINNConfig(width=True), "width"),
        (lambda: PINNConfig(rate=math.nan), "rate"),
        (lambda: PINNConfig(sampler="grid"), "sampler"),
        (lambda: PINNConfig.from_dict({"depht": 3}), "depht"),
    ],
)
def test_refuses(call, words):
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_refuses_a_folder_in_use_and_another_run_in_it(tmp_path):
    train(heat(), config=SMALL, output=tmp_path / "run")
    with pytest.raises(InputError, match="empty folder"):
        train(heat(), config=SMALL, output=tmp_path / "run")
    other = dataclasses.replace(SMALL, width=9)
    with pytest.raises(InputError, match="options"):
        train(heat(), config=other, output=tmp_path / "run", resume=True)
    changed = heat(conditions=starting(lambda x: torch.cos(math.pi * x["x"])))
    with pytest.raises(InputError, match="instance"):
        train(changed, config=SMALL, output=tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="columns"):
        train(heat(), config=SMALL, output=tmp_path / "run", resume=True, reference=heat_truth())
    with pytest.raises(InputError, match="found none"):
        train(heat(), config=SMALL, output=tmp_path / "none", resume=True)
