"""Helmholtz systems by transform, direct solver and recycling: agreement, limits, failures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dctn, idctn, idst

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.direct import Direct
from sobolev.solvers.helmholtz import AbsorbingLayer, HelmholtzOperator, resonant
from sobolev.solvers.helmholtz.gmres import FlexibleGmres
from sobolev.solvers.helmholtz.modes import ResonantBlock
from sobolev.solvers.helmholtz.resonant import ResonantSolver
from sobolev.solvers.helmholtz.shifted import ShiftedLaplacian, ShiftedLaplacianRecycling
from sobolev.solvers.helmholtz.transform import Choice, ResonantTransform, choose
from sobolev.solvers.krylov.gmres import gmres
from sobolev.solvers.krylov.result import System
from sobolev.solvers.transforms import stencil_eigenvalues


def square(n, m=None):
    return Grid(((0.0, 1.0), (0.0, 1.0)), (n, m or n), centering="cell")


def wavenumbers(shape, k0, contrast, seed=0):
    """k^2 = (k0 / c)^2 with speed c = 1 + contrast tanh(g), g smooth and Gaussian."""
    numbers = [np.arange(n) for n in shape]
    law = 1 / (9.0 + np.pi**2 * (numbers[0][:, None] ** 2 + numbers[1] ** 2))
    g = idctn(np.random.default_rng(seed).normal(size=shape) * law, norm="ortho")
    return (k0 / (1 + contrast * np.tanh(g / g.std()))) ** 2


def sines(n):
    """Orthonormal S_j, j = 1 .. n - 1, as columns (n, n - 1)."""
    return idst(np.eye(n), axis=0, norm="ortho")[:, :-1]


@pytest.mark.parametrize("shape", [(12, 12), (9, 14)])
def test_one_block_is_the_operator_on_the_modes(shape):
    """All modes, so that wave numbers are unfolded beyond the grid's."""
    grid = Grid(((0.0, 1.0), (0.0, 1.5)), shape, centering="cell")
    k2 = np.random.default_rng(0).uniform(20, 80, shape)
    S = np.kron(sines(shape[0]), sines(shape[1]))
    restricted = S.T @ HelmholtzOperator(k2, grid).to_csr().toarray() @ S
    modes = np.indices((shape[0] - 1, shape[1] - 1)).reshape(2, -1) + 1
    gaps = stencil_eigenvalues(grid)[:-1, :-1].ravel() - k2.mean()
    block = ResonantBlock(dctn(k2 - k2.mean()), modes, gaps, 1)
    x = np.random.default_rng(1).standard_normal(gaps.size)
    found = block.solve((restricted @ x).astype(np.float32))
    np.testing.assert_allclose(found, x, atol=2e-5 * np.linalg.cond(restricted) ** 0.5)


def test_several_blocks_are_the_block_tridiagonal_part():
    shape = (16, 16)
    k2 = wavenumbers(shape, 12.0, 0.3)
    S = np.kron(sines(16), sines(16))
    restricted = S.T @ HelmholtzOperator(k2, square(16)).to_csr().toarray() @ S
    modes = np.indices((15, 15)).reshape(2, -1) + 1
    order = np.argsort(np.arctan2(modes[1], modes[0]), kind="stable")
    gaps = stencil_eigenvalues(square(16))[:-1, :-1].ravel()[order] - k2.mean()
    block = ResonantBlock(dctn(k2 - k2.mean()), modes[:, order], gaps, 5)
    label = np.repeat(np.arange(5), [part.stop - part.start for part in block.parts])
    near = abs(label[:, None] - label) <= 1
    kept = np.where(near, restricted[np.ix_(order, order)], 0.0)
    assert np.abs(restricted[np.ix_(order, order)] - kept).max() > 1  # some coupling is left out
    x = np.random.default_rng(1).standard_normal(gaps.size)
    np.testing.assert_allclose(block.solve((kept @ x).astype(np.float32)), x, atol=5e-3)


def test_the_model_takes_more_modes_for_more_contrast_and_the_mean_alone_for_none():
    calm, rough = (choose(square(128), 400.0, spread, 6) for spread in (0.0, 100.0))
    assert calm.gap < rough.gap
    assert calm.iterations == 7
    k2 = np.full((64, 64), 500.0)
    A = HelmholtzOperator(k2, square(64))
    b = np.random.default_rng(0).standard_normal(64 * 64)
    assert ResonantSolver().solve(A, b, 1e-10).iterations <= 3


