"""Windows in time: one solution of many, started from each other, resumed with the same bits."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid
from sobolev.geometry.points import PointCloud
from sobolev.geometry.shapes import Box
from sobolev.pinns import windows
from sobolev.pinns.conditions import Data, Dirichlet, Initial, Periodic
from sobolev.pinns.config import PINNConfig
from sobolev.pinns.derivatives.readings import make_derivatives
from sobolev.pinns.random_features import RandomFeatureConfig
from sobolev.pinns.result import load_result
from sobolev.pinns.statement import Statement
from sobolev.pinns.window_starts import End, window_statement
from sobolev.pinns.windows import load_windows, solve_windows, train_windows

FEATURES = RandomFeatureConfig(features=150, patches=2, refinements=0)
SMALL = PINNConfig(
    width=8, depth=2, points=64, initial_points=32, weighting="fixed", first_steps=10,
    second="gauss_newton", second_steps=12, refresh_every=0, checkpoint_every=4, log_every=4,
)  # fmt: skip


def heat(**changes):
    """u_t = u_xx / 10 on a periodic interval: u = exp(-t pi^2 / 10) sin(pi x)."""
    return Statement(
        ("t", "x"), Box((-1.0,), (1.0,)), lambda u, d, x, p: d(u, "t") - 0.1 * d(u, "xx"),
        (Periodic("x", hard=True), Initial(lambda x: torch.sin(math.pi * x["x"]))),
        times=(0.0, 2.0), **changes,
    )  # fmt: skip


def heat_truth():
    grid = Grid(((0.0, 2.0), (-1.0, 1.0)), (21, 32), periodic=(False, True), names=("t", "x"))
    t, x = grid.coordinates()
    return Function(np.exp(-0.1 * np.pi**2 * t) * np.sin(np.pi * x), grid)


def test_random_features_over_many_windows():
    result = solve_windows(heat(), 4, FEATURES)
    assert result.times == (0.0, 0.5, 1.0, 1.5, 2.0)
    assert result.error(heat_truth()) < 1e-8
    assert result.seconds == sum(one.seconds for one in result.results)
    # Every window has its own field, and they meet.
    times = torch.tensor([[0.25, 0.3], [1.75, 0.3], [0.75, 0.3]], dtype=torch.float64)
    each = [result.results[i].field(times[j : j + 1]) for j, i in enumerate((0, 3, 1))]
    assert torch.equal(result.field(times), torch.cat(each))
    meet = torch.tensor([[1.0, 0.3]], dtype=torch.float64)
    gap = result.results[1].field(meet) - result.results[2].field(meet)
    assert gap.abs().max() < 1e-9


def test_an_equation_of_second_order_goes_on_with_value_and_rate():
    statement = Statement(
        ("t", "x"), Box((0.0,), (math.pi,)), lambda u, d, x, p: d(u, "tt") - d(u, "xx"),
        (Initial(0.0, rate=lambda x: torch.sin(x["x"])), Dirichlet("all", 0.0)),
        times=(0.0, 6.0),
    )  # fmt: skip
    result = solve_windows(statement, (0.0, 2.0, 4.0, 6.0), FEATURES)
    points = statement.interior(torch.rand(200, 2, dtype=torch.float64))
    exact = torch.sin(points[:, 0]) * torch.sin(points[:, 1])
    assert (result.field(points)[:, 0] - exact).abs().max() < 1e-6


def test_a_pinn_in_windows_and_its_resume(tmp_path, monkeypatch):
    whole = train_windows(heat(), 2, SMALL, tmp_path / "whole")
    assert whole.error(heat_truth()) < 0.02
    calls = []

    def stop_at_the_second(step, total, text):
        calls.append((step, total, text.split(",")[0]))
        if step == 22 + 12:  # in the second window
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_windows(heat(), 2, SMALL, tmp_path / "cut", progress=stop_at_the_second)
    assert calls == [
        *((step, 44, "window 1 of 2") for step in (4, 8, 10, 12, 16, 20, 22)),
        *((step, 44, "window 2 of 2") for step in (26, 30, 32, 34)),
    ]
    trained = []
    original = windows.train
    monkeypatch.setattr(windows, "train", lambda *a, **k: trained.append(k) or original(*a, **k))
    resumed = train_windows(heat(), 2, SMALL, tmp_path / "cut", resume=True)
    assert [k["resume"] for k in trained] == [True]  # the first window is read
    grid = heat_truth().on
    assert np.array_equal(resumed.predict(grid), whole.predict(grid))
    read = load_windows(tmp_path / "cut", heat(), 2, load_result)
    assert np.array_equal(read.predict(grid), whole.predict(grid))
    other = dataclasses.replace(SMALL, points=65)
    with pytest.raises(InputError, match=r"options of the stopped run in .*window-000"):
        train_windows(heat(), 2, other, tmp_path / "cut", resume=True)


def test_every_window_is_measured_where_the_reference_has_points():
    config = dataclasses.replace(SMALL, first_steps=2, second_steps=2)
    truth = heat_truth()
    grid = truth.on.with_shape((3, 32))  # times 0, 1 and 2
    few = Function(truth.numpy()[::10], grid)
    result = train_windows(heat(), 4, config, reference=few)
    assert ["error" in one.columns for one in result.results] == [False, True, False, True]
    last = result.results[3]
    end = Function(few.numpy()[2], PointCloud([(2.0, x) for x in grid.axes[1]]))
    assert last.column("error")[-1] == pytest.approx(last.error(end), rel=1e-12)


def test_weights_are_of_terms_of_any_window():
    data = Data(np.array([[1.8, 0.2]]), np.array([0.1]))
    statement = heat()
    stated = dataclasses.replace(statement, conditions=(*statement.conditions, data))
    config = dataclasses.replace(
        SMALL, first_steps=2, second_steps=0, term_weights={"data": 5.0, "initial": 2.0}
    )
    first, second = train_windows(stated, 2, config).results
    assert first.config.term_weights == {"initial": 2.0}
    assert second.config.term_weights == config.term_weights
    with pytest.raises(InputError, match="term_weights of equation, initial, got data"):
        train_windows(heat(), 2, config)


def test_random_features_resume_with_the_same_bits(tmp_path):
    whole = solve_windows(heat(), 3, FEATURES, tmp_path)
    for path in (tmp_path / "window-002").iterdir():
        path.unlink()
    told = []
    resumed = solve_windows(
        heat(), 3, FEATURES, tmp_path, resume=True, progress=lambda *words: told.append(words)
    )
    ((done, total, text),) = told  # the other two are read
    assert (done, total, text.split(",")[0]) == (3, 3, "window 3 of 3")
    other = dataclasses.replace(FEATURES, features=151)
    with pytest.raises(InputError, match="options of the stopped run"):
        solve_windows(heat(), 3, other, tmp_path, resume=True)
    grid = heat_truth().on
    assert np.array_equal(resumed.predict(grid), whole.predict(grid))


def test_hard_initial_fields_go_on_through_windows():
    config = PINNConfig(**{**SMALL.to_dict(), "hard_initial": True})
    result = train_windows(heat(), 2, config)
    x = torch.linspace(-1.0, 1.0, 20, dtype=torch.float64)
    meet = torch.stack([torch.ones_like(x), x], dim=1)
    gap = result.results[0].field(meet) - result.results[1].field(meet)
    assert gap.abs().max() < 1e-14


def test_the_end_of_a_window_is_remembered_where_it_was_asked_and_nowhere_else():
    field = train_windows(heat(), 2, SMALL).results[0].field
    end = End(field, heat(), 0, rate=False)

    def residual(u, d, x):
        return d(u, "t") - u * d(u, "xx")

    reading, plain = (
        make_derivatives(name, lambda p: end(heat().named(p))[:, None], ("t", "x"))
        for name in ("fused", "nested")
    )
    points = torch.rand(2, 40, 2, dtype=torch.float64)
    for chosen in (points[0], points[1], points[0], points[0, :20]):
        found, again = reading(chosen, residual), reading(chosen.clone(), residual)
        assert torch.equal(found, again)
        assert (found - plain(chosen, residual)).abs().max() < 1e-11
        assert not found.requires_grad
    assert len(end._known) == 3


def test_data_belong_to_the_window_of_their_time():
    points = np.array([[0.2, 0.0], [0.6, 0.1], [1.8, 0.2]])
    conditions = (*heat().conditions, Data(points, np.arange(3.0)))
    statement = Statement(
        ("t", "x"), Box((-1.0,), (1.0,)), heat().residual, conditions, times=(0.0, 2.0)
    )
    seen = []
    for times in ((0.0, 0.5), (0.5, 1.0), (1.0, 1.5)):
        here = window_statement(statement, times, None)
        assert here.times == times
        seen += [[c.values.tolist() for c in here.conditions if isinstance(c, Data)]]
    assert seen == [[[0.0]], [[1.0]], []]


@pytest.mark.parametrize(
    "chosen, words",
    [(0, "at least one window"), ((0.0, 1.0), "rising times from 0.0 to 2.0"),
     ((0.0, 1.5, 1.0, 2.0), "rising times")],
)  # fmt: skip
def test_refuses_times(chosen, words):
    with pytest.raises(InputError, match=words):
        solve_windows(heat(), chosen, FEATURES)


def test_refuses_steady_statements_and_a_resume_from_nowhere():
    steady = Statement(
        ("x",), Box((0.0,), (1.0,)), lambda u, d, x, p: d(u, "xx"), (Dirichlet("all", 0.0),)
    )
    with pytest.raises(InputError, match="got a steady one"):
        solve_windows(steady, 2)
    for run in (solve_windows, train_windows):
        with pytest.raises(InputError, match="output folder"):
            run(heat(), 2, resume=True)
