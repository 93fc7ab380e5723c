"""The HDF5 file of a dataset: one schema, checksums of everything, written whole or not at all.

Schema "sobolev-dataset", version 1. Root attributes are text, JSON where they hold structure:

    schema, schema_version, problem, problem_config, plan, grid, software, failed, card, created,
    checksums

    coordinates/{t,x,y,…}                          points of each axis; attribute units
    inputs/<name>, outputs/<name>                  (N, *grid), (N, frames, *grid) or (N,);
                                                   attributes units, kind, description, position
    status/{sample,iterations,residual,seconds,converged}   (N,), what the solver said

Rows are in the order of the sample numbers in `status/sample`. Three nets catch damage: HDF5's
own checksums of its metadata (file format 1.10), a Fletcher-32 checksum of every chunk, seen
whenever the chunk is read, and a SHA-256 of the content of each dataset and of all attributes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..geometry.errors import InputError
from .files import replacing
from .sink import Sink

SCHEMA = "sobolev-dataset"
VERSION = 1
CHUNK_BYTES = 2**16
BLOCK_BYTES = 2**25


class Writer:
    """Datasets of known shape, each filled from its first row to its last by `append`."""

    def __init__(self, file: h5py.File, sink: Sink) -> None:
        self._file, self._sink = file, sink
        self._hashes: dict[str, Any] = {}
        self._filled: dict[str, int] = {}

    def create(self, name: str, shape: Sequence[int], dtype: Any, **attributes: str) -> None:
        """Announce the dataset `name`; `attributes` (units, description) go with it."""
        shape, dtype = tuple(shape), np.dtype(dtype)
        row_bytes = dtype.itemsize * int(np.prod(shape[1:]))
        rows = min(max(1, CHUNK_BYTES // row_bytes), shape[0])
        checked = {"chunks": (rows, *shape[1:]), "fletcher32": True} if rows else {}
        dataset = self._file.create_dataset(name, shape, dtype, **checked)
        _set_attributes(dataset, attributes)
        self._hashes[name] = _new_hash(dataset)
        self._filled[name] = 0

    def append(self, name: str, rows: np.ndarray) -> None:
        """Write the next rows of `name`. Raises OSError where the disk refuses, e.g. full."""
        dataset = self._file[name]
        rows = np.ascontiguousarray(rows, dtype=dataset.dtype)
        start = self._filled[name]
        dataset[start : start + len(rows)] = rows
        self._hashes[name].update(rows.data)
        self._filled[name] = start + len(rows)
        self._sink.check()

    def finish(self) -> None:
        short = [name for name, rows in self._filled.items() if rows != len(self._file[name])]
        if short:
            raise RuntimeError(f"dataset '{short[0]}' was not filled")
        checksums = {name: digest.hexdigest() for name, digest in self._hashes.items()}
        checksums["attributes"] = attributes_checksum(self._file)
        _set_attributes(self._file, {"checksums": json.dumps(checksums)})


@contextmanager
def create(
    path: str | os.PathLike[str],
    attributes: Mapping[str, Any],
    schema: str = SCHEMA,
    force: bool = False,
    workspace: Path | None = None,
) -> Iterator[Writer]:
    """Write a file under a temporary name beside `path`; rename it once it is whole and checked.

    workspace: a folder on the same file system for the temporary name, instead of `path`'s own.
    Nothing appears under `path` if the block raises, and a file that stood there stays until then.
    Raises InputError where `path` exists (without `force`) or cannot be written, OSError where the
    disk fails.
    """
    path = Path(path)
    check_output(path, force)
    with replacing(path, workspace) as temporary:
        with Sink(temporary) as sink:
            with h5py.File(sink, "w", libver=("v110", "v110")) as file:
                _set_attributes(file, {"schema": schema, "schema_version": VERSION, **attributes})
                writer = Writer(file, sink)
                yield writer
                writer.finish()
            sink.check()
            os.fsync(sink.descriptor)
        _read_back(temporary, schema)


def check_output(path: str | os.PathLike[str], force: bool) -> None:
    """Raise InputError unless a file can be made at `path`."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"expected a file name for the output, got the folder {path}")
    if path.exists() and not force:
        raise InputError(f"{path} exists; choose another output or replace it with --force")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"cannot write in {path.parent}; choose another output")


