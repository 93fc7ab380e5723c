"""Earlier solutions that the next system of one matrix starts from."""

import numpy as np
import pytest

from sobolev.solvers.krylov.gcro_dr import gcro_dr
from sobolev.solvers.krylov.past import Past

from .systems import general


def learned(A, X, most):
    past = None
    for x in X:
        past = Past.first(x, A @ x, most) if past is None else past.added(x, A @ x)
    return past


@pytest.mark.parametrize("kind", [float, complex])
def test_a_right_hand_side_in_the_span_is_solved(kind):
    A, _ = general(40, 0, kind)
    X = np.random.default_rng(1).normal(size=(6, 40)).astype(kind)
    X[4] = X[0] + 1e-6 * X[4]  # nearly a copy
    past = learned(A, X, 10)
    wanted = np.arange(1.0, 7.0) @ X
    x, rest = past.project(A @ wanted)
    assert past.size == 6
    assert rest < 1e-13 * np.linalg.norm(A @ wanted)
    np.testing.assert_allclose(x, wanted, rtol=1e-8)


def test_what_it_does_not_span_is_told():
    past = learned(np.eye(5), np.eye(5)[:2], 4)
    x, rest = past.project(np.array([1.0, 2.0, 3.0, 0.0, 4.0]))
    np.testing.assert_allclose(x, [1.0, 2.0, 0.0, 0.0, 0.0])
    assert rest == pytest.approx(5.0)


def test_what_adds_nothing_is_left_out():
    past = learned(np.eye(5), np.eye(5)[:2], 3)
    assert past.added(np.ones(5) * [1, 1, 0, 0, 0], np.ones(5) * [1, 1, 0, 0, 0]) is past
    assert past.added(np.zeros(5), np.zeros(5)) is past
    assert past.added(np.full(5, np.nan), np.full(5, np.nan)) is past
    full = past.added(np.eye(5)[2], np.eye(5)[2])
    assert full.full
    assert full.added(np.eye(5)[3], np.eye(5)[3]) is full


def test_no_object_sees_another_grow():
    first = learned(np.eye(5), np.eye(5)[:1], 4)
    one = first.added(np.eye(5)[1], np.eye(5)[1])
    other = first.added(np.eye(5)[2], np.eye(5)[2])
    for past, row in ((first, 0), (one, 1), (other, 2)):
        _, rest = past.project(np.eye(5)[row])
        assert rest < 1e-15
        _, rest = past.project(np.eye(5)[3 - row])  # of the other, or of none
        assert rest == 1.0


def test_a_family_of_right_hand_sides_costs_nothing_once_its_span_is_known():
    A = np.diag(np.linspace(1.0, 1e4, 300))
    rng = np.random.default_rng(4)
    basis = rng.normal(size=(12, 300))
    space, products = None, []
    for _ in range(60):
        b = rng.normal(size=12) @ basis
        result, space = gcro_dr(A, b, space, 40, 8, rtol=1e-8)
        assert result.converged
        products.append(result.products)
    assert min(products[:12]) > 20
    assert products[40:].count(2) > 15, products  # one to know the matrix, one for the residual
