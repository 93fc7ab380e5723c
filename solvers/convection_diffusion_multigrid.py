"""Geometric multigrid for upwind convection and diffusion, and the BiCGSTAB that it drives.

All levels are upwind schemes of five points: flows are summed over the fine faces, conductances
(the numerical ones of the fine level included) are put in series and in parallel, and what
upwinding needs at the coarse level is added only where that is more. Restriction sums cells,
prolongation is bilinear; a Galerkin product of the same transfers loses its upwinding after two
levels and diverges. One symmetric pair of Gauss-Seidel sweeps a level follows the flow.

The cycle runs in single precision and is a fixed preconditioner; the iteration runs in double
precision and checks the true residual (van der Vorst 1992, SIAM J. Sci. Stat. Comput. 13).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from .convection_diffusion import ConvectionDiffusionOperator
from .convection_diffusion_cycle import (
    END,
    LANES,
    N0,
    N1,
    P0,
    P1,
    PLACES,
    B,
    U,
    build_hierarchy,
    cycle,
    fetch_field,
    origins_of,
    part,
    place_field,
    place_operator,
)
from .direct import DirectSolver
from .kernels import REASSOCIATE, kernel
from .krylov.result import KrylovResult
from .solution import CONVERGED as CONVERGED_REASON
from .solution import STAGNATED as STAGNATED_REASON

CONVERGED, STAGNATED, MAXIMUM, BAD_SOURCE = range(4)
MAX_ITERATIONS = 200
COARSEST = 4  # cells an axis that are no longer coarsened
WINDOW = 24  # iterations that must at least halve the residual
REFRESHES = 4  # times that the recursion may break down or promise what is not true


class Workspace:
    """Memory for solving systems on one grid, one after another; not shared between threads."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.layout, self.origins = _layout(*grid.shape)
        places = int(self.layout[0, PLACES])
        cells = int(self.layout[-1, N0] * self.layout[-1, N1])
        self.single = np.zeros(int(self.layout[-1, END]), dtype=np.float32)
        self.dense = np.zeros((cells, cells), dtype=np.float32)
        self.stencil = np.zeros((5, places))
        self.vectors = np.zeros((7, places))

    def solve(
        self,
        A: ConvectionDiffusionOperator,
        b: np.ndarray,
        rtol: float,
        x: np.ndarray,
        max_iterations: int,
    ) -> tuple[int, int, float]:
        """Solve A x = b from x, both (n0, n1) float64 in C order; returns (status, iterations,
        true relative residual)."""
        return solve_system(
            A.links, A.diagonal, A.form == "conservative", b, rtol, max_iterations, x, self.layout,
            self.origins, self.single, self.dense, self.stencil, self.vectors,
        )  # fmt: skip


@lru_cache(maxsize=16)
def _layout(n0: int, n1: int) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and offsets of all levels, and where their diagonals begin; see the cycle's file."""
    rows: list[list[int]] = []
    origins: list[int] = []
    offset = 0
    while True:
        p0, p1 = n0 + n0 % 2, n1 + n1 % 2
        diagonals = np.arange(-2, p0 + p1 + 1)
        low = np.maximum(0, diagonals - p1 + 1)
        sizes = np.minimum(diagonals, p0 - 1) - low + 3  # a ghost at both ends
        ends = np.cumsum(sizes)
        places = int(ends[-1]) + 4 * LANES  # room for rows that run over their ends
        faces = [(n0 + 1) * n1] * 2 + [n0 * (n1 + 1)] * 2
        stops = offset + np.cumsum([places] * 8 + faces)
        rows.append([n0, n1, p0, p1, places, len(origins), offset, *(int(k) for k in stops)])
        origins += [int(k) for k in ends - sizes - low + 1]
        offset = int(stops[-1])
        if max(n0, n1) <= COARSEST:
            tables = np.array(rows, dtype=np.int64), np.array(origins, dtype=np.int64)
            for table in tables:
                table.setflags(write=False)
            return tables
        n0, n1 = (n0 + 1) // 2, (n1 + 1) // 2


@kernel(REASSOCIATE)
def _product(stencil, origin, p0, p1, u, against, out):
    """out = A u for single u; returns against . out and out . out."""
    with_other, with_self = 0.0, 0.0
    for d in range(p0 + p1 - 1):
        low = max(0, d - p1 + 1)
        count = min(d, p0 - 1) + 1 - low
        here, before, after = origin[d + 2] + low, origin[d + 1] + low, origin[d + 3] + low
        s, w = stencil[0, here : here + count], stencil[1, here : here + count]
        n, e = stencil[2, here : here + count], stencil[3, here : here + count]
        centre, own = stencil[4, here : here + count], u[here : here + count]
        u_s, u_w = u[before - 1 : before - 1 + count], u[before : before + count]
        u_n, u_e = u[after + 1 : after + 1 + count], u[after : after + count]
        other, result = against[here : here + count], out[here : here + count]
        for k in range(count):
            value = (
                centre[k] * own[k] - s[k] * u_s[k] - w[k] * u_w[k] - n[k] * u_n[k] - e[k] * u_e[k]
            )
            result[k] = value
            with_other += other[k] * value
            with_self += value * value
    return with_other, with_self


