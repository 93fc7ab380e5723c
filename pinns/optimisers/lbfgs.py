"""L-BFGS on a flat parameter vector, which says why it stopped."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .base import expect
from .quasi_newton import QuasiNewton


class LBFGS(QuasiNewton):
    """Limited-memory BFGS (Nocedal & Wright 2006, Algorithms 7.4 and 7.5), strong Wolfe steps.

    memory: pairs (s, y) that are kept. The other options are those of `QuasiNewton`.
    """

    def __init__(
        self,
        max_iterations: int = 5000,
        memory: int = 50,
        gradient_tolerance: float = 1e-12,
        reduction_tolerance: float = 1e-14,
    ) -> None:
        super().__init__(max_iterations, gradient_tolerance, reduction_tolerance)
        expect(memory >= 1, "memory >= 1", memory)
        self.memory = memory
        self._pairs: list[tuple[Tensor, Tensor, float]] = []

    @property
    def _learnt(self) -> bool:
        return bool(self._pairs)

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

    def _learn(self, s: Tensor, y: Tensor, step: float, gradient: Tensor) -> None:
        self._pairs.append((s, y, float(torch.dot(s, y))))
        del self._pairs[: -self.memory]

    def _forget(self) -> None:
        self._pairs.clear()

    def state(self) -> dict[str, Any]:
        state = super().state()
        if self._pairs:
            state["s"] = torch.stack([s for s, _, _ in self._pairs])
            state["y"] = torch.stack([y for _, y, _ in self._pairs])
            state["products"] = [product for _, _, product in self._pairs]
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        pairs = zip(state["s"], state["y"], state["products"], strict=True) if "s" in state else ()
        self._pairs = [(s.clone(), y.clone(), product) for s, y, product in pairs]
