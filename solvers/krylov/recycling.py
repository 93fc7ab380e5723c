"""Sequence methods: what recycling keeps from one system to the next, one object a worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from ...geometry.errors import InputError
from ..csr import UnusableMatrix
from .gcro_dr import Refresh, Side, gcro_dr
from .harmonic_ritz import Target
from .recycled_cg import DeflationSpace, recycled_cg
from .result import KrylovResult, Operator, unusable
from .space import RecycleSpace, Workspace

LEARNED = 3  # systems of one matrix after which a deflation space is left as it is
PAUSE, LONGEST_PAUSE = 4, 64  # systems without a carried space, after it did not pay


class Preconditioned:
    """The preconditioner of the matrix at hand, made anew only where the matrix is another."""

    def __init__(self, make: Callable[[Operator], Operator] | None) -> None:
        self._make = make
        self._matrix: Operator | None = None
        self._M: Operator | None = None
        self.same = 0  # systems of this matrix before the one at hand

    def _meet(self, A: Operator) -> Operator | None:
        """The preconditioner for A; one with `update` is brought to A by it."""
        self.same = self.same + 1 if A is self._matrix else 0
        if self._make is None or A is self._matrix:
            self._matrix = A
            return self._M
        fits = getattr(A, "shape", None) == getattr(self._matrix, "shape", ())
        self._matrix = None  # where the next line raises, nothing is kept
        update = getattr(self._M, "update", None)
        if fits and update is not None:
            update(A)
        else:
            self._M = self._make(A)
        self._matrix = A
        return self._M


class Recycling(Preconditioned):
    """GCRO-DR on a sequence of systems (see `gcro_dr`), any square matrices.

    carry: "adaptive" or "always". Fitting k carried vectors to another matrix takes k products,
    which pays where the matrices are alike and the iterations many, and costs where they are not:
    by "adaptive" a system that took no fewer products with the space than others did without is
    followed by 4 without it, then 8, and so on to 64, until it pays again. For the matrix of the
    system before, the same object, the space is always carried.

    make(A) gives the preconditioner; where it has `update(A)`, that is called for the next
    matrices of the same shape, and neither for the same object again. A matrix that it cannot
    be made for is a breakdown of that system. The space goes from system
    to system, also past one that fails, and is dropped when the size changes.

    >>> method = Recycling(m=20, k=8)
    >>> A = np.diag(np.arange(1.0, 101.0))
    >>> first, second = method.solve(A, np.ones(100), 1e-8), method.solve(A, np.ones(100), 1e-8)
    >>> first.converged and second.converged and second.products < first.products
    True
    """

    def __init__(
        self,
        m: int = 40,
        k: int = 20,
        side: Side = "right",
        make: Callable[[Operator], Operator] | None = None,
        target: Target = "smallest",
        refresh: Refresh | None = None,
        max_iterations: int = 10_000,
        carry: Literal["adaptive", "always"] = "adaptive",
    ) -> None:
        super().__init__(make)
        if carry not in ("adaptive", "always"):
            raise InputError(f"expected carry 'adaptive' or 'always', got {carry!r}")
        self.m, self.k, self.side, self.target, self.refresh = m, k, side, target, refresh
        self.max_iterations, self.carry = max_iterations, carry
        self.space: RecycleSpace | None = None
        self._workspace = Workspace()
        self._without: float | None = None  # products that systems take without a space
        self._pause = self._waiting = 0

    def solve(
        self, A: Operator, b: np.ndarray, rtol: float, x0: np.ndarray | None = None
    ) -> KrylovResult:
        """Solve A x = b until |b - A x| <= rtol |b|."""
        if self.space is not None and self.space.U.shape[1] != np.size(b):
            self.space = self._without = None
            self._pause = self._waiting = 0
        try:
            M = self._meet(A)
        except UnusableMatrix as error:
            return unusable(b, error.reason)
        carried = self.space if self.same or not self._waiting else None
        result, space = gcro_dr(
            A, b, carried, self.m, self.k, x0, M, rtol, self.max_iterations,
            self.side, self.target, self.refresh, workspace=self._workspace,
        )  # fmt: skip
        self.space = space or self.space
        if self.carry == "adaptive" and not self.same and result.iterations:
            self._judge(result.products, carried is not None)
        return result

    def _judge(self, products: int, carried: bool) -> None:
        """Take note of a system, and whether the next ones shall do without the space."""
        if not carried:
            self._waiting = max(self._waiting - 1, 0)
            before = products if self._without is None else self._without
            self._without = (before + products) / 2
        elif self._without is not None and products >= self._without:
            self._pause = min(2 * self._pause or PAUSE, LONGEST_PAUSE)
            self._waiting = self._pause
        else:
            self._pause = 0


class RecyclingCG(Preconditioned):
    """Deflated CG on a sequence of systems (see `recycled_cg`): symmetric positive definite.

    make: as for `Recycling`. Of one matrix, the same object, the first three systems improve
    the space, and those after them use it as it is.

    >>> method = RecyclingCG(k=8)
    >>> A = np.diag(np.arange(1.0, 101.0) ** 2)
    >>> first, second = method.solve(A, np.ones(100), 1e-8), method.solve(A, np.ones(100), 1e-8)
    >>> first.converged and second.converged and second.products < first.products
    True
    """

    def __init__(
        self,
        k: int = 20,
        window: int = 60,
        make: Callable[[Operator], Operator] | None = None,
        max_iterations: int = 10_000,
    ) -> None:
        super().__init__(make)
        self.k, self.window, self.max_iterations = k, window, max_iterations
        self.space: DeflationSpace | None = None

    def solve(
        self, A: Operator, b: np.ndarray, rtol: float, x0: np.ndarray | None = None
    ) -> KrylovResult:
        """Solve A x = b until |b - A x| <= rtol |b|."""
        if self.space is not None and self.space.W.shape[1] != np.size(b):
            self.space = None
        try:
            M = self._meet(A)
        except UnusableMatrix as error:
            return unusable(b, error.reason)
        result, self.space = recycled_cg(
            A, b, self.space, self.k, x0, M, rtol, self.max_iterations, self.window,
            learn=self.same < LEARNED,
        )  # fmt: skip
        return result