@settings(max_examples=12, deadline=None)
@given(
    st.tuples(st.integers(8, 32), st.integers(8, 32)),
    st.floats(0.0, 0.3),
    st.integers(0, 2**32 - 1),
)
def test_all_methods_agree_to_the_tolerance(shape, contrast, seed):
    k0 = 2 * math.pi * min(shape) / 10
    A = HelmholtzOperator(wavenumbers(shape, k0, contrast, seed), square(*shape))
    b = np.random.default_rng(seed).standard_normal(A.shape[0])
    exactly = np.linalg.solve(A.to_csr().toarray(), b)
    rtol = 1e-10
    allowed = rtol * np.linalg.norm(b) / np.abs(np.linalg.eigvalsh(A.to_csr().toarray())).min()
    for method in (ResonantSolver(), Direct("superlu"), ShiftedLaplacianRecycling()):
        result = method.solve(A, b, rtol)
        assert result.converged, result.reason
        assert np.linalg.norm(b - A.to_csr() @ result.x) <= rtol * np.linalg.norm(b) * 1.001
        assert np.linalg.norm(result.x - exactly) <= allowed * 1.01
        assert result.x.dtype == float


@pytest.mark.parametrize(
    ("n", "k0", "contrast", "most"),
    [
        (128, 20.0, 0.05, 9),
        (128, 20.0, 0.2, 11),
        (128, 2 * math.pi * 128 / 12, 0.05, 14),
        (128, 2 * math.pi * 128 / 12, 0.2, 22),
        (128, 2 * math.pi * 128 / 10, 0.2, 32),
    ],
)
def test_few_iterations_of_the_transform(n, k0, contrast, most):
    method = FlexibleGmres(60)
    b = np.random.default_rng(0).standard_normal(n * n)
    for seed in range(3):
        A = HelmholtzOperator(wavenumbers((n, n), k0, contrast, seed), square(n))
        system = System(A, b, None, None, 1e-8, 60)
        result = method.solve(A, ResonantTransform(A), system, 60)
        assert result.converged
        assert result.iterations <= most
        assert result.residual == pytest.approx(np.linalg.norm(b - A @ result.x) / math.hypot(*b))


def test_it_preconditions_other_krylov_methods():
    A = HelmholtzOperator(wavenumbers((64, 64), 30.0, 0.1), square(64))
    b = np.ones(64 * 64)
    M = ResonantTransform(A)
    assert gmres(A, b, M=M).iterations <= 20
    other = HelmholtzOperator(wavenumbers((64, 64), 25.0, 0.1, 3), square(64))
    M.update(other)
    assert gmres(other, b, M=M).iterations <= 20
    with pytest.raises(InputError, match="real Helmholtz"):
        ResonantTransform(HelmholtzOperator(100.0, square(16), AbsorbingLayer(0.2, 10.0)))


def test_restarts_and_a_stall_that_is_noticed():
    A = HelmholtzOperator(wavenumbers((64, 64), 30.0, 0.1), square(64))
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    M = ResonantTransform(A)
    whole = FlexibleGmres(30).solve(A, M, System(A, b, None, None, 1e-10, 90), 90)
    parts = FlexibleGmres(5).solve(A, M, System(A, b, None, None, 1e-10, 90), 90)
    assert whole.converged
    assert parts.converged
    assert 5 < whole.iterations < parts.iterations < 3 * whole.iterations
    other = ResonantTransform(HelmholtzOperator(2e5, square(64)))  # nearly a multiple of one
    useless = FlexibleGmres(30).solve(A, other, System(A, b, None, None, 1e-10, 90), 90)
    assert not useless.converged
    assert useless.iterations < 40
    assert useless.residual == pytest.approx(np.linalg.norm(b - A @ useless.x) / math.hypot(*b))


def test_a_field_too_rough_for_the_transform_goes_to_the_direct_solver(monkeypatch):
    """Five points a wavelength and less, cell by cell at random."""
    k2 = 2000 * (1 + np.random.default_rng(0).standard_normal((32, 32)))
    A = HelmholtzOperator(k2, square(32))
    b = np.ones(A.shape[0])
    result = ResonantSolver(max_iterations=10).solve(A, b, 1e-8)
    assert result.converged
    assert result.reason.startswith("converged; direct, because the transform would take")
    monkeypatch.setattr(resonant, "DIRECT", {"pardiso": 1.0, "superlu": 1.0})
    result = ResonantSolver(steps=5).solve(A, b, 1e-8)
    assert result.converged
    assert result.reason.startswith("converged; direct, because GMRES stagnated")


