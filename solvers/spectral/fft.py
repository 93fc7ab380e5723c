"""Complex Fourier transforms of many lines at once, in vector lanes, inside compiled code.

A block of lines is copied into scratch that stays in cache, as (points, lanes) with real and
imaginary parts apart, and goes through the passes of Stockham's self-sorting algorithm (Van Loan,
Computational Frameworks for the FFT, 1992, section 1.7). Every pass runs along the lanes, so that
it is vector code for any length. The inverse is the same with the two parts exchanged.

Modes beyond those kept are neither read nor computed: lines hold the waves 0..K, -K..-1 on one
side, and all points on the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..kernels import borrowed, instructions, kernel
from .vectors import VECTOR, Real, Width, element, for_vectors, load, spread, store

LANES = 16  # lines transformed together; a literal in the transposes, so that they are unrolled
# Cost of a pass, relative: one of 8 costs less than one of 4 and one of 2.
COST = {8: 1.1, 4: 0.8, 5: 1.3, 3: 0.8, 2: 0.6}


class Plan(NamedTuple):
    """Passes of one length: their radices, and twiddle factors one pass after another."""

    radices: np.ndarray
    twiddles: np.ndarray


@lru_cache(maxsize=64)
def plan(n: int, dtype: np.dtype) -> Plan:
    """Of a length without other prime factors than 2, 3 and 5."""
    radices = _radices(n)
    parts, rest = [np.zeros(0)], n
    for r in radices or ():
        p = np.arange(rest // r)[:, None]
        w = np.exp(-2j * np.pi * p * np.arange(1, r) / rest)
        parts.append(np.stack([w.real, w.imag], axis=-1).ravel())
        rest //= r
    return Plan(np.array(radices, dtype=np.int64), np.concatenate(parts).astype(dtype))


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
    return (*found, *[8] * eights, *[4] * ((twos - 3 * eights) // 2))


# --- one butterfly, written as vector instructions ------------------------------------------------


Complex = tuple[Real, Real]


def _add(a: Complex, b: Complex) -> Complex:
    return a[0] + b[0], a[1] + b[1]


def _sub(a: Complex, b: Complex) -> Complex:
    return a[0] - b[0], a[1] - b[1]


def _add_minus_i(a: Complex, b: Complex) -> Complex:
    """a - i b"""
    return a[0] + b[1], a[1] - b[0]


def _add_i(a: Complex, b: Complex) -> Complex:
    """a + i b"""
    return a[0] - b[1], a[1] + b[0]


def _scaled(a: Complex, factor: float) -> Complex:
    return a[0].times(factor), a[1].times(factor)


def _dft2(x: list[Complex]) -> list[Complex]:
    return [_add(x[0], x[1]), _sub(x[0], x[1])]


def _dft4(x: list[Complex]) -> list[Complex]:
    even, odd = _dft2([x[0], x[2]]), _dft2([x[1], x[3]])
    return [
        _add(even[0], odd[0]),
        _add_minus_i(even[1], odd[1]),
        _sub(even[0], odd[0]),
        _add_i(even[1], odd[1]),
    ]


def _dft8(x: list[Complex]) -> list[Complex]:
    even, odd = _dft4(x[0::2]), _dft4(x[1::2])
    root = math.sqrt(0.5)
    # exp(-i pi/4) z = root (z - i z), exp(-3 i pi/4) z = -root (z + i z)
    first = _scaled(_add_minus_i(odd[1], odd[1]), root)
    third = _scaled(_add_i(odd[3], odd[3]), root)
    return [
        _add(even[0], odd[0]),
        _add(even[1], first),
        _add_minus_i(even[2], odd[2]),
        _sub(even[3], third),
        _sub(even[0], odd[0]),
        _sub(even[1], first),
        _add_i(even[2], odd[2]),
        _add(even[3], third),
    ]


def _dft_odd(x: list[Complex]) -> list[Complex]:
    """An odd prime r: sums and differences of x_j and x_(r-j), with cosines and sines."""
    r = len(x)
    half = range(1, r // 2 + 1)
    sums = {j: _add(x[j], x[r - j]) for j in half}
    differences = {j: _sub(x[j], x[r - j]) for j in half}
    total = x[0]
    for j in half:
        total = _add(total, sums[j])
    result = {0: total}
    for k in half:
        even, odd = x[0], None
        for j in half:
            angle = 2 * math.pi * j * k / r
            even = _add(even, _scaled(sums[j], math.cos(angle)))
            part = _scaled(differences[j], math.sin(angle))
            odd = part if odd is None else _add(odd, part)
        assert odd is not None
        result[k], result[r - k] = _add_minus_i(even, odd), _add_i(even, odd)
    return [result[k] for k in range(r)]


DFT: dict[int, Callable[[list[Complex]], list[Complex]]] = {
    2: _dft2, 3: _dft_odd, 4: _dft4, 5: _dft_odd, 8: _dft8,
}  # fmt: skip


@instructions(prefer_literal=True)
def _butterflies(typingctx, r, xr, xi, yr, yi, i, si, o, so, count, w, t):
    """y[o + k so + q] = w_k DFT_k of x[i + j si + q] over j, for q = 0..count-1; w from w[t] on."""
    radix = r.literal_value
    signature = types.void(r, xr, xi, yr, yi, i, si, o, so, count, w, t)

    def codegen(context, builder, signature, arguments):
        number = signature.args[1].dtype
        kind, size = context.get_value_type(number), number.bitwidth // 8
        xr, xi, yr, yi, factors = [
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (1, 2, 3, 4, 10)
        ]
        i, si, o, so, count, _, t = arguments[5:]

        def at(start, stride, k):
            return builder.add(start, builder.mul(stride, ir.Constant(i.type, k)))

        one = ir.Constant(i.type, 1)
        twiddles = [
            builder.load(builder.gep(factors, [at(t, one, k)])) for k in range(2 * radix - 2)
        ]

        def butterfly(q, width):
            def get(array, k):
                place = builder.add(at(i, si, k), q)
                return load(builder, element(builder, array, place, width), size)

            x = [(get(xr, k), get(xi, k)) for k in range(radix)]
            for k, (re, im) in enumerate(DFT[radix](x)):
                if k:
                    c, s = (spread(builder, value, width) for value in twiddles[2 * k - 2 : 2 * k])
                    re, im = re * c - im * s, re * s + im * c
                place = builder.add(at(o, so, k), q)
                store(builder, re, element(builder, yr, place, width), size)
                store(builder, im, element(builder, yi, place, width), size)

        for_vectors(builder, count, kind, size, butterfly)
        return context.get_dummy_value()

    return signature, codegen


@kernel(inner=True)
def transform(
    xr, xi, x0, x_step, yr, yi, y0, y_step, lanes, n, radices, twiddles, ar, ai, br, bi
):  # fmt: skip
    """Forward transform of `lanes` lines of n points from x to y.

    Rows of lanes stand in x from x0 on, x_step apart, and so in y. What is between goes to a and b
    in turns, (n, lanes) each, a first: x may be b, and y may be a after one pass, three and so on,
    or else b.
    """
    rest, rows, t, passes = n, 1, 0, len(radices)
    for k in range(passes):
        r = radices[k]
        rest //= r
        if k == passes - 1:
            zr, zi, z0, z_step = yr, yi, y0, y_step
        elif k % 2 == 0:
            zr, zi, z0, z_step = ar, ai, 0, lanes
        else:
            zr, zi, z0, z_step = br, bi, 0, lanes
        run = rows if x_step == lanes and z_step == lanes else 1
        si, so, count = rest * rows * x_step, rows * z_step, run * lanes
        for p in range(rest):
            for row in range(0, rows, run):
                i, o = x0 + (p * rows + row) * x_step, z0 + (r * p * rows + row) * z_step
                if r == 8:
                    _butterflies(8, xr, xi, zr, zi, i, si, o, so, count, twiddles, t)
                elif r == 4:
                    _butterflies(4, xr, xi, zr, zi, i, si, o, so, count, twiddles, t)
                elif r == 5:
                    _butterflies(5, xr, xi, zr, zi, i, si, o, so, count, twiddles, t)
                elif r == 3:
                    _butterflies(3, xr, xi, zr, zi, i, si, o, so, count, twiddles, t)
                else:
                    _butterflies(2, xr, xi, zr, zi, i, si, o, so, count, twiddles, t)
            t += 2 * (r - 1)
        rows *= r
        xr, xi, x0, x_step = zr, zi, z0, z_step


# --- lines of an array ----------------------------------------------------------------------------


@instructions()
def _copy_rows(typingctx, target, t, t_step, source, s, s_step, count, lanes):
    """target[t + j t_step + lane] = source[s + j s_step + lane] for j < count, all lanes"""

    def codegen(context, builder, signature, arguments):
        number = signature.args[0].dtype
        kind, size = context.get_value_type(number), number.bitwidth // 8
        to, at = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (0, 3)
        )
        _, t, t_step, _, s, s_step, count, lanes = arguments
        # Rows that lie behind one another are one.
        close = builder.and_(
            builder.icmp_signed("==", t_step, lanes), builder.icmp_signed("==", s_step, lanes)
        )
        lanes = builder.select(close, builder.mul(count, lanes), lanes)
        some = builder.icmp_signed(">", count, ir.Constant(count.type, 0))
        count = builder.select(close, builder.zext(some, count.type), count)
        with cgutils.for_range(builder, count) as loop:
            first = builder.add(s, builder.mul(loop.index, s_step))
            place = builder.add(t, builder.mul(loop.index, t_step))

            def row(lane, width):
                value = load(builder, element(builder, at, builder.add(first, lane), width), size)
                spot = element(builder, to, builder.add(place, lane), width)
                store(builder, value, spot, size)

            for_vectors(builder, lanes, kind, size, row)
        return context.get_dummy_value()

    return types.void(target, t, t_step, source, s, s_step, count, lanes), codegen


def _transposed(builder, vectors):
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
def _turn(typingctx, out, lines, row, array, places, count):
    """array[places[lane] + j] to lines[(row + j) LANES + lane] for j < count, or out of them.

    In squares of as many numbers as a vector holds; returns how many j were done.
    """
    outwards = bool(out.literal_value)

    def codegen(context, builder, signature, arguments):
        number = signature.args[1].dtype
        kind, size = context.get_value_type(number), number.bitwidth // 8
        lines, array, places = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (1, 3, 4)
        )
        row, count, width = arguments[2], arguments[5], VECTOR // size
        vector, word = Width(ir.VectorType(kind, width)), row.type

        def constant(value):
            return ir.Constant(word, value)

        starts = [builder.load(builder.gep(places, [constant(k)])) for k in range(LANES)]
        whole = builder.sub(count, builder.srem(count, constant(width)))
        ranges = cgutils.for_range_slice(builder, constant(0), whole, constant(width), word)
        with ranges as (j, _):
            base = builder.mul(builder.add(row, j), constant(LANES))
            for lane in range(0, LANES, width):
                rows = [
                    element(builder, lines, builder.add(base, constant(k * LANES + lane)), vector)
                    for k in range(width)
                ]
                columns = [
                    element(builder, array, builder.add(starts[lane + k], j), vector)
                    for k in range(width)
                ]
                source, target = (rows, columns) if outwards else (columns, rows)
                values = [load(builder, place, size).value for place in source]
                for value, place in zip(_transposed(builder, values), target, strict=True):
                    store(builder, Real(builder, value), place, size)
        return whole

    return types.int64(out, lines, row, array, places, count), codegen


@kernel(inner=True)
def _gather(lines, places, step, row, source, shift, count, lanes, beside):
    """lines[row + j, lane] = source[places[lane] + (shift + j) step] for j = 0..count-1."""
    if beside:
        start = places[0] + shift * step
        _copy_rows(lines, row * lanes, lanes, source, start, step, count, lanes)
        return
    done = 0
    if step == 1 and lanes == LANES:
        for lane in range(lanes):
            places[lane] += shift
        done = _turn(0, lines, row, source, places, count)
        for lane in range(lanes):
            places[lane] -= shift
    for lane in range(lanes):
        start = places[lane] + shift * step
        for j in range(done, count):
            lines[(row + j) * lanes + lane] = source[start + j * step]


@kernel(inner=True)
def _scatter(lines, places, step, row, target, shift, count, lanes, beside):
    """target[places[lane] + (shift + j) step] = lines[row + j, lane]"""
    if beside:
        start = places[0] + shift * step
        _copy_rows(target, start, step, lines, row * lanes, lanes, count, lanes)
        return
    done = 0
    if step == 1 and lanes == LANES:
        for lane in range(lanes):
            places[lane] += shift
        done = _turn(1, lines, row, target, places, count)
        for lane in range(lanes):
            places[lane] -= shift
    for lane in range(lanes):
        start = places[lane] + shift * step
        for j in range(done, count):
            target[start + j * step] = lines[(row + j) * lanes + lane]


@kernel(inner=True)
def _place(places, first, lanes, count, inner):
    """Where lines start in an array (outer, count, inner)."""
    outer = first // inner
    rest = first - outer * inner
    for lane in range(lanes):
        places[lane] = outer * count * inner + rest
        rest += 1
        if rest == inner:
            outer += 1
            rest = 0


@kernel()
def transform_lines(
    source, target, outer, kept, inner, n, inverse, radices, twiddles, scratch, places
):
    """Along the middle axis: source (2, outer, kept, inner) to target (2, outer, n, inner) for
    the inverse, and back for the forward transform, neither scaled. Waves that are not kept are
    zero, or not computed. scratch (4, n LANES), places (2, LANES).
    """
    source, target, scratch, places = (
        borrowed(source), borrowed(target), borrowed(scratch), borrowed(places)
    )  # fmt: skip
    # Exchanging the parts turns the forward transform into the inverse.
    n_in, n_out = (kept, n) if inverse else (n, kept)
    lines = outer * inner
    lanes = min(LANES, lines)
    low = kept // 2 + 1  # waves 0..K
    high, gap = kept - low, n - kept
    none = kept - kept  # not a constant, for which functions would be compiled anew
    x, y, x_place, y_place = scratch[:2], scratch[2:], places[0], places[1]
    last = y if len(radices) % 2 else x  # where the passes end
    for start in range(0, lines, LANES):
        # The last block overlaps the one before, where that makes it a whole one.
        lanes = min(LANES, lines)
        first = min(start, lines - lanes)
        _place(x_place, first, lanes, n_in, inner)
        _place(y_place, first, lanes, n_out, inner)
        beside = (
            x_place[lanes - 1] - x_place[0] == lanes - 1
            and y_place[lanes - 1] - y_place[0] == lanes - 1
        )
        # Rows of points are transformed from and to where they stand.
        direct = beside and len(radices) > 0
        for part in range(2):
            given, block = source[1 - part if inverse else part], x[part]
            if inverse:
                _gather(block, x_place, inner, none, given, none, low, lanes, beside)
                for j in range(low * lanes, (low + gap) * lanes):
                    block[j] = 0
                _gather(block, x_place, inner, low + gap, given, low, high, lanes, beside)
            elif not direct:
                _gather(block, x_place, inner, none, given, none, n, lanes, beside)
        xr, xi, x0, x_step = x[0], x[1], 0, lanes
        yr, yi, y0, y_step = last[0], last[1], 0, lanes
        if direct and inverse:
            yr, yi, y0, y_step = target[1], target[0], y_place[0], inner
        elif direct:
            xr, xi, x0, x_step = source[0], source[1], x_place[0], inner
        transform(
            xr, xi, x0, x_step, yr, yi, y0, y_step, lanes, n, radices, twiddles,
            y[0], y[1], x[0], x[1],
        )  # fmt: skip
        for part in range(2):
            block, result = last[part], target[1 - part if inverse else part]
            if not inverse:
                _scatter(block, y_place, inner, none, result, none, low, lanes, beside)
                _scatter(block, y_place, inner, low + gap, result, low, high, lanes, beside)
            elif not direct:
                _scatter(block, y_place, inner, none, result, none, n, lanes, beside)
