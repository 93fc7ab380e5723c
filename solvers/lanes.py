"""Sixteen numbers at a time, written by hand: loads, stores and arithmetic on vectors.

A loop over the few cells of a row is too short for what a compiler puts around it: tests whether
arrays overlap, and a remainder one by one. Rows that are padded to whole vectors need neither.
Nothing asks here whether a place lies in the array. A machine with shorter vectors takes several.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from .kernels import instructions

LANES = 16
_FLAGS = ("contract", "nsz")
_SCALARS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
_OPERATIONS = {
    operator.add: "fadd",
    operator.sub: "fsub",
    operator.mul: "fmul",
    operator.truediv: "fdiv",
}


class Vector(types.Type):
    """LANES numbers of type `dtype`."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"vector({dtype})")


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _as_llvm(kind))


def _as_llvm(kind: Vector) -> Any:
    return ir.VectorType(_SCALARS[kind.dtype], LANES)


def _allow(operation: Any, name: str) -> None:
    """Let `operation` take two vectors of one type."""

    @infer_global(operation)
    class _Both(AbstractTemplate):
        def generic(self, arguments: Any, _: Any) -> Any:
            both = len(arguments) == 2 and arguments[0] == arguments[1]
            vectors = both and isinstance(arguments[0], Vector)
            return signature(arguments[0], *arguments) if vectors else None

    @lower_builtin(operation, Vector, Vector)
    def lower(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return getattr(builder, name)(*arguments, flags=_FLAGS)


for _operation, _name in _OPERATIONS.items():
    _allow(_operation, _name)


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    start = builder.gep(context.make_array(kind)(context, builder, array).data, [at])
    return builder.bitcast(start, _as_llvm(Vector(kind.dtype)).as_pointer())


@instructions()
def load(_: Any, array: Any, at: Any) -> Any:
    """array[at : at + LANES], array flat."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        found = builder.load(_place(context, builder, sig.args[0], *arguments))
        found.align = array.dtype.bitwidth // 8
        return found

    return Vector(array.dtype)(array, at), generate


@instructions()
def store(_: Any, vector: Any, array: Any, at: Any) -> Any:
    """array[at : at + LANES] = vector."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        where = _place(context, builder, sig.args[1], *arguments[1:])
        builder.store(arguments[0], where).align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(vector, array, at), generate


def _first(builder: Any, count: Any) -> Any:
    """Which lanes are among the first `count`."""
    kind = ir.VectorType(ir.IntType(64), LANES)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), count, _index(0))
    every = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    spread_count = builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), every)
    return builder.icmp_signed("<", ir.Constant(kind, list(range(LANES))), spread_count)


def _masked(builder: Any, kind: Any, name: str, result: Any, *arguments: Any) -> Any:
    """A call of LLVM's masked load or store."""
    full = f"llvm.masked.{name}.v{LANES}f{kind.dtype.bitwidth}.p0"
    shape = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, shape, full), arguments)


@instructions()
def load_some(_: Any, array: Any, at: Any, count: Any) -> Any:
    """`load` of the first `count` numbers, zeros behind them; memory beyond is not touched."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        kind = _as_llvm(sig.return_type)
        where = _place(context, builder, sig.args[0], *arguments[:2])
        return _masked(
            builder, array, "load", kind, where, _index(array.dtype.bitwidth // 8),
            _first(builder, arguments[2]), ir.Constant(kind, None),
        )  # fmt: skip

    return Vector(array.dtype)(array, at, types.int64), generate


@instructions()
def store_some(_: Any, vector: Any, array: Any, at: Any, count: Any) -> Any:
    """`store` of the first `count` numbers."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        where = _place(context, builder, sig.args[1], *arguments[1:3])
        _masked(
            builder, array, "store", ir.VoidType(), arguments[0], where,
            _index(array.dtype.bitwidth // 8), _first(builder, arguments[3]),
        )  # fmt: skip
        return context.get_dummy_value()

    return types.void(vector, array, at, types.int64), generate


@instructions()
def kept(_: Any, vector: Any, count: Any) -> Any:
    """The first `count` lanes, zeros behind them."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        none = ir.Constant(_as_llvm(vector), None)
        return builder.select(_first(builder, arguments[1]), arguments[0], none)

    return vector(vector, types.int64), generate


@instructions()
def spread(_: Any, number: Any) -> Any:
    """The number in every lane."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        kind = _as_llvm(sig.return_type)
        one = builder.insert_element(ir.Constant(kind, ir.Undefined), arguments[0], _index(0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), lanes)

    return Vector(number)(number), generate


@instructions()
def widened(_: Any, vector: Any) -> Any:
    """In double precision."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return builder.fpext(arguments[0], _as_llvm(sig.return_type))

    return Vector(types.float64)(vector), generate


@instructions()
def narrowed(_: Any, vector: Any) -> Any:
    """In single precision."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return builder.fptrunc(arguments[0], _as_llvm(sig.return_type))

    return Vector(types.float32)(vector), generate


@instructions()
def total(_: Any, vector: Any) -> Any:
    """Sum of the lanes."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        scalar, kind = _SCALARS[vector.dtype], _as_llvm(vector)
        name = f"llvm.vector.reduce.fadd.v{LANES}f{vector.dtype.bitwidth}"
        shape = ir.FunctionType(scalar, [scalar, kind])
        function = cgutils.get_or_insert_function(builder.module, shape, name)
        zero = ir.Constant(scalar, 0.0)
        return builder.call(function, [zero, arguments[0]], fastmath=("reassoc", "nsz"))

    return vector.dtype(vector), generate


def _shuffle(first: list[int]) -> Any:
    """An intrinsic of two vectors that takes these of their 2 LANES numbers."""

    def pick(_: Any, one: Any, other: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), first)
            return builder.shuffle_vector(*arguments, lanes)

        return one(one, other), generate

    return instructions()(pick)


def _index(number: int) -> Any:
    return ir.Constant(ir.IntType(32), number)


# Even lanes of the first, odd ones of the second.
alternating = _shuffle([number + LANES * (number % 2) for number in range(LANES)])
# Of two vectors that follow each other: the numbers at even and at odd places; and back again.
evens = _shuffle(list(range(0, 2 * LANES, 2)))
odds = _shuffle(list(range(1, 2 * LANES, 2)))
_pairs = [number for k in range(LANES) for number in (k, LANES + k)]
lower_pairs = _shuffle(_pairs[:LANES])
upper_pairs = _shuffle(_pairs[LANES:])


@instructions()
def inlined(_: Any) -> Any:
    """The function that calls this becomes part of those that call it: for the body of a loop."""

    def generate(context: Any, builder: Any, *_: Any) -> Any:
        builder.function.attributes.add("alwaysinline")
        return context.get_dummy_value()

    return types.void(), generate


@instructions()
def apart(_: Any) -> Any:
    """The function that calls this stays one of its own: copies of it in those that call it would
    be compiled anew in each, and in all above them."""

    def generate(context: Any, builder: Any, *_: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate
