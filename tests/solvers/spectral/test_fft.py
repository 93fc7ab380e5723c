"""Transforms of lines against NumPy's, over lengths, kept waves and ways that the waves stand."""

import numpy as np
import pytest

from sobolev.solvers.spectral.butterflies import width
from sobolev.solvers.spectral.fft import plan, transform_lines
from sobolev.solvers.spectral.vectors import aligned, aligned_copy

SIZES = ((1, 1), (2, 1), (3, 1), (4, 3), (5, 5), (6, 3), (16, 11), (16, 15), (30, 21), (64, 43),
         (96, 63), (128, 127), (256, 171))  # fmt: skip


class Lines:
    """Random waves of a vector of lines, and what NumPy makes of them."""

    def __init__(self, n, kept, dtype, spread):
        self.n, self.kept, self.dtype, self.lanes = n, kept, dtype, width(dtype)
        self.plan, self.highest = plan(n, np.dtype(dtype)), kept // 2
        source = np.random.default_rng(0).normal(size=(2, n, self.lanes)).astype(dtype)
        source[:, :, spread:] = source[:, :, spread - 1 : spread]
        self.gap = slice(self.highest + 1, n - self.highest)
        source[:, self.gap] = 0
        self.source = source
        points = n * np.fft.ifft(source[0].astype(float) + 1j * source[1], axis=0)
        points = points[self.plan.order]
        self.points = np.stack([points.real, points.imag])
        self.other = (n + 1) * self.lanes
        self.buffer = aligned((2 * self.other,), np.dtype(dtype))
        self.buffer[:] = np.nan

    @property
    def inside(self):
        """Vectors of the buffer."""
        return self.buffer.reshape(2, self.n + 1, self.lanes)[:, : self.n]

    def transform(self, inverse, lines, array, place, apart, step, valid):
        transform_lines(
            inverse, lines, 0, self.other, self.kept, self.n, self.plan.radices,
            self.plan.twiddles, array, place, apart, step, valid,
        )  # fmt: skip

    def check(self, found, right):
        eps = np.finfo(self.dtype).eps
        np.testing.assert_allclose(found, right, rtol=0, atol=6 * eps * np.abs(right).max())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "kept"), SIZES)
def test_in_place(n, kept, dtype):
    lines = Lines(n, kept, dtype, width(dtype))
    lines.inside[:] = lines.source
    lines.inside[:, lines.gap] = np.nan  # what stands there does not matter
    lines.transform(True, lines.buffer, lines.buffer, 0, lines.other, 0, 0)
    lines.check(lines.inside, lines.points)
    lines.transform(False, lines.buffer, lines.buffer, 0, lines.other, 0, 0)
    back = np.array(lines.inside) / n
    back[:, lines.gap] = 0
    lines.check(back, lines.source)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "kept"), SIZES)
def test_lines_far_apart(n, kept, dtype):
    lines = Lines(n, kept, dtype, width(dtype))
    array = aligned((2, n, 3, lines.lanes), np.dtype(dtype))
    array[:] = np.nan
    array[:, :, 1] = lines.source
    array[:, lines.gap, 1] = np.nan
    where = (array.reshape(-1), lines.lanes, array.size // 2, 3 * lines.lanes, 0)
    lines.transform(True, lines.buffer, *where)
    lines.check(array[:, :, 1], lines.points)
    assert np.isnan(array[:, :, ::2]).all()
    lines.transform(False, lines.buffer, *where)
    back = array[:, :, 1] / n
    back[:, lines.gap] = 0
    lines.check(back, lines.source)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("valid", [1, 3, None])
@pytest.mark.parametrize(("n", "kept"), SIZES)
def test_lines_that_lie_along_memory(n, kept, valid, dtype):
    """Waves 0..K, then as many vectors of waves up to -1 and a copy of wave 0."""
    valid = valid or width(dtype)
    lines = Lines(n, kept, dtype, valid)
    low, lanes = lines.highest + 1, lines.lanes
    count = -(-low // lanes)
    rows = aligned((2, valid, 2 * count * lanes), np.dtype(dtype))
    rows[..., :low] = lines.source[:, :low, :valid].transpose(0, 2, 1)
    end = 2 * count * lanes
    rows[..., end - low : end - 1] = lines.source[:, n - low + 1 :, :valid].transpose(0, 2, 1)
    array = rows.reshape(2, valid, 2 * count, lanes).transpose(2, 0, 1, 3)
    array = aligned_copy(array, np.dtype(dtype)).reshape(-1)
    apart = valid * lanes
    lines.transform(True, lines.buffer, array, 0, apart, 2 * apart, valid)
    lines.check(lines.inside, lines.points)
    array[:] = np.nan
    lines.transform(False, lines.buffer, array, 0, apart, 2 * apart, valid)
    back = array.reshape(2 * count, 2, valid, lanes).transpose(1, 2, 0, 3).reshape(rows.shape) / n
    known = np.r_[:low, end - low : end - 1]
    lines.check(back[..., known], rows[..., known])
    np.testing.assert_array_equal(back[..., -1], back[..., 0])
