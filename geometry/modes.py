"""The modes of a real function on a grid: Fourier, or cosines on axes that are not periodic.

The cosine coefficients come from the FFT of the even extension, one axis at a time, so that
they are differentiable in torch. With a = scale(grid) * transform(values, grid), Parseval's
identity reads: the sum of |a|^2 is the mean of the squared function (mean by the grid's own
quadrature weights).
"""

from __future__ import annotations

import math

import numpy as np

from .arrays import Array, constant, namespace
from .grid import Grid


def transform(values: Array, grid: Grid) -> Array:
    """Unscaled coefficients (*leading, *modes) of real values (*leading, *grid.shape).

    Real if no axis is periodic, complex otherwise. On the last periodic axis, a mode and its
    mirror image (k and -k) share one entry, and `scale` carries the weight of both.
    """
    xp = namespace(values)
    periodic = [axis - grid.ndim for axis in range(grid.ndim) if grid.periodic[axis]]
    for axis in range(-grid.ndim, 0):
        if axis not in periodic:
            values = _cosine(xp, values, axis, grid.centering == "vertex")
    if periodic:
        values = xp.fft.rfftn(values, axes=periodic)
    return values


def squared_wavenumbers(grid: Grid) -> np.ndarray:
    """|k|^2 of each mode, of the shape of the modes, in 1 / units^2, with the 2 pi."""
    squared = np.zeros(())
    for k in wavenumbers(grid):
        squared = np.add.outer(squared, k**2)
    return squared


def wavenumbers(grid: Grid) -> tuple[np.ndarray, ...]:
    """Wave numbers along each axis: 2 pi j / L where periodic, pi j / L for cosines."""
    result = []
    halved = _halved_axis(grid)
    for axis, (n, length, wraps) in enumerate(
        zip(grid.shape, grid.lengths, grid.periodic, strict=True)
    ):
        if not wraps:
            result.append(np.pi / length * np.arange(n))
        elif axis == halved:
            result.append(2 * np.pi / length * np.arange(n // 2 + 1))
        else:
            result.append(2 * np.pi / length * np.fft.fftfreq(n, 1 / n))
    return tuple(result)


def _halved_axis(grid: Grid) -> int:
    """The axis on which the real transform keeps only modes from zero up; -1 if none."""
    return max((axis for axis in range(grid.ndim) if grid.periodic[axis]), default=-1)


def _cosine(xp: object, values: Array, axis: int, vertex: bool) -> Array:
    """The first half of the (real) FFT of the even extension along one axis."""
    n = values.shape[axis]
    flat = values.swapaxes(axis, -1)
    mirrored = flat[..., 1:-1] if vertex else flat
    extended = xp.concat([flat, xp.flip(mirrored, axis=-1)], axis=-1)  # type: ignore[attr-defined]
    modes = xp.fft.rfft(extended, axis=-1)[..., :n]  # type: ignore[attr-defined]
    if not vertex:  # the extension is even about -1/2, which turns mode j by pi j / (2 n)
        modes = modes * constant(_quarter_turns, n, like=values)
    return xp.real(modes).swapaxes(axis, -1)  # type: ignore[attr-defined]


def _quarter_turns(n: int) -> np.ndarray:
    return np.exp(-0.5j * np.pi * np.arange(n) / n)


def scale(grid: Grid) -> np.ndarray:
    """1 / (length of the transform) and the square root of the number of modes that share one."""
    result = np.ones(())
    halved = _halved_axis(grid)
    for axis, (n, wraps) in enumerate(zip(grid.shape, grid.periodic, strict=True)):
        if wraps and axis != halved:
            result = np.multiply.outer(result, np.full(n, 1 / n))
            continue
        transformed = n if wraps else 2 * n if grid.centering == "cell" else 2 * n - 2
        shared = np.full(transformed // 2 + 1, math.sqrt(2))
        shared[0] = 1
        if transformed % 2 == 0:
            shared[-1] = 1
        kept = shared if wraps else shared[:n]
        result = np.multiply.outer(result, kept / transformed)
    return result
