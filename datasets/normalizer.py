"""Normalisation of fields for training, and the way back to physical units."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..geometry.errors import InputError


class Normalizer(nn.Module):
    """Each channel to mean 0 and standard deviation 1; the statistics are buffers.

    Channels without variation (a parameter that is the same in all samples) are only shifted.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def fit(self, values: Tensor) -> Normalizer:
        """Take the statistics of values (N, channels, *grid), summed in double precision."""
        if values.ndim < 2 or values.shape[1] != len(self.mean) or not len(values):
            raise InputError(
                f"expected values of shape (N, {len(self.mean)}, …), got {tuple(values.shape)}"
            )
        for c in range(values.shape[1]):
            channel = values[:, c].double()
            mean, std = channel.mean(), channel.std(correction=0)
            varies = std > 8 * torch.finfo(values.dtype).eps * channel.abs().max()
            self.mean[c], self.std[c] = mean, std if bool(varies) else 1.0
        return self

    def forward(self, values: Tensor) -> Tensor:
        """Physical units to normalised ones, (batch, channels, *grid)."""
        return (values - self._along(self.mean, values)) / self._along(self.std, values)

    def inverse(self, values: Tensor) -> Tensor:
        """Normalised units to physical ones."""
        return values * self._along(self.std, values) + self._along(self.mean, values)

    @staticmethod
    def _along(statistic: Tensor, values: Tensor) -> Tensor:
        return statistic.reshape(-1, *(1,) * (values.ndim - 2))
