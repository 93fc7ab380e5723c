"""The Helmholtz operator -Lap u - k(x)^2 u on cells of a rectangle, u = 0 on its boundary. Order 2.

With the time factor exp(-i omega t) waves that leave look like exp(i k r). Where they should leave,
a perfectly matched layer lines the boundary: the coordinate is continued into the complex plane,
d/dx becomes (1/s) d/dx with s = 1 + i damping(x) / wavenumber (Berenger 1994; Chew & Weedon 1994,
https://doi.org/10.1002/mop.4650071304), and the wave that enters dies out. In the continuum no wave
is reflected at the rim of the layer, whatever its angle, which no damping of k^2 ("sponge") does;
on a grid the reflection falls with the spacing.

The scheme resolves a wave with error proportional to (k h)^2 in its wavenumber, so the phase error
across L grows like k^3 h^2 L: pollution. Twelve points a wavelength are 1 % in the wavenumber, a
phase off by a quarter wavelength after 22 wavelengths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..kernels import CONTRACT, kernel
from ..reading import read_real


@dataclass(frozen=True)
class AbsorbingLayer:
    """A perfectly matched layer inside all four sides of the box.

    width: of the layer, in the units of the grid
    wavenumber: of the waves that it absorbs, in 1 / units: k far from the sources
    reflection: of a wave that meets the layer head on, in the continuum; it sets the damping,
        which grows with the square of the depth. Half a wavelength and 1e-3 are a good start.

    Raises `InputError` unless width and wavenumber are positive and 0 < reflection < 1.
    """

    width: float
    wavenumber: float
    reflection: float = 1e-3

    def __post_init__(self) -> None:
        for name in ("width", "wavenumber"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 < value < math.inf):
                raise InputError(f"expected a positive {name} of the layer, got {value!r}")
        if not (isinstance(self.reflection, float) and 0 < self.reflection < 1):
            raise InputError(f"expected a reflection between 0 and 1, got {self.reflection!r}")

    def stretch(self, x: np.ndarray, left: float, right: float) -> np.ndarray:
        """s(x) of an axis from `left` to `right`, complex, of the shape of x."""
        depth = np.maximum(0.0, self.width - np.minimum(x - left, right - x)) / self.width
        damping = 1.5 * math.log(1 / self.reflection) / self.width * depth**2
        return np.asarray(1.0 + 1j * damping / self.wavenumber)


@kernel(CONTRACT)
def apply_helmholtz(below_0, above_0, below_1, above_1, k2, u, out):
    """out = A u for u of shape (n0, n1), both at least 2.

    below_d[i], above_d[i]: weights of the faces of cell i along axis d.
    """
    n0, n1 = u.shape
    last = n1 - 1
    for i in range(n0):
        row, value, to = u[i], k2[i], out[i]
        down, up = u[max(i - 1, 0)], u[min(i + 1, n0 - 1)]
        both = below_0[i] + above_0[i]
        below = below_0[i] if i > 0 else 0.0 * below_0[i]
        above = above_0[i] if i < n0 - 1 else 0.0 * above_0[i]
        for j in range(1, last):
            to[j] = (
                (both + below_1[j] + above_1[j] - value[j]) * row[j]
                - below * down[j]
                - above * up[j]
                - below_1[j] * row[j - 1]
                - above_1[j] * row[j + 1]
            )
        for j, beside, weight in ((0, 1, above_1[0]), (last, last - 1, below_1[last])):
            to[j] = (
                (both + below_1[j] + above_1[j] - value[j]) * row[j]
                - below * down[j]
                - above * up[j]
                - weight * row[beside]
            )


class HelmholtzOperator:
    """-Lap - k^2 on a cell-centred grid without periodic axes, u = 0 on the boundary.

    k2: k^2 in 1 / units^2, (n0, n1), finite, any sign; a number for a constant. layer: absorbs
    waves at the boundary; the operator is then complex and not symmetric (see the module).

    Raises `InputError` where they do not fit.

    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (8, 8), centering="cell")
    >>> A = HelmholtzOperator(100.0, grid)
    >>> bool(abs(A.to_csr() @ np.ones(64) - A @ np.ones(64)).max() < 1e-12)
    True
    """

    kind: ClassVar[str] = "helmholtz"

    def __init__(
        self, k2: np.ndarray | float, grid: Grid, layer: AbsorbingLayer | None = None
    ) -> None:
        self.links = face_weights(grid, layer)
        k2 = read_real(k2, "k^2")
        if k2.shape not in ((), grid.shape):
            raise InputError(
                f"expected k^2 as a number or of shape {grid.shape}, got {k2.shape}; "
                "give one value for each cell"
            )
        if not np.isfinite(k2.sum()):
            raise InputError("expected finite values of k^2, got NaN or infinity")
        self.k2 = np.ascontiguousarray(np.broadcast_to(k2, grid.shape))
        self.k2.flags.writeable = False  # as the view of a field is: kernels compile for one kind
        self.grid, self.layer = grid, layer
        self.shape = (grid.size, grid.size)
        self.dtype = self.links[0].dtype

    def matvec(self, u: np.ndarray) -> np.ndarray:
        """A u for u of shape (n0, n1) or flat (n0 n1,); the result has u's shape."""
        dtype = np.result_type(self.dtype, u)
        field = np.ascontiguousarray(u, dtype=dtype).reshape(self.grid.shape)
        out = np.empty(self.grid.shape, dtype=dtype)
        apply_helmholtz(*self.links, self.k2, field, out)
        return out.reshape(np.shape(u))

    __matmul__ = matvec

    @property
    def diagonal(self) -> np.ndarray:
        """Diagonal of A, (n0, n1)."""
        below_0, above_0, below_1, above_1 = self.links
        return np.asarray(np.add.outer(below_0 + above_0, below_1 + above_1) - self.k2)

    def to_csr(self) -> sparse.csr_array:
        """A as a sparse matrix with sorted indices; unknowns in C order."""
        laplacian, places = _laplacian(self.grid, self.layer)
        data = laplacian.data.copy()
        data[places] -= self.k2.ravel()
        return sparse.csr_array((data, laplacian.indices, laplacian.indptr), shape=self.shape)


