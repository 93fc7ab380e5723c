"""The Fourier neural operator (Li et al. 2021, arXiv:2010.08895), in any dimension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from .architecture import Architecture
from .config import require
from .pointwise import PointwiseNetwork
from .spectral import SpectralConvolution


@dataclass(frozen=True)
class FNOConfig:
    """Options of an FNO.

    width : channels of the layers
    modes : |k| < modes is kept on each axis; one number, or one for each axis
    layers : number of Fourier layers
    expansion : width of the middle of the lift and the projection, in units of `width`
    coordinates : append the coordinates of the points, in [0, 1], to the input channels
    padding : zeros appended on the axes that are not periodic, as a fraction of their physical
        length, so that it is the same padding at any resolution
    channel_mlp : a two-layer network with a gated skip after each Fourier layer
    transform : "auto" takes matrix products where they are faster than FFTs
    fused : backward passes of our own that save memory and time, differentiable any number of
        times; False: plain operations, for forward-mode differentiation and `torch.func`
    """

    width: int = 32
    modes: int | tuple[int, ...] = 12
    layers: int = 4
    expansion: float = 2.0
    coordinates: bool = True
    padding: float = 0.0
    channel_mlp: bool = False
    transform: Literal["auto", "dft", "fft"] = "auto"
    fused: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.modes, list):
            object.__setattr__(self, "modes", tuple(self.modes))
        modes = self.modes if isinstance(self.modes, tuple) else (self.modes,)
        for name, value in (("width", self.width), ("layers", self.layers)):
            require(isinstance(value, int) and value >= 1, f"{name} of at least 1", value)
        require(
            len(modes) > 0 and all(isinstance(m, int) and m >= 1 for m in modes),
            "modes of at least 1",
            self.modes,
        )
        require(0 < self.expansion <= 64, "an expansion above 0 and at most 64", self.expansion)
        require(0 <= self.padding <= 1, "a padding between 0 and 1", self.padding)
        require(
            self.transform in ("auto", "dft", "fft"),
            "transform 'auto', 'dft' or 'fft'",
            self.transform,
        )


class FourierLayer(nn.Module):
    """W x + K x, K the spectral convolution, and what stands between two such layers.

    Without a channel network the result is not activated: the next layer's convolution does so
    first, x = gelu(p), which spares it a tensor of the size of x. With one, the result is
    gelu(M(gelu(q)) + gate x) for q = W x + K x.
    """

    def __init__(self, config: FNOConfig, modes: tuple[int, ...]) -> None:
        super().__init__()
        width = config.width
        self.convolution = SpectralConvolution(width, modes, config.transform, config.fused)
        self.skip = nn.Linear(width, width, bias=False)  # the convolution has the bias
        self.network: ChannelNetwork | None = None
        if config.channel_mlp:
            self.network = ChannelNetwork(width, max(1, width // 2), config.fused)

    def forward(self, x: Tensor, first: bool, last: bool) -> Tensor:
        """first: x is the lifted input, not activated; last: nor is the result, nor q."""
        if self.network is None:
            return self.convolution(x, self.skip.weight, activate=not first)
        return self.network(self.convolution(x, self.skip.weight), x, last)


class ChannelNetwork(PointwiseNetwork):
    """gelu(M(gelu(q)) + gate x), M of two layers; both outer activations left out in the last."""

    def __init__(self, width: int, hidden: int, fused: bool) -> None:
        super().__init__(width, hidden, width, fused)
        self.gate = nn.Parameter(torch.ones(width))

    def forward(self, q: Tensor, x: Tensor, last: bool) -> Tensor:  # type: ignore[override]
        return self.evaluate(q, x, self.gate, activate=not last)


class FNO(nn.Module):
    """(batch, in_channels, n1, ..., nd) -> (batch, out_channels, n1, ..., nd), at any resolution.

    ndim : number of grid axes
    periodic : for each axis, or one bool for all
    centering : "vertex" or "cell", as in `sobolev.geometry.grid.Grid`: where the points of an axis
        lie decides its coordinates and how many points a padding is

    Works in any real dtype and on any device. Inside, the grid axes come first and the channels
    last. On periodic axes without coordinates the operator commutes with translations.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ndim: int,
        config: FNOConfig | None = None,
        *,
        periodic: bool | tuple[bool, ...] = True,
        centering: Literal["vertex", "cell"] = "vertex",
    ) -> None:
        super().__init__()
        self.config = config = config or FNOConfig()
        require(ndim >= 1, "at least one grid axis", ndim)
        modes = config.modes if isinstance(config.modes, tuple) else (config.modes,) * ndim
        require(len(modes) == ndim, f"modes for each of {ndim} axes", config.modes)
        self.periodic = (periodic,) * ndim if isinstance(periodic, bool) else tuple(periodic)
        require(len(self.periodic) == ndim, f"periodic for each of {ndim} axes", periodic)
        self.ndim, self.in_channels, self.centering = ndim, in_channels, centering
        hidden = max(1, round(config.expansion * config.width))
        lifted = in_channels + (ndim if config.coordinates else 0)
        self.lift = PointwiseNetwork(lifted, hidden, config.width, config.fused)
        self.blocks = nn.ModuleList(FourierLayer(config, modes) for _ in range(config.layers))
        self.projection = PointwiseNetwork(config.width, hidden, out_channels, config.fused)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != self.ndim + 2 or x.shape[1] != self.in_channels:
            raise InputError(
                f"expected input (batch, {self.in_channels}, {self.ndim} grid axes), "
                f"got shape {tuple(x.shape)}; reshape the input"
            )
        shape = tuple(x.shape[2:])
        x = self._with_coordinates(x.permute(*range(2, x.ndim), 0, 1))
        x = self._pad(self.lift(x))
        for index, block in enumerate(self.blocks):
            x = block(x, first=index == 0, last=index == len(self.blocks) - 1)
        for axis, n in enumerate(shape):
            if x.shape[axis] != n:
                x = x.narrow(axis, 0, n)
        x = self.projection(x)
        return x.permute(-2, -1, *range(self.ndim)).contiguous()

    def _with_coordinates(self, x: Tensor) -> Tensor:
        """Append the coordinates of the points, in [0, 1], as channels."""
        if not self.config.coordinates:
            return x.contiguous()
        shape = x.shape[:-2]
        channels = [x]
        for axis, n in enumerate(shape):
            points = self._points(axis, n, x)
            view = points.view(*(-1 if a == axis else 1 for a in range(self.ndim)), 1, 1)
            channels.append(view.expand(*x.shape[:-1], 1))
        return torch.cat(channels, dim=-1)

    def _points(self, axis: int, n: int, like: Tensor) -> Tensor:
        """Coordinates of one axis in [0, 1], by the conventions of `geometry.grid`."""
        index = torch.arange(n, dtype=like.dtype, device=like.device)
        if self.centering == "cell":
            return (index + 0.5) / n
        return index / (n if self.periodic[axis] else max(n - 1, 1))

    def _pad(self, x: Tensor) -> Tensor:
        """Append zeros on the axes that are not periodic."""
        widths: list[int] = []
        for axis, n in enumerate(x.shape[: self.ndim]):
            widths = [0, self._extra(axis, n), *widths]  # F.pad counts axes from the last
        return F.pad(x, (0, 0, 0, 0, *widths)) if any(widths) else x

    def _extra(self, axis: int, n: int) -> int:
        """Points that lengthen an axis from L to the period (1 + padding) L.

        The period of a transform over N points is N h; vertices have L = (n - 1) h, one point
        more than L / h, which the padding has to count.
        """
        if self.config.padding == 0 or self.periodic[axis]:
            return 0
        if self.centering == "cell":
            return round(self.config.padding * n)
        return max(0, round(self.config.padding * (n - 1)) - 1)


def build(config: FNOConfig, in_channels: int, out_channels: int, grid: Grid) -> FNO:
    """The FNO for functions on `grid` and on every other resolution of its box."""
    return FNO(
        in_channels, out_channels, grid.ndim, config, periodic=grid.wraps, centering=grid.centering
    )


ARCHITECTURE = Architecture(
    summary="Fourier neural operator: learned multipliers on the lowest Fourier modes",
    config=FNOConfig,
    build=build,
    any_grid=True,
)
