"""A `Solution` says of each sample whether it may be used."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.solvers.solution import Solution


def solution(count, reasons=None):
    return Solution(
        np.arange(count * 4.0).reshape(count, 2, 2),
        np.ones(count, dtype=bool),
        np.arange(count),
        np.zeros(count),
        np.zeros(count),
        reasons or ("converged",) * count,
    )


def test_lengths_must_agree():
    with pytest.raises(InputError, match="expected 3 entries in reason, got 2"):
        solution(3, ("converged", "stagnated"))


def test_join_keeps_the_order():
    first, second = solution(2), solution(1, ("stagnated",))
    joined = Solution.join([first, second])
    assert len(joined) == 3
    assert joined.reason == ("converged", "converged", "stagnated")
    assert joined.iterations.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(joined.fields, [*first.fields, *second.fields])
