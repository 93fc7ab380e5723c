"""Cell-centred finite volumes for -div(a grad u) + sigma u = f, two and three dimensions. Order 2.

The flux through a face between two cells takes the harmonic mean of their coefficients, which is
exact in one dimension where a jumps on the face (Eymard, Gallouet, Herbin 2000, section 3.1.2).
Dirichlet values stand on the boundary faces, half a cell from the nearest centre; through a
Neumann face flows what is given; a periodic axis (from the grid) has one more face between its
ends. The equations are divided by the cell's volume, so that `A u = f` takes point values of f.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sparse

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from .diffusion_kernels import apply_links, fill_links
from .reading import read_real
from .stencil_pattern import stencil_pattern

Conditions = str | Sequence[str | tuple[str, str]]
"""Names "dirichlet" and "neumann": one for all sides, or for each axis one, or a pair (at its lower
end, at its upper end)."""

Values = float | np.ndarray | Callable[..., np.ndarray] | None
Boundary = Values | Sequence[Sequence[Values]]
"""Data of the sides: one for all, or for each axis a pair (at its lower end, at its upper end)."""

NOTHING = np.empty((0, 0, 0))  # the links of a missing axis, or a missing reaction
_CODES = {"dirichlet": 0, "neumann": 1, "periodic": 2}


class DiffusionOperator:
    """The matrix A of one coefficient field, without storing it.

    a: (n0, n1) or (n0, n1, n2), positive and finite; grid: cell-centred, of that shape;
    conditions: of the sides, ignored on periodic axes, for example "neumann" or
    (("dirichlet", "neumann"), "neumann"); reaction: sigma >= 0, a number or of a's shape.
    Raises `InputError` where they are not.

    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), centering="cell")
    >>> A = DiffusionOperator(np.ones((4, 4)), grid)
    >>> A.matvec(np.ones((4, 4)))[1, 1], A.matvec(np.ones((4, 4)))[0, 0]
    (np.float64(0.0), np.float64(64.0))
    >>> bool(np.all(DiffusionOperator(np.ones((4, 4)), grid, "neumann") @ np.ones(16) == 0))
    True
    """

    kind: ClassVar[str] = "diffusion"

    def __init__(
        self,
        a: np.ndarray,
        grid: Grid,
        conditions: Conditions = "dirichlet",
        reaction: float | np.ndarray = 0.0,
    ) -> None:
        check_grid(grid)
        a = for_kernels(read_real(a, "a coefficient"))
        if a.shape != grid.shape:
            raise InputError(
                f"expected a coefficient of shape {grid.shape}, got {a.shape}; "
                "give one value for each cell"
            )
        self.a = a
        self.grid = grid
        known = isinstance(conditions, str)
        self.conditions = (_read_once if known else read_conditions)(conditions, grid)
        self.reaction = _read_reaction(reaction, grid)
        self.faces = empty_links(grid)
        # As the kernels take them: links of three axes, reaction, periodic flags.
        self.solid = solid(self.faces), solid_reaction(self.reaction), periodic_flags(grid)
        if not fill_links(
            solid_field(a), *_weights_and_codes(grid, self.conditions), *self.solid[0]
        ):
            raise InputError(
                f"expected positive finite coefficients, got {describe_coefficient(a)}; "
                "the equation is not elliptic there"
            )
        self.dtype = np.dtype(np.float64)
        self.shape = (a.size, a.size)

    @property
    def singular(self) -> bool:
        """Whether constants are the null space: no Dirichlet side and no reaction."""
        return is_singular(self.conditions) and self.reaction is None

    def matvec(self, u: np.ndarray) -> np.ndarray:
        """A u for u of the grid's shape or flat (n,); the result has u's shape."""
        u = np.asarray(u)
        if u.dtype.kind == "c":
            return np.asarray(self.matvec(u.real) + 1j * self.matvec(u.imag))
        links, reaction, wraps = self.solid
        field = for_kernels(u).reshape(self.grid.shape)
        out = np.empty(self.grid.shape)
        apply_links(*links, reaction, wraps, solid_field(field), solid_field(out))
        return out.reshape(u.shape)

    __matmul__ = matvec

    @property
    def diagonal(self) -> np.ndarray:
        """Diagonal of A, of the grid's shape."""
        total = np.zeros(self.grid.shape)
        if self.reaction is not None:
            total += self.reaction
        for axis, faces in enumerate(self.faces):
            if self.grid.wraps[axis] and self.grid.shape[axis] == 1:
                continue  # the only cell is its own neighbour
            lower, upper = _sides(axis, faces.ndim)
            total += faces[lower] + faces[upper]
        return total

    def to_csr(self) -> sparse.csr_array:
        """A as a sparse matrix; unknowns in C order."""
        indices, indptr, gather, first = stencil_pattern(self.grid.shape, self.grid.wraps)
        values = [self.diagonal.ravel()]
        for axis, faces in enumerate(self.faces):
            inner = [slice(None)] * faces.ndim
            inner[axis] = slice(0 if self.grid.wraps[axis] else 1, -1)
            values.append(-faces[tuple(inner)].ravel())
        data = np.concatenate(values)[gather]
        if first.size < data.size:
            data = np.add.reduceat(data, first)
        return sparse.csr_array((data, indices, indptr), shape=self.shape)

    def boundary_source(self, boundary: Boundary) -> np.ndarray:
        """What data on the sides add to the right-hand side, of the grid's shape.

        boundary: one for all sides, or for each axis a pair (at its lower end, at its upper
        end): numbers, arrays with one value for each face there, functions of the coordinates
        (called with one array an axis), or None for zero. The data are values of u on Dirichlet
        sides, and a du/dn with the outward normal n on Neumann sides; periodic ones have none.
        """
        return boundary_source(self.faces, self.grid, self.conditions, boundary)


