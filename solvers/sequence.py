"""The order in which to solve a sequence of systems, so that neighbours are alike."""

from __future__ import annotations

import numpy as np

from ..geometry.errors import InputError
from .kernels import REASSOCIATE, kernel


def greedy_order(features: np.ndarray, start: int = 0) -> np.ndarray:
    """Nearest-neighbour chain through features (n, d): each next one is the closest unvisited.

    Distances are Euclidean (Frobenius, for flattened coefficient fields); the first of equally
    close ones is taken, so that the order is the same in every run. Work grows with n^2 d.
    Returns a permutation (n,) that begins with `start`. Raises `InputError` on features that
    are not a finite table, and on a start outside it.

    >>> greedy_order(np.array([[0.0], [5.0], [1.0], [4.0]]))
    array([0, 2, 3, 1])
    """
    features = np.ascontiguousarray(features, dtype=np.float64)
    if features.ndim != 2 or not np.all(np.isfinite(features)):
        raise InputError(
            f"expected finite features of shape (n, d), got shape {features.shape}; "
            "flatten each sample to one row"
        )
    if not 0 <= start < len(features):
        raise InputError(f"expected a start between 0 and {len(features) - 1}, got {start}")
    return _greedy(features, start)


@kernel(REASSOCIATE)
def _greedy(features, start):
    n, d = features.shape
    order = np.empty(n, dtype=np.int64)
    waiting = np.arange(n)
    waiting[start], waiting[n - 1] = n - 1, start
    order[0] = start
    for step in range(1, n):
        last = features[order[step - 1]]
        best, nearest = np.inf, 0
        for k in range(n - step):
            row = features[waiting[k]]
            total = 0.0
            for j in range(d):
                total += (row[j] - last[j]) ** 2
            if total < best or (total == best and waiting[k] < waiting[nearest]):
                best, nearest = total, k
        order[step] = waiting[nearest]
        waiting[nearest] = waiting[n - step - 1]
    return order
