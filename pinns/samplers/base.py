"""What every sampler offers.

A sampler is an object with `draw(count, dimension, residual, inside)` and `state`/`load_state` of
tensors and numbers. `residual` maps points (m, dimension) of the unit cube to |r| (m,) and is None
for the first draw; `inside` tells which points of the cube stand for points of the domain, and
None means all. One that has `weights` besides says with them what its points (m, dimension) count
in the loss, (m,).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from ...geometry.errors import InputError

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
