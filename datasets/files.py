"""Files that are written whole or not at all, and folders that one process writes at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..geometry.errors import InputError


@contextmanager
def replacing(path: Path, workspace: Path | None = None) -> Iterator[Path]:
    """A temporary name for the block to write to, which then takes the place of `path`.

    workspace: a folder on the same file system for the temporary name, instead of `path`'s own.
    A reader sees the old file or the new one, whole, also after a power cut. If the block raises,
    nothing changes.
    """
    temporary = (workspace or path.parent) / f".{path.name}.{os.getpid()}.tmp"
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        with suppress(OSError):  # some file systems cannot flush a folder
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write one file through `replacing`. Text is stored as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def locked(lock: Path, refusal: str) -> Iterator[None]:
    """Hold the file `lock` for this block; the system lets go of it with the process.

    Raises InputError(refusal) where another process holds it.
    """
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            continue  # the owner finished between the two lines and removed the folder
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(refusal) from None
            if _is_same(descriptor, lock):
                try:
                    yield
                finally:
                    lock.unlink(missing_ok=True)
                return
        finally:
            os.close(descriptor)


def remove_strays(folder: Path) -> None:
    """Remove what a killed process left of its `replacing`; only for who has locked the folder."""
    for stray in folder.glob(".*.tmp"):
        stray.unlink()


def _is_same(descriptor: int, path: Path) -> bool:
    """Whether the lock that is held still is the one that others would find."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    return False


def _sync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
