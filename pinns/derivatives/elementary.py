"""Elementary functions of jets.

grad y = y'(f) grad f (Griewank & Walther 2008, chapter 13) gives the coefficients of y = y(f) one
after the other: all it needs is y' as an expression of f and y.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...geometry.calculus import functions
from .jets import Coefficient, Index, Jet, below, minus
from .operations import accumulate, div, mul, product, recursive, rule_for, square


def compose(f: Jet, value: Tensor, slope: Callable[[Jet, Jet], Jet]) -> Jet:
    """y(f), where slope(f, y) is y'(f)."""

    def make(known: Jet) -> Callable[[Index], Coefficient]:
        h = slope(f.lazy(), known)

        def rule(index: Index) -> Coefficient:
            # a_i y_a = sum of b_i f_b h_(a-b); the axis with the fewest terms.
            axis = min((i for i, order in enumerate(index) if order), key=index.__getitem__)
            total: Coefficient = None
            for b in below(index):
                if b[axis]:
                    rest = h.at(minus(index, b))
                    total = accumulate(total, f.at(b), rest, b[axis] / index[axis])
            return total

        return rule

    return recursive(f, value, make)


@rule_for("exp")
def exp(f: Jet) -> Jet:
    return compose(f, f.value.exp(), lambda _, y: y)


@rule_for("expm1")
def expm1(f: Jet) -> Jet:
    return compose(f, f.value.expm1(), lambda _, y: y + 1)


@rule_for("log")
def log(f: Jet) -> Jet:
    return compose(f, f.value.log(), lambda f, _: 1 / f)


@rule_for("log1p")
def log1p(f: Jet) -> Jet:
    return compose(f, f.value.log1p(), lambda f, _: 1 / (1 + f))


@rule_for("sin")
def sin(f: Jet) -> Jet:
    def cosine(f: Jet, y: Jet) -> Jet:
        return compose(f, f.value.cos(), lambda *_: -y)

    return compose(f, f.value.sin(), cosine)


@rule_for("cos")
def cos(f: Jet) -> Jet:
    def minus_sine(f: Jet, y: Jet) -> Jet:
        return compose(f, -f.value.sin(), lambda *_: -y)

    return compose(f, f.value.cos(), minus_sine)


@rule_for("sinh")
def sinh(f: Jet) -> Jet:
    return compose(f, f.value.sinh(), lambda f, y: compose(f, f.value.cosh(), lambda *_: y))


@rule_for("cosh")
def cosh(f: Jet) -> Jet:
    return compose(f, f.value.cosh(), lambda f, y: compose(f, f.value.sinh(), lambda *_: y))


@rule_for("tan")
def tan(f: Jet) -> Jet:
    return compose(f, f.value.tan(), lambda _, y: 1 + square(y))


@rule_for("tanh")
def tanh(f: Jet) -> Jet:
    return compose(f, f.value.tanh(), lambda _, y: 1 - square(y))


@rule_for("sigmoid")
def sigmoid(f: Jet) -> Jet:
    return compose(f, f.value.sigmoid(), lambda _, y: y - square(y))


@rule_for("atan", "arctan")
def atan(f: Jet) -> Jet:
    return compose(f, f.value.atan(), lambda f, _: 1 / (1 + square(f)))


@rule_for("erf")
def erf(f: Jet) -> Jet:
    return compose(f, f.value.erf(), lambda f, _: 2 / math.sqrt(math.pi) * exp(-square(f)))


@rule_for("softplus")
def softplus(f: Jet, beta: float = 1.0, threshold: float = 20.0) -> Jet:
    value = torch.nn.functional.softplus(f.value, beta, threshold)
    return compose(f, value, lambda f, _: sigmoid(beta * f))


@rule_for("logsigmoid")
def logsigmoid(f: Jet) -> Jet:
    value = torch.nn.functional.logsigmoid(f.value)
    return compose(f, value, lambda f, _: sigmoid(-f))


@rule_for("silu")
def silu(f: Jet, inplace: bool = False) -> Jet:
    return product(f, sigmoid(f))


@rule_for("gelu")
def gelu(f: Jet, approximate: str = "none") -> Jet:
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (f + 0.044715 * product(f, square(f)))
        return 0.5 * product(f, 1 + tanh(inner))
    return 0.5 * product(f, 1 + erf(f * math.sqrt(0.5)))


@rule_for("sqrt")
def sqrt(f: Jet) -> Jet:
    return compose(f, f.value.sqrt(), lambda _, y: 0.5 / y)


@rule_for("rsqrt")
def rsqrt(f: Jet) -> Jet:
    return compose(f, f.value.rsqrt(), lambda f, y: -0.5 * y / f)


@rule_for("pow", "float_power")
def power(f: Any, exponent: Any) -> Any:
    """Whole powers are products, which need not divide by f."""
    if isinstance(exponent, Jet) or not isinstance(f, Jet):
        return exp(mul(functions.log(f), exponent))
    if isinstance(exponent, Tensor) or not float(exponent).is_integer():
        return compose(f, f.value**exponent, lambda f, y: exponent * y / f)
    whole = int(exponent)
    if whole < 0:
        return div(1.0, power(f, -whole))
    if whole == 0:
        return torch.ones_like(f.value)
    half = power(f, whole // 2) if whole > 1 else f
    even = square(half) if whole > 1 else half
    return product(even, f) if whole > 1 and whole % 2 else even
