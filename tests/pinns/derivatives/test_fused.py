"""The compiled passes: blocks, chains that begin and end anywhere, several backward passes."""

from types import SimpleNamespace

import numba
import numpy as np
import pytest
import scipy.special
import torch
from torch import nn

from sobolev.pinns.derivatives import fused, instructions, passes, products
from sobolev.pinns.derivatives.readings import make_derivatives
from sobolev.pinns.networks import Coordinates, make_network

F64 = torch.float64
OPTIONS = SimpleNamespace(width=6, depth=2, activation="tanh", fourier_scale=1.0)


def burgers(u, d, x):
    return d(u, "t") + u * d(u, "x") - 0.01 * d(u, "xx")


def plain(outputs=1):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(2, 7), nn.Tanh(), nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, outputs)
    ).double()


@pytest.mark.parametrize("n", [1, passes.BLOCK - 1, passes.BLOCK, 2 * passes.BLOCK + 3])
def test_any_number_of_points(n):
    network = plain()
    points = torch.rand(n, 2, dtype=F64)
    results = []
    for name in ("nested", "fused"):
        rows = make_derivatives(name, network, ("t", "x"))(points, burgers)
        results.append([rows, *torch.autograd.grad(rows.square().sum(), network.parameters())])
    for truth, ours in zip(*results, strict=True):
        assert (truth - ours).abs().max() <= 1e-13 * truth.abs().max()


def test_a_chain_runs_once(monkeypatch):
    found = []
    inner = passes.CompiledPass.forward

    def counted(ctx, features, spec, *layers):
        found.append(len(layers) // 2)
        return inner(ctx, features, spec, *layers)

    monkeypatch.setattr(passes.CompiledPass, "forward", staticmethod(counted))
    network = plain(2)
    derivatives = make_derivatives("fused", network, ("t", "x"), ("u", "v"))
    derivatives(torch.rand(9, 2, dtype=F64), lambda u, d, x: d(u[0], "x") + d(u[1], "tt"))
    assert found == [3]


def test_the_graph_may_be_used_again_while_other_passes_run():
    network, points = plain(), torch.rand(70, 2, dtype=F64)
    derivatives = make_derivatives("fused", network, ("t", "x"))
    parameters = list(network.parameters())
    rows = derivatives(points, burgers)
    first = torch.autograd.grad(rows.sum(), parameters, retain_graph=True)
    for _ in range(3):
        derivatives(torch.rand(70, 2, dtype=F64), burgers).sum().backward()
    second = torch.autograd.grad(rows.sum(), parameters)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_rows_do_not_depend_on_their_neighbours():
    network, points = plain(), torch.rand(3 * passes.BLOCK, 2, dtype=F64)
    derivatives = make_derivatives("fused", network, ("t", "x"))
    with torch.no_grad():
        whole = derivatives(points, burgers)
        parts = [derivatives(part, burgers) for part in points.split(passes.BLOCK)]
    assert torch.equal(whole, torch.cat(parts))


def test_single_precision_keeps_its_digits_over_many_points():
    """Sums over 20,000 points in single precision alone would lose two of them."""
    network = plain()
    points = torch.rand(20_000, 2, dtype=F64)
    gradients = []
    for dtype in (F64, torch.float32):
        rows = make_derivatives("fused", network.to(dtype), ("t", "x"))(points.to(dtype), burgers)
        slopes = torch.autograd.grad(rows.square().mean(), network.parameters())
        gradients.append(torch.cat([slope.double().flatten() for slope in slopes]))
    truth, ours = gradients
    assert (truth - ours).norm() < 1e-6 * truth.norm()


def test_nan_comes_through():
    network, points = plain(), torch.rand(4, 2, dtype=F64)
    points[2, 1] = float("nan")
    rows = make_derivatives("fused", network, ("t", "x"))(points, burgers)
    assert rows.isnan().tolist() == [False, False, True, False]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "m, n, depth", [(1, 1, 1), (7, 5, 3), (13, 100, 2), (66, 1, 9), (5, 37, 8)]
)
def test_products_of_matrices_of_any_size(dtype, m, n, depth):
    generator = np.random.default_rng(0)
    a, b = generator.random((m, depth), dtype), generator.random((depth, n), dtype)
    whole = np.full(m * n + 64, 7.0, dtype)
    c = whole[: m * n]
    for left, strides in ((a, (depth, 1)), (a.T, (1, m))):
        flat = np.ascontiguousarray(left).ravel()
        products.multiply(flat, *strides, b.ravel(), c, m, n, depth, 0)
        assert np.allclose(c.reshape(m, n), a @ b, rtol=1e-6)
        products.multiply(flat, *strides, b.ravel(), c, m, n, depth, 1)
        assert np.allclose(c.reshape(m, n), 2 * (a @ b), rtol=1e-6)
    assert (whole[m * n :] == 7.0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "name, truth",
    [("tanh", np.tanh), ("sigmoid", scipy.special.expit), ("sin", np.sin),
     ("silu", lambda x: x * scipy.special.expit(x)), ("gelu", lambda x: x * scipy.special.ndtr(x))],
)  # fmt: skip
def test_activations_to_rounding(name, truth, dtype):
    small = np.logspace(-12, 0, 152)
    x = np.concatenate([np.linspace(-30, 30, 2000), small, -small]).astype(dtype)
    assert len(x) % 16 == 0
    z, y = x.copy(), np.full(len(x) + 16, 7, dtype)
    code = instructions.compiled(((0,),), name, False, x.dtype)
    call(code.address, z, y, len(x))
    exact = truth(x.astype(np.float64))
    # A large argument is right to its own rounding: gelu is x (1 + erf) / 2.
    scale = np.abs(exact) if name in ("tanh", "sigmoid", "sin") else np.abs(x).astype(np.float64)
    assert (np.abs(y[:-16] - exact) <= 4 * np.finfo(dtype).eps * scale).all()
    assert (y[-16:] == 7).all()


