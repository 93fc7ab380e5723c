"""The multigrid cycle: iterations flat in the size, any size, and stalls that are noticed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers import multigrid
from sobolev.solvers.diffusion import DiffusionOperator
from sobolev.solvers.direct import Direct
from sobolev.solvers.elliptic import solve_diffusion
from sobolev.solvers.krylov.gmres import gmres
from sobolev.solvers.multigrid import Multigrid, MultigridCG, Workspace, colours, layout
from sobolev.solvers.multigrid.colours import colour_layout
from sobolev.solvers.multigrid.layout import level_layout
from sobolev.solvers.multigrid.solver import solve_directly


def cells(shape, extent=None, periodic=False):
    extent = extent or ((0.0, 1.0),) * len(shape)
    return Grid(extent, shape, periodic=periodic, centering="cell")


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


@pytest.mark.parametrize("n", [16, 32, 48, 64])
@pytest.mark.parametrize("kind, limit", [("threshold", 9), ("lognormal", 11), ("noise", 12)])
def test_iterations_do_not_grow_in_three_dimensions(coefficients, kind, limit, n):
    status, iterations, residual = solve(coefficients(kind, (n,) * 3, 1), cells((n,) * 3))
    assert status == multigrid.CONVERGED
    assert residual <= 1e-8
    assert iterations <= limit


@pytest.mark.parametrize(
    "shape",
    [
        *((37, 100), (100, 37), (65, 65), (127, 63), (421, 421), (5, 211), (6, 7)),
        *((17, 31, 23), (9, 50, 12), (5, 6, 61), (33, 33, 33), (1, 20, 20), (20, 20, 1)),
    ],
)
@pytest.mark.parametrize("kind", ["threshold", "lognormal"])
def test_any_size(coefficients, kind, shape):
    status, iterations, _ = solve(coefficients(kind, shape, 1), cells(shape))
    assert status == multigrid.CONVERGED
    assert iterations <= 14


@pytest.mark.parametrize(
    "shape",
    [
        *((1, 1), (1, 2), (3, 1), (2, 2), (4, 4), (5, 1), (1, 40), (5, 5)),
        *((1, 1, 1), (2, 1, 3), (3, 5, 2), (1, 1, 30)),
    ],
)
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


@st.composite
def systems(draw):
    """Any shape, sides, smooth or rough coefficient; b in the range of A."""
    ndim = draw(st.integers(2, 3))
    shape = tuple(draw(st.integers(1, 40 if ndim == 2 else 14)) for _ in range(ndim))
    periodic = tuple(draw(st.booleans()) for _ in range(ndim))
    sides = st.tuples(*[st.sampled_from(["dirichlet", "neumann"])] * 2)
    conditions = tuple(draw(sides) for _ in range(ndim))
    grid = cells(shape, tuple((0.0, draw(st.sampled_from([1.0, 4.0]))) for _ in shape), periodic)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    a = np.exp(rng.normal(size=shape))
    if draw(st.booleans()):
        a = np.where(a > 1, 12.0, 3.0)
    reaction = draw(st.sampled_from([0.0, 2.0])) * rng.random(shape)
    A = DiffusionOperator(a, grid, conditions, reaction)
    b = rng.normal(size=A.shape[0])
    return A, b - np.mean(b) if A.singular else b


@settings(max_examples=60, deadline=None)
@given(systems(), st.sampled_from([1e-6, 1e-8, 1e-10]))
def test_every_kind_of_side_agrees_with_superlu(drawn, rtol):
    A, b = drawn
    result = MultigridCG().solve(A, b, rtol)
    size = np.linalg.norm(b)
    assert result.converged
    assert result.reason == "converged"
    assert result.iterations <= 20
    assert np.linalg.norm(b - A.to_csr() @ result.x) <= (rtol + 1e-12) * size
    exact = solve_directly(Direct("superlu", symmetric=True, positive=True), A, b, 1e-10).x
    assert np.linalg.norm(A @ (result.x - exact)) <= 1.01 * (rtol + 1e-10) * size
    if A.singular:
        assert abs(np.mean(result.x)) <= 1e-10 * (np.abs(result.x).max() + 1e-300)


def test_an_inconsistent_right_hand_side_is_a_breakdown(coefficients):
    shape = (24, 17)
    A = DiffusionOperator(coefficients("threshold", shape), cells(shape), "neumann")
    b = np.random.default_rng(0).normal(size=A.shape[0])
    solver = MultigridCG()
    result = solver.solve(A, b, 1e-8)
    assert not result.converged
    assert result.reason.startswith("breakdown: inconsistent right-hand side")
    assert result.residual == pytest.approx(abs(b.sum()) / np.sqrt(b.size) / np.linalg.norm(b))
    # A mean within the tolerance does no harm.
    b -= np.mean(b)
    b += 0.4e-8 * np.linalg.norm(b) / np.sqrt(b.size)
    result = solver.solve(A, b, 1e-8)
    assert result.converged
    assert np.linalg.norm(b - A @ result.x) <= 1e-8 * np.linalg.norm(b)
    batch = solve_diffusion(np.stack([A.a] * 2), 1.0, A.grid, conditions="neumann")
    assert not batch.converged.any()
    assert batch.reason[1].startswith("breakdown: inconsistent")


@pytest.mark.parametrize("shape", [(30, 33), (9, 14, 11)])
def test_several_right_hand_sides_share_a_hierarchy(coefficients, shape):
    A = DiffusionOperator(coefficients("lognormal", shape), cells(shape))
    B = np.random.default_rng(1).normal(size=(4, *shape))
    solver = MultigridCG()
    results = solver.solve_many(A, B, 1e-9)
    for b, result in zip(B, results, strict=True):
        assert result.converged
        np.testing.assert_array_equal(result.x, MultigridCG().solve(A, b.ravel(), 1e-9).x)
    # Another matrix in between, on another grid and on the same one, is not mistaken for A.
    other = DiffusionOperator(coefficients("noise", shape), cells(shape))
    small = DiffusionOperator(np.ones((5, 5)), cells((5, 5)))
    for between in (other, small):
        solver.solve(between, np.ones(between.shape[0]), 1e-9)
        np.testing.assert_array_equal(solver.solve(A, B[0], 1e-9).x, results[0].x)


def test_a_first_guess_saves_iterations(coefficients):
    shape = (40, 40)
    A = DiffusionOperator(coefficients("threshold", shape), cells(shape))
    b = np.ones(A.shape[0])
    cold = MultigridCG().solve(A, b, 1e-10)
    warm = MultigridCG().solve(A, b, 1e-10, x0=cold.x * (1 + 1e-6))
    assert warm.converged
    assert warm.iterations <= cold.iterations - 4
    done = MultigridCG().solve(A, b, 1e-9, x0=cold.x)
    assert done.iterations == 0
    # Red cells are computed anew from the black ones.
    np.testing.assert_allclose(done.x, cold.x, rtol=1e-14)


def test_the_bits_do_not_depend_on_threads_in_three_dimensions(coefficients):
    shape = (12, 13, 21)
    a = np.stack([coefficients("threshold", shape, seed) for seed in range(5)])
    sides = (("neumann", "dirichlet"), "neumann", "dirichlet")
    one, two = (
        solve_diffusion(a, 1.0, cells(shape), threads=threads, conditions=sides)
        for threads in (1, 2)
    )
    assert one.converged.all()
    np.testing.assert_array_equal(one.fields, two.fields)


def test_wrong_arguments_are_refused():
    A = DiffusionOperator(np.ones((4, 5)), cells((4, 5)))
    for arguments, message in (
        ((A.to_csr(), np.ones(20), 1e-8), "DiffusionOperator"),
        ((A, np.ones(19), 1e-8), "b of shape"),
        ((A, np.ones(20), 0.0), "tolerance"),
        ((A, np.ones(20), 1e-8, np.ones(3)), "x0 of shape"),
    ):
        with pytest.raises(InputError, match=message):
            MultigridCG().solve(*arguments)
    for iterations in (0, 1.5, "5", None):
        with pytest.raises(InputError, match="expected max_iterations to be a whole number"):
            MultigridCG(iterations)
    with pytest.raises(InputError, match="expected an operator on"):
        Multigrid(A).update(DiffusionOperator(np.ones((5, 4)), cells((5, 4))))
    bad = MultigridCG().solve(A, np.full(20, np.inf), 1e-8)
    assert bad.reason == "breakdown: right-hand side is not finite"


@pytest.mark.parametrize("shape", [(23, 30), (9, 12, 10)])
@pytest.mark.parametrize("periodic", [False, True])
def test_slabs_do_not_change_the_cycle(coefficients, monkeypatch, shape, periodic):
    """One slice at a time, three, or the whole level: the steps trail each other correctly."""
    A = DiffusionOperator(coefficients("noise", shape), cells(shape, periodic=periodic))
    r = np.random.default_rng(0).normal(size=shape)
    r -= np.mean(r)
    results = []
    for cells_together in (1, 3 * (shape[-1] + 2), 10**9):
        for module in (layout, colours):
            monkeypatch.setattr(module, "SLAB_CELLS", cells_together)
        level_layout.cache_clear()
        colour_layout.cache_clear()
        results += [Multigrid(A) @ r, MultigridCG().solve(A, r, 1e-4).x.reshape(shape)]
    level_layout.cache_clear()
    colour_layout.cache_clear()
    for number, result in enumerate(results[:4]):
        whole = results[4 + number % 2]
        np.testing.assert_allclose(result, whole, atol=1e-5 * np.abs(whole).max())


@pytest.mark.parametrize("bad", [np.full(16, np.nan), np.where(np.arange(16) == 3, np.nan, 0.0)])
def test_not_a_number_is_not_taken_for_zero(bad):
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), centering="cell")
    result = MultigridCG().solve(DiffusionOperator(np.ones((4, 4)), grid), bad, 1e-8)
    assert not result.converged
    assert result.reason == "breakdown: right-hand side is not finite"


def test_other_matrices_and_sources_are_refused_in_a_line():
    with pytest.raises(InputError, match="expected a DiffusionOperator, got ndarray"):
        Multigrid(np.eye(3))
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), centering="cell")
    with pytest.raises(InputError, match="expected b of shape"):
        MultigridCG().solve(DiffusionOperator(np.ones((4, 4)), grid), None, 1e-8)


def test_complex_right_hand_sides_are_refused():
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), centering="cell")
    with pytest.raises(InputError, match="expected a real b, got complex"):
        MultigridCG().solve(DiffusionOperator(np.ones((4, 4)), grid), np.full(16, 1j), 1e-8)
