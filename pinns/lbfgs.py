"""L-BFGS on a flat parameter vector, which says why it stopped."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..geometry.errors import InputError
from .line_search import Trial, strong_wolfe

Evaluate = Callable[[Tensor], tuple[float, Tensor]]

GRADIENT = "gradient below tolerance"
REDUCTION = "relative reduction below tolerance"
LINE_SEARCH = "line search failed after restart"
ITERATIONS = "maximum iterations"
NOT_FINITE = "non-finite loss"


@dataclass
class LBFGS:
    """Limited-memory BFGS (Nocedal & Wright 2006, Algorithms 7.4 and 7.5), strong Wolfe steps.

    max_iterations: steps at most.
    memory: pairs (s, y) that are kept.
    gradient_tolerance: stop where max |g_i| <= gradient_tolerance.
    reduction_tolerance: stop where f_k - f_{k+1} <= reduction_tolerance |f_k|.

    `stop_reason` is None while it may go on. `state()` holds everything the next step depends
    on, so a run that is stopped and loaded goes on with the same bits.
    """

    max_iterations: int = 5000
    memory: int = 50
    gradient_tolerance: float = 1e-12
    reduction_tolerance: float = 1e-14
    iterations: int = field(default=0, init=False)
    evaluations: int = field(default=0, init=False)
    loss: float | None = field(default=None, init=False)
    stop_reason: str | None = field(default=None, init=False)
    _gradient: Tensor | None = field(default=None, init=False, repr=False)
    _pairs: list[tuple[Tensor, Tensor, float]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.max_iterations < 0 or self.memory < 1:
            raise InputError(
                f"expected max_iterations >= 0 and memory >= 1, got {self.max_iterations} and "
                f"{self.memory}; correct the L-BFGS options"
            )

    def step(self, x: Tensor, evaluate: Evaluate) -> Tensor:
        """One step from x (n,) float64; `evaluate(x)` gives the loss and its gradient (n,)."""
        if self.stop_reason is not None:
            return x
        if self.loss is None or self._gradient is None:
            self.loss, self._gradient = self._evaluate(x, evaluate)
        start = Trial(0.0, self.loss, math.nan, self._gradient)
        if self._finished(start):
            return x
        found = self._search(x, start, evaluate)
        if found is None and self._pairs:
            self._pairs.clear()  # restart from steepest descent
            found = self._search(x, start, evaluate)
        if found is None:
            self.stop_reason = LINE_SEARCH
            return x
        return self._accept(x, start, *found)

    def objective_changed(self) -> None:
        """Forget the loss and the gradient: the objective is another one; the pairs are kept."""
        self.loss, self._gradient = None, None
        if self.stop_reason not in (ITERATIONS, NOT_FINITE):
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
        if self._pairs:
            state["s"] = torch.stack([s for s, _, _ in self._pairs])
            state["y"] = torch.stack([y for _, y, _ in self._pairs])
            state["products"] = [product for _, _, product in self._pairs]
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        self.iterations, self.evaluations = state["iterations"], state["evaluations"]
        self.loss, self.stop_reason = state["loss"], state["stop_reason"]
        # Clones, because the bits of a dot product may depend on the alignment of its operands.
        self._gradient = state["gradient"].clone() if "gradient" in state else None
        pairs = zip(state["s"], state["y"], state["products"], strict=True) if "s" in state else ()
        self._pairs = [(s.clone(), y.clone(), product) for s, y, product in pairs]

    def _evaluate(self, x: Tensor, evaluate: Evaluate) -> tuple[float, Tensor]:
        self.evaluations += 1
        loss, gradient = evaluate(x)
        return float(loss), gradient

    def _finished(self, at: Trial) -> bool:
        if not (math.isfinite(at.loss) and bool(at.gradient.isfinite().all())):
            self.stop_reason = NOT_FINITE
        elif float(at.gradient.abs().max()) <= self.gradient_tolerance:
            self.stop_reason = GRADIENT
        elif self.iterations >= self.max_iterations:
            self.stop_reason = ITERATIONS
        return self.stop_reason is not None

    def _direction(self, gradient: Tensor) -> Tensor:
        """-H g by the two-loop recursion, Algorithm 7.4."""
        q = gradient.clone()
        if not self._pairs:
            return q.neg_()
        alphas = []
        for s, y, product in reversed(self._pairs):
            alpha = float(torch.dot(s, q)) / product
            q.add_(y, alpha=-alpha)
            alphas.append(alpha)
        _, y, product = self._pairs[-1]
        q.mul_(product / float(torch.dot(y, y)))  # H_0 of equation (7.20)
        for (s, y, product), alpha in zip(self._pairs, reversed(alphas), strict=True):
            q.add_(s, alpha=alpha - float(torch.dot(y, q)) / product)
        return q.neg_()

    def _search(self, x: Tensor, start: Trial, evaluate: Evaluate) -> tuple[Tensor, Trial] | None:
        """The direction and a step along it; None where there is none that goes down."""
        direction = self._direction(start.gradient)
        slope = float(torch.dot(start.gradient, direction))
        if not slope < 0.0:
            return None

        def along(step: float) -> Trial:
            loss, gradient = self._evaluate(x + step * direction, evaluate)
            return Trial(step, loss, float(torch.dot(gradient, direction)), gradient)

        # Without curvature the length of the gradient says nothing about the step.
        step = 1.0 if self._pairs else min(1.0, 1.0 / float(start.gradient.abs().sum()))
        trial = strong_wolfe(along, replace(start, slope=slope), step)
        return None if trial is None else (direction, trial)

    def _accept(self, x: Tensor, start: Trial, direction: Tensor, trial: Trial) -> Tensor:
        s, y = trial.step * direction, trial.gradient - start.gradient
        product = float(torch.dot(s, y))
        if product > 1e-16 * float(torch.dot(y, y)):  # else the matrix would not stay positive
            self._pairs.append((s, y, product))
            del self._pairs[: -self.memory]
        self.loss, self._gradient = trial.loss, trial.gradient
        self.iterations += 1
        reduction = start.loss - trial.loss
        if not self._finished(trial) and reduction <= self.reduction_tolerance * abs(start.loss):
            self.stop_reason = REDUCTION
        return x + s


def minimise(evaluate: Evaluate, x: Tensor, optimiser: LBFGS) -> Tensor:
    """Run the optimiser until it stops; `optimiser.stop_reason` says why."""
    while optimiser.stop_reason is None:
        x = optimiser.step(x, evaluate)
    return x
