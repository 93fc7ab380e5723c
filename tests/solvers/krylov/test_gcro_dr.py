"""GCRO-DR: the limits that are known, recycling that pays, spaces that survive."""

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.solvers.krylov.gcro_dr import RecycleSpace, gcro_dr
from sobolev.solvers.krylov.gmres import gmres


def system(n, seed, kind=float):
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(n, n)), rng.normal(size=n)
    if kind is complex:
        A, b = A + 1j * rng.normal(size=(n, n)), b + 1j * rng.normal(size=n)
    return A / np.sqrt(n) + 2 * np.eye(n), b


def convection(n, wind, shift=0.0):
    """Central differences of -u'' + wind u' + shift u on n points: nonsymmetric."""
    h = 1 / (n + 1)
    below, above = -1 - wind * h / 2, -1 + wind * h / 2
    return sparse.diags_array(
        [below, 2 + shift * h * h, above], offsets=[-1, 0, 1], shape=(n, n)
    ).tocsr()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(2, 12),
    st.integers(0, 2**32 - 1),
    st.sampled_from([float, complex]),
    st.sampled_from([1e-4, 1e-8, 1e-11]),
)
def test_a_sequence_is_solved_to_the_tolerance(n, m, seed, kind, rtol):
    A, b = system(n, seed, kind)
    change, _ = system(n, seed + 1, kind)
    space = None
    for step in range(3):
        matrix = A + 0.01 * step * change
        right = b + 0.1 * step
        result, space = gcro_dr(
            matrix, right, space, m, m // 2, M=np.diag(1 / np.diag(matrix)), rtol=rtol
        )
        assert result.converged, result.reason
        assert np.linalg.norm(right - matrix @ result.x) <= rtol * np.linalg.norm(right)
        assert result.x.dtype == kind


def test_without_a_space_it_is_gmres():
    A, b = system(80, 1)
    for m in (5, 12):
        plain = gmres(A, b, restart=m, rtol=1e-10)
        result, space = gcro_dr(A, b, None, m, 0, rtol=1e-10)
        assert space is None
        assert result.iterations == plain.iterations
        np.testing.assert_allclose(result.history[:m], plain.history[:m], rtol=1e-12)
        np.testing.assert_allclose(result.x, plain.x, rtol=1e-8, atol=1e-12)


def test_deflated_restarting_needs_less_than_restarting():
    A = convection(200, 5.0)
    b = np.ones(200)
    restarted = gmres(A, b, restart=30, rtol=1e-8, max_iterations=4000)
    deflated, _ = gcro_dr(A, b, None, 30, 10, rtol=1e-8)
    assert deflated.converged
    assert deflated.products < 0.5 * restarted.products


def test_first_cycle_finds_harmonic_ritz_vectors():
    """With m = n the space holds exact eigenvectors: those of the k smallest eigenvalues."""
    rng = np.random.default_rng(0)
    values = np.array([0.01, 0.02, 0.05, 1.0, 2.0, 3.0, 4.0, 5.0])
    Q = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    A = Q @ np.diag(values) @ Q.T
    _, space = gcro_dr(A, rng.normal(size=8), None, 8, 3, rtol=1e-11)
    U = np.linalg.qr(space.U.T)[0]
    np.testing.assert_allclose(U @ (U.T @ Q[:, :3]), Q[:, :3], atol=1e-8)


@pytest.mark.parametrize("kind", [float, complex])
def test_recycling_a_slowly_changing_sequence_pays(kind):
    products = {"carried": 0, "fresh": 0}
    space = None
    counted = []
    rng = np.random.default_rng(0)
    for step in range(6):
        A = convection(200, 5.0 + 0.05 * step, 1.0 + 0.1 * step).astype(kind)
        if kind is complex:
            A = A + 1e-4j * sparse.eye_array(200)
        b = (np.ones(200) + 0.1 * rng.normal(size=200)).astype(kind)

        def product(x, A=A):
            counted.append(1)
            return A @ x

        counted.clear()
        carried, space = gcro_dr(product, b, space, 30, 12)
        assert carried.products == len(counted)
        fresh, _ = gcro_dr(A, b, None, 30, 12)
        assert carried.converged
        assert fresh.converged
        if step:
            products["carried"] += carried.products
            products["fresh"] += fresh.products
    assert products["carried"] < 0.75 * products["fresh"]


