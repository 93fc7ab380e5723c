"""Sparse polynomials in one to twenty dimensions: what the bound promises, and honest refusals."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.solvers.chebyshev.basis import ChebyshevBasis
from sobolev.solvers.chebyshev.boundary import dirichlet
from sobolev.solvers.chebyshev.box import Box
from sobolev.solvers.chebyshev.lower_sets import LowerSet, axis_tables, grown, vandermonde
from sobolev.solvers.chebyshev.sparse import _Equation, solve_sparse


def unit(dimension):
    return ((0.0, 1.0),) * dimension


def points(dimension, count=500):
    return np.random.default_rng(3).random((count, dimension))


def decay(dimension):
    return 2.0 ** -np.arange(dimension)


def exponential(dimension):
    """u and -lap u."""
    c = decay(dimension)
    return lambda x: np.exp(-x @ c), lambda x: -(c @ c) * np.exp(-x @ c)


def oscillating(dimension):
    c = 2 * decay(dimension)
    return lambda x: np.cos(1 + x @ c), lambda x: (c @ c) * np.cos(1 + x @ c)


def rational(dimension):
    c = decay(dimension)
    return lambda x: 1 / (1 + x @ c), lambda x: -2 * (c @ c) / (1 + x @ c) ** 3


def product_of_sines(dimension):
    """Every variable counts alike, and all terms but those of high degree vanish on the faces."""
    return (
        lambda x: np.prod(np.sin(np.pi * x), axis=1),
        lambda x: dimension * np.pi**2 * np.prod(np.sin(np.pi * x), axis=1),
    )


def chain(dimension):
    """Products of neighbours, all harmonic."""
    return (
        lambda x: (np.exp(x[:, :-1]) * np.cos(x[:, 1:])).sum(axis=1),
        lambda x: np.zeros(len(x)),
    )


@pytest.mark.parametrize(
    ("make", "dimension", "tolerance"),
    [
        (exponential, 1, 1e-10),
        (exponential, 2, 1e-11),
        (exponential, 5, 1e-7),
        (exponential, 10, 1e-5),
        (exponential, 20, 1e-4),
        (oscillating, 3, 1e-7),
        (oscillating, 10, 1e-2),
        (rational, 5, 1e-4),
        (product_of_sines, 4, 1e-5),
        (chain, 10, 1e-6),
    ],
)
def test_bound_is_below_the_tolerance_and_the_error_far_below_both(make, dimension, tolerance):
    """The bound is by the worst point of the second derivatives: ten times off or more."""
    u, f = make(dimension)
    found = solve_sparse(f, u, unit(dimension), tolerance)
    x = points(dimension)
    exact = u(x)
    size = np.abs(exact).max()
    assert found.bound < 2 * tolerance * size
    assert np.abs(found(x) - exact).max() < min(found.bound, tolerance * size) / 10


def test_unequal_boxes_and_both_coefficients():
    extent = ((-1.0, 2.0), (0.0, 0.5), (3.0, 7.0))
    c = np.array([0.4, -1.5, 0.3])
    sigma, a = 2.5, 0.7

    def u(x):
        return np.sin(x @ c)

    found = solve_sparse(lambda x: (sigma + a * c @ c) * u(x), u, extent, 1e-9, sigma, a)
    low, high = np.array(extent).T
    x = low + (high - low) * points(3)
    assert np.abs(found(x) - u(x)).max() < 1e-10


def test_polynomials_are_found_to_rounding_with_their_own_degrees():
    def u(x):
        return x[:, 0] ** 2 * x[:, 3] - x[:, 1] * x[:, 2] ** 3 + 1

    found = solve_sparse(lambda x: 6 * x[:, 1] * x[:, 2] - 2 * x[:, 3], u, unit(4), 1e-11)
    corners = np.indices((2,) * 4).reshape(4, -1).T
    for x in (points(4), corners):
        assert np.abs(found(x) - u(x)).max() < 1e-12


def nothing(x):
    return np.zeros(len(x))


def test_zero_is_solved_by_zero():
    found = solve_sparse(nothing, nothing, unit(6), 1e-8)
    assert found.bound == 0
    assert not found(points(6)).any()


@pytest.mark.parametrize(("extent", "sigma"), [(((0, 1), (0, 1)), 0.0), (((0, 2), (1, 2)), 3.0)])
def test_largest_response_is_that_of_the_dense_solver(extent, sigma):
    response = _Equation(nothing, nothing, extent, sigma, 0.5).largest_response()
    basis = ChebyshevBasis(extent, (41, 41))
    dense = Box(basis, dirichlet()).solve(np.ones(basis.shape), sigma, 0.5)
    assert response == pytest.approx(dense.max(), rel=1e-8)


def test_set_fits_and_differentiates_its_polynomials():
    basis = LowerSet(np.array([[4, 1, 0], [0, 2, 3], [1, 1, 1]]))
    known = {tuple(k) for k in basis.indices.tolist()}
    for k in known:
        for axis in np.flatnonzero(k):
            assert tuple(np.subtract(k, np.eye(3, dtype=int)[axis]).tolist()) in known
    c = np.random.default_rng(0).standard_normal(basis.size)
    x = 2 * points(3, 301) - 1
    tables = [vandermonde(one, 5) for one in x.T]
    direct = sum(
        value * np.prod([table[:, k] for table, k in zip(tables, index, strict=True)], axis=0)
        for value, index in zip(c, basis.indices, strict=True)
    )
    np.testing.assert_allclose(basis.evaluate(c[None], x)[0], direct, rtol=0, atol=1e-12)
    values = basis.evaluate(c[None], basis.nodes)[0]
    np.testing.assert_allclose(basis.fit(values), c, rtol=0, atol=1e-12)
    # u(x, y, z) = 2 x^4 y has u_xx = 24 x^2 y.
    fitted = basis.fit(2 * basis.nodes[:, 0] ** 4 * basis.nodes[:, 1])
    second = basis.along(axis_tables().curvature, 0) @ fitted
    np.testing.assert_allclose(
        basis.evaluate(second[None], x)[0], 24 * x[:, 0] ** 2 * x[:, 1], rtol=0, atol=1e-12
    )


def test_growth_takes_two_steps_along_every_axis():
    assert grown(np.array([[1, 0]])).tolist() == [[1, 0], [2, 0], [1, 1], [3, 0], [1, 2]]


def test_what_is_not_smooth_at_the_faces_is_refused():
    with pytest.raises(InputError, match="no longer falling"):
        solve_sparse(lambda x: np.ones(len(x)), nothing, unit(2), 1e-4)


def test_too_many_terms_are_refused_with_their_number():
    u, f = exponential(8)
    with pytest.raises(InputError, match=r"at most 500 terms, got .*e-0\d, .* takes \d+ terms"):
        solve_sparse(f, u, unit(8), 1e-6, terms=500)
    with pytest.raises(InputError, match="got none yet, the next set takes 17 terms"):
        solve_sparse(f, u, unit(8), 1e-6, terms=10)


def test_degrees_above_the_highest_are_refused():
    with pytest.raises(InputError, match="degree 63 along an axis resolves, got degree 64"):
        LowerSet(np.array([[64, 0]]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"f": lambda x: np.full(len(x), np.nan)}, "finite values of f"),
        ({"g": lambda x: np.full(len(x), np.inf)}, "finite values of g"),
        ({"f": lambda x: 1.0}, "f of shape"),
        ({"g": lambda x: x}, "g of shape"),
        ({"extent": ()}, "one axis or more"),
        ({"extent": ((0.0, 1.0), (0.0,))}, "one axis or more"),
        ({"extent": ((0.0, 0.0),)}, "left < right"),
        ({"extent": ((0.0, np.inf),)}, "finite ends"),
        ({"tolerance": 0.0}, "tolerance above 0"),
        ({"tolerance": np.nan}, "tolerance above 0"),
        ({"sigma": -1.0}, "sigma from 0"),
        ({"a": 0.0}, "a above 0"),
    ],
)
def test_what_describes_no_equation_is_refused(changes, message):
    given = {
        "f": lambda x: np.ones(len(x)), "g": lambda x: np.ones(len(x)), "extent": unit(2),
        "tolerance": 1e-3,
    }  # fmt: skip
    with pytest.raises(InputError, match=message):
        solve_sparse(**(given | changes))


@pytest.mark.parametrize("wrong", [np.zeros(2), np.zeros((4, 3)), np.full((1, 2), 1.1)])
def test_points_elsewhere_are_refused(wrong):
    found = solve_sparse(lambda x: 0 * x[:, 0], lambda x: x[:, 0], unit(2), 1e-3)
    with pytest.raises(InputError, match="expected points"):
        found(wrong)
