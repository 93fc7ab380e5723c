"""Exact periodicity, exact initial field, and the same bits from the same seed."""

import math

import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.pinns.networks import ACTIVATIONS, MLP, Coordinates, HardInitial


def network(**options):
    coordinates = Coordinates(((0.0, 2.0), (-1.0, 1.0)), (False, True), harmonics=3)
    return MLP(coordinates, width=8, depth=2, **options)


def points(x):
    t = torch.linspace(0.0, 2.0, 9, dtype=torch.float64)
    return torch.stack([t, torch.full_like(t, x)], dim=1)


def test_the_two_ends_of_a_periodic_axis_are_the_same_bits():
    net = network()
    assert torch.equal(net(points(-1.0)), net(points(1.0)))
    assert torch.allclose(net(points(0.3)), net(points(2.3)), rtol=0, atol=1e-14)
    assert not torch.allclose(net(points(0.3)), net(points(0.4)), rtol=0, atol=1e-3)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_are_periodic_too(order):
    net = network()

    def derivative(end):
        x = points(end).requires_grad_(True)
        u = net(x)
        for _ in range(order):
            u = torch.autograd.grad(u.sum(), x, create_graph=True)[0][:, 1]
        return u.detach()

    assert torch.allclose(derivative(-1.0), derivative(1.0), rtol=0, atol=1e-12)
    assert derivative(-1.0).abs().max() > 1e-3


def test_open_axes_are_scaled_to_minus_one_and_one():
    features = Coordinates(((0.0, 2.0),), (False,))(torch.tensor([[0.0], [0.5], [2.0]]))
    assert features[:, 0].tolist() == [-1.0, -0.5, 1.0]


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_gradient_against_differences(activation):
    net = network(activation=activation)
    x = torch.tensor([[0.7, 0.2]], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(net(x).sum(), x)
    h = 1e-5
    for axis in range(2):
        shift = torch.zeros(1, 2, dtype=torch.float64)
        shift[0, axis] = h
        difference = (net(x + shift) - net(x - shift)) / (2 * h)
        assert slope[0, axis].item() == pytest.approx(difference.item(), rel=1e-7, abs=1e-9)


def test_hard_initial_is_exact_and_only_initial():
    net = network()
    field = HardInitial(net, lambda p: torch.sin(math.pi * p[:, 1]), 0, (0.0, 2.0))
    x = torch.linspace(-1.0, 1.0, 17, dtype=torch.float64)
    start = torch.stack([torch.zeros_like(x), x], dim=1)
    assert torch.equal(field(start), torch.sin(math.pi * x))
    end = torch.stack([torch.full_like(x, 2.0), x], dim=1)
    assert torch.allclose(field(end) - torch.sin(math.pi * x), net(end), rtol=0, atol=1e-15)


def test_seed_decides_the_bits():
    def parameters(seed):
        return torch.cat([p.reshape(-1) for p in network(seed=seed).parameters()])

    assert torch.equal(parameters(3), parameters(3))
    assert not torch.equal(parameters(3), parameters(4))
    assert parameters(3).dtype == torch.float64


@pytest.mark.parametrize(
    "options, words",
    [({"activation": "relu"}, "relu"), ({"width": 0}, "width"), ({"depth": 0}, "depth")],
)
def test_refuses(options, words):
    with pytest.raises(InputError, match=words):
        MLP(Coordinates(((0.0, 1.0),), (False,)), **options)
