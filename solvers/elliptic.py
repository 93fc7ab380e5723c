"""One door to the solvers of -div(a grad u) = f: coefficient fields in, a `Solution` out."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from .diffusion import (
    Boundary,
    Conditions,
    DiffusionOperator,
    check_grid,
    is_singular,
    read_conditions,
)
from .reading import read_real
from .sequences import LinearSystem, solve_batch
from .solution import Solution


def solve_diffusion(
    a: np.ndarray,
    f: np.ndarray | float,
    grid: Grid,
    rtol: float = 1e-8,
    method: str = "auto",
    threads: int = 1,
    order: Literal["given", "sorted"] = "given",
    boundary: Boundary | None = None,
    conditions: Conditions = "dirichlet",
    **options: Any,
) -> Solution:
    """Solve -div(a grad u) = f on a cell-centred grid for every sample of a batch.

    a: (batch, *grid.shape), two or three dimensions; f: of the same shape, of the grid's, or a
    number, point values in units of a u / length^2; conditions: "dirichlet" and "neumann" of the
    sides that are not periodic (see `DiffusionOperator`); boundary: their data, zero if None (see
    `DiffusionOperator.boundary_source`). Fields of the result: (batch, *grid.shape), of mean zero
    where no side fixes the constant.

    method, threads, order, options: as for `solve_sequence`, by default with the batch as one
    chunk. A
    sample has converged where the true residual |b - A u| / |b| is at most `rtol`. One with an
    illegal coefficient or source says so in its reason, and the others go on. The bits do not
    depend on `threads`.

    Raises `InputError` on wrong shapes, an unknown method, or a tolerance outside (0, 1).

    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (32, 32), centering="cell")
    >>> solution = solve_diffusion(np.ones((2, 32, 32)), 1.0, grid)
    >>> solution.converged.all(), round(float(solution.fields.max()), 3)
    (np.True_, 0.074)
    """
    a, f = _check_batch(a, f, grid)
    sides = read_conditions(conditions, grid)

    def system(i: int) -> LinearSystem:
        A = DiffusionOperator(a[i], grid, conditions)
        b = f[i] if boundary is None else f[i] + A.boundary_source(boundary)
        return LinearSystem(A, b, a[i])

    systems = [partial(system, i) for i in range(len(a))]
    solution = solve_batch(
        systems, grid.shape, rtol, method=method, threads=threads, order=order,
        **({"chunk": max(len(a), 1)} | options),
    )  # fmt: skip
    if is_singular(sides):
        axes = tuple(range(1, a.ndim))
        solution.fields[...] -= solution.fields.mean(axis=axes, keepdims=True)
    return solution


def _check_batch(a: np.ndarray, f: np.ndarray | float, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    check_grid(grid)
    a = np.ascontiguousarray(read_real(a, "coefficients"))
    if a.shape[1:] != grid.shape:
        raise InputError(
            f"expected coefficients of shape (batch, {', '.join(map(str, grid.shape))}), got "
            f"{a.shape}; give one value for each cell of each sample"
        )
    f = read_real(f, "a source")
    if f.shape not in ((), grid.shape, a.shape):
        raise InputError(
            f"expected a source of shape {a.shape}, {grid.shape} or a number, got {f.shape}"
        )
    each = f.ndim == a.ndim
    shared = f if each else np.ascontiguousarray(np.broadcast_to(f, grid.shape))
    return a, np.ascontiguousarray(f) if each else np.broadcast_to(shared, a.shape)
