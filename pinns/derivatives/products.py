"""Products of small matrices that stay in cache, as vector instructions.

A library's product of matrices of a hundred rows spends much of its time before the first
multiplication, and may bring threads of its own. Here a tile of the result stays in registers
while the other two matrices pass by.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils

from ...solvers.kernels import REASSOCIATE, instructions, kernel, wide_vectors
from ...solvers.spectral.vectors import VECTOR, Spot, Width, element, load, spread, store

WIDE = binding.get_host_cpu_features().get("avx512f", False)
ROWS, VECTORS = (6, 4) if WIDE else (4, 1)  # of a tile, as many as the registers hold


def _tile(vectors: int) -> Callable[..., Any]:
    """Code for c[i, j] (+)= sum over k of a[i, k] b[k, j] on a tile of ROWS x `vectors`."""

    @instructions()
    def tile(
        _: Any, c: Any, c_at: Any, c_row: Any, a: Any, a_at: Any, a_row: Any, a_step: Any,
        b: Any, b_at: Any, b_row: Any, depth: Any, rows: Any, columns: Any, add: Any,
    ) -> Any:  # fmt: skip
        """Where the result ends, after `rows` and `columns`, nothing is written."""
        number = a.dtype
        size = number.bitwidth // 8
        lanes = VECTOR // size

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            (c, c_at, c_row, a, a_at, a_row, a_step, b, b_at, b_row, depth, rows, columns, add) = (
                given
            )
            kind = ir.VectorType(context.get_value_type(number), lanes)
            data = [
                context.make_array(t)(context, builder, v).data
                for t, v in ((signature.args[0], c), (signature.args[3], a), (signature.args[7], b))
            ]
            word = depth.type
            last = builder.sub(rows, ir.Constant(word, 1))
            numbers = ir.VectorType(ir.IntType(32), lanes)
            each = ir.Constant(numbers, list(range((vectors - 1) * lanes, vectors * lanes)))
            limit = spread(builder, builder.trunc(columns, ir.IntType(32)), Width(numbers)).value
            mask = builder.icmp_unsigned("<", each, limit)
            widths = [Width(kind)] * (vectors - 1) + [Width(kind, mask)]

            def spots(array: Any, place: Any) -> list[Spot]:
                starts = (builder.add(place, ir.Constant(word, v * lanes)) for v in range(vectors))
                return [
                    element(builder, array, start, width)
                    for start, width in zip(starts, widths, strict=True)
                ]

            # Rows beyond the end are the last one once more.
            lines = []
            for r in range(ROWS):
                row = ir.Constant(word, r)
                lines.append(builder.select(builder.icmp_unsigned("<", row, last), row, last))
            targets = [spots(data[0], builder.add(c_at, builder.mul(i, c_row))) for i in lines]
            sums = [[cgutils.alloca_once(builder, kind) for _ in widths] for _ in lines]
            flat = list(zip(itertools.chain(*sums), itertools.chain(*targets), strict=True))
            with builder.if_else(cgutils.is_true(builder, add)) as (present, absent):
                with present:
                    for held, spot in flat:
                        builder.store(load(builder, spot, size).value, held)
                with absent:
                    for held, _ in flat:
                        builder.store(ir.Constant(kind, None), held)
            starts = [builder.add(a_at, builder.mul(i, a_row)) for i in lines]
            with cgutils.for_range(builder, depth) as loop:
                here = builder.add(b_at, builder.mul(loop.index, b_row))
                right = [load(builder, spot, size) for spot in spots(data[2], here)]
                step = builder.mul(loop.index, a_step)
                for start, row in zip(starts, sums, strict=True):
                    single = builder.load(builder.gep(data[1], [builder.add(start, step)]))
                    left = spread(builder, single, Width(kind))
                    for held, value in zip(row, right, strict=True):
                        total = type(value)(builder, builder.load(held)) + left * value
                        builder.store(total.value, held)
            for held, spot in flat:
                store(builder, type(right[0])(builder, builder.load(held)), spot, size)
            return context.get_dummy_value()

        words = (types.intp,) * 6
        return types.void(
            c, *words[:2], a, *words[:3], b, *words[:3], types.intp, types.intp, types.intp
        ), generate

    return tile


TILE_1, TILE_2, TILE_3, TILE_4 = map(_tile, (1, 2, 3, 4))


@kernel(REASSOCIATE)
def _inner(a: Any, b: Any) -> Any:
    wide_vectors()
    total = a[0] * b[0]
    for i in range(1, len(a)):
        total += a[i] * b[i]
    return total


@kernel()
def multiply(
    a: Any, a_row: int, a_step: int, b: Any, c: Any, m: int, n: int, depth: int, add: int
) -> None:
    """c (m, n) = a b, or plus what was there; a[i, k] stands at i a_row + k a_step.

    b (depth, n) and c are contiguous, all are flat.
    """
    if n == 1 and a_step == 1 and add == 0:
        for i in range(m):
            c[i] = _inner(a[i * a_row : i * a_row + depth], b[:depth])
        return
    multiply_parts(a, 0, a_row, a_step, b, 0, n, c, 0, n, m, n, depth, add)


@kernel()
def multiply_parts(
    a: Any, a_at: int, a_row: int, a_step: int, b: Any, b_at: int, b_row: int, c: Any, c_at: int,
    c_row: int, m: int, n: int, depth: int, add: int,
) -> None:  # fmt: skip
    """The same for matrices within flat arrays: their first numbers, and the steps to the next row.

    Numbers of a row of b and of c stand together.
    """
    lanes = VECTOR // a.itemsize
    for j in range(0, n, VECTORS * lanes):
        columns = min(n - j, VECTORS * lanes)
        vectors = (columns + lanes - 1) // lanes
        right = b_at + j
        for i in range(0, m, ROWS):
            rows = min(ROWS, m - i)
            at, left = c_at + i * c_row + j, a_at + i * a_row
            if vectors == 4:
                TILE_4(
                    c, at, c_row, a, left, a_row, a_step, b, right, b_row, depth, rows, columns, add
                )
            elif vectors == 3:
                TILE_3(
                    c, at, c_row, a, left, a_row, a_step, b, right, b_row, depth, rows, columns, add
                )
            elif vectors == 2:
                TILE_2(
                    c, at, c_row, a, left, a_row, a_step, b, right, b_row, depth, rows, columns, add
                )
            else:
                TILE_1(
                    c, at, c_row, a, left, a_row, a_step, b, right, b_row, depth, rows, columns, add
                )
