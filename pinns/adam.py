"""Adam on a flat parameter vector, with a rate that decays exponentially."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..geometry.errors import InputError
from .lbfgs import ITERATIONS, NOT_FINITE, Evaluate


class Adam:
    """torch.optim.Adam with the rate lr * decay^(k / max_iterations) at step k.

    The same interface as `LBFGS`: `step`, `stop_reason`, `objective_changed`, `state`.
    """

    def __init__(self, max_iterations: int = 2000, rate: float = 1e-3, decay: float = 0.1) -> None:
        if max_iterations < 0 or not rate > 0.0 or not 0.0 < decay <= 1.0:
            raise InputError(
                "expected max_iterations >= 0, rate > 0 and 0 < decay <= 1, got "
                f"{max_iterations}, {rate} and {decay}"
            )
        self.max_iterations, self.rate, self.decay = max_iterations, rate, decay
        self.iterations = 0
        self.loss: float | None = None
        self.stop_reason: str | None = None if max_iterations else ITERATIONS
        self._vector: Tensor | None = None
        self._adam: torch.optim.Adam | None = None

    def _prepare(self, x: Tensor) -> tuple[Tensor, torch.optim.Adam]:
        if self._vector is None or self._adam is None:
            self._vector = x.clone()
            self._adam = torch.optim.Adam([self._vector], lr=self.rate)
        return self._vector, self._adam

    def step(self, x: Tensor, evaluate: Evaluate) -> Tensor:
        """One step from x (n,) float64; `evaluate(x)` gives the loss and its gradient (n,)."""
        if self.stop_reason is not None:
            return x
        vector, adam = self._prepare(x)
        vector.copy_(x)
        self.loss, gradient = evaluate(x)
        if not (math.isfinite(self.loss) and bool(gradient.isfinite().all())):
            self.stop_reason = NOT_FINITE
            return x
        adam.param_groups[0]["lr"] = self.rate * self.decay ** (
            self.iterations / self.max_iterations
        )
        vector.grad = gradient
        adam.step()
        self.iterations += 1
        if self.iterations >= self.max_iterations:
            self.stop_reason = ITERATIONS
        return vector.clone()

    def objective_changed(self) -> None:
        """Nothing is remembered that another objective would make wrong."""

    def state(self) -> dict[str, Any]:
        """Tensors, numbers and strings only."""
        state: dict[str, Any] = {
            "iterations": self.iterations,
            "loss": self.loss,
            "stop_reason": self.stop_reason,
        }
        if self._adam is not None and self._vector is not None and self.iterations:
            state["moments"] = {
                key: value.clone() for key, value in self._adam.state[self._vector].items()
            }
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        self.iterations, self.loss = state["iterations"], state["loss"]
        self.stop_reason = state["stop_reason"]
        self._vector = self._adam = None
        if "moments" in state:
            moments = {key: value.clone() for key, value in state["moments"].items()}
            vector, adam = self._prepare(torch.empty_like(moments["exp_avg"]))
            adam.state[vector] = moments
