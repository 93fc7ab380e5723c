"""What a dataset file says of itself, and its rows as NumPy arrays.

A file is opened for each fetch and closed at once, so nothing is held and any number of processes
may read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from . import storage

if TYPE_CHECKING:
    from .problem import Fidelity, Problem

Indices = Sequence[int] | np.ndarray


class Dataset:
    """What a dataset file says of itself, and its rows on request.

    grid: of the stored fields; times: (frames,) or None for a steady problem; inputs, outputs:
    names; kinds, units: by name; data_seconds: what the solver spent on all stored samples, on one
    thread; checksum: one for the whole content, the same in every copy of the file.

    Raises InputError, naming the file and what to do, where it cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with storage.opened(self.path) as file:
            checksums = storage.check_attributes(file)
            text = {key: storage.attribute(file, key) for key in file.attrs}
            self.inputs, self.outputs = _declared(file["inputs"]), _declared(file["outputs"])
            stored = {n: file[f"inputs/{n}"] for n in self.inputs}
            stored |= {n: file[f"outputs/{n}"] for n in self.outputs}
            self.kinds = {n: storage.attribute(d, "kind") for n, d in stored.items()}
            self.units = {n: storage.attribute(d, "units") for n, d in stored.items()}
            self.times = file["coordinates/t"][...] if "t" in file["coordinates"] else None
            self._length = len(file["status/sample"])
            self.data_seconds = float(np.sum(file["status/seconds"][...]))
        self.problem_name: str = text["problem"]
        self.problem_config: dict[str, Any] = json.loads(text["problem_config"])
        self.plan: dict[str, Any] = json.loads(text["plan"])
        self.software: dict[str, str] = json.loads(text["software"])
        self.failed: list[dict[str, Any]] = json.loads(text["failed"])
        self.card: str = text["card"]
        self.grid = Grid.from_dict(json.loads(text["grid"]))
        self.checksum = hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()

    def __len__(self) -> int:
        return self._length

    def problem(self) -> Problem:
        """The problem that the data is of. Raises InputError where it is not registered."""
        from .registry import make_problem

        return make_problem(self.problem_name, self.problem_config)

    @property
    def fidelity(self) -> Fidelity:
        """How carefully the reference solver worked."""
        from .problem import Fidelity

        return Fidelity(**self.plan["fidelity"])

    def read(self, name: str, indices: Indices | None = None) -> np.ndarray:
        """Rows of an input or output `name`, or of a full path such as `status/seconds`.

        Returns (n, *grid), (n, frames, *grid) or (n,) in the order of `indices`; all where None.
        """
        chosen = self._indices(indices)
        with storage.opened(self.path) as file:
            return storage.read_rows(file[self._full_name(name)], chosen)

    def _full_name(self, name: str) -> str:
        if name in self.inputs:
            return f"inputs/{name}"
        if name in self.outputs:
            return f"outputs/{name}"
        if name.startswith(("inputs/", "outputs/", "status/")):
            return name
        known = ", ".join((*self.inputs, *self.outputs))
        raise InputError(f"{self.path} has no '{name}', expected one of {known}")

    def _indices(self, indices: Indices | None) -> np.ndarray:
        if indices is None:
            return np.arange(len(self))
        chosen = np.asarray(indices, dtype=np.int64)
        if chosen.size and not (chosen.min() >= 0 and chosen.max() < len(self)):
            raise InputError(
                f"expected indices in 0..{len(self) - 1} of {self.path}, got "
                f"{chosen.min()}..{chosen.max()}"
            )
        return chosen


def _declared(group: Any) -> tuple[str, ...]:
    """Names in the order that the problem declares; HDF5 itself sorts by name."""
    return tuple(sorted(group, key=lambda name: int(group[name].attrs.get("position", 0))))
