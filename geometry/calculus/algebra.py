"""Expressions of a traced residual: sums of products, kept expanded.

Small on purpose: sums, products, powers, the elementary functions and exact derivatives are all
that a right-hand side needs, and a residual is traced in well under a millisecond.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ..errors import InputError
from . import functions

Kind = Literal["unknown", "parameter", "field", "coordinate"]
LARGEST_POWER = 8  # of a sum that is multiplied out


@dataclass(frozen=True)
class Symbol:
    """A name, and along which coordinates it is differentiated (sorted).

    Fields depend on the space coordinates, unknowns on time too, parameters on nothing.
    """

    kind: Kind
    name: str
    along: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        return f"{self.kind}:{self.name}:{','.join(self.along)}"

    @property
    def symbols(self) -> frozenset[Symbol]:
        return frozenset((self,))


@dataclass(frozen=True)
class Call:
    """An elementary function of an expression."""

    name: str
    argument: Expression

    @cached_property
    def key(self) -> str:
        return f"~{self.name}({self.argument.key})"

    @property
    def symbols(self) -> frozenset[Symbol]:
        return self.argument.symbols


@dataclass(frozen=True)
class Power:
    """A power that is not multiplied out."""

    argument: Expression
    exponent: float

    @cached_property
    def key(self) -> str:
        return f"~({self.argument.key})^{self.exponent}"

    @property
    def symbols(self) -> frozenset[Symbol]:
        return self.argument.symbols


@dataclass(frozen=True)
class Flux:
    """A derivative of a product or function that is kept as it was written."""

    argument: Expression
    along: tuple[str, ...]

    @cached_property
    def key(self) -> str:
        return f"~D[{','.join(self.along)}]({self.argument.key})"

    @property
    def symbols(self) -> frozenset[Symbol]:
        return self.argument.symbols


Atom = Symbol | Call | Power | Flux
Monomial = tuple[tuple[Atom, int], ...]


class Expression:
    """A sum of numbers times products of powers of atoms, as {product: number}.

    >>> u = expression(Symbol("unknown", "u"))
    >>> (1 + u) * (1 - u) == 1 - u**2
    True
    """

    __array_ufunc__ = None  # NumPy numbers leave the arithmetic to this class
    __slots__ = ("__dict__", "terms")

    def __init__(self, terms: Mapping[Monomial, float]) -> None:
        self.terms = {m: float(c) for m, c in terms.items() if c != 0}

    @cached_property
    def key(self) -> str:
        parts = ("*".join(f"{a.key}^{n}" for a, n in m) + f"*{c!r}" for m, c in self.terms.items())
        return "+".join(sorted(parts))

    @cached_property
    def symbols(self) -> frozenset[Symbol]:
        """All names inside, also those inside functions."""
        return frozenset().union(*(atom.symbols for m in self.terms for atom, _ in m))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int | float | np.number):
            bool(self)  # a branch on a value, which would silently be taken for all values
        return isinstance(other, Expression) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __bool__(self) -> bool:
        raise InputError("expected a residual without branches on values, got one on its inputs")

    def __lt__(self, other: Any) -> bool:
        return bool(self)

    __gt__ = __le__ = __ge__ = __lt__

    def __add__(self, other: Any) -> Expression:
        terms = dict(self.terms)
        for monomial, number in expression(other).terms.items():
            terms[monomial] = terms.get(monomial, 0.0) + number
        return Expression(terms)

    __radd__ = __add__

    def __neg__(self) -> Expression:
        return Expression({monomial: -number for monomial, number in self.terms.items()})

    def __pos__(self) -> Expression:
        return self

    def __sub__(self, other: Any) -> Expression:
        return self + -expression(other)

    def __rsub__(self, other: Any) -> Expression:
        return -self + other

    def __mul__(self, other: Any) -> Expression:
        terms: dict[Monomial, float] = {}
        for right, b in expression(other).terms.items():
            for left, a in self.terms.items():
                monomial = product(left, right)
                terms[monomial] = terms.get(monomial, 0.0) + a * b
        return Expression(terms)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Expression:
        return self * expression(other) ** -1

    def __rtruediv__(self, other: Any) -> Expression:
        return expression(other) * self**-1

    def __pow__(self, exponent: Any) -> Expression:
        if not isinstance(exponent, int | float | np.number):
            raise InputError(f"expected a number as exponent, got {exponent!r}; give it as one")
        whole = float(exponent).is_integer()
        if whole and len(self.terms) == 1:
            ((monomial, number),) = self.terms.items()
            raised = tuple((atom, n * int(exponent)) for atom, n in monomial if exponent)
            return Expression({raised: number ** int(exponent)})
        if whole and 0 <= exponent <= LARGEST_POWER:
            return functools.reduce(Expression.__mul__, [self] * int(exponent), expression(1.0))
        if not self.terms:
            raise InputError(f"expected a finite residual, got 0 ** {exponent}")
        return expression(Power(self, float(exponent)))

    def calculus_function(self, name: str) -> Expression:
        """What sin, exp and friends of `functions` ask for."""
        if not self.symbols:
            return expression(getattr(np, name)(self.number))
        return expression(Call(name, self))

    @property
    def number(self) -> float:
        """The term without atoms."""
        return self.terms.get((), 0.0)

    def __repr__(self) -> str:
        return f"Expression({self.key or 0})"


def expression(value: Any) -> Expression:
    """An expression of a number, an atom, or an expression. Raises InputError on others."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, Atom):
        return Expression({((value, 1),): 1.0})
    if isinstance(value, int | float | np.number) and np.isfinite(value):
        return Expression({(): float(value)})
    raise InputError(f"expected finite numbers and inputs in a residual, got {value!r}")


