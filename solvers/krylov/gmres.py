"""Restarted GMRES with right preconditioning."""

from __future__ import annotations

import numpy as np

from ...geometry.errors import InputError
from .arnoldi import Arnoldi
from .result import CONVERGED, MAXIMUM_ITERATIONS, STAGNATED, KrylovResult, Operator, System


def gmres(
    A: Operator,
    b: np.ndarray,
    x0: np.ndarray | None = None,
    M: Operator | None = None,
    rtol: float = 1e-8,
    restart: int = 30,
    max_iterations: int = 10_000,
) -> KrylovResult:
    """Solve A x = b until |b - A x| <= rtol |b|, for any square A, real or complex.

    A, M: anything with `@` or a function; M approximates the inverse of A. Step numbers of Saad,
    Iterative Methods for Sparse Linear Systems (2003), Algorithm 9.5. Raises `InputError` on
    shapes that do not fit.

    A restart that gains nothing ends as "stagnated"; a Krylov space that is exhausted without
    holding the solution is a breakdown of a singular matrix.

    >>> gmres(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([1.0, 2.0])).x
    array([2., 1.])
    """
    if restart < 1:
        raise InputError(f"expected a restart of at least one step, got {restart}")
    system = System(A, b, x0, M, rtol, max_iterations)
    x, goal = system.x0, rtol * system.norm_b
    r = system.residual(x) if system.started else system.b
    norm = float(np.linalg.norm(r))
    history, iterations = [norm / (system.norm_b or 1.0)], 0
    product, V = system.product(system.dtype), np.empty((restart + 1, b.size), system.dtype)

    def operate(v: np.ndarray) -> np.ndarray:
        return product(system.M(v))

    while goal > 0 and norm > goal and np.isfinite(norm):
        if iterations >= max_iterations:
            return system.finish(x, iterations, MAXIMUM_ITERATIONS, history, norm)
        steps = min(restart, max_iterations - iterations)
        space = Arnoldi(operate, r / norm, norm, V, 0, steps)  # 1, 3, 4
        while space.size < steps and not space.exhausted:  # 2
            history.append(space.extend() / system.norm_b)  # 5, 6, 7, 8
            if not history[-1] > rtol:
                break
        iterations += space.size
        x = x + system.M(space.minimise() @ space.V[: space.size])  # 9, 10
        r, before = system.residual(x), norm  # 11
        norm = float(np.linalg.norm(r))
        if norm > goal and not norm < (1 - 1e-8) * before:
            reason = STAGNATED
            if space.exhausted and space.singular:
                reason = "breakdown: matrix is singular on the Krylov space"
            return system.finish(x, iterations, reason, history, norm)
    return system.finish(x, iterations, CONVERGED, history, norm)
