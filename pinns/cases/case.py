"""What a case is, and the recipe from which those of the cases differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...geometry.function import Function
from ...geometry.grid import Grid
from ...geometry.points import PointCloud
from ..config import PINNConfig
from ..statement import Statement


@dataclass(frozen=True)
class Case:
    """An equation, its solution on a grid or at points, and a recipe.

    solution: values on `on`. accuracy: the relative L2 error to come below. classical: the same
    by the solver of this package for a tolerance, and `method` its name; None where
    there is none.
    windows: in time, each with a network by the recipe. stages: of training, see `multistage`.
    """

    statement: Callable[[], Statement]
    on: Grid | PointCloud
    solution: Callable[[Any], np.ndarray]
    recipe: PINNConfig
    accuracy: float
    classical: Callable[[Any, float], np.ndarray] | None = None
    method: str = "ETDRK4"
    windows: int = 1
    stages: int = 1

    def reference(self) -> Function:
        return Function(self.solution(self.on), self.on)


RECIPE = PINNConfig(
    width=20, depth=3, points=8000, initial_points=1000, boundary_points=1000, chunk=8192,
    weighting="fixed", first_steps=0, second="gauss_newton", second_steps=250, refresh_every=25,
    derivatives="auto", threads=1, log_every=10, checkpoint_every=25,
)  # fmt: skip
"""Gauss-Newton on a small network, new points where the residual is every 25 steps."""


def recipe(**changes: object) -> PINNConfig:
    return dataclasses.replace(RECIPE, **changes)  # type: ignore[arg-type]
