"""Loops over contiguous rows, written as vector instructions.

LLVM turns a loop into vector code only if it can show, with few comparisons, that no row lies over
another. Loops over real and imaginary parts have more rows than that. Here every vector is read
before any is written, so rows may be the same, but must not overlap otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..kernels import instructions

VECTOR = 64  # bytes of a vector register


class Real:
    """A number or a vector in the code that is being written."""

    flags = ("contract", "nsz")

    def __init__(self, builder: ir.IRBuilder, value: Any) -> None:
        self.builder, self.value = builder, value

    def _with(self, operation: str, other: Real) -> Real:
        call = getattr(self.builder, operation)
        return Real(self.builder, call(self.value, other.value, flags=self.flags))

    def __add__(self, other: Real) -> Real:
        return self._with("fadd", other)

    def __sub__(self, other: Real) -> Real:
        return self._with("fsub", other)

    def __mul__(self, other: Real) -> Real:
        return self._with("fmul", other)

    def times(self, factor: float) -> Real:
        kind = self.value.type
        if isinstance(kind, ir.VectorType):
            constant = ir.Constant(kind, [ir.Constant(kind.element, factor)] * kind.count)
        else:
            constant = ir.Constant(kind, factor)
        return self * Real(self.builder, constant)


def element(builder: ir.IRBuilder, array: Any, index: Any, vector: ir.VectorType | None) -> Any:
    """Pointer to array[index], or to the vector that begins there."""
    pointer = builder.gep(array, [index])
    return pointer if vector is None else builder.bitcast(pointer, vector.as_pointer())


def load(builder: ir.IRBuilder, pointer: Any, size: int) -> Real:
    value = builder.load(pointer)
    value.align = size
    return Real(builder, value)


def store(builder: ir.IRBuilder, value: Real, pointer: Any, size: int) -> None:
    builder.store(value.value, pointer).align = size


def for_vectors(
    builder: ir.IRBuilder, count: Any, kind: ir.Type, size: int, body: Callable[..., None]
) -> None:
    """body(start, vector type or None) for whole vectors, then for the numbers that are left."""
    word, width = count.type, VECTOR // size
    zero, one, wide = (ir.Constant(word, value) for value in (0, 1, width))
    whole = builder.sub(count, builder.srem(count, wide))
    with cgutils.for_range_slice(builder, zero, whole, wide, word) as (start, _):
        body(start, ir.VectorType(kind, width))
    with cgutils.for_range_slice(builder, whole, count, one, word) as (start, _):
        body(start, None)


def _row_loop(context: Any, builder: Any, signature: Any, arguments: Any, reads: int, body: Any):
    """body(values read) -> values written to the rows behind those read; some rows are both."""
    arrays = [
        context.make_array(kind)(context, builder, value)
        for kind, value in zip(signature.args, arguments, strict=True)
    ]
    number = signature.args[0].dtype
    kind, size = context.get_value_type(number), number.bitwidth // 8
    count = cgutils.unpack_tuple(builder, arrays[0].shape)[0]

    def one(start: Any, vector: ir.VectorType | None) -> None:
        places = [element(builder, array.data, start, vector) for array in arrays]
        results = body(*[load(builder, place, size) for place in places[:reads]])
        for value, place in zip(results, places[-len(results) :], strict=True):
            store(builder, value, place, size)

    for_vectors(builder, count, kind, size, one)
    return context.get_dummy_value()


@instructions()
def multiply_add(typingctx, sr, si, xr, xi, tr, ti):
    """t += s x, complex"""

    def body(sr, si, xr, xi, tr, ti):
        return tr + sr * xr - si * xi, ti + sr * xi + si * xr

    def codegen(context, builder, signature, arguments):
        return _row_loop(context, builder, signature, arguments, 6, body)

    return types.void(sr, si, xr, xi, tr, ti), codegen


@instructions()
def packed(typingctx, ur, ui, vr, vi, tr, ti, hr, hi):
    """h = u + i v, t = conj u + i conj v"""

    def body(ur, ui, vr, vi):
        return ur + vi, vr - ui, ur - vi, vr + ui

    def codegen(context, builder, signature, arguments):
        return _row_loop(context, builder, signature, arguments, 4, body)

    return types.void(ur, ui, vr, vi, tr, ti, hr, hi), codegen


@instructions()
def unpacked(typingctx, zr, zi, yr, yi, ur, ui, vr, vi):
    """u = (z + conj y) / 2, v = (z - conj y) / 2i"""

    def body(zr, zi, yr, yi):
        return (
            (zr + yr).times(0.5), (zi - yi).times(0.5), (zi + yi).times(0.5), (yr - zr).times(0.5),
        )  # fmt: skip

    def codegen(context, builder, signature, arguments):
        return _row_loop(context, builder, signature, arguments, 4, body)

    return types.void(zr, zi, yr, yi, ur, ui, vr, vi), codegen
