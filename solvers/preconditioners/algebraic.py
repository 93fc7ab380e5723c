"""Algebraic multigrid of PyAMG: one cycle as a preconditioner."""

from __future__ import annotations

from threading import Lock
from typing import Any, Literal

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ..csr import UnusableMatrix
from .base import REORDER, Preconditioner

Coarsening = Literal["smoothed_aggregation", "ruge_stuben"]
_RANDOM = Lock()  # for NumPy's global random numbers, which threads share


class AlgebraicMultigrid(Preconditioner):
    """One cycle of an algebraic multigrid hierarchy, with symmetric Gauss-Seidel smoothing.

    coarsening: "smoothed_aggregation" (Vanek, Mandel & Brezina, Computing 56 (1996) 179-196; real
    and complex) or "ruge_stuben" (real); cycle: "V", "W" or "F"; options: for PyAMG's solver of
    that name, such as `strength` or `max_coarse`. The hierarchy is built anew by `update`, as it
    depends on the values; NumPy's global random state is left as it was. Raises `InputError` where
    PyAMG is not installed or cannot take the matrix.
    """

    def __init__(
        self,
        A: Any,
        coarsening: Coarsening = "smoothed_aggregation",
        cycle: Literal["V", "W", "F"] = "V",
        **options: Any,
    ) -> None:
        if coarsening not in ("smoothed_aggregation", "ruge_stuben"):
            raise InputError(
                f'expected "smoothed_aggregation" or "ruge_stuben", got {coarsening!r}'
            )
        if cycle not in ("V", "W", "F"):
            raise InputError(f'expected a cycle "V", "W" or "F", got {cycle!r}')
        self.coarsening, self.cycle, self.options = coarsening, cycle, options
        super().__init__(A)

    def _compute(self, A: sparse.csr_array) -> None:
        if self.coarsening == "ruge_stuben" and A.dtype.kind == "c":
            raise InputError(
                'expected a real matrix for "ruge_stuben", got a complex one; use '
                '"smoothed_aggregation"'
            )
        if not np.all(A.diagonal()):
            raise UnusableMatrix("zero on the diagonal", REORDER)
        build = getattr(_library(), f"{self.coarsening}_solver")
        # PyAMG estimates spectral radii from NumPy's global random numbers.
        with _RANDOM:
            state = np.random.get_state()  # noqa: NPY002
            np.random.seed(0)  # noqa: NPY002
            try:
                hierarchy = build(sparse.csr_matrix(A), **self.options)
                self._cycle = hierarchy.aspreconditioner(cycle=self.cycle)
            finally:
                np.random.set_state(state)  # noqa: NPY002

    def _apply(self, r: np.ndarray) -> np.ndarray:
        return np.asarray(self._cycle @ r)


def _library() -> Any:
    try:
        import pyamg
    except ImportError:
        raise InputError(
            "expected PyAMG for algebraic multigrid, got none; pip install pyamg"
        ) from None
    return pyamg
