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
from fractions import Fraction
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


def parts_of_half_pi(*places: int) -> tuple[float, ...]:
    """pi / 2 as a sum: its bits up to these places after the point, and the rest.

    >>> sum(parts_of_half_pi(10, 22)) == math.pi / 2
    True
    """
    rest = Fraction("1.57079632679489661923132169163975144209858469968755")
    parts = []
    for place in places:
        parts.append(Fraction(math.floor(rest * 2**place), 2**place))
        rest -= parts[-1]
    return tuple(map(float, (*parts, rest)))


PARTS_SINGLE, PARTS_DOUBLE = parts_of_half_pi(10, 22), parts_of_half_pi(32, 65)


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

    def sine_and_cosine(self, x: Real) -> list[Real]:
        """Of r = x - k pi / 2 with |r| <= pi / 4, by the quadrant k; of numbers up to 2^20 or 2^30.

        The first parts of pi / 2 have so few bits that their products with k are exact where k has
        13 or 20; of larger numbers the result is that of a neighbour.
        """
        builder = self.builder
        bits, parts, precision = (32, PARTS_SINGLE, 2.0**-24) if self.single else (
            64, PARTS_DOUBLE, 2.0**-53
        )  # fmt: skip
        y = self.clip(x, 2.0**20 if self.single else 2.0**30)
        magic = self.number(1.5 * 2.0 ** (23 if self.single else 52))
        shifted = y.times(2.0 / math.pi) + magic  # k lies in the last bits
        k = shifted - magic
        r = y
        for part in parts:
            r = r - k.times(part)
        square = r * r
        sine = r + r * (square * self.series(square, 3, precision))
        cosine = self.number(1.0) + square * self.series(square, 2, precision)
        quadrant = builder.bitcast(shifted.value, self.whole(0).type)
        odd = builder.icmp_signed("!=", builder.and_(quadrant, self.whole(1)), self.whole(0))
        found = []
        for even, other, turned in ((sine, cosine, 0), (cosine, sine, 1)):
            value = builder.select(odd, other.value, even.value)
            half = builder.and_(builder.add(quadrant, self.whole(turned)), self.whole(2))
            sign = builder.shl(half, self.whole(bits - 2))
            flipped = builder.xor(builder.bitcast(value, self.whole(0).type), sign)
            found.append(Real(builder, builder.bitcast(flipped, self.kind)))
        return found

    def series(self, square: Real, first: int, precision: float) -> Real:
        """-1 / m! + x^2 / (m + 2)! - ... with m = first, for |x| <= pi / 4."""
        last = next(
            n
            for n in itertools.count(first, 2)
            if (math.pi / 4) ** n / math.factorial(n) < precision / 8
        )
        terms = range(first, last + 1, 2)
        signs = itertools.cycle((-1.0, 1.0))
        factors = [sign / math.factorial(n) for n, sign in zip(terms, signs, strict=False)]
        total = self.number(factors[-1])
        for factor in factors[-2::-1]:
            total = self.number(factor) + square * total
        return total

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
    "sin": Vectors.sine_and_cosine,
    "silu": lambda v, a: [a, v.sigmoid(a)],
    "sigmoid": lambda v, a: [v.sigmoid(a)],
    "gelu": _gelu,
}
"""What the programs of an activation start with."""
