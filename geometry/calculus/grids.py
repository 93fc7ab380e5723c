"""The grid reading: a residual evaluated on values, to check data and to train on physics."""

from __future__ import annotations

from typing import Any, Literal

from ..derivatives import compact_second, derivative
from ..errors import InputError
from ..grid import Grid
from .base import Calculus

Scheme = Literal["fd2", "fd4", "spectral"]


class GridCalculus(Calculus):
    """Derivatives of NumPy or torch values (…, *grid.shape); differentiable in torch.

    grid: its axis names are the coordinates; a space-time grid has an axis `t`.
    scheme: on axes that are not periodic; periodic axes are differentiated spectrally unless
    `periodic_scheme` says otherwise.
    time_derivative: a pair (u, u_t) for grids without an axis `t`; `d(u, "t")` is then u_t, and
    only where the expression is that very u: a frame says nothing of the rate of anything else.

    Repeated letters are one stencil: `d(u, "xx")` is compact, `d(d(u, "x"), "x")` is wide, 4 to 6
    times less accurate and blind to the checkerboard; use `d.diffusion(a, u)` for fluxes.
    """

    def __init__(
        self,
        grid: Grid,
        scheme: Scheme = "fd4",
        periodic_scheme: Scheme = "spectral",
        time_derivative: tuple[Any, Any] | None = None,
    ) -> None:
        names = grid.names if "t" in grid.names or time_derivative is None else ("t", *grid.names)
        super().__init__(names)
        self.grid = grid
        self.time_derivative = time_derivative
        self.schemes = tuple(periodic_scheme if p else scheme for p in grid.wraps)

    def derivative(self, expression: Any, along: tuple[str, ...]) -> Any:
        if isinstance(expression, (int, float)):
            return 0.0
        if "t" in along and "t" not in self.grid.names:
            return self._given_rate(expression, along)
        shape = tuple(expression.shape[-self.grid.ndim :])
        if shape != self.grid.shape:
            raise InputError(
                f"expected values on the grid, trailing shape {self.grid.shape}, got"
                f" {tuple(expression.shape)}; a parameter that is constant has no derivative"
            )
        for axis, name in enumerate(self.grid.names):
            order = along.count(name)
            if order:
                orders = tuple(order if i == axis else 0 for i in range(self.grid.ndim))
                expression = derivative(expression, self.grid, orders, self.schemes[axis])
        return expression

    def _given_rate(self, expression: Any, along: tuple[str, ...]) -> Any:
        if self.time_derivative is None or expression is not self.time_derivative[0]:
            raise InputError("a frame has no derivative in t but the given one of the unknown")
        if along.count("t") > 1:
            raise InputError("only the first derivative in t is given")
        rate = self.time_derivative[1]
        rest = tuple(name for name in along if name != "t")
        return self.derivative(rate, rest) if rest else rate

    def diffusion(self, a: Any, u: Any) -> Any:
        """div(a grad u) with fluxes at half points, order 2; spectral where all is periodic."""
        if all(scheme == "spectral" for scheme in self.schemes) or isinstance(a, (int, float)):
            return super().diffusion(a, u)
        axes = {name: axis for axis, name in enumerate(self.grid.names)}
        return self.sum(lambda name: compact_second(a, u, self.grid, axes[name]))
