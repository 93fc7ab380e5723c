"""One-hot coefficients: the derivative of a point along one coordinate, for many of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Column:
    """A coefficient (directions, n, width) that is zero but in one column for each direction.

    index: the columns (directions,). values: (directions, n), or n = 1 where all points have the
    same. Products with other coefficients and linear layers look at those columns alone; what
    else is asked of it gets the whole array.
    """

    def __init__(self, index: Tensor, values: Tensor, width: int) -> None:
        self.index, self.values, self.width = index, values, width

    ndim = 3

    @property
    def shape(self) -> torch.Size:
        return torch.Size((*self.values.shape, self.width))

    def dense(self) -> Tensor:
        hot = nn.functional.one_hot(self.index, self.width).to(self.values.dtype)
        return self.values[..., None] * hot[:, None, :]

    def at_columns(self, other: Any) -> Any:
        """What stands beside the values in numbers, (n, width) or (directions, n, width)."""
        if isinstance(other, Column):
            return other.values
        if not isinstance(other, Tensor) or other.ndim == 0:
            return other
        if other.ndim > 2 and other.shape[-1] == 1:
            return other[..., 0]
        if other.ndim > 2:
            each = range(len(self.index))
            return torch.stack([other[min(i, len(other) - 1), :, self.index[i]] for i in each])
        chosen = other if other.shape[-1] == 1 else other[..., self.index]
        return chosen.T if other.ndim == 2 else chosen[:, None]

    def like(self, values: Tensor) -> Column:
        return Column(self.index, values, self.width)

    def __mul__(self, other: Any) -> Column:
        return self.like(self.values * self.at_columns(other))

    __rmul__ = __mul__

    def __neg__(self) -> Column:
        return self.like(-self.values)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Column):
            return self.like(self.values + other.values)
        return self.dense() + other

    __radd__ = __add__

    def __truediv__(self, other: Any) -> Column:
        return self.like(self.values / self.at_columns(other))

    def __matmul__(self, matrix: Tensor) -> Tensor:
        rows = matrix[self.index]
        return (
            self.values * rows[:, None]
            if rows.ndim == 1
            else self.values[..., None] * rows[:, None]
        )

    def __getitem__(self, key: Any) -> Any:
        whole = slice(None)
        if isinstance(key, tuple) and key[:-1] == (whole, whole) and isinstance(key[-1], slice):
            start, stop, step = key[-1].indices(self.width)
            if step == 1:  # some of the columns: those that are not among them become zero
                among = (self.index >= start) & (self.index < stop)
                index = torch.where(among, self.index - start, 0)
                return Column(index, self.values * among[:, None], max(0, stop - start))
        return self.dense()[key]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dense(), name)

    def sum(self, dim: int, keepdim: bool = False) -> Tensor:
        return self.values[..., None] if keepdim else self.values

    def mean(self, dim: int, keepdim: bool = False) -> Tensor:
        return self.sum(dim, keepdim) / self.width

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        name, options = function.__name__, kwargs or {}
        if name in ("mul", "add"):
            own, other = args if isinstance(args[0], Column) else args[::-1]
            return own * other if name == "mul" else own + other
        if name == "neg":
            return -args[0]
        if name == "linear":
            return args[0] @ args[1].T
        if name == "addcmul":
            total, a, b = args
            own = a * b if isinstance(a, Column) else b * a
            return own * options.get("value", 1) + total
        dense = [a.dense() if isinstance(a, Column) else a for a in args]
        return function(*dense, **options)