def product(left: Monomial, right: Monomial) -> Monomial:
    """Powers added, atoms in the order of their keys."""
    powers = dict(left)
    for atom, exponent in right:
        powers[atom] = powers.get(atom, 0) + exponent
    kept = ((atom, exponent) for atom, exponent in powers.items() if exponent)
    return tuple(sorted(kept, key=lambda pair: pair[0].key))


def total(parts: Iterable[Expression]) -> Expression:
    """Their sum."""
    return functools.reduce(Expression.__add__, parts, Expression({}))


def fold(whole: Expression, atom: Callable[[Atom], Any]) -> Any:
    """The expression with every atom replaced by `atom(it)`, in any arithmetic."""
    result: Any = 0.0
    for monomial, number in whole.terms.items():
        term: Any = number
        for one, exponent in monomial:
            term = term * atom(one) ** exponent
        result = result + term
    return result


def evaluate(whole: Expression, value: Callable[[Symbol], Any]) -> Any:
    """The expression in numbers, NumPy arrays or tensors; without derivatives of products."""

    def one(atom: Atom) -> Any:
        if isinstance(atom, Symbol):
            return value(atom)
        inside = evaluate(atom.argument, value)
        if isinstance(atom, Call):
            return getattr(functions, atom.name)(inside)
        if isinstance(atom, Power):
            return inside**atom.exponent
        raise InputError("expected products to be differentiated out; use `pointwise`")

    return fold(whole, one)


SLOPES: dict[str, Callable[[Expression], Expression]] = {
    "sin": lambda a: a.calculus_function("cos"),
    "cos": lambda a: -a.calculus_function("sin"),
    "tan": lambda a: 1 + a.calculus_function("tan") ** 2,
    "exp": lambda a: a.calculus_function("exp"),
    "log": lambda a: a**-1,
    "sqrt": lambda a: 0.5 * a.calculus_function("sqrt") ** -1,
    "sinh": lambda a: a.calculus_function("cosh"),
    "cosh": lambda a: a.calculus_function("sinh"),
    "tanh": lambda a: 1 - a.calculus_function("tanh") ** 2,
}
"""Derivatives of the elementary functions."""


def differentiate(whole: Expression, name: str) -> Expression:
    """The derivative along a coordinate, products and functions differentiated out."""
    parts = []
    for monomial, number in whole.terms.items():
        for atom, exponent in monomial:
            rest = product(monomial, ((atom, -1),))
            parts.append(Expression({rest: number * exponent}) * _slope(atom, name))
    return total(parts)


def _slope(atom: Atom, name: str) -> Expression:
    if isinstance(atom, Symbol):
        if atom.kind == "coordinate":
            return expression(float(atom.name == name))
        if atom.kind == "parameter" or (atom.kind == "field" and name == "t"):
            return Expression({})
        return expression(Symbol(atom.kind, atom.name, tuple(sorted((*atom.along, name)))))
    if isinstance(atom, Flux):
        return differentiate(pointwise(expression(atom)), name)
    inner = differentiate(atom.argument, name)
    if isinstance(atom, Call):
        return SLOPES[atom.name](atom.argument) * inner
    return atom.exponent * atom.argument ** (atom.exponent - 1) * inner


def pointwise(whole: Expression) -> Expression:
    """The same with all derivatives of products differentiated out."""

    def one(atom: Atom) -> Expression:
        if not isinstance(atom, Flux):
            return expression(atom)
        result = pointwise(atom.argument)
        for name in atom.along:
            result = differentiate(result, name)
        return result

    return expression(fold(whole, one))
