"""Chebyshev points: exactness on polynomials, and rounding on what is entire."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.chebyshev import nodes
from sobolev.solvers.chebyshev.basis import ChebyshevBasis

SIZES = (2, 3, 4, 5, 16, 33)


@pytest.mark.parametrize("n", SIZES)
def test_transforms_are_sums_of_polynomials_and_inverses(n):
    c = np.random.default_rng(n).standard_normal((3, n))
    values = nodes.inverse(c)
    np.testing.assert_allclose(
        values, np.polynomial.chebyshev.chebval(nodes.points(n), c.T), atol=1e-13
    )
    np.testing.assert_allclose(nodes.forward(values), c, atol=1e-14)
    np.testing.assert_allclose(nodes.forward(values.T, 0), c.T, atol=1e-14)


@pytest.mark.parametrize("n", SIZES)
def test_weights_integrate_what_n_points_determine(n):
    degree = np.arange(n)
    exact = np.where(degree % 2 == 0, 2 / (degree + 1), 0)
    integrals = nodes.weights(n) @ nodes.points(n)[:, None] ** degree
    np.testing.assert_allclose(integrals, exact, atol=1e-15)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_both_derivatives_are_those_of_numpy(n, order):
    c = np.random.default_rng(n).standard_normal(n) / (1 + np.arange(n)) ** 4
    exact = np.polynomial.chebyshev.chebval(
        nodes.points(n), np.polynomial.chebyshev.chebder(c, order)
    )
    by_series = nodes.inverse(nodes.differentiate(nodes.forward(nodes.inverse(c)), order=order))
    by_matrix = nodes.differentiation_matrix(n, order) @ nodes.inverse(c)
    rounding = 1e-15 * max(n, 4) ** (2 * order)  # which no derivative at these points escapes
    np.testing.assert_allclose(by_series, exact, atol=rounding)
    np.testing.assert_allclose(by_matrix, exact, atol=rounding)
    np.testing.assert_allclose(
        nodes.differentiation_matrix(n, order) @ np.ones(n), 0, atol=rounding
    )


def test_interpolation_is_the_polynomial_on_points_between_them_and_at_ends():
    n = 40
    x = np.concatenate([nodes.points(n), np.linspace(-1, 1, 101)])
    found = nodes.interpolation_matrix(n, x) @ np.exp(nodes.points(n) * 3)
    np.testing.assert_allclose(found, np.exp(3 * x), rtol=1e-13)
    assert np.array_equal(found[:n], np.exp(nodes.points(n) * 3))


def test_a_box_differentiates_integrates_and_interpolates_to_rounding():
    basis = ChebyshevBasis(((-1.0, 2.0), (0.0, 1.0), (3.0, 4.0)), (24, 18, 20))
    x, y, z = basis.coordinates()
    u = np.exp(x * y) * np.sin(z)
    both = np.stack([u, 2 * u])
    np.testing.assert_allclose(
        basis.derivative(both, (1, 0, 1))[1], 2 * y * u / np.tan(z), atol=1e-9
    )
    np.testing.assert_allclose(basis.laplacian(u), (x * x + y * y - 1) * u, atol=1e-8)
    np.testing.assert_allclose(basis.inverse(basis.forward(both)), both, atol=1e-14)
    t = np.linspace(-1, 2, 400)  # the integral over y is known, that over x is a fine sum
    weights = np.full(400, 3 / 399.0)
    weights[[0, -1]] /= 2
    inner = np.where(t == 0, 1.0, np.expm1(t) / np.where(t == 0, 1.0, t))
    assert abs((basis.weights * u).sum() - weights @ inner * (np.cos(3) - np.cos(4))) < 1e-5
    grid = Grid(basis.extent, (5, 6, 7))
    gx, gy, gz = grid.coordinates()
    on_grid = basis.interpolate(both, grid)
    np.testing.assert_allclose(on_grid[0], np.exp(gx * gy) * np.sin(gz), atol=1e-13)
    at = np.stack([gx.ravel(), gy.ravel(), gz.ravel()], axis=1)
    np.testing.assert_allclose(basis.interpolate(both, at), on_grid.reshape(2, -1), atol=1e-13)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ChebyshevBasis(((0.0, 1.0),), (1,)),
        lambda: ChebyshevBasis(((1.0, 0.0),), (8,)),
        lambda: ChebyshevBasis(((0.0, 1.0),), (8,)).forward(np.zeros(7)),
        lambda: ChebyshevBasis(((0.0, 1.0),), (8,)).derivative(np.zeros(8), (1, 0)),
        lambda: ChebyshevBasis(((0.0, 1.0),), (8,)).interpolate(np.zeros(8), np.array([[1.5]])),
        lambda: ChebyshevBasis(((0.0, 1.0),), (8,)).interpolate(np.zeros(8), np.zeros(3)),
        lambda: ChebyshevBasis(((0.0, 1.0),), (8,)).interpolate(
            np.zeros(8), Grid(((0.0, 1.0),) * 2, (4, 4))
        ),
    ],
)
def test_what_fits_no_basis_is_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        wrong()
