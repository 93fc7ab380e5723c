"""Transforms of lines against NumPy's, over lengths, kept waves and layouts."""

import numpy as np
import pytest

from sobolev.solvers.spectral.fft import LANES, plan, transform_lines

LAYOUTS = ((1, 1), (1, 4), (1, 16), (1, 21), (3, 16), (2, 33), (17, 1), (40, 1))  # outer, inner


def transformed(source, n_out, kept, n, inverse):
    _, outer, _, inner = source.shape
    result = np.full((2, outer, n_out, inner), np.nan, source.dtype)
    passes = plan(n, source.dtype)
    transform_lines(
        source.reshape(2, -1), result.reshape(2, -1), outer, kept, inner, n, inverse,
        passes.radices, passes.twiddles, np.full((4, n * LANES), np.nan, source.dtype),
        np.zeros((2, LANES), np.int64),
    )  # fmt: skip
    return result


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("n", "kept"), [(1, 1), (2, 1), (3, 1), (4, 3), (5, 5), (6, 3), (16, 11), (30, 21), (64, 43),
                    (96, 63), (128, 127), (256, 171)],
)  # fmt: skip
@pytest.mark.parametrize(("outer", "inner"), LAYOUTS)
def test_there_and_back(n, kept, outer, inner, dtype):
    highest = kept // 2
    source = np.random.default_rng(0).normal(size=(2, outer, kept, inner)).astype(dtype)
    full = np.zeros((outer, n, inner), complex)
    waves = source[0].astype(float) + 1j * source[1]
    full[:, : highest + 1] = waves[:, : highest + 1]
    full[:, n - highest :] = waves[:, highest + 1 :]
    expected = n * np.fft.ifft(full, axis=1)
    points = transformed(source, n, kept, n, inverse=True)
    close = 4 * np.finfo(dtype).eps * np.abs(expected).max()
    np.testing.assert_allclose(points[0] + 1j * points[1], expected, rtol=0, atol=close)
    back = transformed(points, kept, kept, n, inverse=False)
    np.testing.assert_allclose(back / n, source, rtol=0, atol=8 * np.finfo(dtype).eps * 4)
