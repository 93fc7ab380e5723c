"""Loops over contiguous rows, written as vector instructions.

LLVM turns a loop into vector code only if it can show, with few comparisons, that no row lies over
another. Loops over real and imaginary parts have more rows than that. Here every vector is read
before any is written, so rows may be the same, but must not overlap otherwise. A slice for every
row would cost more than the work on a short one, so blocks are loops of their own. What a row
leaves beyond whole vectors is one vector more with a mask, so that few lanes are vector code too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..kernels import instructions

VECTOR = 64  # bytes of a vector register


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros that begin at a whole vector: one across two lines of cache takes the time of two."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + VECTOR, dtype=np.uint8)
    start = -memory.ctypes.data % VECTOR
    return memory[start : start + size].view(dtype).reshape(shape)


def aligned_copy(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The same, contiguous, where `aligned` begins."""
    result = aligned(array.shape, dtype)
    result[...] = array
    return result


class Real:
    """A vector in the code that is being written."""

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

    def times(self, factor: float, added: Real | None = None) -> Real:
        """factor x, or factor x + added with one rounding."""
        kind = self.value.type
        constant = ir.Constant(kind, [ir.Constant(kind.element, factor)] * kind.count)
        if added is None:
            return self * Real(self.builder, constant)
        call = _named(self.builder, "fma", kind, kind, [kind] * 3)
        return Real(self.builder, self.builder.call(call, [self.value, constant, added.value]))


class Width(NamedTuple):
    """How many numbers the written code takes at once: a vector of them, or those of a mask."""

    kind: ir.VectorType
    mask: Any = None


class Spot(NamedTuple):
    """Where a vector stands."""

    pointer: Any
    width: Width


def element(builder: ir.IRBuilder, array: Any, index: Any, width: Width) -> Spot:
    """Where the vector of array[index] and what follows it stands."""
    pointer = builder.gep(array, [index])
    return Spot(builder.bitcast(pointer, width.kind.as_pointer()), width)


def load(builder: ir.IRBuilder, spot: Spot, size: int) -> Real:
    """Numbers that the mask leaves out are zero, and their memory is not touched."""
    kind, mask = spot.width
    if mask is not None:
        call = _named(
            builder, "masked.load", kind, kind, [spot.pointer.type, _INT, mask.type, kind]
        )
        nothing = ir.Constant(kind, None)
        return Real(builder, builder.call(call, [spot.pointer, _INT(size), mask, nothing]))
    value = builder.load(spot.pointer)
    value.align = size
    return Real(builder, value)


def store(builder: ir.IRBuilder, value: Real, spot: Spot, size: int) -> None:
    kind, mask = spot.width
    if mask is not None:
        types_ = [kind, spot.pointer.type, _INT, mask.type]
        call = _named(builder, "masked.store", kind, ir.VoidType(), types_)
        builder.call(call, [value.value, spot.pointer, _INT(size), mask])
        return
    builder.store(value.value, spot.pointer).align = size


_INT = ir.IntType(32)


def _named(
    builder: ir.IRBuilder, verb: str, kind: ir.VectorType, result: ir.Type, arguments: list[ir.Type]
) -> Any:
    """LLVM's own function on vectors of that kind."""
    number = {"double": "f64", "float": "f32"}[str(kind.element)]
    pointer = ".p0" if verb.startswith("masked") else ""
    name = f"llvm.{verb}.v{kind.count}{number}{pointer}"
    function = ir.FunctionType(result, arguments)
    return cgutils.get_or_insert_function(builder.module, function, name)


def for_vectors(
    builder: ir.IRBuilder, count: Any, kind: ir.Type, size: int, body: Callable[..., None]
) -> None:
    """body(start, width) for whole vectors, then for the numbers that are left."""
    word, lanes = count.type, VECTOR // size
    vector = ir.VectorType(kind, lanes)
    zero, wide = ir.Constant(word, 0), ir.Constant(word, lanes)
    rest = builder.and_(count, ir.Constant(word, lanes - 1))
    whole = builder.sub(count, rest)
    with cgutils.for_range_slice(builder, zero, whole, wide, word) as (start, _):
        body(start, Width(vector))
    with builder.if_then(builder.icmp_unsigned("!=", rest, zero)):
        numbers = ir.VectorType(_INT, lanes)
        each = ir.Constant(numbers, list(range(lanes)))
        limit = spread(builder, builder.trunc(rest, _INT), Width(numbers)).value
        body(whole, Width(vector, builder.icmp_unsigned("<", each, limit)))


def spread(builder: ir.IRBuilder, value: Any, width: Width) -> Real:
    """A number in all places of a vector."""
    nothing = ir.Constant(width.kind, ir.Undefined)
    single = builder.insert_element(nothing, value, _INT(0))
    zeros = ir.Constant(ir.VectorType(_INT, width.kind.count), [0] * width.kind.count)
    return Real(builder, builder.shuffle_vector(single, nothing, zeros))


def reverse(builder: ir.IRBuilder, value: Real) -> Real:
    count = value.value.type.count
    index = ir.Constant(ir.VectorType(_INT, count), list(range(count - 1, -1, -1)))
    return Real(builder, builder.shuffle_vector(value.value, value.value, index))


