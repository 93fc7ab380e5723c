"""Adam on a flat parameter vector."""

from __future__ import annotations

from torch import Tensor

from .base import Evaluate
from .first_order import FirstOrder


class Adam(FirstOrder):
    """Adam (Kingma & Ba 2015, Algorithm 1) with the rate lr * decay^(k / max_iterations)."""

    def __init__(
        self,
        max_iterations: int = 2000,
        rate: float = 1e-3,
        decay: float = 0.1,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        super().__init__(max_iterations, rate, decay, betas)

    def _update(self, x: Tensor, objective: Evaluate) -> tuple[float, Tensor]:
        loss, gradient = objective(x)
        mean, square = self._averages("all", gradient, gradient.square())
        return loss, mean / (square.sqrt() + 1e-8)
