"""Random features against closed forms, steady and in time, linear and not; and their refusals."""

import math

import numpy as np
import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.geometry.shapes import Box, Disk
from sobolev.pinns.cases import CASES
from sobolev.pinns.conditions import Dirichlet, Initial, Neumann, Periodic, Robin
from sobolev.pinns.random_features import RandomFeatureConfig, load_features, solve
from sobolev.pinns.random_features.recipes import RECIPES
from sobolev.pinns.statement import Statement


def error(result, exact, count=400):
    """Largest error of each unknown at random points of the statement's domain."""
    generator = torch.Generator().manual_seed(1)
    unit = torch.rand(
        count, len(result.statement.coordinates), dtype=torch.float64, generator=generator
    )
    points = result.statement.interior(unit)
    truth = exact(*points.unbind(dim=1))
    truth = torch.stack(truth if isinstance(truth, tuple) else (truth,), dim=1)
    return (result.field(points) - truth).abs().max().item()


SHORT = ("helmholtz", "waves", "convection_30", "regression", "decay")
LONG = ("burgers", "allen_cahn", "kdv", "convection", "poisson_10d")


@pytest.mark.parametrize(
    "name", [*SHORT, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)]
)
def test_recipes_are_as_accurate_as_they_say(name):
    case, recipe = CASES[name], RECIPES[name]
    assert recipe.solve(case.statement()).error(case.reference()) < recipe.accuracy


def test_ten_dimensions():
    case = CASES["poisson_10d"]
    config = RandomFeatureConfig(features=300, frequency=0.5, patches=1, refinements=0)
    assert solve(case.statement(), config).error(case.reference()) < 1e-2
    with pytest.raises(InputError, match="expected patches=1 and refinements=0 in 10 coordinates"):
        solve(case.statement(), RandomFeatureConfig(patches=1))


def test_a_nonlinear_equation_in_time_alone():
    # u' = -2 t u^2, u(0) = 1: u = 1 / (1 + t^2).
    statement = Statement(
        ("t",), None, lambda u, d, x, p: d(u, "t") + 2.0 * x["t"] * u * u, (Initial(1.0),),
        times=(0.0, 3.0),
    )  # fmt: skip
    result = solve(statement, RandomFeatureConfig(features=80, patches=(3,), refinements=0))
    assert error(result, lambda t: 1.0 / (1.0 + t * t)) < 1e-10
    assert result.stop_reason == "step below tolerance"
    assert 3 <= result.steps <= 10
    assert "every PINN has to face" in str(result)


def test_a_system_with_a_periodic_axis():
    statement = Statement(
        ("t", "x"), Box((0.0,), (2.0 * math.pi,)),
        lambda u, d, x, p: (d(u[0], "t") - d(u[1], "x"), d(u[1], "t") - d(u[0], "x")),
        (
            Periodic("x"), Initial(lambda x: torch.sin(x["x"]), of="a"),
            Initial(0.0, of="b"),
        ),
        ("a", "b"), (0.0, 2.0),
    )  # fmt: skip
    result = solve(statement, RandomFeatureConfig(features=150, patches=3))
    exact = lambda t, x: (torch.sin(x) * torch.cos(t), torch.cos(x) * torch.sin(t))  # noqa: E731
    assert error(result, exact) < 1e-7


def test_a_wave_with_a_rate_and_two_patches_in_time():
    # u_tt = u_xx, u = sin(x) sin(t), on an interval of open ends.
    statement = Statement(
        ("t", "x"), Box((0.0,), (2.0,)), lambda u, d, x, p: d(u, "tt") - d(u, "xx"),
        (
            Initial(0.0, rate=lambda x: torch.sin(x["x"])), Dirichlet("left", 0.0),
            Neumann("right", lambda x: math.cos(2.0) * torch.sin(x["t"])),
        ),
        times=(0.0, 3.0),
    )  # fmt: skip
    result = solve(statement, RandomFeatureConfig(features=150, patches=(2, 2), refinements=0))
    assert error(result, lambda t, x: torch.sin(x) * torch.sin(t)) < 1e-7