def part_of(builder: ir.IRBuilder, kind: ir.Type, size: int, first: Any, last: Any) -> Width:
    """The places first..last-1 of a vector, which may begin before it or end behind it."""
    lanes = VECTOR // size
    numbers = ir.VectorType(first.type, lanes)
    each = ir.Constant(numbers, list(range(lanes)))
    low, high = (spread(builder, value, Width(numbers)).value for value in (first, last))
    mask = builder.and_(builder.icmp_signed(">=", each, low), builder.icmp_signed("<", each, high))
    return Width(ir.VectorType(kind, lanes), mask)


# --- blocks of (rows, columns), each at a place in a contiguous array of any shape ----------------

Body = Callable[..., tuple[Real, ...]]


def pointers(context: Any, builder: Any, kinds: Any, arguments: Any) -> list[Any]:
    """Of arguments that are an array and a place in it, one after the other."""
    found = []
    for kind, value, place in zip(kinds[::2], arguments[::2], arguments[1::2], strict=True):
        array = context.make_array(kind)(context, builder, value)
        found.append(builder.gep(array.data, [place]))
    return found


def _block_loop(factors: int, reads: int, body: Body) -> Callable[..., Any]:
    """Code of body(factors, values read) -> values written, on blocks in this order.

    The arguments are rows, columns, whether all columns of a row share the factors, and the blocks.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, columns, shared = arguments[:3]
        number = signature.args[3].dtype
        kind, size = context.get_value_type(number), number.bitwidth // 8
        blocks = pointers(context, builder, signature.args[3:], arguments[3:])
        zero, one = (ir.Constant(rows.type, value) for value in (0, 1))

        def loop(first: Any, count: Any, known: list[Any] | None) -> None:
            def at(start: Any, width: Width) -> None:
                place = builder.add(first, start)
                spots = [element(builder, block, place, width) for block in blocks]
                if known is None:
                    scales = [load(builder, spot, size) for spot in spots[:factors]]
                else:
                    scales = [spread(builder, value, width) for value in known]
                values = [load(builder, spot, size) for spot in spots[factors : factors + reads]]
                results = body(*scales, *values)
                for value, spot in zip(results, spots[-len(results) :], strict=True):
                    store(builder, value, spot, size)

            for_vectors(builder, count, kind, size, at)

        with builder.if_else(shared) as (together, apart):
            with together, cgutils.for_range_slice(builder, zero, rows, one, rows.type) as (row, _):
                known = [builder.load(builder.gep(block, [row])) for block in blocks[:factors]]
                loop(builder.mul(row, columns), columns, known)
            with apart:
                loop(zero, builder.mul(rows, columns), None)
        return context.get_dummy_value()

    return codegen


@instructions()
def fill(typingctx, rows, columns, shared, f, f0, t, t0):
    """t = f"""
    return types.void(rows, columns, shared, f, f0, t, t0), _block_loop(1, 0, lambda f: (f,))


@instructions()
def scale(typingctx, rows, columns, shared, f, f0, x, x0, t, t0):
    """t = f x"""
    signature = types.void(rows, columns, shared, f, f0, x, x0, t, t0)
    return signature, _block_loop(1, 1, lambda f, x: (f * x,))


@instructions()
def add_scaled(typingctx, rows, columns, shared, f, f0, x, x0, t, t0):
    """t += f x"""
    signature = types.void(rows, columns, shared, f, f0, x, x0, t, t0)
    return signature, _block_loop(1, 2, lambda f, x, t: (t + f * x,))


@instructions()
def multiply(typingctx, rows, columns, shared, fr, r0, fi, i0, xr, j0, xi, k0, tr, m0, ti, n0):
    """t = f x, complex"""

    def body(fr, fi, xr, xi):
        return fr * xr - fi * xi, fr * xi + fi * xr

    return types.void(
        rows, columns, shared, fr, r0, fi, i0, xr, j0, xi, k0, tr, m0, ti, n0
    ), _block_loop(2, 2, body)


@instructions()
def add_multiplied(
    typingctx, rows, columns, shared, fr, r0, fi, i0, xr, j0, xi, k0, tr, m0, ti, n0
):
    """t += f x, complex"""

    def body(fr, fi, xr, xi, tr, ti):
        return tr + fr * xr - fi * xi, ti + fr * xi + fi * xr

    return types.void(
        rows, columns, shared, fr, r0, fi, i0, xr, j0, xi, k0, tr, m0, ti, n0
    ), _block_loop(2, 4, body)


# --- whole arrays ---------------------------------------------------------------------------------


@instructions()
def clear(typingctx, array):
    """All of a contiguous array becomes zero."""

    def codegen(context, builder, signature, arguments):
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        size = builder.mul(view.nitems, view.itemsize)
        cgutils.memset(builder, view.data, size, 0)
        return context.get_dummy_value()

    return types.void(array), codegen


@instructions()
def copy(typingctx, target, source):
    """All of a contiguous array into one of the same size."""

    def codegen(context, builder, signature, arguments):
        to, at = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        )
        cgutils.raw_memcpy(builder, to.data, at.data, at.nitems, at.itemsize)
        return context.get_dummy_value()

    return types.void(target, source), codegen
