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

import numpy as np
from scipy import fft
from scipy.linalg import blas, lapack

from ..kernels import kernel


@kernel()
def fill_couplings(table, rows, columns, out):
    """out[a, b] = -(S_a, delta S_b) for modes rows (2, m), columns (2, m'): wave numbers j, l."""
    for a in range(rows.shape[1]):
        j, m = rows[0, a], rows[1, a]
        for b in range(columns.shape[1]):
            less, more = table[abs(j - columns[0, b])], table[j + columns[0, b]]
            low, high = abs(m - columns[1, b]), m + columns[1, b]
            out[a, b] = (more[low] - less[low]) + (less[high] - more[high])


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
        ends = np.linspace(0, modes.shape[1], blocks + 1).round().astype(int)
        self.parts = [slice(start, stop) for start, stop in itertools.pairwise(ends)]
        self.regular = True
        self._factors: list[tuple[np.ndarray, np.ndarray]] = []
        self._below: list[np.ndarray] = []  # L_i times the inverse of the block before it
        for i, part in enumerate(self.parts):
            S = _couplings(table, modes[:, part], modes[:, part])
            np.fill_diagonal(S, S.diagonal() + gaps[part])
            if i:
                L = _couplings(table, modes[:, part], modes[:, self.parts[i - 1]])
                across, _ = lapack.sgetrs(*self._factors[-1], L.T)
                self._below.append(across.T)
                # SciPy's BLAS: between NumPy's and LAPACK's threads every change costs 8 ms
                blas.sgemm(-1.0, L.T, across, 1.0, S.T, trans_a=True, overwrite_c=True)
            factor, pivots, singular = lapack.sgetrf(S.T, overwrite_a=True)  # S is symmetric
            self._factors.append((factor, pivots))
            self.regular &= not singular

    def solve(self, r: np.ndarray) -> np.ndarray:
        """Amplitudes (m,) for a right-hand side (m,), both single precision."""
        x = r.copy()
        for i, below in enumerate(self._below):
            x[self.parts[i + 1]] -= below @ x[self.parts[i]]
        for i in reversed(range(len(self.parts))):
            here, _ = lapack.sgetrs(*self._factors[i], x[self.parts[i]])
            if i + 1 < len(self.parts):
                here -= x[self.parts[i + 1]] @ self._below[i]
            x[self.parts[i]] = here
        return x


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


def cosine_transform(delta: np.ndarray) -> np.ndarray:
    """What `ResonantBlock` takes, in single precision."""
    return np.asarray(fft.dctn(delta.astype(np.float32), overwrite_x=True))


def correlation(delta_hat: np.ndarray, share: float) -> int:
    """The wave number beyond which delta has less than `share` of its root mean square."""
    energy = delta_hat[:64, :64].astype(np.float64) ** 2
    j, m = np.indices(energy.shape)
    by_ring = np.bincount(np.maximum(j, m).ravel(), weights=energy.ravel())
    tail = np.cumsum(by_ring[::-1])[::-1]
    rough = np.flatnonzero(tail > share**2 * max(float(tail[1]), np.finfo(float).tiny))
    return max(1, int(rough[-1])) if rough.size else 1


def count(area: float, perimeter: float, k2: float) -> float:
    """How many modes of a Dirichlet rectangle lie below k2 (Weyl's law with its second term)."""
    k2 = max(k2, 0.0)
    return max((area * k2 - perimeter * math.sqrt(k2)) / (4 * math.pi), 0.0)
