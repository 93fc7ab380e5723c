"""Sums, products and quotients of jets, and choices between them.

A product is c_a = sum over b <= a of f_b g_(a-b); a quotient solves that for one of its factors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...geometry.errors import InputError
from .jets import OPERATIONS, Coefficient, Index, Jet, below, minus, plain

Unary = Callable[[Tensor], Tensor]


def rule_for(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function into the table under the names of torch."""

    def put(function: Callable[..., Any]) -> Callable[..., Any]:
        OPERATIONS.update(dict.fromkeys(names, function))
        return function

    return put


# -- sums and products -------------------------------------------------------------------------


def accumulate(total: Coefficient, a: Coefficient, b: Coefficient, scale: float) -> Coefficient:
    """total + scale a b."""
    if a is None or b is None:
        return total
    if total is None:
        return a * b if scale == 1 else a * b * scale
    return torch.addcmul(total, a, b, value=scale)


def unknown_slopes(f: Jet, other: Any) -> bool:
    """Whether a plain tensor stands for a field of which only the values are known."""
    return f.strict and isinstance(other, Tensor) and other.numel() > 1 and other.shape == f.shape


def values_only(f: Jet, values: Tensor) -> Jet:
    """A field that is not known as a function of the coordinates."""

    def rule(_: Index) -> Coefficient:
        # A silent zero here would drop a term of the equation.
        raise InputError(
            "expected a function of the coordinates to differentiate, got values at points;"
            " compute the field from the coordinates"
        )

    return f.result(values, rule)


def pair(f: Any, g: Any) -> tuple[Any, Any]:
    """Both operands; values of an unknown field become a jet that refuses derivatives."""
    if isinstance(f, Jet) and unknown_slopes(f, g):
        return f, values_only(f, g)
    if isinstance(g, Jet) and unknown_slopes(g, f):
        return values_only(g, f), g
    return f, g


@rule_for("add")
def add(f: Any, g: Any, *, alpha: float = 1) -> Jet:
    if alpha != 1:
        return add(f, mul(g, alpha) if isinstance(g, Jet) else g * alpha)
    f, g = pair(f, g)
    if not isinstance(f, Jet):
        f, g = g, f
    if not isinstance(g, Jet):
        return f.result(f.value + g, f.at)

    def rule(index: Index) -> Coefficient:
        a, b = f.at(index), g.at(index)
        return b if a is None else a if b is None else a + b

    return f.result(f.value + g.value, rule)


@rule_for("sub")
def sub(f: Any, g: Any, *, alpha: float = 1) -> Jet:
    return add(f, neg(g) if isinstance(g, Jet) else -g, alpha=alpha)


@rule_for("rsub")
def rsub(f: Any, g: Any, *, alpha: float = 1) -> Jet:
    return sub(g, f, alpha=alpha)


@rule_for("mul", "multiply")
def mul(f: Any, g: Any) -> Jet:
    f, g = pair(f, g)
    if not isinstance(f, Jet):
        f, g = g, f
    if not isinstance(g, Jet):
        return scaled(f, g)
    return square(f) if f is g else product(f, g)


def scaled(f: Jet, number: Any) -> Jet:
    return f.result(f.value * number, coefficientwise(f, lambda c: c * number))


def coefficientwise(f: Jet, apply: Unary) -> Callable[[Index], Coefficient]:
    """The rule of a linear map."""

    def rule(index: Index) -> Coefficient:
        c = f.at(index)
        return None if c is None else apply(c)

    return rule


def product(f: Jet, g: Jet) -> Jet:
    def rule(index: Index) -> Coefficient:
        total: Coefficient = None
        for b in below(index):
            total = accumulate(total, f.at(b), g.at(minus(index, b)), 1)
        return total

    return f.result(f.value * g.value, rule)


@rule_for("square")
def square(f: Jet) -> Jet:
    def rule(index: Index) -> Coefficient:
        total: Coefficient = None
        for b in below(index):
            rest = minus(index, b)
            if b <= rest:  # the other half are the same products
                total = accumulate(total, f.at(b), f.at(rest), 1 if b == rest else 2)
        return total

    return f.result(f.value * f.value, rule)


def recursive(f: Jet, value: Tensor, make: Callable[[Jet], Callable[[Index], Coefficient]]) -> Jet:
    """A result of f whose rule asks for lower coefficients of the result itself.

    `make` is handed the result as far as it is known. Nothing here refers to itself, so that
    all memory is given back at once when the last user lets go.
    """
    memory: dict[Index, Coefficient] = {}
    rule = make(Jet(value, None, (), f.strict, memory))

    def upward(index: Index) -> Coefficient:
        for lower in below(index)[1:-1]:
            if lower not in memory:
                memory[lower] = rule(lower)
        return rule(index)

    return f.result(value, upward, memory)


@rule_for("div", "divide", "true_divide")
def div(f: Any, g: Any) -> Jet:
    f, g = pair(f, g)
    if not isinstance(g, Jet):
        return f.result(f.value / g, coefficientwise(f, lambda c: c / g))
    over = 1 / g.value

    def make(quotient: Jet) -> Callable[[Index], Coefficient]:
        def rule(index: Index) -> Coefficient:
            top = f.at(index) if isinstance(f, Jet) else None
            for b in below(index)[1:]:
                top = accumulate(top, g.at(b), quotient.at(minus(index, b)), -1)
            return None if top is None else top * over

        return rule

    return recursive(g, plain(f) / g.value, make)


@rule_for("reciprocal")
def reciprocal(f: Jet) -> Jet:
    return div(1.0, f)


@rule_for("neg", "negative")
def neg(f: Jet) -> Jet:
    return f.result(-f.value, coefficientwise(f, torch.neg))


@rule_for("where")
def where(condition: Any, f: Any, g: Any) -> Jet:
    """Piecewise: the branches are told apart by values."""
    jets = [part for part in (f, g) if isinstance(part, Jet)]
    f, g = pair(f, g)
    condition = plain(condition)
    value = torch.where(condition, plain(f), plain(g))

    def rule(index: Index) -> Coefficient:
        a, b = (part.at(index) if isinstance(part, Jet) else None for part in (f, g))
        if a is None and b is None:
            return None
        return torch.where(condition, 0.0 if a is None else a, 0.0 if b is None else b)

    return jets[0].result(value, rule)


@rule_for("maximum")
def maximum(f: Any, g: Any) -> Jet:
    return where(plain(f) > plain(g), f, g)


@rule_for("minimum")
def minimum(f: Any, g: Any) -> Jet:
    return where(plain(f) < plain(g), f, g)
