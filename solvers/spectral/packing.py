"""Coefficients of functions to complex waves as the transforms want them, and back.

Real functions go through complex transforms in pairs, u = Re z and v = Im z:
z_hat(k) = u_hat(k) + i v_hat(k), and u_hat(k) = (z_hat(k) + conj z_hat(-k)) / 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..kernels import instructions
from .vectors import VECTOR, Real, Width, element, load, part_of, pointers, reverse, store


def _mirror_loop(packs: bool) -> Callable[..., Any]:
    """Code that packs u and v, blocks of (rows, run), into z, or unpacks them.

    A row of z is `count` vectors, `step` apart. spots (rows, 2): where a row and its mirror image
    begin in z, in vectors. Where `turned`, waves of the mirror image stand behind those of the row,
    in as many vectors, in the opposite order.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, run, count, step, turned, table = arguments[:6]
        number = signature.args[6].dtype
        kind, size = context.get_value_type(number), number.bitwidth // 8
        spots = context.make_array(signature.args[5])(context, builder, table).data
        blocks = pointers(context, builder, signature.args[6:], arguments[6:])
        apart, z = blocks[:4], blocks[4:]
        lanes, word = VECTOR // size, rows.type
        zero, one, two = (ir.Constant(word, value) for value in range(3))
        wide = ir.Constant(word, lanes)
        end = builder.sub(builder.mul(count, two), one)

        def loop(is_turned: bool) -> None:
            with cgutils.for_range_slice(builder, zero, rows, one, word) as (row, _):
                here, there = (
                    builder.mul(
                        builder.load(builder.gep(spots, [builder.add(builder.mul(row, two), k)])),
                        wide,
                    )
                    for k in (zero, one)
                )
                first = builder.mul(row, run)
                with cgutils.for_range_slice(builder, zero, count, one, word) as (block, _):
                    done = builder.mul(block, wide)
                    width = part_of(builder, kind, size, zero, builder.sub(run, done))
                    mirror = builder.sub(end, block) if is_turned else block
                    places = [
                        builder.add(there, builder.mul(mirror, step)),
                        builder.add(here, builder.mul(block, step)),
                    ]
                    parts = [
                        element(builder, array, builder.add(first, done), width) for array in apart
                    ]
                    pair = [
                        element(builder, array, place, Width(width.kind))
                        for place in places
                        for array in z
                    ]
                    values = [load(builder, spot, size) for spot in (parts if packs else pair)]
                    if is_turned and not packs:
                        values[:2] = [reverse(builder, value) for value in values[:2]]
                    results = list(_packed(*values) if packs else _unpacked(*values))
                    if is_turned and packs:
                        results[:2] = [reverse(builder, value) for value in results[:2]]
                    for value, spot in zip(results, pair if packs else parts, strict=True):
                        store(builder, value, spot, size)

        with builder.if_else(turned) as (yes, no):
            with yes:
                loop(True)
            with no:
                loop(False)
        return context.get_dummy_value()

    return codegen


def _packed(ur: Real, ui: Real, vr: Real, vi: Real) -> tuple[Real, ...]:
    """conj u + i conj v, and u + i v"""
    return ur + vi, vr - ui, ur - vi, vr + ui


def _unpacked(yr: Real, yi: Real, zr: Real, zi: Real) -> tuple[Real, ...]:
    """u = (z + conj y) / 2, v = (z - conj y) / 2i"""
    sums = (zr + yr, zi - yi, zi + yi, yr - zr)
    return tuple(value.times(0.5) for value in sums)


@instructions()
def pack(
    typingctx, rows, run, count, step, turned, spots, ur, r0, ui, i0, vr, j0, vi, k0, zr, m0, zi, n0
):  # fmt: skip
    """z(k) = u(k) + i v(k), and z(-k) = conj u(k) + i conj v(k); zero behind a row."""
    return types.void(
        rows, run, count, step, turned, spots, ur, r0, ui, i0, vr, j0, vi, k0, zr, m0, zi, n0
    ), _mirror_loop(True)


@instructions()
def unpack(
    typingctx, rows, run, count, step, turned, spots, ur, r0, ui, i0, vr, j0, vi, k0, zr, m0, zi, n0
):  # fmt: skip
    """u(k) = (z(k) + conj z(-k)) / 2, v(k) = (z(k) - conj z(-k)) / 2i"""
    return types.void(
        rows, run, count, step, turned, spots, ur, r0, ui, i0, vr, j0, vi, k0, zr, m0, zi, n0
    ), _mirror_loop(False)


@instructions(prefer_literal=True)
def lay(typingctx, out, rows, run, count, step, first, last, shift, spots, u, r0, z, m0):
    """z = u, where place p of a row of z is number p + shift of a row of u, if that is one of
    first..last-1, and zero else; or back, to those."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, rows, run, count, step, first, last, shift, table = arguments[:9]
        number = signature.args[9].dtype
        kind, size = context.get_value_type(number), number.bitwidth // 8
        spots = context.make_array(signature.args[8])(context, builder, table).data
        u, z = pointers(context, builder, signature.args[9:], arguments[9:])
        lanes, word = VECTOR // size, rows.type
        with cgutils.for_range(builder, rows) as row:
            twice = builder.mul(row.index, ir.Constant(word, 2))
            start = builder.mul(builder.load(builder.gep(spots, [twice])), ir.Constant(word, lanes))
            with cgutils.for_range(builder, count) as block:
                done = builder.mul(block.index, ir.Constant(word, lanes))
                number_ = builder.add(done, shift)
                width = part_of(
                    builder, kind, size, builder.sub(first, number_), builder.sub(last, number_)
                )
                place = builder.add(builder.mul(row.index, run), number_)
                there = builder.add(start, builder.mul(block.index, step))
                apart = element(builder, u, place, width)
                whole = element(builder, z, there, Width(width.kind))
                source, target = (whole, apart) if out.literal_value else (apart, whole)
                store(builder, load(builder, source, size), target, size)
        return context.get_dummy_value()

    return types.void(out, rows, run, count, step, first, last, shift, spots, u, r0, z, m0), codegen
