"""The order of a sequence: each next system is the nearest that is left."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.solvers.ordering import (
    chunked_order,
    greedy_order,
    hilbert_order,
    low_modes,
    path_length,
    random_projection,
)


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
        (np.zeros((3, 1)), 1.5, "start to be a whole number of at least 0, got 1.5"),
        (np.zeros((3, 1)), -1, "start to be a whole number of at least 0, got -1"),
        (np.zeros((3, 1)), "first", "start to be a whole number"),
    ],
)
def test_bad_input_is_refused(features, start, message):
    with pytest.raises(InputError, match=message):
        greedy_order(features, start)


@pytest.mark.parametrize("d, bits", [(1, 5), (2, 4), (3, 3), (4, 2)])
def test_the_hilbert_curve_steps_to_a_neighbour_and_meets_every_cell(d, bits):
    side = 2**bits
    cells = np.stack(np.meshgrid(*[np.arange(side)] * d, indexing="ij"), -1).reshape(-1, d)
    mixed = cells[np.random.default_rng(0).permutation(len(cells))].astype(float)
    path = mixed[hilbert_order(mixed)]
    assert len(np.unique(path, axis=0)) == len(cells)
    np.testing.assert_array_equal(np.abs(np.diff(path, axis=0)).sum(axis=1), 1)


def test_chunks_are_a_partition_and_their_chains_are_greedy():
    features = np.random.default_rng(1).normal(size=(997, 8))
    chunks = chunked_order(features, 100)
    assert sorted(np.concatenate(chunks)) == list(range(997))
    assert {len(chunk) for chunk in chunks} == {99, 100}
    for chunk in chunks:
        inner = greedy_order(features[chunk], 0)
        np.testing.assert_array_equal(inner, np.arange(len(chunk)))
    again = chunked_order(features.copy(), 100)
    assert all(np.array_equal(one, other) for one, other in zip(chunks, again, strict=True))


def test_chunks_of_a_curve_are_nearly_as_short_as_one_greedy_chain():
    features = np.random.default_rng(2).normal(size=(4000, 16)) * 0.5 ** np.arange(16)
    given = path_length(features, np.arange(4000))
    greedy = path_length(features, greedy_order(features))
    chunked = path_length(features, np.concatenate(chunked_order(features, 500)))
    assert greedy < chunked < 1.4 * greedy < 0.4 * given


def test_low_modes_are_a_lower_bound_of_the_distance_and_exact_for_smooth_fields():
    rng = np.random.default_rng(3)
    fields = rng.normal(size=(6, 10, 7))
    reduced = low_modes(fields, 4)
    assert reduced.shape == (6, 16)
    whole = low_modes(fields, 10)
    for i in range(1, 6):
        distance = np.linalg.norm(fields[i] - fields[0])
        assert np.linalg.norm(reduced[i] - reduced[0]) <= distance
        assert np.linalg.norm(whole[i] - whole[0]) == pytest.approx(distance, rel=1e-12)
    x = (np.arange(10) + 0.5) / 10
    y = (np.arange(7) + 0.5) / 7
    smooth = np.cos(2 * np.pi * x)[:, None] * np.cos(np.pi * y)
    assert np.linalg.norm(low_modes(smooth[None], 4)) == pytest.approx(np.linalg.norm(smooth))


def test_random_projection_keeps_distances_in_the_mean():
    features = np.random.default_rng(4).normal(size=(40, 300))
    reduced = random_projection(features, 64)
    true = np.linalg.norm(features[:, None] - features, axis=-1)[np.triu_indices(40, 1)]
    seen = np.linalg.norm(reduced[:, None] - reduced, axis=-1)[np.triu_indices(40, 1)]
    assert np.mean((seen / true) ** 2) == pytest.approx(1.0, abs=0.1)
    np.testing.assert_array_equal(reduced, random_projection(features, 64))


def test_equal_systems_and_no_systems_have_an_order():
    assert chunked_order(np.zeros((5, 3)), 2)[0].tolist() == [0, 1]
    assert chunked_order(np.zeros((0, 3))) == []
    assert hilbert_order(np.zeros((3, 2))).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: chunked_order(np.zeros((3, 1)), 0), "chunk to be a whole number of at least 1"),
        (lambda: chunked_order(np.zeros((3, 1)), 1.5), "chunk to be a whole number of at least 1"),
        (lambda: chunked_order(np.zeros((3, 1)), 2, 0.5), "axes to be a whole number"),
        (lambda: hilbert_order(np.zeros((3, 61))), "at most 60"),
        (lambda: low_modes(np.zeros(3)), "shape"),
        (lambda: low_modes(np.zeros((3, 4)), 1.5), "modes to be a whole number of at least 1"),
        (lambda: low_modes(np.zeros((3, 4)), 0), "modes to be a whole number of at least 1"),
        (lambda: random_projection(np.zeros((3, 1)), 0), "d to be a whole number of at least 1"),
        (lambda: random_projection(np.zeros((3, 1)), 2.5), "d to be a whole number of at least 1"),
        (lambda: random_projection(np.zeros((3, 1)), seed=-1), "seed to be a whole number"),
        (lambda: random_projection(np.zeros((3, 1)), seed=1.5), "seed to be a whole number"),
        (lambda: path_length(np.array([[np.inf]]), np.array([0])), "finite"),
        (lambda: path_length(np.zeros((3, 2)), [0, 7]), "order of the rows 0 to 2"),
        (lambda: path_length(np.zeros((3, 2)), [-1]), "order of the rows 0 to 2"),
        (lambda: path_length(np.zeros((3, 2)), ["a"]), "order of the rows 0 to 2"),
        (lambda: low_modes(np.zeros((3, 0))), "shape"),
        (lambda: low_modes("x"), "real numbers"),
        (lambda: chunked_order([[1j]]), "real numbers"),
    ],
)
def test_bad_input_of_the_reductions_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
