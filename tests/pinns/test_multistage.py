"""Stages against closed forms: each starts where the one before ended."""

import dataclasses
import math

import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.geometry.shapes import Box
from sobolev.pinns.cases import CASES
from sobolev.pinns.conditions import Initial, Periodic
from sobolev.pinns.multistage import StageNetwork, dominant_turns, train_in_stages
from sobolev.pinns.networks import Coordinates
from sobolev.pinns.objective import Objective
from sobolev.pinns.statement import Statement
from sobolev.pinns.weights import Fixed

SMALL = {"width": 8, "points": 200, "second_steps": 40, "refresh_every": 0}


def small(**changes):
    return dataclasses.replace(CASES["decay"].recipe, **{**SMALL, **changes})


def test_a_second_stage_takes_up_where_the_first_ended():
    staged = train_in_stages(CASES["decay"].statement(), small(), 2)
    first, second = staged.stages
    assert second.before == pytest.approx(first.after, rel=0.3)  # on other points
    assert second.scale < 10.0 * first.after
    assert second.after < 0.5 * second.before
    assert staged.result.error(CASES["decay"].reference()) < 1e-6
    assert staged.seconds == first.seconds + second.seconds


def test_a_stage_that_does_not_help_is_the_last():
    staged = train_in_stages(CASES["regression"].statement(), small(second_steps=1), 4, enough=1e-6)
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


def test_terms_count_what_the_options_say():
    free = dataclasses.replace(
        CASES["decay"].statement(), conditions=(Initial(3.0), Initial(5.0, name="wrong"))
    )
    starts = [
        train_in_stages(free, small(second_steps=10, term_weights=counts), 1).result.field(
            torch.zeros(1, 1, dtype=torch.float64)
        )
        for counts in ({"wrong": 0.0}, {})
    ]
    assert abs(float(starts[0].detach()) - 3.0) < 1e-2 < 0.1 < abs(float(starts[1].detach()) - 3.0)


def test_refuses():
    with pytest.raises(InputError, match="stages >= 1"):
        train_in_stages(CASES["decay"].statement(), small(), 0)
    with pytest.raises(InputError, match="expected term_weights of equation, got start"):
        train_in_stages(CASES["decay"].statement(), small(term_weights={"start": 2.0}), 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["regression", "decay"])
def test_recipes_reach_their_accuracy(name):
    case = CASES[name]
    staged = train_in_stages(case.statement(), case.recipe, case.stages)
    assert staged.result.error(case.reference()) < case.accuracy
