"""Exact periodicity, derivatives, and the same bits from the same seed, for every network."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.pinns.derivatives.readings import make_derivatives
from sobolev.pinns.networks import (
    ACTIVATIONS,
    MLP,
    NETWORKS,
    Coordinates,
    PirateNet,
    RandomFourier,
    fit_last_layer,
    make_network,
)
from sobolev.pinns.networks.activations import Activate

COORDINATES = Coordinates(((0.0, 2.0), (-1.0, 1.0)), (False, True), harmonics=3)


def network(name="mlp", outputs=1, seed=0, dtype=torch.float64, **changes):
    options = {"width": 8, "depth": 2, "activation": "tanh", "fourier_scale": 1.0, **changes}
    net = make_network(name, COORDINATES, outputs, SimpleNamespace(**options), seed, dtype)
    if name == "piratenet":  # its blocks are off at the start
        for block in net.blocks:
            torch.nn.init.constant_(block.alpha, 0.3)
    return net


def points(x):
    t = torch.linspace(0.0, 2.0, 9, dtype=torch.float64)
    return torch.stack([t, torch.full_like(t, x)], dim=1)


def derivatives(function, x, orders):
    """[f, f', ...] at x (n,)."""
    x = x.clone().requires_grad_(True)
    values = [function(x)]
    for _ in range(orders):
        (slope,) = torch.autograd.grad(values[-1].sum(), x, create_graph=True)
        values.append(slope)
    return [value.detach() for value in values]


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_two_ends_of_a_periodic_axis_are_the_same_bits(name):
    net = network(name)
    assert torch.equal(net(points(-1.0)), net(points(1.0)))
    assert torch.allclose(net(points(0.3)), net(points(2.3)), rtol=0, atol=1e-13)
    assert not torch.allclose(net(points(0.3)), net(points(0.4)), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_derivatives_are_periodic_too(name):
    net = network(name)

    def along(end):
        t = points(end)[:, 0]
        return lambda x: net(torch.stack([t, x], dim=1))[:, 0]

    left, right = (derivatives(along(e), points(e)[:, 1], 3) for e in (-1.0, 1.0))
    for a, b in zip(left, right, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-10)
        assert a.abs().max() > 1e-3


def test_open_axes_are_scaled_to_minus_one_and_one():
    features = Coordinates(((0.0, 2.0),), (False,))(torch.tensor([[0.0], [0.5], [2.0]]))
    assert features[:, 0].tolist() == [-1.0, -0.5, 1.0]


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_gradient_against_differences(name, activation):
    net = network(name, outputs=2, activation=activation)
    x = torch.tensor([[0.7, 0.2]], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(net(x)[:, 1].sum(), x)
    h = 1e-4
    for axis in range(2):
        shift = torch.zeros(1, 2, dtype=torch.float64)
        shift[0, axis] = h
        once, twice = ((net(x + k * shift) - net(x - k * shift))[0, 1] for k in (1, 2))
        difference = (8 * once - twice) / (12 * h)
        assert slope[0, axis].item() == pytest.approx(difference.item(), rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_are_as_smooth_as_the_table_says(name):
    """Differences of each derivative give the next one."""
    row, h = ACTIVATIONS[name], 1e-3
    x = torch.linspace(-4.0, 4.0, 801, dtype=torch.float64)
    here, before, after = (derivatives(row, x + shift, 5) for shift in (0.0, -h, h))
    for order in range(5):
        difference = (after[order] - before[order]) / (2 * h)
        scale = here[order + 1].abs().max()
        assert (difference - here[order + 1]).abs().max() < 1e-4 * scale


@pytest.mark.parametrize("name", ["tanh", "silu", "cauchy", "pau", "pau_gelu"])
def test_analytic_activations_have_a_pole_at_the_end_of_their_strip(name):
    row = ACTIVATIONS[name]
    function = (lambda z: z / (1 + torch.exp(-z))) if name == "silu" else row
    near, far = (function(torch.tensor(1j * f * row.strip)).abs() for f in (0.999, 0.8))
    assert row.smoothness == "analytic"
    assert near > 100.0 * far > 0.0


def test_entire_activations_have_no_strip():
    for row in ACTIVATIONS.values():
        assert (row.smoothness == "entire") == math.isinf(row.strip)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_trained_numbers_of_activations_have_gradients(name):
    row, activate = ACTIVATIONS[name], Activate(name, 3)
    assert row.trainable == bool(row.initial) == bool(list(activate.parameters()))
    x = torch.linspace(-1.0, 2.0, 12, dtype=torch.float64).view(4, 3)
    assert torch.equal(activate(x), row(x))
    if not row.trainable:
        return
    slopes = torch.autograd.grad(activate(x).square().sum(), list(activate.parameters()))
    for parameter, slope in zip(activate.parameters(), slopes, strict=True):
        assert parameter.shape == ((3,) if row.per_unit else ())
        with torch.no_grad():
            parameter += 1e-6
            above = activate(x).square().sum().item()
            parameter -= 2e-6
            below = activate(x).square().sum().item()
            parameter += 1e-6
        difference = (above - below) / 2e-6
        assert slope.sum().item() == pytest.approx(difference, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(
    "name, target, most", [("pau", "tanh", 4.4e-5), ("pau_gelu", "gelu", 0.0025)]
)
def test_rational_activations_start_at_what_they_were_fitted_to(name, target, most):
    x = torch.linspace(-5.0, 5.0, 2001, dtype=torch.float64)
    error = (ACTIVATIONS[name](x) - ACTIVATIONS[target](x)).abs().max().item()
    assert 0.8 * most < error < most


@pytest.mark.parametrize(
    "name, count",
    # 7 features; two hidden layers of 8; two outputs.
    [
        ("mlp", 7 * 8 + 8 + 8 * 8 + 8 + 8 * 2 + 2),
        ("modified_mlp", 3 * (7 * 8 + 8) + 8 * 8 + 8 + 8 * 2 + 2),
        ("piratenet", 2 * (8 * 8 + 8) + 2 * (3 * (8 * 8 + 8) + 1) + 8 * 2 + 2),
        ("fourier", 2 * (8 * 8 + 8) + 8 * 2 + 2),
    ],
)
def test_counts_of_parameters(name, count):
    assert sum(p.numel() for p in network(name, outputs=2).parameters()) == count
    trained = network(name, outputs=2, activation="snake")
    layers = {"mlp": 2, "modified_mlp": 4, "piratenet": 2 + 6, "fourier": 2}[name]
    assert sum(p.numel() for p in trained.parameters()) == count + 8 * layers


def test_piratenet_starts_as_its_last_layer_on_the_features():
    net = PirateNet(COORDINATES, 12, 3, outputs=2, seed=4)
    x = points(0.3)
    assert torch.equal(net(x), net.last(net.coordinates(x)))


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_last_layer_fits_the_initial_field(name):
    net = network(name, width=64, outputs=1)
    x = torch.linspace(-1.0, 1.0, 200, dtype=torch.float64)
    start = torch.stack([torch.zeros_like(x), x], dim=1)
    values = torch.sin(math.pi * x)[:, None]
    fit_last_layer(net, start, values)
    misfit = (net(start) - values).detach()
    assert misfit.abs().max() < 5e-3
    # Least squares: what is left is orthogonal to the features.
    assert (net.hidden(start).T @ misfit).abs().max() < 1e-7
    with pytest.raises(InputError, match=r"expected values \(200, 1\), got \(200,\)"):
        fit_last_layer(net, start, values[:, 0])


def test_random_fourier_features_have_the_kernel_of_a_gaussian():
    features = RandomFourier(Coordinates(((0.0, 2.0),), (False,)), 20000, scale=1.5)
    h = features(torch.tensor([[0.5], [1.3]], dtype=torch.float64))
    kernel = (h[0] @ h[1]).item() / 20000
    assert kernel == pytest.approx(math.exp(-0.5 * (1.5 * 0.8) ** 2), abs=0.02)
    assert not list(features.parameters())
    assert "frequencies" in features.state_dict()


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_taylor_mode_knows_every_network_with_every_activation(name):
    def residual(u, d, x):
        return d(u, "t") + u * d(u, "x"), d(u, "xx") + d(u, "tx")

    x = torch.rand(5, 2, dtype=torch.float64)
    for activation in ACTIVATIONS:
        net = network(name, activation=activation)
        nested, taylor = (
            make_derivatives(reading, net, ("t", "x"))(x, residual)
            for reading in ("nested", "taylor")
        )
        for a, b in zip(nested, taylor, strict=True):
            assert (a - b).abs().max() < 1e-11 * a.abs().max()


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_seed_decides_the_bits(name):
    def parameters(seed, dtype=torch.float64):
        return torch.cat(
            [p.detach().reshape(-1) for p in network(name, 1, seed, dtype).parameters()]
        )

    assert torch.equal(parameters(3), parameters(3))
    assert not torch.equal(parameters(3), parameters(4))
    assert parameters(3).dtype == torch.float64
    single = parameters(3, torch.float32)
    assert single.dtype == torch.float32
    assert torch.equal(single, parameters(3).float())
    half = network(name, dtype=torch.float32)(points(0.2).float())
    assert half.dtype == torch.float32
    double = network(name)(points(0.2)).detach().numpy()
    assert np.abs(half.detach().numpy() - double).max() < 1e-5


@pytest.mark.parametrize(
    "options, words",
    [({"activation": "relu"}, "relu"), ({"width": 0}, "width"), ({"depth": 0}, "depth"),
     ({"outputs": 0}, "outputs")],
)  # fmt: skip
def test_refuses(options, words):
    with pytest.raises(InputError, match=words):
        MLP(Coordinates(((0.0, 1.0),), (False,)), **options)


def test_refuses_names_and_frequencies():
    with pytest.raises(InputError, match=r"network of .*got 'transformer'"):
        network("transformer")
    with pytest.raises(InputError, match="frequency"):
        RandomFourier(COORDINATES, 0)
