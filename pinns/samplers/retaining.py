"""R3: retain points where the residual is large, release and draw the others again."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ...geometry.errors import InputError
from .base import Inside, Residual
from .even import Uniform


class R3:
    """Points with |r| above the mean of |r| stay, uniform ones take the place of the others.

    Daw, Bu, Wang, Perdikaris & Karpatne 2023, algorithm 1, which draws at every step. Points
    gather where the residual is large and stays so, while others go on looking everywhere.
    """

    def __init__(self, seed: int = 0) -> None:
        self.fresh = Uniform(seed)
        self.points = torch.empty(0, 0, dtype=torch.float64)

    def draw(
        self,
        count: int,
        dimension: int,
        residual: Residual | None = None,
        inside: Inside | None = None,
    ) -> Tensor:
        kept = self.points[:0].reshape(0, dimension)
        if residual is not None and len(self.points):
            fitness = self.fitness(self.points, residual)
            kept = self.points[fitness > fitness.mean()][:count]  # none where it is not finite
        fresh = self.fresh.draw(count - len(kept), dimension, None, inside)
        self.points = torch.cat([kept, fresh])
        return self.points

    def fitness(self, points: Tensor, residual: Residual) -> Tensor:
        """What decides which points stay, (m,)."""
        return residual(points).abs()

    def state(self) -> dict[str, Any]:
        return {"fresh": self.fresh.state(), "points": self.points.clone()}  # the loop holds it too

    def load_state(self, state: dict[str, Any]) -> None:
        self.fresh.load_state(state["fresh"])
        self.points = state["points"].clone()


class CausalR3(R3):
    """R3 with a gate that opens in time: |r| (1 - tanh(steepness (t - b))) / 2 decides.

    t is the first coordinate of the unit cube, the time from 0 to 1. At each draw b moves by
    rate min(step, exp(-tolerance mean(fitness^2))): on, as soon as the residual is small where
    the gate is open. The loss sees residuals through the gate, too. Daw et al. 2023, section 4.2,
    where it draws at every step with a rate of 1e-3; the default suits draws that are hundreds of
    steps apart.
    """

    needs_time = True

    def __init__(
        self,
        seed: int = 0,
        rate: float = 1.0,
        start: float = -0.5,
        steepness: float = 5.0,
        step: float = 0.1,
        tolerance: float = 20.0,
    ) -> None:
        super().__init__(seed)
        if not (rate > 0 and steepness > 0 and step > 0 and tolerance >= 0):
            raise InputError(
                "expected rate, steepness and step > 0 and tolerance >= 0, got "
                f"{rate}, {steepness}, {step} and {tolerance}"
            )
        self.rate, self.steepness, self.step, self.tolerance = rate, steepness, step, tolerance
        self.opened = start

    def gate(self, times: Tensor) -> Tensor:
        """1 where the gate is open, 0 where it is closed; times from 0 to 1."""
        return (1.0 - torch.tanh(self.steepness * (times - self.opened))) / 2.0

    def weights(self, points: Tensor) -> Tensor:
        """Squares of the gate, with which squares of residuals at points count, (m,)."""
        return self.gate(points[:, 0]).square()

    def fitness(self, points: Tensor, residual: Residual) -> Tensor:
        gated = self.gate(points[:, 0]) * residual(points).abs()
        square = float(gated.square().mean())
        if math.isfinite(square):
            self.opened += self.rate * min(self.step, math.exp(-self.tolerance * square))
        return gated

    def state(self) -> dict[str, Any]:
        return {**super().state(), "opened": self.opened}

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.opened = float(state["opened"])
