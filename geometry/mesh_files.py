"""Meshes in files, by meshio, which is imported when a file is touched."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError
from .mesh import DIMENSION, Mesh

# What meshio's readers raise on rubbish. SystemExit is among them: it ends the program where no
# reader of the candidates for a suffix accepts the file.
UNREADABLE = (
    SystemExit, OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError,
    AssertionError, SyntaxError, struct.error,
)  # fmt: skip


def read(path: str | PathLike[str]) -> tuple[np.ndarray, dict, dict]:
    """(points, cells, boundaries) for `Mesh`; see `Mesh.read`."""
    if not Path(path).is_file():
        raise InputError(f"expected a mesh file, got {path}, which is not there")
    raw = _quietly(f"expected a mesh that meshio reads, got {path}", lambda m: m.read(path))
    points = raw.points
    if points.shape[1:] == (3,) and not points[:, 2].any():
        points = points[:, :2]
    return points, raw.cells_dict, _named_facets(raw)


def write(mesh: Mesh, path: str | PathLike[str]) -> None:
    """See `Mesh.write`."""
    points = np.pad(mesh.points, ((0, 0), (0, max(0, 3 - mesh.ndim))))
    blocks, options = list(mesh.cells.items()), {}
    if Path(path).suffix == ".msh":
        named = [(n, k, f) for n, part in mesh.boundaries.items() for k, f in part.items()]
        tag = {name: 1 + i for i, name in enumerate(mesh.boundaries)}
        tags = [0] * len(blocks) + [tag[name] for name, _, _ in named]
        blocks += [(kind, facets) for _, kind, facets in named]
        filled = [np.full(len(b), t) for (_, b), t in zip(blocks, tags, strict=True)]
        options = {
            "cell_data": {"gmsh:physical": filled, "gmsh:geometrical": filled},
            "field_data": {name: np.array([t, mesh.dimension - 1]) for name, t in tag.items()},
        }
    form = "gmsh22" if Path(path).suffix == ".msh" else None
    _quietly(
        f"expected a path and a format that meshio writes, got {path}",
        lambda meshio: meshio.Mesh(points, blocks, **options).write(path, file_format=form),
    )


def _quietly(expected: str, action: Callable[[Any], Any]) -> Any:
    """Run a step of meshio, which prints its complaints, and make them one `InputError`."""
    import meshio

    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            return action(meshio)
    except (*UNREADABLE, meshio.ReadError, meshio.WriteError) as problem:
        reason = " ".join((said.getvalue() or str(problem)).split()) or type(problem).__name__
        raise InputError(f"{expected}: {reason[:200]}") from problem


def _named_facets(raw: Any) -> dict[str, dict[str, np.ndarray]]:
    """Groups of cells one dimension below the domain, from cell sets or gmsh's physical names."""
    top = max((DIMENSION.get(block.type, 0) for block in raw.cells), default=0)
    groups = {n: s for n, s in raw.cell_sets.items() if not n.startswith("gmsh:")}
    tags = raw.cell_data.get("gmsh:physical", [])
    for name, (tag, dimension) in raw.field_data.items():
        if tags and dimension == top - 1:
            groups[name] = [np.flatnonzero(of_block == tag) for of_block in tags]
    boundaries: dict[str, dict[str, np.ndarray]] = {}
    for name, members in groups.items():
        for block, chosen in zip(raw.cells, members, strict=True):
            if DIMENSION.get(block.type) == top - 1 and chosen is not None and len(chosen):
                part = boundaries.setdefault(name, {})
                facets = [part[block.type]] if block.type in part else []
                part[block.type] = np.concatenate([*facets, block.data[chosen.astype(int)]])
    return boundaries
