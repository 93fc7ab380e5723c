"""Interpolation of values on a grid, to another grid or to points.

Periodic axes: the trigonometric interpolant, exact for what the grid resolves. The Nyquist mode
of an even grid, of which the values give only the cosine, stays a cosine. Other axes: the cubic
not-a-knot spline, of order 4. Several axes: the tensor product.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .arrays import Array, on_points, to_numpy
from .errors import InputError
from .grid import Grid

CHUNK = 2**22  # numbers in the largest temporary array of an evaluation at points
ROUNDING = 1e-12  # of the length of an axis: how far outside still counts as the end


def interpolate(values: Array, grid: Grid, target: Grid | np.ndarray) -> np.ndarray:
    """Values of the interpolant on another grid or at points.

    Parameters
    ----------
    values : (*leading, *grid.shape), finite, real or complex; a torch tensor is converted, and
        refused if it carries a gradient, because the result is NumPy and would lose it
    target : a Grid with as many axes, or points (m, grid.ndim); anywhere on periodic axes, inside
        `grid.extent` on others (on cell grids this reaches half a cell beyond the last centre)

    Returns (*leading, *target.shape) or (*leading, m), in the precision of the values.

    Raises `InputError` for points on a grid without axes, points outside, fewer than 4 points on
    an axis that is not periodic, values that are not finite and targets of another dimension.

    >>> grid = Grid(((0.0, 1.0),), (8,), periodic=True)
    >>> wave = np.cos(2 * np.pi * grid.axes[0])
    >>> interpolate(wave, grid, [[0.0625], [1.5]]).round(12).tolist()
    [0.923879532511, -1.0]
    """
    values = _plain(values, grid)
    if np.iscomplexobj(values):
        real, imag = (interpolate(part, grid, target) for part in (values.real, values.imag))
        return real + 1j * imag
    if isinstance(target, Grid):
        if target.ndim != grid.ndim:
            raise InputError(f"expected a grid with {grid.ndim} axes, got {target.ndim}")
        _check_inside(grid, target.axes)
        result = values.astype(np.float64)
        for axis in range(grid.ndim):
            result = _along(result, grid, axis, target)
    else:
        if not grid.ndim:
            raise InputError("expected a grid with axes to interpolate on, got one without")
        points = to_numpy(target).astype(np.float64)
        if points.ndim != 2 or points.shape[1] != grid.ndim:
            raise InputError(f"expected points of shape (m, {grid.ndim}), got {points.shape}")
        _check_inside(grid, tuple(points.T))
        result = _at_points(values.astype(np.float64), grid, points)
    return result.astype(values.dtype, copy=False)


def _plain(values: Array, grid: Grid) -> np.ndarray:
    if getattr(values, "requires_grad", False):
        raise InputError("expected values without a gradient, got a tensor with one; detach it")
    plain = to_numpy(on_points(values, grid.shape))
    if not np.isfinite(plain).all():
        raise InputError("expected finite values, got NaN or infinity; mend them first")
    for n, wraps, name in zip(grid.shape, grid.periodic, grid.names, strict=True):
        if not wraps and n < 4:
            raise InputError(f"expected at least 4 points on {name} for a cubic spline, got {n}")
    return plain


def _check_inside(grid: Grid, places: tuple[np.ndarray, ...]) -> None:
    for axis, x in enumerate(places):
        if not np.isfinite(x).all():
            raise InputError("expected finite points, got NaN or infinity")
        (left, right), slack = grid.extent[axis], ROUNDING * grid.lengths[axis]
        if (
            not grid.periodic[axis]
            and x.size
            and (x.min() < left - slack or x.max() > right + slack)
        ):
            raise InputError(
                f"expected {grid.names[axis]} from {left} to {right}, got {x.min()} to {x.max()}; "
                "a spline says nothing outside"
            )


def _along(values: np.ndarray, grid: Grid, axis: int, target: Grid) -> np.ndarray:
    """The same values on the target's points of one axis."""
    at = axis - grid.ndim
    flat = np.moveaxis(values, at, -1)
    points = target.axes[axis]
    same_circle = target.periodic[axis] and np.isclose(
        target.lengths[axis], grid.lengths[axis], rtol=1e-14, atol=0
    )
    if np.array_equal(points, grid.axes[axis]):
        result = flat
    elif not grid.periodic[axis]:
        coefficients = _spline_coefficients(flat, grid, axis)
        columns = coefficients.reshape(-1, flat.shape[-1]).T
        result = (_spline_basis(grid, axis, points) @ columns).T.reshape(*flat.shape[:-1], -1)
    elif same_circle:
        result = _resampled(flat, grid, axis, len(points), points[0])
    else:
        result = flat @ _trigonometric_basis(grid, axis, points).T
    return np.moveaxis(result, -1, at)


