"""Red-black storage of a two-dimensional level: the two colours of a chessboard, each flat.

Padded cell (I, J), counted with its ring of ghosts, is red where I + J is even. Within its colour
it stands at place BASE + I S0 + (I + J) // 2: every row is shifted by half a cell, so that the
four neighbours of any cell stand at the same distances in the other colour, and one flat loop
without strides updates a colour. A field holds its red cells and, HALF places on, its black ones.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..kernels import REASSOCIATE, kernel
from .layout import (
    END,
    F0,
    F2,
    FIRST,
    HALF,
    INVERSE,
    N0,
    N2,
    S0,
    S1,
    SIGMA,
    SIZE,
    SLAB,
    B,
    U,
    level_layout,
    slices_at_a_time,
)

BASE = 16  # room for the upper neighbours of the first row, and for whole vectors
RED, BLACK = 0, 1
ONE, TWO = np.uint64(1), np.uint64(2)


@lru_cache(maxsize=16)
def halves_layout(
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    periodic: tuple[bool, ...],
    reaction: bool = False,
) -> np.ndarray:
    """The levels of `level_layout` in red-black storage, behind the natural fields in memory.

    Only what the cycle reads anew is there: U, B, F0, F2, INVERSE and SIGMA; the weights of the
    prolongation and the coarsest inverse have their natural order. No rows where the grid is
    periodic, has three dimensions or is a single line: there natural order serves.
    """
    natural = level_layout(shape, spacing, periodic, reaction)
    if len(shape) != 2 or any(periodic) or min(shape) == 1:
        return natural[:0]
    table, offset = natural.copy(), int(natural[-1, -1])
    for row in table:
        stride = (row[N2] + 2) // 2
        half = BASE + (row[N0] + 3) * (stride + 1) + row[N2] // 2
        half += -half % 16
        row[S0], row[S1], row[FIRST], row[HALF], row[SIZE] = stride, 0, BASE, half, 2 * half
        row[SLAB] = slices_at_a_time(row[N0], 2 * stride)
        for name in range(U, END + 1):
            row[name] = offset
            here = (U, B, F0, F2, INVERSE) + ((SIGMA,) if reaction else ())
            offset += 2 * half if name in here else 0
    table.setflags(write=False)
    return table


@kernel()
def span(level, first, last):
    """Places [lo, hi) within either colour that hold rows [first, last), counted without ghosts."""
    i, k = first + 1, last + 1
    return BASE + i * level[S0] + i // 2, BASE + k * level[S0] + k // 2


@kernel()
def places(level, i):
    """Where row i's cells of even and of odd j begin: with j = 0, and with j = -1, a ghost.

    Row -1 and row n0 are ghosts. Unsigned, as are all indices here: a signed one might count
    from the end, and asking in a loop whether it does keeps the loop out of vector lanes.
    """
    row, half = i + 1, level[HALF]
    at = BASE + row * level[S0]
    even = at + (row + 1) // 2 + (1 - row % 2) * half
    odd = at + row // 2 + (row % 2) * half
    return np.uint64(even), np.uint64(odd)


@kernel()
def neighbours(level, colour, lo):
    """Of place lo of a colour: itself, and the cells above, below, left and right in the other."""
    own, other = colour * level[HALF] + lo, (1 - colour) * level[HALF] + lo
    back, ahead = (1, 0) if colour == RED else (0, 1)
    above, below = other - level[S0] - back, other + level[S0] + ahead
    return (
        np.uint64(own),
        np.uint64(above),
        np.uint64(below),
        np.uint64(other - back),
        np.uint64(other + ahead),
    )


@kernel(REASSOCIATE)
def relax(u, b, f0, f2, inverse, level, colour, first, last):
    """u = D^-1 (b - (A - D) u) on one colour of rows [first, last); ghosts stay zero."""
    if last <= first:
        return
    lo, hi = span(level, first, last)
    own, above, below, left, right = neighbours(level, colour, lo)
    for k in range(np.uint64(hi - lo)):
        u[own + k] = inverse[own + k] * (
            b[own + k]
            + f0[own + k] * u[above + k]
            + f0[below + k] * u[below + k]
            + f2[own + k] * u[left + k]
            + f2[right + k] * u[right + k]
        )


@kernel(REASSOCIATE)
def relax_from_zero(u, b, inverse, level, first, last):
    """u = D^-1 b on the red cells of rows [first, last)."""
    lo, hi = span(level, first, last)
    for k in range(np.uint64(lo), np.uint64(hi)):
        u[k] = inverse[k] * b[k]


@kernel(REASSOCIATE)
def red_residual(u, f0, f2, level, first, last, out):
    """out, from its start, = (D - A) u on the red cells of rows [first, last).

    That is the residual after `relax_from_zero` of the red cells and `relax` of the black ones,
    where it is zero. Wrong on ghosts.
    """
    lo, hi = span(level, first, last)
    own, above, below, left, right = neighbours(level, RED, lo)
    for k in range(np.uint64(hi - lo)):
        out[k] = (
            f0[own + k] * u[above + k]
            + f0[below + k] * u[below + k]
            + f2[own + k] * u[left + k]
            + f2[right + k] * u[right + k]
        )


@kernel(REASSOCIATE)
def product(p, r, f0, f2, sigma, level, colour, first, last, q):
    """q = A p on one colour of rows [first, last), wrong on ghosts; returns p.q and p.r there.

    By differences, so that nothing cancels.
    """
    lo, hi = span(level, first, last)
    own, above, below, left, right = neighbours(level, colour, lo)
    n = np.uint64(hi - lo)
    energy, slope = np.float32(0.0), np.float32(0.0)
    for k in range(n):
        m = p[own + k]
        value = (
            f0[own + k] * (m - p[above + k])
            + f0[below + k] * (m - p[below + k])
            + f2[own + k] * (m - p[left + k])
            + f2[right + k] * (m - p[right + k])
        )
        q[own + k] = value
        energy += m * value
        slope += m * r[own + k]
    if sigma.size > 0:
        for k in range(own, own + n):
            value = sigma[k] * p[k]
            q[k] += value
            energy += p[k] * value
    return energy, slope


@kernel()
def clear_ends(u, level, first, last):
    """Zeros at both ends of rows [first, last)."""
    n2, none = level[N2], np.float32(0.0)
    for i in range(first, last):
        even, odd = places(level, i)
        u[odd] = none
        u[(odd if n2 % 2 else even) + np.uint64((n2 + 1) // 2)] = none


@kernel(REASSOCIATE)
def deal(source, start, size, shift, scale, u, even, odd):
    """u from even and from odd on = scale (source - shift) of numbers 0, 2, ... and 1, 3, ...

    Both in one loop, or the compiler finds no vectors.
    """
    pairs = np.uint64(size // 2)
    for k in range(pairs):
        u[even + k] = scale * (source[start + TWO * k] - shift)
        u[odd + k] = scale * (source[start + TWO * k + ONE] - shift)
    if size % 2:
        u[even + pairs] = scale * (source[start + TWO * pairs] - shift)


@kernel(REASSOCIATE)
def riffle(u, even, odd, size, target, start):
    """The inverse of `deal`, without its shift and scale; returns the sum."""
    pairs, total = np.uint64(size // 2), 0.0
    for k in range(pairs):
        one, other = u[even + k], u[odd + k]
        target[start + TWO * k] = one
        target[start + TWO * k + ONE] = other
        total += one + other
    if size % 2:
        target[start + TWO * pairs] = u[even + pairs]
        total += u[even + pairs]
    return total


@kernel(REASSOCIATE)
def to_halves(natural, level, u):
    """A flat field of padded rows (n0 + 2, n2 + 2) to red-black storage."""
    row = level[N2] + 2
    for i in range(level[N0] + 2):
        even, odd = places(level, i - 1)
        start, pairs = np.uint64(i * row), np.uint64(row // 2)
        for k in range(pairs):
            u[odd + k] = natural[start + TWO * k]
            u[even + k] = natural[start + TWO * k + ONE]
        if row % 2:
            u[odd + pairs] = natural[start + TWO * pairs]


@kernel()
def from_halves(u, level, natural):
    """The inverse of `to_halves`."""
    row = level[N2] + 2
    for i in range(level[N0] + 2):
        even, odd = places(level, i - 1)
        riffle(u, odd, even, row, natural, np.uint64(i * row))


@kernel()
def pad_halves(x, shift, scale, level, u):
    """u's cells = scale (x - shift), x (n0 n2,)."""
    for i in range(level[N0]):
        even, odd = places(level, i)
        deal(x, np.uint64(i * level[N2]), level[N2], shift, scale, u, even, odd + ONE)


@kernel()
def unpad_halves(u, level, x):
    """x (n0 n2,) = u's cells; returns their sum."""
    total = 0.0
    for i in range(level[N0]):
        even, odd = places(level, i)
        total += riffle(u, even, odd + ONE, level[N2], x, np.uint64(i * level[N2]))
    return total
