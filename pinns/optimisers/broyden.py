"""The self-scaled Broyden family with a dense inverse Hessian."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .base import expect
from .quasi_newton import QuasiNewton


class SelfScaled(QuasiNewton):
    """Broyden's family with a dense inverse Hessian H (n, n) in float64, scaled at each step.

    With s, y, p = H y and B the inverse of H,

        H+ = (H - p p^T / y.p + phi v v^T) / tau + s s^T / y.s,
        v = sqrt(y.p) (s / y.s - p / y.p).

    tau < 1 shrinks curvatures that are too large, which BFGS mends slowly. "bfgs" is phi = 1 and
    tau = min(1, y.s / s.B s) (Oren & Luenberger 1974); "broyden" chooses phi and tau by the rules
    of Al-Baali 1998 as Urban, Stefanou & Pons 2025 use them for PINNs. H costs n^2 numbers of
    memory and two passes over one half of them a step. The other options are those of
    `QuasiNewton`. Raises InputError for an unknown rule.
    """

    def __init__(
        self,
        max_iterations: int = 5000,
        rule: str = "broyden",
        gradient_tolerance: float = 1e-14,
        reduction_tolerance: float = 1e-14,
    ) -> None:
        super().__init__(max_iterations, gradient_tolerance, reduction_tolerance)
        expect(rule in RULES, f"a rule of {sorted(RULES)}", rule)
        self.rule = rule
        self._half: Tensor | None = None  # H as of one update ago, in its lower half
        self._pending: tuple[Tensor, Tensor, list[float]] | None = None  # what it lacks

    @property
    def _learnt(self) -> bool:
        return self._half is not None

    def _direction(self, gradient: Tensor) -> Tensor:
        return -self._product(gradient.double()).to(gradient.dtype)

    def _product(self, vector: Tensor) -> Tensor:
        """H v (n,) in float64; the pending update is made in the same pass over H."""
        if self._half is None:
            return vector.clone()
        from .symmetric import multiply, update_and_multiply

        if self._pending is None:
            return multiply(self._half, vector)
        p, s, numbers = self._pending
        self._pending = None
        return update_and_multiply(self._half, p, s, numbers, vector)

    def _learn(self, s: Tensor, y: Tensor, step: float, gradient: Tensor) -> None:
        s, y = s.double(), y.double()
        if self._half is None:  # equation (6.20) of Nocedal & Wright 2006
            scale = float(torch.dot(y, s)) / float(torch.dot(y, y))
            self._half = scale * torch.eye(len(s), dtype=torch.float64)
            curvature = float(torch.dot(s, s)) / scale  # s . B s
        else:
            curvature = -step * float(torch.dot(s, gradient.double()))  # B s = -step gradient
        p = self._product(y)
        self._pending = (p, s, self._numbers(p, s, y, curvature))

    def _numbers(self, p: Tensor, s: Tensor, y: Tensor, curvature: float) -> list[float]:
        """k, a, b, c of H+ = k H + a p p^T + b (p s^T + s p^T) + c s s^T."""
        ys, yp = float(torch.dot(y, s)), float(torch.dot(y, p))
        phi, tau = RULES[self.rule](curvature / ys, yp / ys, len(s))
        return [
            1.0 / tau,
            (phi - 1.0) / (yp * tau),
            -phi / (ys * tau),
            phi * yp / (ys * ys * tau) + 1.0 / ys,
        ]

    def _forget(self) -> None:
        self._half, self._pending = None, None

    def state(self) -> dict[str, Any]:
        state = super().state()
        if self._half is not None:
            state["half"] = self._half.clone()
        if self._pending is not None:
            p, s, numbers = self._pending
            state["pending"] = {"p": p, "s": s, "numbers": numbers}
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self._half = state["half"].clone() if "half" in state else None
        self._pending = None
        if "pending" in state:
            pending = state["pending"]
            self._pending = (pending["p"].clone(), pending["s"].clone(), pending["numbers"])


def _bfgs(b: float, h: float, n: int) -> tuple[float, float]:
    """phi and tau of self-scaled BFGS; b = s.Bs / y.s and h = y.Hy / y.s."""
    return 1.0, min(1.0, 1.0 / b)


def _broyden(b: float, h: float, n: int) -> tuple[float, float]:
    """phi and tau of the self-scaled Broyden method, in the same numbers."""
    a = h * b - 1.0  # >= 0 by Cauchy and Schwarz; 0 where one update is as good as any other
    if not a > 1e-14:
        return _bfgs(b, h, n)
    least = min(1.0, h * (1.0 - math.sqrt(a / (1.0 + a))))
    theta = max((least - 1.0) / a, min(1.0 / least, (1.0 - b) / b))
    sigma = 1.0 + theta * a
    root = sigma ** (-1.0 / (n - 1)) if n > 1 else 1.0
    largest = min(1.0, 1.0 / b)
    tau = min(largest * root, sigma) if theta <= 0.0 else largest * min(root, 1.0 / theta)
    return (1.0 - theta) / sigma, tau


RULES = {"bfgs": _bfgs, "broyden": _broyden}
