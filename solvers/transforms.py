"""Fast direct solution of (sigma - nu Lap) u = f on boxes in one to three dimensions.

Sines, cosines and exponentials are eigenvectors of the second-order stencil, so a transform along
each axis makes the equation diagonal (Swarztrauber 1977, The methods of cyclic reduction, Fourier
analysis and the FACR algorithm, SIAM Review 19, https://doi.org/10.1137/1019071). Axis 0 needs no
transform where the equation is definite: a tridiagonal sweep for every mode of the other axes is
cheaper, which halves the work in two dimensions.

Which transform belongs to which ends; the eigenvalue is (2 sin(theta / 2) / h)^2:

    ends                   cell-centred   theta             vertices   theta                unknown
    Dirichlet, Dirichlet   DST-II         pi j / n          DST-I      pi j / (n-1)         inner
    Neumann, Neumann       DCT-II         pi j / n          DCT-I      pi j / (n-1)         all
    Dirichlet, Neumann     DST-IV         pi (j+1/2) / n    DST-III    pi (j+1/2) / (n-1)   all but
    Neumann, Dirichlet     DCT-IV         pi (j+1/2) / n    DCT-III    pi (j+1/2) / (n-1)   one end
    periodic               FFT            2 pi j / n        FFT        2 pi j / n           all
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from math import isfinite, prod
from typing import Any, Literal

import numpy as np
from scipy import fft

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from .kernels import kernel

Ends = str | tuple[str, str]
"""Zero values or slopes at the lower and the upper end: "dirichlet", "neumann", or a pair."""

# Measured: a transform whose length has a large prime factor costs 15 to 60 ns a point, a product
# with the matrix of the transform 0.04 ns a point and row.
LARGEST_PRIME, LARGEST_MATRIX = 31, 640

_TYPES = {
    ("cell", "dirichlet", "dirichlet"): ("dst", 2),
    ("cell", "neumann", "neumann"): ("dct", 2),
    ("cell", "dirichlet", "neumann"): ("dst", 4),
    ("cell", "neumann", "dirichlet"): ("dct", 4),
    ("vertex", "dirichlet", "dirichlet"): ("dst", 1),
    ("vertex", "neumann", "neumann"): ("dct", 1),
    ("vertex", "dirichlet", "neumann"): ("dst", 3),
    ("vertex", "neumann", "dirichlet"): ("dct", 3),
}


class FastTransform:
    """The inverse of the second-order stencil of sigma - nu Lap: a solver, and an M for Krylov.

    grid: cells or vertices; its periodic axes are taken as such. boundary: the ends of the other
    axes, one for all or one an axis, each "dirichlet", "neumann" or a pair (lower, upper).
    eigenvalues: "stencil" inverts the discrete operator to rounding; "spectral" takes theta / h
    squared instead, the exact derivative of each sine and cosine.

    unknowns: the shape of f and u, which is `grid.shape` without vertices where u is zero.
    Where sigma = 0 and no end is Dirichlet, constants solve the homogeneous equation: the mean of
    f is dropped and u has mean zero, both in the grid's quadrature.

    Raises `InputError` for more than three axes, sigma or nu that are not finite, nu = 0, unknown
    ends, or an axis without unknowns.

    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (64, 64), centering="cell")
    >>> x, y = grid.coordinates()
    >>> u = FastTransform(grid).solve(2 * np.pi**2 * np.sin(np.pi * x) * np.sin(np.pi * y))
    >>> round(float(u.max()), 3)
    1.0
    """

    def __init__(
        self,
        grid: Grid,
        sigma: float = 0.0,
        nu: float = 1.0,
        boundary: Ends | Sequence[Ends] = "dirichlet",
        eigenvalues: Literal["stencil", "spectral"] = "stencil",
    ) -> None:
        _check(grid, sigma, nu, eigenvalues)
        self.grid, self.sigma, self.nu = grid, float(sigma), float(nu)
        self.axes = tuple(
            _axis(grid, number, ends) for number, ends in enumerate(_each(boundary, grid.ndim))
        )
        self.unknowns = tuple(axis.size for axis in self.axes)
        self.shape = (prod(self.unknowns),) * 2
        self.dtype = np.dtype(np.float64)
        self.singular = sigma == 0 and all(axis.constant for axis in self.axes)
        definite = sigma >= 0 and nu > 0 and eigenvalues == "stencil"
        self.sweeps = definite and self.axes[0].kind != "fft"
        turned = range(1 if self.sweeps else 0, grid.ndim)
        self._real = [d for d in turned if self.axes[d].kind != "fft"]
        self._wrapped = [d for d in turned if self.axes[d].kind == "fft"]
        values = [self.axes[d].eigenvalues(eigenvalues == "spectral") for d in turned]
        if self._wrapped:  # of real values the last transform gives half of the spectrum
            last = self._wrapped[-1]
            values[last - turned[0]] = values[last - turned[0]][: self.unknowns[last] // 2 + 1]
        symbol = self.sigma + self.nu * reduce(np.add.outer, values, np.zeros(()))
        if self.sweeps:
            self._links = self.axes[0].links()
            self._pivots = _pivots(symbol.ravel() / self.nu, *self._links, self.singular)
        else:
            self._inverse = _reciprocal(symbol, self.singular)

    def solve(self, f: np.ndarray) -> np.ndarray:
        """u for f of shape (..., *unknowns), real or complex; the leading axes are kept.

        Raises `InputError` on another shape.
        """
        f = np.asarray(f)
        ndim = len(self.unknowns)
        if f.shape[-ndim:] != self.unknowns:
            raise InputError(
                f"expected values of shape (..., {', '.join(map(str, self.unknowns))}), got "
                f"{f.shape}; leave out the vertices on which u is zero"
            )
        if np.iscomplexobj(f):
            u = self.solve(np.stack([f.real, f.imag]))
            return np.asarray(u[0] + 1j * u[1])
        stacked = np.array(f, dtype=np.float64, order="C").reshape(-1, *self.unknowns)
        u = self._swept(stacked) if self.sweeps else self._divided(stacked)
        return u.reshape(f.shape)

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        """A^-1 r for r of shape (n,). Raises `InputError` on another size."""
        if np.size(r) != self.shape[0]:
            raise InputError(f"expected a vector of length {self.shape[0]}, got {np.shape(r)}")
        return self.solve(np.reshape(r, self.unknowns)).reshape(np.shape(r))

    # Below, values are overwritten: memory that the system must map anew costs as much as the
    # transforms.

    def _divided(self, f: np.ndarray) -> np.ndarray:
        f_hat = self._forward(f)
        f_hat *= self._inverse
        return self._backward(f_hat)

    def _swept(self, f: np.ndarray) -> np.ndarray:
        f_hat = self._forward(f)
        columns = f_hat.reshape(len(f), self.unknowns[0], -1)
        if self.nu != 1:
            columns *= 1.0 / self.nu
        weights = self.axes[0].weights
        if self.singular:
            columns[:, :, 0] -= (columns[:, :, 0] @ weights)[:, None]
        for system in columns:
            sweep(system, *self._links, self._pivots)
        if self.singular:
            columns[:, :, 0] -= (columns[:, :, 0] @ weights)[:, None]
        return self._backward(f_hat)

    def _forward(self, values: np.ndarray) -> np.ndarray:
        for d in self._real:
            values = self.axes[d].forward(values, d + 1)
        if self._wrapped:
            values = fft.rfftn(values, axes=[d + 1 for d in self._wrapped])
        return values

    def _backward(self, values: np.ndarray) -> np.ndarray:
        if self._wrapped:
            sizes = [self.unknowns[d] for d in self._wrapped]
            axes = [d + 1 for d in self._wrapped]
            values = fft.irfftn(values, sizes, axes=axes, overwrite_x=True)
        for d in self._real:
            values = self.axes[d].backward(values, d + 1)
        return values


@dataclass(frozen=True)
class _Axis:
    """One axis: the kind and type of its transform, its unknowns and their spacing."""

    kind: str
    type: int
    size: int
    h: float
    centering: str
    ends: tuple[str, str]

    @property
    def constant(self) -> bool:
        """Whether constants are among the eigenvectors."""
        return self.kind == "fft" or self.ends == ("neumann", "neumann")

    @property
    def length(self) -> int:
        """Length of the underlying Fourier transform, up to factors of two."""
        longer = {("dst", 1): 1, ("dct", 1): -1}
        return self.size + longer.get((self.kind, self.type), 0)

    @property
    def weights(self) -> np.ndarray:
        """Quadrature weights of the unknowns over the length of the axis, where both ends are
        Neumann: they sum to one."""
        weights = np.ones(self.size)
        if self.centering == "vertex":
            weights[[0, -1]] = 0.5
        return weights / weights.sum()

    def eigenvalues(self, spectral: bool) -> np.ndarray:
        """Of the negative second difference (or derivative), (size,), in the transform's order."""
        j = np.arange(self.size)
        if self.kind == "fft":
            theta = 2 * np.pi * np.minimum(j, self.size - j) / self.size
        elif self.ends[0] != self.ends[1]:
            theta = np.pi * (j + 0.5) / self.length
        else:
            theta = np.pi * (j + (self.kind == "dst")) / self.length
        return np.asarray((theta if spectral else 2 * np.sin(theta / 2)) / self.h) ** 2

    def links(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Diagonal, and couplings to the point below and above, of the negative second difference.

        Dirichlet cells mirror with a change of sign, Neumann cells without; Neumann vertices
        count their only neighbour twice.
        """
        diagonal, below, above = np.full(self.size, 2.0), np.ones(self.size), np.ones(self.size)
        below[0] = above[-1] = 0.0
        for place, inner, end in ((0, above, self.ends[0]), (-1, below, self.ends[1])):
            if self.centering == "cell":
                diagonal[place] += 1.0 if end == "dirichlet" else -1.0
            elif end == "neumann":
                inner[place] = 2.0
        return tuple(values / self.h**2 for values in (diagonal, below, above))  # type: ignore

    def forward(self, values: np.ndarray, place: int) -> np.ndarray:
        """Amplitudes of the values along the axis `place` of the array."""
        return self._apply(values, place, self.kind)

    def backward(self, values: np.ndarray, place: int) -> np.ndarray:
        return self._apply(values, place, f"i{self.kind}")

    def _apply(self, values: np.ndarray, place: int, name: str) -> np.ndarray:
        largest = max(prime_factors(self.length), default=1)
        if self.size > LARGEST_MATRIX or largest <= LARGEST_PRIME:
            transform: Callable[..., Any] = getattr(fft, name)
            return np.asarray(transform(values, type=self.type, axis=place, overwrite_x=True))
        matrix = _matrix(name, self.type, self.size)
        if place == values.ndim - 1:
            return np.asarray(values @ matrix.T)
        lines = values.reshape(-1, self.size, prod(values.shape[place + 1 :]))
        return np.asarray(matrix @ lines).reshape(values.shape)


@lru_cache(maxsize=4)
def stencil_eigenvalues(grid: Grid) -> np.ndarray:
    """Eigenvalues of -Lap by the second-order stencil with Dirichlet ends, of `grid.shape` on
    cells, in the order of the sine transform; read-only."""
    axes = (_axis(grid, number, "dirichlet") for number in range(grid.ndim))
    values = np.asarray(reduce(np.add.outer, [axis.eigenvalues(False) for axis in axes]))
    values.flags.writeable = False  # shared by all calls
    return values


@kernel()
def sweep(columns, diagonal, below, above, pivots):
    """Solve the tridiagonal systems of all columns (n, modes) in place, by known pivots (n, modes).

    Row i reads -below[i] u[i-1] + (diagonal[i] + symbol) u[i] - above[i] u[i+1] = columns[i].
    """
    n, modes = columns.shape
    for m in range(modes):
        columns[0, m] *= pivots[0, m]
    for i in range(1, n):
        for m in range(modes):
            columns[i, m] = (columns[i, m] + below[i] * columns[i - 1, m]) * pivots[i, m]
    for i in range(n - 2, -1, -1):
        for m in range(modes):
            columns[i, m] += above[i] * pivots[i, m] * columns[i + 1, m]


def _pivots(
    symbol: np.ndarray,
    diagonal: np.ndarray,
    below: np.ndarray,
    above: np.ndarray,
    singular: bool,
) -> np.ndarray:
    """Reciprocal pivots of Gaussian elimination, (n, modes); 0 for the last one if singular."""
    pivots = np.empty((diagonal.size, symbol.size))
    pivots[0] = diagonal[0] + symbol
    if diagonal.size == 1 and singular:
        pivots[0, 0] = np.inf
    pivots[0] = 1.0 / pivots[0]
    for i in range(1, diagonal.size):
        pivot = diagonal[i] + symbol - below[i] * above[i - 1] * pivots[i - 1]
        if singular and i == diagonal.size - 1:
            pivot[0] = np.inf
        pivots[i] = 1.0 / pivot
    return pivots


def _reciprocal(symbol: np.ndarray, singular: bool) -> np.ndarray:
    """1 / symbol; 0 for the constant where that is in the kernel."""
    if singular:
        symbol = symbol.copy()
        symbol[(0,) * symbol.ndim] = np.inf
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / symbol)


@lru_cache(maxsize=16)
def _matrix(name: str, type: int, size: int) -> np.ndarray:
    matrix = np.asarray(getattr(fft, name)(np.eye(size), type=type, axis=0))
    matrix.flags.writeable = False  # shared by all calls
    return matrix


@lru_cache(maxsize=256)
def prime_factors(n: int) -> tuple[int, ...]:
    """Of n, the smallest first.

    >>> prime_factors(255), prime_factors(257), prime_factors(1)
    ((3, 5, 17), (257,), ())
    """
    found, factor = [], 2
    while factor * factor <= n:
        while n % factor == 0:
            found.append(factor)
            n //= factor
        factor += 1
    return (*found, n) if n > 1 else tuple(found)


def _axis(grid: Grid, number: int, ends: Ends) -> _Axis:
    n, h = grid.shape[number], grid.spacing[number]
    if grid.wraps[number]:
        return _Axis("fft", 0, n, h, grid.centering, ("periodic", "periodic"))
    pair = (ends, ends) if isinstance(ends, str) else tuple(ends)
    known = _TYPES.get((grid.centering, *pair))  # type: ignore[arg-type]
    if known is None:
        raise InputError(
            f"expected ends 'dirichlet', 'neumann' or a pair of them on axis {number}, got {ends!r}"
        )
    size = n - (grid.centering == "vertex") * pair.count("dirichlet")
    if size < 1 or (known == ("dct", 1) and size < 2):
        raise InputError(f"expected unknowns on axis {number}, got {n} points; refine the grid")
    return _Axis(*known, size, h, grid.centering, pair)  # type: ignore[arg-type]


def _each(boundary: Ends | Sequence[Ends], ndim: int) -> list[Ends]:
    """Ends of each axis. A tuple of two strings is a pair of ends only where there is one axis."""
    if isinstance(boundary, str):
        return [boundary] * ndim
    if not isinstance(boundary, Sequence) or len(boundary) != ndim:
        raise InputError(f"expected ends for each of {ndim} axes, got {boundary!r}")
    return list(boundary)


def _check(grid: Grid, sigma: float, nu: float, eigenvalues: str) -> None:
    if not isinstance(grid, Grid) or grid.ndim > 3:
        raise InputError(f"expected a grid of one to three axes, got {grid}; use a Krylov method")
    numbers = all(isinstance(value, int | float | np.number) for value in (sigma, nu))
    if not (numbers and isfinite(sigma) and isfinite(nu) and nu != 0):
        raise InputError(f"expected finite sigma and nu, nu not 0, got {sigma} and {nu}")
    if eigenvalues not in ("stencil", "spectral"):
        raise InputError(f"expected eigenvalues 'stencil' or 'spectral', got {eigenvalues!r}")
