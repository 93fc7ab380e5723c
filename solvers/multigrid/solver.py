"""Conjugate gradients on multigrid, going through its tiers; and one cycle as a preconditioner.

Every level of the fast tier is a network of resistors on a grid of cells: the coarse link between
two aggregates is the fine links in series, summed over parallel paths, so that all levels keep
five or seven points. Restriction sums cells, prolongation shares by resistance. Where that
stalls, as on sharp inclusions of high contrast, black-box multigrid goes on; where that stalls
too, the direct solver answers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ..diffusion import DiffusionOperator, for_kernels
from ..direct import Direct
from ..krylov.cg import cg
from ..krylov.result import KrylovResult
from ..reading import check_count
from ..solution import CONVERGED
from .blackbox import BlackBoxMultigrid
from .conjugate import BAD_SOURCE, INCONSISTENT
from .conjugate import CONVERGED as SOLVED
from .workspace import Workspace

MAX_ITERATIONS = 100
ROBUST_ITERATIONS = 40  # of the second tier, beyond which a factorisation is cheaper


class MultigridCG:
    """Solves a sequence of diffusion systems; keeps its memory, and the hierarchy of a matrix.

    One object serves one thread. Several right-hand sides of one `DiffusionOperator` object share
    its hierarchy; do not change the operator in between.

    >>> from ...geometry.grid import Grid
    >>> grid = Grid(((0.0, 1.0),) * 3, (16, 16, 16), centering="cell")
    >>> A = DiffusionOperator(np.ones(grid.shape), grid)
    >>> result = MultigridCG().solve(A, np.ones(A.shape[0]), rtol=1e-8)
    >>> result.reason, result.iterations < 10
    ('converged', True)
    """

    def __init__(self, max_iterations: int = MAX_ITERATIONS) -> None:
        check_count("max_iterations", max_iterations)
        self.max_iterations = max_iterations
        self._work: Workspace | None = None
        self._last: DiffusionOperator | None = None
        self._robust: tuple[DiffusionOperator, BlackBoxMultigrid] | None = None
        self._direct: Direct | None = None

    def solve(
        self, A: DiffusionOperator, b: np.ndarray, rtol: float, x0: np.ndarray | None = None
    ) -> KrylovResult:
        """Solve A x = b, b (n,) or of the grid's shape, until |b - A x| <= rtol |b|; x is (n,).

        `reason` says which tier answered. Where A is singular, x has mean zero, and a right-hand
        side that no x can meet to half the tolerance is a breakdown. Raises `InputError` on wrong
        shapes and a tolerance outside (0, 1).
        """
        field, x = self._read(A, b, rtol, x0)
        work = self._workspace(A)
        status, iterations, residual = work.solve(
            A, field, rtol, x, self.max_iterations, A is not self._last, x0 is not None
        )
        self._last = A
        if status == SOLVED:
            return _result(x, iterations, residual, CONVERGED)
        if status == BAD_SOURCE:
            return _result(x, 0, np.nan, "breakdown: right-hand side is not finite")
        if status == INCONSISTENT:
            reason = (
                "breakdown: inconsistent right-hand side of a singular matrix: "
                f"its mean alone leaves a residual of {residual:.1e}"
            )
            return _result(x, 0, residual, reason)
        stalled = f"multigrid stagnated at {residual:.1e} after {iterations} iterations"
        start = x.reshape(-1) if residual < 1 else None
        result = self._solve_robustly(A, field.reshape(-1), rtol, start)
        iterations += result.iterations
        if result.converged:
            reason = f"{CONVERGED} by black-box multigrid: {stalled}"
            return _result(result.x, iterations, result.residual, reason)
        stalled += f", black-box multigrid at {result.residual:.1e} after {result.iterations}"
        return self._solve_directly(A, field, rtol, iterations, stalled)

    def solve_many(self, A: DiffusionOperator, B: np.ndarray, rtol: float) -> list[KrylovResult]:
        """A x = b for every row b of B, (count, n) or (count, *grid), with one hierarchy."""
        return [self.solve(A, b, rtol) for b in B]

    def _read(
        self, A: DiffusionOperator, b: np.ndarray, rtol: float, x0: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        _check_operator(A)
        if not 0 < rtol < 1:
            raise InputError(f"expected a tolerance between 0 and 1, got {rtol}")
        shape, size = A.grid.shape, A.shape[0]
        for name, given in [("b", b)] if x0 is None else [("b", b), ("x0", x0)]:
            array = np.asarray(given)
            if array.shape not in ((size,), shape):
                raise InputError(f"expected {name} of shape ({size},), got {array.shape}")
            if array.dtype.kind == "c":
                raise InputError(f"expected a real {name}, got complex numbers; solve both parts")
        field = for_kernels(np.asarray(b)).reshape(shape)
        x = np.empty(shape) if x0 is None else np.array(x0, dtype=np.float64).reshape(shape)
        return field, x

    def _workspace(self, A: DiffusionOperator) -> Workspace:
        reaction = A.reaction is not None
        if self._work is None or not self._work.fits(A):
            self._work = Workspace(A.grid, reaction)
            self._last = None
        return self._work

    def _solve_robustly(
        self, A: DiffusionOperator, b: np.ndarray, rtol: float, start: np.ndarray | None
    ) -> KrylovResult:
        """The second tier, from what the first one reached."""
        if self._robust is None or self._robust[0] is not A:
            self._robust = A, BlackBoxMultigrid(A)
        return cg(A, b, start, self._robust[1], rtol, ROBUST_ITERATIONS)

    def _solve_directly(
        self, A: DiffusionOperator, b: np.ndarray, rtol: float, iterations: int, stalled: str
    ) -> KrylovResult:
        if self._direct is None:
            self._direct = Direct(positive=True)
        result = solve_directly(self._direct, A, b.ravel(), rtol)
        reason = f"{result.reason}; {stalled}"
        if result.converged:
            reason = f"{CONVERGED} by the direct solver: {stalled}"
        return _result(result.x, iterations, result.residual, reason)


def solve_directly(
    direct: Direct, A: DiffusionOperator, b: np.ndarray, rtol: float
) -> KrylovResult:
    """By a factorisation; x of mean zero where A is singular."""
    if not A.singular:
        return direct.solve(A.to_csr(), b, rtol)
    # With the first unknown tied to zero the matrix is regular; sum(b) = 0 leaves the tie slack.
    tie = sparse.csr_array(([A.diagonal.max() or 1.0], ([0], [0])), shape=A.shape)
    mean = float(np.mean(b))
    result = direct.solve(sparse.csr_array(A.to_csr() + tie), b - mean, rtol)
    x = result.x - np.mean(result.x)
    size = float(np.linalg.norm(b))
    residual = float(np.linalg.norm(b - A.matvec(x))) / size if size else 0.0
    reason = result.reason
    if result.converged and residual > rtol:
        reason = f"breakdown: inconsistent right-hand side, residual {residual:.1e}"
    return KrylovResult(
        x, residual <= rtol, result.iterations, result.products, residual, reason, result.history
    )


class Multigrid:
    """One V-cycle as a preconditioner: `M @ r` is an approximate A^-1 r.

    Not symmetric: for flexible methods, and for GMRES, which needs no symmetry.

    >>> from ...geometry.grid import Grid
    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (32, 32), centering="cell")
    >>> A = DiffusionOperator(np.ones((32, 32)), grid)
    >>> u = Multigrid(A) @ A.matvec(np.ones((32, 32)))
    >>> bool(np.sqrt(np.mean((u - 1) ** 2)) < 0.25)
    True
    """

    def __init__(self, A: DiffusionOperator) -> None:
        _check_operator(A)
        self.shape = A.shape
        self.dtype = A.dtype
        self._work = Workspace(A.grid, A.reaction is not None)
        self.update(A)

    def update(self, A: DiffusionOperator) -> None:
        """Set up for another matrix on the same grid."""
        _check_operator(A)
        if not self._work.fits(A):
            raise InputError(f"expected an operator on {self._work.grid}, got one on {A.grid}")
        self._work.build(A)

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        """Apply the cycle to r of the grid's shape or (n,)."""
        return self._work.cycle(r)


def _check_operator(A: Any) -> None:
    if not isinstance(A, DiffusionOperator):
        raise InputError(f"expected a DiffusionOperator, got {type(A).__name__}")


def _result(x: np.ndarray, iterations: int, residual: float, reason: str) -> KrylovResult:
    history = np.array([1.0, residual]) if iterations else np.array([residual])
    converged = reason.startswith(CONVERGED)
    products = iterations + 2
    result: Any = KrylovResult(
        x.reshape(-1), converged, iterations, products, residual, reason, history
    )
    return result
