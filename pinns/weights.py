"""How much each term of the loss counts: one number a term, renewed when the points are.

A weighting is an object with `current` (name to weight), `update(gradients)` and
`state`/`load_state`. It changes only at a renewal, because a quasi-Newton method needs an
objective that stands still in between. To add one, write the class and name it in `WEIGHTINGS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import Tensor

from ..geometry.errors import InputError


class Weighting(Protocol):
    def current(self, name: str) -> float:
        """Weight of the term of that name."""
        ...

    def update(self, gradients: Callable[[], Mapping[str, Tensor]]) -> None:
        """`gradients()` computes each term's own gradient (parameters,), without its weight."""
        ...

    def state(self) -> dict[str, Any]: ...

    def load_state(self, state: dict[str, Any]) -> None: ...


class Fixed:
    """Given weights; 1 where none is given."""

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        self.weights = dict(weights or {})
        if any(not weight >= 0 for weight in self.weights.values()):
            raise InputError(f"expected weights >= 0, got {self.weights}")

    def current(self, name: str) -> float:
        return self.weights.get(name, 1.0)

    def update(self, gradients: Callable[[], Mapping[str, Tensor]]) -> None:
        pass

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        pass


class GradientNorm:
    """Weights that give every term's gradient the same length.

    w_i = sum_j |g_j| / |g_i| (Wang, Sankaran, Wang & Perdikaris 2023, equation 3.7), averaged
    over time with `memory`: w <- memory w + (1 - memory) w_new.
    """

    def __init__(self, memory: float = 0.9) -> None:
        if not 0.0 <= memory < 1.0:
            raise InputError(f"expected a memory in [0, 1), got {memory}")
        self.memory = memory
        self.weights: dict[str, float] = {}

    def current(self, name: str) -> float:
        return self.weights.get(name, 1.0)

    def update(self, gradients: Callable[[], Mapping[str, Tensor]]) -> None:
        norms = {name: float(gradient.norm()) for name, gradient in gradients().items()}
        total = sum(norms.values())
        for name, norm in norms.items():
            if norm > 0.0:
                new = self.memory * self.current(name) + (1.0 - self.memory) * total / norm
                self.weights[name] = new

    def state(self) -> dict[str, Any]:
        return {"weights": dict(self.weights)}

    def load_state(self, state: dict[str, Any]) -> None:
        self.weights = dict(state["weights"])


WEIGHTINGS: dict[str, Callable[[], Weighting]] = {"fixed": Fixed, "gradient_norm": GradientNorm}
