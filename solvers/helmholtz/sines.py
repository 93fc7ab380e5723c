"""Sine and cosine transforms of a plane in single precision, in vector lanes, inside compiled code.

Of one line, DST-II is a Fourier transform of its numbers in another order, turned by a quarter of
an angle (Makhoul 1980, A fast cosine transform in one and two dimensions, IEEE Trans. ASSP 28,
https://doi.org/10.1109/TASSP.1980.1163351, for the cosines). Two lines make one complex line, and
two vectors of lines go through the passes of `spectral.fft` together. They come out as rows, so
that the axes follow each other without a transposition apart.

A length may have any factors: primes beyond 5 have a pass of their own, p / 4 multiplications a
number, which up to several hundred is faster than the detours for such lengths.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types

from ..kernels import instructions, kernel
from ..lanes import LANES, apart, load, spread, store
from ..spectral.fft import passes, plan, transposed
from ..spectral.vectors import aligned
from ..transforms import prime_factors

PAIR = 2 * LANES  # lines that are transformed together
SINES, BACK, COSINES = range(3)  # what `transform` does


class Axis(NamedTuple):
    """Tables for one length."""

    n: int
    primes: np.ndarray
    """Factors beyond 5."""
    smooth: int
    """The product of the others."""
    radices: np.ndarray
    twiddles: np.ndarray
    prime_twiddles: np.ndarray
    roots: np.ndarray
    """Cosines and sines of all multiples of 2 pi / p, one prime after another."""
    numbers: np.ndarray
    """Which number of a line stands at each place before a transform, or after one back."""
    waves: np.ndarray
    """(3, max(n, LANES)): where each amplitude, or number, stands after each kind of transform"""
    quarters: np.ndarray
    """(2, n//2 + 1, 2): cos and sin of pi k / 2n, and these over 2n"""


class Plane(NamedTuple):
    """Both axes, and scratch; arrays of numbers have at least PAIR rows and columns, and what
    stands there beside the values should not be larger than they are."""

    rows: Axis
    columns: Axis
    values: np.ndarray
    """A function or its amplitudes, (n0, n1)"""
    turned: np.ndarray
    """(n1, n0)"""
    lines: np.ndarray


@lru_cache(maxsize=32)
def axis(n: int) -> Axis:
    """Tables for n numbers.

    >>> axis(84).primes.tolist(), axis(84).smooth
    ([7], 12)
    """
    primes = [p for p in prime_factors(n) if p > 5]
    smooth = n // math.prod(primes)
    order, rows, rest = np.zeros(1, dtype=np.int64), 1, n
    twiddles, roots = [np.zeros((0, 2))], [np.zeros((0, 2))]
    for p in primes:
        turn = np.arange(rest // p)[:, None] * np.arange(1, p) / rest
        twiddles.append(_unit(-turn.ravel()))
        roots.append(_unit(np.arange(p) / p))
        order = (order[:, None] + rows * np.arange(p)).ravel()
        rest, rows = rest // p, rows * p
    rest_of = plan(smooth, np.dtype(np.float32))
    order = (order[:, None] + rows * rest_of.order).ravel()
    # 0, 2, 4, ... and back over the odd ones
    folded = np.concatenate([np.arange(0, n, 2), np.arange(1, n, 2)[::-1]])
    numbers = folded[order]
    waves = np.zeros((3, max(n, LANES)), dtype=np.int64)
    waves[SINES, :n] = np.arange(n)[::-1]
    waves[BACK, numbers] = np.arange(n)
    waves[COSINES, :n] = np.arange(n)
    quarters = _unit(np.arange(n // 2 + 1) / (4 * n))
    return Axis(
        n, np.array(primes, dtype=np.int64), smooth, rest_of.radices, rest_of.twiddles,
        np.concatenate(twiddles).astype(np.float32).ravel(),
        np.concatenate(roots).astype(np.float32).ravel(),
        numbers, waves, np.stack([quarters, quarters / (2 * n)]).astype(np.float32),
    )  # fmt: skip


def plane(shape: tuple[int, int]) -> Plane:
    """Tables and scratch of its own for amplitudes of that shape."""
    n0, n1 = (max(n, PAIR) for n in shape)
    single = np.dtype(np.float32)
    longest = max(n0, n1)
    return Plane(
        axis(shape[0]), axis(shape[1]), aligned((n0, n1), single), aligned((n1, n0), single),
        aligned((4 * longest * LANES,), single),
    )  # fmt: skip


def _unit(turns: np.ndarray) -> np.ndarray:
    """cos and sin, (size, 2)"""
    return np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=-1)


@kernel(inner=True)
def transform(what, plane):
    """`plane.values` to amplitudes as SciPy's `dstn` gives them, or back, or to those of `dctn`, in
    place."""
    rows, columns, values, turned, lines = plane
    width, height = values.shape[1], turned.shape[1]
    _transform_axis(what, values.ravel(), width, turned.ravel(), height, rows, lines)
    _transform_axis(what, turned.ravel(), height, values.ravel(), width, columns, lines)


@kernel(inner=True)
def _transform_axis(what, source, width, target, height, axis, lines):
    """All columns of source (n, width) become rows of target (width, height)."""
    n, other = axis.n, len(lines) // 4
    for begin in range(0, width, PAIR):
        start = min(begin, width - PAIR)  # the last ones may be done twice
        if what == BACK:
            _unfold(source, start, width, axis.quarters[1], n, lines, other)
            _fourier(True, lines, other, axis)
            _alternate(axis.numbers, lines, other)
        else:
            for k in range(n):
                at = axis.numbers[k] * width + start
                store(load(source, at), lines, k * LANES)
                store(load(source, at + LANES), lines, k * LANES + other)
            if what == SINES:
                _alternate(axis.numbers, lines, other)
            _fourier(False, lines, other, axis)
            _fold(axis.quarters[0], n, lines, other)
        for number in range(0, n, LANES):
            here = max(min(number, n - LANES), 0)
            at = start * height + here
            places = axis.waves[what]
            _turn(lines, 0, places, here, target, at, height)
            _turn(lines, other, places, here, target, at + LANES * height, height)


@kernel(inner=True)
def _alternate(numbers, lines, other):
    """Change the sign of odd numbers."""
    apart()
    zero = spread(np.float32(0.0))
    for k in range(len(numbers)):
        if numbers[k] % 2:
            store(zero - load(lines, k * LANES), lines, k * LANES)
            store(zero - load(lines, k * LANES + other), lines, k * LANES + other)


@kernel(inner=True)
def _fold(quarters, n, lines, other):
    """Waves of complex lines to cosine amplitudes of the real lines and of the imaginary ones."""
    apart()
    two = spread(np.float32(2.0))
    store(two * load(lines, 0), lines, 0)
    store(two * load(lines, other), lines, other)
    for k in range(1, n // 2 + 1):
        c, s = spread(quarters[k, 0]), spread(quarters[k, 1])
        low, high = k * LANES, (n - k) * LANES
        p, q = load(lines, low), load(lines, low + other)
        r, t = load(lines, high), load(lines, high + other)
        sum_re, sum_im, less_re, less_im = p + r, q + t, p - r, q - t
        store(c * sum_re + s * less_im, lines, low)
        store(c * sum_im - s * less_re, lines, low + other)
        store(s * sum_re - c * less_im, lines, high)
        store(s * sum_im + c * less_re, lines, high + other)


@kernel(inner=True)
def _unfold(source, start, width, quarters, n, lines, other):
    """Back: from sine amplitudes, which are those of cosines in the opposite order."""
    apart()
    last = (n - 1) * width + start
    scale = spread(quarters[0, 0])
    store(scale * load(source, last), lines, 0)
    store(scale * load(source, last + LANES), lines, other)
    for k in range(1, n // 2 + 1):
        c, s = spread(quarters[k, 0]), spread(quarters[k, 1])
        low, high = last - k * width, (k - 1) * width + start
        one, two = load(source, low), load(source, low + LANES)
        three, four = load(source, high), load(source, high + LANES)
        sum_re, less_im, sum_im, less_re = one + four, two - three, three + two, four - one
        store(c * sum_re - s * less_im, lines, k * LANES)
        store(c * less_im + s * sum_re, lines, k * LANES + other)
        store(s * sum_im - c * less_re, lines, (n - k) * LANES)
        store(s * less_re + c * sum_im, lines, (n - k) * LANES + other)


@kernel(inner=True)
def _fourier(inverse, lines, other, axis):
    """Places to waves, or back; neither is scaled."""
    n, m, blocks, t, at = axis.n, axis.n, 1, 0, 0
    if inverse:
        for r in axis.primes:
            m //= r
            _prime_pass(
                True, lines, other, r, m, blocks, axis.prime_twiddles, t, axis.roots, at
            )  # fmt: skip
            t += 2 * (r - 1) * m
            at += 2 * r
            blocks *= r
    for b in range(n // axis.smooth):
        first = b * axis.smooth * LANES
        passes(inverse, lines, first, other, axis.smooth, axis.radices, axis.twiddles)
    if not inverse:
        m, t, at = axis.smooth, len(axis.prime_twiddles), len(axis.roots)
        for k in range(len(axis.primes)):
            r = axis.primes[len(axis.primes) - 1 - k]
            t -= 2 * (r - 1) * m
            at -= 2 * r
            _prime_pass(
                False, lines, other, r, m, n // (r * m), axis.prime_twiddles, t, axis.roots, at
            )  # fmt: skip
            m *= r


@kernel(inner=True)
def _prime_pass(inverse, lines, other, r, m, blocks, twiddles, t, roots, at):
    """`one_pass` of an odd radix that is not known when this is compiled.

    Sums and differences of x_j and x_(r-j) stand meanwhile in the second half of the lines.
    """
    apart()
    half, zero = r // 2, spread(np.float32(0.0))
    re, im = (other, 0) if inverse else (0, other)
    scratch = 2 * other
    for b in range(blocks):
        for p in range(m):
            base, factors = (b * r * m + p) * LANES, t + 2 * (r - 1) * p - 2
            first_re, first_im = load(lines, re + base), load(lines, im + base)
            sum_re, sum_im = first_re, first_im
            for j in range(1, half + 1):
                low, high = base + j * m * LANES, base + (r - j) * m * LANES
                a_re, a_im = load(lines, re + low), load(lines, im + low)
                b_re, b_im = load(lines, re + high), load(lines, im + high)
                if m > 1 and not inverse:
                    a_re, a_im = _turned(a_re, a_im, twiddles, factors + 2 * j)
                    b_re, b_im = _turned(b_re, b_im, twiddles, factors + 2 * (r - j))
                place = scratch + 4 * LANES * (j - 1)
                store(a_re + b_re, lines, place)
                store(a_im + b_im, lines, place + LANES)
                store(a_re - b_re, lines, place + 2 * LANES)
                store(a_im - b_im, lines, place + 3 * LANES)
                sum_re, sum_im = sum_re + load(lines, place), sum_im + load(lines, place + LANES)
            store(sum_re, lines, re + base)
            store(sum_im, lines, im + base)
            for k in range(1, half + 1):
                even_re, even_im, odd_re, odd_im = first_re, first_im, zero, zero
                angle = 0
                for j in range(half):
                    angle += k
                    if angle >= r:
                        angle -= r
                    c, s = spread(roots[at + 2 * angle]), spread(roots[at + 2 * angle + 1])
                    place = scratch + 4 * LANES * j
                    even_re = even_re + c * load(lines, place)
                    even_im = even_im + c * load(lines, place + LANES)
                    odd_re = odd_re + s * load(lines, place + 2 * LANES)
                    odd_im = odd_im + s * load(lines, place + 3 * LANES)
                a_re, a_im = even_re + odd_im, even_im - odd_re
                b_re, b_im = even_re - odd_im, even_im + odd_re
                if m > 1 and inverse:
                    a_re, a_im = _turned(a_re, a_im, twiddles, factors + 2 * k)
                    b_re, b_im = _turned(b_re, b_im, twiddles, factors + 2 * (r - k))
                low, high = base + k * m * LANES, base + (r - k) * m * LANES
                store(a_re, lines, re + low)
                store(a_im, lines, im + low)
                store(b_re, lines, re + high)
                store(b_im, lines, im + high)


@kernel(inner=True)
def _turned(re, im, twiddles, at):
    """Times a number of modulus one."""
    c, s = spread(twiddles[at]), spread(twiddles[at + 1])
    return re * c - im * s, re * s + im * c


@instructions()
def _turn(typingctx, lines, first, places, begin, target, at, step):
    """target[at + l step + i] = lines[first + LANES places[begin + i] + l] for l, i < LANES"""

    def codegen(context, builder, signature, arguments):
        source, table, goal = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (0, 2, 4)
        )
        _, first, _, begin, _, at, step = arguments
        kind, word = ir.VectorType(ir.FloatType(), LANES), at.type

        def where(array, place):
            return builder.bitcast(builder.gep(array, [place]), kind.as_pointer())

        rows = []
        for i in range(LANES):
            place = builder.load(
                builder.gep(table, [builder.add(begin, ir.Constant(begin.type, i))])
            )
            place = builder.mul(place, ir.Constant(place.type, LANES))
            row = builder.load(where(source, builder.add(first, place)))
            row.align = 4
            rows.append(row)
        for line, value in enumerate(transposed(builder, rows)):
            place = builder.add(at, builder.mul(step, ir.Constant(word, line)))
            builder.store(value, where(goal, place)).align = 4
        return context.get_dummy_value()

    return types.void(lines, types.int64, places, types.int64, target, types.int64, types.int64), (
        codegen
    )
