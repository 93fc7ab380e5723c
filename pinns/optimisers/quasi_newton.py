"""What L-BFGS and the Broyden family share: steps of a strong Wolfe search, and their end."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .base import (
    FINAL,
    GRADIENT,
    ITERATIONS,
    LINE_SEARCH,
    NOT_FINITE,
    REDUCTION,
    Evaluate,
    expect,
    finite,
)
from .line_search import Trial, strong_wolfe


class QuasiNewton(ABC):
    """x <- x + a d with d = -H g and a step a that satisfies the strong Wolfe conditions.

    max_iterations: steps at most.
    gradient_tolerance: stop where max |g_i| <= gradient_tolerance.
    reduction_tolerance: stop where f_k - f_{k+1} <= reduction_tolerance |f_k|.

    A method writes `_direction`, `_learn` and `_forget`, and adds its memory to the state.
    """

    def __init__(
        self, max_iterations: int, gradient_tolerance: float, reduction_tolerance: float
    ) -> None:
        expect(max_iterations >= 0, "max_iterations >= 0", max_iterations)
        self.max_iterations = max_iterations
        self.gradient_tolerance = gradient_tolerance
        self.reduction_tolerance = reduction_tolerance
        self.iterations, self.evaluations = 0, 0
        self.loss: float | None = None
        self.stop_reason: str | None = None
        self._gradient: Tensor | None = None

    @property
    @abstractmethod
    def _learnt(self) -> bool:
        """Whether there is a curvature to forget."""

    @abstractmethod
    def _direction(self, gradient: Tensor) -> Tensor:
        """d = -H g (n,), a new tensor."""

    @abstractmethod
    def _learn(self, s: Tensor, y: Tensor, step: float, gradient: Tensor) -> None:
        """Take in the step s (n,) = step * d from `gradient` (n,), which changed by y (n,)."""

    @abstractmethod
    def _forget(self) -> None:
        """Go back to steepest descent."""

    def step(self, x: Tensor, objective: Evaluate) -> Tensor:
        """One step from x (n,); `objective(x)` gives the loss and its gradient (n,)."""
        if self.stop_reason is not None:
            return x
        if self.loss is None or self._gradient is None:
            self.loss, self._gradient = self._evaluate(x, objective)
        start = Trial(0.0, self.loss, math.nan, self._gradient)
        if self._finished(start):
            return x
        found = self._search(x, start, objective)
        if found is None and self._learnt:
            self._forget()
            found = self._search(x, start, objective)
        if found is None:
            self.stop_reason = LINE_SEARCH
            return x
        return self._accept(x, start, *found)

    def objective_changed(self) -> None:
        """Forget the loss and the gradient: the objective is another one; the curvature stays."""
        self.loss, self._gradient = None, None
        if self.stop_reason not in FINAL:
            self.stop_reason = None

    def state(self) -> dict[str, Any]:
        """Tensors, numbers and strings only."""
        state: dict[str, Any] = {
            "iterations": self.iterations,
            "evaluations": self.evaluations,
            "loss": self.loss,
            "stop_reason": self.stop_reason,
        }
        if self._gradient is not None:
            state["gradient"] = self._gradient
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        self.iterations, self.evaluations = state["iterations"], state["evaluations"]
        self.loss, self.stop_reason = state["loss"], state["stop_reason"]
        # Clones, because the bits of a dot product may depend on the alignment of its operands.
        self._gradient = state["gradient"].clone() if "gradient" in state else None

    def _evaluate(self, x: Tensor, objective: Evaluate) -> tuple[float, Tensor]:
        self.evaluations += 1
        loss, gradient = objective(x)
        return float(loss), gradient

    def _finished(self, at: Trial) -> bool:
        if not finite(at.loss, at.gradient):
            self.stop_reason = NOT_FINITE
        elif float(at.gradient.abs().max()) <= self.gradient_tolerance:
            self.stop_reason = GRADIENT
        elif self.iterations >= self.max_iterations:
            self.stop_reason = ITERATIONS
        return self.stop_reason is not None

    def _search(self, x: Tensor, start: Trial, objective: Evaluate) -> tuple[Tensor, Trial] | None:
        """The direction and a step along it; None where there is none that goes down."""
        direction = self._direction(start.gradient)
        slope = float(torch.dot(start.gradient, direction))
        if not slope < 0.0:
            return None

        def along(step: float) -> Trial:
            loss, gradient = self._evaluate(x + step * direction, objective)
            return Trial(step, loss, float(torch.dot(gradient, direction)), gradient)

        # Without curvature the length of the gradient says nothing about the step.
        step = 1.0 if self._learnt else min(1.0, 1.0 / float(start.gradient.abs().sum()))
        trial = strong_wolfe(along, replace(start, slope=slope), step)
        return None if trial is None else (direction, trial)

    def _accept(self, x: Tensor, start: Trial, direction: Tensor, trial: Trial) -> Tensor:
        s, y = trial.step * direction, trial.gradient - start.gradient
        # Else the matrix would not stay positive.
        if float(torch.dot(s, y)) > 1e-16 * float(torch.dot(y, y)):
            self._learn(s, y, trial.step, start.gradient)
        self.loss, self._gradient = trial.loss, trial.gradient
        self.iterations += 1
        reduction = start.loss - trial.loss
        if not self._finished(trial) and reduction <= self.reduction_tolerance * abs(start.loss):
            self.stop_reason = REDUCTION
        return x + s
