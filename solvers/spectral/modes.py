"""The waves that a run keeps, and the points on which its products are taken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import scipy.fft

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from .basis import FourierBasis
from .fft import good_length, is_smooth

Dealias = bool | Literal["2/3", "3/2"]


@dataclass(frozen=True)
class Modes:
    """The waves |m| <= highest of each axis, normalised so that the wave 0 is the mean.

    An axis holds 0..K, -K..-1; the last one only 0..K where fields are real. The Nyquist wave of
    an even number of points is never kept, as its derivative is not real.

    degree: of the polynomial in the fields whose aliases must not reach the kept waves.
    dealias: "2/3" keeps as many waves as the products on the grid's own points leave exact (two
    thirds where the degree is 2, half of them where it is 3; Orszag 1971); "3/2" keeps all and
    takes products on more points (half as many again; twice as many); False keeps all and lets
    products alias on the grid's own points, or a few more where their number has other prime
    factors than 2, 3 and 5. True is "2/3".

    Raises `InputError` on a grid that is not periodic, has more than three axes, or does not
    hold one wave.

    >>> grid = Grid(((0.0, 1.0),), (64,), periodic=True)
    >>> [(m.shape, m.points) for m in (Modes(grid, 2, "2/3"), Modes(grid, 2, "3/2"))]
    [((22,), (64,)), ((32,), (96,))]
    """

    grid: Grid
    degree: int = 2
    dealias: Dealias = True
    complex_valued: bool = False

    def __post_init__(self) -> None:
        FourierBasis(self.grid)
        if self.dealias not in (True, False, "2/3", "3/2"):
            raise InputError(f"expected dealias '2/3', '3/2' or False, got {self.dealias!r}")
        if not 1 <= self.grid.ndim <= 3:
            raise InputError(f"expected one to three axes, got {self.grid.ndim}")

    @cached_property
    def highest(self) -> tuple[int, ...]:
        """K of each axis."""
        if self.dealias in (True, "2/3"):
            return tuple((n - 1) // (self.degree + 1) for n in self.grid.shape)
        return tuple((n - 1) // 2 for n in self.grid.shape)

    @cached_property
    def points(self) -> tuple[int, ...]:
        """Points on each axis on which products are taken."""
        if self.dealias is False:
            return tuple(n if is_smooth(n) else good_length(n) for n in self.grid.shape)
        return tuple(good_length((self.degree + 1) * k + 1) for k in self.highest)

    @cached_property
    def full(self) -> tuple[int, ...]:
        """Shape of the coefficients of a complex field."""
        return tuple(2 * k + 1 for k in self.highest)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of the coefficients of one field."""
        if self.complex_valued:
            return self.full
        return (*self.full[:-1], self.highest[-1] + 1)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @cached_property
    def numbers(self) -> tuple[np.ndarray, ...]:
        """Integer wave numbers of each axis, shaped to broadcast over `shape`."""
        ndim, result = self.grid.ndim, []
        for axis, (k, n) in enumerate(zip(self.highest, self.shape, strict=True)):
            m = np.concatenate([np.arange(k + 1), np.arange(-k, 0)])[:n]
            result.append(m.reshape([-1 if d == axis else 1 for d in range(ndim)]))
        return tuple(result)

    def derivative(self, axis: int) -> np.ndarray:
        """Symbol i k of d/dx_axis, broadcasting over `shape`."""
        return 2j * np.pi / self.grid.lengths[axis] * self.numbers[axis]

    @cached_property
    def laplacian(self) -> np.ndarray:
        """Symbol -|k|^2, of shape `shape`."""
        squares = [np.imag(self.derivative(axis)) ** 2 for axis in range(self.grid.ndim)]
        return -np.broadcast_to(sum(squares), self.shape)

    @cached_property
    def inverse_laplacian(self) -> np.ndarray:
        """Symbol -1/|k|^2, and 0 for the mean."""
        squares = -self.laplacian
        return np.where(squares > 0, -1 / np.where(squares > 0, squares, 1.0), 0.0)

    @cached_property
    def _places(self) -> tuple[np.ndarray, ...]:
        """Of the kept waves among all of the grid."""
        return np.ix_(*[m.ravel() % n for m, n in zip(self.numbers, self.grid.shape, strict=True)])

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-self.grid.ndim, 0))

    def forward(self, u: np.ndarray) -> np.ndarray:
        """Coefficients (..., *shape) of fields (..., *grid.shape)."""
        transform = scipy.fft.fftn if self.complex_valued else scipy.fft.rfftn
        u_hat = transform(u, axes=self._axes, norm="forward")
        return u_hat[(..., *self._places)]

    def inverse(self, u_hat: np.ndarray, points: tuple[int, ...] = ()) -> np.ndarray:
        """Fields (..., *grid.shape) of coefficients (..., *shape), or on as many other points."""
        points = points or self.grid.shape
        half = points if self.complex_valued else (*points[:-1], points[-1] // 2 + 1)
        kept = [m.ravel() % n for m, n in zip(self.numbers, points, strict=True)]
        places: tuple[Any, ...] = (..., *np.ix_(*kept))
        padded = np.zeros((*u_hat.shape[: u_hat.ndim - len(half)], *half), dtype=u_hat.dtype)
        padded[places] = u_hat
        if self.complex_valued:
            return scipy.fft.ifftn(padded, axes=self._axes, norm="forward")
        return scipy.fft.irfftn(padded, s=points, axes=self._axes, norm="forward")
