"""Adam with moments of their own for each part of the loss."""

from __future__ import annotations

import torch
from torch import Tensor

from .base import Objective
from .first_order import FirstOrder


class MultiAdam(FirstOrder):
    """The mean of Adam's updates over the terms of the loss (Yao et al. 2023, MultiAdam).

    Each term's update is as long whatever the term is multiplied with, so neither weights nor
    the scale of the domain decide which term is heard.
    """

    def __init__(
        self,
        max_iterations: int = 2000,
        rate: float = 1e-3,
        decay: float = 0.1,
        betas: tuple[float, float] = (0.99, 0.99),
    ) -> None:
        super().__init__(max_iterations, rate, decay, betas)

    def _update(self, x: Tensor, objective: Objective) -> tuple[float, Tensor]:
        parts = objective.split(x)
        total = torch.zeros_like(x)
        for name, (_, gradient) in parts.items():
            mean, square = self._averages(name, gradient, gradient.square())
            total += mean / (square.sqrt() + 1e-16) / len(parts)
        return sum(loss for loss, _ in parts.values()), total
