"""Expressions of given derivatives: against closed forms, and against nested reverse mode."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sobolev.geometry.calculus import functions as fn
from sobolev.geometry.errors import InputError
from sobolev.pinns.derivatives.expressions import evaluate, required
from sobolev.pinns.derivatives.readings import Nested, Taylor

F64 = torch.float64


def test_what_residuals_need():
    def burgers(u, d, x):
        return d(u, "t") + u * d(u, "x") - 0.01 * d(u, "xx")

    assert required(burgers, ("t", "x")) == {"u": ((0, 0), (0, 1), (1, 0), (0, 2))}
    fluxes = required(lambda u, d, x: d.diffusion(u[1], u[0]), ("x", "y"), ("u", "a"))
    assert fluxes["u"] == ((0, 0), (0, 1), (1, 0), (0, 2), (2, 0))
    assert fluxes["a"] == ((0, 0), (0, 1), (1, 0))
    assert required(lambda u, d, x: u - 1.0, ("x",)) == {"u": ((0,),)}
    mixed = required(lambda u, d, x: d(x["t"] * fn.sin(u), "tx"), ("t", "x"))
    assert mixed == {"u": ((0, 0), (0, 1), (1, 0), (1, 1))}


def test_against_closed_forms():
    # u = sin(x) e^t and a = 2 + x t, all derivatives given by hand.
    t, x = torch.linspace(0.1, 1.0, 9, dtype=F64), torch.linspace(0.2, 1.4, 9, dtype=F64)
    table = {
        (i, j): torch.exp(t) * torch.sin(x + j * math.pi / 2) for i in range(3) for j in range(4)
    }

    def function(u, d, x):
        a = 2.0 + x["x"] * x["t"]
        return d.diffusion(a, u), d(fn.exp(u) / a, "t"), d(u**-2 * fn.sqrt(a), "xx")

    u, u_x, a = table[0, 0], table[0, 1], 2.0 + x * t
    flux, rate, curved = evaluate(function, {"u": table}, {"t": t, "x": x})
    assert torch.allclose(flux, t * u_x - a * u, rtol=1e-14)
    assert torch.allclose(rate, torch.exp(u) * (u / a - x / a**2), rtol=1e-13)
    # (f g)'' = f'' g + 2 f' g' + f g'' with f = u^-2, g = sqrt(a), g' = t / (2 g)
    f, f_x, f_xx = u**-2, -2 * u**-3 * u_x, 6 * u**-4 * u_x**2 + 2 * u**-2
    g = a.sqrt()
    by_hand = f_xx * g + f_x * t / g - f * t**2 / (4 * g**3)
    assert torch.allclose(curved, by_hand, rtol=1e-12)


class Pair(nn.Module):
    """Two smooth unknowns."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.inner = nn.Parameter(torch.randn(5, 2, generator=generator, dtype=F64))
        self.outer = nn.Parameter(torch.randn(2, 5, generator=generator, dtype=F64))

    def forward(self, points):
        return nn.functional.linear(
            torch.tanh(nn.functional.linear(points, self.inner)), self.outer
        )


LEAVES = st.sampled_from(["u", "v", "t", "x", "1.5"])


def extend(inner):
    pairs = st.tuples(st.sampled_from("+-*/"), inner, inner)
    calls = st.tuples(
        st.sampled_from(["sin", "cos", "tanh", "exp", "sinh", "square", "cube", "root"]), inner
    )
    return pairs | calls | st.tuples(st.just("d"), inner, st.sampled_from(["x", "t", "xx", "tx"]))


EXPRESSIONS = st.recursive(LEAVES, extend, max_leaves=6)


def order(tree):
    """The highest derivative of an unknown in it, at most."""
    if isinstance(tree, str):
        return 0
    inner = max(order(part) for part in tree[1:])
    return inner + len(tree[2]) if tree[0] == "d" else inner


def read(tree, u, d, x):
    if isinstance(tree, str):
        values = {"u": u[0], "v": u[1], "t": x["t"], "x": x["x"]}
        return values[tree] if tree in values else float(tree)
    head, *rest = tree
    if head == "d":
        return d(read(rest[0], u, d, x), rest[1])
    parts = [read(part, u, d, x) for part in rest]
    if head in "+-*/":
        a, b = parts
        return {"+": a + b, "-": a - b, "*": a * b, "/": a / (2.0 + b * b)}[head]
    (a,) = parts
    if head in ("square", "cube", "root"):
        return {"square": a**2, "cube": a**3, "root": (2.0 + a * a) ** 0.5}[head]
    return getattr(fn, head)(fn.sin(a) if head in ("exp", "sinh") else a)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(EXPRESSIONS.filter(lambda tree: 0 < order(tree) <= 6))
def test_random_expressions_agree_with_nested_reverse_mode(tree):
    network, names = Pair(), (("t", "x"), ("u", "v"))
    points = torch.tensor([[0.1, -0.3], [0.7, 0.2], [0.4, 0.9]], dtype=F64)

    def function(u, d, x):
        return u[0] * u[1] + read(tree, u, d, x)

    results = []
    for reading in (Nested, Taylor):
        value = reading(network, *names)(points, function)
        slopes = torch.autograd.grad(value.sum(), list(network.parameters()))
        results.append([value.detach(), *slopes])
    for truth, ours in zip(*results, strict=True):
        assert (truth - ours).abs().max() <= 1e-10 * (1.0 + truth.abs().max())


@pytest.mark.parametrize("reading", [Nested, Taylor])
def test_refusals(reading):
    derivatives = reading(Pair(), ("t", "x"), ("u", "v"))
    points = torch.rand(4, 2, dtype=F64)
    values = torch.rand(4, dtype=F64)
    with pytest.raises(InputError, match="expected a function of 'x' to differentiate, got val"):
        derivatives(points, lambda u, d, x: d(values, "x"))
    with pytest.raises(InputError, match=r"expected points of shape \(n, 2\), got \(4, 1\)"):
        derivatives(points[:, :1], lambda u, d, x: u[0])
    with pytest.raises(InputError, match=r"values of shape \(n, 1\) for \('u',\), got \(4, 2\)"):
        reading(Pair(), ("t", "x"))(points, lambda u, d, x: u)


def test_a_field_of_which_only_the_values_are_known_is_no_constant():
    derivatives = Taylor(Pair(), ("t", "x"), ("u", "v"))
    points, values = torch.rand(4, 2, dtype=F64), torch.rand(4, dtype=F64)
    weighted = derivatives(points, lambda u, d, x: values * d(u[0], "x"))
    assert torch.equal(weighted, values * derivatives(points, lambda u, d, x: d(u[0], "x")))
    with pytest.raises(InputError, match="got values at points"):
        derivatives(points, lambda u, d, x: d(values * d(u[0], "x"), "x"))
    with pytest.raises(InputError, match="branches on values"):
        derivatives(points, lambda u, d, x: u[0] if u[0] else u[1])


def test_without_gradients_there_is_no_graph():
    for reading in (Nested, Taylor):
        derivatives = reading(Pair(), ("t", "x"), ("u", "v"))
        with torch.no_grad():
            result = derivatives(torch.rand(4, 2, dtype=F64), lambda u, d, x: d(u[0], "xx"))
        assert not result.requires_grad
