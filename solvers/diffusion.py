"""Cell-centred finite volumes for -div(a grad u) = f with Dirichlet values. Order 2.

The flux through a face between two cells takes the harmonic mean of their coefficients, which is
exact in one dimension where a jumps on the face (Eymard, Gallouet, Herbin 2000, section 3.1.2).
Boundary values stand on the boundary faces, half a cell from the nearest centre.

The equations are divided by the cell's volume, so that `A u = f` takes point values of f.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import scipy.sparse as sparse

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from .kernels import kernel

Boundary = float | Callable[..., np.ndarray] | Sequence[Sequence[float | np.ndarray]]
"""Dirichlet values: one number, a function of the coordinates, or ((left, right), (low, high))."""


@kernel()
def face_coefficients(a, spacing, faces_0, faces_1):
    """Fill faces_0 (n0+1, n1) and faces_1 (n0, n1+1) with coefficient / h^2; check a.

    Face i of axis 0 lies between cells i-1 and i; faces 0 and n0 are the boundary. Returns
    whether every coefficient is positive and finite; if not, the faces mean nothing.
    """
    n0, n1 = a.shape
    weight_0 = 2.0 / (spacing[0] * spacing[0])
    weight_1 = 2.0 / (spacing[1] * spacing[1])
    for i in range(n0):
        row = a[i]
        smallest, largest = row[0], row[0]
        finite = 0.0
        for j in range(n1):
            smallest = min(smallest, row[j])
            largest = max(largest, row[j])
            finite += row[j] - row[j]  # nan if any is nan or infinite
        if not (smallest > 0.0 and finite == 0.0):
            return False
        if i == 0:
            for j in range(n1):
                faces_0[0, j] = weight_0 * row[j]
        else:
            above = a[i - 1]
            out = faces_0[i]
            for j in range(n1):
                out[j] = weight_0 * above[j] * (row[j] / (above[j] + row[j]))
        out = faces_1[i, 1:]
        left, right = row[: n1 - 1], row[1:]
        faces_1[i, 0] = weight_1 * row[0]
        for j in range(n1 - 1):
            out[j] = weight_1 * left[j] * (right[j] / (left[j] + right[j]))
        faces_1[i, n1] = weight_1 * row[n1 - 1]
    for j in range(n1):
        faces_0[n0, j] = weight_0 * a[n0 - 1, j]
    return True


@kernel()
def apply_faces(faces_0, faces_1, u, out):
    """out = A u for u of shape (n0, n1), zero on the boundary."""
    n0, n1 = u.shape
    for i in range(n0):
        for j in range(n1):
            total = (faces_0[i, j] + faces_0[i + 1, j] + faces_1[i, j] + faces_1[i, j + 1]) * u[
                i, j
            ]
            if i > 0:
                total -= faces_0[i, j] * u[i - 1, j]
            if i < n0 - 1:
                total -= faces_0[i + 1, j] * u[i + 1, j]
            if j > 0:
                total -= faces_1[i, j] * u[i, j - 1]
            if j < n1 - 1:
                total -= faces_1[i, j + 1] * u[i, j + 1]
            out[i, j] = total


class DiffusionOperator:
    """The matrix A of one coefficient field, without storing it.

    a: (n0, n1), positive and finite; grid: cell-centred, of that shape, not periodic.
    Raises `InputError` where they are not.

    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), centering="cell")
    >>> A = DiffusionOperator(np.ones((4, 4)), grid)
    >>> A.matvec(np.ones((4, 4)))[1, 1], A.matvec(np.ones((4, 4)))[0, 0]
    (np.float64(0.0), np.float64(64.0))
    """

    def __init__(self, a: np.ndarray, grid: Grid) -> None:
        check_grid(grid)
        a = np.ascontiguousarray(a, dtype=np.float64)
        if a.shape != grid.shape:
            raise InputError(
                f"expected a coefficient of shape {grid.shape}, got {a.shape}; "
                "give one value for each cell"
            )
        n0, n1 = grid.shape
        self.a = a
        self.grid = grid
        self.faces = (np.empty((n0 + 1, n1)), np.empty((n0, n1 + 1)))
        self.dtype = np.dtype(np.float64)
        self.shape = (a.size, a.size)
        if not face_coefficients(a, grid.spacing, *self.faces):
            raise InputError(
                f"expected positive finite coefficients, got {describe_coefficient(a)}; "
                "the equation is not elliptic there"
            )

    def matvec(self, u: np.ndarray) -> np.ndarray:
        """A u for u of shape (n0, n1) or flat (n0 n1,); the result has u's shape."""
        field = np.ascontiguousarray(u, dtype=np.float64).reshape(self.grid.shape)
        out = np.empty(self.grid.shape)
        apply_faces(*self.faces, field, out)
        return out.reshape(np.shape(u))

    __matmul__ = matvec

    @property
    def diagonal(self) -> np.ndarray:
        """Diagonal of A, (n0, n1)."""
        total = np.zeros(self.grid.shape)
        for axis, faces in enumerate(self.faces):
            lower, upper = _sides(axis, faces.ndim)
            total += faces[lower] + faces[upper]
        return total

    def to_csr(self) -> sparse.csr_array:
        """A as a sparse matrix; unknowns in C order."""
        indices, indptr, gather = _pattern(self.grid.shape)
        values = [self.diagonal.ravel()]
        for axis, faces in enumerate(self.faces):
            inner = [slice(None)] * faces.ndim
            inner[axis] = slice(1, -1)
            values.append(-faces[tuple(inner)].ravel())
        data = np.concatenate(values)[gather]
        return sparse.csr_array((data, indices, indptr), shape=self.shape)

    def boundary_source(self, boundary: Boundary) -> np.ndarray:
        """What Dirichlet values add to the right-hand side, (n0, n1).

        boundary: a number, a function of the coordinates (called with one array an axis), or
        for each axis a pair (at its lower end, at its upper end) of numbers or of arrays with
        one value for each face there.
        """
        return boundary_source(self.faces, self.grid, boundary)


