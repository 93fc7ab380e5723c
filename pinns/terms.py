"""What a loss is made of: terms, and the parts of them that are read at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .constraints import StatedField

Function = Callable[[Any, Any, Any], Any]
"""`function(u, d, x)`, a residual or a condition's misfit."""


@dataclass(frozen=True)
class Part:
    """Some points (n, coordinates) of a term, and what should vanish there.

    read: the field to that function. pairs: whether it compares points that follow one another.
    """

    points: Tensor
    read: Callable[[StatedField], Function]
    pairs: bool = False


@dataclass(frozen=True)
class Term:
    """Mean square of misfits on rows (count, columns), the coordinates first.

    part: some of the rows as points with their misfit. parts: those that are read at once.
    weights: of the points (count, 1); None where all count the same.
    """

    name: str
    rows: Tensor
    part: Callable[[Tensor], Part]
    parts: tuple[Part, ...]
    weights: Tensor | None = None

    @property
    def count(self) -> int:
        return len(self.rows)

    def split_weights(self, size: int) -> Sequence[Tensor | None]:
        """The weights of every `size` points."""
        if self.weights is None:
            return [None] * math.ceil(self.count / size)
        return self.weights.split(size)
