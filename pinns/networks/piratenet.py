"""A residual network that starts as a linear model."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .activations import Activate
from .embeddings import RandomFourier
from .mlp import Embedding, Network, dense
from .modified_mlp import gate


class Block(nn.Module):
    """Three gated layers and x <- alpha h + (1 - alpha) x, with alpha = 0 at the start."""

    def __init__(
        self, width: int, activation: str, generator: torch.Generator, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(dense(width, width, generator, dtype) for _ in range(3))
        self.activations = nn.ModuleList(Activate(activation, width, dtype) for _ in range(3))
        self.alpha = nn.Parameter(torch.zeros((), dtype=dtype))

    def forward(self, x: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """(n, width) to the same shape; u, v (n, width): the two encodings."""
        f, g, h = self.layers
        first, second, third = self.activations
        y = gate(first(f(x)), u, v)
        y = gate(second(g(y)), u, v)
        y = third(h(y))
        return x + self.alpha * (y - x)


class PirateNet(Network):
    """`depth` blocks with adaptive residual connections (Wang, Li, Chen & Perdikaris 2024).

    At the start the network is its last layer on random Fourier features of the coordinates, so
    that `fit_last_layer` can begin at the initial field; depth is switched on as it is needed.
    width: even, of the features and of all blocks.
    """

    def __init__(
        self,
        coordinates: Embedding,
        width: int = 32,
        depth: int = 3,
        activation: str = "tanh",
        seed: int = 0,
        outputs: int = 1,
        dtype: torch.dtype = torch.float64,
        scale: float = 1.0,
    ) -> None:
        if not isinstance(coordinates, RandomFourier):
            coordinates = RandomFourier(coordinates, math.ceil(width / 2), scale, seed, dtype)
        width = coordinates.features
        super().__init__(coordinates, width, depth, outputs)
        generator = torch.Generator().manual_seed(seed)
        self.encoders = nn.ModuleList(dense(width, width, generator, dtype) for _ in range(2))
        self.activations = nn.ModuleList(Activate(activation, width, dtype) for _ in range(2))
        self.blocks = nn.ModuleList(
            Block(width, activation, generator, dtype) for _ in range(depth)
        )
        self.output = dense(width, outputs, generator, dtype)

    @property
    def last(self) -> nn.Linear:
        return self.output

    def hidden(self, points: Tensor) -> Tensor:
        h = self.coordinates(points)
        first, second = self.activations
        u, v = first(self.encoders[0](h)), second(self.encoders[1](h))
        for block in self.blocks:
            h = block(h, u, v)
        return h
