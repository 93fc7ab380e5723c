"""A trained PINN: what it predicts, how its training went, and its folder on disk."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from ..datasets.files import write_whole
from ..geometry.errors import InputError
from ..geometry.function import Function
from ..geometry.grid import Grid
from ..geometry.norms import error
from ..geometry.points import PointCloud
from .config import PRECISIONS, PINNConfig
from .constraints import StatedField
from .inverse import found
from .networks import Coordinates, make_network
from .statement import ROUNDING, Statement

CHECKPOINT_SCHEMA = "sobolev-pinn-checkpoint-1"
WEIGHTS, CONFIG, HISTORY, CHECKPOINT = (
    "weights.safetensors", "config.json", "history.csv", "checkpoint.safetensors",
)  # fmt: skip


def build_field(statement: Statement, config: PINNConfig) -> StatedField:
    """The untrained solution: points (n, coordinates) to (n, unknowns).

    Raises InputError where a hard initial field has no derivatives.
    """
    coordinates = Coordinates(statement.extent, statement.periodic, config.harmonics)
    outputs, dtype = len(statement.unknowns), PRECISIONS[config.precision]
    return statement.wrap(
        make_network(config.network, coordinates, outputs, config, config.seed, dtype)
    )


def predict(field: nn.Module, statement: Statement, grid: Grid, chunk: int = 16384) -> np.ndarray:
    """Values ([unknowns,] *grid.shape) on a grid of space-time, axes in the order of coordinates.

    The axis of unknowns only where there are several.
    """
    values = values_at(field, grid_points(statement, grid), chunk)
    return values.reshape(*values.shape[:-1], *grid.shape)


def grid_points(statement: Statement, grid: Grid) -> np.ndarray:
    """Points (n, coordinates) of a grid of space-time. Raises InputError for other axes."""
    if grid.names != statement.coordinates:
        raise InputError(
            f"expected a grid with the axes {statement.coordinates}, got {grid.names}; "
            "name its axes after the coordinates"
        )
    return grid.coordinates().reshape(grid.ndim, -1).T


def values_at(field: nn.Module, points: np.ndarray, chunk: int = 16384) -> np.ndarray:
    """Values ([unknowns,] n) at points (n, coordinates); the first axis where there are several."""
    dtype = next(field.parameters()).dtype
    given = torch.from_numpy(np.ascontiguousarray(points)).to(dtype)
    with torch.no_grad():
        values = torch.cat([field(part) for part in given.split(chunk)]).T.numpy()
    return values if len(values) > 1 else values[0]


def relative_error(field: nn.Module, statement: Statement, reference: Function) -> float:
    """Relative L2 error against a reference, the largest of the unknowns.

    reference: on a grid of space-time or a cloud of points, of the unknown, or of the first
    unknowns where it has an axis of them.
    """
    if isinstance(reference.on, Grid):
        prediction = predict(field, statement, reference.on)
    elif isinstance(reference.on, PointCloud):
        prediction = values_at(field, reference.on.points)
    else:
        raise InputError(
            f"expected a reference on a grid or points, got {type(reference.on).__name__}"
        )
    truth, shape = reference.numpy(), reference.on.shape
    if truth.ndim > len(shape):
        prediction = prediction.reshape(-1, *shape)[: len(truth)]
    return float(np.max(error(prediction, truth, reference.on)))


def reference_within(reference: Function, statement: Statement) -> Function | None:
    """A reference at those of its points that a statement's times reach, the first one excepted.

    None where there are none.
    """
    assert statement.times is not None  # `windows` looked
    on, values = reference.on, reference.numpy()
    if isinstance(on, Grid):
        points, weights = grid_points(statement, on), on.weights.reshape(-1)
    elif isinstance(on, PointCloud):
        points, weights = on.points, on.weights
    else:
        raise InputError(f"expected a reference on a grid or points, got {type(on).__name__}")
    first, last = statement.times
    slack = ROUNDING * (last - first)
    here = (points[:, 0] > first + slack) & (points[:, 0] <= last + slack)
    if not here.any():
        return None
    flat = values.reshape(*values.shape[: values.ndim - len(on.shape)], -1)
    return Function(flat[..., here], PointCloud(points[here], weights[here]))


@dataclass(frozen=True)
class PINNResult:
    """A trained PINN.

    field: points (n, coordinates) to (n, unknowns). history: rows of `columns`, one every
    `log_every` steps. stop_reasons: why each optimiser stopped, in order. seconds: of training,
    without the measuring of errors.
    """

    field: StatedField
    statement: Statement
    config: PINNConfig
    columns: tuple[str, ...]
    history: Sequence[Sequence[float]]
    stop_reasons: tuple[str, ...]
    steps: int
    seconds: float

    @property
    def stop_reason(self) -> str:
        """Why the last optimiser stopped."""
        return self.stop_reasons[-1]

    def column(self, name: str) -> np.ndarray:
        """One column of the history, (rows,)."""
        if name not in self.columns:
            raise InputError(f"expected a column of {self.columns}, got '{name}'")
        return np.array([row[self.columns.index(name)] for row in self.history])

    def predict(self, grid: Grid) -> np.ndarray:
        """Values ([unknowns,] *grid.shape) on a grid whose axes are named as the coordinates."""
        return predict(self.field, self.statement, grid)

    def error(self, reference: Function) -> float:
        """Relative L2 error against a reference on such a grid."""
        return relative_error(self.field, self.statement, reference)

    @property
    def found(self) -> dict[str, float]:
        """The numbers among the unknown parameters, by name."""
        return found(self.field)

    def save(self, folder: Path) -> None:
        """Write weights.safetensors, config.json and history.csv."""
        write_whole(folder / WEIGHTS, save(self.field.state_dict()))
        facts = {
            "config": self.config.to_dict(),
            "coordinates": self.statement.coordinates,
            "extent": self.statement.extent,
            "periodic": self.statement.periodic,
            "stop_reasons": self.stop_reasons,
            "steps": self.steps,
            "seconds": self.seconds,
            "found": self.found,
        }
        write_whole(folder / CONFIG, json.dumps(facts, indent=2).encode())
        write_history(folder, self.columns, self.history)


def training_curves(results: Sequence[PINNResult]) -> dict[str, np.ndarray]:
    """Columns seconds, loss, error and found numbers of results trained one after the other.

    nan where there was no reference to tell the error.
    """
    told = ("loss", "error", *results[0].found)
    curves: dict[str, list[float]] = {name: [] for name in ("seconds", *told)}
    before = 0.0
    for result in results:
        curves["seconds"].extend(before + result.column("seconds"))
        for name in told:
            known = name in result.columns
            curves[name].extend(result.column(name) if known else [math.nan] * len(result.history))
        before += result.seconds
    return {name: np.array(values) for name, values in curves.items()}


def write_history(folder: Path, columns: Sequence[str], rows: Sequence[Sequence[float]]) -> None:
    """Write history.csv whole, so that a resumed run leaves no row twice."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[f"{value:.10g}" for value in row] for row in rows])
    write_whole(folder / HISTORY, text.getvalue().encode())


