"""Relative norms as losses: scale-free, so that every sample counts alike."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ..geometry.grid import Grid
from ..geometry.norms import error

LossName = Literal["L2", "H1"]


def relative_loss(prediction: Tensor, target: Tensor, grid: Grid, kind: LossName = "L2") -> Tensor:
    """Mean of |prediction - target| / |target| over samples and channels, in the norm `kind`.

    prediction, target (batch, channels, *grid.shape), in physical units.
    """
    return error(prediction, target, grid, kind=kind).mean()