@lru_cache(maxsize=8)
def face_weights(grid: Grid, layer: AbsorbingLayer | None) -> tuple[np.ndarray, ...]:
    """Weights of the lower and the upper face of every cell, for each axis: 4 arrays (n,).

    With a layer the weight is 1 / (s(centre) s(face) h^2). Faces on the boundary are half a cell
    from the centre, so they weigh twice. Raises `InputError` for grids that do not fit.
    """
    fits = isinstance(grid, Grid) and grid.centering == "cell" and not any(grid.wraps)
    if not fits or grid.ndim != 2 or min(grid.shape) < 2:
        raise InputError(
            f"expected a two-dimensional cell-centred grid without periodic axes, at least 2 x 2, "
            f'got {grid}; use Grid(extent, (n0, n1), centering="cell")'
        )
    if layer is not None and 2 * layer.width >= min(grid.lengths):
        raise InputError(
            f"expected a layer narrower than half the box, got {layer.width} in {grid.extent}"
        )
    links: list[np.ndarray] = []
    for (left, right), n, h, centres in zip(
        grid.extent, grid.shape, grid.spacing, grid.axes, strict=True
    ):
        weights = np.full(n + 1, 1 / h**2)
        weights[[0, -1]] = 2 / h**2
        scale = np.ones(n)
        if layer is not None:
            weights = weights / layer.stretch(np.linspace(left, right, n + 1), left, right)
            scale = layer.stretch(centres, left, right)
        links += [weights[:-1] / scale, weights[1:] / scale]
    for values in links:
        values.flags.writeable = False  # shared by all operators of the grid
    return tuple(links)


@lru_cache(maxsize=4)
def _laplacian(grid: Grid, layer: AbsorbingLayer | None) -> tuple[sparse.csr_array, np.ndarray]:
    """The matrix of -Lap, and the places of its diagonal among the entries."""
    parts = []
    links = face_weights(grid, layer)
    for below, above in (links[:2], links[2:]):
        bands = [-below[1:], below + above, -above[:-1]]
        parts.append(sparse.diags_array(bands, offsets=[-1, 0, 1]))
    one, two = (sparse.eye_array(n) for n in grid.shape)
    matrix = sparse.csr_array(sparse.kron(parts[0], two) + sparse.kron(one, parts[1]))
    matrix.sort_indices()
    rows = np.repeat(np.arange(grid.size), np.diff(matrix.indptr))
    return matrix, np.flatnonzero(rows == matrix.indices)
