"""Every reading of the derivatives of every network against nested reverse mode."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from sobolev.geometry.errors import InputError
from sobolev.pinns.derivatives.readings import make_derivatives
from sobolev.pinns.networks import ACTIVATIONS, NETWORKS, Coordinates, make_network

F64 = torch.float64
NAMES = (("t", "x"), ("u", "v"))


def system(u, d, x):
    """Two equations to fourth order, with mixed derivatives and derivatives of expressions."""
    u, v = u
    first = d(u, "t") + v * d(u, "xxx") + d(x["x"] * torch.sin(u) / torch.exp(v), "xx")
    return first, d(u**2 * d(v, "x"), "tx") + d.diffusion(u, v) + d(v, "xxxx")


def loss_and_slopes(name, network, points, function=system):
    """The rows, and the gradient of their sum of squares."""
    rows = make_derivatives(name, network, *NAMES)(points, function)
    loss = sum(row.square().sum() for row in rows)
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [*(row.detach() for row in rows), *torch.autograd.grad(loss, parameters)]


def largest_error(truth, found):
    pairs = zip(truth, found, strict=True)
    return max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)


def build(kind, activation, dtype=F64):
    options = SimpleNamespace(width=8, depth=2, activation=activation, fourier_scale=1.0)
    coordinates = Coordinates(((0.0, 1.0), (-1.0, 1.0)), (False, True), 2)
    return make_network(kind, coordinates, 2, options, 0, dtype)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_networks(kind, activation):
    network = build(kind, activation)
    points = torch.rand(50, 2, dtype=F64, generator=torch.Generator().manual_seed(0))
    truth = loss_and_slopes("nested", network, points)
    # The rational functions have large coefficients that cancel.
    tolerance = 1e-12 if activation.startswith("pau") else 1e-13
    for name in ("taylor", "fused"):
        assert largest_error(truth, loss_and_slopes(name, network, points)) < tolerance


class Everything(nn.Module):
    """Operations that no network of ours has."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a = nn.Linear(2, 6, dtype=F64)
        self.b = nn.Linear(6, 2, bias=False, dtype=F64)
        self.matrix = nn.Parameter(torch.randn(2, 6, dtype=F64))

    def forward(self, points):
        t, x = points.unbind(dim=1)
        h = torch.cat([points[:, :1].square(), torch.stack([x], dim=-1)], dim=-1) @ self.matrix
        g = nn.functional.softplus(self.a(points)) * torch.atan(h).mean(dim=1, keepdim=True)
        left, right = torch.log(1.0 + g * g).chunk(2, dim=-1)
        h = torch.cat([torch.rsqrt(1.0 + left**2), 2.0 ** (right.reshape(-1, 3) / 3.0)], dim=1)
        h = h + torch.erf(t * x).unsqueeze(-1) - torch.expm1(points).sum(dim=-1, keepdim=True)
        h = torch.where(h > 1.0, torch.tan(0.1 * h), 0.5 - torch.sigmoid(h))
        return self.b(h * torch.cosh(0.1 * t)[:, None] / (1.5 + torch.sqrt(1.0 + x * x))[:, None])


@pytest.mark.parametrize("name", ["taylor", "fused"])
def test_operations(name):
    points = torch.rand(20, 2, dtype=F64, generator=torch.Generator().manual_seed(1))
    network = Everything()
    truth = loss_and_slopes("nested", network, points)
    assert largest_error(truth, loss_and_slopes(name, network, points)) < 1e-12


@pytest.mark.parametrize("name", ["taylor", "fused"])
def test_sixth_order(name):
    network = build("mlp", "tanh")
    points = torch.rand(5, 2, dtype=F64, generator=torch.Generator().manual_seed(0))

    def sixth(u, d, x):
        return u[0] * d(u[0], "xxxxxx"), u[1] * d(u[1], "ttxxxx")

    truth = loss_and_slopes("nested", network, points, sixth)
    assert largest_error(truth, loss_and_slopes(name, network, points, sixth)) < 1e-12


@pytest.mark.parametrize("name", ["nested", "taylor", "fused"])
def test_single_precision_keeps_its_digits(name):
    double, single = build("mlp", "tanh"), build("mlp", "tanh", torch.float32)
    points = torch.rand(50, 2, dtype=F64, generator=torch.Generator().manual_seed(0)).float()
    truth = loss_and_slopes("taylor", double, points.double())
    assert largest_error(truth, loss_and_slopes(name, single, points)) < 3e-6


@pytest.mark.parametrize("name", ["taylor", "fused"])
def test_refuses_what_it_cannot_read(name):
    points = torch.rand(5, 2, dtype=F64)

    def read(network):
        make_derivatives(name, network, ("t", "x"))(points, lambda u, d, x: d(u, "x"))

    with pytest.raises(InputError, match="operations that Taylor mode knows, got 'relu'"):
        read(lambda p: torch.relu(p[:, :1]))
    with pytest.raises(InputError, match="'sum' to leave the points of the first axis apart"):
        read(lambda p: p * p.sum(dim=0))
    with pytest.raises(InputError, match="expected a field that is a function of its points"):
        read(lambda p: p.detach()[:, :1])
    with pytest.raises(InputError, match=r"expected derivatives of .*, got 'magic'"):
        make_derivatives("magic", build("mlp", "tanh"), ("t", "x"))


def test_auto_is_fast_where_it_can_be_and_nested_where_it_must():
    points = torch.rand(5, 2, dtype=F64)

    def second(u, d, x):
        return d(u, "xx")

    network = build("mlp", "tanh")
    derivatives = make_derivatives("auto", network, *NAMES)
    derivatives(points, system)
    assert type(derivatives.chosen).__name__ == "Fused"

    def softmaxed(p):
        return torch.softmax(p, dim=1)[:, :1]

    derivatives = make_derivatives("auto", softmaxed, ("t", "x"))
    truth = make_derivatives("nested", softmaxed, ("t", "x"))(points, second)
    assert torch.equal(derivatives(points, second), truth)
    assert type(derivatives.chosen).__name__ == "Nested"
    with pytest.raises(InputError, match="got 'softmax'"):
        make_derivatives("taylor", softmaxed, ("t", "x"))(points, second)


def test_without_a_compiler_taylor_mode_goes_on(monkeypatch):
    def missing(*_, **__):
        raise RuntimeError("no C++ compiler\nand a long trace")

    monkeypatch.setattr(torch, "compile", missing)
    network = build("mlp", "tanh")
    points = torch.rand(5, 2, dtype=F64)

    def slopes(u, d, x):
        return d(u[0], "x"), u[1] * d(u[1], "t")

    with pytest.warns(UserWarning, match=r"plain Taylor mode goes on: no C\+\+ compiler$"):
        found = loss_and_slopes("compiled", network, points, slopes)
    assert largest_error(loss_and_slopes("taylor", network, points, slopes), found) == 0.0


@pytest.mark.slow
def test_compiled():
    network = build("modified_mlp", "tanh")
    derivatives = make_derivatives("compiled", network, *NAMES)

    def coupled(u, d, x):
        return d(u[0], "t") + u[1] * d(u[0], "xx"), d(u[1], "tx")

    for n in (20, 31):
        points = torch.rand(n, 2, dtype=F64)
        truth, found = (
            make_derivatives("nested", network, *NAMES)(points, coupled),
            derivatives(points, coupled),
        )
        each = zip(truth, found, strict=True)
        assert all((a - b).abs().max() < 1e-13 * a.abs().max() for a, b in each)
    assert len(derivatives._flat) == 1
