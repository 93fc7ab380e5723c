"""Linear ordinary equations: exact solutions to rounding, banded matrices, bounded condition."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.solvers.chebyshev import nodes
from sobolev.solvers.chebyshev.ultraspherical import Condition, LinearEquation, conversion

VALUES = (Condition("low", (1.0,)), Condition("high", (1.0,)))


def points(n, left, right):
    return left + (right - left) * (1 + nodes.points(n)) / 2


@pytest.mark.parametrize("n", [128, 512, 4096])
def test_layers_and_oscillations_come_out_to_rounding_at_any_size(n):
    x = points(n, 0.0, 2.0)
    layers = LinearEquation((1.0, 0.0, -1e-4), (0.0, 2.0), n, VALUES)
    exact = (np.exp(-100 * x) + np.exp(100 * (x - 2))) / (1 + np.exp(-200))
    assert np.abs(layers.solve(np.zeros(n), (1.0, 1.0)) - exact).max() < 2e-14
    k = 40.0
    mixed = (Condition("low", (1.0,)), Condition("high", (0.3, 1.0)))
    waves = LinearEquation((k * k, 0.0, 1.0), (0.0, 2.0), n, mixed)
    u = np.sin(k * x + 0.3)
    data = (u[0], 0.3 * u[-1] + k * np.cos(2 * k + 0.3))
    assert np.abs(waves.solve(np.zeros(n), data) - u).max() < 1e-12


def test_any_order_and_several_right_hand_sides():
    n = 48
    x = points(n, 0.0, 2.0)
    ends = (
        Condition("low", (1.0,)), Condition("low", (0.0, 1.0)), Condition("high", (1.0,)),
        Condition("high", (0.0, 0.0, 1.0)),
    )  # fmt: skip
    beam = LinearEquation((2.0, -1.0, 0.5, 0.0, 1.0), (0.0, 2.0), n, ends)
    rates = np.array([0.5, -0.3])
    u = np.exp(rates[:, None] * x)
    f = (2 - rates + 0.5 * rates**2 + rates**4)[:, None] * u
    data = np.stack([u[:, 0], rates * u[:, 0], u[:, -1], rates**2 * u[:, -1]], axis=1)
    assert np.abs(beam.solve(f, data) - u).max() < 1e-13
    first = LinearEquation((1.0, 1.0), (0.0, 2.0), n, (Condition("low", (1.0,)),))
    assert np.abs(first.solve(np.zeros(n), (1.0,)) - np.exp(-x)).max() < 1e-14


def test_the_matrix_is_banded_and_its_condition_does_not_grow():
    conditions, fills = [], []
    for n in (64, 128, 256, 512):
        equation = LinearEquation((1.0, 0.0, -1.0), (-1.0, 1.0), n, VALUES)
        conditions.append(np.linalg.cond(equation.matrix.toarray()))
        rows, columns = equation.matrix[: n - 2].nonzero()
        assert (columns - rows).min() >= 0
        assert (columns - rows).max() <= 4
        fills.append(equation.factor_entries / n)
    assert max(conditions) / min(conditions) < 1.0001
    assert max(fills) < 15  # O(n) numbers
    collocation = [
        np.linalg.cond(nodes.differentiation_matrix(n, 2)[1:-1, 1:-1]) for n in (64, 256)
    ]
    assert collocation[1] / collocation[0] > 200  # what the points themselves would give: n^4


def test_conversions_are_identities_of_polynomials():
    """sum_k c_k T_k = sum_k d_k C_k^(2)."""
    from scipy.special import eval_gegenbauer

    n, x = 12, np.linspace(-1, 1, 30)
    c = np.random.default_rng(0).standard_normal(n)
    d = conversion(n, 0, 2) @ c
    series = sum(d[k] * eval_gegenbauer(k, 2, x) for k in range(n))
    np.testing.assert_allclose(series, np.polynomial.chebyshev.chebval(x, c), atol=1e-12)


@pytest.mark.parametrize(
    "arguments",
    [
        ((1.0, 0.0, 0.0), (0.0, 1.0), 32, VALUES),
        ((1.0, 0.0, 1.0), (0.0, 1.0), 32, VALUES[:1]),
        ((1.0, 0.0, 1.0), (0.0, 1.0), 3, VALUES),
        ((1.0,), (0.0, 1.0), 32, ()),
        ((1.0, 1.0), (0.0, 1.0), 32, (Condition("middle", (1.0,)),)),
        ((1.0, 1.0), (0.0, 1.0), 32, (Condition("low", (0.0,)),)),
        ((0.0, 0.0, 1.0), (0.0, 1.0), 32, (Condition("low", (0.0, 1.0)),) * 2),
    ],
)
def test_what_makes_no_equation_is_refused(arguments):
    with pytest.raises(InputError, match="expected"):
        LinearEquation(*arguments)


def test_wrong_right_hand_sides_are_refused():
    equation = LinearEquation((1.0, 0.0, -1.0), (-1.0, 1.0), 16, VALUES)
    with pytest.raises(InputError, match="expected f"):
        equation.solve(np.zeros(15), (0.0, 0.0))
    with pytest.raises(InputError, match="expected f"):
        equation.solve(np.zeros(16), (0.0,))
