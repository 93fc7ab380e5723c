"""Polynomials of a matrix: the ones that the papers define, and what they are good for."""

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.solvers.csr import UnusableMatrix
from sobolev.solvers.krylov.cg import cg
from sobolev.solvers.krylov.gcro_dr import gcro_dr
from sobolev.solvers.preconditioners.jacobi import Jacobi
from sobolev.solvers.preconditioners.polynomial import (
    Chebyshev,
    SymmetricPolynomial,
    power_sums,
)

from .matrices import diffusion


def hermitian(n, seed, kind=float):
    rng = np.random.default_rng(seed)
    B = rng.normal(size=(n, n)).astype(kind)
    if kind is complex:
        B += 1j * rng.normal(size=(n, n))
    return B @ B.conj().T / n + 0.2 * np.eye(n)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(3, 8), st.integers(0, 2**32 - 1), st.sampled_from([float, complex]),
    st.integers(1, 5),
)  # fmt: skip
def test_its_eigenvalues_are_the_symmetric_polynomials_of_the_others(n, seed, kind, degree):
    degree = min(degree, n - 1)
    A = hermitian(n, seed, kind)
    values, Q = np.linalg.eigh(A)
    P = SymmetricPolynomial(A, degree) @ np.eye(n)
    found = np.einsum("ji,jk,ki->i", Q.conj(), P, Q).real
    expected = np.array([
        sum(np.prod(chosen) for chosen in combinations(np.delete(values, i), degree))
        for i in range(n)
    ])  # fmt: skip
    np.testing.assert_allclose(found / found[0], expected / expected[0], rtol=1e-6)


def test_it_is_the_recursion_of_the_paper():
    """P_t = (1/t) sum_i (-1)^(i-1) P_(t-i) U_i, U_i = tr(A^i) - A^i."""
    A, eye = hermitian(7, 0), np.eye(7)
    P = [eye]
    for t in range(1, 5):
        powers = [np.linalg.matrix_power(A, i) for i in range(t + 1)]
        U = [np.trace(power) * eye - power for power in powers]
        P.append(sum((-1) ** (i - 1) * P[t - i] @ U[i] for i in range(1, t + 1)) / t)
        mine = SymmetricPolynomial(A, t) @ eye
        np.testing.assert_allclose(mine / mine[0, 0], P[t] / P[t][0, 0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [float, complex])
def test_power_sums_are_traces(kind):
    A = hermitian(6, 1, kind)
    expected = [np.trace(np.linalg.matrix_power(A, i)).real for i in range(1, 7)]
    np.testing.assert_allclose(power_sums(A, 6), expected, rtol=1e-12)
    np.testing.assert_allclose(power_sums(sparse.csr_array(A), 6), expected, rtol=1e-12)


def test_given_power_sums_serve_a_matrix_without_entries():
    A = hermitian(6, 2)

    class Hidden:
        shape, dtype = A.shape, A.dtype

        def __matmul__(self, v):
            return A @ v

    with pytest.raises(InputError, match="power sums"):
        SymmetricPolynomial(Hidden(), 2)
    M = SymmetricPolynomial(Hidden(), 2, power_sums=power_sums(A, 2))
    np.testing.assert_allclose(M @ np.ones(6), SymmetricPolynomial(A, 2) @ np.ones(6))


def test_chebyshev_is_the_best_polynomial():
    """|1 - t p(t)| oscillates between the bounds with the amplitude 1 / T_d(theta / delta)."""
    low, high, degree = 0.5, 9.0, 6
    t = np.linspace(low, high, 2001)
    rest = 1 - t * (Chebyshev(np.diag(t), degree, bounds=(low, high)) @ np.ones(t.size))
    sigma = (high + low) / (high - low)
    expected = np.cos(degree * np.arccos(1 - 2 * (t - low) / (high - low)))
    np.testing.assert_allclose(rest, expected / np.cosh(degree * np.arccosh(sigma)), atol=1e-12)
    below = np.linspace(1e-3, low, 50)
    assert np.all(Chebyshev(np.diag(below), degree, bounds=(low, high)) @ np.ones(50) > 0)


@pytest.mark.parametrize("inner", [None, Jacobi])
def test_chebyshev_saves_iterations_of_krylov_methods(inner):
    A = diffusion((24, 24))
    b = np.ones(A.shape[0])
    base = None if inner is None else inner(A)
    M = Chebyshev(A, 6, M=base)
    plain = cg(A, b, M=base)
    for result in (cg(A, b, M=M), gcro_dr(A, b, M=M)[0]):
        assert result.converged
        assert result.iterations < 0.35 * plain.iterations
    other = 4.0 * A.to_csr()
    if base is not None:
        base.update(other)
    M.update(other)
    assert cg(other, b, M=M).iterations < 0.35 * plain.iterations


def test_what_is_not_positive_is_refused():
    with pytest.raises(UnusableMatrix, match="positive"):
        Chebyshev(np.diag([1.0, -2.0, 3.0]))
    with pytest.raises(UnusableMatrix, match="positive"):
        SymmetricPolynomial(np.diag([1.0, -5.0, 3.0]), 2)
    for call in (
        lambda: Chebyshev(np.eye(3), 0),
        lambda: Chebyshev(np.eye(3), 1.5),
        lambda: Chebyshev(np.eye(3), steps=0),
        lambda: Chebyshev(np.empty((0, 0))),
        lambda: SymmetricPolynomial(np.empty((0, 0))),
        lambda: Chebyshev(np.ones((2, 3))),
        lambda: SymmetricPolynomial(np.eye(3), 3),
        lambda: SymmetricPolynomial(np.eye(3), 2, power_sums=np.ones(1)),
    ):
        with pytest.raises(InputError):
            call()


def test_chebyshev_refuses_vectors_of_another_length():
    M = Chebyshev(np.diag(np.linspace(1.0, 9.0, 5)))
    with pytest.raises(InputError, match="vector of length 5"):
        M @ np.ones(3)
