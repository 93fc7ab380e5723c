"""Functions made from text, in files of their own, so that Numba can keep their compiled code."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .kernels import kernel


def generated_function(
    text: str, function: str, label: str, scope: Mapping[str, Any] | None = None, salt: str = ""
) -> Callable[..., Any]:
    """The function called `function` in `text`, from a file in the folder of compiled code.

    label: begins the file's name; scope: what the text may use; salt: whatever else tells it from
    functions of the same text. The function gets a name of its own, as the linker knows compiled
    functions by their names.
    """
    digest = hashlib.sha256(f"{text}{salt}".encode()).hexdigest()[:16]
    name = f"{function}_{digest}"
    text = text.replace(f"def {function}(", f"def {name}(")
    path = _folder() / f"{label}-{digest}.kernel"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(text)
        os.utime(part, (0, 0))  # the stamp of compiled code, whichever process writes the file
        part.replace(path)
    # The name of a module that Numba can import when it reads its cache.
    known: dict[str, Any] = {**(scope or {}), "__name__": __name__}
    exec(compile(text, str(path), "exec"), known)
    return known[name]


@lru_cache(maxsize=256)
def pointwise_function(text: str, function: str, label: str) -> Callable[..., Any]:
    """A function of numbers, which uses arithmetic and NumPy (as `np`); one object for one text.

    >>> text = "def half(u):\\n    return 0.5 * u\\n"
    >>> half = pointwise_function(text, "half", "example")
    >>> half(3.0), half is pointwise_function(text, "half", "example")
    (1.5, True)
    """
    return generated_function(text, function, label, {"np": np})


@kernel()
def _nothing():
    pass


def _folder() -> Path:
    """Where Numba keeps the compiled code of this package."""
    return Path(_nothing.stats.cache_path)
