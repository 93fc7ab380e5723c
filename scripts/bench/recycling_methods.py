"""The columns of `recycling.py`: each is one object for a sequence, called system by system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
import scipy.sparse as sparse
from scipy.sparse import linalg

from sobolev.solvers.direct import DirectSolver
from sobolev.solvers.krylov.cg import cg
from sobolev.solvers.krylov.gcro_dr import gcro_dr
from sobolev.solvers.krylov.gmres import gmres
from sobolev.solvers.krylov.recycled_cg import DeflationSpace, recycled_cg
from sobolev.solvers.krylov.recycling import Recycling

M_KEPT, K_KEPT = 40, 20
LIMIT = 10_000


class Job(NamedTuple):
    """One system as a column gets it. special: the family's own solver, where it has one;
    near_kernel: what algebraic multigrid is told of the equation (n, modes)."""

    A: Any
    b: np.ndarray
    rtol: float
    special: Any = None
    near_kernel: np.ndarray | None = None


class Answer(NamedTuple):
    """products: all products with A, those for fitting a carried space among them."""

    x: np.ndarray
    products: int


class Column:
    """name; ours: of this package; sorted: takes the systems in sorted order; assembled: needs A
    as a sparse matrix, and takes no preconditioner; definite: only for symmetric positive definite
    families; needs_special: has `special` to call."""

    name: ClassVar[str]
    ours: ClassVar[bool] = True
    sorted: ClassVar[bool] = True
    assembled: ClassVar[bool] = False
    definite: ClassVar[bool] = False
    needs_special: ClassVar[bool] = False

    def __init__(self, preconditioner: Callable[[Any], Any] | None) -> None:
        self._make = preconditioner
        self._M: Any = None
        self._of: Any = None

    def solve(self, job: Job) -> Answer:
        raise NotImplementedError

    def M(self, A: Any) -> Any:
        """The preconditioner of A: the last one again for the same matrix, else updated."""
        if self._make is None or A is self._of:
            return self._M
        if self._M is None:
            self._M = self._make(A)
        else:
            self._M.update(A)
        self._of = A
        return self._M


class Gmres(Column):
    name = "GMRES(40)"
    sorted = False

    def solve(self, job: Job) -> Answer:
        result = gmres(job.A, job.b, M=self.M(job.A), rtol=job.rtol, restart=M_KEPT,
                       max_iterations=LIMIT)  # fmt: skip
        return Answer(result.x, result.products)


class WarmStart(Column):
    """GMRES(40) from the answer to the neighbour, and nothing else of it."""

    name = "warm start"

    def __init__(self, preconditioner: Callable[[Any], Any] | None) -> None:
        super().__init__(preconditioner)
        self.before: np.ndarray | None = None

    def solve(self, job: Job) -> Answer:
        result = gmres(job.A, job.b, x0=self.before, M=self.M(job.A), rtol=job.rtol,
                       restart=M_KEPT, max_iterations=LIMIT)  # fmt: skip
        self.before = result.x
        return Answer(result.x, result.products)


class Cold(Column):
    name = "GCRO-DR cold"
    sorted = False

    def solve(self, job: Job) -> Answer:
        result, _ = gcro_dr(job.A, job.b, None, M_KEPT, K_KEPT, M=self.M(job.A),
                            rtol=job.rtol, max_iterations=LIMIT)  # fmt: skip
        return Answer(result.x, result.products)


class Unsorted(Column):
    """The sequence method as it is shipped, which carries the space while that pays."""

    name = "recycled, unsorted"
    sorted = False

    def __init__(self, preconditioner: Callable[[Any], Any] | None) -> None:
        super().__init__(None)
        self.method = Recycling(M_KEPT, K_KEPT, make=preconditioner, max_iterations=LIMIT)

    def solve(self, job: Job) -> Answer:
        result = self.method.solve(job.A, job.b, job.rtol)
        return Answer(result.x, result.products)


class Recycled(Unsorted):
    name = "recycled, sorted"
    sorted = True


class ConjugateGradients(Column):
    name = "CG"
    sorted = False
    definite = True

    def solve(self, job: Job) -> Answer:
        result = cg(job.A, job.b, M=self.M(job.A), rtol=job.rtol, max_iterations=LIMIT)
        return Answer(result.x, result.products)


class RecycledCG(Column):
    """Deflated CG with twice the carried vectors of GCRO-DR, whose basis it does not keep."""

    name = "recycled CG, sorted"
    definite = True
    space: DeflationSpace | None = None

    def solve(self, job: Job) -> Answer:
        result, self.space = recycled_cg(
            job.A, job.b, self.space, 2 * K_KEPT, M=self.M(job.A), rtol=job.rtol,
            max_iterations=LIMIT,
        )  # fmt: skip
        return Answer(result.x, result.products)


class Gcrotmk(Column):
    """SciPy's GCROT(20, 20), which keeps as many vectors, with its outer space carried."""

    name = "SciPy gcrotmk carried"
    ours = False

    def __init__(self, preconditioner: Callable[[Any], Any] | None) -> None:
        super().__init__(preconditioner)
        self.space: list[Any] = []

    def solve(self, job: Job) -> Answer:
        counted = Counted(job.A)
        M = self.M(job.A)
        if M is not None:
            M = linalg.LinearOperator(job.A.shape, matvec=M.__matmul__, dtype=job.b.dtype)
        x, _ = linalg.gcrotmk(counted.operator(job.b.dtype), job.b, rtol=job.rtol, M=M,
                              maxiter=LIMIT // 20, m=20, k=20, CU=self.space,
                              discard_C=True)  # fmt: skip
        return Answer(x, counted.products)


class CachedLU(Column):
    """Sparse LU; its ordering kept for the pattern, its factor for the matrix."""

    name = "cached LU"
    assembled = True

    def __init__(self, preconditioner: Callable[[Any], Any] | None) -> None:
        super().__init__(None)
        self.solver = DirectSolver()

    def solve(self, job: Job) -> Answer:
        return Answer(self.solver.solve(job.A, job.b), 0)


class AMG(Column):
    """PyAMG: Ruge-Stueben, or aggregation where a near kernel is known; CG, or GMRES where the
    matrix is not symmetric."""

    name = "AMG-CG"
    ours = False
    assembled = True

    def __init__(self, preconditioner: Callable[[Any], Any] | None) -> None:
        super().__init__(None)
        self.of: Any = None

    def solve(self, job: Job) -> Answer:
        import pyamg

        if job.A is not self.of:
            A, B = sparse.csr_matrix(job.A), job.near_kernel
            if B is None:
                self.hierarchy = pyamg.ruge_stuben_solver(A)
            else:
                blocks = A.tobsr(blocksize=(3, 3))
                self.hierarchy = pyamg.smoothed_aggregation_solver(blocks, B=B)
            self.symmetric = abs(A - A.T).max() < 1e-12 * abs(A).max()
            self.of = job.A
        residuals: list[float] = []
        accelerate = "cg" if self.symmetric else "gmres"
        x = self.hierarchy.solve(job.b, tol=job.rtol, maxiter=100, accel=accelerate,
                                 residuals=residuals)  # fmt: skip
        return Answer(x, len(residuals))


class Special(Column):
    """What the structure of the family allows: its `special` solver."""

    name = "structured"
    assembled = True
    needs_special = True

    def solve(self, job: Job) -> Answer:
        x, products = job.special(job)
        return Answer(x, products)


class Counted:
    """A, counting its products."""

    def __init__(self, A: Any) -> None:
        self.A, self.products = A, 0

    def operator(self, dtype: np.dtype) -> linalg.LinearOperator:
        return linalg.LinearOperator(self.A.shape, matvec=self._apply, dtype=dtype)

    def _apply(self, x: np.ndarray) -> np.ndarray:
        self.products += 1
        return self.A @ x.ravel()


COLUMNS: tuple[type[Column], ...] = (
    Gmres, Cold, Unsorted, Recycled, WarmStart, Gcrotmk, ConjugateGradients, RecycledCG, CachedLU,
    AMG, Special,
)  # fmt: skip
