"""Steps along averaged gradients, with a rate that decays exponentially."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from .base import ITERATIONS, NOT_FINITE, expect, finite


class FirstOrder(ABC):
    """x <- x - rate decay^(k / max_iterations) update at step k.

    A method writes `_update`; what it remembers between steps are the tensors of `_memory`.
    """

    def __init__(
        self, max_iterations: int, rate: float, decay: float, betas: tuple[float, float]
    ) -> None:
        expect(max_iterations >= 0, "max_iterations >= 0", max_iterations)
        expect(rate > 0.0 and 0.0 < decay <= 1.0, "rate > 0 and 0 < decay <= 1", (rate, decay))
        expect(all(0.0 <= beta < 1.0 for beta in betas), "0 <= beta < 1", betas)
        self.max_iterations, self.rate, self.decay = max_iterations, rate, decay
        self.betas = betas
        self.iterations = 0
        self.loss: float | None = None
        self.stop_reason: str | None = None if max_iterations else ITERATIONS
        self._memory: dict[str, Tensor] = {}

    @abstractmethod
    def _update(self, x: Tensor, objective: Any) -> tuple[float, Tensor]:
        """The loss at x (n,) and the direction to step against (n,)."""

    def step(self, x: Tensor, objective: Any) -> Tensor:
        """One step from x (n,)."""
        if self.stop_reason is not None:
            return x
        self.loss, update = self._update(x, objective)
        if not finite(self.loss, update):
            self.stop_reason = NOT_FINITE
            return x
        rate = self.rate * self.decay ** (self.iterations / self.max_iterations)
        self.iterations += 1
        if self.iterations >= self.max_iterations:
            self.stop_reason = ITERATIONS
        return x - rate * update

    def _averages(self, name: str, gradient: Tensor, square: Tensor) -> tuple[Tensor, Tensor]:
        """Running means of the gradient and of a square, their bias taken out.

        Kingma & Ba 2015, Algorithm 1.
        """
        means = []
        for key, value, beta in zip("mv", (gradient, square), self.betas, strict=True):
            old = self._memory.setdefault(f"{key}:{name}", torch.zeros_like(value))
            old.mul_(beta).add_(value, alpha=1.0 - beta)
            means.append(old / (1.0 - beta ** (self.iterations + 1)))
        return means[0], means[1]

    def objective_changed(self) -> None:
        """The loss is another one; the averages stay."""
        self.loss = None

    def state(self) -> dict[str, Any]:
        """Tensors, numbers and strings only."""
        return {
            "iterations": self.iterations,
            "loss": self.loss,
            "stop_reason": self.stop_reason,
            "memory": {name: tensor.clone() for name, tensor in self._memory.items()},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.iterations, self.loss = state["iterations"], state["loss"]
        self.stop_reason = state["stop_reason"]
        self._memory = {name: tensor.clone() for name, tensor in state["memory"].items()}
