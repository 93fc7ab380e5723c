"""The part of a Helmholtz operator that couples its resonant sine modes, and its inverse.

On cells of a rectangle the sines

    S_j(i) = sqrt(2/n) sin(pi j (i + 1/2) / n),    j = 1 .. n - 1,

are eigenvectors of the five-point stencil. A wavenumber that varies couples them: with
delta = k^2 - mean and C(p, q) = sum delta cos(pi p (i + 1/2) / n0) cos(pi q (m + 1/2) / n1),
the product of two sines gives

    (S_jl, delta S_j'l') = [C(j-j', l-l') - C(j+j', l-l') - C(j-j', l+l') + C(j+j', l+l')] / n0 n1,

so that one cosine transform of delta holds all couplings. Modes near resonance, |lambda - mean|
small, lie on a ring in the plane of wave numbers. A smooth delta changes the direction of a wave
little: sorted by angle, the matrix is nearly banded, and it is taken as block tridiagonal.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from scipy.linalg import blas, lapack

from ..kernels import CONTRACT, REASSOCIATE, kernel

TINY = float(np.finfo(float).tiny)


@kernel()
def fill_couplings(table, rows, columns, out):
    """out[a, b] = -(S_a, delta S_b) for modes rows (2, m), columns (2, m'): wave numbers j, l."""
    for a in range(rows.shape[1]):
        j, m = rows[0, a], rows[1, a]
        for b in range(columns.shape[1]):
            less, more = table[abs(j - columns[0, b])], table[j + columns[0, b]]
            low, high = abs(m - columns[1, b]), m + columns[1, b]
            out[a, b] = (more[low] - less[low]) + (less[high] - more[high])


class Factors(NamedTuple):
    """Block LDL^T of the resonant modes, for compiled code.

    ends: of the blocks (blocks + 1,); diagonal: LU factors of the blocks one after another, by
    columns, and their exchanges of rows (m,); below: L_i times the inverse of the block before it.
    """

    ends: np.ndarray
    diagonal: np.ndarray
    exchanges: np.ndarray
    below: np.ndarray


class ResonantBlock:
    """The inverse of the operator on modes near resonance, in single precision.

    delta_hat: DCT-II of delta as SciPy gives it, (n0, n1); modes: wave numbers (2, m), sorted by
    angle; gaps: lambda - mean of each, (m,); blocks: how many along the ring.

    Block LDL^T without pivoting across blocks; `regular` says whether all blocks could be
    inverted. As a preconditioner it need not be exact.
    """

    def __init__(
        self, delta_hat: np.ndarray, modes: np.ndarray, gaps: np.ndarray, blocks: int
    ) -> None:
        table = _unfold(delta_hat, 2 * modes.max(axis=1) + 1)
        ends = np.linspace(0, modes.shape[1], blocks + 1).round().astype(np.int64)
        self.parts = [slice(int(start), int(stop)) for start, stop in itertools.pairwise(ends)]
        self.regular = True
        diagonal: list[np.ndarray] = []
        exchanges: list[np.ndarray] = []
        below: list[np.ndarray] = []
        for i, part in enumerate(self.parts):
            S = _couplings(table, modes[:, part], modes[:, part])
            np.fill_diagonal(S, S.diagonal() + gaps[part])
            if i:
                L = _couplings(table, modes[:, part], modes[:, self.parts[i - 1]])
                across, _ = lapack.sgetrs(diagonal[-1], exchanges[-1], L.T)
                below.append(across.T)
                # SciPy's BLAS: between NumPy's and LAPACK's threads every change costs 8 ms
                blas.sgemm(-1.0, L.T, across, 1.0, S.T, trans_a=True, overwrite_c=True)
            factor, pivots, singular = lapack.sgetrf(S.T, overwrite_a=True)  # S is symmetric
            diagonal.append(factor)
            exchanges.append(pivots)
            self.regular &= not singular
        nothing = np.zeros(0, dtype=np.float32)
        self.factors = Factors(
            ends,
            np.concatenate([factor.T.ravel() for factor in diagonal]),
            np.concatenate(exchanges).astype(np.int64),
            np.concatenate([nothing, *(across.ravel() for across in below)]),
        )

    def solve(self, r: np.ndarray) -> np.ndarray:
        """Amplitudes (m,) for a right-hand side (m,), both single precision."""
        x = r.copy()
        solve_modes(x, self.factors)
        return x


@kernel()
def solve_modes(x, factors):
    """Amplitudes in place of a right-hand side (m,)."""
    ends, diagonal, exchanges, below = factors
    last, at, place = len(ends) - 2, 0, 0
    for i in range(last):
        start, middle, stop = ends[i], ends[i + 1], ends[i + 2]
        size = (stop - middle) * (middle - start)
        _subtract_rows(below[at : at + size], x[start:middle], x[middle:stop])
        at += size
        place += (middle - start) ** 2
    for i in range(last, -1, -1):
        start, stop = ends[i], ends[i + 1]
        here = x[start:stop]
        _solve_one(diagonal[place : place + here.size**2], exchanges[start:stop], here)
        if i < last:
            after = x[stop : ends[i + 2]]
            at -= here.size * after.size
            _subtract_columns(below[at : at + here.size * after.size], after, here)
        if i:
            place -= (start - ends[i - 1]) ** 2


@kernel(REASSOCIATE, inner=True)
def _subtract_rows(matrix, x, y):
    """y -= matrix x, for a matrix of rows one after another."""
    for a in range(y.size):
        row, total = matrix[a * x.size : (a + 1) * x.size], np.float32(0.0)
        for b in range(x.size):
            total += row[b] * x[b]
        y[a] -= total


@kernel(CONTRACT, inner=True)
def _subtract_columns(matrix, x, y):
    """y -= matrix^T x, for a matrix of rows one after another."""
    for a in range(x.size):
        _subtract_scaled(x[a], matrix[a * y.size : (a + 1) * y.size], y)


@kernel(CONTRACT, inner=True)
def _subtract_scaled(factor, column, y):
    for b in range(y.size):
        y[b] -= factor * column[b]


@kernel(CONTRACT, inner=True)
def _solve_one(factor, exchanges, x):
    """By LAPACK's LU factors, columns one after another."""
    n = x.size
    for a in range(n):
        x[a], x[exchanges[a]] = x[exchanges[a]], x[a]
    for a in range(n):
        _subtract_scaled(x[a], factor[a * n + a + 1 : (a + 1) * n], x[a + 1 :])
    for a in range(n - 1, -1, -1):
        x[a] /= factor[a * n + a]
        _subtract_scaled(x[a], factor[a * n : a * n + a], x[:a])


def _couplings(table: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    out = np.empty((rows.shape[1], columns.shape[1]), dtype=np.float32)
    fill_couplings(table, rows, columns, out)
    return out


def _unfold(delta_hat: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """C / n0 n1 for wave numbers below `sizes` (at most 2n): C(2n - p) = -C(p), C(n) = 0."""
    table = np.zeros(tuple(sizes), dtype=np.float32)
    (n0, n1), (m0, m1) = delta_hat.shape, sizes
    known = delta_hat[:m0, :m1] * (0.25 / delta_hat.size)
    table[: min(n0, m0), : min(n1, m1)] = known
    if m0 > n0 + 1:
        table[n0 + 1 :] = -table[n0 - 1 : 2 * n0 - m0 : -1]
    if m1 > n1 + 1:
        table[:, n1 + 1 :] = -table[:, n1 - 1 : 2 * n1 - m1 : -1]
    return table


@kernel(inner=True)
def correlation(delta_hat, share):
    """The wave number beyond which delta has less than `share` of its root mean square."""
    m0, m1 = min(delta_hat.shape[0], 64), min(delta_hat.shape[1], 64)
    beyond = np.zeros(max(m0, m1) + 1)
    for j in range(m0):
        for m in range(m1):
            beyond[max(j, m)] += np.float64(delta_hat[j, m]) ** 2
    for j in range(beyond.size - 2, -1, -1):
        beyond[j] += beyond[j + 1]
    least = share**2 * max(beyond[1], TINY)
    rough = 1
    for j in range(beyond.size):
        if beyond[j] > least:
            rough = max(rough, j)
    return rough


@kernel(inner=True)
def count(area, perimeter, k2):
    """How many modes of a Dirichlet rectangle lie below k2 (Weyl's law with its second term)."""
    k2 = max(k2, 0.0)
    return max((area * k2 - perimeter * math.sqrt(k2)) / (4 * math.pi), 0.0)
