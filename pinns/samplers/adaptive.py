"""Points in proportion to the residual."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...geometry.errors import InputError
from .base import Inside, Residual
from .even import Sobol

AXES = 6  # of the curve: in more, points that are neighbours on it are not near each other


class ResidualAdaptive:
    """Points drawn in proportion to |r|^k / mean(|r|^k) + c (Wu et al. 2023, equation 2).

    A pool of `pool` times as many Sobol points is weighed, put in order along a Hilbert curve, and
    points are taken where the sum of the weights passes equal steps. So they are spread as evenly
    as the law allows: independent draws would add the noise of a Monte Carlo sum to the loss.
    Where the law wants more points than the pool has, a point is taken twice.
    k = exponent, c = floor: a large c comes back to uniform points.
    """

    def __init__(
        self, seed: int = 0, exponent: float = 1.0, floor: float = 1.0, pool: int = 8
    ) -> None:
        if exponent < 0 or floor < 0 or pool < 1:
            raise InputError(
                f"expected exponent >= 0, floor >= 0 and pool >= 1, got {exponent}, {floor}, {pool}"
            )
        self.exponent, self.floor, self.pool = exponent, floor, pool
        self.candidates = Sobol(seed)
        self.generator = torch.Generator().manual_seed(seed)

    def draw(
        self,
        count: int,
        dimension: int,
        residual: Residual | None = None,
        inside: Inside | None = None,
    ) -> Tensor:
        if residual is None:
            return self.candidates.draw(count, dimension, None, inside)
        points = self.candidates.draw(self.pool * count, dimension, None, inside)
        weights = residual(points).abs() ** self.exponent
        # Where the residual vanishes or overflows there is nothing to adapt to.
        mean = weights.mean()
        flat = not (bool(mean.isfinite()) and float(mean) > 0.0)
        law = torch.ones_like(weights) if flat else weights / mean + self.floor
        from ...solvers.ordering import hilbert_order  # compiled: only who adapts waits for it

        order = torch.from_numpy(hilbert_order(points[:, :AXES].numpy()))
        passed = torch.cumsum(law[order], 0)
        start = torch.rand((), dtype=torch.float64, generator=self.generator)
        steps = (torch.arange(count, dtype=torch.float64) + start) / count
        chosen = torch.searchsorted(passed, steps * passed[-1]).clamp(max=len(points) - 1)
        return points[order[chosen]]

    def state(self) -> dict[str, Any]:
        return {
            "candidates": self.candidates.state(),
            "generator": self.generator.get_state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.candidates.load_state(state["candidates"])
        self.generator.set_state(state["generator"].clone())
