"""Truth checks that problems share: the stored solutions against a matrix, and the equation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..geometry.calculus.grids import GridCalculus
from ..geometry.grid import Grid
from ..geometry.norms import norm
from .periodic import PeriodicProblem
from .problem import Arrays, Problem, TruthCheck

ROUNDING = 1e-15


def matrix_check(
    systems: Iterable[tuple[Any, np.ndarray, np.ndarray]], tolerance: float, eps: float
) -> TruthCheck:
    """The largest |A u - f| / |f| of systems (A, f, u): A sparse (n, n), f and u (n,).

    tolerance is what u was solved to, eps what storage may have moved u and the inputs of A by,
    relative. A moved u moves the residual by eps |A| |u| / |f|, so the limit grows by that much,
    for the sample where it is least.
    """
    figures, limits = [], []
    for A, f, u in systems:
        figures.append(np.linalg.norm(A @ u - f) / np.linalg.norm(f))
        size = np.abs(u).max() / np.sqrt(np.mean(f**2))
        limits.append(2 * tolerance + eps * abs(A).sum(axis=1).max() * size)
    name = "discrete residual |A u - f| / |f|"
    return TruthCheck(name, float(np.max(figures)), float(np.min(limits)))


def equation_check(
    problem: Problem, inputs: Arrays, u: np.ndarray, grid: Grid, size: Any, limit: float
) -> TruthCheck:
    """The largest residual of the equation by the grid reading, in H^-1 relative to `size`.

    u: (batch, *grid.shape); size: what a term of the equation measures in `dual_norm`, one
    number or (batch,); limit: what differences of second order leave.
    """
    values = {name: np.asarray(value, dtype=float) for name, value in inputs.items()}
    d = GridCalculus(grid, scheme="fd2")
    x = dict(zip(grid.names, grid.coordinates(), strict=True))
    p = problem.parameters(values, grid.ndim)
    residual = problem.residual(np.asarray(u, dtype=float), d, x, p)
    figure = float(np.max(dual_norm(residual, grid) / size))
    return TruthCheck("equation by grid reading, H^-1 relative", figure, limit)


def dual_norm(values: np.ndarray, grid: Grid) -> np.ndarray:
    """|values| in H^-1: (batch,) of (batch, *grid.shape), one number of (*grid.shape)."""
    return np.asarray(norm(values, grid, "Hs", s=-1))


def conserved_mean(
    problem: PeriodicProblem, u: np.ndarray, name: str = "mean"
) -> dict[str, np.ndarray]:
    """{name: means (batch, frames)} of u (batch, frames, *grid), in units of its first frame's
    size; nothing where the grid is too coarse: the mean of its points then has other waves in it.
    """
    if 3 * u.shape[-1] < problem.resolving(ROUNDING):
        return {}
    axes = tuple(range(2, u.ndim))
    size = np.sqrt(np.mean(u[:, :1] ** 2, axis=axes))
    return {name: u.mean(axis=axes) / np.where(size > 0, size, 1.0)}