def _resampled(flat: np.ndarray, grid: Grid, axis: int, m: int, start: float) -> np.ndarray:
    """The trigonometric interpolant on m even points of the circle, by two FFTs.

    Modes that m points cannot tell apart are added (not cut off), as evaluation would do.
    """
    n, length = grid.shape[axis], grid.lengths[axis]
    modes = np.fft.fftfreq(n, 1 / n).round().astype(int)
    coefficients = np.fft.fft(flat, axis=-1) / n
    if n % 2 == 0:  # the Nyquist cosine is half of mode -n/2 and half of n/2
        coefficients[..., n // 2] /= 2
        coefficients = np.concatenate([coefficients, coefficients[..., n // 2, None]], axis=-1)
        modes = np.append(modes, n // 2)
    turn = np.exp(2j * np.pi / length * modes * (start - grid.axes[axis][0]))
    folded = np.zeros((m, *flat.shape[:-1]), dtype=complex)
    np.add.at(folded, modes % m, np.moveaxis(coefficients * turn, -1, 0))
    return np.moveaxis(np.fft.ifft(folded, axis=0, norm="forward").real, 0, -1)


def _trigonometric_basis(grid: Grid, axis: int, points: np.ndarray) -> np.ndarray:
    """(m, n): the function that is one at grid point j and zero at the others, at each point.

    Trefethen (2000), Spectral Methods in MATLAB, eq. (3.7), and its form for odd n.
    """
    n, angle = grid.shape[axis], np.pi / grid.lengths[axis]
    distance = angle * (points[:, None] - grid.axes[axis])
    distance -= np.pi * np.round(distance / np.pi)
    near = np.abs(distance) < 1e-9  # where the quotient is 1 - O(n^2 1e-18)
    safe = np.where(near, 1.0, distance)
    denominator = n * (np.tan(safe) if n % 2 == 0 else np.sin(safe))
    return np.where(near, 1.0, np.sin(n * safe) / denominator)


def _spline_coefficients(flat: np.ndarray, grid: Grid, axis: int) -> np.ndarray:
    """Coefficients in the B-spline basis of `_knots`, along the last axis."""
    from scipy.interpolate import make_interp_spline

    x = grid.axes[axis]
    return np.moveaxis(make_interp_spline(x, flat, k=3, axis=-1).c, 0, -1)


@lru_cache(maxsize=64)
def _knots(grid: Grid, axis: int) -> np.ndarray:
    """Not-a-knot: the second and the last but one point carry no knot."""
    x = grid.axes[axis]
    return np.concatenate([np.repeat(x[0], 4), x[2:-2], np.repeat(x[-1], 4)])


def _spline_basis(grid: Grid, axis: int, points: np.ndarray) -> Any:
    """Sparse (m, n): the B-splines at each point, four for each."""
    from scipy.interpolate import BSpline

    return BSpline.design_matrix(points, _knots(grid, axis), 3, extrapolate=True)


def _at_points(values: np.ndarray, grid: Grid, points: np.ndarray) -> np.ndarray:
    leading, m = values.shape[: values.ndim - grid.ndim], len(points)
    columns = values.reshape(-1, *grid.shape)
    for axis in range(grid.ndim):
        if not grid.periodic[axis]:
            flat = np.moveaxis(columns, axis + 1, -1)
            columns = np.moveaxis(_spline_coefficients(flat, grid, axis), -1, axis + 1)
    columns = np.moveaxis(columns, 0, -1)  # (*grid.shape, leading)
    if not any(grid.periodic):
        return _splines_at(columns, grid, points).T.reshape(*leading, m)
    result = np.empty((m, columns.shape[-1]))
    step = max(1, CHUNK // max(1, columns[0].size))
    for start in range(0, m, step):
        chunk = slice(start, start + step)
        result[chunk] = _products_at(columns, grid, points[chunk])
    return result.T.reshape(*leading, m)


def _splines_at(columns: np.ndarray, grid: Grid, points: np.ndarray) -> np.ndarray:
    """(m, leading): compiled evaluation, local in each axis."""
    from scipy.interpolate import NdBSpline

    knots = tuple(_knots(grid, axis) for axis in range(grid.ndim))
    return NdBSpline(knots, np.ascontiguousarray(columns), 3, extrapolate=True)(points)


def _products_at(columns: np.ndarray, grid: Grid, points: np.ndarray) -> np.ndarray:
    """(m, leading): the bases of all axes contracted with the coefficients, one after another."""
    bases = [
        _trigonometric_basis(grid, axis, points[:, axis])
        if grid.periodic[axis]
        else _spline_basis(grid, axis, points[:, axis]).toarray()
        for axis in range(grid.ndim)
    ]
    result = np.tensordot(bases[0], columns, axes=1)
    for basis in bases[1:]:
        result = np.matmul(basis[:, None, :], result.reshape(len(points), basis.shape[1], -1))[:, 0]
    return result.reshape(len(points), -1)
