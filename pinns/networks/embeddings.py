"""Random Fourier features of the coordinates."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...geometry.errors import InputError
from .coordinates import Coordinates


class RandomFourier(nn.Module):
    """cos(B h) and sin(B h) of the features h of `Coordinates`, B drawn once from N(0, scale^2).

    `count` frequencies give 2 count features (Tancik et al. 2020, equation 1, with the 2 pi in
    the scale). Axes that are periodic stay so. B is part of the state and is not trained.
    """

    frequencies: Tensor

    def __init__(
        self,
        coordinates: Coordinates,
        count: int,
        scale: float = 1.0,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        if count < 1 or not 0.0 < scale < math.inf:
            raise InputError(
                f"expected at least one frequency and a scale > 0, got {count} and {scale}"
            )
        self.coordinates = coordinates
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(count, coordinates.features, dtype=torch.float64, generator=generator)
        self.register_buffer("frequencies", (scale * drawn).to(dtype))

    @property
    def features(self) -> int:
        return 2 * len(self.frequencies)

    def forward(self, points: Tensor) -> Tensor:
        """(n, coordinates) to (n, features)."""
        angles = nn.functional.linear(self.coordinates(points), self.frequencies)
        return torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)
