"""Helmholtz systems by recycling, preconditioned by a shifted Laplacian.

-Lap - (1 + 0.5 i) k^2 has damped waves only, so its inverse is easy, and preconditions the
undamped operator (Erlangga, Vuik, Oosterlee 2004, https://doi.org/10.1016/j.apnum.2004.01.009).
Here it is inverted with k^2 at its mean, by one sine transform. The number of iterations grows
with the wavenumber; recycling (GCRO-DR) carries the slow directions from system to system.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import fft

from ...geometry.errors import InputError
from ..krylov.gcro_dr import RecycleSpace, gcro_dr
from ..krylov.result import KrylovResult
from ..residual import true_residual
from ..transforms import stencil_eigenvalues
from .operator import HelmholtzOperator


class ShiftedLaplacian:
    """The preconditioner: `M @ r` solves -Lap z - (1 + shift i) mean(k^2) z = r, z = 0 outside.

    A: a `HelmholtzOperator`, with an absorbing layer or without, which M does not see. The sign
    of the shift is that of waves damped as they go, with exp(-i omega t) as in `helmholtz`.

    Raises `InputError` unless the shift is positive.
    """

    def __init__(self, A: HelmholtzOperator, shift: float = 0.5) -> None:
        if not shift > 0:
            raise InputError(f"expected a positive shift, got {shift}; take 0.5")
        self.shape, self.shift = A.shape, shift
        self.dtype = np.dtype(np.complex128)
        self.update(A)

    def update(self, A: HelmholtzOperator) -> None:
        """Take another operator of the same grid."""
        symbol = stencil_eigenvalues(A.grid) - (1 + 1j * self.shift) * A.k2.mean()
        self._inverse = (1 / symbol).astype(np.complex64)

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        r_hat = fft.dstn(r.reshape(self._inverse.shape).astype(np.result_type(r, np.complex64)))
        return np.asarray(fft.idstn(r_hat * self._inverse, overwrite_x=True)).reshape(r.shape)


class ShiftedLaplacianRecycling:
    """GCRO-DR(m, k) on `ShiftedLaplacian` for a sequence of systems, the space carried along.

    Complex inside; a real system gets the real part, whose residual is no larger.

    >>> from ...geometry.grid import Grid
    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (16, 16), centering="cell")
    >>> A = HelmholtzOperator(100.0, grid)
    >>> ShiftedLaplacianRecycling().solve(A, np.ones(256), 1e-8).reason
    'converged'
    """

    def __init__(
        self, m: int = 60, k: int = 30, shift: float = 0.5, max_iterations: int = 2000
    ) -> None:
        self.m, self.k, self.shift, self.max_iterations = m, k, shift, max_iterations
        self.space: RecycleSpace | None = None

    def solve(
        self, A: HelmholtzOperator, b: np.ndarray, rtol: float, x0: np.ndarray | None = None
    ) -> KrylovResult:
        """Solve A x = b until |b - A x| <= rtol |b|. Raises `InputError` on what does not fit."""
        if not isinstance(A, HelmholtzOperator):
            raise InputError(f"expected a HelmholtzOperator, got {type(A).__name__}")
        b = np.asarray(b).reshape(-1)
        if self.space is not None and self.space.U.shape[1] != b.size:
            self.space = None
        M = ShiftedLaplacian(A, self.shift)
        # In single precision the basis stalled on some of these systems, far from definite.
        result, self.space = gcro_dr(
            A,
            b,
            self.space,
            self.m,
            self.k,
            x0,
            M,
            rtol,
            self.max_iterations,
            precision="double",
        )
        given = (A.links[0], b, b if x0 is None else np.asarray(x0))
        if any(np.iscomplexobj(values) for values in given) or not result.converged:
            return result
        x = np.ascontiguousarray(result.x.real)
        residual = true_residual(A, x, b)
        return replace(result, x=x, residual=residual)
