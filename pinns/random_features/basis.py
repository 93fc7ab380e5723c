"""Random functions of a patch, with their derivatives in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ...geometry.errors import InputError
from .patches import TENSOR, along, reference_points, tensor_points

Index = tuple[int, ...]


def _sine(z: Tensor, order: int) -> list[Tensor]:
    sine, cosine = torch.sin(z), torch.cos(z)
    return [(sine, cosine, -sine, -cosine)[k % 4] for k in range(order + 1)]


def _tanh(z: Tensor, order: int) -> list[Tensor]:
    """Each derivative is a polynomial P_k of y = tanh z, with P_{k+1} = P_k' (1 - y^2)."""
    y = torch.tanh(z)
    coefficients, found = [0.0, 1.0], []
    for _ in range(order + 1):
        value = torch.zeros_like(y)
        for c in reversed(coefficients):
            value = value * y + c
        found.append(value)
        slope = [k * c for k, c in enumerate(coefficients)][1:]
        coefficients = [
            (slope[k] if k < len(slope) else 0.0) - (slope[k - 2] if k >= 2 else 0.0)
            for k in range(len(slope) + 2)
        ]
    return found


def _chebyshev(count: int, dimension: int) -> Tensor:
    """As `reference_points`, nearer to the ends: there a basis is worst."""
    if dimension > TENSOR:
        return reference_points(count, dimension)
    each = along(count, dimension)
    return tensor_points(
        [torch.cos(math.pi * (torch.arange(each, dtype=torch.float64) + 0.5) / each)] * dimension
    )


FEATURES: dict[str, Callable[[Tensor, int], list[Tensor]]] = {"sin": _sine, "tanh": _tanh}
"""Derivatives 0..order of a feature by its name."""


class Basis:
    """A frozen random layer on the patch [-1, 1]^d, made nearly orthogonal.

    The layer is phi_i(xi) = f(w_i . xi + b_i), with w_i uniform in [-frequency, frequency]^d and
    phases that spread the features over the patch. Its functions depend on each other to rounding,
    so they are combined, by a singular value decomposition at Chebyshev points, to `size` functions
    of mean square 1 there; combinations below `cutoff` of the largest are dropped.
    """

    def __init__(
        self,
        dimension: int,
        features: int = 200,
        frequency: float = 4.0,
        feature: str = "sin",
        cutoff: float = 1e-12,
        seed: int = 0,
    ) -> None:
        if feature not in FEATURES:
            raise InputError(f"expected a feature of {sorted(FEATURES)}, got '{feature}'")
        generator = torch.Generator().manual_seed(seed)

        def uniform(*shape: int) -> Tensor:
            drawn = torch.rand(*shape, dtype=torch.float64, generator=generator)
            return 2.0 * drawn - 1.0

        self.derivatives = FEATURES[feature]
        self.weight = frequency * uniform(features, dimension)
        if feature == "sin":
            self.bias = math.pi * uniform(features)
        else:  # the steepest place of each lies in the patch
            self.bias = -(self.weight * uniform(features, dimension)).sum(dim=1)
        points = _chebyshev(3 * features, dimension)
        layer = self.derivatives(points @ self.weight.T + self.bias, 0)[0]
        _, values, rows = torch.linalg.svd(layer, full_matrices=False)
        self.size = int((values > cutoff * values[0]).sum())
        self.mixing = rows[: self.size].T / values[: self.size] * math.sqrt(len(points))

    def __call__(self, local: Tensor, indices: Iterable[Index]) -> dict[Index, Tensor]:
        """Derivatives (n, size) by multi-index at points (n, d) of the patch."""
        indices = list(indices)
        orders = self.derivatives(local @ self.weight.T + self.bias, max(map(sum, indices)))
        found = {}
        for index in indices:
            factor = torch.ones(len(self.weight), dtype=torch.float64)
            for axis, order in enumerate(index):
                factor = factor * self.weight[:, axis] ** order
            found[index] = (orders[sum(index)] * factor) @ self.mixing
        return found

    def values(self, local: Tensor) -> Tensor:
        """(n, size), which torch differentiates."""
        return self.derivatives(local @ self.weight.T + self.bias, 0)[0] @ self.mixing