@pytest.mark.parametrize("dtype, largest", [(np.float32, 1e4), (np.float64, 1e6)])
def test_sines_and_cosines_of_large_arguments(dtype, largest):
    generator = np.random.default_rng(0)
    near = np.arange(-64, 64) * np.pi / 2  # where one of them vanishes
    x = np.concatenate([near, largest * (2 * generator.random(1920) - 1)]).astype(dtype)
    z, y = np.stack([x, np.ones_like(x)]), np.empty((2, len(x)), dtype)
    code = instructions.compiled(((0,), (1,)), "sin", False, x.dtype)
    call(code.address, z, y, len(x))
    exact = np.stack([np.sin(x.astype(np.float64)), np.cos(x.astype(np.float64))])
    assert np.abs(y - exact).max() < 1.5 * np.finfo(dtype).eps
    x[:16] = [np.nan, np.inf, *14 * [1e30]]
    call(code.address, np.stack([x, np.ones_like(x)]), y, len(x))
    assert np.isnan(y[:, 0]).all()
    assert (np.abs(y[:, 1:]) <= 1.0).all()


@numba.njit
def call(address, z, y, size):
    instructions.activate(address, z.ctypes.data, y.ctypes.data, y.ctypes.data, size)


def test_more_coefficients_than_code_is_made_for(monkeypatch):
    points = torch.rand(40, 2, dtype=F64)
    network = plain()
    whole = make_derivatives("fused", network, ("t", "x"))(points, burgers)
    monkeypatch.setattr(fused, "LARGEST", 3)
    monkeypatch.setattr(passes.CompiledPass, "forward", None)
    rest = make_derivatives("fused", network, ("t", "x"))(points, burgers)
    assert (whole - rest).abs().max() < 1e-13


def test_a_layer_that_takes_the_place_of_another_is_seen():
    network = make_network("mlp", Coordinates(((0.0, 1.0),) * 2, (False, True)), 1, OPTIONS)
    points = torch.rand(9, 2, dtype=F64)
    derivatives = make_derivatives("fused", network, ("t", "x"))

    def check():
        truth = make_derivatives("nested", network, ("t", "x"))(points, burgers)
        for _ in range(2):
            assert (derivatives(points, burgers) - truth).abs().max() < 1e-12

    check()
    network.layers[1] = nn.Linear(6, 6, dtype=F64)
    check()
    network.layers[0].weight = nn.Parameter(torch.randn(6, 3, dtype=F64))
    check()
    points += 0.01
    check()


class Computed(nn.Module):
    """Layers that are computed from the parameters, turned, or of one bias for all units."""

    def __init__(self):
        super().__init__()
        self.coordinates = Coordinates(((0.0, 1.0), (0.0, 1.0)), (False, False))
        self.scale = nn.Parameter(torch.rand(7, 1, dtype=F64))
        self.first = nn.Parameter(torch.randn(7, 2, dtype=F64))
        self.second = nn.Parameter(torch.randn(7, 5, dtype=F64))
        self.bias = nn.Parameter(torch.randn(1, dtype=F64))
        self.last = nn.Linear(5, 1).double()

    def forward(self, points):
        y = nn.functional.linear(self.coordinates(points), self.scale * self.first).tanh()
        return self.last(nn.functional.linear(y, self.second.T, self.bias).tanh())


def test_layers_may_be_computed():
    torch.manual_seed(0)
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(2, 7))
    coordinates = Coordinates(((0.0, 1.0), (0.0, 1.0)), (False, False))
    for network in (
        Computed(),
        nn.Sequential(coordinates, normed, nn.Tanh(), nn.Linear(7, 1)).double(),
    ):
        parameters = list(network.parameters())
        nested, ours = (make_derivatives(r, network, ("t", "x")) for r in ("nested", "fused"))
        with torch.no_grad():
            ours(torch.rand(9, 2, dtype=F64), burgers)  # what is kept of it must not be the weights
        for _ in range(2):
            points = torch.rand(40, 2, dtype=F64)
            (value, slope), (expected, truth) = (
                way.slopes(points, burgers, lambda r: r.square().mean(), parameters)
                for way in (ours, nested)
            )
            assert abs(value - expected) <= 1e-13 * abs(expected)
            assert (slope - truth).abs().max() <= 1e-13 * truth.abs().max()
            with torch.no_grad():
                for p in parameters:
                    p.add_(0.1 * torch.randn_like(p))


def test_layers_that_do_not_follow_each_other_are_refused():
    network = nn.Sequential(nn.Linear(2, 7), nn.Tanh(), nn.Linear(9, 1)).double()
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        make_derivatives("fused", network, ("t", "x"))(torch.rand(9, 2, dtype=F64), burgers)


def test_memory_has_its_size_whatever_is_collected_meanwhile(monkeypatch):
    one = np.dtype(np.uint8)
    others = [passes.Memory(8, one)]

    class Collecting(np.ndarray):
        def __len__(self):
            others.clear()  # its memory goes to the shelf, which is full
            return super().__len__()

    shelf = [np.empty(20, np.uint8).view(Collecting), *(np.empty(1, np.uint8) for _ in range(3))]
    monkeypatch.setattr(passes, "SHELF", shelf)
    assert len(passes.Memory(20, one).array) == 20
