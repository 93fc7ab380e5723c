"""One door to the solvers of -div(a grad u) = f: coefficient fields in, a `Solution` out.

- "multigrid": flexible CG on a resistor-network V-cycle, the direct solver where it stalls
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
from . import multigrid
from .diffusion import Boundary, DiffusionOperator, check_grid, describe_coefficient
from .direct import DirectSolver
from .krylov.cg import cg
from .krylov.gcro_dr import RecycleSpace, gcro_dr
from .krylov.gmres import gmres
from .krylov.result import KrylovResult
from .sequence import greedy_order
from .solution import CONVERGED, STAGNATED, Solution

Method = Literal["multigrid", "cg", "gmres", "gcro_dr", "superlu"]
Outcome = tuple[int, float, str]  # iterations, true relative residual, reason
Solver = Callable[[np.ndarray, np.ndarray, np.ndarray], Outcome]  # a, b, x (filled)


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
) -> Solution:
    """Solve -div(a grad u) = f on a cell-centred grid for every sample of a batch.

    a: (batch, n0, n1); f: (batch, n0, n1), (n0, n1) or a number, point values in units of
    a u / length^2; boundary: Dirichlet values, zero if None (see
    `DiffusionOperator.boundary_source`). Fields of the result: (batch, n0, n1).

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
    batch = _Batch(a, f, grid, boundary)
    pieces = 1 if method == "gcro_dr" else min(threads, max(len(a), 1))
    jobs = [(make(grid, rtol, limit), part) for part in np.array_split(turns, pieces)]
    if pieces == 1:
        batch.run(*jobs[0])
    else:
        with ThreadPoolExecutor(pieces) as pool:
            for future in [pool.submit(batch.run, *job) for job in jobs]:
                future.result()
    return batch.solution(rtol)


class _Batch:
    """The batch and its results, filled in by `run` from several threads at different places."""

    def __init__(self, a: np.ndarray, f: np.ndarray, grid: Grid, boundary: Boundary | None) -> None:
        count = len(a)
        self.a, self.f, self.grid, self.boundary = a, f, grid, boundary
        self.fields = np.zeros(a.shape)
        self.iterations = np.zeros(count, dtype=np.int64)
        self.residual = np.full(count, np.nan)
        self.seconds = np.zeros(count)
        self.reason = [""] * count

    def run(self, solve: Solver, indices: np.ndarray) -> None:
        for i in indices:
            start = time.perf_counter()
            a, b = self.a[i], self.f[i]
            if not (np.min(a) > 0 and np.isfinite(np.max(a))):
                outcome = 0, np.nan, f"breakdown: coefficient is {describe_coefficient(a)}"
            elif not np.isfinite(np.sum(np.abs(b))):
                outcome = 0, np.nan, "breakdown: source is not finite"
            else:
                if self.boundary is not None:
                    b = b + DiffusionOperator(a, self.grid).boundary_source(self.boundary)
                outcome = solve(a, b, self.fields[i])
            self.iterations[i], self.residual[i], self.reason[i] = outcome
            self.seconds[i] = time.perf_counter() - start

    def solution(self, rtol: float) -> Solution:
        converged = self.residual <= rtol
        return Solution(
            self.fields, converged, self.iterations, self.residual, self.seconds, tuple(self.reason)
        )


class _Multigrid:
    """Multigrid, and the direct solver where it stalls."""

    def __init__(self, grid: Grid, rtol: float, limit: int) -> None:
        self.grid, self.rtol, self.limit = grid, rtol, limit
        self.work = multigrid.Workspace(grid)
        self.direct: _Direct | None = None

    def __call__(self, a: np.ndarray, b: np.ndarray, x: np.ndarray) -> Outcome:
        status, iterations, residual = self.work.solve(a, b, self.rtol, x, self.limit)
        if status == multigrid.CONVERGED:
            return iterations, residual, CONVERGED
        if self.direct is None:
            self.direct = _Direct(self.grid, self.rtol, 1)
        stalled = f"multigrid stagnated at {residual:.1e} after {iterations} iterations"
        _, residual, reason = self.direct(a, b, x)
        if reason == CONVERGED:
            return iterations, residual, f"{CONVERGED} by the direct solver: {stalled}"
        return iterations, residual, f"{reason}; {stalled}"


class _Direct:
    """SuperLU."""

    def __init__(self, grid: Grid, rtol: float, limit: int) -> None:
        self.grid, self.rtol = grid, rtol
        self.solver = DirectSolver(symmetric=True)

    def __call__(self, a: np.ndarray, b: np.ndarray, x: np.ndarray) -> Outcome:
        A = DiffusionOperator(a, self.grid)
        x[:] = self.solver.solve(A.to_csr(), b.ravel()).reshape(b.shape)
        residual = _true_residual(A, x, b)
        if residual <= self.rtol:
            return 1, residual, CONVERGED
        return 1, residual, f"{STAGNATED}: the direct solver reached {residual:.1e} by rounding"


class _Krylov:
    """A Krylov method with Jacobi preconditioning."""

    def __init__(self, grid: Grid, rtol: float, limit: int, method: Method) -> None:
        self.grid, self.rtol, self.limit, self.method = grid, rtol, limit, method
        self.space: RecycleSpace | None = None

    def __call__(self, a: np.ndarray, b: np.ndarray, x: np.ndarray) -> Outcome:
        A = DiffusionOperator(a, self.grid)
        inverse = 1.0 / A.diagonal.ravel()
        result = self._solve(A, b.ravel(), lambda r: inverse * r)
        x[:] = result.x.reshape(b.shape)
        return result.iterations, result.residual, result.reason

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


def _krylov(method: Method) -> Callable[[Grid, float, int], Solver]:
    return lambda grid, rtol, limit: _Krylov(grid, rtol, limit, method)


# Method -> (maker of a solver for one thread, its largest number of iterations).
_METHODS: dict[str, tuple[Callable[[Grid, float, int], Solver], int]] = {
    "multigrid": (_Multigrid, multigrid.MAX_ITERATIONS),
    "cg": (_krylov("cg"), 10_000),
    "gmres": (_krylov("gmres"), 10_000),
    "gcro_dr": (_krylov("gcro_dr"), 10_000),
    "superlu": (_Direct, 1),
}


def _check_batch(a: np.ndarray, f: np.ndarray | float, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    check_grid(grid)
    a = np.ascontiguousarray(a, dtype=np.float64)
    if a.ndim != 3 or a.shape[1:] != grid.shape:
        raise InputError(
            f"expected coefficients of shape (batch, {grid.shape[0]}, {grid.shape[1]}), got "
            f"{a.shape}; give one value for each cell of each sample"
        )
    f = np.asarray(f, dtype=np.float64)
    if f.shape not in ((), grid.shape, a.shape):
        raise InputError(
            f"expected a source of shape {a.shape}, {grid.shape} or a number, got {f.shape}"
        )
    shared = f if f.ndim == 3 else np.ascontiguousarray(np.broadcast_to(f, grid.shape))
    return a, np.ascontiguousarray(f) if f.ndim == 3 else np.broadcast_to(shared, a.shape)


def _true_residual(A: DiffusionOperator, x: np.ndarray, b: np.ndarray) -> float:
    size = float(np.linalg.norm(b))
    return float(np.linalg.norm(b - A.matvec(x))) / size if size else float(np.linalg.norm(x))
