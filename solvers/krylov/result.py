"""What every Krylov method takes and returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ..solution import CONVERGED, MAXIMUM_ITERATIONS, STAGNATED
from .product import Product, lean_product

Operator = Any
"""Anything with `@`, or a callable from vectors (n,) to vectors (n,)."""


@dataclass(frozen=True)
class KrylovResult:
    """One solved system, or the reason why it is not.

    x           (n,)
    converged   whether the true residual meets the tolerance
    iterations  steps, each one product with A
    products    all products with A: also those for starting, checking and fitting a carried space
    residual    true relative residual |b - A x| / |b|, computed from x at the end
    reason      "converged", "stagnated", "maximum iterations" or "breakdown: ..."
    history     (iterations + 1,) relative residuals as the iteration saw them
    """

    x: np.ndarray
    converged: bool
    iterations: int
    products: int
    residual: float
    reason: str
    history: np.ndarray


class System:
    """A x = b with a preconditioner, checked."""

    def __init__(
        self,
        A: Operator,
        b: np.ndarray,
        x0: np.ndarray | None,
        M: Operator | None,
        rtol: float,
        max_iterations: int,
    ) -> None:
        b = np.asarray(b)
        if b.ndim != 1:
            raise InputError(f"expected a vector b, got shape {b.shape}; flatten it")
        shape = getattr(A, "shape", (b.size, b.size))
        if tuple(shape) != (b.size, b.size):
            raise InputError(f"expected a square matrix of {b.size} rows, got shape {shape}")
        shape = getattr(M, "shape", shape)
        if tuple(shape) != (b.size, b.size):
            raise InputError(f"expected a preconditioner of {b.size} rows, got shape {shape}")
        if x0 is not None and np.shape(x0) != b.shape:
            raise InputError(f"expected x0 of shape {b.shape}, got {np.shape(x0)}")
        if not 0 < rtol < 1:
            raise InputError(f"expected a tolerance between 0 and 1, got {rtol}")
        if max_iterations < 1:
            raise InputError(f"expected at least one iteration, got {max_iterations}")
        self.products = 0
        self._product = as_product(A)
        self._matrix = A
        self.plain, self._given_M = M is None, M
        self.M = (lambda r: r) if M is None else as_product(M)
        kinds = [getattr(thing, "dtype", np.float64) for thing in (A, M, b, x0)]
        self.dtype = np.result_type(np.float64, *kinds)
        self.b = b.astype(self.dtype)
        self.x0 = np.zeros_like(self.b) if x0 is None else np.array(x0, dtype=self.dtype)
        self.started = x0 is not None
        self.rtol = rtol
        self.norm_b = float(np.linalg.norm(self.b))

    def A(self, x: np.ndarray) -> np.ndarray:
        self.products += 1
        return self._product(x)

    def product(self, kind: np.dtype) -> Product:
        """v -> A v as a new array of a precision; a sparse matrix works in that precision."""
        if sparse.issparse(self._matrix):
            multiply = lean_product(self._matrix, kind)

            def count(v: np.ndarray) -> np.ndarray:
                self.products += 1
                return multiply(v)

            return count
        return lambda v: np.array(self.A(v.astype(self.dtype, copy=False)), dtype=kind)

    def preconditioner(self, kind: np.dtype) -> Product:
        """r -> M r for vectors of a precision; M, where it can, works in that precision."""
        lean = getattr(self._given_M, "lean", None)
        if lean is not None:
            return lean(kind)
        return lambda r: self.M(r.astype(self.dtype, copy=False))

    def residual(self, x: np.ndarray) -> np.ndarray:
        return self.b - self.A(x)

    def finish(
        self,
        x: np.ndarray,
        iterations: int,
        reason: str,
        history: list[float],
        norm: float | None = None,
    ) -> KrylovResult:
        """Judge x by its true residual, whatever the iteration believed.

        norm: |b - A x| where it has just been computed.
        """
        if not np.isfinite(self.norm_b):
            reason, residual = "breakdown: right-hand side is not finite", np.nan
        elif self.norm_b == 0:
            x, residual, reason = np.zeros_like(x), 0.0, CONVERGED
        else:
            norm = float(np.linalg.norm(self.residual(x))) if norm is None else norm
            residual = norm / self.norm_b
            if residual <= self.rtol:
                reason = CONVERGED
            elif not np.isfinite(residual):
                reason = "breakdown: not a number in the iteration"
            elif reason == CONVERGED:
                reason = STAGNATED
        return KrylovResult(
            x, reason == CONVERGED, iterations, self.products, residual, reason, np.array(history)
        )


def unusable(b: np.ndarray, reason: str) -> KrylovResult:
    """The result for a matrix with which nothing could be begun: x is zero."""
    residual = 1.0 if np.all(np.isfinite(b)) else float("nan")
    x = np.zeros(np.shape(b), dtype=np.result_type(b, np.float64))
    return KrylovResult(x, False, 0, 0, residual, f"breakdown: {reason}", np.array([residual]))


def as_product(A: Operator) -> Product:
    """A as a function of vectors."""
    if hasattr(A, "__matmul__"):
        return lambda x: A @ x
    if callable(A):
        return A
    raise InputError(f"expected a matrix or a function, got {type(A).__name__}")


__all__ = [
    "CONVERGED",
    "MAXIMUM_ITERATIONS",
    "STAGNATED",
    "KrylovResult",
    "Operator",
    "System",
    "as_product",
    "unusable",
]
