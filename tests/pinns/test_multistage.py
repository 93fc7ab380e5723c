"""Stages against closed forms: each starts where the one before ended."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid
from sobolev.geometry.shapes import Box
from sobolev.pinns.conditions import Initial, Periodic
from sobolev.pinns.config import PINNConfig
from sobolev.pinns.multistage import StageNetwork, dominant_turns, train_in_stages
from sobolev.pinns.networks import Coordinates
from sobolev.pinns.objective import Objective
from sobolev.pinns.statement import Statement
from sobolev.pinns.weights import Fixed

CONFIG = PINNConfig(
    width=20, depth=2, points=1000, first_steps=0, second="gauss_newton",
    second_steps=75, refresh_every=15, weighting="fixed", threads=1, chunk=4096,
)  # fmt: skip
SMALL = {"width": 8, "points": 200, "second_steps": 40, "refresh_every": 0}


def regression():
    """u = sin(2 x + 1) + exp(1.3 x) / 5 on [-1, 1], asked for a little beyond its ends."""
    return Statement(
        ("x",), Box((-1.05,), (1.05,)),
        lambda u, d, x, p: u - torch.sin(2.0 * x["x"] + 1.0) - 0.2 * torch.exp(1.3 * x["x"]),
    )  # fmt: skip


def regression_truth():
    grid = Grid(((-1.0, 1.0),), (1001,))
    x = grid.axes[0]
    return Function(np.sin(2.0 * x + 1.0) + 0.2 * np.exp(1.3 * x), grid)


def decay():
    """u' = -2 t u, u(0) = 3: u = 3 exp(-t^2)."""
    return Statement(
        ("t",), None, lambda u, d, x, p: d(u, "t") + 2.0 * x["t"] * u,
        (Initial(3.0, hard=True),), times=(0.0, 1.0),
    )  # fmt: skip


def decay_truth():
    grid = Grid(((0.0, 1.0),), (1001,), names=("t",))
    return Function(3.0 * np.exp(-(grid.axes[0] ** 2)), grid)


def small(**changes):
    return PINNConfig(**{**CONFIG.to_dict(), **SMALL, **changes})


def test_a_second_stage_takes_up_where_the_first_ended():
    staged = train_in_stages(decay(), small(), 2)
    first, second = staged.stages
    assert second.before == pytest.approx(first.after, rel=0.3)  # on other points
    assert second.scale < 10.0 * first.after
    assert second.after < 0.5 * second.before
    assert staged.result.error(decay_truth()) < 1e-6
    assert staged.seconds == first.seconds + second.seconds


def test_a_stage_that_does_not_help_is_the_last():
    staged = train_in_stages(regression(), small(second_steps=1), 4, enough=1e-6)
    assert len(staged.stages) == 1


@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize("turns", [3, 20])
def test_the_frequency_of_a_residual_is_found(turns, wraps):
    conditions = (Periodic("y", hard=True),) if wraps else ()
    statement = Statement(
        ("x", "y"), Box((0.0, -1.0), (2.0, 3.0)),
        lambda u, d, x, p: 1e-3 * u + torch.sin(2.0 * math.pi * turns * x["y"] / 4.0), conditions,
    )  # fmt: skip
    config = small()
    network = StageNetwork(Coordinates(statement.extent, statement.periodic), config, (1.0, 1.0), 1)
    objective = Objective(statement, statement.wrap(network), Fixed(), 4096)
    along_x, along_y = dominant_turns(objective)
    assert along_y == pytest.approx(turns, rel=0.15)
    assert along_x < 2.0


def test_turns_make_a_network_as_quick():
    def crossings(turns):
        network = StageNetwork(Coordinates(((0.0, 5.0),), (False,)), small(), (turns,), 1)
        x = torch.linspace(0.0, 5.0, 4000, dtype=torch.float64)[:, None]
        values = network(x).detach()[:, 0]
        values = values - values.mean()
        return int((values[1:] * values[:-1] < 0).sum())

    assert crossings(1.0) < 6
    assert 20 < crossings(40.0) < 160


def test_refuses():
    with pytest.raises(InputError, match="stages >= 1"):
        train_in_stages(decay(), small(), 0)


@pytest.mark.slow
def test_regression_to_rounding():
    # Sines come nearer to rounding than tanh: 7.5e-15 against 1.0e-14.
    config = dataclasses.replace(CONFIG, activation="sin", points=2500, second_steps=200)
    staged = train_in_stages(regression(), config, 3)
    assert staged.result.error(regression_truth()) < 1e-14  # relative L2; rounding leaves 3e-16


@pytest.mark.slow
def test_an_ordinary_equation_to_twelve_digits():
    staged = train_in_stages(decay(), dataclasses.replace(CONFIG, second_steps=100), 3)
    assert staged.result.error(decay_truth()) < 1e-12
