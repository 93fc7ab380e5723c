"""Convection and diffusion, -div(a grad u) + v . grad u = f, by finite volumes on cells.

A two-dimensional grid with Dirichlet values. The diffusive flux through a face takes the harmonic
mean of a. Two schemes for the convected value (Patankar 1980, *Numerical Heat Transfer and Fluid
Flow*, section 5.2):

- "upwind": that of the cell upstream. Order 1, and 2 where v is zero.
- "power_law": close to the exact solution of the one-dimensional problem between two centres.
  Order 2 once the cell Peclet number |v| h / a is below about 5; upwind, with less and less
  diffusion, above.

Both give an M-matrix at every cell Peclet number, so the discrete maximum principle holds.

A velocity field is given by its normal components on the faces, which is where a discrete
divergence is exact; `stream_velocity` makes one whose divergence is zero. The equations are
divided by the cell's volume, so that `A u = f` takes point values of f.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..diffusion import Boundary, boundary_values
from ..kernels import CONTRACT, kernel

Velocity = tuple[np.ndarray, np.ndarray]
"""Normal components on the faces: (n0 + 1, n1) along axis 0, (n0, n1 + 1) along axis 1."""


@kernel(CONTRACT)
def face_links(diffusion, velocity, speed, power_law, lower, upper):
    """Links across a row of faces from their conductances and normal velocities.

    Returns 0, or nan where one is not finite.
    """
    finite = 0.0
    for j in range(lower.size):
        d, w = diffusion[j], speed * velocity[j]
        if power_law:
            rest = max(0.0, 1.0 - 0.1 * abs(w) / d)
            d *= rest * rest * rest * rest * rest
        lower[j] = d + max(w, 0.0)
        upper[j] = d + max(-w, 0.0)
        finite += (d - d) + (w - w)
    return finite


@kernel(CONTRACT)
def fill_links(a, velocity_0, velocity_1, spacing, power_law, conservative, links, diagonal):
    """Fill the links of all faces and the diagonal; check a and the velocity.

    links: (lower_0, upper_0, lower_1, upper_1). Across face i of axis 0, between cells i-1 and i,
    cell i takes lower_0[i] times the value of cell i-1, and cell i-1 takes upper_0[i] times the
    value of cell i. Returns whether all is finite and a is positive; if not, they mean nothing.
    """
    lower_0, upper_0, lower_1, upper_1 = links
    n0, n1 = a.shape
    weight_0, weight_1 = 2.0 / spacing[0] ** 2, 2.0 / spacing[1] ** 2
    speed_0, speed_1 = 1.0 / spacing[0], 1.0 / spacing[1]
    smallest, finite, diffusion = a[0, 0], 0.0, np.empty(n1 + 1)
    for i in range(n0 + 1):
        before, after = a[max(i - 1, 0)], a[min(i, n0 - 1)]
        weight = weight_0 if 0 < i < n0 else 2.0 * weight_0  # a wall is half a cell away
        for j in range(n1):
            diffusion[j] = weight * before[j] * (after[j] / (before[j] + after[j]))
            smallest = min(smallest, after[j])
        finite += face_links(diffusion, velocity_0[i], speed_0, power_law, lower_0[i], upper_0[i])
    for i in range(n0):
        row = a[i]
        before, after = row[: n1 - 1], row[1:]
        diffusion[0], diffusion[n1] = weight_1 * row[0], weight_1 * row[n1 - 1]
        for j in range(n1 - 1):
            diffusion[j + 1] = weight_1 * before[j] * (after[j] / (before[j] + after[j]))
        finite += face_links(diffusion, velocity_1[i], speed_1, power_law, lower_1[i], upper_1[i])
        if conservative:  # what leaves the cell stands on the diagonal
            up, down, west, east = upper_0[i], lower_0[i + 1], upper_1[i], lower_1[i, 1:]
        else:  # what enters it: the rows inside sum to zero
            up, down, west, east = lower_0[i], upper_0[i + 1], lower_1[i], upper_1[i, 1:]
        out = diagonal[i]
        for j in range(n1):
            out[j] = up[j] + down[j] + west[j] + east[j]
    return smallest > 0.0 and finite == 0.0


@kernel()
def apply_links(links, diagonal, u, out):
    """out = A u for u of shape (n0, n1), zero on the boundary."""
    lower_0, upper_0, lower_1, upper_1 = links
    n0, n1 = u.shape
    for i in range(n0):
        here, centre, result = u[i], diagonal[i], out[i]
        west, east = lower_1[i], upper_1[i, 1:]
        for j in range(n1):
            result[j] = centre[j] * here[j]
        for j in range(n1 - 1):
            result[j] -= east[j] * here[j + 1]
        for j in range(1, n1):
            result[j] -= west[j] * here[j - 1]
        if i > 0:
            weight, row = lower_0[i], u[i - 1]
            for j in range(n1):
                result[j] -= weight[j] * row[j]
        if i < n0 - 1:
            weight, row = upper_0[i + 1], u[i + 1]
            for j in range(n1):
                result[j] -= weight[j] * row[j]


class ConvectionDiffusionOperator:
    """The matrix A of -div(a grad u) + v . grad u, without storing it.

    a: diffusivity, a positive number or (n0, n1); velocity: see `Velocity`; grid: cell-centred,
    not periodic. form: "advective" is v . grad u, "conservative" div(v u); they are the same
    where the divergence of v is zero. scheme: see the file. Raises `InputError` where these do
    not fit.

    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), centering="cell")
    >>> A = ConvectionDiffusionOperator(0.5, (np.ones((5, 4)), np.zeros((4, 5))), grid)
    >>> A.to_csr().toarray()[5, [1, 4, 5, 6, 9]]  # the flow comes from cell 1
    array([-12.,  -8.,  36.,  -8.,  -8.])
    """

    kind: ClassVar[str] = "convection_diffusion"

    def __init__(
        self,
        a: float | np.ndarray,
        velocity: Velocity,
        grid: Grid,
        form: Literal["advective", "conservative"] = "advective",
        scheme: Literal["upwind", "power_law"] = "upwind",
    ) -> None:
        check_grid(grid)
        if scheme not in ("upwind", "power_law"):
            raise InputError(f"expected scheme 'upwind' or 'power_law', got {scheme!r}")
        if form not in ("advective", "conservative"):
            raise InputError(f"expected form 'advective' or 'conservative', got {form!r}")
        n0, n1 = grid.shape
        faces = ((n0 + 1, n1), (n0, n1 + 1))
        a = np.asarray(a, dtype=np.float64)
        if a.shape not in ((), grid.shape):
            raise InputError(
                f"expected a diffusivity of shape {grid.shape} or a number, got {a.shape}"
            )
        v = tuple(np.ascontiguousarray(part, dtype=np.float64) for part in velocity)
        if tuple(part.shape for part in v) != faces:
            raise InputError(
                f"expected normal velocities on faces, of shapes {faces}, got "
                f"{tuple(part.shape for part in v)}; `stream_velocity` makes them"
            )
        self.grid, self.form, self.scheme = grid, form, scheme
        self.dtype = np.dtype(np.float64)
        self.shape = (grid.size, grid.size)
        self.links = tuple(np.empty(faces[k // 2]) for k in range(4))
        self.diagonal = np.empty(grid.shape)
        field = np.ascontiguousarray(np.broadcast_to(a, grid.shape))
        choices = scheme == "power_law", form == "conservative"
        if not fill_links(field, *v, grid.spacing, *choices, self.links, self.diagonal):
            raise InputError(
                "expected a positive finite diffusivity and finite velocities, got "
                f"a between {a.min()} and {a.max()}, |v| up to {max(abs(p).max() for p in v)}"
            )

    def matvec(self, u: np.ndarray) -> np.ndarray:
        """A u for u of shape (n0, n1) or flat (n0 n1,); the result has u's shape."""
        field = np.ascontiguousarray(u, dtype=np.float64).reshape(self.grid.shape)
        out = np.empty(self.grid.shape)
        apply_links(self.links, self.diagonal, field, out)
        return out.reshape(np.shape(u))

    __matmul__ = matvec

    def to_csr(self) -> sparse.csr_array:
        """A as a sparse matrix; unknowns in C order, indices sorted."""
        lower_0, upper_0, lower_1, upper_1 = self.links
        indices, indptr, gather = _pattern(self.grid.shape)
        values = (
            self.diagonal,
            -upper_0[1:-1],
            -lower_0[1:-1],
            -upper_1[:, 1:-1],
            -lower_1[:, 1:-1],
        )
        data = np.concatenate([part.ravel() for part in values])[gather]
        return sparse.csr_array((data, indices, indptr), shape=self.shape)

    def boundary_source(self, boundary: Boundary) -> np.ndarray:
        """What Dirichlet values add to the right-hand side, (n0, n1).

        boundary: a number, a function of the coordinates (called with one array an axis), or for
        each axis a pair (at its lower end, at its upper end) of numbers or of arrays with one
        value for each face there. Where the flow leaves, only diffusion feels them.
        """
        lower_0, upper_0, lower_1, upper_1 = self.links
        ends = ((lower_0[0], upper_0[-1]), (lower_1[:, 0], upper_1[:, -1]))
        source = np.zeros(self.grid.shape)
        for axis in (0, 1):
            side = np.moveaxis(source, axis, 0)
            for end in (0, -1):
                values = boundary_values(self.grid, boundary, axis, end)
                if values.shape not in ((), side[end].shape):
                    raise InputError(
                        f"expected {side[end].shape} boundary values on axis {axis}, got "
                        f"{values.shape}; give one for each boundary face"
                    )
                side[end] += ends[axis][end] * values
        return source


