"""One door to the sparse direct solvers: SuperLU (always there), CHOLMOD and PARDISO (extras).

The symbolic analysis is kept while the pattern stays the same, and the factor while the values do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ..csr import Pattern, UnusableMatrix, as_csr, mirror_places
from ..krylov.result import CONVERGED, KrylovResult, System, unusable
from . import cholmod, pardiso
from .cholmod import CholmodFactorisation
from .factorisation import INDEFINITE, SINGULAR, Factorisation, Structure
from .pardiso import PardisoFactorisation
from .superlu import SuperLUFactorisation

Backend = Literal["auto", "superlu", "cholmod", "pardiso"]

BACKENDS: dict[str, type[Factorisation]] = {
    "superlu": SuperLUFactorisation,
    "cholmod": CholmodFactorisation,
    "pardiso": PardisoFactorisation,
}
# The first one installed is taken; fastest first (5-point matrices of 64^2 to 256^2 cells).
AUTO: dict[Structure, tuple[str, ...]] = {
    "positive": ("pardiso", "cholmod", "superlu"),
    "symmetric": ("pardiso", "superlu"),
    "general": ("pardiso", "superlu"),
}
REFINEMENTS = 2
ROUNDING = 1e-15  # of the largest entry


class DirectSolver:
    """Solves A x = b for a sequence of sparse matrices, real or complex.

    backend    a library, or "auto": the fastest that is installed for the structure
    symmetric  whether A = A^T (not the conjugate)
    positive   whether A is Hermitian positive definite

    What is None is looked up in each matrix: where A is Hermitian with a positive diagonal and the
    library has Cholesky, that is tried, and given up for the pattern where it fails. What is
    promised is believed.
    `analyses` and `factorisations` count the work; `structure` tells how the last matrix was
    taken. Raises `InputError` on an unknown backend, and on one that is not installed.

    >>> A = sparse.csr_array(np.array([[2.0, 1.0], [1.0, 3.0]]))
    >>> solver = DirectSolver("superlu")
    >>> solver.solve(A, np.array([3.0, 4.0])), solver.structure
    (array([1., 1.]), 'symmetric')
    """

    def __init__(
        self,
        backend: Backend = "auto",
        symmetric: bool | None = None,
        positive: bool | None = None,
    ) -> None:
        if backend != "auto" and backend not in BACKENDS:
            raise InputError(f"expected a backend of {['auto', *BACKENDS]}, got {backend!r}")
        self.backend, self.symmetric, self.positive = backend, symmetric, positive
        if backend == "cholmod" and symmetric is False and not positive:
            raise InputError(
                'expected symmetric matrices for CHOLMOD, got symmetric=False; use "superlu"'
            )
        self.analyses = self.factorisations = 0
        self.structure: Structure | None = None
        self._pattern: Pattern | None = None
        self._rows = 0
        self._data = np.empty(0)
        self._factorisations: dict[tuple[Structure, str], Factorisation] = {}
        self._current: Factorisation | None = None
        self._indefinite = False
        self._transpose: np.ndarray | None = None

    def solve(self, A: Any, b: np.ndarray) -> np.ndarray:
        """x of shape b, (n,) or (n, right-hand sides).

        A: a SciPy sparse matrix, an array or an operator with `to_csr()`. Raises `InputError`
        where A is not square, is singular or not finite, or does not fit b.
        """
        A, b = as_csr(A), np.asarray(b)
        if b.ndim not in (1, 2) or b.shape[0] != A.shape[0]:
            raise InputError(
                f"expected a square matrix and as many rows in b, got {A.shape} and {b.shape}"
            )
        self._take(A)
        return self.apply(b)

    def factorise(self, A: Any) -> None:
        """Prepare `apply` for A. Raises `InputError` as `solve` does."""
        self._take(as_csr(A))

    def _take(self, A: sparse.csr_array) -> None:
        """The factor of A, unless it is there already."""
        if self._pattern is None or not self._pattern.fits(A):
            self._forget(A)
        elif self._current is not None and _same(self._data, A.data):
            return
        self._current = None
        structure = self._look_up(A)
        try:
            self._factorise(A, structure)
        except UnusableMatrix as problem:
            if problem.reason != INDEFINITE or self.positive:
                raise
            self._indefinite = True
            self._factorise(A, self._look_up(A))
        self._data = A.data.copy()

    def apply(self, b: np.ndarray) -> np.ndarray:
        """x of shape b with the factor of the last matrix; b may be complex with a real one."""
        if self._current is None:
            raise InputError("expected a factor, got none; call `factorise` first")
        if b.ndim not in (1, 2) or b.shape[0] != self._rows:
            raise InputError(f"expected {self._rows} rows in b, got shape {b.shape}")
        dtype = self._data.dtype
        if not np.iscomplexobj(b) or dtype.kind == "c":
            return self._current.solve(np.ascontiguousarray(b, dtype=dtype))
        parts = b.reshape(len(b), -1)
        x = self._current.solve(np.hstack([parts.real, parts.imag]).astype(dtype))
        half = parts.shape[1]
        return (x[:, :half] + 1j * x[:, half:]).reshape(b.shape)

    def _forget(self, A: sparse.csr_array) -> None:
        """Begin a new pattern."""
        self._pattern, self._rows = Pattern(A), A.shape[0]
        self._factorisations.clear()
        self._indefinite = False
        self._transpose = mirror_places(A)

    def _look_up(self, A: sparse.csr_array) -> Structure:
        """The best structure that was promised or that this matrix has."""
        if self.positive:
            return "positive"
        data = A.data
        mirrored = None if self._transpose is None else data[self._transpose]
        symmetric = self.symmetric
        if symmetric is None:
            symmetric = mirrored is not None and _near(mirrored, data)
        guess = self.positive is None and not self._indefinite and self.symmetric is not False
        if guess and BACKENDS[self._choose(A, "positive")].finds_indefinite:
            hermitian = bool(symmetric)
            if data.dtype.kind == "c":
                hermitian = mirrored is not None and _near(mirrored, data.conj())
            if hermitian and np.all(A.diagonal().real > 0):
                return "positive"
        return "symmetric" if symmetric else "general"

    def _factorise(self, A: sparse.csr_array, structure: Structure) -> None:
        name = self._choose(A, structure)
        key = (structure, f"{name} {A.dtype}")
        known = self._factorisations.get(key)
        before = known.analyses if known else 0
        if known is None:
            known = self._factorisations[key] = BACKENDS[name](A, structure)
        try:
            known.factorise(A)
        finally:
            self.analyses += known.analyses - before
        self.factorisations += 1
        self.structure, self._current = structure, known

    def _choose(self, A: sparse.csr_array, structure: Structure) -> str:
        if self.backend == "auto":
            return next(name for name in AUTO[structure] if installed(name))
        if self.backend == "cholmod" and structure == "general":
            if self._indefinite:
                raise UnusableMatrix(INDEFINITE)
            raise InputError(
                "expected a symmetric matrix for CHOLMOD, got one without symmetry; use the "
                'backend "superlu" or "pardiso"'
            )
        return self.backend


class Direct:
    """A direct solver as a method for sequences; options as for `DirectSolver`.

    The factor's answer is refined by at most two solves with its residual, where that is above
    the tolerance (Higham, Accuracy and Stability of Numerical Algorithms (2002), section 12.1).

    >>> result = Direct("superlu").solve(np.diag([1.0, 2.0]), np.ones(2), rtol=1e-10)
    >>> result.x, result.reason
    (array([1. , 0.5]), 'converged')
    """

    def __init__(
        self,
        backend: Backend = "auto",
        symmetric: bool | None = None,
        positive: bool | None = None,
    ) -> None:
        self.solver = DirectSolver(backend, symmetric, positive)

    def solve(
        self, A: Any, b: np.ndarray, rtol: float, x0: np.ndarray | None = None
    ) -> KrylovResult:
        """Solve A x = b, b (n,), until |b - A x| <= rtol |b|; x0 is not needed and not used.

        `iterations` counts the solves with the factor. A matrix that is singular, not definite as
        promised or not finite is a breakdown, reported; wrong shapes raise `InputError`.
        """
        system = System(A, b, x0, None, rtol, REFINEMENTS + 1)
        if system.norm_b == 0 or not np.isfinite(system.norm_b):
            return system.finish(np.zeros_like(system.b), 0, CONVERGED, [0.0])
        try:
            self.solver.factorise(A)
            return self._refine(system)
        except UnusableMatrix as problem:
            return unusable(system.b, problem.reason)

    def _refine(self, system: System) -> KrylovResult:
        x, r, norm, history = np.zeros_like(system.b), system.b, system.norm_b, [1.0]
        while len(history) <= REFINEMENTS + 1 and history[-1] > system.rtol:
            better = x + self.solver.apply(r)
            r = system.residual(better)
            new = float(np.linalg.norm(r))
            if not new < norm:
                break
            x, norm = better, new
            history.append(norm / system.norm_b)
        steps = len(history) - 1
        reason = CONVERGED if steps else f"breakdown: {SINGULAR} to working precision"
        return system.finish(x, steps, reason, history, norm)


@lru_cache
def installed(backend: str) -> bool:
    """Whether the library of a backend is there and can be loaded."""
    loaders: dict[str, Callable[[], Any]] = {"cholmod": cholmod.library, "pardiso": pardiso.library}
    try:
        if backend in loaders:
            loaders[backend]()
    except InputError:
        return False
    return True


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and np.array_equal(a, b)


def _near(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal, or as far apart as the rounding of a product puts the two triangles."""
    if np.array_equal(a, b):
        return True
    return bool(np.max(np.abs(a - b)) <= ROUNDING * np.max(np.abs(a)))
