"""Numba's files of compiled code, in the hands of one process at a time.

Numba replaces each file at once, but writes a function's index and its code one after the other,
and numbers the code by what the index held a moment before. Two processes that compile one
function for different types at the same time may so leave an index that names the wrong code.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any


def in_turns(cache_file: Any) -> None:
    """Let loading and saving by this `IndexDataCacheFile` of Numba wait for other processes."""
    folder, index = cache_file._cache_path, cache_file._index_path
    cache_file.load = _waiting(cache_file.load, folder, index)
    cache_file.save = _waiting(cache_file.save, folder, index)


def _waiting(method: Callable[..., Any], folder: str, index: str) -> Callable[..., Any]:
    """The method, one process at a time; an index that cannot be read is written anew.

    It cannot where its types are of modules by names that this process does not know: those of a
    program that imported them by path.
    """

    @wraps(method)
    def alone(*arguments: Any) -> Any:
        with _locked(folder):
            try:
                return method(*arguments)
            except (ImportError, AttributeError):
                os.unlink(index)
                return method(*arguments)

    return alone


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Nothing is locked where there is no folder yet, or none that this process may write."""
    try:
        handle = open(os.path.join(folder, ".lock"), "a")  # noqa: SIM115
    except OSError:
        yield
        return
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
