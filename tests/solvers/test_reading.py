"""What is no array of numbers is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.solvers.reading import read_real, read_source


@pytest.mark.parametrize("values", ["a", None, 1j, [[1], [1, 2]], [None], object()])
def test_fields_are_made_of_real_numbers(values):
    with pytest.raises(InputError, match="expected coefficients as an array of real numbers"):
        read_real(values, "coefficients")


def test_whole_and_single_numbers_become_double():
    for kind in (int, np.float32, bool):
        array = read_real(np.ones((2, 3), dtype=kind), "coefficients")
        assert array.dtype == np.float64
        assert array.shape == (2, 3)


@pytest.mark.parametrize("b", [None, ["a"], np.array([1, None]), [1.0, np.nan], [np.inf]])
def test_a_source_is_made_of_finite_numbers(b):
    with pytest.raises(InputError, match="right-hand side"):
        read_source(b)
