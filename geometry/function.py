"""A function: values together with where they live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .arrays import Array, on_points, to_numpy
from .errors import InputError
from .grid import Grid
from .interpolation import interpolate
from .mesh import Mesh
from .points import PointCloud

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Function:
    """Values (*leading, *on.shape), NumPy or torch, on a grid, a mesh or scattered points.

    `names` are those of the entries of the last leading axis (channels), none or one for each.
    `InputError` where the shapes do not fit.

    >>> grid = Grid(((0.0, 1.0),), (5,))
    >>> parabola = Function(grid.axes[0] ** 2, grid)
    >>> parabola.at([[0.3]]).round(12).tolist()
    [0.09]
    """

    values: Array
    on: Grid | Mesh | PointCloud
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", on_points(self.values, self.on.shape))
        object.__setattr__(self, "names", tuple(self.names))
        if self.names and (not self.leading or self.leading[-1] != len(self.names)):
            raise InputError(
                f"expected one name for each entry of the last leading axis of {self.leading}, "
                f"got {self.names}"
            )

    @property
    def leading(self) -> tuple[int, ...]:
        """The axes before those of the discretisation: batch, frames, channels."""
        return tuple(self.values.shape[: self.values.ndim - len(self.on.shape)])

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array; those of a tensor detached and on the CPU."""
        return to_numpy(self.values)

    def at(self, points: Array) -> np.ndarray:
        """Values (*leading, m) at points (m, d), by `interpolate`; on grids only."""
        return interpolate(self.values, self._grid(), points)

    def to(self, grid: Grid) -> Function:
        """The same function on another grid, by `interpolate`; on grids only."""
        return Function(interpolate(self.values, self._grid(), grid), grid, self.names)

    def plot(self, ax: Axes | None = None, times: Sequence[float] | None = None) -> Axes:
        """Draw it into `ax` (or a new figure) and return the axes.

        A line on a 1-D grid, frames (frames, n) as an image of space (across) and time (up, by
        the `times` of the frames if given), an image with x across and y up on a 2-D grid,
        coloured triangles on a mesh, coloured dots for points, and on a grid without axes the
        frames (frames,) or (frames, names) as lines in time. One function (or one function of
        time) at a time: `InputError` for more leading axes, and for more than two dimensions.
        """
        from .plots import draw

        return draw(self, ax, times)

    def _grid(self) -> Grid:
        if not isinstance(self.on, Grid):
            raise InputError(
                f"expected a function on a Grid, got one on a {type(self.on).__name__}; only "
                "grids interpolate"
            )
        return self.on
