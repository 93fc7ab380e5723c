"""The plain network, and what all networks have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from ...geometry.errors import InputError
from .activations import Activate
from .coordinates import Coordinates
from .embeddings import RandomFourier

Embedding = Coordinates | RandomFourier
"""Points (n, coordinates) to (n, `features`)."""


def dense(n_in: int, n_out: int, generator: torch.Generator, dtype: torch.dtype) -> nn.Linear:
    """A layer with weights from N(0, 2 / (in + out)) and no bias yet.

    Glorot & Bengio 2010, equation 16, as a normal law.
    """
    layer = nn.Linear(n_in, n_out, dtype=dtype)
    # Drawn in double precision whatever the type, so that a seed means one network.
    drawn = torch.randn(n_out, n_in, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        layer.weight.copy_(drawn * math.sqrt(2.0 / (n_in + n_out)))
        layer.bias.zero_()
    return layer


class Network(nn.Module):
    """Points (n, coordinates) to values (n, outputs): features of `hidden`, and a linear layer.

    coordinates: the embedding that comes first.
    """

    layers: nn.ModuleList

    def __init__(self, coordinates: Embedding, width: int, depth: int, outputs: int) -> None:
        super().__init__()
        if width < 1 or depth < 1 or outputs < 1:
            raise InputError(
                "expected width, depth and outputs of at least 1, got "
                f"{width}, {depth} and {outputs}"
            )
        self.coordinates = coordinates

    @property
    def last(self) -> nn.Linear:
        """The layer that gives the values, the last of `layers`."""
        layer = self.layers[-1]
        assert isinstance(layer, nn.Linear)  # a ModuleList does not tell the checker
        return layer

    def hidden(self, points: Tensor) -> Tensor:
        """(n, coordinates) to the features of the last layer (n, k)."""
        raise NotImplementedError

    def forward(self, points: Tensor) -> Tensor:
        """(n, coordinates) to (n, outputs)."""
        return self.last(self.hidden(points))


class MLP(Network):
    """`depth` hidden layers of `width` units.

    The same seed gives the same bits. Raises InputError on an unknown activation and on sizes
    below 1.
    """

    def __init__(
        self,
        coordinates: Embedding,
        width: int = 32,
        depth: int = 4,
        activation: str = "tanh",
        seed: int = 0,
        outputs: int = 1,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__(coordinates, width, depth, outputs)
        sizes = [coordinates.features, *[width] * depth, outputs]
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList(dense(a, b, generator, dtype) for a, b in pairwise(sizes))
        self.activations = nn.ModuleList(Activate(activation, width, dtype) for _ in range(depth))

    @property
    def activation(self) -> Callable[..., Tensor]:
        """The function of its activation, which may take trained numbers beside x."""
        first = self.activations[0]
        assert isinstance(first, Activate)  # a ModuleList does not tell the checker
        return first.function

    def hidden(self, points: Tensor) -> Tensor:
        h = self.coordinates(points)
        for layer, activation in zip(self.layers[:-1], self.activations, strict=True):
            h = activation(layer(h))
        return h


def fit_last_layer(network: Network, points: Tensor, values: Tensor) -> None:
    """Set the last layer to the least-squares fit of values (n, outputs) at points.

    The fit of least length where the features do not decide it. A start from the initial field
    (Wang, Li, Chen & Perdikaris 2024, section 4.2): exact in the limit, and nearer than zero.
    """
    with torch.no_grad():
        features = network.hidden(points)
        ones = torch.ones(len(points), 1, dtype=features.dtype)
        if values.shape != (len(points), network.last.out_features):
            raise InputError(
                f"expected values {(len(points), network.last.out_features)}, got "
                f"{tuple(values.shape)}"
            )
        solution = torch.linalg.lstsq(
            torch.cat([features, ones], dim=1), values.to(features), driver="gelsd"
        ).solution
        network.last.weight.copy_(solution[:-1].T)
        network.last.bias.copy_(solution[-1])
