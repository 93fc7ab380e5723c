"""Right-hand sides of any size: what is judged by squares that would overflow or vanish."""

from __future__ import annotations

import numpy as np
import pytest

from sobolev.solvers.residual import scale_of, true_residual


@pytest.mark.parametrize("size", [5e-324, 1e-300, 1e-170, 1.0, 1e170, 1e300])
def test_an_answer_is_judged_alike_whatever_the_size_of_the_numbers(size):
    A, b = np.eye(4), np.full(4, size)
    assert true_residual(A, b, b) == 0
    assert true_residual(A, np.zeros(4), b) == pytest.approx(1)


def test_usual_numbers_are_left_as_they_are_and_others_scaled_by_powers_of_two():
    assert scale_of(np.array([3.0, -4e20])) == 1
    assert scale_of(np.zeros(2)) == 1
    for size in (1e-320, 1e-200, 1e308):
        scale = scale_of(np.array([size, 0.0]))
        assert np.frexp(scale)[0] == 0.5
        assert 1e-20 < size * scale <= 1e20
