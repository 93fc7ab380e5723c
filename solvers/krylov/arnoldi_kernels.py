"""The long vectors of one Arnoldi step, in one compiled call."""

from __future__ import annotations

import numpy as np

from ..kernels import REASSOCIATE, kernel, wide_vectors

REPEAT = 0.1  # orthogonalise again where a vector keeps less than this part of its length
GROWTH = 1e3  # and where rounding may have grown by this since that was last done, in two steps
BLOCK = 2048  # entries of a vector that stay in the first cache while the basis passes by
TINY, HUGE = 1e-200, 1e200  # squares beyond which a sum of them may have lost its digits


@kernel()
def add_vector(W, kept, j, w, along, K, u, state):
    """w = A V_j, orthogonalised in place and normalised, becomes row kept + j + 1 of W; column j of
    K and entry j of u follow. Whether the space is exhausted: then that row is zero.

    along: room for the components of a vector, twice.
    """
    top = kept + j + 1
    rest = before = _norm(w)
    for turn in range(2):
        size = rest
        rest = _orthogonalise(W, top, w, along)
        for i in range(top):
            K[i, j] += along[i]
        if turn == 0 and not _repeat(state, size, rest):
            break
    exhausted = not rest > 10 * np.finfo(w.dtype).eps * before
    K[top, j] = 0.0 if exhausted else rest
    factor = w.real.dtype.type(0.0 if exhausted else 1.0 / rest)
    for k in range(np.uint64(w.size)):
        W[top, k] = factor * w[k]
    if not exhausted:
        value = np.conj(K[kept, j])
        for i in range(j):
            value -= np.conj(K[kept + 1 + i, j]) * u[i]
        u[j] = value / rest
        state[0] += u[j].real ** 2 + u[j].imag ** 2
    return exhausted


@kernel(inner=True)
def _repeat(state, size, rest):
    """Whether a vector that was of length `size` is to be orthogonalised again."""
    if state[2] > 0:  # the second of two
        state[1], state[2] = 1.0, 0.0
        return True
    state[1] *= size / rest if rest > 0 else np.inf
    state[2] = 1.0 if state[1] > GROWTH else 0.0
    return state[2] > 0 or not rest > REPEAT * size


@kernel(REASSOCIATE, inner=True)
def _orthogonalise(W, top, w, along):
    """along = W^* w over its first rows, and w - W^T along in place; returns |w|.

    Classical Gram-Schmidt. A block of w meets four rows at a time, in two passes over W.
    """
    wide_vectors()
    n, one, two, three = np.uint64(w.size), np.uint64(1), np.uint64(2), np.uint64(3)
    top = np.uint64(top)
    fours = top - top % np.uint64(4)
    for i in range(top):
        along[i] = 0.0
    for begin in range(np.uint64(0), n, np.uint64(BLOCK)):
        end = min(begin + np.uint64(BLOCK), n)
        for i in range(np.uint64(0), fours, np.uint64(4)):
            a = b = c = d = w.dtype.type(0.0)
            for k in range(begin, end):
                a += np.conj(W[i, k]) * w[k]
                b += np.conj(W[i + one, k]) * w[k]
                c += np.conj(W[i + two, k]) * w[k]
                d += np.conj(W[i + three, k]) * w[k]
            along[i] += a
            along[i + one] += b
            along[i + two] += c
            along[i + three] += d
        for i in range(fours, top):
            a = w.dtype.type(0.0)
            for k in range(begin, end):
                a += np.conj(W[i, k]) * w[k]
            along[i] += a
    for begin in range(np.uint64(0), n, np.uint64(BLOCK)):
        end = min(begin + np.uint64(BLOCK), n)
        for i in range(np.uint64(0), fours, np.uint64(4)):
            a, b = w.dtype.type(along[i]), w.dtype.type(along[i + one])
            c, d = w.dtype.type(along[i + two]), w.dtype.type(along[i + three])
            for k in range(begin, end):
                w[k] -= (a * W[i, k] + b * W[i + one, k]) + (
                    c * W[i + two, k] + d * W[i + three, k]
                )
        for i in range(fours, top):
            a = w.dtype.type(along[i])
            for k in range(begin, end):
                w[k] -= a * W[i, k]
    return _norm(w)


@kernel(REASSOCIATE, inner=True)
def _norm(w):
    """|w|, also where squares would overflow or vanish."""
    total = 0.0
    for k in range(np.uint64(w.size)):
        total += np.float64(w[k].real) ** 2 + np.float64(w[k].imag) ** 2
    if TINY < total < HUGE:
        return np.sqrt(total)
    largest = 0.0
    for k in range(w.size):
        size = max(abs(np.float64(w[k].real)), abs(np.float64(w[k].imag)))
        if not size <= largest:  # also for nan
            largest = size
            if not size < np.inf:
                return size
    if largest == 0.0:
        return 0.0
    total = 0.0
    for k in range(w.size):
        real, imaginary = np.float64(w[k].real) / largest, np.float64(w[k].imag) / largest
        total += real * real + imaginary * imaginary
    return largest * np.sqrt(total)