def boundary_source(
    faces: Sequence[np.ndarray],
    grid: Grid,
    conditions: tuple[tuple[str, str], ...],
    boundary: Boundary,
) -> np.ndarray:
    """See `DiffusionOperator.boundary_source`."""
    source = np.zeros(grid.shape)
    for axis, coefficients in enumerate(faces):
        for end, condition in zip((0, -1), conditions[axis], strict=True):
            if condition == "periodic":
                continue
            at = tuple(end if d == axis else slice(None) for d in range(grid.ndim))
            values = boundary_values(grid, boundary, axis, end)
            neumann = condition == "neumann"
            weight = 1.0 / grid.spacing[axis] if neumann else coefficients[at]
            try:
                source[at] += weight * values
            except ValueError as problem:
                raise InputError(
                    f"expected {source[at].shape} boundary values on axis {axis}, got "
                    f"{np.shape(values)}; give one for each boundary face"
                ) from problem
    return source


def check_grid(grid: Grid) -> None:
    """Raise `InputError` unless the grid is one this discretisation stands on."""
    if not isinstance(grid, Grid) or grid.centering != "cell" or grid.ndim not in (2, 3):
        raise InputError(
            f"expected a cell-centred grid of two or three dimensions, got {grid}; "
            'use Grid(extent, shape, centering="cell")'
        )


def read_conditions(conditions: Conditions, grid: Grid) -> tuple[tuple[str, str], ...]:
    """A pair of names for each axis; `InputError` where they are not conditions."""
    given: Any = conditions if isinstance(conditions, Sequence) else ()
    given = (conditions,) * grid.ndim if isinstance(conditions, str) else given
    pairs = [(entry, entry) if isinstance(entry, str) else entry for entry in given]
    legal = ("dirichlet", "neumann")
    if len(pairs) != grid.ndim or any(
        not isinstance(pair, Sequence) or len(pair) != 2 or any(name not in legal for name in pair)
        for pair in pairs
    ):
        raise InputError(
            f"expected 'dirichlet' or 'neumann', or one or a pair of them for each of "
            f"{grid.ndim} axes, got {conditions!r}; periodic axes are the grid's"
        )
    wraps = zip(pairs, grid.wraps, strict=True)
    return tuple(("periodic", "periodic") if wrap else tuple(pair) for pair, wrap in wraps)


_read_once = lru_cache(maxsize=64)(read_conditions)


