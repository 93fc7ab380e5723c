"""What the training loop needs to know of a family of networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..geometry.grid import Grid


@dataclass(frozen=True)
class Architecture:
    """One entry of the registry; others' packages export one under `sobolev.operators`.

    summary : one line for `sobolev list`
    config : frozen dataclass of its options
    build : (config, in_channels, out_channels, grid) -> a module that maps
        (batch, in_channels, *grid) to (batch, out_channels, *grid), in normalised units
    any_grid : whether the same weights work on other resolutions of the training box
    fit : (module, inputs, targets, seed) in place of gradient descent, or None
    """

    summary: str
    config: type
    build: Callable[[Any, int, int, Grid], nn.Module]
    any_grid: bool
    fit: Callable[[Any, Tensor, Tensor, int], None] | None = None
