"""Gradient methods for f(x) = x^H A x / 2 - Re b^H x, whose minimum solves A x = b.

Preconditioned, also by polynomials of A: Doikov & Rodomanov, Polynomial Preconditioning for
Gradient Methods, ICML 2023, https://arxiv.org/abs/2301.13194. A is symmetric (Hermitian) positive
definite throughout. The gradient is -r with the residual r = b - A x.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lstsq

from ...geometry.errors import InputError
from .lanczos import spectral_bounds
from .result import CONVERGED, MAXIMUM_ITERATIONS, STAGNATED, KrylovResult, Operator, System

INDEFINITE = "breakdown: matrix is not positive definite"
DIVERGED = "breakdown: diverged: bounds too narrow, or matrix not positive definite"
GROWTH = 1e10  # of |r|: none of a positive definite matrix in double precision
TRUST = 4  # times that r may be replaced by the true residual


def gradient(
    A: Operator,
    b: np.ndarray,
    x0: np.ndarray | None = None,
    M: Operator | None = None,
    degree: int = 0,
    rtol: float = 1e-8,
    max_iterations: int = 10_000,
) -> KrylovResult:
    """Solve A x = b by gradient steps until |b - A x| <= rtol |b|.

    Each step goes to the minimum of f in x + span{d, M A d, ..., (M A)^degree d}, d = M r: the
    best preconditioning polynomial of this degree, chosen anew in every step (the adaptive
    search of Doikov & Rodomanov: exact here, as f is quadratic). degree = 0 is steepest
    descent. A step costs degree + 1 products; iterations count steps. M: positive definite, for
    instance `SymmetricPolynomial(A)`. Raises `InputError` on shapes, and on a negative degree.

    >>> gradient(np.diag([1.0, 2.0, 50.0]), np.ones(3), degree=2).iterations
    1
    """
    if degree < 0:
        raise InputError(f"expected a degree of at least zero, got {degree}")
    system = System(A, b, x0, M, rtol, max_iterations)
    x, goal = system.x0, rtol * system.norm_b
    r = system.residual(x)
    norm = float(np.linalg.norm(r))
    history, iterations, reason = [norm / (system.norm_b or 1.0)], 0, CONVERGED
    trust, worst = TRUST, GROWTH * norm
    D = np.empty((degree + 1, r.size), dtype=system.dtype)
    AD = np.empty_like(D)
    with np.errstate(all="ignore"):  # what overflows is found and reported
        while norm > goal and np.isfinite(norm):
            if iterations == max_iterations:
                reason = MAXIMUM_ITERATIONS
                break
            z = system.M(r)
            for power in range(degree + 1):
                D[power] = z / np.linalg.norm(z)
                AD[power] = system.A(D[power])
                z = system.M(AD[power])
            y = _minimum(D, AD, r)
            if y is None:
                reason = INDEFINITE
                break
            iterations += 1
            x = x + y @ D
            r = r - y @ AD
            norm = float(np.linalg.norm(r))
            history.append(norm / system.norm_b)
            if norm > worst:
                reason = INDEFINITE
                break
            if not norm > goal:
                r = system.residual(x)
                norm = float(np.linalg.norm(r))
                trust -= 1
                if norm > goal and not trust:
                    reason = STAGNATED
                    break
    return system.finish(x, iterations, reason, history)


def _minimum(D: np.ndarray, AD: np.ndarray, r: np.ndarray) -> np.ndarray | None:
    """y of the least f(x + D^T y); None where A is not positive on the rows of D."""
    gram = D.conj() @ AD.T
    if not np.all(np.isfinite(gram)):
        return np.full(len(D), np.nan, dtype=gram.dtype)
    gram = (gram + gram.conj().T) / 2
    if np.any(gram.diagonal().real <= 0):
        return None
    # Powers of A are nearly dependent: a direction without curvature of its own is left out.
    return np.asarray(lstsq(gram, D.conj() @ r, cond=1e-14, check_finite=False)[0])


def fast_gradient(
    A: Operator,
    b: np.ndarray,
    x0: np.ndarray | None = None,
    M: Operator | None = None,
    bounds: tuple[float, float] | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 10_000,
) -> KrylovResult:
    """Solve A x = b by Nesterov's fast gradient method until |b - A x| <= rtol |b|.

    bounds: (mu, L) around the spectrum of M A, estimated by `spectral_bounds` if None; steps of
    1 / L and the constant momentum of mu (Nesterov, Lectures on Convex Optimization, 2018,
    scheme (2.2.22)), which falls back to zero where f rises (O'Donoghue & Candes 2015), so that
    a mu that is too large costs nothing but steps. One product a step. Raises `InputError` on
    shapes, and on bounds that are not 0 < mu <= L.

    >>> fast_gradient(np.diag([1.0, 2.0, 50.0]), np.ones(3), bounds=(1.0, 50.0)).converged
    True
    """
    system = System(A, b, x0, M, rtol, max_iterations)
    low, high = bounds or spectral_bounds(A, system.b.size, M)
    if bounds is not None and not 0 < low <= high:
        raise InputError(f"expected bounds 0 < mu <= L, got {bounds}")
    x, goal = system.x0, rtol * system.norm_b
    y, r = x, system.residual(x)
    norm = float(np.linalg.norm(r))
    history, iterations, reason = [norm / (system.norm_b or 1.0)], 0, CONVERGED
    if norm > goal and not (low > 0 and np.isfinite(high)) and np.isfinite(norm):
        return system.finish(x, 0, INDEFINITE, history)
    root = np.sqrt(low / high) if norm > goal else 1.0
    momentum, worst = (1 - root) / (1 + root), GROWTH * norm
    while norm > goal and np.isfinite(norm):
        if iterations == max_iterations or norm > worst:
            reason = MAXIMUM_ITERATIONS if norm <= worst else DIVERGED
            break
        step = system.M(r) / high  # r is that of y
        before, x = x, y + step
        away = np.vdot(step, x - before).real < 0  # f rises along the last move
        y = x if away else x + momentum * (x - before)
        iterations += 1
        r = system.residual(y)
        norm = float(np.linalg.norm(r))
        history.append(norm / system.norm_b)
    return system.finish(y, iterations, reason, history)
