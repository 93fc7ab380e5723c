"""Derivatives of values on a grid: finite differences of order 2 and 4, and spectral.

One implementation for NumPy and torch; in torch it is differentiable.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from .arrays import Array, constant, namespace, on_points
from .errors import InputError
from .grid import Grid

Scheme = Literal["fd2", "fd4", "spectral"]
ACCURACY = {"fd2": 2, "fd4": 4}
HIGHEST_DIFFERENCE = 4


def derivative(values: Array, grid: Grid, orders: Sequence[int], scheme: Scheme = "fd2") -> Array:
    """The mixed partial derivative whose order on each axis is given by `orders`.

    Parameters
    ----------
    values : (*leading, *grid.shape), NumPy or torch, real or complex
    orders : one for each axis: (2, 0) is u_xx and (1, 1) is u_xy
    scheme : "fd2" or "fd4": centred differences of that order, with one-sided ends of the same
        order on axes that are not periodic, for orders 0 to 4 on each axis. "spectral": exact for
        every trigonometric polynomial that the grid resolves, on periodic axes; at odd orders the
        Nyquist mode of an even grid, whose sine the grid cannot see, counts as zero.

    Returns an array like `values`, in units of the values by `grid.units` to the total order.

    Raises `InputError` for other orders or schemes, too few points, and a spectral derivative on
    an axis that is not periodic.

    >>> grid = Grid(((0.0, 1.0),), (5,))
    >>> derivative(grid.axes[0] ** 2, grid, (1,)).tolist()
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    values = on_points(values, grid.shape)
    _check(grid, orders, scheme)
    for axis, order in enumerate(orders):
        if order == 0:
            continue
        if scheme == "spectral":
            values = _spectral(values, grid, axis, order)
        else:
            values = _difference(values, grid, axis, order, ACCURACY[scheme])
    return values


def gradient(values: Array, grid: Grid, scheme: Scheme = "fd2") -> list[Array]:
    """The first derivatives along each axis, each of the shape of `values`."""
    units = np.eye(grid.ndim, dtype=int).tolist()
    return [derivative(values, grid, orders, scheme) for orders in units]


def compact_second(a: Array, u: Array, grid: Grid, axis: int) -> Array:
    """(a u_x)_x along one axis, of order 2, from fluxes at half points.

    The flux between points i and i+1 is (a_i + a_{i+1}) / 2 (u_{i+1} - u_i) / h. At the two ends
    of an axis that is not periodic, the result is extrapolated from the three next to it.

    a, u : (*leading, *grid.shape); the result has their broadcast shape.
    """
    a, u = on_points(a, grid.shape), on_points(u, grid.shape)
    if not 0 <= axis < grid.ndim:
        raise InputError(f"expected one of the grid's {grid.ndim} axes, from 0, got {axis}")
    wraps, n, h = grid.periodic[axis], grid.shape[axis], grid.spacing[axis]
    if n < (3 if wraps else 5):
        raise InputError(f"expected at least 5 points on the axis, got {n}; refine the grid")
    xp, axis = namespace(a, u), axis - grid.ndim
    if wraps:
        a, u = _wrapped(xp, a, axis, 1), _wrapped(xp, u, axis, 1)
    left, right = _part(axis, 0, -1), _part(axis, 1, None)
    flux = (a[left] + a[right]) * (u[right] - u[left])
    inner = (flux[right] - flux[left]) / (2 * h * h)
    if wraps:
        return inner
    first = _extrapolated(inner, axis, (0, 1, 2))
    last = _extrapolated(inner, axis, (-1, -2, -3))
    return xp.concat([first, inner, last], axis=axis)


@lru_cache(maxsize=256)
def difference_weights(offsets: tuple[int, ...], order: int) -> tuple[float, ...]:
    """Weights w_j with sum_j w_j u(x + offset_j h) = h^order u^(order)(x) + higher terms.

    Computed in rational numbers by the recursion of Fornberg (1988), Mathematics of Computation
    51, p. 700, https://doi.org/10.1090/S0025-5718-1988-0935077-0, and rounded once.

    >>> difference_weights((-1, 0, 1), 2)
    (1.0, -2.0, 1.0)
    """
    zero = Fraction(0)
    table = [[zero] * (order + 1) for _ in offsets]  # table[j][m]: weight of point j, order m
    table[0][0] = Fraction(1)
    product = Fraction(1)
    for new in range(1, len(offsets)):
        previous, product_new = offsets[new - 1], Fraction(1)
        last = list(table[new - 1])
        for old in range(new):
            distance = offsets[new] - offsets[old]
            product_new *= distance
            for m in range(order, -1, -1):
                lower = m * table[old][m - 1] if m else zero
                table[old][m] = (offsets[new] * table[old][m] - lower) / distance
        for m in range(order + 1):
            lower = m * last[m - 1] if m else zero
            table[new][m] = product / product_new * (lower - previous * last[m])
        product = product_new
    return tuple(float(row[order]) for row in table)


