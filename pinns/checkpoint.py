"""Nested states of tensors, numbers and strings in one safetensors file: nothing is unpickled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..geometry.errors import InputError

SCHEMA = "sobolev-pinn-checkpoint-1"


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name, flush to the disk, rename: a reader sees all or nothing."""
    temporary = path.with_name(f".{path.name}.partial")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a nested dict with string keys; its leaves are tensors or what JSON can hold.

    Floats come back with the same bits: JSON carries their shortest exact decimal.
    """
    tensors: dict[str, Tensor] = {}
    plain = _split(state, "", tensors)
    metadata = {"schema": SCHEMA, "state": json.dumps(plain)}
    write_atomically(path, save(tensors, metadata))


def load_state(path: Path) -> dict[str, Any]:
    """The inverse of `save_state`. Raises InputError on a missing, cut or foreign file."""
    if not path.is_file():
        raise InputError(f"expected a checkpoint at {path}, found none; train without resume")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as problem:
        raise InputError(f"expected a checkpoint at {path}, could not read it: {problem}") from None
    if metadata.get("schema") != SCHEMA:
        raise InputError(f"expected a checkpoint of schema {SCHEMA}, got another file at {path}")
    state = json.loads(metadata["state"])
    for name, tensor in tensors.items():
        *parents, leaf = name.split("/")
        place = state
        for parent in parents:
            place = place[parent]
        # A clone has the alignment of any new tensor; views into the file have not.
        place[leaf] = tensor.clone()
    return state


def _split(state: Mapping[str, Any], prefix: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Move the tensors out, named by their path."""
    plain: dict[str, Any] = {}
    for key, value in state.items():
        if isinstance(value, Tensor):
            tensors[prefix + key] = value.detach().contiguous()
        elif isinstance(value, Mapping):
            plain[key] = _split(value, f"{prefix}{key}/", tensors)
        else:
            plain[key] = value
    return plain
