"""The order in which to solve a sequence of systems, so that neighbours are alike.

Up to some ten thousand systems: `greedy_order` of the parameter fields. Beyond: `low_modes` of
the fields, batch by batch, then `chunked_order`, whose work and memory grow with n.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.fft import dct

from ..geometry.errors import InputError
from .kernels import REASSOCIATE, kernel
from .reading import check_count, read_real

AXES = 6  # of the Hilbert curve: principal axes of the features beyond these say little
KEY_BITS = 60  # of the place on the curve


def greedy_order(features: np.ndarray, start: int = 0) -> np.ndarray:
    """Nearest-neighbour chain through features (n, d): each next one is the closest unvisited.

    Distances are Euclidean (Frobenius, for flattened coefficient fields); the first of equally
    close ones is taken, so that the order is the same in every run. Work grows with n^2 d.
    Returns a permutation (n,) that begins with `start`. Raises `InputError` on features that
    are not a finite table, and on a start outside it.

    >>> greedy_order(np.array([[0.0], [5.0], [1.0], [4.0]]))
    array([0, 2, 3, 1])
    """
    features = _check(features)
    check_count("start", start, 0)
    if not start < len(features):
        raise InputError(f"expected a start between 0 and {len(features) - 1}, got {start}")
    return _greedy(features, start)


def chunked_order(features: np.ndarray, chunk: int = 1000, axes: int = AXES) -> list[np.ndarray]:
    """Chunks of at most `chunk` alike systems, and a greedy chain through each.

    features: (n, d), for instance `low_modes` of the parameter fields. They are put in the order
    of a Hilbert curve through their `axes` principal axes, cut into chunks of equal size, and
    each chunk is ordered by `greedy_order` from its first one on. Chunks that follow each other
    are neighbours too, so that one worker may take several. Work grows with n (d chunk + log n),
    memory with n d; the result is the same in every run. Raises `InputError` as `greedy_order`,
    and on a chunk or axes below one.

    >>> [c.tolist() for c in chunked_order(np.array([[0.0], [9.0], [2.0], [8.0], [1.0]]), 3)]
    [[0, 4, 2], [3, 1]]
    """
    features = _check(features)
    check_count("chunk", chunk)
    check_count("axes", axes)
    if not len(features):
        return []
    order = hilbert_order(_principal(features, axes))
    parts = np.array_split(order, -(-len(order) // chunk))
    return [part[_greedy(features[part], 0)] for part in parts]


def hilbert_order(points: np.ndarray) -> np.ndarray:
    """The order (n,) in which a Hilbert curve through their bounding cube meets points (n, d).

    Skilling, Programming the Hilbert curve, AIP Conf. Proc. 707 (2004) 381-387. All axes have
    one scale; equal places keep the order given. Raises `InputError` on points that are not a
    finite table of at most 60 columns.

    >>> hilbert_order(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])).tolist()
    [0, 3, 2, 1]
    """
    points = _check(points)
    if points.shape[1] > KEY_BITS:
        raise InputError(
            f"expected at most {KEY_BITS} columns, got {points.shape[1]}; "
            "reduce the features by low_modes or random_projection"
        )
    if not points.size:
        return np.arange(len(points))
    bits = min(KEY_BITS // points.shape[1], 31)
    low = points.min(axis=0)
    width = float(np.max(points.max(axis=0) - low))
    cells = (points - low) * ((2.0**bits - 1) / width if width > 0 else 0.0)
    return np.argsort(_hilbert_keys(cells.astype(np.int64), bits), kind="stable")


def low_modes(fields: np.ndarray, modes: int = 4) -> np.ndarray:
    """The lowest `modes` cosine coefficients along each axis of fields (n, *shape), flattened.

    (n, modes^d), or fewer where an axis is shorter. The transform is orthonormal, so that their
    Euclidean distance is the fields' own but for the modes left out: never larger. It costs two
    small products a field. Raises `InputError` on fields without axes and on modes below one.

    >>> np.abs(low_modes(np.ones((2, 8, 8)), 2)).round(12).tolist()
    [[8.0, 0.0, 0.0, 0.0], [8.0, 0.0, 0.0, 0.0]]
    """
    fields = read_real(fields, "fields")
    check_count("modes", modes)
    if fields.ndim < 2 or 0 in fields.shape[1:]:
        raise InputError(f"expected fields of shape (n, ...), got {fields.shape}")
    for axis in range(1, fields.ndim):
        basis = dct(np.eye(fields.shape[axis]), norm="ortho", axis=0)[:modes]
        fields = np.moveaxis(np.tensordot(fields, basis, axes=(axis, 1)), -1, axis)
    return np.ascontiguousarray(fields.reshape(len(fields), math.prod(fields.shape[1:])))


def random_projection(features: np.ndarray, d: int = 16, seed: int = 0) -> np.ndarray:
    """Features (n, D) mapped to (n, d) by a Gaussian matrix of the seed, scaled by 1 / sqrt(d).

    Squared distances are kept in the mean, with a relative deviation of sqrt(2 / d) (Johnson &
    Lindenstrauss 1984): for features that have no axes to transform along. Raises `InputError`
    on features that are not a finite table, on a d below one and on a seed below zero.

    >>> random_projection(np.zeros((3, 100)), 4).shape
    (3, 4)
    """
    features = _check(features)
    check_count("d", d)
    check_count("seed", seed, 0)
    return features @ np.random.default_rng(seed).normal(scale=d**-0.5, size=(features.shape[1], d))


def path_length(features: np.ndarray, order: np.ndarray) -> float:
    """Sum of the distances from each system to the next: what an order is to make small.

    order: rows of features, each any number of times. Raises `InputError` as `greedy_order`, and
    on an order of other rows.

    >>> path_length(np.array([[0.0], [5.0], [1.0]]), np.array([0, 2, 1]))
    5.0
    """
    features, order = _check(features), np.asarray(order)
    rows = order.dtype.kind in "iu" or not order.size
    if not rows or order.ndim != 1 or np.any((order < 0) | (order >= len(features))):
        raise InputError(f"expected an order of the rows 0 to {len(features) - 1}, got {order}")
    chain = np.ascontiguousarray(features[order.astype(np.int64)])
    return float(sum(_lengths(chain)))


def _check(features: np.ndarray) -> np.ndarray:
    features = np.ascontiguousarray(read_real(features, "features"))
    if features.ndim != 2 or not np.all(np.isfinite(features)):
        raise InputError(
            f"expected finite features of shape (n, d), got shape {features.shape}; "
            "flatten each sample to one row"
        )
    return features


def _principal(features: np.ndarray, axes: int) -> np.ndarray:
    """Coordinates along the axes of largest variance."""
    if features.shape[1] <= 1:
        return features
    centred = features - features.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    chosen = vectors[:, ::-1][:, :axes]
    signs = np.sign(chosen[np.argmax(np.abs(chosen), axis=0), np.arange(chosen.shape[1])])
    return centred @ (chosen * signs)  # a vector's sign is arbitrary: fixed here


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


@kernel()
def _hilbert_keys(cells, bits):
    """Place of each integer point (n, d) on the curve of 2^bits cells an axis; changes cells."""
    n, d = cells.shape
    keys = np.zeros(n, dtype=np.int64)
    for i in range(n):
        x = cells[i]
        q = np.int64(1) << (bits - 1)
        while q > 1:  # undo the exchanges and inversions of the curve's copies
            for j in range(d):
                if x[j] & q:
                    x[0] ^= q - 1
                else:
                    t = (x[0] ^ x[j]) & (q - 1)
                    x[0] ^= t
                    x[j] ^= t
            q >>= 1
        for j in range(1, d):  # Gray code
            x[j] ^= x[j - 1]
        t = np.int64(0)
        q = np.int64(1) << (bits - 1)
        while q > 1:
            if x[d - 1] & q:
                t ^= q - 1
            q >>= 1
        for bit in range(bits - 1, -1, -1):
            for j in range(d):
                keys[i] = (keys[i] << 1) | (((x[j] ^ t) >> bit) & 1)
    return keys


@kernel(REASSOCIATE)
def _lengths(chain):
    n, d = chain.shape
    lengths = np.empty(max(n - 1, 0))
    for i in range(n - 1):
        total = 0.0
        for j in range(d):
            total += (chain[i + 1, j] - chain[i, j]) ** 2
        lengths[i] = np.sqrt(total)
    return lengths