def _check(grid: Grid, orders: Sequence[int], scheme: str) -> None:
    if scheme not in get_args(Scheme):
        raise InputError(f"expected scheme {' | '.join(get_args(Scheme))}, got {scheme!r}")
    if len(orders) != grid.ndim or any(order < 0 for order in orders):
        raise InputError(
            f"expected {grid.ndim} orders from 0, got {tuple(orders)}; give one for each axis"
        )
    for n, wraps, name, order in zip(grid.shape, grid.periodic, grid.names, orders, strict=True):
        if order == 0:
            continue
        if scheme == "spectral":
            if not wraps:
                raise InputError(
                    f"expected a periodic axis for a spectral derivative, got {name}; use fd4"
                )
            continue
        if order > HIGHEST_DIFFERENCE:
            raise InputError(
                f"expected a derivative of order at most {HIGHEST_DIFFERENCE}, got {order} on "
                f"{name}; use the spectral scheme on a periodic axis"
            )
        needed = 2 * _half_width(order, ACCURACY[scheme]) + 1
        if not wraps:
            needed = max(needed, order + ACCURACY[scheme])
        if n < needed:
            raise InputError(
                f"expected at least {needed} points on {name} for order {order} by {scheme}, "
                f"got {n}; refine the grid"
            )


def _half_width(order: int, accuracy: int) -> int:
    """Points on each side of the centred stencil."""
    return (order + 1) // 2 - 1 + accuracy // 2


def _difference(values: Array, grid: Grid, axis: int, order: int, accuracy: int) -> Array:
    xp, half = namespace(values), _half_width(order, accuracy)
    scale = grid.spacing[axis] ** -order
    wraps, axis = grid.periodic[axis], axis - grid.ndim
    if wraps:
        return scale * _centred(_wrapped(xp, values, axis, half), axis, order, half)
    count = order + accuracy
    values_at = xp.moveaxis(values, axis, -1)
    weights = constant(_end_weights, order, count, half, like=values)
    # the right end is the left one mirrored, and odd derivatives change sign in a mirror
    left = values_at[..., :count] @ weights
    right = xp.flip(values_at[..., -count:], axis=-1) @ (-weights if order % 2 else weights)
    inner = xp.moveaxis(_centred(values, axis, order, half), axis, -1)
    joined = xp.concat([left, inner, xp.flip(right, axis=-1)], axis=-1)
    return scale * xp.moveaxis(joined, -1, axis)


def _centred(values: Array, axis: int, order: int, half: int) -> Array:
    """h^order times the derivative, at the points that have `half` neighbours on both sides.

    Neighbours are taken in pairs, so that constants (and for odd orders all even functions) give
    exactly zero whatever the rounding.
    """
    weights = difference_weights(tuple(range(-half, half + 1)), order)
    centre = values[_part(axis, half, -half)]
    total = 0.0
    for step in range(1, half + 1):
        after = values[_part(axis, half + step, -half + step or None)]
        before = values[_part(axis, half - step, -half - step)]
        pair = after - before if order % 2 else (after - centre) + (before - centre)
        total = weights[half + step] * pair + total
    return total


def _end_weights(order: int, count: int, rows: int) -> np.ndarray:
    """(count, rows): column i differentiates at point i of the first `count` points."""
    stencils = [tuple(range(-i, count - i)) for i in range(rows)]
    return np.array([difference_weights(offsets, order) for offsets in stencils]).T


def _spectral(values: Array, grid: Grid, axis: int, order: int) -> Array:
    xp, n, length = namespace(values), grid.shape[axis], grid.lengths[axis]
    complex_values = xp.isdtype(values.dtype, "complex floating")
    symbol = constant(_symbol, n, length, order, complex_values, like=values)
    axis = axis - grid.ndim
    symbol = xp.reshape(symbol, (-1,) + (1,) * (-axis - 1))
    if complex_values:
        return xp.fft.ifft(symbol * xp.fft.fft(values, axis=axis), axis=axis)
    return xp.fft.irfft(symbol * xp.fft.rfft(values, axis=axis), n=n, axis=axis)


def _symbol(n: int, length: float, order: int, two_sided: bool) -> np.ndarray:
    """(i k)^order with physical wave numbers k, the Nyquist mode zero for odd orders."""
    modes = np.fft.fftfreq(n, 1 / n) if two_sided else np.arange(n // 2 + 1)
    symbol = (2 * np.pi / length * modes) ** order * 1j ** (order % 4)
    if n % 2 == 0 and order % 2:
        symbol[n // 2] = 0
    return symbol.real.copy() if order % 2 == 0 else symbol


def _part(axis: int, start: int, stop: int | None) -> tuple:
    """The index that slices one axis, counted from the end (negative)."""
    return (..., slice(start, stop), *(slice(None),) * (-axis - 1))


def _wrapped(xp: object, values: Array, axis: int, half: int) -> Array:
    """The values with `half` periodic neighbours before and after."""
    before, after = values[_part(axis, -half, None)], values[_part(axis, 0, half)]
    return xp.concat([before, values, after], axis=axis)  # type: ignore[attr-defined]


def _extrapolated(values: Array, axis: int, places: tuple[int, int, int]) -> Array:
    """The next value of the parabola through three, as an axis of length one."""
    near, middle, far = (values[_part(axis, at, at + 1 or None)] for at in places)
    return 3 * (near - middle) + far
