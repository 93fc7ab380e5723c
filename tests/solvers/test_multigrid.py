"""The multigrid cycle: iterations flat in the size, any size, and stalls that are noticed."""

import numpy as np
import pytest

from sobolev.geometry.grid import Grid
from sobolev.solvers import multigrid
from sobolev.solvers.diffusion import DiffusionOperator
from sobolev.solvers.elliptic import solve_diffusion
from sobolev.solvers.krylov.gmres import gmres
from sobolev.solvers.multigrid import Multigrid, Workspace


def cells(shape, extent=((0.0, 1.0), (0.0, 1.0))):
    return Grid(extent, shape, centering="cell")


def solve(a, grid, rtol=1e-8):
    A, x = DiffusionOperator(a, grid), np.empty(grid.shape)
    status, iterations, residual = Workspace(grid).solve(A, np.ones(grid.shape), rtol, x, 100)
    true = np.linalg.norm(1 - A.matvec(x)) / np.sqrt(x.size)
    # The solver forms the residual of the scaled system in another order.
    rounding = 4e-16 * np.linalg.norm(A.diagonal * np.abs(x)) / np.sqrt(x.size)
    assert abs(residual - true) <= rounding + 1e-12 * true
    return status, iterations, residual


@pytest.mark.parametrize("shape", [(32, 32), (64, 64), (128, 128), (256, 256)])
@pytest.mark.parametrize("kind, limit", [("threshold", 9), ("lognormal", 12), ("noise", 14)])
def test_iterations_do_not_grow(coefficients, kind, limit, shape):
    for seed in range(3):
        status, iterations, residual = solve(coefficients(kind, shape, seed), cells(shape))
        assert status == multigrid.CONVERGED
        assert residual <= 1e-8
        assert iterations <= limit


@pytest.mark.parametrize(
    "shape", [(37, 100), (100, 37), (65, 65), (127, 63), (421, 421), (5, 211), (6, 7)]
)
@pytest.mark.parametrize("kind", ["threshold", "lognormal"])
def test_any_size(coefficients, kind, shape):
    status, iterations, _ = solve(coefficients(kind, shape, 1), cells(shape))
    assert status == multigrid.CONVERGED
    assert iterations <= 14


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1), (2, 2), (4, 4), (5, 1), (1, 40), (5, 5)])
def test_tiny_grids(coefficients, shape):
    status, iterations, _ = solve(coefficients("noise", shape), cells(shape), 1e-12)
    assert status == multigrid.CONVERGED
    assert iterations <= 10


@pytest.mark.parametrize("stretch", [10.0, 1000.0])
def test_long_thin_cells(coefficients, stretch):
    """Only the short sides are coarsened until the cells are square."""
    for extent in (((0.0, stretch), (0.0, 1.0)), ((0.0, 1.0), (0.0, stretch))):
        grid = cells((64, 64), extent)
        status, iterations, _ = solve(coefficients("threshold", (64, 64), 2), grid)
        assert status == multigrid.CONVERGED
        assert iterations <= 14


def test_units_do_not_matter(coefficients):
    grid = cells((32, 32))
    a = coefficients("lognormal", (32, 32), 3)
    b = np.random.default_rng(0).normal(size=(32, 32))
    work, x, y = Workspace(grid), np.empty((32, 32)), np.empty((32, 32))
    first = work.solve(DiffusionOperator(a, grid), b, 1e-10, x, 100)
    second = work.solve(DiffusionOperator(a * 2.0**60, grid), b * 2.0**-600, 1e-10, y, 100)
    assert first[1] == second[1]
    np.testing.assert_allclose(y * 2.0**660, x, rtol=1e-9)


def test_a_stall_goes_to_the_direct_solver(coefficients):
    """Cell by cell 1 or 1e4 defeats the resistor network."""
    shape = (64, 64)
    a = np.where(np.random.default_rng(0).random((1, *shape)) > 0.5, 1e4, 1.0)
    status, _, residual = solve(a[0], cells(shape))
    assert status in (multigrid.STAGNATED, multigrid.MAXIMUM)
    assert residual > 1e-8
    solution = solve_diffusion(a, 1.0, cells(shape))
    assert solution.converged[0]
    assert solution.residual[0] <= 1e-8
    assert solution.reason[0].startswith("converged by the direct solver: multigrid stagnated at")
    assert solution.iterations[0] > 0


def test_a_tolerance_beyond_rounding_is_not_claimed(coefficients):
    shape = (64, 64)
    solution = solve_diffusion(coefficients("threshold", shape)[None], 1.0, cells(shape), 1e-17)
    assert not solution.converged[0]
    assert solution.residual[0] < 1e-11
    assert solution.reason[0].startswith("stagnated")


def test_as_a_preconditioner(coefficients):
    grid = cells((48, 80))
    A = DiffusionOperator(coefficients("threshold", grid.shape, 4), grid)
    result = gmres(A, np.ones(A.shape[0]), M=Multigrid(A), rtol=1e-9)
    assert result.converged
    assert result.iterations <= 12
    assert np.all(Multigrid(A) @ np.zeros(A.shape[0]) == 0)


def test_a_workspace_forgets_the_system_before(coefficients):
    grid = cells((33, 40))
    a, b = coefficients("lognormal", grid.shape, 5), np.ones(grid.shape)
    work, x, y = Workspace(grid), np.empty(grid.shape), np.empty(grid.shape)
    A = DiffusionOperator(a, grid)
    work.solve(A, b, 1e-8, x, 100)
    work.solve(DiffusionOperator(coefficients("sharp", grid.shape, 6), grid), 7 * b, 1e-8, y, 100)
    work.solve(A, b, 1e-8, y, 100)
    np.testing.assert_array_equal(x, y)
