"""ILU(k) and incomplete Cholesky against dense references."""

import numpy as np
import pytest
import scipy.sparse as sparse

from sobolev.geometry.errors import InputError
from sobolev.solvers.csr import UnusableMatrix, as_csr
from sobolev.solvers.krylov.cg import cg
from sobolev.solvers.krylov.gmres import gmres
from sobolev.solvers.preconditioners.fill import level_of_fill
from sobolev.solvers.preconditioners.icc import ICC
from sobolev.solvers.preconditioners.ilu import ILU

from .matrices import definite_matrix, diffusion, random_matrix


def dense_levels(A, level):
    """Saad, Algorithm 10.5, on dense arrays; True where an entry is kept."""
    n = A.shape[0]
    levels = np.where((A != 0) | np.eye(n, dtype=bool), 0, 10**6)
    for i in range(1, n):
        for k in range(i):
            if levels[i, k] <= level:
                levels[i, k + 1 :] = np.minimum(
                    levels[i, k + 1 :], levels[i, k] + levels[k, k + 1 :] + 1
                )
        levels[i][levels[i] > level] = 10**6
    return levels <= level


def dense_ilu(A, kept):
    """Saad, Algorithm 10.1, on dense arrays: L and U together."""
    A = A.copy()
    for i in range(1, len(A)):
        for k in np.flatnonzero(kept[i, :i]):
            A[i, k] /= A[k, k]
            after = kept[i] & (np.arange(len(A)) > k)
            A[i, after] -= A[i, k] * A[k, after]
    return A


def dense_factors(M):
    """I + L, D, I + U of a preconditioner made of triangles."""
    factors, n = M._factors, M.shape[0]
    L = sparse.csr_array((factors.L, *factors.lower[::-1]), shape=(n, n)).toarray()
    U = sparse.csr_array((factors.U, *factors.upper[::-1]), shape=(n, n)).toarray()
    return np.eye(n) + L, np.diag(1 / factors.inverse), np.eye(n) + U


@pytest.mark.parametrize("level", [0, 1, 2, 3, 50])
@pytest.mark.parametrize("seed", range(4))
def test_levels_of_fill_are_those_of_the_book(level, seed):
    A = random_matrix(40, seed=seed, density=0.06)
    (lower_ptr, lower), (upper_ptr, upper) = level_of_fill(A, level)
    kept = np.eye(40, dtype=bool)
    for i in range(40):
        for part in (
            lower[lower_ptr[i] : lower_ptr[i + 1]],
            upper[upper_ptr[i] : upper_ptr[i + 1]],
        ):
            assert np.all(np.diff(part) > 0)
            kept[i, part] = True
    np.testing.assert_array_equal(kept, dense_levels(A.toarray(), level))


def test_a_missing_diagonal_entry_is_filled_in():
    A = sparse.csr_array(np.array([[2.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 3.0]]))
    M = ILU(A)
    np.testing.assert_allclose(M @ (A @ np.arange(3.0)), np.arange(3.0), atol=1e-14)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("level", [0, 1, 3])
def test_ilu_is_that_of_the_book(kind, level):
    A = random_matrix(60, kind, seed=level)
    dense = A.toarray()
    kept = dense_levels(dense, level)
    M = ILU(A, level)
    L, D, U = dense_factors(M)
    expected = dense_ilu(dense, kept)
    np.testing.assert_allclose(np.tril(L, -1), np.tril(expected, -1), atol=1e-13)
    np.testing.assert_allclose(D @ U, np.triu(expected), atol=1e-13 * np.abs(dense).max())
    remainder = L @ D @ U - dense
    assert np.abs(remainder[kept]).max() < 1e-13 * np.abs(dense).max()
    assert np.abs(remainder[~kept]).max() > 1e-4
    r = np.arange(60) + 1j
    np.testing.assert_allclose(L @ D @ U @ (M @ r), r, atol=1e-11)
    assert M.entries == kept.sum()


def test_full_fill_solves():
    A = random_matrix(50, complex, seed=3)
    x = np.arange(50) - 7j
    np.testing.assert_allclose(ILU(A, 50) @ (A @ x), x, atol=1e-11)
    S = definite_matrix(50, complex, seed=3)
    M = ICC(S, 50)
    assert M.shift == 0
    np.testing.assert_allclose(M @ (S @ x), x, atol=1e-9)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_icc_agrees_with_the_matrix_on_what_it_keeps(kind, level):
    A = definite_matrix(60, kind, seed=5)
    dense = A.toarray()
    M = ICC(A, level)
    L, D, LH = dense_factors(M)
    np.testing.assert_array_equal(LH, L.conj().T)
    assert np.all(np.diag(D).real > 0)
    kept = dense_levels(dense, level)
    scaled = dense + M.shift * np.diag(np.diag(dense))
    remainder = L @ D @ LH - scaled
    assert np.abs(remainder[kept]).max() < 1e-12 * np.abs(dense).max()
    assert np.abs(remainder[~kept]).max() > 1e-6 * np.abs(dense).max()
    r = np.arange(60.0)
    np.testing.assert_allclose(L @ D @ LH @ (M @ r), r, atol=1e-9)


