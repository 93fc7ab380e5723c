"""Discrete Fourier transforms of a few numbers, and the pass of a transform made of them.

They are written as vector instructions: every number is a vector of `width(dtype)` lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..kernels import instructions
from .vectors import VECTOR, Real, Width, element, load, spread, store


def width(dtype: np.dtype) -> int:
    """Numbers of a vector: lines that are transformed together."""
    return VECTOR // np.dtype(dtype).itemsize


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


def _add_scaled(a: Complex, b: Complex, factor: float) -> Complex:
    """a + factor b"""
    return b[0].times(factor, a[0]), b[1].times(factor, a[1])


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
    first, third = _add_minus_i(odd[1], odd[1]), _add_i(odd[3], odd[3])
    return [
        _add(even[0], odd[0]),
        _add_scaled(even[1], first, root),
        _add_minus_i(even[2], odd[2]),
        _add_scaled(even[3], third, -root),
        _sub(even[0], odd[0]),
        _add_scaled(even[1], first, -root),
        _add_i(even[2], odd[2]),
        _add_scaled(even[3], third, root),
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
def one_pass(typingctx, r, inverse, lines, first, other, m, blocks, factors, t):
    """x[b, k, p] becomes sum_j w_pj x[b, j, p] exp(-2 pi i j k / r) for b < blocks and p < m, or,
    for the inverse, w_pk sum_j x[b, j, p] exp(-2 pi i j k / r) with its two parts exchanged.

    lines: x as (blocks, r, m) vectors from `first` on, each imaginary part `other` behind the real
    one. w: real and imaginary, from factors[t] on, r - 1 for each p. Where m is 1, all w are.
    """
    radix = r.literal_value

    def codegen(context, builder, signature, arguments):
        number = signature.args[2].dtype
        kind, size = context.get_value_type(number), number.bitwidth // 8
        lanes = VECTOR // size
        vector = Width(ir.VectorType(kind, lanes))
        lines, factors = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (2, 7)
        )
        first, other, m, blocks, _, t = arguments[3:]
        word = m.type
        zero, one = ir.Constant(word, 0), ir.Constant(word, 1)

        def times(a, b):
            return builder.mul(a, b if isinstance(b, ir.Value) else ir.Constant(word, b))

        def turned(value, k, twiddles):
            if not k or twiddles is None:
                return value
            c, s = (
                spread(
                    builder, builder.load(builder.gep(twiddles, [ir.Constant(word, place)])), vector
                )
                for place in (2 * k - 2, 2 * k - 1)
            )
            return value[0] * c - value[1] * s, value[0] * s + value[1] * c

        parts = [builder.gep(lines, [place]) for place in (first, builder.add(first, other))]
        if inverse.literal_value:
            parts.reverse()

        def butterflies(p, twiddles):
            with cgutils.for_range_slice(builder, zero, blocks, one, word) as (b, _):
                row = builder.add(times(times(b, radix), m), p)
                heads = [builder.gep(part, [times(row, lanes)]) for part in parts]
                spots = [
                    [element(builder, head, times(m, lanes * k), vector) for head in heads]
                    for k in range(radix)
                ]
                values: list[Complex] = [
                    (load(builder, re, VECTOR), load(builder, im, VECTOR)) for re, im in spots
                ]
                if not inverse.literal_value:
                    values = [turned(value, k, twiddles) for k, value in enumerate(values)]
                for k, value in enumerate(DFT[radix](values)):
                    if inverse.literal_value:
                        value = turned(value, k, twiddles)
                    for number, spot in zip(value, spots[k], strict=True):
                        store(builder, number, spot, VECTOR)

        with builder.if_else(builder.icmp_signed("==", m, one)) as (bare, turning):
            with bare:
                butterflies(zero, None)
            with turning, cgutils.for_range_slice(builder, zero, m, one, word) as (p, _):
                start = builder.add(t, times(p, 2 * radix - 2))
                butterflies(p, builder.gep(factors, [start]))
        return context.get_dummy_value()

    return types.void(r, inverse, lines, first, other, m, blocks, factors, t), codegen
