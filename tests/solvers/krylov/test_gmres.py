"""Restarted GMRES: any square matrix, real or complex; what it cannot solve is reported."""

import numpy as np
import pytest
import scipy.sparse.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.solvers.krylov.gmres import gmres


def system(n, seed, kind=float):
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(n, n)), rng.normal(size=n)
    if kind is complex:
        A, b = A + 1j * rng.normal(size=(n, n)), b + 1j * rng.normal(size=n)
    return A / np.sqrt(n) + 2.5 * np.eye(n), b


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 12),
    st.integers(0, 2**32 - 1),
    st.sampled_from([float, complex]),
    st.sampled_from([1e-4, 1e-8, 1e-12]),
)
def test_solves_to_the_tolerance(n, restart, seed, kind, rtol):
    A, b = system(n, seed, kind)
    result = gmres(A, b, M=np.diag(1 / np.diag(A)), rtol=rtol, restart=restart)
    assert result.converged
    assert np.linalg.norm(b - A @ result.x) <= rtol * np.linalg.norm(b)
    assert result.x.dtype == kind


@pytest.mark.parametrize("kind", [float, complex])
def test_residuals_are_those_of_the_minimum(kind):
    """|b - A x_j| is the least over the Krylov space, computed here by dense least squares."""
    A, b = system(12, 5, kind)
    result = gmres(A, b, rtol=1e-13, restart=12)
    basis = b[:, None]
    for j in range(1, 9):
        images = A @ basis
        y = np.linalg.lstsq(images, b, rcond=None)[0]
        least = np.linalg.norm(b - images @ y) / np.linalg.norm(b)
        assert result.history[j] == pytest.approx(least, rel=1e-4)
        basis = np.column_stack([basis, images[:, -1] / np.linalg.norm(images[:, -1])])


def test_steps_are_those_of_scipy():
    A, b = system(60, 7)
    seen = []
    scipy.sparse.linalg.gmres(
        A, b, rtol=1e-8, restart=60, callback=seen.append, callback_type="pr_norm"
    )
    assert abs(gmres(A, b, rtol=1e-8, restart=60).iterations - len(seen)) <= 1


def test_a_singular_consistent_system_is_solved():
    rng = np.random.default_rng(1)
    Q = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    A = Q @ np.diag([0, 0, 1, 2, 3, 4, 5, 6, 7, 8.0]) @ Q.T  # range and kernel are orthogonal
    b = A @ rng.normal(size=10)
    result = gmres(A, b, rtol=1e-10)
    assert result.converged


def test_a_singular_inconsistent_system_is_reported():
    result = gmres(np.diag([1.0, 2.0, 0.0]), np.ones(3), rtol=1e-10)
    assert not result.converged
    assert result.reason.startswith(("breakdown", "stagnated"))
    assert result.residual == pytest.approx(1 / np.sqrt(3))
    nilpotent = np.array([[0.0, 1.0], [0.0, 0.0]])
    result = gmres(nilpotent, np.array([1.0, 0.0]))
    assert result.reason == "breakdown: matrix is singular on the Krylov space"


def test_stagnation_is_reported():
    """The cyclic shift: no step but the n-th gains anything."""
    shift = np.roll(np.eye(8), 1, axis=0)
    b = np.eye(8)[0]
    assert gmres(shift, b, restart=8).converged
    result = gmres(shift, b, restart=7)
    assert (result.converged, result.reason) == (False, "stagnated")


def test_zero_right_hand_side():
    A, _ = system(5, 0)
    for x0 in (None, np.ones(5)):
        result = gmres(A, np.zeros(5), x0=x0)
        assert result.converged
        assert not result.x.any()


def test_the_end_of_patience_is_reported():
    A, b = system(30, 2)
    result = gmres(A, b, restart=4, max_iterations=6, rtol=1e-12)
    assert (result.reason, result.iterations) == ("maximum iterations", 6)


@pytest.mark.parametrize("where", ["A", "b"])
def test_nan_is_a_breakdown(where):
    A, b = system(4, 2)
    (A if where == "A" else b)[0] = np.nan
    result = gmres(A, b)
    assert not result.converged
    assert result.reason.startswith("breakdown")


def test_bad_restart_is_refused():
    with pytest.raises(InputError, match="restart"):
        gmres(np.eye(2), np.ones(2), restart=0)
