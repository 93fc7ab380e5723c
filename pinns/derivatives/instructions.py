"""Activations of jets as vector instructions, by the programs of `programs`.

Written for one activation and one set of coefficients, a program is a single loop in which every
number is read once and what is computed in between stays in registers. The code is made when it is
first asked for, in some milliseconds, and the compiled blocks call it through its address.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.compiler_lock import global_compiler_lock

from ...solvers.kernels import instructions
from ...solvers.spectral.vectors import VECTOR, Real, Width, element, load, store
from .jets import Index
from .programs import Program, program

NAME = "activate"
WORD = ir.IntType(64)


class Activation:
    """The code of an activation. `address`: what `activate` calls it by."""

    def __init__(self, indices: tuple[Index, ...], activation: str, backward: bool, dtype: Any):
        module = ir.Module("activation")
        write(module, program(indices, activation, backward), activation, backward, dtype)
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        # Straight from code to instructions: there is nothing that passes could improve.
        machine = binding.Target.from_default_triple().create_target_machine(
            cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten()
        )
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine)
        self._engine.finalize_object()
        self.address = int(self._engine.get_function_address(NAME))


@instructions()
def activate(_: Any, address: Any, z: Any, y: Any, cotangent: Any, size: Any) -> Any:
    """Call an `Activation` by its address.

    z, y and cotangent are addresses of coefficients of `size` numbers, one after the other; `size`
    is a multiple of a vector. y = f(z). A backward one puts the cotangent of z in the place of
    that of y. A forward one does not use it, and for tanh leaves tanh z_0 in z_0, where the
    backward one looks for it.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), (WORD,) * 4)
        builder.call(builder.inttoptr(given[0], kind.as_pointer()), given[1:])
        return context.get_dummy_value()

    return types.void(types.intp, *(types.uintp,) * 3, types.intp), generate


@functools.lru_cache(maxsize=256)
def compiled(
    indices: tuple[Index, ...], activation: str, backward: bool, dtype: np.dtype
) -> Activation:
    """The code for coefficients `indices` (by order, beginning with 0) in one precision."""
    with global_compiler_lock:
        return Activation(indices, activation, backward, dtype)


def write(
    module: ir.Module, steps: Program, activation: str, backward: bool, dtype: np.dtype
) -> None:
    """Put the function into a module."""
    single = np.dtype(dtype) == np.float32
    number, size = (ir.FloatType(), 4) if single else (ir.DoubleType(), 8)
    width = Width(ir.VectorType(number, VECTOR // size))
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), (WORD,) * 4), NAME)
    builder = ir.IRBuilder(function.append_basic_block())
    z, y, cotangent = (builder.inttoptr(at, number.as_pointer()) for at in function.args[:3])
    count, n, keeps = function.args[3], steps.y - steps.a, activation == "tanh"
    starts = [builder.mul(count, ir.Constant(WORD, k)) for k in range(n)]
    vector = (ir.Constant(WORD, 0), count, ir.Constant(WORD, width.kind.count))
    with cgutils.for_range_slice(builder, *vector, WORD) as (start, _):

        def spots(array: Any) -> list[Any]:
            return [element(builder, array, builder.add(at, start), width) for at in starts]

        rows: dict[int, Real] = {}
        for first, array in ((steps.a, z), (steps.y_cotangent, cotangent))[: 1 + backward]:
            rows |= {first + k: load(builder, spot, size) for k, spot in enumerate(spots(array))}
        start_of = SEEDED[activation] if not (keeps and backward) else lambda _, kept: [kept]
        rows |= dict(enumerate(start_of(Vectors(builder, width.kind), rows[steps.a]), 1))
        run(steps, rows)
        for first, array in ((steps.y, y), (steps.a_cotangent, cotangent))[: 1 + backward]:
            for k, spot in enumerate(spots(array)):
                store(builder, rows[first + k], spot, size)
        if keeps and not backward:
            store(builder, rows[1], spots(z)[0], size)
    builder.ret_void()


def run(steps: Program, rows: dict[int, Real]) -> None:
    """The steps of a program on vectors; row 0, the ones, is only thought of."""
    begun: set[int] = set()
    for target, s, t, factor in steps.steps:
        product = rows[max(s, t)] * rows[min(s, t)] if min(s, t) else rows.get(max(s, t))
        if product is None:  # the number itself
            one = next(iter(rows.values()))
            product = Vectors(one.builder, one.value.type).number(factor)
        elif factor != 1.0:
            product = product.times(factor)
        rows[target] = rows[target] + product if target in begun else product
        begun.add(target)


