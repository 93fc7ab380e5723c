"""The modified multilayer perceptron."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from .activations import Activate
from .mlp import Embedding, Network, dense


class ModifiedMLP(Network):
    """Hidden layers that mix two encodings of the input (Wang, Teng & Perdikaris 2021).

    U and V are one layer of the input each; every hidden layer z = activation(W h + b) is followed
    by h = z U + (1 - z) V, so that the input reaches all depths.
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
        generator = torch.Generator().manual_seed(seed)
        sizes = [coordinates.features, *[width] * depth, outputs]
        self.layers = nn.ModuleList(dense(a, b, generator, dtype) for a, b in pairwise(sizes))
        self.encoders = nn.ModuleList(
            dense(coordinates.features, width, generator, dtype) for _ in range(2)
        )
        self.activations = nn.ModuleList(
            Activate(activation, width, dtype) for _ in range(depth + 2)
        )

    def hidden(self, points: Tensor) -> Tensor:
        h = self.coordinates(points)
        *activations, first, second = self.activations
        u, v = first(self.encoders[0](h)), second(self.encoders[1](h))
        for layer, activation in zip(self.layers[:-1], activations, strict=True):
            h = gate(activation(layer(h)), u, v)
        return h


def gate(z: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """z u + (1 - z) v."""
    return v + z * (u - v)
