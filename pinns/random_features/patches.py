"""The box cut into patches by planes: a partition of unity of indicator functions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...geometry.errors import InputError

TENSOR = 4  # axes whose points are all combinations


def gauss(count: int) -> Tensor:
    """Gauss-Legendre points (count,) of [-1, 1]."""
    return torch.from_numpy(np.polynomial.legendre.leggauss(count)[0])


def tensor_points(axes: Sequence[Tensor]) -> Tensor:
    """All combinations (n, d) of the axes' points."""
    return torch.cartesian_prod(*axes).view(-1, len(axes))


def reference_points(count: int, dimension: int) -> Tensor:
    """About `count` points (n, d) of [-1, 1]^d: Gauss points along each axis, or, in more axes than
    `TENSOR`, where these would be far too many, a Sobol sequence."""
    if dimension <= TENSOR:
        return tensor_points([gauss(along(count, dimension))] * dimension)
    engine = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=0)
    return 2.0 * engine.draw(count, dtype=torch.float64) - 1.0


def along(count: int, dimension: int) -> int:
    """Points along each of `dimension` axes, so that there are at least `count` in all."""
    return math.ceil(round(count ** (1.0 / dimension), 9))


@dataclass(frozen=True)
class Patches:
    """Patches between the planes `edges[axis]`, numbered in the order of the axes.

    periodic: whether the last patch of an axis is followed by its first.
    """

    edges: tuple[np.ndarray, ...]
    periodic: tuple[bool, ...]

    @classmethod
    def even(
        cls,
        extent: Sequence[tuple[float, float]],
        counts: Sequence[int],
        periodic: Sequence[bool],
    ) -> Patches:
        """Patches of equal size, `counts` along each axis."""
        if len(counts) != len(extent) or any(count < 1 for count in counts):
            raise InputError(
                f"expected a number of patches >= 1 for each of {len(extent)} coordinates, got "
                f"{tuple(counts)}"
            )
        edges = (np.linspace(*ends, n + 1) for ends, n in zip(extent, counts, strict=True))
        return cls(tuple(edges), tuple(periodic))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(edges) - 1 for edges in self.edges)

    @property
    def count(self) -> int:
        return int(np.prod(self.shape))

    @cached_property
    def places(self) -> np.ndarray:
        """Position of each patch along each axis, (count, d)."""
        return np.array(list(itertools.product(*map(range, self.shape))))

    def _each(self, along: list[np.ndarray]) -> Tensor:
        """One number an interval of each axis, as (count, d)."""
        columns = [values[self.places[:, axis]] for axis, values in enumerate(along)]
        return torch.from_numpy(np.stack(columns, axis=1))

    @cached_property
    def halves(self) -> Tensor:
        """Half the length of each patch along each axis, (count, d)."""
        return self._each([np.diff(edges) / 2 for edges in self.edges])

    @cached_property
    def middles(self) -> Tensor:
        """(count, d)."""
        return self._each([(edges[1:] + edges[:-1]) / 2 for edges in self.edges])

    def scale(self, index: tuple[int, ...]) -> Tensor:
        """d^a of a patch's own coordinates to d^a of the coordinates, (count,)."""
        return (self.halves ** -torch.tensor(index, dtype=torch.float64)).prod(dim=1)

    def points(self, local: Tensor) -> Tensor:
        """Points (n, d) of the reference patch in every patch, (count, n, d)."""
        return self.middles[:, None] + local * self.halves[:, None]

    def locate(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The patch (n,) of points (n, d), and where they are in it, (n, d)."""
        number = torch.zeros(len(points), dtype=torch.long)
        for axis, edges in enumerate(self.edges):
            inner = torch.from_numpy(edges[1:-1].copy())
            along = torch.bucketize(points[:, axis].detach().contiguous(), inner, right=True)
            number = number * self.shape[axis] + along
        return number, (points - self.middles[number]) / self.halves[number]

    def neighbours(self, axis: int) -> list[tuple[int, int]]:
        """Pairs of patches that meet along an axis, lower one first."""
        numbers = np.arange(self.count).reshape(self.shape)
        after = np.roll(numbers, -1, axis)
        kept = self.shape[axis] - (0 if self.periodic[axis] else 1)
        some = [slice(None)] * numbers.ndim
        some[axis] = slice(0, kept)
        pairs = zip(numbers[tuple(some)].ravel(), after[tuple(some)].ravel(), strict=True)
        return [(int(a), int(b)) for a, b in pairs]

    def split(self, chosen: Sequence[np.ndarray]) -> Patches:
        """Cut the intervals `chosen[axis]` (bool, one an interval) in half."""
        edges = []
        for here, cut in zip(self.edges, chosen, strict=True):
            middle = (here[1:] + here[:-1])[cut] / 2
            edges.append(np.sort(np.concatenate([here, middle])))
        return Patches(tuple(edges), self.periodic)
