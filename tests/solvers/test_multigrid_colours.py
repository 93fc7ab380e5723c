"""Red-black storage, sweeps and the operator on black cells, against plain NumPy."""

import numpy as np
import pytest

from sobolev.geometry.grid import Grid
from sobolev.solvers.diffusion import DiffusionOperator
from sobolev.solvers.kernels import kernel
from sobolev.solvers.multigrid.black_cycle import lag, multiply
from sobolev.solvers.multigrid.colour_cycle import relax, relax_from_zero, relax_without_source
from sobolev.solvers.multigrid.colours import (
    BLACK,
    FIRST,
    HALF,
    N0,
    RED,
    STRIDE,
    B,
    U,
    colour_layout,
    gather_cells,
    spread_cells,
)
from sobolev.solvers.multigrid.workspace import Workspace

SHAPES = pytest.mark.parametrize("shape", [(9, 7), (8, 6), (7, 10), (6, 35)])


@kernel()
def _relax(w, level, colour):
    relax(w, level, colour, 0, level[N0])


@kernel()
def _relax_without_source(w, level, colour):
    relax_without_source(w, level, colour, 0, level[N0])


@kernel()
def _relax_from_zero(w, level, colour):
    relax_from_zero(w, level, colour, 0, level[N0])


@kernel()
def _reduced_product(w, level, y, q):
    lag(w, level, 0, level[N0])
    return multiply(w, level, 0, level[N0], y, q)


def system(shape, reaction):
    """A workspace set up for a rough medium, and the matrix of its finest level."""
    rng = np.random.default_rng(3)
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), shape, centering="cell")
    sigma = 50 * rng.random(shape) if reaction else 0.0
    A = DiffusionOperator(np.exp(rng.standard_normal(shape)), grid, reaction=sigma)
    work = Workspace(grid, reaction)
    work.build(A)
    return work, work.scale * A.to_csr().toarray(), rng


def put(work, name, u):
    spread_cells(u[:, None, :], 1.0, work.levels[0], name, work.single)


def take(work, name, shape):
    u = np.empty((shape[0], 1, shape[1]))
    gather_cells(work.single, 1.0, work.levels[0], name, u)
    return u[:, 0, :]


def black(shape):
    return np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 2 == 1


def places(level, shape):
    """Of the black cells, row by row, in arrays that hold these alone."""
    rows, columns = np.nonzero(black(shape))
    return level[FIRST] + rows * level[STRIDE] + columns // 2


@SHAPES
def test_fields_come_back_from_their_colours(shape):
    levels, _ = colour_layout(shape, (1 / shape[0], 1 / shape[1]), (False, False))
    level, u = levels[0], np.random.default_rng(0).standard_normal(shape)
    w = np.zeros(int(levels[-1, -1]), np.float32)
    spread_cells(u[:, None, :], 2.0, level, U, w)
    of_black = level[U] + level[HALF] + places(level, shape)
    assert np.array_equal(w[of_black], (2.0 * u[black(shape)]).astype(np.float32))
    assert np.count_nonzero(w) == u.size
    back = np.empty((shape[0], 1, shape[1]))
    gather_cells(w, 0.5, level, U, back)
    assert np.array_equal(back[:, 0], u.astype(np.float32))


@SHAPES
@pytest.mark.parametrize("reaction", [False, True])
@pytest.mark.parametrize("colour", [RED, BLACK])
def test_half_a_sweep_is_that_of_gauss_seidel(shape, reaction, colour):
    work, A, rng = system(shape, reaction)
    u, b = rng.standard_normal(shape), rng.standard_normal(shape)
    chosen = black(shape) == (colour == BLACK)
    beside = (A - np.diag(np.diag(A))) @ u.ravel()
    for sweep, source, neighbours in (
        (_relax, b.ravel(), beside),
        (_relax_without_source, 0.0, beside),
        (_relax_from_zero, b.ravel(), 0.0),
    ):
        put(work, U, u)
        put(work, B, b)
        sweep(work.single, work.levels[0], int(colour))
        swept = ((source - neighbours) / np.diag(A)).reshape(shape)
        expected = np.where(chosen, swept, u)
        np.testing.assert_allclose(take(work, U, shape), expected, rtol=2e-6, atol=2e-6)


@SHAPES
@pytest.mark.parametrize("reaction", [False, True])
def test_the_operator_on_black_cells_is_the_schur_complement(shape, reaction):
    work, A, rng = system(shape, reaction)
    level, is_black = work.levels[0], black(shape).ravel()
    D, E = A[np.ix_(~is_black, ~is_black)], A[np.ix_(is_black, is_black)]
    C = A[np.ix_(is_black, ~is_black)]
    S = E - C @ np.linalg.solve(D, C.T)
    z, r, q = rng.standard_normal(shape), rng.standard_normal(shape), rng.standard_normal(shape)
    put(work, U, z)
    put(work, B, r)
    y_lanes, q_lanes = work.vectors
    cells = places(level, shape)
    q_lanes[cells] = q.ravel()[is_black]
    shares = _reduced_product(work.single, level, y_lanes, q_lanes)
    z, r, q = (field.ravel()[is_black] for field in (z, r, q))
    size = np.abs(S).sum(axis=1).max()
    np.testing.assert_allclose(y_lanes[cells], S @ z, atol=2e-6 * size)
    np.testing.assert_allclose(shares, [z @ S @ z, z @ q, z @ r], rtol=1e-5, atol=1e-5)
    y_lanes[cells] = 0
    assert not y_lanes[level[FIRST] :].any()
