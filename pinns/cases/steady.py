"""Steady equations: Helmholtz in the plane, Poisson in ten dimensions, a line of waves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ...geometry.points import PointCloud
from ...geometry.shapes import Box
from ..conditions import Dirichlet
from ..fields import Points
from ..statement import Statement


def helmholtz() -> Statement:
    """u_xx + u_yy + u = f on [-1, 1]^2 with u = sin(pi x) sin(4 pi y), 0 on the boundary."""

    def residual(u: Any, d: Any, x: Points, p: Any) -> Any:
        wave = torch.sin(math.pi * x["x"]) * torch.sin(4.0 * math.pi * x["y"])
        return d.laplacian(u) + u - (1.0 - 17.0 * math.pi**2) * wave

    square = Box((-1.0, -1.0), (1.0, 1.0))
    return Statement(("x", "y"), square, residual, (Dirichlet("all", 0.0, hard=True),))


def helmholtz_solution(grid: Grid) -> np.ndarray:
    x, y = grid.coordinates()
    return np.asarray(np.sin(np.pi * x) * np.sin(4.0 * np.pi * y))


def helmholtz_chebyshev(grid: Grid, tolerance: float) -> np.ndarray:
    """More and more points, until a quarter more changes the values by no more than the tolerance.

    Raises InputError where 128 an axis are too few.
    """
    from ...solvers.chebyshev.basis import ChebyshevBasis
    from ...solvers.chebyshev.boundary import dirichlet
    from ...solvers.chebyshev.box import Box as ChebyshevBox

    before = np.full(grid.shape, np.inf)
    for n in (8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128):
        basis = ChebyshevBasis(grid.extent, (n, n))
        x, y = basis.coordinates()
        f = (1.0 - 17.0 * np.pi**2) * np.sin(np.pi * x) * np.sin(4.0 * np.pi * y)
        found = basis.interpolate(ChebyshevBox(basis, dirichlet()).solve(-f, sigma=-1.0), grid)
        if np.abs(found - before).max() <= tolerance:
            return np.asarray(found)
        before = found
    raise InputError(f"expected a tolerance that 128 points an axis reach, got {tolerance:g}")


def poisson(dimension: int = 10) -> Statement:
    """-lap u = (pi / 2)^2 u* on the unit cube, u* = sum_i sin(pi x_i / 2) on all of its sides."""

    def solution(x: Points) -> Tensor:
        parts = [torch.sin(0.5 * math.pi * one) for one in x.values()]
        return torch.stack(parts, dim=-1).sum(dim=-1)

    names = tuple(f"x{i + 1}" for i in range(dimension))
    return Statement(
        names, Box((0.0,) * dimension, (1.0,) * dimension),
        lambda u, d, x, p: d.laplacian(u) + (0.5 * math.pi) ** 2 * solution(x),
        (Dirichlet("all", solution),),
    )  # fmt: skip


def poisson_solution(cloud: PointCloud) -> np.ndarray:
    return sines(cloud.points)


def sines(points: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(0.5 * np.pi * points).sum(axis=1))


def poisson_sparse(cloud: PointCloud, tolerance: float) -> np.ndarray:
    """Raises InputError where the tolerance is out of reach."""
    from ...solvers.chebyshev.sparse import solve_sparse

    cube = ((0.0, 1.0),) * cloud.ndim
    found = solve_sparse(lambda x: (0.5 * np.pi) ** 2 * sines(x), sines, cube, tolerance)
    return found(cloud.points)


def waves() -> Statement:
    """u_xx = f on [0, 1] with u = sin(4 pi x): tangent kernels (Wang, Yu & Perdikaris 2022)."""
    return Statement(
        ("x",), Box((0.0,), (1.0,)),
        lambda u, d, x, p: d(u, "xx") + (4.0 * math.pi) ** 2 * torch.sin(4.0 * math.pi * x["x"]),
        (Dirichlet("all", 0.0),),
    )  # fmt: skip
