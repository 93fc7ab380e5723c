"""Flexible GMRES whose preconditioned directions are kept in single precision.

The basis, the products and the answer are double: a direction may be anything, as long as the
product with the matrix is that of the direction as it was stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..kernels import REASSOCIATE, kernel
from ..krylov.result import CONVERGED, MAXIMUM_ITERATIONS, STAGNATED, KrylovResult, System
from .operator import HelmholtzOperator, apply_helmholtz

SLOW = 15  # steps that must gain a factor of ten
REPEAT = 0.01  # orthogonalise again where less than this share of a vector was left

Apply = Callable[[np.ndarray], np.ndarray]


# Vectors are cut into pieces that stay in the cache while all rows pass by, so that each row is
# read once. Beside it, BLAS would start threads here and fight over the cores with LAPACK's.
PIECE = 2048


@kernel(REASSOCIATE)
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


@kernel(REASSOCIATE)
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


@kernel(REASSOCIATE)
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
        self, A: HelmholtzOperator, M: Apply, system: System, max_iterations: int
    ) -> KrylovResult:
        """Solve the system, whose matrix is A; M maps (n0, n1) to single precision."""
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
            steps = min(self.steps, max_iterations - done)
            x = x + self._cycle(A, M, r, norm, steps, system, history)
            r, before = system.residual(x), norm
            norm = float(np.linalg.norm(r))
            if norm > goal and not norm < 0.1 * before:
                reason = STAGNATED
                break
        return system.finish(x, len(history) - 1, reason, history, norm)

    def _cycle(
        self,
        A: HelmholtzOperator,
        M: Apply,
        r: np.ndarray,
        norm: float,
        steps: int,
        system: System,
        history: list[float],
    ) -> np.ndarray:
        """The correction of x by one cycle, which ends early where it converges or stalls."""
        V, Z, shape = self._V, self._Z, A.grid.shape
        R, g = np.zeros((steps, steps)), np.zeros(steps + 1)
        rotations: list[tuple[float, float]] = []
        g[0] = norm  # 1
        np.multiply(r, 1 / norm, out=V[0])
        first, j = len(history), 0
        while j < steps:  # 2
            z = M(V[j].reshape(shape))  # 3
            Z[j] = z.ravel()
            w = V[j + 1]
            apply_helmholtz(*A.links, A.k2, z, w.reshape(shape))  # 4
            system.products += 1
            column = np.zeros(j + 2)
            column[:-1], column[-1] = _orthogonalise(V[: j + 1], w)  # 5, 6, 7
            if not column[-1] > 0:  # an invariant space, or not a number
                break
            w *= 1 / column[-1]  # 8
            _rotate(column, rotations, g)
            R[: j + 1, j] = column[:-1]
            j += 1
            history.append(abs(g[j]) / system.norm_b)
            late = len(history) - first > SLOW
            if history[-1] <= system.rtol or (late and history[-1] > 0.1 * history[-1 - SLOW]):
                break
        correction = np.zeros(r.size)
        combine(_back_substitute(R[:j, :j], g[:j]), Z[:j], correction)  # 9, 10
        return correction


def _orthogonalise(V: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, float]:
    """Take the part along the rows of V out of w, in place; coefficients, and the norm left."""
    total, along = np.zeros(len(V)), np.empty(len(V))
    for _ in range(2):
        size = math.sqrt(dots(V, w, along))
        rest = math.sqrt(subtract(V, along, w))
        total += along
        if rest > REPEAT * size:
            break
    return total, rest


def _back_substitute(R: np.ndarray, g: np.ndarray) -> np.ndarray:
    """y of R y = g for an upper triangle R."""
    y = g.copy()
    for i in reversed(range(y.size)):
        y[i] = (y[i] - R[i, i + 1 :] @ y[i + 1 :]) / R[i, i]
    return y


def _rotate(column: np.ndarray, rotations: list[tuple[float, float]], g: np.ndarray) -> None:
    """Apply the earlier Givens rotations to a column of H, and a new one that ends it."""
    for i, (c, s) in enumerate(rotations):
        column[i], column[i + 1] = (
            c * column[i] + s * column[i + 1],
            c * column[i + 1] - s * column[i],
        )
    j = len(rotations)
    size = math.hypot(column[j], column[j + 1])
    c, s = column[j] / size, column[j + 1] / size
    rotations.append((c, s))
    column[j] = size
    g[j], g[j + 1] = c * g[j], -s * g[j]
