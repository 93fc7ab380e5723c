"""Sine transforms in compiled code against SciPy's."""

import numpy as np
import pytest
from scipy.fft import dctn, dstn

from sobolev.solvers.helmholtz.sines import BACK, COSINES, SINES, axis, plane, transform
from sobolev.solvers.kernels import kernel


@kernel()
def run(what, plane):
    transform(what, plane)


@pytest.mark.parametrize(
    "shape",
    [(128, 128), (96, 125), (2, 3), (7, 9), (15, 33), (49, 121), (255, 64), (127, 32), (1, 84)],
)
def test_amplitudes_are_those_of_scipy_and_back(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    tables = plane(shape)
    tables.values[:] = 1.0  # what stands beside the values must not matter
    inside = tables.values[: shape[0], : shape[1]]
    inside[:] = x
    run(SINES, tables)
    expected = dstn(x)
    # Single precision: errors grow like the logarithm of the length, or a prime's square root.
    allowed = 4e-7 * np.sqrt(np.mean(expected**2)) * np.log2(x.size)
    assert np.abs(inside - expected).max() <= allowed
    run(BACK, tables)
    assert np.abs(inside - x).max() <= 4e-7 * np.log2(x.size)
    run(COSINES, tables)
    assert np.abs(inside - dctn(x)).max() <= 2 * allowed


def test_a_sine_is_one_amplitude():
    """(S_j, S_j) of SciPy's scaling: 2 n along each axis, where the highest has 4 n."""
    n, m = 50, 77
    i, k = np.indices((n, m)) + 0.5
    tables = plane((n, m))
    tables.values[:n, :m] = np.sin(np.pi * 7 * i / n) * np.sin(np.pi * 3 * k / m)
    run(SINES, tables)
    found = tables.values[:n, :m].copy()
    assert found[6, 2] == pytest.approx(n * m, rel=1e-6)
    found[6, 2] = 0.0
    assert np.abs(found).max() < 1e-6 * n * m


def test_factors_of_a_length():
    assert axis(2 * 3 * 5 * 7 * 11).primes.tolist() == [7, 11]
    assert axis(2 * 3 * 5 * 7 * 11).smooth == 30
    assert axis(421).primes.tolist() == [421]
    assert axis(1).smooth == 1
