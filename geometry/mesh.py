"""Unstructured meshes of first order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from .errors import InputError

DIMENSION = {"vertex": 0, "line": 1, "triangle": 2, "quad": 2, "tetra": 3}
CORNERS = {"vertex": 1, "line": 2, "triangle": 3, "quad": 4, "tetra": 4}
GAUSS = 0.5 / np.sqrt(3)  # two points on the unit interval: 1/2 -+ GAUSS, exact to degree 3


class Elements(NamedTuple):
    """One quadrature point for each entry; elements with several points come several times."""

    cells: np.ndarray  # (m, corners), indices of points
    shapes: np.ndarray  # (m, corners), the basis functions there
    gradients: np.ndarray  # (m, corners, d), their gradients
    volumes: np.ndarray  # (m,), the share of the volume


@dataclass(frozen=True, eq=False)
class Mesh:
    """Points and cells: lines, triangles, quads or tetrahedra of first order.

    Parameters
    ----------
    points : (n, d), finite
    cells : name of the type as in meshio ("line", "triangle", "quad", "tetra") to indices
        (cells, corners); the cells of the highest dimension are the domain, lower ones are facets
    boundaries : name to the facets of that part of the boundary, as `cells`

    Raises `InputError` for other types, indices without a point and cells without volume.

    >>> mesh = Mesh([[0, 0], [1, 0], [0, 1]], {"triangle": [[0, 1, 2]]})
    >>> float(mesh.weights.sum())
    0.5
    """

    points: np.ndarray
    cells: Mapping[str, np.ndarray]
    boundaries: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        points = np.array(self.points, dtype=np.float64)
        if points.ndim != 2 or 0 in points.shape or not np.isfinite(points).all():
            raise InputError(f"expected finite points of shape (n, d), got {points.shape}")
        cells = _checked(self.cells, len(points))
        if max((DIMENSION[kind] for kind in cells), default=0) == 0:
            raise InputError(f"expected lines, triangles, quads or tetra, got {sorted(cells)}")
        boundaries = {name: _checked(part, len(points)) for name, part in self.boundaries.items()}
        for name, value in (("points", points), ("cells", cells), ("boundaries", boundaries)):
            object.__setattr__(self, name, value)
        if not self.weights.sum() > 0:
            raise InputError("expected cells with a volume, got only flat ones")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the values of one function, which live on the points: (n,)."""
        return (len(self.points),)

    @property
    def ndim(self) -> int:
        """Coordinates of a point."""
        return self.points.shape[1]

    @property
    def dimension(self) -> int:
        """Of the cells: 2 for a surface in space."""
        return max(DIMENSION[kind] for kind in self.cells)

    @property
    def domain(self) -> dict[str, np.ndarray]:
        """The cells of the highest dimension."""
        return {k: c for k, c in self.cells.items() if DIMENSION[k] == self.dimension}

    @cached_property
    def element_gradients(self) -> tuple[Elements, ...]:
        """Basis functions and their gradients at quadrature points, one block for each type."""
        return tuple(_elements(kind, c, self.points) for kind, c in self.domain.items())

    @cached_property
    def weights(self) -> np.ndarray:
        """Integrals of the basis functions, (n,): quadrature exact for linear functions."""
        weights = np.zeros(len(self.points))
        for block in self.element_gradients:
            np.add.at(weights, block.cells, block.shapes * block.volumes[:, None])
        return weights

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Mesh:
        """A mesh from any file that meshio reads.

        A third coordinate that is zero everywhere is left out. Facets in named groups (gmsh's
        physical groups) become `boundaries`. `InputError` where the file is not there, cannot be
        read, or holds cells of higher order.
        """
        from .mesh_files import read

        return cls(*read(path))

    def write(self, path: str | PathLike[str]) -> None:
        """Write to a file whose format meshio takes from its name; `.msh` is that of gmsh 2.2.

        Named boundaries go into `.msh` files only; other formats get the points and the cells.
        `InputError` for an unknown format and a path that cannot be written.
        """
        from .mesh_files import write

        write(self, path)


def _checked(cells: Mapping[str, Any], n: int) -> dict[str, np.ndarray]:
    result = {}
    for kind, given in cells.items():
        if kind not in DIMENSION:
            raise InputError(
                f"expected cells of first order {sorted(DIMENSION)}, got {kind!r}; "
                "mesh again with linear elements"
            )
        indices = np.asarray(given)
        if indices.ndim != 2 or indices.shape[1] != CORNERS[kind] or indices.dtype.kind not in "iu":
            raise InputError(
                f"expected {kind} cells as integers of shape (cells, {CORNERS[kind]}), "
                f"got {indices.dtype} of shape {indices.shape}"
            )
        if indices.size and not (indices.min() >= 0 and indices.max() < n):
            raise InputError(f"expected indices from 0 to {n - 1}, got {indices.max()}")
        if len(indices):
            result[kind] = indices.astype(np.int64)
    return result


def _elements(kind: str, cells: np.ndarray, points: np.ndarray) -> Elements:
    blocks = []
    for shapes, slopes, share in _reference(kind):
        # d(point)/d(reference): (m, d, r); its pseudo-inverse serves surfaces in space too
        jacobian = np.einsum("mcd,cr->mdr", points[cells], slopes)
        gram = np.einsum("mdr,mds->mrs", jacobian, jacobian)
        volumes = share * np.sqrt(np.maximum(np.linalg.det(gram), 0.0))
        if not (volumes > 0).all():
            raise InputError(
                f"expected cells with a volume, got a flat {kind} (number "
                f"{int(np.argmin(volumes))}); repair the mesh"
            )
        gradients = np.einsum("cr,mrd->mcd", slopes, np.linalg.pinv(jacobian))
        blocks.append((cells, np.broadcast_to(shapes, cells.shape), gradients, volumes))
    return Elements(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _reference(kind: str) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """(basis functions, their slopes, weight) at each quadrature point of the reference cell."""
    if kind == "quad":
        ends = (0.5 - GAUSS, 0.5 + GAUSS)
        return [_bilinear(x, y) for x in ends for y in ends]
    dimension = DIMENSION[kind]
    corners = dimension + 1
    slopes = np.vstack([-np.ones(dimension), np.eye(dimension)])
    share = 1 / (1, 1, 2, 6)[dimension]
    return [(np.full(corners, 1 / corners), slopes, share)]


def _bilinear(x: float, y: float) -> tuple[np.ndarray, np.ndarray, float]:
    shapes = np.array([(1 - x) * (1 - y), x * (1 - y), x * y, (1 - x) * y])
    slopes = np.array([[y - 1, x - 1], [1 - y, -x], [y, x], [-y, 1 - x]])
    return shapes, slopes, 0.25
