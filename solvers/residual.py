"""Right-hand sides of any size of numbers, and what an answer leaves of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

SMALLEST, LARGEST = 1e-100, 1e100  # norms whose squares, times any usual matrix, are in range


def norm(b: np.ndarray) -> float:
    """|b| of flat b; inf where a square overflows. Small systems would wait for `numpy.linalg`."""
    return math.sqrt(np.vdot(b, b).real)


def scale_of(b: np.ndarray) -> float:
    """A power of two that brings b to where squares neither overflow nor vanish; mostly 1.

    >>> scale_of(np.ones(3)), bool(abs(scale_of(np.full(3, 1e-300)) * 1e-300 - 1) < 1)
    (1.0, True)
    """
    if SMALLEST < norm(b) < LARGEST:
        return 1.0
    exponent = int(np.frexp(np.max(np.abs(b), initial=0.0))[1])
    return 2.0 ** -min(max(exponent, -1000), 1000)


def true_residual(A: Any, x: np.ndarray, b: np.ndarray) -> float:
    """|b - A x| / |b|; where b is zero |A x|, and not finite where A x is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        r = b - (A @ x).reshape(-1)
        size = norm(b)
        if SMALLEST < size < LARGEST:
            return norm(r) / size
        scale = scale_of(b)
        return norm(scale * r) / (norm(scale * b) or 1.0)