@pytest.mark.parametrize("method", [ResonantSolver, ShiftedLaplacianRecycling, Direct])
def test_resonance_is_reported_and_the_next_system_goes_on(method):
    grid, solver = square(24), method()
    A = HelmholtzOperator(float(stencil_eigenvalues(grid)[2, 3]), grid)
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    result = solver.solve(A, b, 1e-8)
    assert not result.converged
    assert result.reason.startswith(("breakdown", "stagnated"))
    image = A @ b  # consistent: in the range of the singular matrix
    result = solver.solve(A, image, 1e-8)
    assert result.converged
    assert np.linalg.norm(image - A @ result.x) <= 1e-8 * np.linalg.norm(image)
    assert solver.solve(HelmholtzOperator(200.0, grid), b, 1e-8).converged


@pytest.mark.parametrize("method", [ResonantSolver, ShiftedLaplacianRecycling])
def test_absorbing_layers_and_complex_sources(method):
    layer = AbsorbingLayer(0.2, 20.0)
    A = HelmholtzOperator(wavenumbers((32, 32), 20.0, 0.1), square(32), layer)
    b = np.random.default_rng(0).standard_normal(A.shape[0])
    solver = method()
    for source in (b, b * (1 + 2j)):
        result = solver.solve(A, source, 1e-9)
        assert result.converged
        expected = np.linalg.solve(A.to_csr().toarray(), source)
        assert np.linalg.norm(result.x - expected) < 1e-6 * np.linalg.norm(expected)
    real = HelmholtzOperator(A.k2, A.grid)
    result = solver.solve(real, b * 1j, 1e-9)
    assert result.converged
    np.testing.assert_allclose(result.x.real, 0, atol=1e-6 * np.abs(result.x).max())


def test_the_carried_space_saves_iterations_on_the_next_system():
    solver = ShiftedLaplacianRecycling()
    b = np.random.default_rng(0).standard_normal(64 * 64)
    first, second = (
        solver.solve(HelmholtzOperator(wavenumbers((64, 64), 20.0, c), square(64)), b, 1e-8)
        for c in (0.1, 0.11)
    )
    assert first.converged
    assert second.converged
    assert second.iterations < 0.8 * first.iterations
    small = HelmholtzOperator(100.0, square(16))
    assert solver.solve(small, np.ones(256), 1e-8).converged  # another size: a new space


@pytest.mark.parametrize("method", [ResonantSolver, ShiftedLaplacianRecycling])
def test_sources_and_guesses_at_the_edge(method):
    A = HelmholtzOperator(150.0, square(16))
    b = np.random.default_rng(0).standard_normal(256)
    x = method().solve(A, b, 1e-10).x
    assert method().solve(A, b, 1e-8, x0=x).iterations == 0
    zero = method().solve(A, np.zeros(256), 1e-8)
    assert zero.converged
    np.testing.assert_array_equal(zero.x, 0)
    broken = method().solve(A, np.where(np.arange(256) == 7, np.nan, b), 1e-8)
    assert not broken.converged
    assert broken.reason.startswith("breakdown")
    with pytest.raises(InputError, match="HelmholtzOperator"):
        method().solve(A.to_csr(), b, 1e-8)
    with pytest.raises(InputError, match="expected"):
        method().solve(A, b[:-1], 1e-8)
    with pytest.raises(InputError, match="positive shift"):
        ShiftedLaplacian(A, 0.0)


def test_a_choice_that_is_given_is_taken():
    A = HelmholtzOperator(wavenumbers((48, 48), 25.0, 0.2), square(48))
    gaps = stencil_eigenvalues(A.grid)[:-1, :-1] - A.k2.mean()
    few = ResonantTransform(A, Choice(gap=80.0, blocks=1, iterations=0.0, seconds=0.0))
    many = ResonantTransform(A, Choice(gap=900.0, blocks=3, iterations=0.0, seconds=0.0))
    assert (few.modes, many.modes) == tuple(np.sum(abs(gaps) < gap) for gap in (80.0, 900.0))
    assert len(many.block.parts) == 3
    b = np.ones(A.shape[0])
    taken = [
        FlexibleGmres(60).solve(A, M, System(A, b, None, None, 1e-8, 60), 60).iterations
        for M in (few, many)
    ]
    assert taken[1] < taken[0]
