"""What a network is fed: points in the units of the problem, as features of size one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...geometry.errors import InputError


class Coordinates(nn.Module):
    """Physical points to features: [-1, 1] on open axes, a Fourier basis on periodic ones.

    extent: (left, right) a coordinate; periodic: one bool a coordinate; harmonics: K. A periodic
    axis of length L becomes sin and cos of 2 pi k (x - left) / L for k = 1..K, so that whatever
    follows is periodic in it together with all its derivatives. The points are wrapped first:
    the two ends of the axis give the same bits.
    """

    def __init__(
        self, extent: Sequence[tuple[float, float]], periodic: Sequence[bool], harmonics: int = 1
    ) -> None:
        super().__init__()
        if len(extent) != len(periodic):
            raise InputError(f"expected one extent and one flag an axis, got {extent}, {periodic}")
        if harmonics < 1:
            raise InputError(f"expected at least one harmonic, got {harmonics}")
        self.extent, self.periodic, self.harmonics = tuple(extent), tuple(periodic), harmonics
        ends = torch.tensor(self.extent, dtype=torch.float64)
        self._left, self._length = ends[:, 0], ends[:, 1] - ends[:, 0]

    @property
    def features(self) -> int:
        return sum(2 * self.harmonics if wraps else 1 for wraps in self.periodic)

    def forward(self, points: Tensor) -> Tensor:
        """(n, coordinates) to (n, features)."""
        embedded = getattr(type(points), "embedded", None)
        if embedded is not None:  # a Taylor series that asks for `series`
            return embedded(points, self)
        left, length = (
            one.to(device=points.device, dtype=points.dtype) for one in (self._left, self._length)
        )
        x = (points - left) / length
        if not any(self.periodic):
            return 2.0 * x - 1.0
        features = []
        for i, wraps in enumerate(self.periodic):
            own = x[:, i : i + 1]
            if not wraps:
                features.append(2.0 * own - 1.0)
                continue
            own = own - own.detach().floor()
            for k in range(1, self.harmonics + 1):
                features += [torch.sin(2.0 * math.pi * k * own), torch.cos(2.0 * math.pi * k * own)]
        return torch.cat(features, dim=-1)

    def series(self, points: Tensor, indices: Sequence[tuple[int, ...]]) -> Tensor:
        """Taylor coefficients (indices, n, features) of the features at points (n, coordinates).

        indices: multi-indices over the coordinates, of which the first is 0.
        """
        found = points.new_zeros(len(indices), len(points), self.features)
        found[0] = values = self(points)
        at = 0
        for i, ((left, right), wraps) in enumerate(zip(self.extent, self.periodic, strict=True)):
            # A feature is a function of one coordinate.
            alone = [(k, a[i]) for k, a in enumerate(indices) if sum(a) > 0 and a[i] == sum(a)]
            if not wraps:
                for k, order in alone:
                    if order == 1:
                        found[k, :, at] = 2.0 / (right - left)
                at += 1
                continue
            for harmonic in range(1, self.harmonics + 1):
                rate = 2.0 * math.pi * harmonic / (right - left)
                pair = values[:, at : at + 2]  # sin and cos; each derivative is a quarter turn
                turns = (pair, pair.flip(1) * pair.new_tensor([1.0, -1.0]))
                for k, order in alone:
                    scale = (-1) ** (order // 2) * rate**order / math.factorial(order)
                    torch.mul(turns[order % 2], scale, out=found[k, :, at : at + 2])
                at += 2
        return found
