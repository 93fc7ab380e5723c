"""The compiled passes: blocks, chains that begin and end anywhere, several backward passes."""

import numpy as np
import pytest
import torch
from torch import nn

from sobolev.pinns.derivatives import fused, products, strips
from sobolev.pinns.derivatives.readings import make_derivatives

F64 = torch.float64


def burgers(u, d, x):
    return d(u, "t") + u * d(u, "x") - 0.01 * d(u, "xx")


def plain(outputs=1):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(2, 7), nn.Tanh(), nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, outputs)
    ).double()


@pytest.mark.parametrize("n", [1, fused.BLOCK - 1, fused.BLOCK, 2 * fused.BLOCK + 3])
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
    passes = []
    inner = fused.CompiledPass.forward

    def counted(ctx, features, spec, *layers):
        passes.append(len(layers) // 2)
        return inner(ctx, features, spec, *layers)

    monkeypatch.setattr(fused.CompiledPass, "forward", staticmethod(counted))
    network = plain(2)
    derivatives = make_derivatives("fused", network, ("t", "x"), ("u", "v"))
    derivatives(torch.rand(9, 2, dtype=F64), lambda u, d, x: d(u[0], "x") + d(u[1], "tt"))
    assert passes == [3]


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
    network, points = plain(), torch.rand(3 * fused.BLOCK, 2, dtype=F64)
    derivatives = make_derivatives("fused", network, ("t", "x"))
    with torch.no_grad():
        whole = derivatives(points, burgers)
        parts = [derivatives(part, burgers) for part in points.split(fused.BLOCK)]
    assert torch.equal(whole, torch.cat(parts))


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
def test_the_exponential_to_rounding(dtype):
    x = np.concatenate([np.linspace(-30, 30, 2000), np.logspace(-12, 0, 200), [1e9, -1e9]])
    x = x.astype(dtype)
    floats, integers = strips.constants(dtype)
    out, work = np.empty_like(x), np.empty_like(x)
    bits = work.view(integers.dtype)
    strips.exponential_minus_one(x, out, len(x), floats, integers, work, bits)
    limit = floats[4].astype(np.float64)
    truth = np.expm1(np.clip(x.astype(np.longdouble), -limit, limit))
    assert np.abs(out / truth - 1).max() < 3 * np.finfo(dtype).eps
