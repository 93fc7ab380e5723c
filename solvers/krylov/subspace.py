"""How far two recycled spaces are apart."""

from __future__ import annotations

import numpy as np
from scipy.linalg import subspace_angles

from ...geometry.errors import InputError


def principal_angles(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Angles in radians between the spaces of the rows of X (p, n) and Y (q, n), ascending.

    As many as the smaller space has dimensions (Bjorck & Golub 1973; the sine for small ones).
    Raises `InputError` on tables of different lengths.

    >>> principal_angles(np.eye(3)[:2], np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])).round(4)
    array([0.    , 0.7854])
    """
    X, Y = np.asarray(X), np.asarray(Y)
    if X.ndim != 2 or Y.ndim != 2 or X.shape[1] != Y.shape[1] or not X.size or not Y.size:
        raise InputError(
            f"expected vectors as rows of two tables of one width, got {X.shape} and {Y.shape}"
        )
    double = np.result_type(X, Y, np.float64)
    return subspace_angles(X.T.astype(double), Y.T.astype(double))[::-1]


def one_sided_distance(Q: np.ndarray, C: np.ndarray) -> float:
    """delta(Q, C) = |(I - P_C) P_Q| in the 2-norm, P the orthogonal projectors, rows as above.

    0 where the space of C holds that of Q, 1 where some direction of Q is orthogonal to C: what
    a recycled space C lacks of a wanted invariant space Q (Parks et al. 2006, section 3). It is
    the sine of the largest principal angle unless Q has more dimensions than C.

    >>> one_sided_distance(np.eye(3)[:1], np.eye(3)[:2])
    0.0
    >>> one_sided_distance(np.eye(3)[:2], np.eye(3)[:1])
    1.0
    """
    angles = principal_angles(Q, C)
    if np.linalg.matrix_rank(np.asarray(Q)) > len(angles):
        return 1.0
    return float(np.sin(angles[-1]))
