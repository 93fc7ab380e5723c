"""The robust tier: high contrast in few iterations, and who answers when all else stalls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.grid import Grid
from sobolev.solvers.diffusion import DiffusionOperator
from sobolev.solvers.elliptic import solve_diffusion
from sobolev.solvers.krylov.cg import cg
from sobolev.solvers.multigrid import MultigridCG
from sobolev.solvers.multigrid.blackbox import BlackBoxMultigrid


def cells(shape, periodic=False):
    return Grid(((0.0, 1.0),) * len(shape), shape, periodic=periodic, centering="cell")


def inclusions(shape, contrast, seed=0):
    """Twenty sharp discs or balls of another coefficient."""
    rng = np.random.default_rng(seed)
    points = cells(shape).coordinates()
    a = np.ones(shape)
    for _ in range(20):
        centre, radius = rng.random(len(shape)), rng.uniform(0.04, 0.12)
        a[radius**2 > np.sum((points.T - centre) ** 2, axis=-1).T] = contrast
    return a


def layers(shape, contrast):
    a = np.ones(shape)
    a[(np.arange(shape[0]) * 12 // shape[0]) % 2 == 1] = contrast
    return a


def iterations(a, sides="dirichlet", periodic=False):
    A = DiffusionOperator(a, cells(a.shape, periodic), sides)
    b = np.ones(A.shape[0])
    if A.singular:
        b = np.random.default_rng(0).normal(size=A.shape[0])
        b -= np.mean(b)
    result = cg(A, b, M=BlackBoxMultigrid(A), rtol=1e-8, max_iterations=60)
    assert result.converged, result.reason
    return result.iterations


@pytest.mark.parametrize("n", [32, 64, 128])
@pytest.mark.parametrize("contrast", [1e4, 1e-4])
def test_iterations_on_inclusions_do_not_grow(n, contrast):
    assert iterations(inclusions((n, n), contrast)) <= 13


@pytest.mark.parametrize("n", [12, 24, 36])
@pytest.mark.parametrize("contrast", [1e4, 1e-4])
def test_iterations_on_balls_do_not_grow(n, contrast):
    assert iterations(inclusions((n, n, n), contrast)) <= 19


def test_layers_and_a_sharp_random_field(coefficients):
    assert iterations(layers((100, 37), 1e3)) <= 11
    assert iterations(layers((31, 22, 17), 1e3)) <= 15
    assert iterations(coefficients("sharp", (128, 128), 3)) <= 15


@pytest.mark.parametrize("shape", [(64, 45), (45, 64), (20, 15, 17)])
@pytest.mark.parametrize("periodic", [True, False])
def test_without_a_dirichlet_side(shape, periodic):
    assert iterations(inclusions(shape, 1e4), "neumann", periodic) <= 22


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_cycle_is_symmetric_and_positive(data):
    ndim = data.draw(st.integers(2, 3))
    shape = tuple(data.draw(st.integers(1, 24 if ndim == 2 else 9)) for _ in range(ndim))
    periodic = tuple(data.draw(st.booleans()) for _ in range(ndim))
    sides = st.tuples(*[st.sampled_from(["dirichlet", "neumann"])] * 2)
    conditions = tuple(data.draw(sides) for _ in range(ndim))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    a = np.exp(3 * rng.normal(size=shape))
    A = DiffusionOperator(a, cells(shape, periodic), conditions)
    M = BlackBoxMultigrid(A)
    u, v = rng.normal(size=(2, A.shape[0]))
    if A.singular:
        u, v = u - np.mean(u), v - np.mean(v)
    size = np.linalg.norm(M @ u) * np.linalg.norm(v) + np.linalg.norm(M @ v) * np.linalg.norm(u)
    assert abs(v @ (M @ u) - u @ (M @ v)) <= 1e-9 * size
    if np.linalg.norm(u):
        assert u @ (M @ u) > 0


@pytest.mark.parametrize("shape", [(64, 64), (32, 32, 32)])
def test_inclusions_go_to_the_black_box(shape):
    """They defeat the resistor network."""
    solution = solve_diffusion(inclusions(shape, 1e4)[None], 1.0, cells(shape))
    assert solution.converged[0]
    assert solution.reason[0].startswith("converged by black-box multigrid: multigrid stagnated at")
    assert solution.iterations[0] <= 40


def test_a_stall_goes_to_the_direct_solver():
    """Cell by cell 1 or 1e4 defeats both tiers."""
    shape = (64, 64)
    rough = np.where(np.random.default_rng(0).random((1, *shape)) > 0.5, 1e4, 1.0)
    solution = solve_diffusion(rough, 1.0, cells(shape))
    assert solution.converged[0]
    assert solution.residual[0] <= 1e-8
    assert solution.reason[0].startswith("converged by the direct solver: multigrid stagnated at")


def test_a_singular_matrix_reaches_the_direct_solver():
    shape = (48, 48)
    rough = np.where(np.random.default_rng(0).random(shape) > 0.5, 1e4, 1.0)
    A = DiffusionOperator(rough, cells(shape), "neumann")
    b = A @ np.random.default_rng(1).normal(size=A.shape[0])
    result = MultigridCG().solve(A, b, 1e-8)
    assert result.converged
    assert result.reason.startswith("converged by the direct solver")
    assert np.linalg.norm(b - A @ result.x) <= 1e-8 * np.linalg.norm(b)
    assert abs(np.mean(result.x)) <= 1e-10 * np.abs(result.x).max()
