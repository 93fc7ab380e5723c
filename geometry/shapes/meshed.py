"""A mesh as a shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np

from ..arrays import Array, namespace, to_numpy
from ..errors import InputError
from ..mesh import DIMENSION, Mesh
from .base import Measure, Piece, Placed, Shape, View, inner_unit, joined
from .facets import distance_to_facets, line_sides, solid_winding
from .polygon import Side

CHUNK = 2**22  # numbers in the largest temporary array
REST = "rest"


class Meshed(Shape):
    """The inside of a mesh of triangles or quads in the plane, or of tetrahedra in space.

    The pieces of the boundary are the mesh's named ones (gmsh's physical groups); facets without
    a name are the piece "rest", or "boundary" where none has one. Conditions hold exactly in the
    plane only, where a straight row of facets counts as one side. Raises InputError for surfaces
    in space, other cells, and named facets inside the mesh.

    >>> square = Mesh([[0, 0], [1, 0], [1, 1], [0, 1]], {"triangle": [[0, 1, 2], [0, 2, 3]]},
    ...               {"floor": {"line": [[0, 1]]}})
    >>> Meshed(square).names, Meshed(square).measure("rest").value
    (('floor', 'rest'), 3.0)
    """

    fills = True

    def __init__(self, mesh: Mesh) -> None:
        if mesh.ndim != mesh.dimension or mesh.ndim not in (2, 3):
            raise InputError(
                f"expected a mesh that fills the plane or space, got cells of dimension "
                f"{mesh.dimension} with {mesh.ndim} coordinates"
            )
        self.mesh = mesh
        low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
        self.bounds = tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))
        self.simplices = _simplices(mesh)
        corners = mesh.points[self.simplices]
        self._volumes = abs(np.linalg.det(corners[:, 1:] - corners[:, :1]))
        self._volumes /= math.factorial(mesh.ndim)

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Meshed:
        """The shape of a mesh in any file that meshio reads; see `Mesh.read`."""
        return cls(Mesh.read(path))

    @cached_property
    def facets(self) -> np.ndarray:
        """Indices of points (m, d), inside on the left: with their cells they have one side."""
        every, opposite = [], []
        for left_out in range(self.ndim + 1):
            every.append(np.delete(self.simplices, left_out, axis=1))
            opposite.append(self.simplices[:, left_out])
        facets, tips = np.concatenate(every), np.concatenate(opposite)
        _, first, counts = np.unique(
            np.sort(facets, axis=1), axis=0, return_index=True, return_counts=True
        )
        outer = np.sort(first[counts == 1])
        facets, tips = facets[outer], tips[outer]
        inward = self.mesh.points[tips] - self.mesh.points[facets[:, 0]]
        turned = np.einsum("md,md->m", _normals(self.mesh.points[facets]), inward) > 0
        facets[turned] = facets[turned][:, [1, 0, *range(2, self.ndim)]]
        return facets

    @cached_property
    def pieces(self) -> dict[str, Piece]:
        free = {tuple(sorted(f)): i for i, f in enumerate(self.facets.tolist())}
        result: dict[str, Piece] = {}
        for name, part in self.mesh.boundaries.items():
            chosen = [free.pop(key, None) for key in _facet_keys(part, self.ndim)]
            if not chosen or None in chosen:
                raise InputError(
                    f"expected facets of the boundary, each in one piece, got others in '{name}'; "
                    "name outer facets only"
                )
            result[name] = Facets(self, [i for i in chosen if i is not None])
        if free:
            result[REST if result else "boundary"] = Facets(self, list(free.values()))
        return result

    @property
    def volume(self) -> Measure:
        return Measure(float(self._volumes.sum()))

    def interior(self, unit: Array) -> Array:
        corners = self.mesh.points[self.simplices]
        return _spread(unit, corners, self._volumes)

    def signed_distance(self, points: Array) -> Array:
        """Exact; in NumPy, without derivatives."""
        places = to_numpy(self.checked(points)).astype(np.float64)
        facets = self.mesh.points[self.facets]
        parts = np.array_split(places, max(1, len(places) * facets.size // CHUNK))
        found = [
            np.where(solid_winding(p, facets) > 0.5, -1.0, 1.0) * distance_to_facets(p, facets)
            for p in parts
        ]
        xp = namespace(points)
        return xp.asarray(np.concatenate(found), dtype=points.dtype)

    def level(self, columns: Sequence[Any]) -> Any:
        raise InputError("expected a shape with a smooth level, got a mesh; state softly")

    def __repr__(self) -> str:
        return f"Meshed({len(self.simplices)} cells)"


class Facets(Piece):
    """Some of the boundary's facets."""

    def __init__(self, shape: Meshed, chosen: Sequence[int]) -> None:
        self.shape = shape
        self.corners = shape.mesh.points[shape.facets[list(chosen)]]
        self.normals = _normals(self.corners)
        self.sizes = np.linalg.norm(self.normals, axis=1)
        self.normals = self.normals / self.sizes[:, None]

    @property
    def measure(self) -> Measure:
        return Measure(float(self.sizes.sum()) / math.factorial(self.corners.shape[1] - 1))

    def place(self, unit: Array) -> Placed:
        xp = namespace(unit)
        points = _spread(unit, self.corners, self.sizes)
        which, _ = _choose(to_numpy(inner_unit(unit)[:, 0]), self.sizes)
        return Placed(points, xp.asarray(self.normals[which], dtype=unit.dtype))

    @cached_property
    def sides(self) -> list[Side]:
        """Straight rows of facets in the plane."""
        if self.corners.shape[1] != 2:
            raise InputError(
                "expected a mesh in the plane for conditions that hold exactly, got one in space; "
                "state them softly"
            )
        return line_sides(self.corners, self.shape.mesh.points)

    def distance(self, columns: Sequence[Any], view: View = "inside") -> Any:
        return joined([side.distance(columns, view) for side in self.sides])


