"""CG and GMRES as methods for sequences: only the preconditioner is kept from system to system."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np

from ..csr import UnusableMatrix
from .cg import cg
from .gmres import gmres
from .recycling import Preconditioned
from .result import KrylovResult, Operator, unusable


class Plain(Preconditioned):
    """make: as for `Recycling`; restart: of GMRES.

    >>> Plain("cg").solve(np.diag([1.0, 2.0]), np.ones(2), rtol=1e-10).x
    array([1. , 0.5])
    """

    def __init__(
        self,
        solver: Literal["cg", "gmres"],
        make: Callable[[Operator], Operator] | None = None,
        restart: int = 40,
        max_iterations: int = 10_000,
    ) -> None:
        super().__init__(make)
        run = cg if solver == "cg" else partial(gmres, restart=restart)
        self._run = partial(run, max_iterations=max_iterations)

    def solve(
        self, A: Operator, b: np.ndarray, rtol: float, x0: np.ndarray | None = None
    ) -> KrylovResult:
        """Solve A x = b until |b - A x| <= rtol |b|."""
        try:
            M = self._meet(A)
        except UnusableMatrix as error:
            return unusable(b, error.reason)
        return self._run(A, b, x0=x0, M=M, rtol=rtol)
