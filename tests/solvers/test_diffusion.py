"""The finite volume operator against exact solutions and against its own matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.diffusion import DiffusionOperator
from sobolev.solvers.elliptic import solve_diffusion

PI = np.pi


def cells(*shape, extent=((0.0, 1.0), (0.0, 1.0))):
    return Grid(extent, shape, centering="cell")


def exact(x, y):
    return np.exp(x) * np.sin(2 * PI * y + 0.3)


def coefficient(x, y):
    return 2 + np.sin(3 * x) * np.cos(2 * y)


def source(x, y):
    """-div(a grad u) by hand for `coefficient` and `exact`."""
    u, u_y = exact(x, y), 2 * PI * np.exp(x) * np.cos(2 * PI * y + 0.3)
    a_x, a_y = 3 * np.cos(3 * x) * np.cos(2 * y), -2 * np.sin(3 * x) * np.sin(2 * y)
    return -(a_x * u + a_y * u_y + coefficient(x, y) * (1 - 4 * PI**2) * u)


def test_order_two_with_a_smooth_coefficient_and_boundary_values():
    sizes = np.array([16, 24, 32, 48, 64, 96])
    errors = []
    for n in sizes:
        grid = cells(n, 2 * n, extent=((0.0, 1.0), (-0.5, 1.0)))
        x, y = grid.coordinates()
        solution = solve_diffusion(
            coefficient(x, y)[None], source(x, y), grid, 1e-11, boundary=exact
        )
        assert solution.converged.all()
        errors.append(np.sqrt(np.mean((solution.fields[0] - exact(x, y)) ** 2)))
    order = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(order - 2) < 0.2


def test_exact_where_the_coefficient_jumps_on_a_face():
    """u piecewise linear, a u_x continuous: harmonic face coefficients make no error."""
    grid = cells(10, 6)
    x, _ = grid.coordinates()
    a = np.where(x < 0.4, 1.0, 5.0)
    u = np.where(x < 0.4, 5 * x, 2 + (x - 0.4))
    x_side = np.where(grid.axes[0] < 0.4, 5 * grid.axes[0], 2 + grid.axes[0] - 0.4)
    boundary = ((0.0, 2.6), (x_side, x_side))
    solution = solve_diffusion(a[None], 0.0, grid, 1e-12, boundary=boundary)
    np.testing.assert_allclose(solution.fields[0], u, atol=1e-11)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_matrix_free_product_is_the_matrix(n0, n1, seed, length):
    grid = cells(n0, n1, extent=((0.0, length), (1.0, 2.0)))
    rng = np.random.default_rng(seed)
    A = DiffusionOperator(np.exp(3 * rng.normal(size=grid.shape)), grid)
    u = rng.normal(size=grid.shape)
    matrix = A.to_csr()
    bound = 4 * np.finfo(float).eps * (abs(matrix) @ np.abs(u.ravel()))
    assert np.all(np.abs(A.matvec(u).ravel() - matrix @ u.ravel()) <= bound)
    np.testing.assert_array_equal(A @ u.ravel(), A.matvec(u).ravel())
    np.testing.assert_allclose(matrix.diagonal(), A.diagonal.ravel(), rtol=1e-15)
    dense = matrix.toarray()
    np.testing.assert_array_equal(dense, dense.T)
    assert np.linalg.eigvalsh(dense).min() > 0


def test_boundary_values_in_three_spellings():
    grid = cells(5, 7, extent=((0.0, 2.0), (0.0, 1.0)))
    a = np.exp(np.random.default_rng(0).normal(size=grid.shape))
    A = DiffusionOperator(a, grid)
    # A constant solves the equation with f = 0.
    np.testing.assert_allclose(A.boundary_source(3.0), 3 * A.matvec(np.ones(grid.shape)), atol=1e-9)
    x, y = grid.axes
    by_function = A.boundary_source(lambda x, y: x + 10 * y)
    by_values = A.boundary_source(((10 * y, 2 + 10 * y), (x, x + 10)))
    np.testing.assert_allclose(by_function, by_values, rtol=1e-14)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_illegal_coefficient_is_named(value):
    a = np.ones((4, 5))
    a[2, 3] = value
    with pytest.raises(InputError, match=r"at cell \(2, 3\)"):
        DiffusionOperator(a, cells(4, 5))


@pytest.mark.parametrize(
    "grid",
    [
        Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4)),
        Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), periodic=True),
        Grid(((0.0, 1.0),), (4,), centering="cell"),
    ],
)
def test_other_grids_are_refused(grid):
    with pytest.raises(InputError, match="cell-centred"):
        DiffusionOperator(np.ones(grid.shape), grid)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="shape"):
        DiffusionOperator(np.ones((4, 5)), cells(5, 4))
    with pytest.raises(InputError, match="boundary values on axis 0"):
        DiffusionOperator(np.ones((4, 5)), cells(4, 5)).boundary_source(
            ((np.zeros(3), 0.0), (0.0, 0.0))
        )
