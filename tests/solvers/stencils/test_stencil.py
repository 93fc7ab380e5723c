"""Stencils: exact on polynomials, composition, names of derivatives."""

import itertools

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.stencils.stencil import Stencil, derivative_stencil

H = 0.3


def monomial(k, derivative, x):
    factor = np.prod(np.arange(k - derivative + 1, k + 1)) if k >= derivative else 0.0
    return factor * x ** max(k - derivative, 0)


@pytest.mark.parametrize("order, derivative", list(itertools.product((2, 4, 6), (1, 2, 3, 4))))
def test_centred_differences_are_exact_up_to_their_order(order, derivative):
    stencil = Stencil.along(0, 1, derivative, order, H)
    points = 0.7 + H * np.array(stencil.offsets)[:, 0]
    for k in range(order + derivative):
        found = np.dot(stencil.weights, points**k)
        assert abs(found - monomial(k, derivative, 0.7)) < 1e-9
    beyond = order + derivative
    exact = monomial(beyond, derivative, 0.7)
    assert abs(np.dot(stencil.weights, points**beyond) - exact) > 1e-6


@pytest.mark.parametrize("order, side", list(itertools.product((1, 3, 5), (-1, 1))))
def test_upwind_differences(order, side):
    stencil = Stencil.along(0, 1, 1, order, H, side)
    points = 0.7 + H * np.array(stencil.offsets)[:, 0]
    for k in range(order + 1):
        assert abs(np.dot(stencil.weights, points**k) - monomial(k, 1, 0.7)) < 1e-10
    assert side * sum(o for (o,) in stencil.offsets) > 0


def test_composition_is_applying_twice():
    grid = Grid(((0.0, 2.0), (0.0, 3.0)), (8, 8), periodic=True)
    once, twice = (derivative_stencil(name, grid, 2) for name in ("laplacian", "bilaplacian"))
    u = np.random.default_rng(0).normal(size=grid.shape)

    def apply(stencil, field):
        parts = zip(stencil.offsets, stencil.weights, strict=True)
        return sum(w * np.roll(field, [-k for k in o], (0, 1)) for o, w in parts)

    np.testing.assert_allclose(apply(twice, u), apply(once, apply(once, u)), atol=1e-9)
    mixed = derivative_stencil("xy", grid, 2)
    along = derivative_stencil("x", grid, 2), derivative_stencil("y", grid, 2)
    np.testing.assert_allclose(apply(mixed, u), apply(along[0], apply(along[1], u)), atol=1e-12)


@pytest.mark.parametrize(
    "name, order", [("", 2), ("t", 2), ("x*", 2), ("x", 3), ("xx-", 2), ("x", 8), ("+", 2)]
)
def test_bad_names_and_orders_are_refused(name, order):
    grid = Grid(((0.0, 1.0),), (8,))
    with pytest.raises(InputError, match="expected"):
        derivative_stencil(name, grid, order)
