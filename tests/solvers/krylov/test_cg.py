"""Conjugate gradients: right on definite systems, honest on the others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.solvers.krylov.cg import cg


def definite(n, seed, kind=float):
    rng = np.random.default_rng(seed)
    B = rng.normal(size=(n, n)).astype(kind)
    if kind is complex:
        B += 1j * rng.normal(size=(n, n))
    return B @ B.conj().T + np.eye(n), rng.normal(size=n).astype(kind)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 25),
    st.integers(0, 2**32 - 1),
    st.sampled_from([float, complex]),
    st.sampled_from([1e-4, 1e-8, 1e-11]),
)
def test_solves_to_the_tolerance(n, seed, kind, rtol):
    A, b = definite(n, seed, kind)
    inverse = 1 / np.diag(A).real
    for M in (None, lambda r: inverse * r):
        result = cg(A, b, M=M, rtol=rtol)
        assert result.converged
        residual = np.linalg.norm(b - A @ result.x) / np.linalg.norm(b)
        assert residual <= rtol
        assert result.residual == pytest.approx(residual, rel=1e-3)


def test_ends_within_as_many_steps_as_there_are_eigenvalues():
    A = np.diag([1.0, 1.0, 5.0, 5.0, 9.0])
    assert cg(A, np.arange(1.0, 6.0)).iterations == 3


def test_an_indefinite_matrix_is_reported():
    A = np.diag([1.0, -2.0, 3.0])
    result = cg(A, np.ones(3))
    assert not result.converged
    assert result.reason == "breakdown: matrix is not positive definite"
    result = cg(np.eye(3), np.ones(3), M=-np.eye(3))
    assert result.reason == "breakdown: preconditioner is not positive definite"


def test_a_first_guess_is_used_and_kept():
    A, b = definite(12, 3)
    x = np.linalg.solve(A, b)
    result = cg(A, b, x0=x)
    assert result.converged
    assert result.iterations == 0
    near = x + 1e-6
    assert cg(A, b, x0=near, rtol=1e-6).iterations < cg(A, b, rtol=1e-6).iterations
    np.testing.assert_array_equal(near, x + 1e-6)


def test_zero_right_hand_side():
    A, _ = definite(5, 0)
    for x0 in (None, np.ones(5)):
        result = cg(A, np.zeros(5), x0=x0)
        assert result.converged
        assert not result.x.any()


def test_the_end_of_patience_and_of_precision_are_reported():
    A, b = definite(40, 1)
    result = cg(A, b, max_iterations=3)
    assert (result.converged, result.reason, result.iterations) == (False, "maximum iterations", 3)
    A = np.diag(np.logspace(0, 12, 30))
    result = cg(A, np.ones(30), rtol=1e-17)
    assert not result.converged
    assert result.residual > 1e-17


@pytest.mark.parametrize("where", ["A", "b"])
def test_nan_is_a_breakdown(where):
    A, b = definite(4, 2)
    (A if where == "A" else b)[0] = np.nan
    result = cg(A, b)
    assert not result.converged
    assert result.reason.startswith("breakdown")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"b": np.ones((3, 1))}, "vector"),
        ({"A": np.eye(4)}, "square matrix of 3 rows"),
        ({"A": 7.0}, "matrix or a function"),
        ({"x0": np.ones(4)}, "x0"),
        ({"rtol": 0.0}, "tolerance"),
        ({"max_iterations": 0}, "iteration"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        cg(**({"A": np.eye(3), "b": np.ones(3)} | change))
