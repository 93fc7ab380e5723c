"""Gaussian random fields that are functions first and grid values second.

A field is drawn once, as standard normal coefficients of a fixed number of eigenfunctions of the
Laplacian (Karhunen-Loeve expansion; Lord, Powell & Shardlow 2014, *An Introduction to
Computational Stochastic PDEs*, section 7.4), and can then be evaluated on any grid: the values on
two grids are those of the very same function.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import exp, log, pi
from typing import Literal, get_args

import numpy as np
from scipy import fft
from scipy.sparse import csr_array

from ..geometry.errors import InputError
from ..geometry.grid import Grid

Boundary = Literal["neumann", "dirichlet", "periodic"]


@dataclass(frozen=True)
class GaussianField:
    """The Gaussian law N(0, scale^2 (-Laplacian + tau^2)^-alpha) on a box.

    The boundary conditions of the Laplacian choose the eigenfunctions: "neumann" cosines,
    "dirichlet" sines, "periodic" both. With L2-normalised eigenfunctions phi_k of eigenvalues
    lambda_k the field is

        sum_k scale (lambda_k + tau^2)^(-alpha/2) xi_k phi_k(x),    xi_k ~ N(0, 1) independent.

    extent: (left, right) of each axis, in the units of the problem.
    modes: wave numbers kept along each axis (cosines 0..modes-1, sines 1..modes, periodic
        0..modes-1, each above 0 with a cosine and a sine).
    constant_mode: False drops the constant eigenfunction, which published generators of the Darcy
        and Burgers data do; True is the law as it is written.

    Raises InputError for an empty box, alpha, scale or modes that are not positive, tau below 0,
    or tau = 0 with the constant mode kept (its variance would be infinite).
    """

    extent: tuple[tuple[float, float], ...]
    alpha: float
    tau: float
    scale: float = 1.0
    boundary: Boundary = "neumann"
    modes: int = 64
    constant_mode: bool = True

    def __post_init__(self) -> None:
        extent = tuple((float(left), float(right)) for left, right in self.extent)
        object.__setattr__(self, "extent", extent)
        if not extent or not all(left < right < np.inf for left, right in extent):
            raise InputError(f"expected extent as (left, right) pairs, left < right, got {extent}")
        if self.boundary not in get_args(Boundary):
            raise InputError(
                f"expected boundary in {get_args(Boundary)}, got {self.boundary!r}; choose one"
            )
        for name in ("alpha", "scale", "modes"):
            value = getattr(self, name)
            if not 0 < value < np.inf:
                raise InputError(f"expected {name} > 0, got {value}; give a positive number")
        if not isinstance(self.modes, int):
            raise InputError(f"expected a whole number of modes, got {self.modes}")
        if not 0 <= self.tau < np.inf:
            raise InputError(f"expected tau >= 0, got {self.tau}; give a finite number")
        if self.tau == 0 and self.constant_mode and self.boundary != "dirichlet":
            raise InputError("expected tau > 0 with a constant mode; set constant_mode=False")

    @property
    def coefficient_shape(self) -> tuple[int, ...]:
        """Shape of what `draw` returns: one axis of eigenfunctions for each axis of the box."""
        functions = 2 * self.modes - 1 if self.boundary == "periodic" else self.modes
        return (functions,) * len(self.extent)

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """Standard normal coefficients xi of shape `coefficient_shape`, whatever the grid."""
        return generator.standard_normal(self.coefficient_shape)

    def evaluate(self, coefficients: np.ndarray, grid: Grid) -> np.ndarray:
        """Values of the field with these coefficients at the points of a grid, shape `grid.shape`.

        Wave numbers above the grid's are folded onto their aliases, so the values are exact, and
        one DCT, DST or FFT along each axis does the sum.

        Raises InputError if the coefficients or the grid do not belong to this field.
        """
        coefficients = np.asarray(coefficients, dtype=np.float64)
        if coefficients.shape != self.coefficient_shape:
            raise InputError(
                f"expected coefficients of shape {self.coefficient_shape}, got "
                f"{coefficients.shape}; use what draw() of the same field returned"
            )
        self._check(grid)
        values = coefficients * _amplitudes(self)
        for axis, n in enumerate(grid.shape):
            values = np.moveaxis(values, axis, 0)
            values = self._synthesise(values, n, grid.centering, grid.wraps[axis])
            values = np.moveaxis(values, 0, axis)
        return np.ascontiguousarray(values)

    def _check(self, grid: Grid) -> None:
        extent = tuple((float(left), float(right)) for left, right in grid.extent)
        if extent != self.extent:
            raise InputError(
                f"expected a grid on the field's box {self.extent}, got one on {extent}; "
                "make both from the same extent"
            )
        if self.boundary != "periodic" and any(grid.wraps):
            raise InputError(
                f"expected a grid without periodic axes for a {self.boundary} field, got "
                f"periodic={grid.periodic}; use a periodic field"
            )

    def _synthesise(self, values: np.ndarray, n: int, centering: str, wraps: bool) -> np.ndarray:
        """Sum the series along axis 0: (functions, ...) -> (n, ...)."""
        if self.boundary == "periodic":
            # On a vertex grid that has both ends the last point repeats the first.
            distinct = n - 1 if centering == "vertex" and not wraps else n
            spectrum = _fourier_folding(distinct, self.modes, centering) @ _matrix(values)
            values = fft.ifft(spectrum, axis=0, norm="forward").real.reshape(-1, *values.shape[1:])
            return values if distinct == n else np.concatenate([values, values[:1]])
        if n < 2:
            raise InputError(f"expected at least 2 points an axis, got {n}; refine the grid")
        folded = _real_folding(n, self.modes, centering, self.boundary) @ _matrix(values)
        folded = folded.reshape(-1, *values.shape[1:])
        if self.boundary == "neumann":
            return fft.dct(folded, type=3 if centering == "cell" else 1, axis=0)
        if centering == "cell":
            return fft.dst(folded, type=3, axis=0)
        ends = np.zeros((1, *values.shape[1:]))
        inner = fft.dst(folded, type=1, axis=0) if n > 2 else folded
        return np.concatenate([ends, inner, ends])


def log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    """A number between low and high > 0, of which every factor is as likely as any other."""
    return exp(generator.uniform(log(low), log(high)))


@lru_cache(maxsize=16)
def _amplitudes(field: GaussianField) -> np.ndarray:
    """Amplitude of every product of unnormalised cosines and sines, `coefficient_shape`.

    It is scale (lambda_k + tau^2)^(-alpha/2) times the norm factors sqrt(2/L), or sqrt(1/L)
    where the wave number is 0.
    """
    shape, dimension = field.coefficient_shape, len(field.extent)
    eigenvalue, factor = np.zeros(shape), np.full(shape, float(field.scale))
    wave_number = _wave_numbers(field.boundary, field.modes)
    for axis, (left, right) in enumerate(field.extent):
        length = right - left
        along = tuple(-1 if other == axis else 1 for other in range(dimension))
        turn = 2 * pi if field.boundary == "periodic" else pi
        eigenvalue += ((turn * wave_number / length) ** 2).reshape(along)
        factor *= np.sqrt(np.where(wave_number == 0, 1.0, 2.0) / length).reshape(along)
    spectrum = eigenvalue + field.tau**2
    constant = (0,) * dimension
    if field.boundary != "dirichlet" and not field.constant_mode:
        spectrum[constant], factor[constant] = 1.0, 0.0
    amplitudes = factor * spectrum ** (-field.alpha / 2)
    amplitudes.flags.writeable = False  # shared by all calls
    return amplitudes


def _matrix(values: np.ndarray) -> np.ndarray:
    return values.reshape(values.shape[0], -1)


def _wave_numbers(boundary: str, modes: int) -> np.ndarray:
    """Wave number of each eigenfunction along an axis; periodic: 0, 1, 1, 2, 2, ... (cos, sin)."""
    if boundary == "neumann":
        return np.arange(modes)
    if boundary == "dirichlet":
        return np.arange(1, modes + 1)
    return (np.arange(2 * modes - 1) + 1) // 2


@lru_cache(maxsize=64)
def _real_folding(n: int, modes: int, centering: str, boundary: str) -> csr_array:
    """Sparse map from amplitudes to the input of DCT-III/I or DST-III/I of n points.

    With N = n on cells and N = n - 1 on vertices the sampled functions repeat with period 2N in
    the wave number (with a change of sign on cells) and are mirrored about N:

        cells     cos(2N - k) = -cos(k)    sin(2N - k) = +sin(k)    period 2N: times -1
        vertices  cos(2N - k) = +cos(k)    sin(2N - k) = -sin(k)    period 2N: times +1
    """
    cell, cosine = centering == "cell", boundary == "neumann"
    period = 2 * (n if cell else n - 1)
    wave_number = _wave_numbers(boundary, modes)
    turns, alias = np.divmod(wave_number, period)
    sign = np.where(turns % 2 == 1, -1.0, 1.0) if cell else np.ones(modes)
    mirrored = alias > period // 2
    alias = np.where(mirrored, period - alias, alias)
    sign = np.where(mirrored & (cell == cosine), -sign, sign)
    # SciPy's transforms count every term twice except those that are their own mirror image.
    own_mirror = (alias == period // 2) | (alias == 0)
    weight = sign * np.where(own_mirror, 1.0, 0.5)
    # Functions that vanish on the grid: cosine N on cells, sine 0, and sine N on vertices.
    if cosine:
        kept, row, rows = (alias < n), alias, n
    elif cell:
        kept, row, rows = (alias > 0), alias - 1, n
    else:
        kept, row, rows = (alias > 0) & (alias < n - 1), alias - 1, n - 2
    columns = np.arange(modes)[kept]
    return csr_array((weight[kept], (row[kept], columns)), shape=(rows, modes))


@lru_cache(maxsize=64)
def _fourier_folding(n: int, modes: int, centering: str) -> csr_array:
    """Sparse map from (cos, sin) amplitudes to a spectrum of n points whose real part is wanted.

    a cos(t) + b sin(t) = Re((a - i b) exp(i t)), and wave number k aliases to k mod n. Cell
    centres lie half a spacing to the right of the vertices: a phase exp(i pi k / n).
    """
    wave_number = _wave_numbers("periodic", modes)
    functions = np.arange(wave_number.size)
    weight = np.where((functions > 0) & (functions % 2 == 0), -1j, 1.0 + 0j)
    if centering == "cell":
        weight = weight * np.exp(1j * pi * (wave_number % (2 * n)) / n)
    return csr_array((weight, (wave_number % n, functions)), shape=(n, wave_number.size))
