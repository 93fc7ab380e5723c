"""Unknown parameters of an equation: numbers and functions that are found beside the solution.

A statement takes them by name (`trainable`), and so does `state_problem` in the place of an
input; the residual reads them from `p`. Measured `Data` decides them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..geometry.errors import InputError
from .fields import Points
from .networks import MLP, Coordinates


class Parameter(nn.Module):
    """A number that is to be found.

    start: where the search begins. positive: the number is exp(q) and q is searched, so that a
    step changes it by a share of itself. bounds: it stays between (low, high), as
    low + (high - low) sigmoid(q). Raises InputError for a start that breaks these.

    >>> viscosity = Parameter(0.1, positive=True)
    >>> round(viscosity.value, 12)
    0.1
    """

    def __init__(
        self, start: float, positive: bool = False, bounds: tuple[float, float] | None = None
    ) -> None:
        super().__init__()
        if not math.isfinite(start) or (positive and start <= 0):
            what = "positive" if positive else "finite"
            raise InputError(f"expected a {what} number as start, got {start}")
        if bounds is not None and (positive or not bounds[0] < start < bounds[1]):
            raise InputError(
                f"expected low < start < high as bounds, and no positive beside them, got {bounds} "
                f"and {start}"
            )
        self.positive, self.bounds = positive, bounds
        if positive:
            start = math.log(start)
        elif bounds is not None:
            share = (start - bounds[0]) / (bounds[1] - bounds[0])
            start = math.log(share / (1.0 - share))
        self.raw = nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def forward(self, x: Points) -> Tensor:
        """The number, whatever the coordinates are."""
        if self.positive:
            return torch.exp(self.raw)
        if self.bounds is None:
            return self.raw * 1.0
        low, high = self.bounds
        return low + (high - low) * torch.sigmoid(self.raw)

    @property
    def value(self) -> float:
        """The number as it is now."""
        return float(self({}).detach())


class CoefficientField(nn.Module):
    """A function of some coordinates that is to be found, as a network.

    extent: name to (low, high) of the coordinates that it depends on. start: its value before
    training, everywhere. positive: it is start exp(N), else start + N. width, depth, seed: of the
    network N. A small network is smooth, which is what regularises the search.

    >>> conductivity = CoefficientField({"x": (0.0, 1.0)}, start=2.0, positive=True)
    >>> conductivity({"x": torch.zeros(3, dtype=torch.float64)}).tolist()
    [2.0, 2.0, 2.0]
    """

    def __init__(
        self,
        extent: dict[str, Sequence[float]],
        start: float = 1.0,
        positive: bool = False,
        width: int = 12,
        depth: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not extent or not math.isfinite(start) or (positive and start <= 0):
            raise InputError(
                f"expected coordinates and a finite start, positive where the field is, got "
                f"{list(extent)} and {start}"
            )
        self.names, self.start, self.positive = tuple(extent), float(start), positive
        ends = [(float(low), float(high)) for low, high in extent.values()]
        coordinates = Coordinates(ends, [False] * len(ends))
        self.network = MLP(coordinates, width, depth, "tanh", seed)
        nn.init.zeros_(self.network.last.weight)

    def forward(self, x: Points) -> Tensor:
        """Coordinates by name, each (n,), to values (n,)."""
        values = self.network(torch.stack([x[name] for name in self.names], dim=1))[:, 0]
        return self.start * torch.exp(values) if self.positive else self.start + values
