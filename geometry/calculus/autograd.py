"""The automatic-differentiation reading: derivatives of a network at scattered points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..errors import InputError
from .base import Calculus


class AutogradCalculus(Calculus):
    """Nested reverse-mode derivatives of tensors of one shape (n,) or (n, 1).

    coordinates: a tensor a name, each with `requires_grad`, from which u was computed point by
    point. The derivative of a sum over points is the pointwise derivative only where no point
    sees another, so networks with batch statistics are wrong here.

    Every derivative is remembered, so d(u, "xx") and d(u, "x") share their first step. The
    memory holds its tensors and so does this object: make a new one each training step.
    """

    def __init__(self, coordinates: Mapping[str, torch.Tensor]) -> None:
        super().__init__(tuple(coordinates))
        self.points = dict(coordinates)
        for name, values in self.points.items():
            if not values.requires_grad:
                raise InputError(f"the coordinate '{name}' needs requires_grad_()")
        self._memory: dict[tuple[int, str], tuple[torch.Tensor, torch.Tensor]] = {}
        self._derived: dict[int, torch.Tensor] = {}

    def derivative(self, expression: Any, along: tuple[str, ...]) -> Any:
        if isinstance(expression, (int, float)):
            return 0.0
        for name in along:
            expression = self._first(expression, name)
        return expression

    def _first(self, u: torch.Tensor, name: str) -> torch.Tensor:
        key = (id(u), name)
        if key in self._memory:
            return self._memory[key][1]
        if u.is_complex():
            raise InputError("expected real unknowns, got complex ones; write two real ones")
        slopes: tuple[torch.Tensor | None, ...]
        if u.requires_grad:
            # One backward pass serves every coordinate; the others are remembered.
            slopes = torch.autograd.grad(
                u, list(self.points.values()), torch.ones_like(u), create_graph=True,
                allow_unused=True,
            )  # fmt: skip
        elif u.numel() == 1 or id(u) in self._derived:
            slopes = (None,) * len(self.points)
        else:
            # A silent zero here would drop a term of the equation.
            raise InputError(
                f"expected a function of '{name}' to differentiate, got values without a graph"
                " to it; compute the field from the coordinates"
            )
        for (other, points), slope in zip(self.points.items(), slopes, strict=True):
            slope = torch.zeros_like(points) if slope is None else slope
            self._memory[id(u), other] = (u, slope)
            self._derived[id(slope)] = slope
        return self._memory[key][1]
