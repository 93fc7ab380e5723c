"""A hard initial condition."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


class HardInitial(nn.Module):
    """u(t, x) = u0(x) + (t - t0) / (t1 - t0) N(t, x): the initial field holds exactly.

    initial: points (n, coordinates) to u0 (n,) or (n, outputs), differentiable; column, interval:
    where t stands in the points, and its (t0, t1).
    """

    def __init__(
        self,
        network: nn.Module,
        initial: Callable[[Tensor], Tensor],
        column: int,
        interval: tuple[float, float],
    ) -> None:
        super().__init__()
        self.network, self.initial = network, initial
        self.column, self.interval = column, interval

    def forward(self, points: Tensor) -> Tensor:
        """(n, coordinates) to (n, outputs)."""
        start, end = self.interval
        elapsed = (points[:, self.column : self.column + 1] - start) / (end - start)
        values = self.initial(points)
        values = values if values.ndim == 2 else values[:, None]
        return values + elapsed * self.network(points)