def boundary_source(faces: Sequence[np.ndarray], grid: Grid, boundary: Boundary) -> np.ndarray:
    """See `DiffusionOperator.boundary_source`."""
    source = np.zeros(grid.shape)
    for axis, coefficients in enumerate(faces):
        for end in (0, -1):
            at = tuple(end if d == axis else slice(None) for d in range(grid.ndim))
            values = _boundary_values(grid, boundary, axis, end)
            try:
                source[at] += coefficients[at] * values
            except ValueError as problem:
                raise InputError(
                    f"expected {source[at].shape} boundary values on axis {axis}, got "
                    f"{np.shape(values)}; give one for each boundary face"
                ) from problem
    return source


def check_grid(grid: Grid) -> None:
    """Raise `InputError` unless the grid is one this discretisation stands on."""
    if grid.centering != "cell" or any(np.atleast_1d(grid.periodic)) or len(grid.shape) != 2:
        raise InputError(
            f"expected a two-dimensional cell-centred grid without periodic axes, got {grid}; "
            'use Grid(extent, (n0, n1), centering="cell")'
        )


def describe_coefficient(a: np.ndarray) -> str:
    """The first illegal coefficient in words."""
    index = tuple(int(i) for i in np.argwhere(~((a > 0) & np.isfinite(a)))[0])
    return f"{a[index]} at cell {index}"


def _boundary_values(grid: Grid, boundary: Boundary, axis: int, end: int) -> np.ndarray:
    if callable(boundary):
        axes = [centres for d, centres in enumerate(grid.axes) if d != axis]
        points = list(np.meshgrid(*axes, indexing="ij"))
        points.insert(axis, np.full_like(points[0], grid.extent[axis][end]))
        return np.asarray(boundary(*points), dtype=float)
    if isinstance(boundary, Sequence):
        return np.asarray(boundary[axis][end], dtype=float)
    return np.asarray(boundary, dtype=float)


def _sides(axis: int, ndim: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Index of the lower and of the upper face of every cell along an axis."""
    lower = [slice(None)] * ndim
    upper = [slice(None)] * ndim
    lower[axis], upper[axis] = slice(None, -1), slice(1, None)
    return tuple(lower), tuple(upper)


@lru_cache(maxsize=8)
def _pattern(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CSR pattern, and the place of each entry in (diagonal, inner faces of each axis)."""
    number = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    rows, columns, sources = [number.ravel()], [number.ravel()], [number.ravel()]
    offset = number.size
    for axis in range(len(shape)):
        below, above = _sides(axis, len(shape))
        lower, upper = number[below].ravel(), number[above].ravel()
        source = offset + np.arange(lower.size, dtype=np.int32)
        rows += [lower, upper]
        columns += [upper, lower]
        sources += [source, source]
        offset += lower.size
    where = np.concatenate(sources)
    places = (np.concatenate(rows), np.concatenate(columns))
    order = np.lexsort(places[::-1])
    counts = np.bincount(places[0], minlength=number.size)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return places[1][order], indptr, where[order]
