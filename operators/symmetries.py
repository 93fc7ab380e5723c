"""Rotations and flips of the square as augmentation, for problems that commute with them."""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry.errors import InputError
from ..geometry.grid import Grid


def check_symmetric(grid: Grid) -> None:
    """Raise InputError unless every axis can take every other's place."""
    axes = set(zip(grid.shape, (round(length, 12) for length in grid.lengths), strict=True))
    if len(axes) > 1 or len(set(grid.wraps)) > 1:
        raise InputError(
            f"augmentation 'symmetries' expects a square grid, got shape {grid.shape} on lengths "
            f"{grid.lengths}; use augmentation 'none'"
        )


def random_symmetries(
    inputs: Tensor, targets: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Move each sample (and its target) by a random element of the symmetry group of its grid.

    inputs, targets (batch, channels, *grid). Every flip of an axis and every swap of neighbouring
    axes is done or not by a coin: in two dimensions that is uniform on the 8 symmetries of the
    square.
    """
    ndim = inputs.ndim - 2
    coins = torch.rand(2 * ndim - 1, len(inputs), generator=generator) < 0.5
    coins = coins.to(inputs.device)
    for axis in range(ndim):
        inputs = _where(coins[axis], inputs.flip(axis + 2), inputs)
        targets = _where(coins[axis], targets.flip(axis + 2), targets)
    for axis in range(ndim - 1):
        coin = coins[ndim + axis]
        inputs = _where(coin, inputs.transpose(axis + 2, axis + 3), inputs)
        targets = _where(coin, targets.transpose(axis + 2, axis + 3), targets)
    return inputs, targets


def _where(coin: Tensor, moved: Tensor, kept: Tensor) -> Tensor:
    return torch.where(coin.view(-1, *(1,) * (kept.ndim - 1)), moved, kept)
