"""Vectors written by hand: what they load and store, and what they leave alone."""

import ctypes
import mmap

import numpy as np
import pytest

from sobolev.solvers.kernels import kernel
from sobolev.solvers.lanes import (
    LANES,
    alternating,
    evens,
    kept,
    load,
    load_some,
    lower_pairs,
    narrowed,
    odds,
    spread,
    store,
    store_some,
    total,
    upper_pairs,
    widened,
)

PRECISIONS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@kernel()
def _copy(a, first, b, to):
    store(load(a, first), b, to)


@kernel()
def _load_some(a, first, count, b, to):
    store(load_some(a, first, count), b, to)


@kernel()
def _store_some(a, first, b, to, count):
    store_some(load(a, first), b, to, count)


@kernel()
def _calculate(a, factor, count, out):
    one, other = load(a, 0), load(a, LANES)
    store(one * other + one / other - spread(factor), out, 0)
    store(kept(one, count), out, LANES)
    return total(one)


@kernel()
def _shuffle(a, out):
    one, other = load(a, 0), load(a, LANES)
    for number, vector in enumerate(
        (evens(one, other), odds(one, other), alternating(one, other),
         lower_pairs(one, other), upper_pairs(one, other))
    ):  # fmt: skip
        store(vector, out, number * LANES)


@kernel()
def _convert(single, double):
    store(widened(load(single, 0)), double, 0)
    store(narrowed(load(double, LANES)), single, LANES)


def guarded(dtype, pages=2):
    """Memory whose end no one may go beyond: the page behind it may not be touched."""
    libc = ctypes.CDLL(None, use_errno=True)
    memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    every = np.frombuffer(memory, np.uint8)
    last = ctypes.c_void_p(every.ctypes.data + pages * mmap.PAGESIZE)
    assert libc.mprotect(last, ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
    return every[: pages * mmap.PAGESIZE].view(dtype)


@PRECISIONS
@pytest.mark.parametrize("to", [0, 1, 7, 24])
def test_whole_vectors_from_the_first_place_to_the_last(dtype, to):
    a, b = np.arange(1, 41, dtype=dtype), np.zeros(40, dtype)
    _copy(a, 40 - LANES - to, b, to)
    expected = np.zeros(40, dtype)
    expected[to : to + LANES] = a[40 - LANES - to : 40 - to]
    assert np.array_equal(b, expected)


@PRECISIONS
@pytest.mark.parametrize("count", [-3, 0, 1, 5, 15, 16, 40])
def test_masked_loads_and_stores_stay_within_their_memory(dtype, count):
    present = min(max(count, 0), LANES)
    memory = guarded(dtype)
    end = memory.size - present
    memory[:] = -1
    memory[end:] = np.arange(1, present + 1)
    found = np.full(LANES, 9, dtype)
    _load_some(memory, end, count, found, 0)
    expected = np.zeros(LANES, dtype)
    expected[:present] = np.arange(1, present + 1)
    assert np.array_equal(found, expected)
    source = np.arange(100, 100 + LANES, dtype=dtype)
    _store_some(source, 0, memory, end, count)
    assert np.array_equal(memory[end:], source[:present])
    assert np.all(memory[:end] == -1)


@PRECISIONS
def test_a_masked_store_leaves_what_is_behind_it(dtype):
    a, b = np.arange(1, LANES + 1, dtype=dtype), np.full(3 * LANES, -1, dtype)
    _store_some(a, 0, b, 5, 11)
    assert np.array_equal(b[5:16], a[:11])
    assert np.all(np.delete(b, slice(5, 16)) == -1)


@PRECISIONS
def test_arithmetic(dtype):
    a = np.random.default_rng(0).uniform(1, 2, 2 * LANES).astype(dtype)
    out = np.empty(2 * LANES, dtype)
    one, other = a[:LANES], a[LANES:]
    assert _calculate(a, dtype(0.5), 6, out) == pytest.approx(one.sum(), rel=1e-6)
    close = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(out[:LANES], one * other + one / other - dtype(0.5), rtol=close)
    assert np.array_equal(out[LANES:], np.where(np.arange(LANES) < 6, one, 0))


@PRECISIONS
def test_shuffles(dtype):
    a, out = np.arange(2 * LANES, dtype=dtype), np.empty(5 * LANES, dtype)
    _shuffle(a, out)
    pairs = a.reshape(2, LANES).T.ravel()
    mixed = np.where(np.arange(LANES) % 2 == 0, a[:LANES], a[LANES:])
    assert np.array_equal(out, np.concatenate([a[::2], a[1::2], mixed, pairs]))


def test_precisions():
    double = np.random.default_rng(1).standard_normal(2 * LANES)
    single, given = double.astype(np.float32), double.copy()
    single[LANES:] = 0
    _convert(single, double)
    assert np.array_equal(double[:LANES], single[:LANES].astype(np.float64))
    assert np.array_equal(single[LANES:], given[LANES:].astype(np.float32))
