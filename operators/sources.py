"""What a training run reads: three parts of a dataset, and what the bundle must remember of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..datasets.loader import OperatorData, load_pairs, split
from ..datasets.reader import Dataset
from ..geometry.errors import InputError
from ..geometry.grid import Grid

if TYPE_CHECKING:
    from .training import TrainingConfig


@dataclass(frozen=True)
class Source:
    """Training, validation and test pairs, with their origin.

    kinds : of the inputs, "field" or "scalar", by name
    symmetric : whether the problem commutes with rotations and flips of its domain
    facts : JSON-ready; `problem`, `problem_config`, `seed`, `seconds`, `checksum`, ...
    """

    train: OperatorData
    validation: OperatorData | None
    test: OperatorData | None
    kinds: dict[str, str]
    symmetric: bool
    facts: dict[str, Any] = field(default_factory=dict)


def open_source(
    data: str | Path | OperatorData,
    config: TrainingConfig,
    validation: OperatorData | None,
    test: OperatorData | None,
    symmetric: bool | None,
) -> Source:
    """Read a dataset file, or take pairs that are in memory.

    Raises InputError for an unusable file or split, and for parts on different grids.
    """
    if isinstance(data, OperatorData):
        source = _from_memory(data, config, validation, test, bool(symmetric))
    else:
        if validation is not None or test is not None:
            raise InputError(
                "expected validation and test data only beside training data in memory, got them "
                "with a path, which is split by `fractions`"
            )
        source = _from_file(Path(data), config, symmetric)
    parts = (source.train, source.validation, source.test)
    for part in parts:
        if part is not None:
            _check_part(part, source.train.grid)
    return source


def _check_part(part: OperatorData, grid: Grid) -> None:
    if part.grid != grid:
        raise InputError("expected all parts on one grid, got several; interpolate them")
    for name, values in (("inputs", part.inputs), ("targets", part.targets)):
        if tuple(values.shape[2:]) != grid.shape:
            raise InputError(
                f"expected {name} of shape (samples, channels, *{grid.shape}) as the grid, got "
                f"{tuple(values.shape)}"
            )
        if not torch.isfinite(values).all():
            raise InputError("expected finite data, got nan or inf; run `sobolev verify` on it")
    if len(part.inputs) != len(part.targets):
        raise InputError(
            f"expected as many inputs as targets, got {len(part.inputs)} and {len(part.targets)}"
        )


def _from_file(path: Path, config: TrainingConfig, symmetric: bool | None) -> Source:
    dataset = Dataset(path)
    parts = split(len(dataset), config.fractions, config.split_seed)
    chosen = parts["train"]
    if config.samples:
        if config.samples > len(chosen):
            raise InputError(
                f"expected at most {len(chosen)} training samples of {path}, got {config.samples}"
            )
        chosen = chosen[: config.samples]
    dtype = torch.float64 if config.precision == "64-true" else torch.float32
    loaded = {
        name: load_pairs(path, indices, config.subsample, dtype) if len(indices) else None
        for name, indices in (parts | {"train": chosen}).items()
    }
    used = len(chosen) + len(parts["validation"])
    train = loaded["train"]
    assert train is not None  # `split` gives at least one
    return Source(
        train,
        loaded["validation"],
        loaded["test"],
        {name: dataset.kinds[name] for name in dataset.inputs},
        dataset.problem().symmetries if symmetric is None else symmetric,
        {
            "path": str(path),
            "checksum": dataset.checksum,
            "problem": dataset.problem_name,
            "problem_config": dataset.problem_config,
            "seed": dataset.plan["seed"],
            # The test part measures; what the surrogate costs is the part that it learned from.
            "seconds": dataset.data_seconds * used / len(dataset),
        },
    )


def _from_memory(
    data: OperatorData,
    config: TrainingConfig,
    validation: OperatorData | None,
    test: OperatorData | None,
    symmetric: bool,
) -> Source:
    _check_part(data, data.grid)
    if validation is None and test is None:
        parts = split(len(data), config.fractions, config.split_seed)
        taken = {name: data.take(rows) if len(rows) else None for name, rows in parts.items()}
        validation, test = taken["validation"], taken["test"]
        assert taken["train"] is not None
        data = taken["train"]
    if config.samples > len(data):
        raise InputError(f"expected at most {len(data)} training samples, got {config.samples}")
    if config.samples:
        data = data.take(range(config.samples))
    kinds = dict.fromkeys(data.input_names, "field")
    return Source(data, validation, test, kinds, symmetric, {"checksum": _checksum(data)})


def _checksum(data: OperatorData) -> str:
    digest = hashlib.sha256()
    for tensor in (data.inputs, data.targets):
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
