"""Complex Fourier transforms of many lines at once, in vector lanes, inside compiled code.

As many lines as a vector has places go through the passes of Stockham's self-sorting algorithm
together (Van Loan, Computational Frameworks for the FFT, 1992, section 1.7), in scratch that stays
in the first level of cache: every number of a transform is one vector, whatever its length. The
inverse is the same with real and imaginary parts exchanged.

Lines hold the waves 0..K, -K..-1 on one side, and all points on the other. On the side of points
they always lie side by side. On the side of waves they may also lie one behind the other, so that
an array is transposed on its way.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..kernels import borrowed, instructions, kernel
from .butterflies import one_pass
from .vectors import VECTOR, Real, Width, element, load, store

# Cost of a pass, relative: one of 8 costs less than one of 4 and one of 2.
COST = {8: 1.1, 4: 0.8, 5: 1.3, 3: 0.8, 2: 0.6}


class Plan(NamedTuple):
    """Passes of one length: their radices, and twiddle factors one pass after another."""

    radices: np.ndarray
    twiddles: np.ndarray
    order: np.ndarray
    """Where points stand along an axis: theirs numbers, one after another."""


@lru_cache(maxsize=64)
def plan(n: int, dtype: np.dtype) -> Plan:
    """Of a length without other prime factors than 2, 3 and 5."""
    radices = _radices(n)
    parts, rest = [np.zeros(0)], n
    order, rows = np.zeros(1, dtype=np.int64), 1
    for r in radices or ():
        p = np.arange(rest // r)[:, None]
        w = np.exp(-2j * np.pi * p * np.arange(1, r) / rest)
        parts.append(np.stack([w.real, w.imag], axis=-1).ravel())
        rest //= r
        order = (order[:, None] + rows * np.arange(r)).ravel()
        rows *= r
    return Plan(np.array(radices, dtype=np.int64), np.concatenate(parts).astype(dtype), order)


@lru_cache(maxsize=256)
def good_length(least: int) -> int:
    """The cheapest length to transform of those from `least` on.

    >>> [good_length(n) for n in (1, 7, 61, 127, 383)]
    [1, 8, 64, 128, 384]
    """

    def cost(n: int) -> float:
        radices = _radices(n)
        return math.inf if radices is None else n * (1.5 + sum(COST[r] for r in radices))

    return min(range(least, 2 * least + 1), key=cost)


def is_smooth(n: int) -> bool:
    """Whether n has no other prime factors than 2, 3 and 5."""
    return _radices(n) is not None


@lru_cache(maxsize=4096)
def _radices(n: int) -> tuple[int, ...] | None:
    """Factors of n for the passes, or None where n has other prime factors."""
    found = []
    for r in (5, 3):
        while n % r == 0:
            found.append(r)
            n //= r
    twos = n.bit_length() - 1
    if n != 1 << twos:
        return None
    if twos == 1:
        return (*found, 2)
    # As many eights as leave a power of four.
    eights = next((e for e in range(twos // 3, -1, -1) if (twos - 3 * e) % 2 == 0), 0)
    return (*found, *[4] * ((twos - 3 * eights) // 2), *[8] * eights)


# --- lines that lie side by side ------------------------------------------------------------------


@kernel(inner=True)
def passes(inverse, lines, first, other, n, radices, twiddles):
    """Transform n vectors in place: waves to points in their order, or back."""
    m, blocks, t, passes = n, 1, 0, len(radices)
    if not inverse:
        m, blocks, t = 1, n, len(twiddles)
    for k in range(passes):
        if inverse:
            r = radices[k]
            m //= r
            if r == 8:
                one_pass(8, 1, lines, first, other, m, blocks, twiddles, t)
            elif r == 4:
                one_pass(4, 1, lines, first, other, m, blocks, twiddles, t)
            elif r == 5:
                one_pass(5, 1, lines, first, other, m, blocks, twiddles, t)
            elif r == 3:
                one_pass(3, 1, lines, first, other, m, blocks, twiddles, t)
            else:
                one_pass(2, 1, lines, first, other, m, blocks, twiddles, t)
            t += 2 * (r - 1) * m
            blocks *= r
        else:
            r = radices[passes - 1 - k]
            blocks //= r
            t -= 2 * (r - 1) * m
            if r == 8:
                one_pass(8, 0, lines, first, other, m, blocks, twiddles, t)
            elif r == 4:
                one_pass(4, 0, lines, first, other, m, blocks, twiddles, t)
            elif r == 5:
                one_pass(5, 0, lines, first, other, m, blocks, twiddles, t)
            elif r == 3:
                one_pass(3, 0, lines, first, other, m, blocks, twiddles, t)
            else:
                one_pass(2, 0, lines, first, other, m, blocks, twiddles, t)
            m *= r


# --- waves of a few lines -------------------------------------------------------------------------


@instructions(prefer_literal=True)
def _move(typingctx, out, lines, first, other, array, place, apart, step, count):
    """`count` complex vectors from array[place] on, `step` apart, to lines[first] on, one after
    another, or back. Imaginary parts are `apart` and `other` behind real ones.
    """

    def codegen(context, builder, signature, arguments):
        number = signature.args[1].dtype
        kind, size = context.get_value_type(number), number.bitwidth // 8
        lines, array = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (1, 4)
        )
        first, other, _, place, apart, step, count = arguments[2:]
        vector, word = Width(ir.VectorType(kind, VECTOR // size)), count.type
        with cgutils.for_range(builder, count) as loop:
            inside = builder.mul(loop.index, ir.Constant(word, VECTOR // size))
            inside = builder.add(first, inside)
            outside = builder.add(place, builder.mul(step, loop.index))
            for _ in range(2):
                here = element(builder, lines, inside, vector)
                there = element(builder, array, outside, vector)
                source, target = (here, there) if out.literal_value else (there, here)
                store(builder, load(builder, source, VECTOR), target, VECTOR)
                inside, outside = builder.add(inside, other), builder.add(outside, apart)
        return context.get_dummy_value()

    return types.void(out, lines, first, other, array, place, apart, step, count), codegen


def transposed(builder, vectors):
    """Rows of a square of numbers become its columns, by interleaving halves again and again."""
    width = len(vectors)
    index = ir.VectorType(ir.IntType(32), width)
    halves = [
        ir.Constant(index, [k // 2 + start + k % 2 * width for k in range(width)])
        for start in (0, width // 2)
    ]
    for _ in range(width.bit_length() - 1):
        vectors = [
            builder.shuffle_vector(a, b, half)
            for a, b in zip(vectors[: width // 2], vectors[width // 2 :], strict=True)
            for half in halves
        ]
    return vectors


@instructions(prefer_literal=True)
def _turn(typingctx, out, lines, first, other, array, place, apart, step, valid, low, high, n):
    """Waves of `valid` rows, at most a vector of them, into lines or out of them, transposed.

    A row of the array is cut into vectors, `step` apart: first 0..low-1, then as many vectors of
    those below zero, so that -1 is the last but one of all; the place of wave 0 behind it gets a
    copy. Rows are a vector apart. Places without a wave take what stands behind the lines' end.
    """

    def codegen(context, builder, signature, arguments):
        number = signature.args[1].dtype
        kind, size = context.get_value_type(number), number.bitwidth // 8
        lines, array = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (1, 4)
        )
        first, other, _, place, apart, step, valid, low, high, n = arguments[2:]
        lanes, word = VECTOR // size, n.type
        vector = Width(ir.VectorType(kind, lanes))

        def constant(value):
            return ir.Constant(word, value)

        def where(order, a, b, yes, no):
            return builder.select(builder.icmp_signed(order, a, b), yes, no)

        last = builder.sub(valid, constant(1))
        rows = [where("<", line, last, line, last) for line in map(constant, range(lanes))]
        rows = [builder.mul(row, constant(lanes)) for row in rows]
        behind = constant(0) if out.literal_value else n

        def square(start, lines_of):
            """From array[start] on, with the lines of such numbers."""
            spots = [builder.add(first, builder.mul(line, constant(lanes))) for line in lines_of]
            for _ in range(2):
                columns = [element(builder, lines, spot, vector) for spot in spots]
                across = [element(builder, array, builder.add(start, row), vector) for row in rows]
                source, target = (columns, across) if out.literal_value else (across, columns)
                values = [load(builder, spot, VECTOR).value for spot in source]
                for value, spot in zip(transposed(builder, values), target, strict=True):
                    store(builder, Real(builder, value), spot, VECTOR)
                start = builder.add(start, apart)
                spots = [builder.add(spot, other) for spot in spots]

        count = builder.sdiv(builder.add(low, constant(lanes - 1)), constant(lanes))
        with cgutils.for_range(builder, count) as loop:
            begin = builder.mul(loop.index, constant(lanes))
            found = [builder.add(begin, constant(k)) for k in range(lanes)]
            found = [where("<", line, low, line, n) for line in found]
            square(builder.add(place, builder.mul(loop.index, step)), found)
        far = builder.add(place, builder.mul(count, step))
        lowest = builder.sub(n, high)
        begin = builder.sub(builder.add(n, constant(1)), builder.mul(count, constant(lanes)))
        with cgutils.for_range(builder, count) as loop:
            begin = builder.add(begin, builder.mul(loop.index, constant(lanes)))
            found = [builder.add(begin, constant(k)) for k in range(lanes)]
            found = [where("<", line, lowest, n, line) for line in found]
            found[-1] = where(
                "==",
                found[-1],
                n,
                where("==", loop.index, builder.sub(count, constant(1)), behind, n),
                found[-1],
            )
            square(builder.add(far, builder.mul(loop.index, step)), found)
        return context.get_dummy_value()

    return (
        types.void(out, lines, first, other, array, place, apart, step, valid, low, high, n),
        codegen,
    )


@instructions()
def _clear(typingctx, lines, first, count):
    """`count` vectors from lines[first] on become zero."""

    def codegen(context, builder, signature, arguments):
        lines = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        count = builder.mul(arguments[2], ir.Constant(arguments[2].type, VECTOR))
        cgutils.memset(builder, builder.gep(lines, [arguments[1]]), count, 0)
        return context.get_dummy_value()

    return types.void(lines, first, count), codegen


@kernel()
def transform_lines(
    inverse, lines, first, other, kept, n, radices, twiddles, array, place, apart, step, valid
):  # fmt: skip
    """Waves of one vector of lines to points for the inverse, and back for the forward transform,
    neither scaled. Waves that are not kept are zero, or not computed.

    lines holds n vectors from `first` on, and imaginary parts `other` behind, and has place for one
    vector more. They are where waves and points are where step is 0, and scratch where `valid` is:
    waves and points are vectors of array, `step` apart from `place` on, then. Else points are in
    lines, and waves in array as `_turn` tells. Imaginary parts of array are `apart` behind.
    """
    lines, array = borrowed(lines), borrowed(array)
    lanes = VECTOR // lines.itemsize
    low = kept // 2 + 1  # waves 0..K
    high, gap = kept - low, n - kept
    behind = low + gap
    if inverse:
        if valid:
            _turn(0, lines, first, other, array, place, apart, step, valid, low, high, n)
        elif step:
            _move(0, lines, first, other, array, place, apart, step, low)
            _move(
                0, lines, first + behind * lanes, other, array, place + behind * step, apart, step,
                high,
            )  # fmt: skip
        _clear(lines, first + low * lanes, gap)
        _clear(lines, first + low * lanes + other, gap)
        passes(True, lines, first, other, n, radices, twiddles)
        if step and not valid:
            _move(1, lines, first, other, array, place, apart, step, n)
    else:
        if step and not valid:
            _move(0, lines, first, other, array, place, apart, step, n)
        passes(False, lines, first, other, n, radices, twiddles)
        if valid:
            _turn(1, lines, first, other, array, place, apart, step, valid, low, high, n)
        elif step:
            _move(1, lines, first, other, array, place, apart, step, low)
            _move(
                1, lines, first + behind * lanes, other, array, place + behind * step, apart, step,
                high,
            )  # fmt: skip