@contextmanager
def opened(path: str | os.PathLike[str], schema: str = SCHEMA) -> Iterator[h5py.File]:
    """The file, open for reading in this block only.

    Raises InputError, naming the file and what to do, where it is missing, not HDF5, not ours,
    truncated or damaged; also for damage that is met while the block reads.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"expected a dataset at {path}, found no file; check the path")
    with _readable(path), h5py.File(path, "r") as file:
        _check_schema(file, schema, path)
        yield file


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what h5py raises on unreadable and damaged files into InputError."""
    try:
        yield
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as problem:
        text = str(problem)
        if isinstance(problem, PermissionError):
            message = f"cannot read {path}; check its permissions"
        elif "signature not found" in text:
            message = f"{path} is not an HDF5 file; give a file made by sobolev generate"
        elif "truncated" in text:
            message = f"{path} is truncated; copy or generate it again"
        else:
            message = f"{path} is damaged; copy or generate it again"
        raise InputError(message) from problem


def _check_schema(file: h5py.File, schema: str, path: Path) -> None:
    found = attribute(file, "schema") if "schema" in file.attrs else None
    if found != schema:
        raise InputError(f"{path} is HDF5 but no {schema} file; make one with sobolev generate")
    version = int(file.attrs["schema_version"])
    if version != VERSION:
        raise InputError(
            f"{path} has schema version {version}, this sobolev reads {VERSION}; "
            "use the version that made it or generate it again"
        )


def dataset_names(file: h5py.File) -> list[str]:
    """Names of all datasets as `group/name`, sorted."""
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if _is_dataset(item) else None)
    return sorted(names)


def check_attributes(file: h5py.File) -> dict[str, str]:
    """The stored checksums by dataset, after a check of all attributes and of the names.

    Raises InputError where the file was changed.
    """
    path = file.filename
    checksums = json.loads(attribute(file, "checksums"))
    stored = checksums.pop("attributes", None)
    if stored != attributes_checksum(file) or sorted(checksums) != dataset_names(file):
        raise InputError(f"{path} is damaged: its attributes fail their checksum; copy it again")
    return checksums


def attribute(item: Any, key: str) -> Any:
    """An attribute as text or plain number."""
    value = item.attrs[key]
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value


def attributes_checksum(file: h5py.File) -> str:
    """SHA-256 over every attribute of the file, of its groups and datasets, except checksums."""
    found = {"/": {key: attribute(file, key) for key in file.attrs if key != "checksums"}}
    file.visititems(
        lambda name, item: found.update({name: {key: attribute(item, key) for key in item.attrs}})
    )
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def checksum(dataset: h5py.Dataset) -> str:
    """SHA-256 of the type, shape and content of a dataset, read block by block."""
    digest = _new_hash(dataset)
    for start, stop in blocks(dataset.shape, dataset.dtype):
        digest.update(np.ascontiguousarray(dataset[start:stop]).data)
    return digest.hexdigest()


def blocks(shape: Sequence[int], dtype: Any) -> Iterator[tuple[int, int]]:
    """Row ranges of at most `BLOCK_BYTES` each."""
    row_bytes = np.dtype(dtype).itemsize * max(1, int(np.prod(shape[1:])))
    rows = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, shape[0], rows):
        yield start, min(start + rows, shape[0])


def read_rows(dataset: h5py.Dataset, indices: np.ndarray) -> np.ndarray:
    """Rows `indices` in the order given, repeats allowed, each run of neighbours read at once."""
    indices = np.asarray(indices, dtype=np.int64)
    wanted, inverse = np.unique(indices, return_inverse=True)
    rows = np.empty((wanted.size, *dataset.shape[1:]), dtype=dataset.dtype)
    cuts = np.flatnonzero(np.diff(wanted) != 1) + 1
    for run in np.split(np.arange(wanted.size), cuts):
        if run.size:
            first, last = wanted[run[0]], wanted[run[-1]]
            rows[run[0] : run[-1] + 1] = dataset[first : last + 1]
    in_order = np.array_equal(inverse, np.arange(indices.size))
    return rows if in_order else rows[inverse]


def _read_back(path: Path, schema: str) -> None:
    with opened(path, schema) as file:
        for name, stored in check_attributes(file).items():
            if checksum(file[name]) != stored:
                raise OSError(f"{path} reads back differently from what was written")


def _is_dataset(item: Any) -> bool:
    return isinstance(item, h5py.Dataset)


def _new_hash(dataset: h5py.Dataset) -> Any:
    return hashlib.sha256(f"{dataset.dtype.str} {dataset.shape}".encode())


def _set_attributes(item: Any, attributes: Mapping[str, Any]) -> None:
    for key, value in attributes.items():
        if isinstance(value, str):
            # Fixed length: HDF5 keeps text of variable length in a heap without checksums, and
            # a flipped bit there can send it into an endless loop.
            text = value.encode() or b"\0"
            item.attrs.create(key, text, dtype=h5py.string_dtype("utf-8", len(text)))
        else:
            item.attrs[key] = value
