"""Given fields at points: callables as they are, sampled ones by interpolation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from ..geometry.interpolation import interpolate

Points = Mapping[str, Tensor]
"""The coordinates by name, each (n,)."""


class Named(Mapping[str, Any]):
    """Points (n, coordinates) by name, column by column when one is asked for.

    Where there are thousands of coordinates, `points` are all of them. columns: what to give in
    place of the columns of the points.
    """

    def __init__(
        self, points: Tensor, names: Sequence[str], columns: Sequence[Any] | None = None
    ) -> None:
        self.points, self.names, self.columns = points, names, columns

    def __getitem__(self, name: str) -> Any:
        if name not in self.names:
            raise KeyError(name)
        i = self.names.index(name)
        return self.points[:, i] if self.columns is None else self.columns[i]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


Field = Callable[[Points], Tensor]
"""Coordinates by name to values (n,)."""


class SampledField:
    """A field known on a grid, at any points of its box.

    values: (*grid.shape), finite. On a grid that is periodic in every axis it is the
    trigonometric interpolant, which torch differentiates to any order; the modes that hold less
    than `cut` of the largest one are dropped, because each costs a sine and a cosine a point. On
    other grids it has values (`geometry.interpolation`) and no derivatives.

    >>> grid = Grid(((0.0, 1.0),), (8,), periodic=True)
    >>> field = SampledField(np.sin(2 * np.pi * grid.axes[0]), grid)
    >>> float(field({"x": torch.tensor([0.25], dtype=torch.float64)})[0])
    1.0
    """

    def __init__(self, values: np.ndarray, grid: Grid, cut: float = 1e-13) -> None:
        values = np.asarray(values, dtype=np.float64)
        if values.shape != grid.shape:
            raise InputError(f"expected a field of shape {grid.shape}, got {values.shape}")
        if not np.isfinite(values).all():
            raise InputError("expected a finite field, got nan or infinity; check the input")
        self.values, self.grid = values, grid
        self.differentiable = all(grid.wraps)
        if self.differentiable:
            self._modes, self._amplitudes = _fourier(values, grid, cut)

    def __call__(self, x: Points) -> Tensor:
        """Coordinates (n,) of at least the grid's names to values (n,)."""
        columns = [x[name] for name in self.grid.names]
        if not self.differentiable:
            points = torch.stack([c.detach() for c in columns], dim=-1).numpy()
            values = np.ascontiguousarray(interpolate(self.values, self.grid, points))
            # With a graph, so that a derivative is an error and no silent zero.
            return WithoutSlope.apply(torch.from_numpy(values), *columns)
        phase = torch.zeros((), dtype=torch.float64)
        for axis, column in enumerate(columns):
            angle = (2.0 * math.pi / self.grid.lengths[axis]) * (column - self.grid.axes[axis][0])
            phase = phase + angle[:, None] * self._modes[axis]
        cosines, sines = self._amplitudes
        return torch.cos(phase) @ cosines + torch.sin(phase) @ sines


class WithoutSlope(torch.autograd.Function):
    """Values that depend on the coordinates in a way that cannot be differentiated."""

    @staticmethod
    def forward(values: Tensor, *columns: Tensor) -> Tensor:
        return values.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> Any:
        raise InputError(
            "expected a field with derivatives, got samples on an open axis, of which only the "
            "values are known; give a callable"
        )


def _fourier(values: np.ndarray, grid: Grid, cut: float) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Modes (ndim, m) and real amplitudes (m,) of cosine and sine, one of each pair +-k."""
    coefficients = np.fft.rfftn(values).reshape(-1) / grid.size
    last = grid.shape[-1]
    waves = [np.fft.fftfreq(n, 1.0 / n) for n in grid.shape[:-1]]
    waves.append(np.arange(last // 2 + 1, dtype=np.float64))
    modes = np.stack(np.meshgrid(*waves, indexing="ij")).reshape(grid.ndim, -1)
    # An even axis gives the mode n/2 once, for both its signs.
    for axis, n in enumerate(grid.shape[:-1]):
        highest = 2 * modes[axis] == -n
        mirrored = modes[:, highest] * np.where(np.arange(grid.ndim) == axis, -1.0, 1.0)[:, None]
        modes = np.concatenate([modes, mirrored], axis=1)
        coefficients[highest] /= 2
        coefficients = np.concatenate([coefficients, coefficients[highest]])
    # Modes 0 and n/2 of the last axis stand for themselves, the others for their conjugates too.
    itself = (modes[-1] == 0) | (2 * modes[-1] == last)
    amplitudes = np.where(itself, 1.0, 2.0) * coefficients
    kept = np.abs(amplitudes) > cut * np.abs(amplitudes).max(initial=0.0)
    kept[0] = True
    amplitudes = amplitudes[kept]
    return torch.from_numpy(modes[:, kept]), (
        torch.from_numpy(amplitudes.real.copy()),
        torch.from_numpy(-amplitudes.imag),
    )


def checked(field: Field, x: Points, what: str) -> Tensor:
    """`field(x)`, of the shape of the points and finite, else InputError naming `what`."""
    values = field(x)
    shape = next(iter(x.values())).shape
    if not isinstance(values, Tensor) or values.shape != shape:
        got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise InputError(f"expected {what} of shape {tuple(shape)}, got {got}; return one a point")
    if not bool(values.isfinite().all()):
        raise InputError(f"expected finite values of {what}, got nan or infinity; check the field")
    return values