def load_result(folder: Path, statement: Statement) -> PINNResult:
    """Read what `PINNResult.save` wrote. The statement gives what a file cannot hold: callables.

    Raises InputError on missing or foreign files and on another statement.
    """
    for name in (WEIGHTS, CONFIG, HISTORY):
        if not (folder / name).is_file():
            raise InputError(f"expected a trained PINN in {folder}, found no {name}; train one")
    facts = _read_facts(folder / CONFIG)
    for name in ("coordinates", "extent", "periodic"):
        ours = json.loads(json.dumps(getattr(statement, name)))
        if facts[name] != ours:
            raise InputError(f"expected a PINN with {name} {ours}, got {facts[name]} in {folder}")
    config = PINNConfig.from_dict(facts["config"])
    statement = statement.with_hard_initial() if config.hard_initial else statement
    field = build_field(statement, config)
    try:
        field.load_state_dict(load((folder / WEIGHTS).read_bytes()))
    except (SafetensorError, RuntimeError) as problem:
        first = str(problem).splitlines()[0]
        raise InputError(f"expected weights of that network in {folder}, got: {first}") from None
    columns, *rows = csv.reader((folder / HISTORY).read_text().splitlines())
    return PINNResult(
        field, statement, config, tuple(columns), [[float(v) for v in row] for row in rows],
        tuple(facts["stop_reasons"]), facts["steps"], facts["seconds"],
    )  # fmt: skip


def _read_facts(path: Path) -> Mapping[str, Any]:
    try:
        facts = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"expected JSON in {path}, got: {problem}") from None
    keys = {"config", "coordinates", "extent", "periodic", "stop_reasons", "steps", "seconds"}
    if not isinstance(facts, dict) or not keys <= set(facts):
        raise InputError(f"expected the keys {sorted(keys)} in {path}; train again")
    return facts