def _simplices(mesh: Mesh) -> np.ndarray:
    """Triangles (quads are two) or tetrahedra."""
    found = []
    for kind, cells in mesh.domain.items():
        if kind == "quad":
            found += [cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]]
        else:
            found.append(cells)
    return np.concatenate(found)


def _facet_keys(part: Mapping[str, np.ndarray], ndim: int) -> list[tuple[int, ...]]:
    kinds = {kind for kind in part if DIMENSION[kind] != ndim - 1 or kind == "quad"}
    if kinds:
        raise InputError(f"expected facets of dimension {ndim - 1}, got {sorted(kinds)}")
    return [tuple(sorted(facet)) for facets in part.values() for facet in facets.tolist()]


def _normals(corners: np.ndarray) -> np.ndarray:
    """Outward normals of facets (m, d, d), as long as the facet, or twice where a triangle."""
    if corners.shape[-1] == 2:
        along = corners[:, 1] - corners[:, 0]
        return np.stack([along[:, 1], -along[:, 0]], axis=1)
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def _choose(unit: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which simplex each number of the unit interval stands for, and where in its share."""
    ends = np.cumsum(sizes) / sizes.sum()
    which = np.minimum(np.searchsorted(ends, unit, side="right"), len(sizes) - 1)
    share = sizes[which] / sizes.sum()
    return which, np.clip((unit - ends[which] + share) / share, 1e-9, 1 - 1e-9)


def _spread(unit: Array, corners: np.ndarray, sizes: np.ndarray) -> Array:
    """Points of the unit cube to simplices (m, k + 1, d), evenly, never on their faces.

    The first number chooses the simplex, and what it leaves is used again. In a simplex, the
    share beyond corner i of what is left is the (k - i)-th root of a uniform number.
    """
    xp, places = namespace(unit), to_numpy(inner_unit(unit)).astype(np.float64)
    which, first = _choose(places[:, 0], sizes)
    k = corners.shape[1] - 1
    result = corners[which, 0]
    left = np.ones(len(places))
    for i in range(k):
        u = first if i == 0 else np.clip(places[:, i], 1e-9, 1 - 1e-9)
        left = left * u ** (1 / (k - i))
        result = result + left[:, None] * (corners[which, i + 1] - corners[which, i])
    return xp.asarray(result, dtype=unit.dtype)
