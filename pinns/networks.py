"""Networks of a PINN: points (n, coordinates) in, values (n,) out, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..geometry.errors import InputError

# Every one is smooth: a kink has no second derivative, and the equation would not see it.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sin": torch.sin,
    "silu": nn.functional.silu,
    "gelu": nn.functional.gelu,
}


class Coordinates(nn.Module):
    """Physical points to features: [-1, 1] on open axes, a Fourier basis on periodic ones.

    extent: (left, right) a coordinate; periodic: one bool a coordinate; harmonics: K. A periodic
    axis of length L becomes sin and cos of 2 pi k (x - left) / L for k = 1..K, so that whatever
    follows is periodic in it together with all its derivatives. The points are wrapped first:
    the two ends of the axis give the same bits.
    """

    def __init__(
        self, extent: Sequence[tuple[float, float]], periodic: Sequence[bool], harmonics: int = 1
    ) -> None:
        super().__init__()
        if len(extent) != len(periodic):
            raise InputError(f"expected one extent and one flag an axis, got {extent}, {periodic}")
        if harmonics < 1:
            raise InputError(f"expected at least one harmonic, got {harmonics}")
        self.extent, self.periodic, self.harmonics = tuple(extent), tuple(periodic), harmonics

    @property
    def features(self) -> int:
        return sum(2 * self.harmonics if wraps else 1 for wraps in self.periodic)

    def forward(self, points: Tensor) -> Tensor:
        """(n, coordinates) to (n, features)."""
        features = []
        for i, ((left, right), wraps) in enumerate(zip(self.extent, self.periodic, strict=True)):
            x = (points[:, i] - left) / (right - left)
            if not wraps:
                features.append(2.0 * x - 1.0)
                continue
            x = x - x.detach().floor()
            for k in range(1, self.harmonics + 1):
                features += [torch.sin(2.0 * math.pi * k * x), torch.cos(2.0 * math.pi * k * x)]
        return torch.stack(features, dim=-1)


class MLP(nn.Module):
    """A fully connected network on `Coordinates`: `depth` hidden layers of `width` units.

    Weights are drawn from N(0, 2 / (in + out)) (Glorot & Bengio 2010, equation 16, as a normal
    law) by a generator of their own, biases are zero: the same seed gives the same bits.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        width: int = 32,
        depth: int = 4,
        activation: str = "tanh",
        seed: int = 0,
    ) -> None:
        super().__init__()
        if width < 1 or depth < 1:
            raise InputError(f"expected width and depth of at least 1, got {width} and {depth}")
        if activation not in ACTIVATIONS:
            raise InputError(f"expected an activation of {sorted(ACTIVATIONS)}, got '{activation}'")
        self.coordinates = coordinates
        self.activation = ACTIVATIONS[activation]
        sizes = [coordinates.features, *[width] * depth, 1]
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList()
        for n_in, n_out in pairwise(sizes):
            layer = nn.Linear(n_in, n_out, dtype=torch.float64)
            nn.init.normal_(layer.weight, std=math.sqrt(2.0 / (n_in + n_out)), generator=generator)
            nn.init.zeros_(layer.bias)
            self.layers.append(layer)

    def forward(self, points: Tensor) -> Tensor:
        """(n, coordinates) to (n,)."""
        h = self.coordinates(points)
        for layer in self.layers[:-1]:
            h = self.activation(layer(h))
        return self.layers[-1](h)[:, 0]


class HardInitial(nn.Module):
    """u(t, x) = u0(x) + (t - t0) / (t1 - t0) N(t, x): the initial field holds exactly.

    initial: points (n, coordinates) to u0 (n,), differentiable; time: column of t in the points
    and its (t0, t1).
    """

    def __init__(
        self,
        network: nn.Module,
        initial: Callable[[Tensor], Tensor],
        column: int,
        interval: tuple[float, float],
    ) -> None:
        super().__init__()
        self.network, self.initial = network, initial
        self.column, self.interval = column, interval

    def forward(self, points: Tensor) -> Tensor:
        """(n, coordinates) to (n,)."""
        start, end = self.interval
        elapsed = (points[:, self.column] - start) / (end - start)
        return self.initial(points) + elapsed * self.network(points)
