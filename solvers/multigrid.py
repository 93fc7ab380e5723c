"""Geometric multigrid for the diffusion operator, and the conjugate gradients that it drives.

Every level is a network of resistors on a grid of cells: the coarse link between two aggregates
is the fine links in series, summed over parallel paths, so that all levels keep five points.
Restriction sums cells; prolongation shares by resistance. The two are not transposes, and the
cycle runs in single precision, so it preconditions a flexible conjugate gradient method (Notay
2000, with the Polak-Ribiere formula) in double precision.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..geometry.grid import Grid
from .diffusion import DiffusionOperator, face_coefficients
from .kernels import REASSOCIATE, kernel
from .multigrid_kernels import N0, N1, B, U, build_hierarchy, cycle, view

CONVERGED, STAGNATED, MAXIMUM, BAD_COEFFICIENT, BAD_SOURCE = range(5)
MAX_ITERATIONS = 100
COARSEST = 4  # cells an axis that are no longer coarsened
WINDOW = 20  # iterations that must at least halve the residual
REFRESHES = 3  # times that the recursive residual may promise what the true one does not hold


class Workspace:
    """Memory for solving systems on one grid, one after another; not shared between threads."""

    def __init__(self, grid: Grid) -> None:
        n0, n1 = grid.shape
        self.spacing = tuple(float(h) for h in grid.spacing)
        self.layout = _layout(n0, n1, *self.spacing)
        self.single = np.zeros(int(self.layout[-1, -1]), dtype=np.float32)
        self.rows = np.zeros((2, n1 + 2), dtype=np.float32)
        self.faces = (np.empty((n0 + 1, n1)), np.empty((n0, n1 + 1)))
        self.direction = np.zeros((n0 + 2, n1 + 2))
        self.vectors = np.empty((2, n0, n1))

    def solve(
        self, a: np.ndarray, b: np.ndarray, rtol: float, x: np.ndarray, max_iterations: int
    ) -> tuple[int, int, float]:
        """Solve A(a) x = b, all (n0, n1) float64 in C order; returns status, iterations, residual.

        The residual is the true relative one, |b - A x| / |b|.
        """
        return solve_system(
            a,
            b,
            rtol,
            max_iterations,
            x,
            self.spacing,
            self.layout,
            self.single,
            self.rows,
            *self.faces,
            self.direction,
            self.vectors,
        )


class Multigrid:
    """One V-cycle as a preconditioner: `M @ r` is an approximate A^-1 r.

    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (32, 32), centering="cell")
    >>> A = DiffusionOperator(np.ones((32, 32)), grid)
    >>> u = Multigrid(A) @ A.matvec(np.ones((32, 32)))
    >>> bool(abs(u - 1).max() < 0.3)
    True
    """

    def __init__(self, A: DiffusionOperator) -> None:
        self.shape = A.shape
        self.dtype = A.dtype
        self._work = Workspace(A.grid)
        self._scale = build_hierarchy(*A.faces, self._work.layout, self._work.single)

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        """Apply the cycle to r of shape (n0, n1) or (n0 n1,)."""
        work = self._work
        first = work.layout[0]
        n0, n1 = first[N0], first[N1]
        size = float(np.max(np.abs(r)))
        if size == 0:
            return np.zeros_like(r)
        view(work.single, first[B], n0, n1)[:] = np.reshape(r, (n0, n1)) / size
        cycle(work.layout, work.single, work.rows[0], work.rows[1])
        u = view(work.single, first[U], n0 + 2, n1 + 2)[1:-1, 1:-1]
        return (u.astype(np.float64) * (size * self._scale)).reshape(np.shape(r))


@lru_cache(maxsize=16)
def _layout(n0: int, n1: int, h0: float, h1: float) -> np.ndarray:
    """Sizes and offsets of all levels; see `multigrid_kernels`.

    Only axes whose cells are the smaller ones are coarsened, so that long thin cells become
    square before both are.
    """
    rows, offset = [], 0
    while True:
        smallest = min((h for n, h in ((n0, h0), (n1, h1)) if n > COARSEST), default=0.0)
        halve_0, halve_1 = (n > COARSEST and h < 1.5 * smallest for n, h in ((n0, h0), (n1, h1)))
        m0, m1 = n0 // 2 if halve_0 else n0, n1 // 2 if halve_1 else n1
        coarsest = (m0, m1) == (n0, n1)
        field, cells = (n0 + 2) * (n1 + 2), n0 * n1
        sizes = [field, field, cells, (n0 + 1) * n1, n0 * (n1 + 1)]
        sizes += [cells**2, 0, 0] if coarsest else [cells, n0 * m1, cells]
        ends = offset + np.cumsum(sizes)
        rows.append([n0, n1, m0, m1, offset, *ends])
        offset = int(ends[-1])
        if coarsest:
            layout = np.array(rows, dtype=np.int64)
            layout.setflags(write=False)
            return layout
        n0, n1, h0, h1 = m0, m1, h0 * n0 / m0, h1 * n1 / m1


@kernel(REASSOCIATE)
def _dots(z, r, q):
    """z.r and z.q; z has a ghost ring."""
    n0, n1 = r.shape
    zr, zq = 0.0, 0.0
    for i in range(n0):
        z_row, r_row, q_row = z[i + 1, 1 : n1 + 1], r[i], q[i]
        for j in range(n1):
            zr += z_row[j] * r_row[j]
            zq += z_row[j] * q_row[j]
    return zr, zq


@kernel(REASSOCIATE)
def _operator_row(faces_0, faces_1, p, i, out):
    """out = row i of A p, p with a ghost ring; returns its product with p."""
    n1 = out.size
    above, here, below = p[i, 1 : n1 + 1], p[i + 1], p[i + 2, 1 : n1 + 1]
    left, middle, right = here[:n1], here[1 : n1 + 1], here[2:]
    up, down, west, east = faces_0[i], faces_0[i + 1], faces_1[i, :n1], faces_1[i, 1:]
    product = 0.0
    for j in range(n1):
        value = (
            up[j] * (middle[j] - above[j])
            + down[j] * (middle[j] - below[j])
            + west[j] * (middle[j] - left[j])
            + east[j] * (middle[j] - right[j])
        )
        out[j] = value
        product += value * middle[j]
    return product


@kernel(REASSOCIATE)
def _new_direction(z, beta, p, i):
    """Row i of p = z + beta p."""
    z_row, p_row = z[i + 1], p[i + 1]
    for j in range(1, p_row.size - 1):
        p_row[j] = z_row[j] + beta * p_row[j]


@kernel(REASSOCIATE)
def _search(faces_0, faces_1, z, beta, p, q):
    """p = z + beta p and q = A p; returns p.q."""
    n0 = q.shape[0]
    product = 0.0
    _new_direction(z, beta, p, 0)
    for i in range(n0):
        if i + 1 < n0:
            _new_direction(z, beta, p, i + 1)
        product += _operator_row(faces_0, faces_1, p, i, q[i])
    return product


@kernel(REASSOCIATE)
def _step(alpha, p, q, x, r, scale, b_single):
    """x += alpha p, r -= alpha q, b_single = scale r; returns r.r."""
    n0, n1 = r.shape
    total = 0.0
    for i in range(n0):
        p_row, q_row, x_row, r_row, out = p[i + 1, 1 : n1 + 1], q[i], x[i], r[i], b_single[i]
        for j in range(n1):
            x_row[j] += alpha * p_row[j]
            value = r_row[j] - alpha * q_row[j]
            r_row[j] = value
            out[j] = scale * value
            total += value * value
    return total


@kernel(REASSOCIATE)
def _true_residual(faces_0, faces_1, x, b, b_scale, p, r, scale, b_single):
    """r = b_scale b - A x; returns |r|. Overwrites the direction p."""
    n0, n1 = r.shape
    p[1 : n0 + 1, 1 : n1 + 1] = x
    total = 0.0
    for i in range(n0):
        r_row, b_row, out = r[i], b[i], b_single[i]
        _operator_row(faces_0, faces_1, p, i, r_row)
        for j in range(n1):
            value = b_scale * b_row[j] - r_row[j]
            r_row[j] = value
            out[j] = scale * value
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
def _iterate(b, b_scale, rtol, limit, x, layout, single, rows, faces_0, faces_1, p, r, q):
    """Flexible conjugate gradients on b_scale b, of norm one; returns (status, iterations, |r|)."""
    n0, n1 = r.shape
    z = view(single, layout[0, U], n0 + 2, n1 + 2)
    b_single = view(single, layout[0, B], n0, n1)
    norm = _true_residual(faces_0, faces_1, x, b, b_scale, p, r, 1.0, b_single)
    p[:] = 0
    q[:] = 0
    alpha, zr_old, window, refreshes = 0.0, 1.0, norm, 0
    for iteration in range(1, limit + 1):
        cycle(layout, single, rows[0], rows[1])
        zr, zq = _dots(z, r, q)
        pq = _search(faces_0, faces_1, z, -alpha * zq / zr_old, p, q)
        if not (pq > 0.0 and zr > 0.0):
            # The cycle is not positive on this residual: no direction to go.
            return (
                STAGNATED,
                iteration,
                _true_residual(faces_0, faces_1, x, b, b_scale, p, r, 1.0, b_single),
            )
        alpha, zr_old = zr / pq, zr
        norm = np.sqrt(_step(alpha, p, q, x, r, 1.0 / norm, b_single))
        if norm <= rtol:
            norm = _true_residual(faces_0, faces_1, x, b, b_scale, p, r, 1.0, b_single)
            if norm <= rtol:
                return CONVERGED, iteration, norm
            refreshes += 1
            if refreshes > REFRESHES:
                return STAGNATED, iteration, norm
            p[:] = 0
            q[:] = 0
            alpha = 0.0
        if iteration % WINDOW == 0:
            if not norm < 0.5 * window:
                return STAGNATED, iteration, norm
            window = norm
    return MAXIMUM, limit, _true_residual(faces_0, faces_1, x, b, b_scale, p, r, 1.0, b_single)


@kernel()
def solve_system(a, b, rtol, limit, x, spacing, layout, single, rows, faces_0, faces_1, p, vectors):
    """See `Workspace.solve`. The names are the usual ones of conjugate gradients."""
    x[:] = 0
    norm = _norm(b)
    if not np.isfinite(norm):
        return BAD_SOURCE, 0, np.nan
    if not face_coefficients(a, spacing, faces_0, faces_1):
        return BAD_COEFFICIENT, 0, np.nan
    if norm == 0.0:
        return CONVERGED, 0, 0.0
    build_hierarchy(faces_0, faces_1, layout, single)
    result = _iterate(
        b,
        1.0 / norm,
        rtol,
        limit,
        x,
        layout,
        single,
        rows,
        faces_0,
        faces_1,
        p,
        vectors[0],
        vectors[1],
    )
    x *= norm
    return result
