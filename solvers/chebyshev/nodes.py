"""Chebyshev points on [-1, 1] and what belongs to them, along one axis of an array.

Points ascend: x_j = -cos(pi j / (n - 1)), both ends included. Coefficients are those of
sum_k c_k T_k(x).

Trefethen, Spectral methods in MATLAB (2000), chapters 6 and 12; Berrut & Trefethen, Barycentric
Lagrange interpolation, SIAM Review 46 (2004), https://doi.org/10.1137/S0036144502417715.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft

from ...geometry.errors import InputError


@lru_cache(maxsize=64)
def points(n: int) -> np.ndarray:
    """The n extrema of T_(n-1), ascending; symmetric to the last bit.

    >>> points(3).tolist()
    [-1.0, 0.0, 1.0]
    """
    if not isinstance(n, int | np.integer) or n < 2:
        raise InputError(f"expected at least 2 Chebyshev points on an axis, got {n}")
    return _frozen(np.sin(np.pi / 2 * np.arange(1 - n, n, 2) / (n - 1)))


@lru_cache(maxsize=64)
def weights(n: int) -> np.ndarray:
    """Clenshaw-Curtis: exact integrals over [-1, 1] of polynomials of degree n - 1; they sum to 2.

    The integral of T_k is 2 / (1 - k^2) for even k and 0 for odd k; the transform is its own
    transpose up to the halves at both ends.
    """
    k = np.arange(n)
    moments = np.where(k % 2 == 0, 2.0 / np.where(k % 2 == 0, 1.0 - k * k, 1.0), 0.0)
    result = scipy.fft.dct(moments, type=1) / (n - 1) if n > 2 else np.array([2.0, 2.0])
    # dct-I counts the first and the last moment once and the others twice, as needed.
    result[[0, -1]] /= 2
    return _frozen(result)


def forward(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Coefficients of the interpolant of values at the points."""
    values = np.moveaxis(np.asarray(values, dtype=np.float64), axis, -1)
    n = values.shape[-1]
    result = scipy.fft.dct(values[..., ::-1], type=1) / (n - 1)
    result[..., [0, -1]] /= 2
    return np.moveaxis(result, -1, axis)


def inverse(coefficients: np.ndarray, axis: int = -1) -> np.ndarray:
    """Values at the points, of as many coefficients."""
    c = np.moveaxis(np.array(coefficients, dtype=np.float64), axis, -1)
    c[..., 1:-1] /= 2
    return np.moveaxis(scipy.fft.dct(c, type=1)[..., ::-1], -1, axis)


def differentiate(coefficients: np.ndarray, axis: int = -1, order: int = 1) -> np.ndarray:
    """Coefficients of the derivative, as many as there were.

    c'_k = 2 / e_k sum of j c_j over j = k + 1, k + 3, ..., with e_0 = 2 and e_k = 1 else.
    """
    c = np.moveaxis(np.asarray(coefficients, dtype=np.float64), axis, -1)
    n = c.shape[-1]
    for _ in range(order):
        scaled = 2 * np.arange(n) * c
        result = np.zeros_like(c)
        for parity in (0, 1):
            tail = np.cumsum(scaled[..., parity::2][..., ::-1], axis=-1)[..., ::-1]
            if parity:
                result[..., 0::2][..., : tail.shape[-1]] = tail
            else:
                result[..., 1::2][..., : tail.shape[-1] - 1] = tail[..., 1:]
        result[..., 0] /= 2
        c = result
    return np.moveaxis(c, -1, axis)


@lru_cache(maxsize=64)
def differentiation_matrix(n: int, order: int = 1) -> np.ndarray:
    """(n, n): values at the points to values of the derivative.

    Off the diagonal D^(m)_ij = m / (x_i - x_j) (w_j / w_i D^(m-1)_ii - D^(m-1)_ij); the diagonal
    makes constants vanish exactly (Welfert, SIAM J. Numer. Anal. 34 (1997), equation 2.5).
    """
    theta = np.pi * np.arange(n) / (n - 1)
    # x_i - x_j as a product of sines, without cancellation.
    gap = 2 * np.sin((theta[:, None] + theta) / 2) * np.sin((theta[:, None] - theta) / 2)
    np.fill_diagonal(gap, 1.0)
    w = _barycentric_weights(n)
    ratio = w / w[:, None]
    result = np.eye(n)
    for m in range(1, order + 1):
        result = m / gap * (ratio * np.diag(result)[:, None] - result)
        np.fill_diagonal(result, 0.0)
        np.fill_diagonal(result, -result.sum(axis=1))
    return _frozen(result)


def interpolation_matrix(n: int, x: np.ndarray) -> np.ndarray:
    """(m, n): values at the n points to values of their polynomial at x, (m,), in [-1, 1].

    Barycentric formula of the second kind (Berrut & Trefethen 2004, equation 4.2), which is
    stable there.
    """
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 1 or not np.all(np.abs(x) <= 1 + 1e-12):
        raise InputError("expected points between the ends of the axis, got points outside")
    gap = np.clip(x, -1, 1)[:, None] - points(n)
    hit = gap == 0
    terms = _barycentric_weights(n) / np.where(hit, 1.0, gap)
    on_point = hit.any(axis=1)
    terms[on_point] = hit[on_point]
    return terms / terms.sum(axis=1, keepdims=True)


def _barycentric_weights(n: int) -> np.ndarray:
    w = (-1.0) ** np.arange(n)
    w[[0, -1]] /= 2
    return w


def _frozen(array: np.ndarray) -> np.ndarray:
    """Shared by all callers, so that none may write into it."""
    array.flags.writeable = False
    return array