@pytest.mark.parametrize("feature, frequency", [("sin", 4.0), ("tanh", 1.0)])
def test_a_nonlinear_steady_equation_of_a_disk(feature, frequency):
    # u = exp(x / 2) cos(y), of which lap u = -3/4 u.
    def exact(x, y):
        return torch.exp(0.5 * x) * torch.cos(y)

    def residual(u, d, x, p):
        truth = exact(x["x"], x["y"])
        return d.laplacian(u) + u**3 + 0.75 * truth - truth**3

    conditions = (Robin("all", 1.0, 0.0, lambda x: exact(x["x"], x["y"])),)
    statement = Statement(("x", "y"), Disk((0.3, 0.0), 1.0), residual, conditions)
    config = RandomFeatureConfig(patches=2, refinements=0, feature=feature, frequency=frequency)
    assert error(solve(statement, config), exact) < 1e-8


def test_patches_are_cut_where_the_solution_is_steep():
    # u'' = f with u = tanh(60 x).
    def steep(x):
        return torch.tanh(60.0 * x["x"])

    def residual(u, d, x, p):
        t = steep(x)
        return d(u, "xx") + 2.0 * 3600.0 * t * (1.0 - t * t)

    statement = Statement(("x",), Box((-1.0,), (1.0,)), residual, (Dirichlet("all", steep),))
    config = RandomFeatureConfig(features=60, patches=4, refinements=6)
    result = solve(statement, config)
    (edges,) = result.field.patches.edges
    assert error(result, lambda x: torch.tanh(60.0 * x)) < 1e-6
    assert np.diff(edges).min() < 0.1
    assert np.diff(edges).max() == pytest.approx(0.5)
    coarse = solve(statement, RandomFeatureConfig(features=60, patches=4, refinements=0))
    assert coarse.misfit > 100.0 * result.misfit


def test_the_same_seed_gives_the_same_bits_and_files(tmp_path):
    case = CASES["waves"]
    first, second = (solve(case.statement(), RECIPES["waves"].config) for _ in range(2))
    assert torch.equal(first.field.c, second.field.c)
    first.save(tmp_path)
    loaded = load_features(tmp_path, case.statement())
    points = torch.rand(50, 1, dtype=torch.float64)
    assert torch.equal(loaded.field(points), first.field(points))
    assert loaded.config == first.config
    with pytest.raises(InputError, match="random features in"):
        load_features(tmp_path / "none", case.statement())


def heat(**changes):
    options = {"trainable": {}, **changes}
    return Statement(
        ("t", "x"), Box((0.0,), (1.0,)), lambda u, d, x, p: d(u, "t") - d(u, "xx"),
        (Periodic("x", hard=True), Initial(1.0)), times=(0.0, 1.0), **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: solve(heat(trainable={"k": torch.nn.Identity()})), "without unknown parameters"),
        (lambda: RandomFeatureConfig(features=0), "features"),
        (lambda: RandomFeatureConfig(frequency=0.0), "frequency"),
        (lambda: RandomFeatureConfig(feature="relu"), "relu"),
        (lambda: solve(heat(), RandomFeatureConfig(patches=(1, 2, 3))), "number of patches"),
        (lambda: solve(heat(), RandomFeatureConfig(patches=0)), "number of patches"),
    ],
)
def test_refuses(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_refuses_a_residual_that_is_not_finite():
    statement = Statement(
        ("x",), Box((0.0,), (1.0,)), lambda u, d, x, p: d(u, "x") - 1.0 / (0.0 * x["x"]),
        (Dirichlet("left", 0.0),),
    )  # fmt: skip
    with pytest.raises(InputError, match="finite residual"):
        solve(statement, RandomFeatureConfig(features=20, patches=1))