@kernel(REASSOCIATE)
def _step(alpha, u, q, x, r, shadow, scale, b_single):
    """x += alpha u, r -= alpha q, b_single = scale r; returns r . r and shadow . r."""
    total, with_shadow = 0.0, 0.0
    for k in range(r.size):
        x[k] += alpha * u[k]
        value = r[k] - alpha * q[k]
        r[k] = value
        b_single[k] = scale * value
        total += value * value
        with_shadow += shadow[k] * value
    return total, with_shadow


@kernel(REASSOCIATE)
def _direction(r, beta, p, gamma, v, scale, b_single):
    """p = r + beta p - gamma v, b_single = scale p."""
    for k in range(r.size):
        value = r[k] + beta * p[k] - gamma * v[k]
        p[k] = value
        b_single[k] = scale * value


@kernel(REASSOCIATE)
def _begin(stencil, origin, p0, p1, x, b, r, shadow, p):
    """r = shadow = p = b - A x; returns |r|."""
    _product(stencil, origin, p0, p1, x, b, r)
    total = 0.0
    for k in range(r.size):
        value = b[k] - r[k]
        r[k] = value
        shadow[k] = value
        p[k] = value
        total += value * value
    return np.sqrt(total)


@kernel(REASSOCIATE)
def _norm(b):
    """|b| without overflow; nan if an entry is not finite."""
    largest, finite = 0.0, 0.0
    for row in b:
        for j in range(row.size):
            largest = max(largest, abs(row[j]))
            finite += row[j] - row[j]
    if finite != 0.0:
        return np.nan
    if largest == 0.0:
        return 0.0
    total, scale = 0.0, 1.0 / largest
    for row in b:
        for j in range(row.size):
            total += (scale * row[j]) ** 2
    return largest * np.sqrt(total)


@kernel()
def _bicgstab(norm, rtol, limit, layout, origins, single, dense, stencil, vectors):
    """BiCGSTAB (van der Vorst 1992) from r = shadow = p; returns (cycles, |r| by recursion).

    Preconditioned from the right. The cycle gets its vectors scaled into single range and may
    scale its answers as it likes: the steps along p^ = M^-1 p and s^ = M^-1 s take that back.
    """
    r, shadow, p, v, t, x, _ = vectors
    p0, p1 = layout[0, P0], layout[0, P1]
    origin = origins_of(origins, layout, 0)
    u, b_single = part(single, layout, 0, U), part(single, layout, 0, B)
    rho, scale_p, best, window, mark, iterations = norm * norm, 1.0 / norm, norm, norm, 0, 0
    _direction(r, 0.0, p, 0.0, v, scale_p, b_single)
    while iterations < limit:
        cycle(layout, origins, single, dense)
        along, _ = _product(stencil, origin, p0, p1, u, shadow, v)
        alpha, scale_s = rho / along, 1.0 / norm
        rr, _ = _step(alpha, u, v, x, r, shadow, scale_s, b_single)
        iterations, norm = iterations + 1, np.sqrt(rr)
        if not norm > rtol:
            break
        cycle(layout, origins, single, dense)
        ts, tt = _product(stencil, origin, p0, p1, u, r, t)
        omega = ts / tt
        rr, new_rho = _step(omega, u, t, x, r, shadow, scale_s, b_single)
        iterations, norm = iterations + 1, np.sqrt(rr)
        best = min(best, norm)
        if not norm > rtol:  # also where a breakdown made it nan
            break
        if iterations - mark >= WINDOW:
            if not best < 0.5 * window:
                break
            window, mark = best, iterations
        gamma = new_rho / rho * alpha
        beta = gamma * scale_p / (omega * scale_s)
        rho, scale_p = new_rho, 1.0 / norm
        _direction(r, beta, p, gamma, v, scale_p, b_single)
    return iterations, norm


