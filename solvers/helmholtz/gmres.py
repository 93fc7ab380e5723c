"""Flexible GMRES whose preconditioned directions are kept in single precision.

The basis, the products and the answer are double: a direction may be anything, as long as the
product with the matrix is that of the direction as it was stored. A cycle is one compiled call.
"""

from __future__ import annotations

import math

import numpy as np

from ..kernels import REASSOCIATE, borrowed, kernel
from ..krylov.result import CONVERGED, MAXIMUM_ITERATIONS, STAGNATED, KrylovResult, System
from .operator import HelmholtzOperator, apply_helmholtz
from .transform import ResonantTransform, precondition

SLOW = 15  # steps that must gain a factor of ten
REPEAT = 0.01  # orthogonalise again where less than this share of a vector was left

# Vectors are cut into pieces that stay in the cache while all rows pass by, so that each row is
# read once. Beside it, BLAS would start threads here and fight over the cores with LAPACK's.
PIECE = 2048


@kernel(REASSOCIATE, inner=True)
def dots(V, w, along):
    """along = V w for V (k, n); returns |w|^2."""
    along[:] = 0.0
    total = 0.0
    for start in range(0, w.size, PIECE):
        piece = w[start : start + PIECE]
        for i in range(V.shape[0]):
            row = V[i, start : start + PIECE]
            part = 0.0
            for j in range(piece.size):
                part += row[j] * piece[j]
            along[i] += part
        for j in range(piece.size):
            total += piece[j] * piece[j]
    return total


@kernel(REASSOCIATE, inner=True)
def subtract(V, along, w):
    """w -= along @ V for V (k, n); returns |w|^2."""
    total = 0.0
    for start in range(0, w.size, PIECE):
        piece = w[start : start + PIECE]
        for i in range(V.shape[0]):
            row, factor = V[i, start : start + PIECE], along[i]
            for j in range(piece.size):
                piece[j] -= factor * row[j]
        for j in range(piece.size):
            total += piece[j] * piece[j]
    return total


@kernel(REASSOCIATE, inner=True)
def combine(weights, Z, x):
    """x += weights @ Z for Z (k, n) in single precision, summed in double."""
    for start in range(0, x.size, PIECE):
        piece = x[start : start + PIECE]
        for i in range(Z.shape[0]):
            row, weight = Z[i, start : start + PIECE], weights[i]
            for j in range(piece.size):
                piece[j] += weight * row[j]


class FlexibleGmres:
    """Saad, Iterative Methods for Sparse Linear Systems (2003), Algorithm 9.6, for one grid.

    steps: before a restart. Memory is kept from system to system of the same size.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._V = np.empty((0, 0))  # basis, as rows
        self._Z = np.empty((0, 0), dtype=np.float32)  # preconditioned basis, as rows

    def solve(
        self, A: HelmholtzOperator, M: ResonantTransform, system: System, max_iterations: int
    ) -> KrylovResult:
        """Solve the system, whose matrix is A, preconditioned by M."""
        if self._V.shape[1] != A.shape[0]:  # memory that is never touched costs nothing
            self._V = np.empty((self.steps + 1, A.shape[0]))
            self._Z = np.empty((self.steps, A.shape[0]), dtype=np.float32)
        x, goal = system.x0, system.rtol * system.norm_b
        r = system.residual(x) if system.started else system.b
        norm = float(np.linalg.norm(r))
        history = [norm / (system.norm_b or 1.0)]
        reason = CONVERGED
        while goal > 0 and goal < norm < math.inf:
            done = len(history) - 1
            if done >= max_iterations:
                reason = MAXIMUM_ITERATIONS
                break
            norms = np.empty(min(self.steps, max_iterations - done) + 1)
            correction = np.zeros(r.size)
            steps, products = cycle(
                A.links, A.k2, M.tables, self._V, self._Z, r, norm, goal, norms, correction
            )
            system.products += products
            history += (norms[1 : steps + 1] / system.norm_b).tolist()
            x = x + correction
            r, before = system.residual(x), norm
            norm = float(np.linalg.norm(r))
            if norm > goal and not norm < 0.1 * before:
                reason = STAGNATED
                break
        return system.finish(x, len(history) - 1, reason, history, norm)


@kernel()
def cycle(links, k2, tables, V, Z, r, norm, goal, norms, correction):
    """One cycle, which ends early where it converges or stalls: steps, and products with A.

    norms (steps + 1,): of the residual before and after each step; correction: of x, added to.
    """
    V, Z = borrowed(V), borrowed(Z)
    most, shape, j, products = norms.size - 1, k2.shape, 0, 0
    R, g = np.zeros((most, most)), np.zeros(most + 1)
    cosines, sines, column = np.empty(most), np.empty(most), np.empty(most + 1)
    norms[0] = g[0] = norm  # 1
    scale = 1 / norm
    for i in range(r.size):
        V[0, i] = scale * r[i]
    while j < most:  # 2
        z, w = Z[j], V[j + 1]
        precondition(V[j], tables, z)  # 3
        apply_helmholtz(*links, k2, z.reshape(shape), w.reshape(shape))  # 4
        products += 1
        column[j + 1] = orthogonalise(V[: j + 1], w, column)  # 5, 6, 7
        if not column[j + 1] > 0:  # an invariant space, or not a number
            break
        scale = 1 / column[j + 1]
        for i in range(w.size):
            w[i] *= scale  # 8
        for i in range(j):
            above, below = column[i], column[i + 1]
            column[i] = cosines[i] * above + sines[i] * below
            column[i + 1] = cosines[i] * below - sines[i] * above
        size = math.hypot(column[j], column[j + 1])
        cosines[j], sines[j] = column[j] / size, column[j + 1] / size
        column[j] = size
        g[j], g[j + 1] = cosines[j] * g[j], -sines[j] * g[j]
        R[: j + 1, j] = column[: j + 1]
        j += 1
        norms[j] = abs(g[j])
        if norms[j] <= goal or (j > SLOW and norms[j] > 0.1 * norms[j - SLOW]):
            break
    for i in range(j - 1, -1, -1):  # 9
        for k in range(i + 1, j):
            g[i] -= R[i, k] * g[k]
        g[i] /= R[i, i]
    combine(g[:j], Z[:j], correction)  # 10
    return j, products


@kernel(inner=True)
def orthogonalise(V, w, total):
    """Take the part along the rows of V out of w, in place; total: coefficients. Returns the norm
    that is left."""
    count, along = len(V), np.empty(len(V))
    total[:count] = 0.0
    rest = 0.0
    for _ in range(2):
        size = math.sqrt(dots(V, w, along))
        rest = math.sqrt(subtract(V, along, w))
        for i in range(count):
            total[i] += along[i]
        if rest > REPEAT * size:
            break
    return rest
