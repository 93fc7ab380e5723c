"""One door to the solvers of -div(a grad u) = f: coefficient fields in, a `Solution` out.

- "multigrid": flexible CG on a resistor-network V-cycle, other tiers where it stalls
- "superlu": sparse LU with its ordering reused
- "cg": conjugate gradients, Jacobi; "gmres": GMRES(40), Jacobi; "gcro_dr": GCRO-DR(40, 20),
  Jacobi, the space carried from sample to sample. All three are here to be compared with.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from .diffusion import (
    Boundary,
    Conditions,
    DiffusionOperator,
    check_grid,
    describe_coefficient,
    read_conditions,
)
from .diffusion_kernels import all_positive
from .direct import Direct
from .krylov.cg import cg
from .krylov.gcro_dr import RecycleSpace, gcro_dr
from .krylov.gmres import gmres
from .krylov.result import KrylovResult
from .multigrid import MAX_ITERATIONS, MultigridCG
from .multigrid.solver import solve_directly
from .sequence import greedy_order
from .solution import Solution

Method = Literal["multigrid", "cg", "gmres", "gcro_dr", "superlu"]
Outcome = tuple[int, float, str]  # iterations, true relative residual, reason
Solver = Callable[[DiffusionOperator, np.ndarray, np.ndarray], Outcome]  # A, b, x (filled)


def solve_diffusion(
    a: np.ndarray,
    f: np.ndarray | float,
    grid: Grid,
    rtol: float = 1e-8,
    method: Method = "multigrid",
    threads: int = 1,
    order: Literal["given", "sorted"] = "given",
    boundary: Boundary | None = None,
    max_iterations: int | None = None,
    conditions: Conditions = "dirichlet",
) -> Solution:
    """Solve -div(a grad u) = f on a cell-centred grid for every sample of a batch.

    a: (batch, *grid.shape), two or three dimensions; f: of the same shape, of the grid's, or a
    number, point values in units of a u / length^2; conditions: "dirichlet" and "neumann" of the
    sides that are not periodic (see `DiffusionOperator`); boundary: their data, zero if None (see
    `DiffusionOperator.boundary_source`). Fields of the result: (batch, *grid.shape), of mean zero
    where no side and no value fixes the constant.

    A sample has converged where the true residual |b - A u| / |b| is at most `rtol`. A sample
    with an illegal coefficient or source says so in its reason, and the others go on. The bits
    do not depend on `threads`. `order="sorted"` solves in the order of `greedy_order`, which
    matters only to "gcro_dr"; it works through the batch one by one, on one thread.

    Raises `InputError` on wrong shapes, an unknown method, or a tolerance outside (0, 1).

    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (32, 32), centering="cell")
    >>> solution = solve_diffusion(np.ones((2, 32, 32)), 1.0, grid)
    >>> solution.converged.all(), round(float(solution.fields.max()), 3)
    (np.True_, 0.074)
    """
    a, f = _check_batch(a, f, grid)
    read_conditions(conditions, grid)
    if not 0 < rtol < 1:
        raise InputError(f"expected a tolerance between 0 and 1, got {rtol}")
    if method not in _METHODS:
        raise InputError(f"expected a method of {sorted(_METHODS)}, got {method!r}")
    if order not in ("given", "sorted"):
        raise InputError(f"expected order 'given' or 'sorted', got {order!r}")
    if threads < 1:
        raise InputError(f"expected at least one thread, got {threads}")
    if max_iterations is not None and max_iterations < 1:
        raise InputError(f"expected at least one iteration, got {max_iterations}")
    make, limit = _METHODS[method]
    limit = limit if max_iterations is None else max_iterations
    turns = np.arange(len(a))
    if order == "sorted" and len(a):
        turns = greedy_order(np.nan_to_num(a.reshape(len(a), -1), posinf=0.0, neginf=0.0))
    batch = _Batch(a, f, grid, boundary, conditions)
    pieces = 1 if method == "gcro_dr" else min(threads, max(len(a), 1))
    jobs = [(make(rtol, limit), part) for part in np.array_split(turns, pieces)]
    if pieces == 1:
        batch.run(*jobs[0])
    else:
        with ThreadPoolExecutor(pieces) as pool:
            for future in [pool.submit(batch.run, *job) for job in jobs]:
                future.result()
    return batch.solution(rtol)


class _Batch:
    """The batch and its results, filled in by `run` from several threads at different places."""

    def __init__(
        self,
        a: np.ndarray,
        f: np.ndarray,
        grid: Grid,
        boundary: Boundary | None,
        conditions: Conditions,
    ) -> None:
        count = len(a)
        self.a, self.f, self.grid = a, f, grid
        self.boundary, self.conditions = boundary, conditions
        self.fields = np.zeros(a.shape)
        self.iterations = np.zeros(count, dtype=np.int64)
        self.residual = np.full(count, np.nan)
        self.seconds = np.zeros(count)
        self.reason = [""] * count

    def run(self, solve: Solver, indices: np.ndarray) -> None:
        for i in indices:
            start = time.perf_counter()
            a, b = self.a[i], self.f[i]
            if not all_positive(a.reshape(-1)):
                outcome = 0, np.nan, f"breakdown: coefficient is {describe_coefficient(a)}"
            elif not np.isfinite(np.sum(np.abs(b))):
                outcome = 0, np.nan, "breakdown: source is not finite"
            else:
                A = DiffusionOperator(a, self.grid, self.conditions)
                if self.boundary is not None:
                    b = b + A.boundary_source(self.boundary)
                outcome = solve(A, b, self.fields[i])
            self.iterations[i], self.residual[i], self.reason[i] = outcome
            self.seconds[i] = time.perf_counter() - start

    def solution(self, rtol: float) -> Solution:
        converged = self.residual <= rtol
        return Solution(
            self.fields, converged, self.iterations, self.residual, self.seconds, tuple(self.reason)
        )


class _Multigrid:
    """Multigrid with its tiers."""

    def __init__(self, rtol: float, limit: int) -> None:
        self.rtol, self.solver = rtol, MultigridCG(limit)

    def __call__(self, A: DiffusionOperator, b: np.ndarray, x: np.ndarray) -> Outcome:
        return _outcome(self.solver.solve(A, b, self.rtol), x)


class _Direct:
    """SuperLU."""

    def __init__(self, rtol: float, limit: int) -> None:
        self.rtol, self.direct = rtol, Direct("superlu", symmetric=True, positive=True)

    def __call__(self, A: DiffusionOperator, b: np.ndarray, x: np.ndarray) -> Outcome:
        return _outcome(solve_directly(self.direct, A, b.ravel(), self.rtol), x)


class _Krylov:
    """A Krylov method with Jacobi preconditioning."""

    def __init__(self, rtol: float, limit: int, method: Method) -> None:
        self.rtol, self.limit, self.method = rtol, limit, method
        self.space: RecycleSpace | None = None

    def __call__(self, A: DiffusionOperator, b: np.ndarray, x: np.ndarray) -> Outcome:
        inverse = 1.0 / A.diagonal.ravel()
        outcome = _outcome(self._solve(A, b.ravel(), lambda r: inverse * r), x)
        if A.singular:
            x -= np.mean(x)
        return outcome

    def _solve(
        self, A: DiffusionOperator, b: np.ndarray, M: Callable[[np.ndarray], np.ndarray]
    ) -> KrylovResult:
        if self.method == "cg":
            return cg(A, b, M=M, rtol=self.rtol, max_iterations=self.limit)
        if self.method == "gmres":
            return gmres(A, b, M=M, rtol=self.rtol, restart=40, max_iterations=self.limit)
        result, self.space = gcro_dr(
            A, b, self.space, m=40, k=20, M=M, rtol=self.rtol, max_iterations=self.limit
        )
        return result


def _outcome(result: KrylovResult, x: np.ndarray) -> Outcome:
    x[:] = result.x.reshape(x.shape)
    return result.iterations, result.residual, result.reason


def _krylov(method: Method) -> Callable[[float, int], Solver]:
    return lambda rtol, limit: _Krylov(rtol, limit, method)


# Method -> (maker of a solver for one thread, its largest number of iterations).
_METHODS: dict[str, tuple[Callable[[float, int], Solver], int]] = {
    "multigrid": (_Multigrid, MAX_ITERATIONS),
    "cg": (_krylov("cg"), 10_000),
    "gmres": (_krylov("gmres"), 10_000),
    "gcro_dr": (_krylov("gcro_dr"), 10_000),
    "superlu": (_Direct, 1),
}


def _check_batch(a: np.ndarray, f: np.ndarray | float, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    check_grid(grid)
    a = np.ascontiguousarray(a, dtype=np.float64)
    if a.shape[1:] != grid.shape:
        raise InputError(
            f"expected coefficients of shape (batch, {', '.join(map(str, grid.shape))}), got "
            f"{a.shape}; give one value for each cell of each sample"
        )
    f = np.asarray(f, dtype=np.float64)
    if f.shape not in ((), grid.shape, a.shape):
        raise InputError(
            f"expected a source of shape {a.shape}, {grid.shape} or a number, got {f.shape}"
        )
    each = f.ndim == a.ndim
    shared = f if each else np.ascontiguousarray(np.broadcast_to(f, grid.shape))
    return a, np.ascontiguousarray(f) if each else np.broadcast_to(shared, a.shape)