@kernel()
def solve_system(
    links,
    diagonal,
    conservative,
    b,
    rtol,
    limit,
    x,
    layout,
    origins,
    single,
    dense,
    stencil,
    vectors,
):
    """See `Workspace.solve`."""
    norm_b = _norm(b)
    if not np.isfinite(norm_b):
        return BAD_SOURCE, 0, np.nan
    if norm_b == 0.0:
        x[:] = 0
        return CONVERGED, 0, 0.0
    for level in range(layout.shape[0]):
        part(single, layout, level, U)[:] = 0  # a system that failed may have left nan
    origin = origins_of(origins, layout, 0)
    build_hierarchy(links, diagonal, conservative, layout, origins, single, dense)
    place_operator(links, diagonal, origin, stencil)
    vectors[:] = 0
    r, shadow, p, _, _, places, source = vectors
    place_field(b, origin, 1.0 / norm_b, source)
    place_field(x, origin, 1.0 / norm_b, places)
    status, total, promised = MAXIMUM, 0, 1.0
    for _ in range(1 + REFRESHES):
        norm = _begin(stencil, origin, layout[0, P0], layout[0, P1], places, source, r, shadow, p)
        if norm <= rtol:
            status = CONVERGED
            break
        if not norm < np.inf or (promised > rtol and total > 0):
            status = STAGNATED if total < limit else MAXIMUM
            break
        iterations, promised = _bicgstab(
            norm, rtol, limit - total, layout, origins, single, dense, stencil, vectors
        )
        total += iterations
    fetch_field(places, origin, norm_b, x)
    return status, total, norm


class ConvectionDiffusionMultigrid:
    """Sequence method: BiCGSTAB on an F-cycle, SuperLU where that stalls.

    Keeps the workspace of the last grid. `iterations` of the results counts cycles.
    """

    def __init__(self, max_iterations: int = MAX_ITERATIONS) -> None:
        if max_iterations < 1:
            raise InputError(f"expected at least one iteration, got {max_iterations}")
        self.max_iterations = max_iterations
        self._work: Workspace | None = None
        self._direct = DirectSolver()

    def solve(
        self, A: Any, b: np.ndarray, rtol: float, x0: np.ndarray | None = None
    ) -> KrylovResult:
        """Solve A x = b to |b - A x| <= rtol |b|; b and x0 flat or of the grid's shape."""
        if not isinstance(A, ConvectionDiffusionOperator):
            raise InputError(f"expected a ConvectionDiffusionOperator, got {type(A).__name__}")
        shape = A.grid.shape
        b = np.ascontiguousarray(b, dtype=np.float64)
        x = np.zeros(b.shape) if x0 is None else np.array(x0, dtype=np.float64)
        for name, value in (("b", b), ("x0", x)):
            if value.shape not in (shape, A.shape[:1]):
                raise InputError(f"expected {name} of shape {A.shape[:1]}, got {value.shape}")
        if not 0 < rtol < 1:
            raise InputError(f"expected a tolerance between 0 and 1, got {rtol}")
        if self._work is None or self._work.grid != A.grid:
            self._work = Workspace(A.grid)
        x = x.reshape(shape)
        outcome = self._work.solve(A, b.reshape(shape), rtol, x, self.max_iterations)
        return self._judge(A, b.reshape(-1), rtol, x.reshape(-1), *outcome)

    def _judge(
        self,
        A: ConvectionDiffusionOperator,
        b: np.ndarray,
        rtol: float,
        x: np.ndarray,
        status: int,
        iterations: int,
        residual: float,
    ) -> KrylovResult:
        reason, products = CONVERGED_REASON, iterations + 1
        if status == BAD_SOURCE:
            reason = "breakdown: right-hand side is not finite"
        elif status != CONVERGED:
            stalled = f"multigrid stagnated at {residual:.1e} after {iterations} iterations"
            x = self._direct.solve(A.to_csr(), b)
            residual = float(np.linalg.norm(b - A.matvec(x)) / np.linalg.norm(b))
            products += 1
            if residual <= rtol:
                reason = f"{CONVERGED_REASON} by the direct solver: {stalled}"
            else:
                reason = f"{STAGNATED_REASON}: the direct solver reached {residual:.1e}; {stalled}"
        converged = reason.startswith(CONVERGED_REASON)
        return KrylovResult(
            x, converged, iterations, products, residual, reason, np.array([residual])
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
        build_hierarchy(
            A.links, A.diagonal, conservative, work.layout, work.origins, work.single, work.dense
        )
        self._scale = float(np.max(A.diagonal))

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        """Apply the cycle to r of shape (n0, n1) or (n0 n1,)."""
        work, out = self._work, np.empty(self.grid.shape)
        size = float(np.max(np.abs(r)))
        if size == 0:
            return np.zeros_like(r)
        origin = origins_of(work.origins, work.layout, 0)
        field = np.ascontiguousarray(r, dtype=np.float64).reshape(self.grid.shape)
        place_field(field, origin, 1.0 / size, part(work.single, work.layout, 0, B))
        cycle(work.layout, work.origins, work.single, work.dense)
        fetch_field(part(work.single, work.layout, 0, U), origin, size / self._scale, out)
        return out.reshape(np.shape(r))