def stream_velocity(psi: np.ndarray, grid: Grid) -> Velocity:
    """v = (d psi/dy, -d psi/dx) on the faces, from psi on the corners, (n0 + 1, n1 + 1).

    Its discrete divergence is zero, up to rounding, whatever psi is. Raises `InputError` where
    psi has not one value for each corner.
    """
    check_grid(grid)
    corners = tuple(n + 1 for n in grid.shape)
    psi = np.asarray(psi, dtype=np.float64)
    if psi.shape != corners:
        raise InputError(
            f"expected a stream function of shape {corners}, got {psi.shape}; give its values on "
            "the corners of the cells"
        )
    return np.diff(psi, axis=1) / grid.spacing[1], -np.diff(psi, axis=0) / grid.spacing[0]


def check_grid(grid: Grid) -> None:
    """Raise `InputError` unless the grid is one this discretisation stands on."""
    if grid.centering != "cell" or any(grid.wraps) or grid.ndim != 2:
        raise InputError(
            f"expected a two-dimensional cell-centred grid without periodic axes, got {grid}; "
            'use Grid(extent, (n0, n1), centering="cell")'
        )


@lru_cache(maxsize=8)
def _pattern(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CSR pattern, and the place of each entry in `to_csr`'s list of values."""
    number = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)
    rows, columns = [number.ravel()], [number.ravel()]
    for before, after in ((number[:-1], number[1:]), (number[:, :-1], number[:, 1:])):
        rows += [before.ravel(), after.ravel()]
        columns += [after.ravel(), before.ravel()]
    row, column = np.concatenate(rows), np.concatenate(columns)
    order = np.lexsort((column, row))
    counts = np.bincount(row, minlength=number.size)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return column[order], indptr, order
