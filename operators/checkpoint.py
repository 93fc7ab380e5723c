"""Nested states of tensors, numbers and strings in one safetensors file: nothing is unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..datasets.files import write_whole
from ..geometry.errors import InputError


def save_state(path: Path, schema: str, state: Mapping[str, Any]) -> None:
    """Write nested mappings with string keys whose leaves are tensors or what JSON holds.

    Floats come back with the same bits: JSON has their shortest exact decimal.
    """
    tensors: dict[str, Tensor] = {}
    plain = _without_tensors(state, (), tensors)
    metadata = {"schema": schema, "state": json.dumps(plain)}
    write_whole(path, save(tensors, metadata))


def load_state(path: Path, schema: str) -> dict[str, Any]:
    """The inverse of `save_state`. Raises InputError for a missing, damaged or foreign file."""
    if not path.is_file():
        raise InputError(f"expected a file {path}, found none; train again without resume")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # A clone has the alignment of a new tensor, which the mapped file does not give.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        found = metadata.get("schema")
        state = json.loads(metadata["state"]) if found == schema else {}
    except (SafetensorError, OSError, ValueError) as problem:
        raise InputError(f"cannot read {path}, it is damaged ({problem}); train again") from None
    if found != schema:
        raise InputError(f"expected the schema {schema} in {path}, got {found}; train again")
    for name, tensor in tensors.items():
        *parents, leaf = name.split("/")
        place = state
        for parent in parents:
            place = place[parent]
        place[leaf] = tensor
    return state


def _without_tensors(
    state: Mapping[str, Any], path: tuple[str, ...], tensors: dict[str, Tensor]
) -> dict[str, Any]:
    """The state as JSON holds it; its tensors go to `tensors`, named by their path."""
    plain: dict[str, Any] = {}
    for key, value in state.items():
        if isinstance(value, Tensor):
            tensors["/".join((*path, key))] = value.detach().cpu().contiguous()
        elif isinstance(value, Mapping):
            plain[key] = _without_tensors(value, (*path, key), tensors)
        else:
            plain[key] = value
    return plain
