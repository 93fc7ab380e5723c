"""Distances between spaces: closed forms in the plane, and what a perturbation does."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.solvers.krylov.subspace import one_sided_distance, principal_angles


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, np.pi / 2])
@pytest.mark.parametrize("kind", [float, complex])
def test_a_line_turned_in_the_plane(angle, kind):
    X = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]], dtype=kind)
    Y = np.array([[np.cos(angle), np.sin(angle), 0.0]], dtype=kind)
    if kind is complex:
        Y = Y * 1j
    np.testing.assert_allclose(principal_angles(X, Y), [angle], rtol=1e-6, atol=1e-15)
    assert one_sided_distance(Y, X) == pytest.approx(np.sin(angle), rel=1e-6, abs=1e-15)
    assert one_sided_distance(X, Y) == 1.0


def test_it_is_the_norm_of_the_projectors():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(3, 9)), rng.normal(size=(5, 9))
    P = [np.linalg.pinv(rows) @ rows for rows in (X, Y)]
    expected = np.linalg.norm((np.eye(9) - P[1]) @ P[0], 2)
    assert one_sided_distance(X, Y) == pytest.approx(expected, rel=1e-12)


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="rows"):
        principal_angles(np.ones((2, 3)), np.ones((2, 4)))