def test_the_space_survives_a_system_that_is_solved_already():
    A, b = system(50, 3)
    _, space = gcro_dr(A, b, None, 20, 8)
    kept = space.U.copy()
    zero, after_zero = gcro_dr(A, np.zeros(50), space, 20, 8)
    assert zero.converged
    assert not zero.x.any()
    assert not gcro_dr(A, np.zeros(50), space, 20, 8, x0=b)[0].x.any()
    x = np.linalg.solve(A, b)
    solved, after_solved = gcro_dr(A, b, after_zero, 20, 8, x0=x)
    assert (solved.converged, solved.iterations) == (True, 0)
    assert after_zero is space
    assert after_solved is space
    # A right-hand side in the image of the space is solved by the space alone.
    inside, after = gcro_dr(A, A @ kept.T @ np.arange(1.0, 9.0), space, 20, 8)
    assert (inside.converged, inside.iterations) == (True, 0)
    assert after.U.shape == kept.shape
    np.testing.assert_array_equal(space.U, kept)


def test_directions_that_became_dependent_are_dropped():
    A, b = system(30, 4)
    u = np.random.default_rng(0).normal(size=30)
    space = RecycleSpace(np.stack([u, 2 * u, np.zeros(30), u + 1e-15]))
    result, _ = gcro_dr(A, b, space, 10, 4, rtol=1e-10)
    assert result.converged


def test_a_singular_consistent_system_is_solved():
    n = 60
    A = sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)).tolil()
    A[0, 0] = A[-1, -1] = 1.0  # Neumann ends: constants are the kernel
    A = A.tocsr()
    b = np.cos(np.pi * 3 * (np.arange(n) + 0.5) / n) + np.cos(np.pi * (np.arange(n) + 0.5) / n)
    space = None
    for _ in range(2):
        result, space = gcro_dr(A, b, space, 15, 5, rtol=1e-9)
        assert result.converged


def test_breakdowns_are_reported_and_leave_the_space_usable():
    A, b = system(30, 5)
    _, space = gcro_dr(A, b, None, 10, 4)
    broken = A.copy()
    broken[3, 3] = np.nan
    result, after = gcro_dr(broken, b, space, 10, 4)
    assert not result.converged
    assert result.reason == "breakdown: not a number in the iteration"
    assert gcro_dr(A, b, after, 10, 4)[0].converged
    result, after = gcro_dr(A, b * np.nan, space, 10, 4)
    assert result.reason == "breakdown: right-hand side is not finite"
    assert after is space
    nilpotent = np.array([[0.0, 1.0], [0.0, 0.0]])
    result, _ = gcro_dr(nilpotent, np.array([1.0, 0.0]), None, 2, 1)
    assert result.reason == "breakdown: matrix is singular on the Krylov space"
    shift = np.roll(np.eye(8), 1, axis=0)
    result, _ = gcro_dr(shift, np.eye(8)[0], None, 4, 2)
    assert not result.converged
    assert result.reason == "stagnated"
    result, _ = gcro_dr(A, b, None, 4, 2, rtol=1e-12, max_iterations=5)
    assert (result.reason, result.iterations) == ("maximum iterations", 5)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"m": 4, "k": 4}, "k < m"),
        ({"m": 4, "k": -1}, "k < m"),
        ({"space": RecycleSpace(np.ones((2, 5)))}, "length 3"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        gcro_dr(**({"A": np.eye(3), "b": np.ones(3)} | change))
