"""A network together with the units of its data."""

from __future__ import annotations

from torch import Tensor, nn

from ..datasets.normalizer import Normalizer


class PhysicalOperator(nn.Module):
    """Physical inputs (batch, channels, *grid) to physical outputs, through a normalised network.

    The statistics are buffers: they travel with the weights and cannot be forgotten.
    """

    def __init__(self, network: nn.Module, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.network = network
        self.inputs = Normalizer(in_channels)
        self.outputs = Normalizer(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.outputs.inverse(self.network(self.inputs(x)))
