"""Compiled activations of jets: strip by strip, by the programs of `programs`.

The exponential is our own, because Numba's does not run in vector lanes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...solvers.kernels import CONTRACT, kernel, wide_vectors

STRIP = 256
TANH, SIN, SILU, SIGMOID, GELU = range(5)  # as in programs.KINDS
Array = np.ndarray


def constants(dtype: Any) -> tuple[Array, Array]:
    """Of the exponential: log2 e, 1.5 2^bits, ln 2 in two parts, the largest argument and the
    Taylor series of e^x - 1; and as integers the bits of the mantissa, and 1.0 as bits.
    """
    single = np.dtype(dtype) == np.float32
    bits, bias = (23, 127) if single else (52, 1023)
    # The first part has so few bits that its product with an exponent is exact.
    halves = (0.693359375, -2.1219444005469057e-4)
    if not single:
        halves = (0.6931471806019545, -4.2009150726810846e-11)
    series = [1.0 / math.factorial(k) for k in range(1, 14)]
    floats = [1.0 / math.log(2.0), 1.5 * 2.0**bits, *halves, 80.0 if single else 700.0, *series]
    integers = np.array([bits, bias << bits], dtype=np.int32 if single else np.int64)
    return np.array(floats, dtype=dtype), integers


@kernel(CONTRACT)
def exponential_minus_one(
    x: Array, out: Array, n: int, c: Array, integers: Array, work: Array, bits: Array
) -> None:
    """out = e^x - 1 by 2^k e^r with |r| <= ln 2 / 2; `bits` is the memory of `work`."""
    wide_vectors()
    log2e, magic, high, low, limit = c[0], c[1], c[2], c[3], c[4]
    c1, c2, c3, c4, c5, c6, c7 = c[5], c[6], c[7], c[8], c[9], c[10], c[11]
    c8, c9, c10, c11, c12, c13 = c[12], c[13], c[14], c[15], c[16], c[17]
    for i in range(n):
        y = x[i]
        y = limit if y > limit else (-limit if y < -limit else y)  # nan stays nan
        shifted = y * log2e + magic  # the whole number lies in the last bits
        k = shifted - magic
        r = (y - k * high) - k * low
        p = c7 + r * (c8 + r * (c9 + r * (c10 + r * (c11 + r * (c12 + r * c13)))))
        p = r * (c1 + r * (c2 + r * (c3 + r * (c4 + r * (c5 + r * (c6 + r * p))))))
        work[i], out[i] = shifted, p
    shift, one = integers[0], integers[1]
    for i in range(n):
        bits[i] = (bits[i] << shift) + one
    unit = c1
    for i in range(n):
        out[i] = work[i] * out[i] + (work[i] - unit)


@kernel(CONTRACT)
def seed(
    kind: int, rows: Array, a: int, n: int, c: Array, integers: Array, work: Array, bits: Array
) -> None:
    """Rows 1, … : what the series of the activation starts with, from a_0 in row a."""
    wide_vectors()
    x, first = rows[a], rows[1]
    one = c[5]
    two = one + one
    if kind == TANH:
        for i in range(n):
            x[i] = two * x[i]
        exponential_minus_one(x, first, n, c, integers, work, bits)
        for i in range(n):
            first[i] = first[i] / (first[i] + two)
    elif kind == SIN:
        second = rows[2]
        for i in range(n):
            first[i] = math.sin(x[i])
            second[i] = math.cos(x[i])
    elif kind == GELU:
        second, third = rows[2], rows[3]
        half = one / two
        root = math.sqrt(half)
        for i in range(n):
            first[i] = x[i]
            third[i] = -half * x[i] * x[i]
            second[i] = half * (one + math.erf(root * x[i]))
        exponential_minus_one(third, third, n, c, integers, work, bits)
        scale = one / math.sqrt(two * math.pi)
        for i in range(n):
            third[i] = (third[i] + one) * scale
    else:
        last = rows[2] if kind == SILU else first
        if kind == SILU:
            for i in range(n):
                first[i] = x[i]
        for i in range(n):
            last[i] = -x[i]
        exponential_minus_one(last, last, n, c, integers, work, bits)
        for i in range(n):
            last[i] = one / (last[i] + two)


@kernel(CONTRACT)
def run(steps: Array, factors: Array, rows: Array, n: int) -> None:
    """A program on n numbers a row."""
    wide_vectors()
    for i in range(len(steps)):
        d, s, t, c = rows[steps[i, 0]], rows[steps[i, 1]], rows[steps[i, 2]], factors[i]
        if steps[i, 3]:
            for j in range(n):
                d[j] = c * s[j] * t[j]
        else:
            for j in range(n):
                d[j] += c * s[j] * t[j]


@kernel(CONTRACT)
def activate(
    z: Array, y: Array, count: int, size: int, kind: int, steps: Array, factors: Array,
    layout: Array, rows: Array, c: Array, integers: Array, work: Array, bits: Array,
) -> None:  # fmt: skip
    """y = f(z) for `count` coefficients of `size` numbers; tanh leaves its value in z_0."""
    wide_vectors()
    a, first = layout[0], layout[1]
    for start in range(0, size, STRIP):
        n = min(STRIP, size - start)
        for k in range(count):
            row, part = rows[a + k], z[k * size + start : k * size + start + n]
            for j in range(n):
                row[j] = part[j]
        seed(kind, rows, a, n, c, integers, work, bits)
        if kind == TANH:
            row, part = rows[1], z[start : start + n]
            for j in range(n):
                part[j] = row[j]
        run(steps, factors, rows, n)
        for k in range(count):
            row, part = rows[first + k], y[k * size + start : k * size + start + n]
            for j in range(n):
                part[j] = row[j]


@kernel(CONTRACT)
def activate_back(
    z: Array, y: Array, cotangent: Array, count: int, size: int, kind: int, steps: Array,
    factors: Array, layout: Array, rows: Array, c: Array, integers: Array, work: Array,
    bits: Array,
) -> None:  # fmt: skip
    """y = f(z) again, and in place of its cotangent that of the jet that went in."""
    wide_vectors()
    a, first, given, found = layout[0], layout[1], layout[2], layout[3]
    for start in range(0, size, STRIP):
        n = min(STRIP, size - start)
        for k in range(count):
            at = k * size + start
            row, part = rows[a + k], z[at : at + n]
            for j in range(n):
                row[j] = part[j]
            row, part = rows[given + k], cotangent[at : at + n]
            for j in range(n):
                row[j] = part[j]
        if kind == TANH:
            row, other = rows[1], rows[a]
            for j in range(n):
                row[j] = other[j]
        else:
            seed(kind, rows, a, n, c, integers, work, bits)
        run(steps, factors, rows, n)
        for k in range(count):
            at = k * size + start
            row, part = rows[first + k], y[at : at + n]
            for j in range(n):
                part[j] = row[j]
            row, part = rows[found + k], cotangent[at : at + n]
            for j in range(n):
                part[j] = row[j]