def is_singular(conditions: tuple[tuple[str, str], ...]) -> bool:
    return not any("dirichlet" in pair for pair in conditions)


def empty_links(grid: Grid) -> tuple[np.ndarray, ...]:
    """Memory for coefficient / h^2 of the faces: one longer than the grid along the own axis."""
    return tuple(
        np.empty([n + (d == axis) for d, n in enumerate(grid.shape)]) for axis in range(grid.ndim)
    )


@lru_cache(maxsize=64)
def _weights_and_codes(
    grid: Grid, conditions: tuple[tuple[str, str], ...]
) -> tuple[tuple[float, ...], tuple[tuple[int, ...], ...]]:
    """Of three axes: 2 / h^2, and the numbers of the conditions at both ends."""
    weights = [2.0 / h**2 for h in grid.spacing]
    codes = [tuple(_CODES[name] for name in pair) for pair in conditions]
    if grid.ndim == 2:
        weights.insert(1, 0.0)
        codes.insert(1, (0, 0))
    return tuple(weights), tuple(codes)


def for_kernels(values: np.ndarray) -> np.ndarray:
    """Values as float64 in C order, copied only where they are not, or cannot be written: a kernel
    is compiled again for arrays that cannot."""
    flags = values.flags
    if values.dtype == np.float64 and flags.c_contiguous and flags.writeable:
        return values
    return np.require(values, np.float64, ["C", "W"])


def solid(faces: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Links of three axes as the kernels want them: a missing axis 1 has none."""
    if len(faces) == 3:
        return faces[0], faces[1], faces[2]
    return solid_field(faces[0]), NOTHING, solid_field(faces[1])


def solid_reaction(reaction: np.ndarray | None) -> np.ndarray:
    return NOTHING if reaction is None else solid_field(reaction)


def periodic_flags(grid: Grid) -> tuple[bool, bool, bool]:
    """Of three axes."""
    return (*grid.wraps,) if grid.ndim == 3 else (grid.wraps[0], False, grid.wraps[1])  # type: ignore[return-value]


def describe_coefficient(a: np.ndarray) -> str:
    """The first illegal coefficient in words."""
    index = tuple(int(i) for i in np.argwhere(~((a > 0) & np.isfinite(a)))[0])
    return f"{a[index]} at cell {index}"


def solid_field(field: np.ndarray) -> np.ndarray:
    """(n0, n1) -> (n0, 1, n1)."""
    return field if field.ndim == 3 else field[:, None, :]


def _read_reaction(reaction: float | np.ndarray, grid: Grid) -> np.ndarray | None:
    if isinstance(reaction, float | int) and reaction == 0:
        return None
    sigma = read_real(reaction, "a reaction")
    if sigma.shape not in ((), grid.shape):
        raise InputError(
            f"expected a reaction of shape {grid.shape} or a number, got {sigma.shape}"
        )
    if not (np.all(sigma >= 0) and np.all(np.isfinite(sigma))):
        raise InputError("expected a finite reaction of at least 0, got one that is not")
    return np.array(np.broadcast_to(sigma, grid.shape), order="C") if np.any(sigma) else None


def boundary_values(grid: Grid, boundary: Boundary, axis: int, end: int) -> np.ndarray:
    values: Any = boundary
    if isinstance(boundary, Sequence) and not isinstance(boundary, str):
        try:
            values = boundary[axis][end]
        except (TypeError, IndexError):
            raise InputError(
                f"expected boundary values for each of {grid.ndim} axes a pair, got {boundary!r}"
            ) from None
    if callable(values):
        axes = [centres for d, centres in enumerate(grid.axes) if d != axis]
        points = list(np.meshgrid(*axes, indexing="ij"))
        points.insert(axis, np.full_like(points[0], grid.extent[axis][end]))
        values = values(*points)
    return read_real(0.0 if values is None else values, "boundary values")


def _sides(axis: int, ndim: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Index of the lower and of the upper face of every cell along an axis."""
    lower = [slice(None)] * ndim
    upper = [slice(None)] * ndim
    lower[axis], upper[axis] = slice(None, -1), slice(1, None)
    return tuple(lower), tuple(upper)
