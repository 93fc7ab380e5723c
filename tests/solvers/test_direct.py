"""SuperLU with its ordering and its factor kept."""

import numpy as np
import pytest
import scipy.sparse as sparse

from sobolev.geometry.errors import InputError
from sobolev.solvers.direct import DirectSolver


def random_matrix(seed, n=60, complex_values=False):
    rng = np.random.default_rng(seed)
    pattern = sparse.random_array((n, n), density=0.08, rng=np.random.default_rng(0)).tocsr()
    pattern = sparse.csr_array(pattern + sparse.eye_array(n))
    values = rng.normal(size=pattern.nnz)
    if complex_values:
        values = values + 1j * rng.normal(size=pattern.nnz)
    return sparse.csr_array((values, pattern.indices, pattern.indptr), shape=(n, n))


@pytest.mark.parametrize("complex_values", [False, True])
@pytest.mark.parametrize("columns", [(), (3,)])
def test_a_sequence_needs_one_ordering(complex_values, columns):
    solver = DirectSolver()
    for seed in range(4):
        A = random_matrix(seed, complex_values=complex_values)
        x = np.random.default_rng(9).normal(size=(60, *columns))
        np.testing.assert_allclose(solver.solve(A, A @ x), x, rtol=1e-8, atol=1e-9)
    assert (solver.orderings, solver.factorisations) == (1, 4)


def test_symmetric_matrices_are_permuted_alike():
    solver = DirectSolver(symmetric=True)
    for seed in range(3):
        B = random_matrix(seed)
        A = sparse.csr_array(B @ B.T + sparse.eye_array(60))
        b = np.arange(60.0)
        np.testing.assert_allclose(A @ solver.solve(A, b), b, atol=1e-9)
    assert (solver.orderings, solver.factorisations) == (1, 3)


def test_the_same_matrix_keeps_its_factor_and_a_new_pattern_does_not():
    solver = DirectSolver()
    A = random_matrix(0)
    b = np.ones(60)
    first = solver.solve(A, b)
    np.testing.assert_array_equal(solver.solve(A.copy(), b), first)
    assert solver.factorisations == 1
    np.testing.assert_allclose(solver.solve(A, b * 1j), first * 1j, rtol=1e-12)
    other = sparse.csr_array(np.diag(np.arange(1.0, 61)))
    np.testing.assert_allclose(solver.solve(other, b), 1 / np.arange(1.0, 61))
    np.testing.assert_array_equal(solver.solve(A, b), first)
    assert (solver.orderings, solver.factorisations) == (3, 3)


def test_a_singular_matrix_is_an_error_and_the_solver_lives_on():
    solver = DirectSolver()
    A = random_matrix(1)
    with pytest.raises(InputError, match="singular"):
        solver.solve(A * 0.0, np.ones(60))
    np.testing.assert_allclose(A @ solver.solve(A, np.ones(60)), 1, atol=1e-8)


@pytest.mark.parametrize(
    "A, b, message",
    [
        (sparse.csr_array(np.ones((2, 3))), np.ones(2), "square"),
        (sparse.csr_array(np.eye(2)), np.ones(3), "as many rows"),
        (sparse.csr_array(np.diag([1.0, np.nan])), np.ones(2), "finite"),
    ],
)
def test_bad_input_is_refused(A, b, message):
    with pytest.raises(InputError, match=message):
        DirectSolver().solve(A, b)
