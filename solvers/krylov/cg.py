"""Preconditioned conjugate gradients for symmetric (Hermitian) positive definite systems."""

from __future__ import annotations

import numpy as np

from .result import CONVERGED, MAXIMUM_ITERATIONS, STAGNATED, KrylovResult, Operator, System


def cg(
    A: Operator,
    b: np.ndarray,
    x0: np.ndarray | None = None,
    M: Operator | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 10_000,
) -> KrylovResult:
    """Solve A x = b until |b - A x| <= rtol |b|.

    A, M: anything with `@` or a function; M approximates the inverse of A and is positive
    definite too. Hestenes & Stiefel 1952; step numbers of Saad, Iterative Methods for Sparse
    Linear Systems (2003), Algorithm 9.1. Raises `InputError` on shapes that do not fit.

    A direction p with p^H A p <= 0 means that A is not positive definite: a breakdown, reported.

    >>> cg(np.diag([1.0, 2.0, 3.0]), np.ones(3)).iterations
    3
    """
    system = System(A, b, x0, M, rtol, max_iterations)
    x, reason = system.x0, MAXIMUM_ITERATIONS
    r = system.residual(x) if system.started else system.b.copy()
    history = [float(np.linalg.norm(r)) / (system.norm_b or 1.0)]
    if system.norm_b == 0 or history[0] <= rtol or not np.isfinite(history[0]):
        return system.finish(x, 0, CONVERGED, history)
    product = system.product(system.dtype)
    z = system.M(r)  # 1
    p = z.copy()
    rz = np.vdot(r, z).real
    iterations, trust = 0, 4  # times that r may be replaced by the true residual
    while iterations < max_iterations:  # 2
        if not rz > 0:
            reason = "breakdown: preconditioner is not positive definite"
            break
        q = product(p)
        pq = np.vdot(p, q).real
        if not pq > 0:
            reason = "breakdown: matrix is not positive definite"
            break
        iterations += 1
        alpha = rz / pq  # 3
        x = x + alpha * p  # 4
        r = r - alpha * q  # 5
        history.append(float(np.linalg.norm(r)) / system.norm_b)
        if history[-1] <= rtol:
            r = system.residual(x)
            trust -= 1
            if np.linalg.norm(r) <= rtol * system.norm_b or trust == 0:
                reason = CONVERGED if trust else STAGNATED
                break
            p = np.zeros_like(p)
        z = system.M(r)  # 6
        rz, old = np.vdot(r, z).real, rz
        p = z + (rz / old) * p  # 7, 8
    return system.finish(x, iterations, reason, history)
