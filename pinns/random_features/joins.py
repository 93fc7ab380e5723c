"""What holds the patches together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .basis import Basis
from .patches import Patches, gauss, tensor_points

JOIN = 10.0
"""How much a row of a join counts beside one of the equation."""


@dataclass
class Join:
    """Rows here c[p] + there c[q] = 0 of the patches p and q that meet along an axis."""

    axis: int
    p: int
    q: int
    here: np.ndarray
    there: np.ndarray

    def gap(self, c: np.ndarray) -> np.ndarray:
        """The rows at coefficients (patches, columns)."""
        return self.here @ c[self.p] + self.there @ c[self.q]


def make_joins(
    basis: Basis, patches: Patches, orders: Mapping[str, Sequence[int]], each: int
) -> list[Join]:
    """Values, and the derivatives across below the equation's order, agree between patches.

    orders: of the derivatives along each axis, by unknown; each: Gauss points along each axis of
    a face. The k-th derivative is scaled by the smaller patch and 1 / (1 + k)^2.
    """
    found = []
    for axis in range(len(patches.edges)):
        highest = max(some[axis] for some in orders.values())
        pairs = patches.neighbours(axis)
        if pairs and highest:
            upper, lower = (_face(basis, patches, axis, end, highest, each) for end in (1.0, -1.0))
            wanted = [some[axis] for some in orders.values()]
            found += [_join(patches, axis, pair, (upper, lower), wanted) for pair in pairs]
    return found


def _face(
    basis: Basis, patches: Patches, axis: int, end: float, highest: int, each: int
) -> list[np.ndarray]:
    """Derivatives 0, 1, … across a face of the reference patch, (n, size) each."""
    dimension = len(patches.edges)
    axes = [gauss(each)] * dimension
    axes[axis] = torch.full((1,), end, dtype=torch.float64)
    across = [tuple(k * int(i == axis) for i in range(dimension)) for k in range(highest)]
    values = basis(tensor_points(axes), across)
    return [values[index].numpy() for index in across]


def _join(
    patches: Patches,
    axis: int,
    pair: tuple[int, int],
    faces: tuple[list[np.ndarray], list[np.ndarray]],
    orders: Sequence[int],
) -> Join:
    """orders: how many derivatives of each unknown agree."""
    halves = patches.halves[list(pair), axis].numpy()
    size = faces[0][0].shape[1]
    sides = []
    for half, sign, face in zip(halves, (1.0, -1.0), faces, strict=True):
        rows = []
        for i, order in enumerate(orders):
            for k in range(order):
                row = np.zeros((len(face[k]), len(orders) * size))
                scale = JOIN * (halves.min() / half) ** k / (1 + k) ** 2
                row[:, i * size : (i + 1) * size] = sign * scale * face[k]
                rows.append(row)
        sides.append(np.concatenate(rows))
    return Join(axis, *pair, *sides)
