"""Closed forms that training in stages should reach to rounding: a function, and an equation."""

from __future__ import annotations

import numpy as np
import torch

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ...geometry.shapes import Box
from ..conditions import Initial
from ..statement import Statement


def regression() -> Statement:
    """u = sin(2 x + 1) + exp(1.3 x) / 5 on [-1, 1], asked for a little beyond its ends."""
    return Statement(
        ("x",), Box((-1.05,), (1.05,)),
        lambda u, d, x, p: u - torch.sin(2.0 * x["x"] + 1.0) - 0.2 * torch.exp(1.3 * x["x"]),
    )  # fmt: skip


def regression_solution(grid: Grid) -> np.ndarray:
    return function(grid.axes[0])


def function(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(2.0 * x + 1.0) + 0.2 * np.exp(1.3 * x))


def regression_chebyshev(grid: Grid, tolerance: float) -> np.ndarray:
    """Interpolated from more and more points, until more change it by less than the tolerance.

    Raises InputError where 64 are too few.
    """
    from ...solvers.chebyshev.basis import ChebyshevBasis

    before = np.full(grid.shape, np.inf)
    for n in range(6, 65, 2):
        basis = ChebyshevBasis(grid.extent, (n,))
        found = basis.interpolate(function(basis.axes[0]), grid)
        if np.abs(found - before).max() <= tolerance:
            return np.asarray(found)
        before = found
    raise InputError(f"expected a tolerance that 64 points reach, got {tolerance:g}")


def decay() -> Statement:
    """u' = -2 t u, u(0) = 3: u = 3 exp(-t^2)."""
    return Statement(
        ("t",), None, lambda u, d, x, p: d(u, "t") + 2.0 * x["t"] * u,
        (Initial(3.0, hard=True),), times=(0.0, 1.0),
    )  # fmt: skip


def decay_solution(grid: Grid) -> np.ndarray:
    return np.asarray(3.0 * np.exp(-(grid.axes[0] ** 2)))


def decay_rate(u: float, t: float) -> float:
    return -2.0 * t * u


def decay_integrated(grid: Grid, tolerance: float) -> np.ndarray:
    from ...solvers.ordinary.integrate import integrate
    from ...solvers.ordinary.system import System

    found = integrate(
        System("decay", ("u",), decay_rate), np.array([3.0]), grid.axes[0], tolerance=tolerance
    )
    return np.ascontiguousarray(found.fields[0])
