"""From the shards of a finished generation to the one file of the dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..geometry.errors import InputError
from . import shards, storage
from .problem import Problem


def merge(
    problem: Problem,
    resolution: int,
    description: Mapping[str, Any],
    parts: shards.Parts,
    output: Path,
    force: bool,
) -> None:
    """One file of all finished shards, in the order of the sample numbers.

    description: as generation states it; its entries become attributes of the file.
    Raises InputError where no sample converged, and then drops the parts.
    """
    places, failed = parts.locate(), parts.failed()
    if not len(places):
        parts.remove()  # nothing to go on from
        raise InputError(
            f"none of {len(failed)} samples converged, the first: {failed[0]['reason']}; "
            "change the tolerance or the resolution"
        )
    grid = problem.grid(resolution)
    attributes = {
        **{key: v if isinstance(v, str) else json.dumps(v) for key, v in description.items()},
        "grid": json.dumps(grid.to_dict()),
        "failed": json.dumps(failed),
        "card": f"equation: {problem.latex()}\n{problem.card.text()}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with storage.create(output, attributes, force=force, workspace=parts.folder) as writer:
        _write_coordinates(problem, resolution, writer)
        labels = _labels(problem)
        for name, (row_shape, dtype) in parts.shapes().items():
            shape = (len(places), *row_shape)
            writer.create(name, shape, dtype, **labels.get(name, {}))
            for start, stop in storage.blocks(shape, dtype):
                writer.append(name, parts.gather(name, places[start:stop]))


def _write_coordinates(problem: Problem, resolution: int, writer: storage.Writer) -> None:
    grid = problem.grid(resolution)
    axes = dict(zip(grid.names, grid.axes, strict=True))
    units = dict.fromkeys(axes, grid.units)
    if problem.times is not None:
        axes["t"], units["t"] = problem.times, "s" if grid.units == "m" else "1"
    for name, points in axes.items():
        writer.create(f"coordinates/{name}", points.shape, "float64", units=units[name])
        writer.append(f"coordinates/{name}", points)


def _labels(problem: Problem) -> dict[str, dict[str, str]]:
    labels = {"status/seconds": {"units": "s"}}
    for group, variables in (("inputs", problem.inputs), ("outputs", problem.outputs)):
        for position, v in enumerate(variables):
            text = {"units": v.units, "kind": v.kind, "description": v.description}
            labels[f"{group}/{v.name}"] = text | {"position": str(position)}
    return labels