def test_icc_reads_the_lower_triangle():
    A = definite_matrix(40, seed=2)
    lower = sparse.csr_array(sparse.tril(A))
    r = np.random.default_rng(0).normal(size=40)
    np.testing.assert_array_equal(ICC(lower, 1) @ r, ICC(A, 1) @ r)


def test_a_breakdown_of_icc_is_shifted_and_told():
    # Kershaw's matrix: definite, but IC(0) meets a negative pivot.
    A = np.array(
        [
            [3.0, -2.0, 0.0, 2.0],
            [-2.0, 3.0, -2.0, 0.0],
            [0.0, -2.0, 3.0, -2.0],
            [2.0, 0.0, -2.0, 3.0],
        ]
    )
    assert np.linalg.eigvalsh(A).min() > 0
    M = ICC(A)
    assert M.shift > 0
    L, D, LH = dense_factors(M)
    kept = A != 0
    np.testing.assert_allclose((L @ D @ LH)[kept], (A + M.shift * np.diag(np.diag(A)))[kept])
    assert cg(A, np.arange(4.0), M=M, rtol=1e-12).converged
    M.update(A + 4 * np.eye(4))
    assert M.shift == 0


@pytest.mark.parametrize("make", [lambda A: ILU(A), lambda A: ILU(A, 2), ICC, lambda A: ICC(A, 2)])
def test_an_update_is_a_fresh_one_and_keeps_the_levels(make):
    r = np.random.default_rng(0).normal(size=400)
    M = make(diffusion((20, 20), seed=0))
    for seed in (1, 2):
        A = diffusion((20, 20), seed=seed)
        M.update(A)
        np.testing.assert_array_equal(M @ r, make(A) @ r)
    assert M.analyses == 1
    other = diffusion((16, 25), seed=1)
    M.update(other)
    np.testing.assert_array_equal(M @ r, make(other) @ r)
    assert M.analyses == 2


def test_fill_saves_iterations():
    A = diffusion((64, 64), constant=True)
    b = np.random.default_rng(0).normal(size=64 * 64)
    ilu = [cg(A, b, M=ILU(A, level)).iterations for level in (0, 1, 3)]
    icc = [cg(A, b, M=ICC(A, level)).iterations for level in (0, 1, 3)]
    restarted = [gmres(A, b, M=ILU(A, level)).iterations for level in (0, 3)]
    assert cg(A, b).iterations == pytest.approx(196, abs=2)
    assert ilu == pytest.approx([65, 42, 25], abs=1)
    assert icc == pytest.approx([65, 42, 25], abs=1)
    assert restarted == pytest.approx([88, 24], abs=2)


def test_zero_pivots_are_errors_and_the_next_matrix_may_be_fine():
    A = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    with pytest.raises(UnusableMatrix, match=r"zero pivot of ILU\(0\) in row 1"):
        ILU(A)
    M = ILU(A + np.eye(3))
    with pytest.raises(UnusableMatrix, match="row 1"):
        M.update(A)
    with pytest.raises(InputError, match="failed"):
        M @ np.ones(3)
    M.update(A + 2 * np.eye(3))
    np.testing.assert_allclose(M @ (A @ np.ones(3) + 2), np.ones(3))


def test_matrices_without_a_positive_diagonal_are_refused_by_icc():
    for A in (np.diag([1.0, -1.0]), np.diag([1.0, 1j]), np.array([[0.0, 1.0], [1.0, 1.0]])):
        with pytest.raises(UnusableMatrix, match="diagonal in row"):
            ICC(A)
    with pytest.raises(InputError, match="level"):
        ICC(np.eye(2), -1)
    with pytest.raises(InputError, match="level"):
        ILU(np.eye(2), -1)


def test_an_indefinite_matrix_is_shifted_until_it_is_definite():
    A = np.array([[1.0, 3.0], [3.0, 1.0]])
    M = ICC(A)
    assert 2.0 <= M.shift <= 4.1
    assert np.linalg.eigvalsh(np.column_stack([M @ e for e in np.eye(2)])).min() > 0
    assert as_csr(A).nnz == 4
