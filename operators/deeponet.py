"""DeepONet (Lu et al. 2021, doi:10.1038/s42256-021-00302-5): branch, trunk, inner product."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from ..geometry.interpolation import interpolate
from .architecture import Architecture
from .config import require


@dataclass(frozen=True)
class DeepONetConfig:
    """Options of a DeepONet.

    width, depth : of the hidden layers of branch and trunk
    basis : number of products in the sum, for each output channel
    sensors : points an axis at which the branch sees its input (at most the training grid's)
    frequencies : the trunk sees a periodic coordinate as cos and sin of so many multiples
    """

    width: int = 128
    depth: int = 3
    basis: int = 96
    sensors: int = 32
    frequencies: int = 4

    def __post_init__(self) -> None:
        for name in ("width", "depth", "basis", "frequencies"):
            value = getattr(self, name)
            require(isinstance(value, int) and value >= 1, f"{name} of at least 1", value)
        require(
            isinstance(self.sensors, int) and self.sensors >= 4, "at least 4 sensors", self.sensors
        )


class DeepONet(nn.Module):
    """u(x) = sum_k branch_k(a) trunk_k(x) + bias: (batch, in, *grid) -> (batch, out, *grid).

    The sensors are fixed points of the box: an input on any resolution is interpolated to them
    (trigonometric on periodic axes, cubic elsewhere; on grids that hold the sensors it is a
    selection), and the trunk is evaluated at the grid's own points.
    """

    def __init__(
        self, config: DeepONetConfig, in_channels: int, out_channels: int, grid: Grid
    ) -> None:
        super().__init__()
        self.config, self.grid = config, grid
        self.in_channels, self.out_channels = in_channels, out_channels
        self.sensors = grid.with_shape([min(config.sensors, n) for n in grid.shape])
        embedded = sum(2 * config.frequencies if wraps else 1 for wraps in grid.wraps)
        width, depth = config.width, config.depth
        self.branch = _network(
            in_channels * self.sensors.size, width, depth, out_channels * config.basis
        )
        self.trunk = _network(embedded, width, depth, config.basis)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != self.grid.ndim + 2 or x.shape[1] != self.in_channels:
            raise InputError(
                f"expected input (batch, {self.in_channels}, {self.grid.ndim} grid axes), "
                f"got shape {tuple(x.shape)}; reshape the input"
            )
        grid = self.grid.with_shape(x.shape[2:])
        sampled = x
        for axis in range(grid.ndim):
            matrix = _to_sensors(_axis(grid, axis), _axis(self.sensors, axis))
            sampled = torch.tensordot(sampled, matrix.to(x), dims=([2], [0]))  # axis goes last
        coefficients = self.branch(sampled.flatten(1)).unflatten(1, (self.out_channels, -1))
        basis = self.trunk(_embedding(grid, self.config.frequencies).to(x))
        u = coefficients @ basis.T / math.sqrt(self.config.basis) + self.bias[:, None]
        return u.unflatten(-1, grid.shape)


def _network(inputs: int, width: int, depth: int, outputs: int) -> nn.Sequential:
    sizes = [inputs, *[width] * depth]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.GELU()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def _axis(grid: Grid, axis: int) -> Grid:
    """One axis of a grid, as a grid."""
    return replace(
        grid, extent=(grid.extent[axis],), shape=(grid.shape[axis],),
        periodic=(grid.wraps[axis],), names=(grid.names[axis],),
    )  # fmt: skip


@lru_cache(maxsize=64)
def _to_sensors(axis: Grid, sensors: Grid) -> Tensor:
    """Interpolation along one axis as a matrix (points, sensors), float64."""
    with torch.inference_mode(False):
        return torch.from_numpy(interpolate(np.eye(axis.size), axis, sensors))


@lru_cache(maxsize=64)
def _embedding(grid: Grid, frequencies: int) -> Tensor:
    """Trunk inputs (points, features): [-1, 1], or cos and sin of 2 pi k x on periodic axes."""
    features = []
    for axis, (left, _) in enumerate(grid.extent):
        scaled = (grid.axes[axis] - left) / grid.lengths[axis]
        if grid.wraps[axis]:
            angle = 2 * np.pi * np.outer(scaled, np.arange(1, frequencies + 1))
            columns = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
        else:
            columns = 2 * scaled[:, None] - 1
        place = [1] * grid.ndim
        place[axis] = -1
        spread = columns.reshape(*place, columns.shape[1])
        features.append(np.broadcast_to(spread, (*grid.shape, columns.shape[1])))
    with torch.inference_mode(False):
        return torch.from_numpy(np.concatenate(features, axis=-1).reshape(grid.size, -1))


ARCHITECTURE = Architecture(
    summary="DeepONet: a branch on sensors times a trunk on coordinates",
    config=DeepONetConfig,
    build=DeepONet,
    any_grid=True,
)
