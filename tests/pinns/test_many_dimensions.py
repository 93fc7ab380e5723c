"""Training where a step sees some of the coordinates: right in the mean, resumable, and checked."""

import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.points import PointCloud
from sobolev.geometry.shapes import Ball
from sobolev.pinns.conditions import Dirichlet
from sobolev.pinns.config import MANY, PINNConfig
from sobolev.pinns.objective import Objective
from sobolev.pinns.pinn import train
from sobolev.pinns.statement import Statement
from sobolev.pinns.weights import Fixed

SMALL = PINNConfig(
    width=8, depth=2, points=16, boundary_points=4, chunk=8, sampler="uniform", weighting="fixed",
    refresh_every=1, first_steps=12, second_steps=0, derivatives="randomised", directions=2,
    log_every=4, checkpoint_every=5, threads=1,
)  # fmt: skip


def membrane(dimension, hard=True):
    """lap u = -2 d on the unit ball, 0 on the sphere: u = 1 - |x|^2."""
    return Statement(
        tuple(f"x{i}" for i in range(dimension)), Ball((0.0,) * dimension, 1.0),
        lambda u, d, x, p: d.laplacian(u) / (2.0 * dimension) + 1.0 + 0.0 * x.points.sum(dim=1),
        [Dirichlet("all", 0.0, hard=hard)],
    )  # fmt: skip


def changed(**options):
    return PINNConfig(**{**SMALL.to_dict(), **options})


def cloud(dimension, count=50):
    generator = torch.Generator().manual_seed(1)
    unit = torch.rand(count, dimension, generator=generator, dtype=torch.float64)
    points = Ball((0.0,) * dimension, 1.0).interior(unit)
    return points, Function((1.0 - points.square().sum(dim=1)).numpy(), PointCloud(points.numpy()))


def test_gradients_are_right_in_the_mean():
    statement = membrane(6)
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
    ).double()
    points, _ = cloud(6)

    def objective(reading, options):
        found = Objective(statement, statement.wrap(network), Fixed(), 20, 1, reading, options)
        found.put_equation(points)
        return found

    exact, sampled = objective("taylor", {}), objective("randomised", {"directions": 2})
    loss, gradient = exact(exact.vector())
    drawn = [sampled(sampled.vector()) for _ in range(200)]
    losses, gradients = torch.tensor([one for one, _ in drawn]), torch.stack([g for _, g in drawn])
    assert abs(losses.mean() - loss) < 4.0 * losses.std() / 200**0.5
    along = gradients @ gradient / gradient.norm()
    assert abs(along.mean() - gradient.norm()) < 4.0 * along.std() / 200**0.5


def test_a_network_learns_in_many_dimensions():
    _, truth = cloud(MANY + 1)
    config = changed(
        derivatives="auto", directions=16, points=50, chunk=64, first_steps=300, rate=5e-3
    )
    result = train(membrane(MANY + 1), config=config, reference=truth)
    errors = result.column("error")
    assert errors[-1] < 0.05 < 0.2 < errors[0]


def test_a_stopped_run_goes_on_with_the_same_bits(tmp_path):
    class Stop(Exception):
        pass

    def stop(step, total, text):
        if step == 8:
            raise Stop

    whole = train(membrane(5), config=SMALL, output=tmp_path / "whole")
    with pytest.raises(Stop):
        train(membrane(5), config=SMALL, output=tmp_path / "cut", progress=stop)
    resumed = train(membrane(5), config=SMALL, output=tmp_path / "cut", resume=True)
    pairs = zip(whole.field.parameters(), resumed.field.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("hard", [True, False])
def test_a_hundred_thousand_coordinates(hard):
    config = changed(
        derivatives="auto", points=4, boundary_points=2, width=4, first_steps=2,
        precision="float32", log_every=1,
    )  # fmt: skip
    result = train(membrane(100_000, hard), config=config)
    assert result.steps == 2
    assert torch.isfinite(torch.from_numpy(result.column("loss"))).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"second_steps": 5}, r"expected second_steps to be 0 .* \(of 4 coordinates\), got 5"),
        ({"sampler": "adaptive"}, "expected sampler to be uniform or sobol"),
        ({"weighting": "ntk"}, "expected weighting to be fixed or gradient_norm"),
        ({"directions": 0}, "expected directions to be an integer >= 1"),
    ],
)
def test_refuses_what_would_be_biased(options, message):
    with pytest.raises(InputError, match=message):
        train(membrane(4), config=changed(**options))
