"""Scattered points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import InputError


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Scattered points with quadrature weights; two clouds are equal only if they are the same.

    Parameters
    ----------
    points : (n, d), finite
    weights : (n,), finite and not negative; without them each point counts 1 / n, so that norms
        are means over the points

    Raises `InputError` for other shapes and values.

    >>> PointCloud([[0.0, 0.0], [1.0, 2.0]]).weights.tolist()
    [0.5, 0.5]
    """

    points: np.ndarray
    weights: np.ndarray = None  # type: ignore[assignment]  # always there after construction

    def __post_init__(self) -> None:
        points = np.array(self.points, dtype=np.float64)
        if points.ndim != 2 or 0 in points.shape:
            raise InputError(f"expected points of shape (n, d), got {points.shape}")
        n = len(points)
        weights = self.weights
        weights = np.full(n, 1 / n) if weights is None else np.array(weights, dtype=np.float64)
        if weights.shape != (n,):
            raise InputError(f"expected weights of shape ({n},), got {weights.shape}")
        if not (np.isfinite(points).all() and np.isfinite(weights).all()):
            raise InputError("expected finite points and weights, got NaN or infinity")
        if weights.min() < 0:
            raise InputError(f"expected weights from 0, got {weights.min():.3g}")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "weights", weights)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the values of one function: (n,)."""
        return (len(self.points),)

    @property
    def ndim(self) -> int:
        """Coordinates of a point."""
        return self.points.shape[1]
