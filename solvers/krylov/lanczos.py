"""Where the spectrum of a symmetric positive definite matrix lies, from a few products."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh_tridiagonal

from .result import Operator, System

SAFETY = 1.05  # of the upper end, beside the bound of the last residual


def spectral_bounds(
    A: Operator, n: int, M: Operator | None = None, steps: int = 20, seed: int = 0
) -> tuple[float, float]:
    """(low, high): the smallest Ritz value of M A, and an upper bound of its spectrum.

    By `steps` products in conjugate gradients from a random right-hand side, whose step lengths
    are the entries of the Lanczos matrix (Saad 2003, section 6.7.3). The upper end is the largest
    Ritz value plus its residual norm, and a twentieth; it holds unless the random vector is
    nearly orthogonal to the last eigenvector. `low` lies above the smallest eigenvalue. Both are
    nan where A or M is found not to be positive definite. Raises `InputError` on shapes.

    >>> low, high = spectral_bounds(np.diag(np.linspace(1.0, 9.0, 50)), 50)
    >>> 1.0 < low < 1.5 and 9.0 < high < 9.6
    True
    """
    rng = np.random.default_rng(seed)
    system = System(A, rng.normal(size=n), None, M, 0.5, max(steps, 1))
    r = system.b.copy()
    z = system.M(r)
    p, rz = z, np.vdot(r, z).real
    alphas, betas = [], []
    for _ in range(min(steps, n)):
        q = system.A(p)
        pq = np.vdot(p, q).real
        if not (pq > 0 and rz > 0):
            return float("nan"), float("nan")
        alphas.append(rz / pq)
        r = r - alphas[-1] * q
        z = system.M(r)
        rz, old = np.vdot(r, z).real, rz
        betas.append(rz / old)
        if not rz > 1e-28 * old:
            break  # the space is invariant
        p = z + betas[-1] * p
    alpha, beta = np.array(alphas), np.maximum(np.array(betas), 0.0)
    diagonal = 1 / alpha
    diagonal[1:] += beta[:-1] / alpha[:-1]
    off = np.sqrt(beta) / alpha
    values, vectors = eigh_tridiagonal(diagonal, off[:-1])
    residual = off[-1] * abs(vectors[-1, -1])
    return float(values[0]), float(SAFETY * (values[-1] + residual))
