"""Jacobi, block Jacobi, SOR and SSOR against their formulas, and what all preconditioners share."""

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.solvers.csr import UnusableMatrix
from sobolev.solvers.krylov.cg import cg
from sobolev.solvers.krylov.gmres import gmres
from sobolev.solvers.preconditioners import PRECONDITIONERS
from sobolev.solvers.preconditioners.block_jacobi import BlockJacobi
from sobolev.solvers.preconditioners.jacobi import Jacobi
from sobolev.solvers.preconditioners.ssor import SOR, SSOR

from .matrices import diffusion, random_matrix

KINDS = [float, complex]


def inverse_ssor(A, omega):
    D, L, U = np.diag(np.diag(A)), np.tril(A, -1), np.triu(A, 1)
    inner = (D + omega * L) @ np.linalg.inv(D) @ (D + omega * U)
    return np.linalg.inv(inner) * omega * (2 - omega)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(0, 10**6), st.sampled_from(KINDS), st.floats(0.1, 1.9))
def test_pointwise_ones_are_their_formulas(n, seed, kind, omega):
    A = random_matrix(n, kind, seed)
    dense, r = A.toarray(), np.random.default_rng(seed).normal(size=n)
    expected = {
        Jacobi(A): np.diag(1 / np.diag(dense)),
        SOR(A, omega): omega * np.linalg.inv(np.diag(np.diag(dense)) + omega * np.tril(dense, -1)),
        SSOR(A, omega): inverse_ssor(dense, omega),
    }
    for M, matrix in expected.items():
        np.testing.assert_allclose(M @ r, matrix @ r, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(M @ (1j * r), matrix @ (1j * r), rtol=1e-9, atol=1e-12)
        assert (M.shape, M.dtype) == ((n, n), np.dtype(kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 7, 20, 50])
def test_blocks_are_inverted(kind, size):
    A = random_matrix(41, kind)
    block = np.arange(41) // size
    dense = np.where(block[:, None] == block, A.toarray(), 0)
    r = np.arange(41.0)
    np.testing.assert_allclose(BlockJacobi(A, size) @ r, np.linalg.solve(dense, r), rtol=1e-11)


def test_one_block_is_the_inverse_and_blocks_of_one_are_jacobi():
    A, r = random_matrix(30), np.arange(30.0)
    np.testing.assert_allclose(BlockJacobi(A, 30) @ (A @ r), r, atol=1e-12)
    np.testing.assert_allclose(BlockJacobi(A, 1) @ r, Jacobi(A) @ r, rtol=1e-15)


def test_an_operator_gives_jacobi_its_diagonal_alone():
    A = diffusion((6, 7))
    r = np.arange(42.0)
    np.testing.assert_array_equal(Jacobi(A) @ r, Jacobi(A.to_csr()) @ r)
    M = Jacobi(A)
    M.update(diffusion((6, 7), seed=1))
    np.testing.assert_array_equal(M @ r, Jacobi(diffusion((6, 7), seed=1)) @ r)


# Those that take every sparse matrix.
EVERY = ["none", "jacobi", "block_jacobi", "sor", "ssor", "ilu", "icc", "schwarz", "amg"]


@pytest.mark.parametrize("name", sorted(PRECONDITIONERS))
def test_every_name_of_the_table_makes_one_for_an_operator(name):
    A = diffusion((16, 16), constant=True)
    M = PRECONDITIONERS[name](A)
    assert (M.shape, M.dtype) == ((256, 256), np.float64)
    b = np.random.default_rng(0).normal(size=256)
    counts = [gmres(A, b, M=M, restart=90).iterations]
    M.update(diffusion((16, 16), seed=3))
    M.update(A)
    counts.append(gmres(A, b, M=M, restart=90).iterations)
    assert counts[0] == counts[1] <= gmres(A, b, restart=90).iterations


@pytest.mark.parametrize("name", EVERY)
def test_an_update_is_a_fresh_one(name):
    make = PRECONDITIONERS[name]
    first, second = diffusion((15, 15), seed=0).to_csr(), diffusion((15, 15), seed=1).to_csr()
    r = np.random.default_rng(0).normal(size=225)
    M = make(first)
    M.update(second)
    np.testing.assert_array_equal(M @ r, make(second) @ r)
    assert M.analyses == 1
    M.update(diffusion((9, 25), seed=1).to_csr())
    np.testing.assert_array_equal(M @ r, make(diffusion((9, 25), seed=1)) @ r)
    M.update(second.astype(complex))
    assert M.dtype == np.complex128


@pytest.mark.parametrize("name", EVERY)
def test_vectors_that_do_not_fit_are_refused_and_strided_ones_are_not(name):
    A = diffusion((8, 8))
    M = PRECONDITIONERS[name](A)
    r = np.random.default_rng(0).normal(size=128)
    np.testing.assert_array_equal(M @ r[::2], M @ r[::2].copy())
    np.testing.assert_allclose(M @ (r[:64] + 1j * r[64:]), M @ r[:64] + 1j * (M @ r[64:]))
    with pytest.raises(InputError, match="length 64"):
        M @ np.ones(63)
    with pytest.raises(InputError, match="length 64"):
        M @ np.ones((64, 1))


@pytest.mark.parametrize("name", EVERY)
def test_matrices_that_no_method_can_take_are_refused(name):
    make = PRECONDITIONERS[name]
    with pytest.raises(InputError, match="square"):
        make(np.ones((2, 3)))
    with pytest.raises(UnusableMatrix, match="not finite"):
        make(np.array([[1.0, np.nan], [0.0, 1.0]]))


@pytest.mark.parametrize("name", ["jacobi", "sor", "ssor", "icc", "amg"])
def test_zeros_on_the_diagonal_are_refused(name):
    with pytest.raises(UnusableMatrix, match="on the diagonal"):
        PRECONDITIONERS[name](sparse.csr_array(np.array([[1.0, 1.0], [1.0, 0.0]])))


def test_singular_blocks_and_senseless_options_are_refused():
    A = np.diag(np.ones(9))
    A[3:6, 3:6] = 1.0
    with pytest.raises(UnusableMatrix, match="from row 3 on"):
        BlockJacobi(A, 3)
    with pytest.raises(InputError, match="at least one"):
        BlockJacobi(A, 0)
    for omega in (0.0, 2.0, np.nan):
        with pytest.raises(InputError, match="omega"):
            SSOR(A, omega)


def test_iterations_fall_as_the_books_say():
    A, b = diffusion((32, 32), constant=True), np.random.default_rng(0).normal(size=1024)
    named = [
        ("none", {}),
        ("block_jacobi", {}),
        ("ssor", {}),
        ("ssor", {"omega": 1.8}),
        ("amg", {}),
    ]
    counts = [cg(A, b, M=PRECONDITIONERS[name](A, **options)).iterations for name, options in named]
    assert counts == pytest.approx([99, 80, 40, 23, 7], abs=1)
    assert gmres(A, b).iterations == pytest.approx(140, abs=3)
    assert gmres(A, b, M=SOR(A)).iterations == pytest.approx(111, abs=3)
