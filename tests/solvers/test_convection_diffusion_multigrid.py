"""Multigrid for convection-diffusion: agreement, flat iterations, any size, stalls handed over."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import idctn

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.convection_diffusion import ConvectionDiffusionOperator, stream_velocity
from sobolev.solvers.convection_diffusion.multigrid import ConvectionDiffusionMultigrid, Multigrid
from sobolev.solvers.direct import DirectSolver
from sobolev.solvers.krylov.gcro_dr import gcro_dr
from sobolev.solvers.krylov.gmres import gmres
from sobolev.solvers.preconditioners.ilu import ILU


def smooth_normal(shape, seed):
    """A smooth Gaussian field on the unit square, of variance one."""
    modes = [np.arange(n) for n in shape]
    law = (9.0 + np.pi**2 * (modes[0][:, None] ** 2 + modes[1] ** 2)) ** -1.5
    field = idctn(np.random.default_rng(seed).normal(size=shape) * law, norm="ortho")
    return (field - field.mean()) / field.std()


def cells(shape, extent=((0.0, 1.0), (0.0, 1.0))):
    return Grid(extent, shape, centering="cell")


def flow(grid, seed, closed):
    """A smooth random flow of root mean square speed one; closed: no flow through the walls."""
    corners = tuple(n + 1 for n in grid.shape)
    psi = smooth_normal(corners, seed)
    if closed:
        ends = [np.linspace(0, 1, n) for n in corners]
        psi = psi * 16 * np.multiply.outer(*(s * (1 - s) for s in ends))
    v = stream_velocity(psi, grid)
    speed = np.sqrt(np.mean(v[0] ** 2) + np.mean(v[1] ** 2))
    return v[0] / max(speed, 1e-300), v[1] / max(speed, 1e-300)


def solve(A, b=None, rtol=1e-8, **options):
    b = np.ones(A.shape[0]) if b is None else b
    result = ConvectionDiffusionMultigrid(**options).solve(A, b, rtol)
    true = np.linalg.norm(b - A.matvec(result.x)) / np.linalg.norm(b)
    rounding = 1e-15 * np.linalg.norm(A.diagonal.ravel() * result.x) / np.linalg.norm(b)
    assert abs(result.residual - true) <= rounding + 1e-12 * true
    return result


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("a, limit", [(1.0, 9), (1e-1, 10), (1e-2, 12), (1e-3, 24)])
def test_iterations_do_not_grow_with_the_grid(a, limit, closed):
    for n in (32, 64, 128, 256):
        grid = cells((n, n))
        result = solve(ConvectionDiffusionOperator(a, flow(grid, n, closed), grid))
        assert result.reason == "converged"
        assert result.iterations <= limit


@pytest.mark.parametrize("closed, limit", [(True, 60), (False, 34)])
def test_convection_alone_is_bounded(closed, limit):
    """Cell Peclet numbers to 1e6: what diffuses there is the scheme, and less on each grid."""
    for n in (64, 128, 256):
        grid = cells((n, n))
        for a in (1e-4, 1e-6) if closed else (1e-4, 1e-6, 1e-9):
            result = solve(ConvectionDiffusionOperator(a, flow(grid, n, closed), grid))
            assert result.reason == "converged"
            assert result.iterations <= limit


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.integers(0, 2**32 - 1),
    st.floats(-6, 1),
    st.sampled_from(["advective", "conservative"]),
)
def test_agreement_with_the_direct_solver(shape, seed, decades, form):
    rng, grid = np.random.default_rng(seed), cells(shape, ((0.0, shape[0] / shape[1]), (0.0, 1.0)))
    v = flow(grid, seed, bool(seed % 2))
    a = 10.0**decades * np.exp(rng.normal(size=shape))
    A = ConvectionDiffusionOperator(a, v, grid, form)
    b = rng.normal(size=A.shape[0])
    result = solve(A, b, 1e-9)
    assert result.converged
    assert result.residual <= 1e-9
    exact = DirectSolver().solve(A.to_csr(), b)
    assert np.linalg.norm(A.matvec(result.x - exact)) <= 1.1e-9 * np.linalg.norm(b)


@pytest.mark.parametrize("shape", [(37, 100), (100, 37), (65, 65), (127, 63), (129, 200), (211, 5)])
@pytest.mark.parametrize("a", [1.0, 1e-3])
def test_any_size(shape, a):
    grid = cells(shape, ((0.0, shape[0] / 100), (0.0, shape[1] / 100)))
    for closed in (True, False):
        result = solve(ConvectionDiffusionOperator(a, flow(grid, 1, closed), grid))
        assert result.reason == "converged"
        assert result.iterations <= 24


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1), (2, 2), (4, 4), (5, 1), (1, 40), (5, 5)])
def test_tiny_grids(shape):
    grid = cells(shape)
    v = tuple(np.random.default_rng(k).normal(size=s) for k, s in enumerate(face_shapes(shape)))
    result = solve(ConvectionDiffusionOperator(0.01, v, grid), rtol=1e-12)
    assert result.reason == "converged"
    assert result.iterations <= 45


def face_shapes(shape):
    return (shape[0] + 1, shape[1]), (shape[0], shape[1] + 1)


def test_a_stall_goes_to_the_direct_solver():
    """A closed flow with next to no diffusion through the walls: singular in single precision."""
    grid = cells((64, 64))
    A = ConvectionDiffusionOperator(1e-9, flow(grid, 0, True), grid)
    result = solve(A, rtol=1e-6)
    assert result.converged
    assert result.residual <= 1e-6
    assert result.reason.startswith("converged by the direct solver: multigrid stagnated at")
    assert result.history.shape == (result.iterations + 1,)
    assert result.history.min() > 1e-6


@pytest.mark.parametrize("cycles", [1, 4])
def test_too_few_cycles_are_made_up_by_the_direct_solver(cycles):
    grid = cells((40, 40))
    result = solve(
        ConvectionDiffusionOperator(1.0, flow(grid, 0, True), grid), max_iterations=cycles
    )
    assert result.reason.startswith("converged by the direct solver: multigrid used up its iter")
    assert result.iterations == cycles
    assert result.history.shape == (cycles + 1,)


@pytest.mark.parametrize("stretch", [10.0, 1000.0])
def test_long_thin_cells(stretch):
    for extent in (((0.0, stretch), (0.0, 1.0)), ((0.0, 1.0), (0.0, stretch))):
        grid = cells((64, 64), extent)
        assert solve(ConvectionDiffusionOperator(1.0, flow(grid, 2, True), grid)).converged


def test_a_tolerance_beyond_rounding_is_not_claimed():
    grid = cells((64, 64))
    result = solve(ConvectionDiffusionOperator(1.0, flow(grid, 0, True), grid), rtol=1e-17)
    assert not result.converged
    assert result.residual < 1e-11
    assert result.reason.startswith("stagnated, the direct solver too at")


def test_bad_right_hand_sides_are_reported_and_the_next_system_is_solved():
    grid = cells((33, 40))
    A = ConvectionDiffusionOperator(1e-3, flow(grid, 0, True), grid)
    method, b = ConvectionDiffusionMultigrid(), np.ones(A.shape[0])
    first = method.solve(A, b, 1e-8)
    for value in (np.nan, np.inf):
        bad = b.copy()
        bad[7] = value
        result = method.solve(A, bad, 1e-8)
        assert not result.converged
        assert result.reason == "breakdown: right-hand side is not finite"
        assert np.isnan(result.residual)
    nothing = method.solve(A, 0 * b, 1e-8)
    assert nothing.converged
    assert not nothing.x.any()
    method.solve(ConvectionDiffusionOperator(1e-5, flow(grid, 3, False), grid), 7 * b, 1e-8)
    np.testing.assert_array_equal(method.solve(A, b, 1e-8).x, first.x)


def test_a_start_near_the_answer_saves_cycles():
    grid = cells((64, 64))
    A = ConvectionDiffusionOperator(1e-2, flow(grid, 0, True), grid)
    method, b = ConvectionDiffusionMultigrid(), np.ones(A.shape[0])
    cold = method.solve(A, b, 1e-8)
    warm = method.solve(A, 1.001 * b, 1e-8, x0=cold.x)
    assert warm.converged
    assert warm.iterations <= cold.iterations - 2
    again = method.solve(A, b, 1e-7, x0=cold.x)
    assert again.iterations == 0
    np.testing.assert_array_equal(cold.history.shape, (cold.iterations + 1,))


def test_units_do_not_matter():
    grid = cells((32, 48))
    v = flow(grid, 2, True)
    b = np.random.default_rng(0).normal(size=grid.size)
    one = solve(ConvectionDiffusionOperator(1e-2, v, grid), b)
    scaled = ConvectionDiffusionOperator(1e-2 * 2.0**60, (v[0] * 2.0**60, v[1] * 2.0**60), grid)
    two = solve(scaled, b * 2.0**-400)
    assert one.iterations == two.iterations
    np.testing.assert_allclose(two.x * 2.0**460, one.x, rtol=1e-12)


@pytest.mark.parametrize("form", ["advective", "conservative"])
def test_as_a_preconditioner(form):
    grid = cells((48, 81))
    v = tuple(np.random.default_rng(k).normal(size=s) for k, s in enumerate(face_shapes((48, 81))))
    A = ConvectionDiffusionOperator(0.1, v, grid, form)
    M = Multigrid(A)
    result = gmres(A, np.ones(A.shape[0]), M=M, rtol=1e-9)
    assert result.converged
    assert result.iterations <= 20
    r, s = np.random.default_rng(0).normal(size=(2, A.shape[0]))
    np.testing.assert_allclose(M @ (r + 2 * s), M @ r + 2 * (M @ s), atol=1e-5 * abs(M @ r).max())
    assert not np.any(M @ np.zeros(A.shape[0]))


def test_what_does_not_fit_is_refused():
    grid = cells((4, 5))
    A = ConvectionDiffusionOperator(1.0, (np.ones((5, 5)), np.ones((4, 6))), grid)
    method = ConvectionDiffusionMultigrid()
    for b in (np.ones(19), np.ones((4, 5))):
        with pytest.raises(InputError, match="b of shape"):
            method.solve(A, b, 1e-8)
    with pytest.raises(InputError, match="x0 of shape"):
        method.solve(A, np.ones(20), 1e-8, x0=np.ones(3))
    with pytest.raises(InputError, match="tolerance"):
        method.solve(A, np.ones(20), 0.0)
    with pytest.raises(InputError, match="ConvectionDiffusionOperator"):
        method.solve(A.to_csr(), np.ones(20), 1e-8)
    with pytest.raises(InputError, match="at least one"):
        ConvectionDiffusionMultigrid(max_iterations=0)


def test_incomplete_factors_with_recycling_agree():
    """The other route: GCRO-DR on ILU(1), the space carried to the next flow."""
    grid, space = cells((40, 40)), None
    b = np.ones(grid.size)
    for seed in range(3):
        A = ConvectionDiffusionOperator(1e-2, flow(grid, seed, True), grid)
        result, space = gcro_dr(A, b, space, m=20, k=8, M=ILU(A, 1), rtol=1e-10)
        assert result.converged
        difference = A.matvec(result.x - solve(A, rtol=1e-10).x)
        assert np.linalg.norm(difference) <= 2e-10 * np.linalg.norm(b)


def test_a_right_hand_side_that_is_no_number_is_a_breakdown_and_a_complex_one_is_refused():
    A = ConvectionDiffusionOperator(0.1, (np.ones((9, 8)), np.ones((8, 9))), cells((8, 8)))
    result = ConvectionDiffusionMultigrid().solve(A, np.full(64, np.nan), 1e-8)
    assert not result.converged
    assert result.reason == "breakdown: right-hand side is not finite"
    with pytest.raises(InputError, match="real numbers"):
        ConvectionDiffusionMultigrid().solve(A, np.full(64, 1j), 1e-8)
