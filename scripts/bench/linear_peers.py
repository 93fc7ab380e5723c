"""Other people's solvers, each in a few lines, as a user would call them for speed.

A peer is a class: one object for a sequence, called with one `System` after another and returning
x. What can be reused is: orderings and symbolic analyses, spaces where that is the point.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sparse
from linear_cases import ALL, DEFINITE, SYMMETRIC, Case, System
from scipy.sparse import linalg

# pypardiso searches the whole environment for MKL, twice and for seconds, unless it is told.
for library in sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*")):
    os.environ.setdefault("PYPARDISO_MKL_RT", str(library))

FLAT = ("diffusion", "helmholtz", "convection_diffusion")


class Peer:
    """kinds: of the cases it is run on; module: what must be installed; most, deep: unknowns in
    two and in three dimensions above which it takes too long."""

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]] = ALL
    module: ClassVar[str] = "scipy"
    most: ClassVar[int] = 10**9
    deep: ClassVar[int] = 10**9

    def __init__(self, case: Case) -> None:
        self.case = case
        self.rtol = case.rtol

    def __call__(self, system: System) -> np.ndarray:
        raise NotImplementedError


class SuperLU(Peer):
    name = "SciPy splu"
    kinds = FLAT  # 30 s at 48^3

    def __call__(self, system: System) -> np.ndarray:
        options = {"SymmetricMode": True} if self.case.kind in SYMMETRIC else {}
        permc = "MMD_AT_PLUS_A" if options else "COLAMD"
        return linalg.splu(sparse.csc_array(system.A), permc_spec=permc, options=options).solve(
            system.b
        )


class ConjugateGradients(Peer):
    name = "SciPy cg, Jacobi"
    kinds = DEFINITE

    def __call__(self, system: System) -> np.ndarray:
        M = sparse.diags_array(1 / system.A.diagonal())
        return linalg.cg(system.A, system.b, rtol=self.rtol, M=M, maxiter=20_000)[0]


class _Preconditioned(Peer):
    """SciPy's own best preconditioner: a threshold ILU, anew for each system."""

    kinds = FLAT
    most = 40_000

    def ilu(self, system: System) -> linalg.LinearOperator:
        factor = linalg.spilu(sparse.csc_array(system.A), drop_tol=1e-3, fill_factor=10)
        return linalg.LinearOperator(system.A.shape, factor.solve)


class Gmres(_Preconditioned):
    name = "SciPy gmres(40), ILUT"

    def __call__(self, system: System) -> np.ndarray:
        return linalg.gmres(
            system.A, system.b, rtol=self.rtol, restart=40, maxiter=25, M=self.ilu(system)
        )[0]


class Gcrotmk(_Preconditioned):
    name = "SciPy gcrotmk, ILUT"

    def __call__(self, system: System) -> np.ndarray:
        return linalg.gcrotmk(system.A, system.b, rtol=self.rtol, M=self.ilu(system), maxiter=50)[0]


class GcrotmkCarried(_Preconditioned):
    """Its outer space goes on to the next system, as its documentation shows."""

    name = "SciPy gcrotmk carried, ILUT"

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.space: list[Any] = []

    def __call__(self, system: System) -> np.ndarray:
        return linalg.gcrotmk(
            system.A, system.b, rtol=self.rtol, M=self.ilu(system), maxiter=50,
            CU=self.space, discard_C=True,
        )[0]  # fmt: skip


class PyAMG(Peer):
    name = "PyAMG Ruge-Stueben + CG"
    kinds = DEFINITE
    module = "pyamg"

    def __call__(self, system: System) -> np.ndarray:
        import pyamg

        hierarchy = pyamg.ruge_stuben_solver(sparse.csr_matrix(system.A))
        return hierarchy.solve(system.b, tol=self.rtol, accel="cg", maxiter=200)


class PyAMGAggregation(PyAMG):
    name = "PyAMG aggregation + CG"

    def __call__(self, system: System) -> np.ndarray:
        import pyamg

        hierarchy = pyamg.smoothed_aggregation_solver(sparse.csr_matrix(system.A))
        return hierarchy.solve(system.b, tol=self.rtol, accel="cg", maxiter=200)


class Cholmod(Peer):
    """Analysed once, by the best of its orderings, in the faster of its two modes: which one is,
    depends on the BLAS that the system brings. LDL^T where the matrix may be indefinite."""

    name = "CHOLMOD"
    kinds = SYMMETRIC
    module = "sksparse"
    deep = 50_000

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.factor: Any = None

    def __call__(self, system: System) -> np.ndarray:
        A = sparse.csc_matrix(system.A)
        if self.factor is None:
            self.factor = self._analyse(A)
        self.factor.cholesky_inplace(A)
        return self.factor(system.b)

    def _analyse(self, A: sparse.csc_matrix) -> Any:
        from sksparse import cholmod

        modes = ["simplicial", "supernodal"] if self.case.kind in DEFINITE else ["simplicial"]
        found = []
        for mode in modes:
            factor = cholmod.analyze(A, mode=mode, ordering_method="best")
            start = time.perf_counter()
            factor.cholesky_inplace(A)
            found.append((time.perf_counter() - start, mode, factor))
        return min(found)[2]


class Pardiso(Peer):
    """MKL's, with phase 11 (analysis) once and 23 (factor, solve, refine) for each system."""

    name = "PARDISO"
    module = "pypardiso"
    deep = 120_000

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.solver: Any = None

    def __call__(self, system: System) -> np.ndarray:
        import pypardiso

        symmetric = self.case.kind in SYMMETRIC
        A = sparse.triu(system.A, format="csr") if symmetric else system.A
        if self.solver is None:
            kind = 11 if not symmetric else 2 if self.case.kind in DEFINITE else -2
            self.solver = pypardiso.PyPardisoSolver(mtype=kind)
            self._call(11, A, system.b)
        return self._call(23, A, system.b)

    def _call(self, phase: int, A: Any, b: np.ndarray) -> np.ndarray:
        self.solver.set_phase(phase)
        return self.solver._call_pardiso(A, b)


PEERS: tuple[type[Peer], ...] = (
    SuperLU, ConjugateGradients, Gmres, Gcrotmk, GcrotmkCarried, PyAMG, PyAMGAggregation, Cholmod,
    Pardiso,
)  # fmt: skip
