"""The diffusion operator with its coefficient replaced by the mean, inverted by fast transforms."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..diffusion import DiffusionOperator
from ..transforms import FastTransform


class MeanTransform:
    """`M @ r` solves -mean(a) Lap z + mean(sigma) z = r with A's grid and sides, for flat r (n,).

    Exact where a and sigma are constant. A: a `DiffusionOperator`; raises `InputError` for
    anything else, which has no grid to transform on.

    >>> from ...geometry.grid import Grid
    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (8, 8), centering="cell")
    >>> A = DiffusionOperator(np.full((8, 8), 3.0), grid)
    >>> bool(np.allclose(MeanTransform(A) @ (A @ np.ones(64)), 1.0))
    True
    """

    def __init__(self, A: Any) -> None:
        self.update(A)

    def update(self, A: Any) -> None:
        """Turn to another matrix; on the same grid only the mean is taken anew."""
        if not isinstance(A, DiffusionOperator):
            raise InputError(
                f"expected a DiffusionOperator, got {type(A).__name__}; take another preconditioner"
            )
        self.shape, self.dtype = A.shape, A.dtype
        self._mean = float(np.mean(A.a))
        sigma = 0.0 if A.reaction is None else float(np.mean(A.reaction)) / self._mean
        self._transform = _transform(A.grid, A.conditions, sigma)

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        return (self._transform @ r) / self._mean


@lru_cache(maxsize=8)
def _transform(grid: Grid, conditions: tuple[tuple[str, str], ...], sigma: float) -> FastTransform:
    """Made once for a grid: it takes longer than to use it."""
    pairs = zip(grid.wraps, conditions, strict=True)
    ends = ["dirichlet" if wraps else pair for wraps, pair in pairs]
    return FastTransform(grid, sigma, boundary=ends)
