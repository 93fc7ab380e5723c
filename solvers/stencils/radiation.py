"""Ends that waves leave through, written into the wave equation at the points on the ends.

There the outward slope of u is what an outgoing wave has, u_n = (q - v) / c, and the mirror image
behind the end takes it as a source 2 c^2 u_n / h of v, which takes energy at any order of the
differences (v^2 is lost at rate c v^2 at the end).

- order 1, q = 0: u_t + c u_n = 0. Exact in one dimension but for the spacing, of which the
  reflected amplitude is of second order; in more a plane wave under the angle a to the normal
  comes back with (1 - cos a) / (1 + cos a).
- order 2, q_t = c^2 u_ss / 2 along the end, in two dimensions: the square of that. From
  u_tt + c u_nt = c^2 u_ss / 2, integrated once in time.

Engquist & Majda, Math. Comp. 31 (1977), equations 1.26 and 1.27.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from .equation import Equation

Opened = Mapping[str, tuple[bool, bool]]  # the ends (low, high) of each axis that are open


def _radiating(u, v, laplacian, opening, speed):
    return v, speed * speed * laplacian - speed * opening * v


RADIATING_WAVE = Equation(
    "radiating_wave", ("u", "v"), (("u", "laplacian"),), _radiating, ("opening",), ("speed",)
)
"""u_t = v, v_t = c^2 lap u with ends of order 1, in any dimension"""


def _radiating_2d(u, v, q, along_x, along_y, opening, on_x, on_y, speed):
    square = speed * speed
    rate = square * (along_x + along_y) - speed * opening * (v - q)
    return v, rate, 0.5 * square * (on_x * along_y + on_y * along_x)


RADIATING_WAVE_2D = Equation(
    "radiating_wave_2d", ("u", "v", "q"), (("u", "xx"), ("u", "yy")), _radiating_2d,
    ("opening", "on_x", "on_y"), ("speed",),
)  # fmt: skip
"""The same with ends of order 2 on a plane with axes x and y; q begins as zero and lives on the
ends, at whose corners they are of order 1"""


def opening(grid: Grid, opened: Opened | None = None) -> np.ndarray:
    """The coefficient `opening`, grid.shape: 2 / h at each open end, all that are not periodic
    unless told; their boundary is to be `Neumann()`.

    Raises `InputError` on cells, whose points stand beside the end.
    """
    if grid.centering != "vertex":
        raise InputError("expected a vertex grid for open ends, got cells")
    result = np.zeros(grid.shape)
    for axis, place in _places(grid, opened):
        result[place] += 2 / grid.spacing[axis]
    return result


def edges(grid: Grid, opened: Opened | None = None) -> dict[str, np.ndarray]:
    """All coefficients of `RADIATING_WAVE_2D`: `opening`, and where the ends of x and of y are."""
    marks = np.zeros((2, *grid.shape))
    for axis, place in _places(grid, opened):
        marks[axis][place] = 1.0
    corners = marks[0] * marks[1]
    on_x, on_y = marks * (1 - corners)
    return {"opening": opening(grid, opened), "on_x": on_x, "on_y": on_y}


def _places(grid: Grid, opened: Opened | None) -> list[tuple[int, tuple[slice | int, ...]]]:
    """(axis, index of the points) of each open end."""
    both = dict.fromkeys(grid.names, (True, True)) if opened is None else opened
    return [
        (axis, (*[slice(None)] * axis, index))
        for axis, name in enumerate(grid.names)
        if not grid.wraps[axis]
        for index, is_open in zip((0, -1), both.get(name, (False, False)), strict=True)
        if is_open
    ]
