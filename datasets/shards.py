"""The folder `<output>.parts` of an unfinished generation: what is done is never done twice.

lock            held by the process that works here; the system lets go of it with the process
manifest.json   what is to be made, and how the samples are cut into chunks
checksums.txt   one line `sha256  file` for each finished shard, as sha256sum reads it
00000.h5, …     the finished shards, one a chunk
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..geometry.errors import InputError
from . import storage
from .files import locked, remove_strays, write_whole

SCHEMA = "sobolev-shard"
Chunks = list[list[int]]


@dataclass
class Shard:
    """Rows of every dataset for the samples of a chunk that can be used, and those that cannot."""

    arrays: dict[str, np.ndarray]
    failed: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Parts:
    """The open folder: the chunks of samples, and the numbers of those that are finished."""

    folder: Path
    chunks: Chunks
    finished: set[int]

    def path(self, number: int) -> Path:
        return self.folder / f"{number:05d}.h5"

    def store(self, number: int, shard: Shard) -> None:
        """Write a shard whole, then enter it. Raises OSError where the disk refuses."""
        path = self.path(number)
        attributes = {"failed": json.dumps(shard.failed)}
        with storage.create(path, attributes, SCHEMA, force=True) as writer:
            for name, rows in shard.arrays.items():
                writer.create(name, rows.shape, rows.dtype)
                writer.append(name, rows)
        with open(self.folder / "checksums.txt", "a") as lines:
            lines.write(f"{_file_checksum(path)}  {path.name}\n")
            lines.flush()
            os.fsync(lines.fileno())
        self.finished.add(number)

    def failed(self) -> list[dict[str, Any]]:
        """Samples of all finished shards that were left out, by their number."""
        found: list[dict[str, Any]] = []
        for number in sorted(self.finished):
            with storage.opened(self.path(number), SCHEMA) as file:
                found += json.loads(storage.attribute(file, "failed"))
        return sorted(found, key=lambda entry: entry["sample"])

    def shapes(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Shape of a row and type of every dataset, from the first shard."""
        with storage.opened(self.path(min(self.finished)), SCHEMA) as file:
            return {
                name: (file[name].shape[1:], file[name].dtype)
                for name in storage.dataset_names(file)
            }

    def locate(self) -> np.ndarray:
        """Table (stored samples, 2) of shard and row, in the order of the sample numbers."""
        samples, places = [], []
        for number in sorted(self.finished):
            with storage.opened(self.path(number), SCHEMA) as file:
                own = file["status/sample"][...]
            samples.append(own)
            places.append(np.stack([np.full(len(own), number), np.arange(len(own))], axis=1))
        return np.concatenate(places)[np.argsort(np.concatenate(samples))]

    def gather(self, name: str, places: np.ndarray) -> np.ndarray:
        """Rows of the dataset `name` at (shard, row) places, in their order."""
        row_shape, dtype = self.shapes()[name]
        rows = np.empty((len(places), *row_shape), dtype)
        for number in np.unique(places[:, 0]):
            here = places[:, 0] == number
            with storage.opened(self.path(int(number)), SCHEMA) as file:
                rows[here] = storage.read_rows(file[name], places[here, 1])
        return rows

    def remove(self) -> None:
        shutil.rmtree(self.folder)


@contextmanager
def opened(
    output: Path, description: Mapping[str, Any], cut: Callable[[], Chunks], force: bool
) -> Iterator[Parts]:
    """The parts of `output`, locked for this process: those of an earlier run or new ones.

    description: what is to be made, as JSON can hold it; cut: makes the chunks of a new run.
    Raises InputError where another process works on the same output, where the output exists
    (without `force`), or where the parts that are there are of something else (without `force`).
    """
    storage.check_output(output, force)
    folder = output.with_name(f"{output.name}.parts")
    refusal = f"another process is making {output}; wait for it or choose another output"
    with locked(folder / "lock", refusal):
        try:
            storage.check_output(output, force)  # again: now nobody else can make it
            manifest = _load_manifest(folder)
            if manifest is not None and not force:
                _compare(folder, manifest["description"], description)
            if manifest is None or manifest["description"] != description:
                _clear(folder)
                manifest = {"description": description, "chunks": cut()}
                write_whole(folder / "manifest.json", json.dumps(manifest))
            remove_strays(folder)
            chunks = manifest["chunks"]
            yield Parts(folder, chunks, _finished(folder, len(chunks)))
        finally:
            # Where nothing was finished there is nothing to go on from.
            if folder.exists() and not (folder / "checksums.txt").exists():
                shutil.rmtree(folder)


def _load_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        manifest = {}
    if not isinstance(manifest, dict) or set(manifest) != {"description", "chunks"}:
        return {"description": {}, "chunks": []}
    return manifest


def _compare(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for key in wanted:
        if found.get(key) != wanted[key]:
            raise InputError(
                f"{folder} holds an unfinished run with another {_difference(key, found, wanted)}; "
                "run that again to go on with it, or drop it with --force"
            )


def _difference(key: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    old, new = found.get(key), wanted[key]
    if isinstance(old, dict) and isinstance(new, dict):
        inner = next(name for name in {**new, **old} if old.get(name) != new.get(name))
        return _difference(inner, old, {**dict.fromkeys(old), **new})
    return f"{key} ({old} there, {new} here)"


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != "lock":
            path.unlink()


def _finished(folder: Path, count: int) -> set[int]:
    """Numbers of the shards that are entered and read back as they were written."""
    entries: dict[str, str] = {}
    with suppress(FileNotFoundError), open(folder / "checksums.txt", "rb") as lines:
        for line in lines:
            checksum, _, name = line.decode(errors="replace").rstrip("\n").partition("  ")
            entries[name] = checksum
    names = {number: f"{number:05d}.h5" for number in range(count)}
    return {
        number
        for number, name in names.items()
        if name in entries
        and (folder / name).is_file()
        and _file_checksum(folder / name) == entries[name]
    }


def _file_checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