class Vectors:
    """What activations are made of, on vectors of one kind."""

    def __init__(self, builder: ir.IRBuilder, kind: ir.VectorType) -> None:
        self.builder, self.kind = builder, kind
        self.single = isinstance(kind.element, ir.FloatType)

    def number(self, value: float) -> Real:
        return Real(self.builder, ir.Constant(self.kind, [value] * self.kind.count))

    def whole(self, value: int) -> ir.Constant:
        """A vector of integers of the same width."""
        bits = ir.IntType(32 if self.single else 64)
        return ir.Constant(ir.VectorType(bits, self.kind.count), [value] * self.kind.count)

    def divide(self, a: Real, b: Real) -> Real:
        return Real(self.builder, self.builder.fdiv(a.value, b.value, flags=a.flags))

    def clip(self, x: Real, limit: float) -> Real:
        """Into [-limit, limit]; nan stays nan."""
        value = x.value
        for sign, bound in ((">", self.number(limit)), ("<", self.number(-limit))):
            beyond = self.builder.fcmp_ordered(sign, value, bound.value)
            value = self.builder.select(beyond, bound.value, value)
        return Real(self.builder, value)

    def exponential_minus_one(self, x: Real) -> Real:
        """e^x - 1 by 2^k e^r with |r| <= ln 2 / 2, to rounding; e^80 or e^700 at most."""
        builder, largest = self.builder, 0.5 * math.log(2.0)
        bits, bias, limit, precision = (23, 127, 80.0, 2.0**-24)
        # The first part of ln 2 has so few bits that its product with an exponent is exact.
        high, low = 0.693359375, -2.1219444005469057e-4
        if not self.single:
            bits, bias, limit, precision = (52, 1023, 700.0, 2.0**-53)
            high, low = 0.6931471806019545, -4.2009150726810846e-11
        y, magic = self.clip(x, limit), self.number(1.5 * 2.0**bits)
        shifted = y.times(1.0 / math.log(2.0)) + magic  # k lies in the last bits
        k = shifted - magic
        r = (y - k.times(high)) - k.times(low)
        terms = next(
            n for n in itertools.count(1) if largest**n / math.factorial(n + 1) < precision / 8
        )
        p = self.number(1.0 / math.factorial(terms))
        for n in range(terms - 1, 0, -1):
            p = self.number(1.0 / math.factorial(n)) + r * p
        exponent = builder.shl(builder.bitcast(shifted.value, self.whole(0).type), self.whole(bits))
        power = builder.bitcast(builder.add(exponent, self.whole(bias << bits)), self.kind)
        scale = Real(builder, power)
        return scale * (r * p) + (scale - self.number(1.0))

    def sigmoid(self, x: Real) -> Real:
        one, two = self.number(1.0), self.number(2.0)
        return self.divide(one, self.exponential_minus_one(x.times(-1.0)) + two)

    def of_library(self, name: str, x: Real) -> Real:
        """A function of the C library, number by number."""
        element = self.kind.element
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(element, (element,)), name + "f" * self.single
        )
        result = ir.Constant(self.kind, ir.Undefined)
        for lane in map(ir.IntType(32), range(self.kind.count)):
            value = self.builder.call(function, [self.builder.extract_element(x.value, lane)])
            result = self.builder.insert_element(result, value, lane)
        return Real(self.builder, result)


def _tanh(v: Vectors, a: Real) -> list[Real]:
    e = v.exponential_minus_one(a.times(2.0))
    return [v.divide(e, e + v.number(2.0))]


def _gelu(v: Vectors, a: Real) -> list[Real]:
    """a, and the normal distribution of a and its density."""
    cumulative = v.number(1.0) + v.of_library("erf", a.times(math.sqrt(0.5)))
    density = v.exponential_minus_one((a * a).times(-0.5)) + v.number(1.0)
    return [a, cumulative.times(0.5), density.times(1.0 / math.sqrt(2.0 * math.pi))]


SEEDED: dict[str, Callable[[Vectors, Real], list[Real]]] = {
    "tanh": _tanh,
    "sin": lambda v, a: [v.of_library("sin", a), v.of_library("cos", a)],
    "silu": lambda v, a: [a, v.sigmoid(a)],
    "sigmoid": lambda v, a: [v.sigmoid(a)],
    "gelu": _gelu,
}
"""What the programs of an activation start with."""
