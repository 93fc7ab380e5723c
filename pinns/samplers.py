"""Where the equation is asked for: each sampler draws points of the unit cube.

A sampler is an object with `draw(count, dimension, residual, inside)` and `state`/`load_state` of
tensors and numbers. `residual` maps points (m, dimension) of the unit cube to |r| (m,) and is None
for the first draw; `inside` tells which points of the cube stand for points of the domain, and
None means all. To add one, write the class and name it in `SAMPLERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from ..geometry.errors import InputError

Residual = Callable[[Tensor], Tensor]
Inside = Callable[[Tensor], Tensor]
ROUNDS = 1000  # of drawing until enough points lie inside


class Sampler(Protocol):
    def draw(
        self,
        count: int,
        dimension: int,
        residual: Residual | None = None,
        inside: Inside | None = None,
    ) -> Tensor:
        """(count, dimension) float64 points in [0, 1], all of them inside."""
        ...

    def state(self) -> dict[str, Any]: ...

    def load_state(self, state: dict[str, Any]) -> None: ...


def fill(some: Callable[[int], Tensor], count: int, inside: Inside | None) -> Tensor:
    """The first `count` points inside of a sequence, of which `some(n)` gives the next n.

    Raises InputError where next to none are inside.
    """
    if inside is None:
        return some(count)
    parts: list[Tensor] = []
    found, n = 0, count
    for _ in range(ROUNDS):
        points = some(n)
        parts.append(points[inside(points)])
        found += len(parts[-1])
        if found >= count:
            return torch.cat(parts)[:count]
        n = count - found
    raise InputError(
        f"expected a domain that fills its box better, got {found} of {count} points; cut the box"
    )


class Uniform:
    """Independent points of the uniform law."""

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def draw(
        self,
        count: int,
        dimension: int,
        residual: Residual | None = None,
        inside: Inside | None = None,
    ) -> Tensor:
        def some(n: int) -> Tensor:
            return torch.rand(n, dimension, dtype=torch.float64, generator=self.generator)

        return fill(some, count, inside)

    def state(self) -> dict[str, Any]:
        return {"generator": self.generator.get_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["generator"].clone())


class Sobol:
    """Scrambled Sobol points (Owen 1995); each draw takes the next ones of one sequence."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.drawn = 0

    def draw(
        self,
        count: int,
        dimension: int,
        residual: Residual | None = None,
        inside: Inside | None = None,
    ) -> Tensor:
        if not 1 <= dimension <= SobolEngine.MAXDIM:
            raise InputError(f"expected 1 to {SobolEngine.MAXDIM} coordinates, got {dimension}")
        engine = SobolEngine(dimension, scramble=True, seed=self.seed).fast_forward(self.drawn)

        def some(n: int) -> Tensor:
            self.drawn += n
            return engine.draw(n, dtype=torch.float64)

        return fill(some, count, inside)

    def state(self) -> dict[str, Any]:
        return {"drawn": self.drawn}

    def load_state(self, state: dict[str, Any]) -> None:
        self.drawn = state["drawn"]


class ResidualAdaptive:
    """Points drawn in proportion to |r|^k / mean(|r|^k) + c (Wu et al. 2023, equation 2).

    A pool of `pool` times as many Sobol points is weighed and drawn from without repetition.
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
        chosen = torch.multinomial(law, count, generator=self.generator)
        return points[chosen]

    def state(self) -> dict[str, Any]:
        return {
            "candidates": self.candidates.state(),
            "generator": self.generator.get_state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.candidates.load_state(state["candidates"])
        self.generator.set_state(state["generator"].clone())


SAMPLERS: dict[str, Callable[[int], Sampler]] = {
    "uniform": Uniform,
    "sobol": Sobol,
    "adaptive": ResidualAdaptive,
}
