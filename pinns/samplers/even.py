"""Points that know no residual."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from ...geometry.errors import InputError
from .base import Inside, Residual, fill


class Uniform:
    """Independent points of the uniform law."""

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def draw(
        self,
        count: int,
        dimension: int,
        residual: Residual | None = None,
        inside: Inside | None = None,
    ) -> Tensor:
        def some(n: int) -> Tensor:
            return torch.rand(n, dimension, dtype=torch.float64, generator=self.generator)

        return fill(some, count, inside)

    def state(self) -> dict[str, Any]:
        return {"generator": self.generator.get_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["generator"].clone())


def even_sampler(seed: int, dimension: int) -> Uniform | Sobol:
    """Sobol points where there are such."""
    return Sobol(seed) if dimension <= SobolEngine.MAXDIM else Uniform(seed)


class Sobol:
    """Scrambled Sobol points (Owen 1995); each draw takes the next ones of one sequence."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.drawn = 0

    def draw(
        self,
        count: int,
        dimension: int,
        residual: Residual | None = None,
        inside: Inside | None = None,
    ) -> Tensor:
        if not 1 <= dimension <= SobolEngine.MAXDIM:
            raise InputError(f"expected 1 to {SobolEngine.MAXDIM} coordinates, got {dimension}")
        engine = SobolEngine(dimension, scramble=True, seed=self.seed).fast_forward(self.drawn)

        def some(n: int) -> Tensor:
            self.drawn += n
            return engine.draw(n, dtype=torch.float64)

        return fill(some, count, inside)

    def state(self) -> dict[str, Any]:
        return {"drawn": self.drawn}

    def load_state(self, state: dict[str, Any]) -> None:
        self.drawn = state["drawn"]
