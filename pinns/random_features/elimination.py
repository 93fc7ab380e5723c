"""Least squares of slabs that know only their neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.linalg import lapack

RANK = 1e-14  # of the largest singular value: below it a direction is rounding


@dataclass
class Slab:
    """Rows of the columns of one slab alone, and those that it shares with the next slab.

    own (m, n), own_right (m,); here (l, n), there (l, n_next), right (l,): the equations
    own c = own_right and here c + there c_next = right. The last slab's next is the first.
    """

    own: np.ndarray
    own_right: np.ndarray
    here: np.ndarray | None = None
    there: np.ndarray | None = None
    right: np.ndarray | None = None


Rows = tuple[int, np.ndarray, np.ndarray]
"""First column, matrix, right-hand side."""


def make_slab(width: int, own: list[Rows], shared: list[tuple[Rows, Rows]], fills: bool) -> Slab:
    """The slab of own rows, and of rows shared with the next slab, over all its columns.

    fills: whether its columns are all met by rows; else they are held at zero, very lightly.
    """
    matrix, right = _stack(own, width)
    if not fills:  # patches that the domain hardly meets leave columns free
        matrix = np.vstack([matrix, 1e-12 * np.eye(width)])
        right = np.concatenate([right, np.zeros(width)])
    if not shared:
        return Slab(matrix, right)
    here, value = _stack([pair[0] for pair in shared], width)
    there, _ = _stack([pair[1] for pair in shared], width)
    return Slab(matrix, right, here, there, value)


def _stack(parts: list[Rows], width: int) -> tuple[np.ndarray, np.ndarray]:
    matrix = np.zeros((sum(len(right) for _, _, right in parts), width))
    start = 0
    for column, part, right in parts:
        matrix[start : start + len(right), column : column + part.shape[1]] = part
        start += len(right)
    return matrix, np.concatenate([np.zeros(0), *(right for _, _, right in parts)])


def solve_slabs(slabs: list[Slab]) -> list[np.ndarray]:
    """The least-squares solution slab by slab, of least length where it is not unique.

    One slab after the other is eliminated by Householder reflections, which leave sums of squares
    as they are; the first slab, which the last one may know too, is kept as a border until the end.
    Work and memory grow with the number of slabs, where one decomposition of all grows with its
    cube (and square).
    """
    if len(slabs) == 1:
        slab = slabs[0]
        own, right = slab.own, slab.own_right
        if slab.here is not None and slab.there is not None and slab.right is not None:
            own = np.vstack([own, slab.here + slab.there])
            right = np.concatenate([right, slab.right])
        return [_dense(own, right)]
    cyclic = slabs[-1].there is not None
    final, gone = (slabs[0], slabs[1:]) if cyclic else (slabs[-1], slabs[:-1])
    border = final.own.shape[1] if cyclic else 0
    carried = np.zeros((0, gone[0].own.shape[1] + 1))
    if cyclic and final.there is not None and final.here is not None and final.right is not None:
        carried = np.hstack([final.there, final.here, final.right[:, None]])
    factors = []
    for i, slab in enumerate(gone):
        closes = cyclic and i == len(gone) - 1
        following = [] if closes else [*gone[i + 1 :], *([] if cyclic else [final])]
        after = following[0].own.shape[1] if following else 0
        triangle, rest, carried = _eliminate(carried, slab, after, border)
        factors.append((triangle, rest))
    left, right = np.vstack([carried[:, :-1], final.own]), carried[:, -1]
    kept = _dense(left, np.concatenate([right, final.own_right]))
    found, after_it = [], np.zeros(0) if cyclic else kept
    for triangle, rest in reversed(factors):
        known = np.concatenate([after_it, kept]) if cyclic else after_it
        after_it = scipy.linalg.solve_triangular(triangle, rest[:, -1] - rest[:, :-1] @ known)
        found.append(after_it)
    return [kept, *found[::-1]] if cyclic else [*found[::-1], kept]


def _eliminate(
    carried: np.ndarray, slab: Slab, after: int, border: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The slab's triangle (width, width), its rows of [next | border | right], and what is left.

    carried: rows over [slab | border | right] of the slabs before. after: columns of the next
    slab, 0 where that is the border.
    """
    m, width = len(carried), slab.own.shape[1]
    n = m + len(slab.own)
    shared = 0 if slab.right is None else len(slab.right)
    left = np.zeros((n + shared, width), order="F")
    rest = np.zeros((n + shared, after + border + 1), order="F")
    left[:m], rest[:m, after:] = carried[:, :width], carried[:, width:]
    left[m:n], rest[m:n, -1] = slab.own, slab.own_right
    if shared:
        left[n:], rest[n:, -1] = slab.here, slab.right
        rest[n:, : after or border] = slab.there
    factor, scales, _, _ = lapack.dgeqrf(left, overwrite_a=True)
    size = int(lapack.dormqr("L", "T", factor, scales, rest, -1)[1][0])
    rest, _, _ = lapack.dormqr("L", "T", factor, scales, rest, size, overwrite_c=True)
    below = rest[width:]
    if len(below) > below.shape[1]:
        below = np.linalg.qr(below, mode="r")
    return np.triu(factor[:width]), rest[:width], below


def _dense(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """By a complete orthogonal decomposition, which tells the rank."""
    return scipy.linalg.lstsq(left, right, cond=RANK, lapack_driver="gelsy")[0]
