"""Helmholtz systems by a sine transform and an exact solve on the modes near resonance.

With k^2 put at its mean m the operator is diagonal in sines, with entries lambda - m. Where these
are large against the fluctuation of k^2 their inverse is a good preconditioner; where they are
small (waves of nearly the right length, resonance) it is useless, and the operator restricted to
those modes is inverted by `ResonantBlock`. Flexible GMRES in double precision around it all; the
preconditioner works in single precision.

The idea of treating near-kernel modes exactly is that of deflation for Helmholtz (Erlangga & Nabben
2008, https://doi.org/10.1137/060678257), here in the space of sines, where it is dense but small.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...geometry.errors import InputError
from ..direct import Direct, installed
from ..krylov.result import KrylovResult, System
from .gmres import FlexibleGmres
from .operator import HelmholtzOperator
from .transform import ResonantTransform

DIRECT = {"pardiso": 6.5e-8, "superlu": 3e-7}  # seconds of a solve over unknowns^1.2


class ResonantSolver:
    """Flexible GMRES on `ResonantTransform` for a sequence of systems, direct where that stalls.

    It keeps its workspace and the analysis of the direct solver. A complex system, or one whose
    fluctuation of k^2 lets the model expect `max_iterations` or more time than a direct solve,
    goes to the direct solver at once.

    >>> from sobolev.geometry.grid import Grid
    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (32, 32), centering="cell")
    >>> A = HelmholtzOperator(200.0, grid)
    >>> ResonantSolver().solve(A, np.ones(1024), 1e-8).reason
    'converged'
    """

    def __init__(self, steps: int = 60, max_iterations: int = 90) -> None:
        self.max_iterations = max_iterations
        self._gmres = FlexibleGmres(steps)
        self._transform: ResonantTransform | None = None
        self._direct = Direct(positive=False)

    def solve(
        self, A: HelmholtzOperator, b: np.ndarray, rtol: float, x0: np.ndarray | None = None
    ) -> KrylovResult:
        """Solve A x = b until |b - A x| <= rtol |b|. Raises `InputError` on what does not fit."""
        if not isinstance(A, HelmholtzOperator):
            raise InputError(f"expected a HelmholtzOperator, got {type(A).__name__}")
        b = np.asarray(b).reshape(-1)
        if A.layer is not None or np.iscomplexobj(b) or (x0 is not None and np.iscomplexobj(x0)):
            return self._direct.solve(A, b, rtol)
        system = System(A, b, x0, None, rtol, self.max_iterations)
        M = self._transform
        if M is None:
            M = self._transform = ResonantTransform(A)
        else:
            M.update(A)
        rate = DIRECT["pardiso" if installed("pardiso") else "superlu"]
        direct = 1e-3 + rate * A.shape[0] ** 1.2
        if M.choice.iterations >= self.max_iterations or M.choice.seconds > direct:
            why = (
                f"the transform would take {M.choice.iterations:.0f} iterations "
                f"and {1e3 * M.choice.seconds:.3g} ms"
            )
        elif not M.block.regular:
            why = "the resonant block is singular"
        else:
            result = self._gmres.solve(A, M, system, self.max_iterations)
            if result.converged or not np.isfinite(system.norm_b):
                return result
            why = f"GMRES {result.reason} at {result.residual:.0e}"
        result = self._direct.solve(A, b, rtol)
        return replace(result, reason=f"{result.reason}; direct, because {why}")
