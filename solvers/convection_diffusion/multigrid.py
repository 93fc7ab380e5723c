"""Geometric multigrid for upwind convection and diffusion, and the BiCGSTAB that it drives.

All levels are upwind schemes of five points: flows are summed over the fine faces, conductances
(the numerical ones of the fine level included) are put in series and in parallel, and what
upwinding needs at the coarse level is added only where that is more. Restriction sums cells,
prolongation is bilinear; a Galerkin product of the same transfers loses its upwinding after two
levels and diverges. One symmetric pair of Gauss-Seidel sweeps a level follows the flow.

The cycle is a fixed preconditioner of BiCGSTAB (van der Vorst 1992, SIAM J. Sci. Stat. Comput. 13,
631-644). Both run in single precision; residuals are corrected in double precision.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from .. import solution
from ..direct import Direct
from ..krylov.result import KrylovResult
from ..reading import read_real
from .bicgstab import CONVERGED, MAXIMUM, STAGNATED, solve_system
from .cycle import cycle
from .layout import (
    END,
    N0,
    N1,
    PLACES,
    B,
    U,
    add_places,
    make_layout,
    origins_of,
    part,
    place_field,
)
from .links import build_hierarchy
from .operator import ConvectionDiffusionOperator

MAX_ITERATIONS = 200
STALLS = {STAGNATED: "stagnated", MAXIMUM: "used up its iterations"}


class Workspace:
    """Memory for solving systems on one grid, one after another; not shared between threads."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.layout, self.origins = make_layout(*grid.shape)
        places = int(self.layout[0, PLACES])
        cells = int(self.layout[-1, N0] * self.layout[-1, N1])
        self.single = np.zeros(int(self.layout[-1, END]), dtype=np.float32)
        self.dense = np.zeros((cells, cells), dtype=np.float32)
        self.vectors = np.zeros((6, places), dtype=np.float32)
        self.residual = np.empty(grid.shape)

    def solve(
        self,
        A: ConvectionDiffusionOperator,
        b: np.ndarray,
        rtol: float,
        x: np.ndarray,
        history: np.ndarray,
    ) -> tuple[int, int, float]:
        """Solve A x = b from x, both (n0, n1) float64 in C order; returns status, cycles, residual.

        The residual is the true relative one. history: (largest number of cycles + 1,), filled.
        """
        return solve_system(
            A.links, A.diagonal, A.form == "conservative", b, rtol, x, history, self.layout,
            self.origins, self.single, self.dense, self.vectors, self.residual,
        )  # fmt: skip


class ConvectionDiffusionMultigrid:
    """BiCGSTAB on an F-cycle, the direct solver where that stalls; a method for sequences.

    Keeps the workspace of the last grid. `iterations` of a result counts cycles, of which
    BiCGSTAB takes two a step.

    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (32, 32), centering="cell")
    >>> v = np.ones((33, 32)), np.ones((32, 33))
    >>> A = ConvectionDiffusionOperator(0.1, v, grid)
    >>> ConvectionDiffusionMultigrid().solve(A, np.ones(32 * 32), rtol=1e-8).reason
    'converged'
    """

    def __init__(self, max_iterations: int = MAX_ITERATIONS) -> None:
        if max_iterations < 1:
            raise InputError(f"expected at least one iteration, got {max_iterations}")
        self.max_iterations = max_iterations
        self._work: Workspace | None = None
        self._direct: Direct | None = None

    def solve(
        self, A: Any, b: np.ndarray, rtol: float, x0: np.ndarray | None = None
    ) -> KrylovResult:
        """Solve A x = b, b (n,), until |b - A x| <= rtol |b|.

        Raises `InputError` for other operators, wrong shapes and illegal tolerances.
        """
        if not isinstance(A, ConvectionDiffusionOperator):
            raise InputError(
                f"expected a ConvectionDiffusionOperator, got {type(A).__name__}; use `Direct`"
            )
        b = np.ascontiguousarray(read_real(b, "right-hand side"))
        x = np.zeros(b.shape) if x0 is None else read_real(x0, "first guess").copy()
        for name, value in (("b", b), ("x0", x)):
            if value.shape != A.shape[:1]:
                raise InputError(f"expected {name} of shape {A.shape[:1]}, got {value.shape}")
        if not 0 < rtol < 1:
            raise InputError(f"expected a tolerance between 0 and 1, got {rtol}")
        if not np.all(np.isfinite(b)):
            reason = "breakdown: right-hand side is not finite"
            return KrylovResult(np.zeros_like(b), False, 0, 0, np.nan, reason, np.empty(0))
        if self._work is None or self._work.grid != A.grid:
            self._work = Workspace(A.grid)
        field, history = x.reshape(A.grid.shape), np.empty(self.max_iterations + 1)
        status, cycles, residual = self._work.solve(
            A, b.reshape(A.grid.shape), rtol, field, history
        )
        result = KrylovResult(
            x, status == CONVERGED, cycles, cycles + 2, residual, solution.CONVERGED,
            history[: cycles + 1],
        )  # fmt: skip
        return self._hand_over(A, b, rtol, result, STALLS[status]) if status in STALLS else result

    def _hand_over(
        self,
        A: ConvectionDiffusionOperator,
        b: np.ndarray,
        rtol: float,
        stalled: KrylovResult,
        how: str,
    ) -> KrylovResult:
        """The direct solver's answer; `iterations` and `history` tell what multigrid did."""
        if self._direct is None:
            self._direct = Direct(symmetric=False)
        result = self._direct.solve(A, b, rtol)
        why = f"multigrid {how} at {stalled.residual:.1e} after {stalled.iterations} cycles"
        reason = f"{result.reason} by the direct solver: {why}"
        if not result.converged:
            reason = f"{result.reason}, the direct solver too at {result.residual:.1e}: {why}"
        return replace(
            result,
            reason=reason,
            iterations=stalled.iterations,
            products=result.products + stalled.products,
            history=stalled.history,
        )


class Multigrid:
    """One F-cycle as a preconditioner: `M @ r` is an approximate A^-1 r.

    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (32, 32), centering="cell")
    >>> v = np.ones((33, 32)), np.ones((32, 33))
    >>> A = ConvectionDiffusionOperator(0.1, v, grid)
    >>> u = Multigrid(A) @ A.matvec(np.ones((32, 32)))
    >>> bool(abs(u - 1).max() < 0.3)
    True
    """

    def __init__(self, A: ConvectionDiffusionOperator) -> None:
        self.shape, self.dtype, self.grid = A.shape, A.dtype, A.grid
        work = self._work = Workspace(A.grid)
        conservative = A.form == "conservative"
        self._scale = build_hierarchy(
            A.links, A.diagonal, conservative, work.layout, work.origins, work.single, work.dense
        )

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        """Apply the cycle to r of shape (n0, n1) or (n0 n1,)."""
        work, out = self._work, np.zeros(self.grid.shape)
        size = float(np.max(np.abs(r)))
        if size == 0:
            return np.zeros_like(r)
        origin = origins_of(work.origins, work.layout, 0)
        field = np.ascontiguousarray(r, dtype=np.float64).reshape(self.grid.shape)
        place_field(field, origin, 1.0 / size, part(work.single, work.layout, 0, B))
        cycle(work.layout, work.origins, work.single, work.dense)
        add_places(part(work.single, work.layout, 0, U), origin, size * self._scale, out)
        return out.reshape(np.shape(r))
