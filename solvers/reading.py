"""What callers give, as arrays of numbers; `InputError` where it is none."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..geometry.errors import InputError


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Raise `InputError` unless the value is a whole number of at least `least`."""
    if not (isinstance(value, int | np.integer) and value >= least):
        raise InputError(f"expected {name} to be a whole number of at least {least}, got {value!r}")


def read_real(values: Any, what: str) -> np.ndarray:
    """Values as float64, of their shape. Raises `InputError` where they are not real numbers.

    what: their name in the message, "coefficients" for instance

    >>> read_real([1, 2], "coefficients")
    array([1., 2.])
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "cSUOV":
            return array.astype(np.float64, copy=False)
        kind = str(array.dtype)
    except ValueError:  # rows of unequal length
        kind = "rows of unequal length"
    raise InputError(f"expected {what} as an array of real numbers, got {kind}; convert it")


def read_source(b: Any) -> np.ndarray:
    """b flat, (n,). Raises `InputError` where it is not made of numbers, or not finite."""
    b = np.asarray(b).reshape(-1)
    if b.dtype.kind not in "biufc":
        raise InputError(f"expected a right-hand side of numbers, got {b.dtype}; convert it")
    if not np.all(np.isfinite(b)):
        raise InputError("right-hand side is not finite")
    return b
