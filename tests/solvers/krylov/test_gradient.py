"""Gradient methods and the polynomials that precondition them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.solvers.krylov.gradient import fast_gradient, gradient
from sobolev.solvers.krylov.lanczos import spectral_bounds
from sobolev.solvers.preconditioners.polynomial import SymmetricPolynomial

from .systems import definite


def with_spectrum(values, seed=0):
    rng = np.random.default_rng(seed)
    n = len(values)
    Q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    A = (Q * values) @ Q.T
    return A, rng.normal(size=n)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 20), st.integers(0, 2**32 - 1), st.sampled_from([float, complex]),
    st.integers(0, 4), st.sampled_from([1e-3, 1e-8]), st.booleans(),
)  # fmt: skip
def test_they_solve_to_the_tolerance(n, seed, kind, degree, rtol, preconditioned):
    A, b = definite(n, seed, kind)
    M = np.diag(1 / np.diag(A).real) if preconditioned else None
    for result in (
        gradient(A, b, M=M, degree=degree, rtol=rtol),
        fast_gradient(A, b, M=M, rtol=rtol),
    ):
        assert result.converged, result.reason
        assert np.linalg.norm(b - A @ result.x) <= rtol * np.linalg.norm(b)
        assert result.x.dtype == kind


def test_a_step_is_the_minimum_over_the_krylov_space():
    A, b = with_spectrum(np.linspace(1.0, 30.0, 12))
    step = gradient(A, b, degree=3, rtol=0.5, max_iterations=1).x
    K = np.linalg.qr(np.stack([np.linalg.matrix_power(A, i) @ b for i in range(4)], 1))[0]
    best = K @ np.linalg.solve(K.T @ A @ K, K.T @ b)
    np.testing.assert_allclose(step, best, rtol=1e-6, atol=1e-8)


def test_a_higher_degree_and_momentum_save_steps():
    A, b = with_spectrum(np.linspace(1.0, 400.0, 60))
    steps = [gradient(A, b, degree=degree).iterations for degree in (0, 1, 3)]
    assert steps[0] > 2 * steps[1] > 4 * steps[2]
    fast = fast_gradient(A, b, bounds=(1.0, 400.0))
    assert fast.iterations < steps[0] / 4


def test_a_symmetric_polynomial_cuts_the_gap_below_the_highest_eigenvalues():
    values = np.r_[np.linspace(1.0, 2.0, 28), 1e3, 1e4]
    A, b = with_spectrum(values)
    plain = gradient(A, b, max_iterations=3000)
    assert not plain.converged
    one, two = (gradient(A, b, M=SymmetricPolynomial(A, degree)) for degree in (1, 2))
    assert two.converged
    assert 3 * two.iterations < one.iterations
    fast = fast_gradient(A, b, M=SymmetricPolynomial(A, 2))
    assert fast.converged
    assert 3 * fast.iterations < one.iterations


def test_breakdowns_are_reported():
    indefinite = np.diag([1.0, -2.0, 3.0])
    for method in (gradient, fast_gradient):
        result = method(indefinite, np.ones(3))
        assert result.reason == "breakdown: matrix is not positive definite"
        A, b = definite(8, 1)
        result = method(A, b, max_iterations=2, rtol=1e-10)
        assert (result.converged, result.reason) == (False, "maximum iterations")
        assert method(A, np.full(8, np.nan)).reason == "breakdown: right-hand side is not finite"
        assert method(A * np.nan, b).reason.startswith("breakdown")
        assert method(A, np.zeros(8)).converged
        singular = method(np.diag([1.0, 2.0, 0.0]), np.ones(3), max_iterations=200)
        assert not singular.converged
        assert not method(np.diag(np.logspace(0, 6, 9)), np.ones(9), rtol=1e-17).converged


def test_wrong_bounds_cost_steps_but_not_the_solution():
    A, b = with_spectrum(np.linspace(1.0, 100.0, 40))
    assert fast_gradient(A, b, bounds=(20.0, 100.0)).converged
    assert not fast_gradient(A, b, bounds=(1.0, 20.0)).converged  # L too small: rises


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.integers(0, 2**32 - 1), st.sampled_from([float, complex]))
def test_bounds_hold_the_spectrum_from_above(n, seed, kind):
    A, _ = definite(n, seed, kind)
    inverse = np.diag(1 / np.diag(A).real)
    for M in (None, inverse):
        values = np.linalg.eigvals(A if M is None else M @ A).real
        low, high = spectral_bounds(A, n, M)
        assert values.max() <= high <= 1.6 * values.max()
        assert values.min() * (1 - 1e-8) <= low <= values.max()


@pytest.mark.parametrize(
    "call",
    [
        lambda: gradient(np.eye(2), np.ones(2), degree=-1),
        lambda: fast_gradient(np.eye(2), np.ones(2), bounds=(2.0, 1.0)),
        lambda: gradient(np.eye(3), np.ones(2)),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(InputError):
        call()
