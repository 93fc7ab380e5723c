"""Randomised sums: exact with all directions, unbiased with some, and refused where biased."""

import itertools

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from sobolev.geometry.errors import InputError
from sobolev.pinns.derivatives.randomised import Randomised
from sobolev.pinns.derivatives.readings import make_derivatives

F64 = torch.float64


class Ball(nn.Module):
    """(1 - |x|^2) N(x)."""

    def __init__(self, dimension, width=12):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(
            nn.Linear(dimension, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, 1),
        ).double()  # fmt: skip

    def forward(self, x):
        return (1.0 - (x * x).sum(dim=-1, keepdim=True)) * self.net(x)


class Concatenated(Ball):
    """Other ways to handle points: slices, columns, joining."""

    def forward(self, x):
        x = x + 0.1 * torch.tanh(x) * (x @ self.net[0].weight[0])[:, None]
        mixed = torch.cat([x[:, 1:], torch.sin(x[:, :1]) / (2.0 + x[:, 1:2])], dim=1)
        return self.net(mixed) + torch.stack([x[:, 0] ** 3], dim=-1) * mixed.mean(-1, keepdim=True)


def names(dimension):
    return ("t", *(f"x{i}" for i in range(1, dimension)))


def everything(u, d, x):
    """Time, named coordinates, products and coordinates within sums."""
    flux = d.sum(lambda i: d(u * x[i] * d(u, i), i) + d(d(u, "t"), i) ** 2)
    named = d(u, "x2", "x1") * x["x1"] + d.sum(lambda i: d(x["x1"] * x["t"], i) * d(u, i))
    return d(u, "t") + u * d.laplacian(u) + torch.sin(u) + flux / u + named - d.sum(lambda i: x[i])


@pytest.mark.parametrize("kind", [Ball, Concatenated])
def test_all_directions_are_exact(kind):
    network, points = kind(5), torch.rand(7, 5, dtype=F64)
    results = []
    for name, options in (("nested", {}), ("randomised", {"directions": 4})):
        rows = make_derivatives(name, network, names(5), **options)(points, everything)
        results.append([rows, *torch.autograd.grad(rows.square().sum(), network.parameters())])
    for truth, ours in zip(*results, strict=True):
        assert (truth - ours).abs().max() <= 1e-12 * truth.abs().max()


def test_groups_of_directions_change_nothing():
    network, points = Ball(9), torch.rand(6, 9, dtype=F64)
    results = []
    for at_once in (128, 2):  # all together, and each by itself
        reading = Randomised(network, names(9), directions=3, at_once=at_once)
        first, second = reading.pair(points, everything_estimated)
        slopes = torch.autograd.grad((first * second).sum(), network.parameters())
        with torch.no_grad():
            results.append([first, second, *slopes, reading(points, everything_estimated)])
    for whole, parts in zip(*results, strict=True):
        assert (whole - parts).abs().max() <= 1e-13 * whole.abs().max()


def held(order):
    """Most bytes of tensors at a time while the gradient of a residual is made."""
    network, points = Ball(50, 64), torch.rand(50, 50, dtype=F64)
    reading = Randomised(network, names(50), directions=16)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        first, second = reading.pair(points, lambda u, d, x: d.sum(lambda i: d(u, *[i] * order)))
        torch.autograd.grad((first * second).mean(), network.net[:-1].parameters())
    events = [e for e in found.profiler.kineto_results.events() if e.name() == "[memory]"]
    return max(itertools.accumulate(e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())))


def test_memory_does_not_grow_with_the_order():
    second = held(2)
    assert second > 64 * 50 * 32 * 8  # of one coefficient of a layer
    for order in (4, 6):
        assert held(order) < 1.1 * second


def everything_estimated(u, d, x):
    return d(u, "t") + d.sum(lambda i: d(u, i, i) + x[i] * d(u, "t", i)) + torch.sin(u)


def test_some_directions_are_unbiased_and_so_is_the_product_of_a_pair():
    network, points = Ball(8), torch.rand(4, 8, dtype=F64)

    def residual(u, d, x):
        return d(u, "t") + u * d.laplacian(u) + d.sum(lambda i: x[i] * d(u, i) ** 2)

    with torch.no_grad():
        truth = make_derivatives("taylor", network, names(8))(points, residual)
        derivatives = Randomised(network, names(8), directions=2)
        pairs = []
        for _ in range(400):
            derivatives.refresh()
            pairs.append(torch.stack(derivatives.pair(points, residual)))
    drawn = torch.stack(pairs)
    for estimates, exact in ((drawn[:, 0], truth), (drawn.prod(dim=1), truth**2)):
        error = estimates.std(dim=0) / len(estimates) ** 0.5
        assert ((estimates.mean(dim=0) - exact).abs() < 4.0 * error).all()
    excess = (drawn[:, 0] ** 2 - drawn.prod(dim=1)).sum(dim=1)
    assert excess.mean() > 4.0 * excess.std() / len(excess) ** 0.5


def test_a_hundred_thousand_coordinates():
    dimension = 100_000
    weight = torch.rand(1, dimension, generator=torch.Generator().manual_seed(0))
    derivatives = Randomised(
        lambda x: torch.sin(nn.functional.linear(x, weight)),
        tuple(f"x{i}" for i in range(dimension)), directions=5,
    )  # fmt: skip
    points = torch.full((2, dimension), 1e-5)
    rows = derivatives(points, lambda u, d, x: d.laplacian(u))
    drawn = weight[0, derivatives.draws[0]]
    value = torch.sin(nn.functional.linear(points, weight))[:, 0]
    assert torch.allclose(rows, -value * dimension * drawn.square().mean(), rtol=1e-5)


def test_the_draws_go_on_from_a_state():
    network, points = Ball(8), torch.rand(4, 8, dtype=F64)
    first = Randomised(network, names(8), directions=2)
    first.refresh()
    second = Randomised(network, names(8), directions=2, seed=5)
    second.load_state(first.state())
    for _ in range(3):
        assert torch.equal(first(points, everything), second(points, everything))
        first.refresh()
        second.refresh()


def test_refuses_what_would_be_biased():
    points = torch.rand(4, 8, dtype=F64)
    derivatives = Randomised(Ball(8), names(8), directions=2)
    for biased in (
        lambda u, d, x: d.laplacian(u) ** 2,
        lambda u, d, x: d.laplacian(u) * d.laplacian(u),
        lambda u, d, x: torch.exp(d.laplacian(u)),
        lambda u, d, x: u / d.laplacian(u),
    ):
        with pytest.raises(InputError, match="linear in its sums over coordinates"):
            derivatives(points, biased)
    with pytest.raises(InputError, match="got one of a sum"):
        derivatives(points, lambda u, d, x: d.laplacian(d.laplacian(u)))
    with pytest.raises(InputError, match=r"write d\.sum"):
        derivatives(points, lambda u, d, x: d.gradient(u)[0])
    with pytest.raises(InputError, match="directions >= 1"):
        Randomised(Ball(8), names(8), directions=0)
