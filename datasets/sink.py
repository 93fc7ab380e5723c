"""A file for HDF5 to write into that survives a full disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..geometry.errors import InputError


class Sink:
    """A file for HDF5 to write into whose errors are kept instead of passed on.

    HDF5 cannot close a file whose writes fail: it leaves the process in a state that crashes at
    exit. So a failed write is remembered, `check` raises it, and HDF5 is told that all went well.
    """

    def __init__(self, path: Path) -> None:
        try:
            self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        except OSError as problem:
            raise InputError(f"cannot write {path.parent}: {problem.strerror}") from problem
        self._path, self._position = path, 0
        self._error: OSError | None = None

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *reason: object) -> None:
        os.close(self.descriptor)

    def check(self) -> None:
        if self._error is not None:
            raise OSError(self._error.errno, self._error.strerror, str(self._path))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            offset += os.fstat(self.descriptor).st_size
        elif whence == os.SEEK_CUR:
            offset += self._position
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while done < len(view):
                done += os.pwrite(self.descriptor, view[done:], self._position + done)
        except OSError as problem:
            self._error = self._error or problem
        self._position += len(view)
        return len(view)

    def read(self, size: int) -> bytes:
        data = os.pread(self.descriptor, size, self._position)
        self._position += len(data)
        return data.ljust(size, b"\0")  # what a failed write should have left there

    def truncate(self, size: int) -> int:
        try:
            os.ftruncate(self.descriptor, size)
        except OSError as problem:
            self._error = self._error or problem
        return size

    def flush(self) -> None:
        """Nothing is buffered here."""
