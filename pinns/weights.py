"""How much each term of the loss counts, and each of its points, renewed when the points are.

A weighting is an object with `current` (the weight of a term), `pointwise` (weights of its points,
or None where all count the same), `update` and `state`/`load_state`. It changes only at a renewal,
because a quasi-Newton method needs an objective that stands still in between: at a renewal the loop
calls `update`, and `pointwise` once for each term. To add one, write the class and name it in
`WEIGHTINGS`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from ..geometry.errors import InputError

if TYPE_CHECKING:
    from .objective import Objective

EQUATION = "equation"
"""Name of the term of the equation."""


class Weighting(Protocol):
    def current(self, name: str) -> float:
        """Weight of the term of that name."""
        ...

    def pointwise(self, name: str, points: Tensor, squares: Callable[[], Tensor]) -> Tensor | None:
        """Weights (n,) of a term's points (n, coordinates), by its squared misfits there.

        squares: computes them (n,); what does not ask for them saves the time.
        """
        ...

    def update(self, objective: Objective) -> None:
        """Look at the terms of an objective, at the parameters that it holds now."""
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

    def pointwise(self, name: str, points: Tensor, squares: Callable[[], Tensor]) -> Tensor | None:
        return None

    def update(self, objective: Objective) -> None:
        pass

    def state(self) -> dict[str, Any]:
        return {"weights": dict(self.weights)}

    def load_state(self, state: dict[str, Any]) -> None:
        self.weights = dict(state["weights"])


class Balanced(Fixed):
    """Weights w_i = sum_j s_j / s_i of the sizes s that a method gives the terms.

    They start from `weights` and have a memory of renewals: w <- memory w + (1 - memory) w_new. A
    term of size zero keeps its own.
    """

    def __init__(self, memory: float = 0.9, weights: Mapping[str, float] | None = None) -> None:
        super().__init__(weights)
        if not 0.0 <= memory < 1.0:
            raise InputError(f"expected a memory in [0, 1), got {memory}")
        self.memory = memory

    def sizes(self, objective: Objective) -> Mapping[str, float]:
        """By name of the term."""
        raise NotImplementedError

    def update(self, objective: Objective) -> None:
        sizes = self.sizes(objective)
        total = sum(sizes.values())
        for name, size in sizes.items():
            if size > 0.0:
                new = self.memory * self.current(name) + (1.0 - self.memory) * total / size
                self.weights[name] = new


class GradientNorm(Balanced):
    """Weights that give every term's gradient the same length.

    w_i = sum_j |g_j| / |g_i| (Wang, Sankaran, Wang & Perdikaris 2023, equation 3.7).
    """

    def sizes(self, objective: Objective) -> Mapping[str, float]:
        return {name: float(g.norm()) for name, g in objective.gradients().items()}


class TangentKernel(Balanced):
    """Weights that let all terms be learned at the same mean rate.

    w_i = sum_j tr K_j / tr K_i, with K_i = J_i J_i^T the neural tangent kernel of a term's misfits
    over the square root of their number (Wang, Yu & Perdikaris 2022, equation 6.5). The traces are
    sums of squares over the Jacobian's rows, a block of points at a time.
    """

    def sizes(self, objective: Objective) -> Mapping[str, float]:
        """tr K_i. The rows of an objective carry its weights, which are taken out again."""
        sizes = dict.fromkeys(objective.terms, 0.0)
        blocks = objective.jacobian(objective.vector()).blocks()
        for name, count in objective.row_counts().items():
            square = 0.0
            while count > 0:  # a block has rows of one term
                block = next(blocks)
                square += float(block.double().square().sum())
                count -= len(block)
            weight = self.current(name)
            if weight > 0.0:
                sizes[name] = square / weight
        return sizes


class SelfAdaptive(Fixed):
    """A weight for every point, which grows where the misfit stays (McClenny & Braga-Neto 2023).

    Gradient ascent of the loss in the weights, lambda <- lambda + rate r^2 / mean(r^2) at each
    renewal, from 1 at points that are new; the mean makes the rate free of the misfit's units.
    The weights that are handed out have mean 1, so that a term counts as much as before: what
    `weights` says.
    """

    def __init__(self, rate: float = 0.1, weights: Mapping[str, float] | None = None) -> None:
        super().__init__(weights)
        if not rate > 0.0:
            raise InputError(f"expected a rate > 0, got {rate}")
        self.rate = rate
        self.points: dict[str, Tensor] = {}
        self.raised: dict[str, Tensor] = {}

    def pointwise(self, name: str, points: Tensor, squares: Callable[[], Tensor]) -> Tensor | None:
        sizes = squares()
        before = self.points.get(name)
        if before is None or not torch.equal(before, points):
            self.points[name] = points.clone()
            self.raised[name] = torch.ones_like(sizes)
        mean = sizes.mean()
        if bool(mean.isfinite()) and float(mean) > 0.0:
            self.raised[name] = self.raised[name] + self.rate * sizes / mean
        return self.raised[name] / self.raised[name].mean()

    def state(self) -> dict[str, Any]:
        return {**super().state(), "points": dict(self.points), "raised": dict(self.raised)}

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.points = {name: points.clone() for name, points in state["points"].items()}
        self.raised = {name: values.clone() for name, values in state["raised"].items()}


class Causal(Fixed):
    """Earlier times first: a slab of time counts once those before it are solved.

    w_i = exp(-eps sum_{k<i} L_k), L_k the mean square of the equation's misfit in slab k of
    `slabs` (Wang, Sankaran & Perdikaris 2024, equation 3.11). eps moves on to the next of the
    `schedule` when every w exceeds `threshold`. For statements in time; other terms than the
    equation's count as before. Give the initial condition a weight of its own in `weights`.

    The authors of the method state a patent and a non-commercial licence on their own code. This
    is written from the formula above, is an option and never a default; check what applies to you.
    """

    def __init__(
        self,
        slabs: int = 32,
        schedule: Sequence[float] = (0.01, 0.1, 1.0, 10.0, 100.0),
        threshold: float = 0.99,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(weights)
        rising = all(a < b for a, b in itertools.pairwise(schedule))
        if slabs < 1 or not schedule or schedule[0] < 0.0 or not rising or not 0 < threshold < 1:
            raise InputError(
                "expected slabs >= 1, a rising schedule of eps >= 0 and a threshold in (0, 1), got "
                f"{slabs}, {tuple(schedule)} and {threshold}"
            )
        self.slabs, self.schedule, self.threshold = slabs, tuple(schedule), threshold
        self.reached = 0

    def pointwise(self, name: str, points: Tensor, squares: Callable[[], Tensor]) -> Tensor | None:
        if name != EQUATION:
            return None
        times, sizes = points[:, 0], squares()
        span = (times.max() - times.min()).clamp(min=torch.finfo(times.dtype).tiny)
        slab = ((times - times.min()) / span * self.slabs).long().clamp(max=self.slabs - 1)
        sums = torch.zeros(self.slabs, dtype=sizes.dtype).index_add_(0, slab, sizes)
        losses = sums / torch.bincount(slab, minlength=self.slabs).clamp(min=1)
        before = losses.cumsum(0) - losses
        weights = torch.exp(-self.schedule[self.reached] * before)
        if float(weights.min()) > self.threshold and self.reached + 1 < len(self.schedule):
            self.reached += 1
            weights = torch.exp(-self.schedule[self.reached] * before)
        return weights[slab]

    def state(self) -> dict[str, Any]:
        return {**super().state(), "reached": self.reached}

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.reached = state["reached"]


WEIGHTINGS: dict[str, Callable[..., Weighting]] = {
    "fixed": Fixed,
    "gradient_norm": GradientNorm,
    "ntk": TangentKernel,
    "self_adaptive": SelfAdaptive,
    "causal": Causal,
}
"""Each takes `weights`, by name of a term."""
