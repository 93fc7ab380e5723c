"""The order of a sequence: each next system is the nearest that is left."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.solvers.sequence import greedy_order


def slow_order(features, start):
    order, left = [start], [i for i in range(len(features)) if i != start]
    while left:
        distances = [np.sum((features[i] - features[order[-1]]) ** 2) for i in left]
        order.append(left.pop(int(np.argmin(distances))))
    return order


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_greedy_order_is_the_definition(n, d, seed):
    # Integers: distances are exact, and many are equal, so that the rule for ties is tested.
    features = np.random.default_rng(seed).integers(0, 4, size=(n, d)).astype(float)
    start = seed % n
    assert greedy_order(features, start).tolist() == slow_order(features, start)


def test_distances_that_overflow_still_give_a_permutation():
    features = np.array([[1e300], [-1e300], [0.0], [1e300]])
    assert sorted(greedy_order(features)) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "features, start, message",
    [
        (np.zeros(3), 0, "shape"),
        (np.array([[np.nan]]), 0, "finite"),
        (np.zeros((3, 1)), 3, "start between 0 and 2"),
        (np.zeros((0, 1)), 0, "start"),
    ],
)
def test_bad_input_is_refused(features, start, message):
    with pytest.raises(InputError, match=message):
        greedy_order(features, start)
