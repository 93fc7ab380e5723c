"""Schedules, losses, symmetries, and the two models that are not an FNO."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.operators.deeponet import DeepONet, DeepONetConfig
from sobolev.operators.losses import relative_loss
from sobolev.operators.pca import PCAConfig, PCARegression, fit
from sobolev.operators.registry import operators
from sobolev.operators.schedule import rate_factor
from sobolev.operators.symmetries import check_symmetric, random_symmetries


def test_schedules_begin_peak_and_end_where_they_should():
    total = 1000

    def at(schedule, step, warmup=0.0):
        return rate_factor(schedule, step, total, warmup)

    assert at("cosine", 0) == 1
    assert at("cosine", 500) == pytest.approx(0.5)
    assert at("cosine", 999) < 1e-5
    assert at("onecycle", 0) == pytest.approx(1 / 25)
    assert at("onecycle", 300) == pytest.approx(1)
    assert at("onecycle", 999) < 1e-5
    assert [at("step", s) for s in (0, 199, 200, 999)] == [1, 1, 0.5, 0.5**4]
    assert {at("constant", s) for s in range(total)} == {1.0}
    rising = [at("cosine", s, 0.1) for s in range(101)]
    assert all(a < b for a, b in itertools.pairwise(rising))
    assert rising[100] == 1


def test_losses_are_relative_norms():
    grid = Grid(((0.0, 2 * np.pi),), (64,), periodic=True)
    x = torch.from_numpy(grid.axes[0])
    truth = torch.stack([torch.sin(x), 100 * torch.cos(3 * x)])[:, None]
    for kind in ("L2", "H1"):
        assert relative_loss(1.25 * truth, truth, grid, kind).item() == pytest.approx(0.25)
    off = truth + torch.stack([0.1 * torch.sin(7 * x), 0 * x])[:, None]
    assert relative_loss(off, truth, grid).item() == pytest.approx(0.05)
    expected = 0.05 * np.sqrt((1 + 7**2) / (1 + 1))
    assert relative_loss(off, truth, grid, "H1").item() == pytest.approx(expected)


def test_symmetries_are_the_eight_of_the_square_and_move_pairs_alike():
    marks = torch.arange(9.0).reshape(1, 1, 3, 3)
    inputs, targets = marks.expand(800, 1, 3, 3), 10 * marks.expand(800, 2, 3, 3)
    moved, answers = random_symmetries(inputs, targets, torch.Generator().manual_seed(0))
    assert torch.equal(answers, 10 * moved.expand_as(answers))
    kinds, counts = torch.unique(moved.flatten(1), dim=0, return_counts=True)
    square = {
        tuple(turned.flatten().tolist())
        for k in range(4)
        for turned in (marks[0, 0].rot90(k), marks[0, 0].rot90(k).T)
    }
    assert {tuple(kind.tolist()) for kind in kinds} == square
    assert counts.min() > 60


def test_grids_that_have_no_such_symmetry():
    check_symmetric(Grid(((0.0, 1.0), (2.0, 3.0)), (8, 8)))
    for grid in (
        Grid(((0.0, 1.0), (0.0, 1.0)), (8, 9)),
        Grid(((0.0, 1.0), (0.0, 2.0)), (8, 8)),
        Grid(((0.0, 1.0), (0.0, 1.0)), (8, 8), periodic=(True, False)),
    ):
        with pytest.raises(InputError, match="square"):
            check_symmetric(grid)


@pytest.mark.parametrize("periodic", [True, False])
def test_deeponet_is_the_same_function_at_two_resolutions(periodic):
    n = 16 if periodic else 17
    grid = Grid(((0.0, 1.0), (0.0, 2.0)), (n, n), periodic=periodic)
    fine = grid.with_shape([2 * m - (not periodic) for m in grid.shape])
    torch.manual_seed(0)
    model = DeepONet(DeepONetConfig(width=16, depth=2, basis=8, sensors=n), 2, 3, grid).double()

    def field(on):
        x, y = on.coordinates()
        return torch.from_numpy(np.stack([np.sin(2 * np.pi * x), np.cos(np.pi * y)]))[None]

    a, b = model(field(grid)), model(field(fine))
    assert a.shape == (1, 3, n, n)
    assert (a - a.mean()).abs().max() > 1e-3
    torch.testing.assert_close(b[..., ::2, ::2], a, rtol=0, atol=1e-10)


def test_a_periodic_deeponet_is_periodic():
    grid = Grid(((0.0, 1.0),), (64,), periodic=True)
    torch.manual_seed(0)
    u = DeepONet(DeepONetConfig(width=32), 1, 1, grid)(torch.randn(1, 1, 64))[0, 0]
    inside = (u[1:] - u[:-1]).abs().max()
    assert (u[0] - u[-1]).abs() < 1.5 * inside


def test_the_regression_recovers_a_quadratic_operator():
    grid = Grid(((0.0, 1.0),), (32,), periodic=True)
    x = torch.from_numpy(grid.axes[0])
    generator = torch.Generator().manual_seed(0)
    c = torch.randn(120, 3, generator=generator, dtype=torch.float64)
    waves = torch.stack([torch.sin(2 * np.pi * (k + 1) * x) for k in range(3)])
    inputs = (c @ waves)[:, None]
    targets = inputs**2 + inputs + 1
    errors = {}
    for degree in (1, 2):
        model = PCARegression(PCAConfig(degree=degree), 1, 1, grid)
        fit(model, inputs[:100], targets[:100], seed=0)
        errors[degree] = relative_loss(model(inputs[100:]), targets[100:], grid).item()
    assert errors[2] < 1e-8
    assert errors[1] > 0.1
    again = PCARegression(PCAConfig(), 1, 1, grid)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(inputs), model(inputs))
    with pytest.raises(InputError, match="training grid"):
        model(torch.zeros(1, 1, 64))


def test_noise_makes_the_regression_choose_a_larger_penalty():
    grid = Grid(((0.0, 1.0),), (32,))
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(60, 1, 32, generator=generator, dtype=torch.float64)
    noise = torch.randn(60, 1, 32, generator=generator, dtype=torch.float64)
    model = PCARegression(PCAConfig(), 1, 1, grid)
    fit(model, inputs, noise, seed=0)  # nothing to learn: the mean is the best answer
    assert model(inputs).std() < 0.3 * noise.std()


def test_every_operator_has_one_line():
    assert operators.names()[:3] == ["deeponet", "fno", "pca"]
    for name in operators.names():
        assert "\n" not in operators.get(name).summary
