"""Fourier series on periodic grids: transforms, wave numbers, derivatives, de-aliasing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft

from ...geometry.errors import InputError
from ...geometry.grid import Grid


@dataclass(frozen=True)
class FourierBasis:
    """Real fields (..., *grid.shape) and their half-complex coefficients (..., *shape).

    Coefficients are those of `scipy.fft.rfftn` over the grid's axes. Raises `InputError` on a
    grid with an axis that is not periodic.

    >>> basis = FourierBasis(Grid(((0.0, 1.0),), (8,), periodic=True))
    >>> x = basis.grid.axes[0]
    >>> u_hat = basis.forward(np.sin(2 * np.pi * x))
    >>> slope = basis.inverse(basis.derivative(0) * u_hat)
    >>> bool(np.allclose(slope, 2 * np.pi * np.cos(2 * np.pi * x)))
    True
    """

    grid: Grid

    def __post_init__(self) -> None:
        if not np.all(self.grid.periodic):
            raise InputError(f"expected a periodic grid, got {self.grid}; set periodic=True")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the coefficients of one field."""
        *others, last = self.grid.shape
        return (*others, last // 2 + 1)

    @cached_property
    def numbers(self) -> tuple[np.ndarray, ...]:
        """Integer wave numbers of each axis, shaped to broadcast over `shape`."""
        result = []
        for axis, n in enumerate(self.grid.shape):
            last = axis == self.grid.ndim - 1
            m = np.arange(n // 2 + 1) if last else np.fft.fftfreq(n, 1 / n).round()
            result.append(np.reshape(m, [-1 if d == axis else 1 for d in range(self.grid.ndim)]))
        return tuple(result)

    def derivative(self, axis: int) -> np.ndarray:
        """Symbol i k of d/dx_axis, broadcasting over `shape`.

        The Nyquist mode of an even number of points is zero: its derivative is not real.
        """
        n, m = self.grid.shape[axis], self.numbers[axis]
        kept = np.where(2 * np.abs(m) == n, 0, m)
        return 2j * np.pi / self.grid.lengths[axis] * kept

    @cached_property
    def laplacian(self) -> np.ndarray:
        """Symbol -|k|^2, of shape `shape`."""
        lengths = self.grid.lengths
        squares = [(2 * np.pi / L * m) ** 2 for L, m in zip(lengths, self.numbers, strict=True)]
        total = np.zeros(self.shape)
        for square in squares:
            total -= square
        return total

    @cached_property
    def resolved(self) -> np.ndarray:
        """True on modes below n/3 on every axis: products of two such fields do not alias there.

        The 2/3 rule of Orszag (1971).
        """
        keep = np.ones(self.shape, dtype=bool)
        for n, m in zip(self.grid.shape, self.numbers, strict=True):
            keep &= 3 * np.abs(m) < n
        return keep

    def forward(self, u: np.ndarray) -> np.ndarray:
        """Coefficients of real fields (..., *grid.shape)."""
        if self.grid.ndim == 1:  # has less to set up
            return scipy.fft.rfft(u)
        return scipy.fft.rfftn(u, axes=self._axes)

    def inverse(self, u_hat: np.ndarray) -> np.ndarray:
        """Real fields of coefficients (..., *shape)."""
        if self.grid.ndim == 1:
            return scipy.fft.irfft(u_hat, self.grid.shape[0])
        return scipy.fft.irfftn(u_hat, s=self.grid.shape, axes=self._axes)

    @cached_property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-self.grid.ndim, 0))
