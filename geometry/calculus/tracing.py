"""The tracing reading: the right-hand sides F of u_t = F(u), as data for time steppers.

A residual is run once on symbols. What comes out knows which part is linear with constant
coefficients, and which products are differentiated, so that an engine can be handed an equation
that was written once, as the residual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .algebra import (
    Expression,
    Flux,
    Monomial,
    Symbol,
    differentiate,
    expression,
    product,
    total,
)
from .base import Calculus

if TYPE_CHECKING:
    from .symbols import Equation


class TracedCalculus(Calculus):
    """Derivatives of expressions of symbols.

    Linear ones are taken at once, those of products are kept as they were written: `d(u * u, "x")`
    stays the derivative of u^2.
    """

    def derivative(self, expression_: Any, along: tuple[str, ...]) -> Expression:
        result = expression(expression_)
        for name in along:
            result = differentiate(result, name) if name == "t" else _derivative(result, name)
        return result

    def integral(self, *_: Any) -> Expression:
        """Refused: a right-hand side is local."""
        raise InputError("expected a residual without integrals to make a right-hand side of")


def _derivative(whole: Expression, name: str) -> Expression:
    parts, kept = [], {}
    for monomial, number in whole.terms.items():
        constant, rest = split_constant(monomial)
        factor = Expression({constant: number})
        if not rest:
            continue
        if len(rest) == 1 and rest[0][1] == 1 and isinstance(rest[0][0], Flux):
            flux = rest[0][0]
            parts.append(factor * expression(Flux(flux.argument, _sorted(flux.along, name))))
        elif linear_symbol(rest) or not has_unknown(rest):
            parts.append(factor * differentiate(Expression({rest: 1.0}), name))
        else:
            kept[monomial] = number
    if kept:
        parts.append(expression(Flux(Expression(kept), (name,))))
    return total(parts)


def _sorted(along: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(sorted((*along, name)))


def split_constant(monomial: Monomial) -> tuple[Monomial, Monomial]:
    """The powers of parameters, and the rest."""
    constant = tuple(p for p in monomial if all(s.kind == "parameter" for s in p[0].symbols))
    return constant, tuple(pair for pair in monomial if pair not in constant)


def linear_symbol(monomial: Monomial) -> Symbol | None:
    """The unknown, or its derivative, where the product is nothing else."""
    if len(monomial) == 1 and monomial[0][1] == 1:
        atom = monomial[0][0]
        return atom if isinstance(atom, Symbol) and atom.kind == "unknown" else None
    return None


def has_unknown(monomial: Monomial) -> bool:
    return any(symbol.kind == "unknown" for atom, _ in monomial for symbol in atom.symbols)


@dataclass(frozen=True)
class Evolution:
    """u_t = F(u): one right-hand side for each unknown.

    rates may hold `Flux` atoms; parameters: those that occur, in the order of declaration.
    """

    coordinates: tuple[str, ...]
    unknowns: tuple[str, ...]
    parameters: tuple[str, ...]
    rates: tuple[Expression, ...]

    @property
    def space(self) -> tuple[str, ...]:
        return tuple(name for name in self.coordinates if name != "t")


def trace(
    problem: Equation,
    unknowns: Sequence[str] = ("u",),
    fields: Sequence[str] = (),
    scalars: Sequence[str] = (),
    numbers: dict[str, Any] | None = None,
) -> Evolution:
    """Read `residual = 0` as u_t = F(u).

    unknowns, fields (given functions of space) and scalars: the names that the residual uses;
    numbers: constants that are written into the equation as they are (exponents, say).

    Raises InputError where the residual is not of first order in time, where a rate is inside a
    derivative, a function or a product with anything but parameters, and where equations and
    unknowns do not match.

    >>> class Fisher:
    ...     coordinates = ("t", "x")
    ...     def residual(self, u, d, x, p):
    ...         return d(u, "t") - d(u, "xx") - p.r * u * (1 - u)
    >>> sorted(trace(Fisher(), scalars=("r",)).rates[0].terms.values())
    [-1.0, 1.0, 1.0]
    """
    d = TracedCalculus(problem.coordinates)
    if "t" not in d.coordinates:
        raise InputError(f"expected an equation in time, got the coordinates {d.coordinates}")
    values: dict[str, Any] = {name: expression(Symbol("field", name)) for name in fields}
    values |= {name: expression(Symbol("parameter", name)) for name in scalars}
    values |= numbers or {}
    x = {name: expression(Symbol("coordinate", name)) for name in d.coordinates}
    u = tuple(expression(Symbol("unknown", name)) for name in unknowns)
    found = problem.residual(u[0] if len(u) == 1 else u, d, x, SimpleNamespace(**values))
    rows = tuple(map(expression, found if isinstance(found, tuple | list) else (found,)))
    if len(rows) != len(u):
        raise InputError(f"expected {len(u)} residuals, one for each unknown, got {len(rows)}")
    solved = dict(_solved(row) for row in rows)
    if missing := [name for name in unknowns if name not in solved]:
        raise InputError(
            f"expected one residual with the rate of {missing[0]} and no other, got rates of"
            f" {', '.join(_rate(row).name for row in rows)}"
        )
    rates = tuple(solved[name] for name in unknowns)
    used = {s.name for rate in rates for s in rate.symbols if s.kind == "parameter"}
    return Evolution(
        d.coordinates, tuple(unknowns), tuple(name for name in scalars if name in used), rates
    )


def _solved(row: Expression) -> tuple[str, Expression]:
    """The unknown whose rate the equation holds, and F."""
    rate = _rate(row)
    factor, rest = {}, {}
    for monomial, number in row.terms.items():
        if rate not in {symbol for atom, _ in monomial for symbol in atom.symbols}:
            rest[monomial] = number
            continue
        constant, other = split_constant(monomial)
        if linear_symbol(other) != rate:
            raise InputError(
                f"expected the rate of {rate.name} alone or times parameters, got it inside"
                f" {Expression({monomial: number})!r}; solve the equation for it"
            )
        factor[constant] = number
    return rate.name, -Expression(rest) / Expression(factor)


def _rate(row: Expression) -> Symbol:
    rates = [symbol for symbol in row.symbols if "t" in symbol.along]
    if len(rates) != 1:
        names = sorted("d({}, '{}')".format(s.name, "".join(s.along)) for s in rates)
        raise InputError(
            "expected one derivative in time in each residual, got"
            f" {', '.join(names) or 'none'}; write a system of first order"
        )
    if rates[0].along != ("t",):
        raise InputError(
            f"expected u_t alone, got d({rates[0].name}, '{''.join(rates[0].along)}'); write a"
            " system of first order, solved for the rates"
        )
    return rates[0]


def antiderivatives(flat: Expression, space: Sequence[str]) -> Expression:
    """Products that are derivatives written out, as derivatives: u u_x as (u^2 / 2)_x.

    flat: without `Flux` atoms. Each product with a factor d(w, name) to the first power is
    integrated in that factor; where the derivative of what comes out is all in `flat`, it is
    replaced.
    """
    rest, found = flat, []
    for monomial in flat.terms:
        for primitive, name in _primitives(monomial, space):
            slope = differentiate(primitive, name)
            if monomial not in rest.terms or monomial not in slope.terms:
                continue
            scale = rest.terms[monomial] / slope.terms[monomial]
            left = _without_rounding(rest - scale * slope, rest)
            if len(left.terms) == len(rest.terms) - len(slope.terms):
                rest = left
                found.append(expression(Flux(scale * primitive, (name,))))
    return total([rest, *found])


def _primitives(monomial: Monomial, space: Sequence[str]) -> list[tuple[Expression, str]]:
    constant, factors = split_constant(monomial)
    result = []
    for atom, exponent in factors:
        if not isinstance(atom, Symbol) or atom.kind != "unknown" or exponent != 1:
            continue
        for name in space:
            if name in atom.along and len(factors) > 1:
                along = list(atom.along)
                along.remove(name)
                lower = ((Symbol("unknown", atom.name, tuple(along)), 1), (atom, -1))
                whole = product(product(constant, factors), tuple(lower))
                if _is_polynomial(whole):
                    result.append((Expression({whole: 1.0}), name))
    return result


def _is_polynomial(monomial: Monomial) -> bool:
    """Whether unknowns enter by whole positive powers alone."""
    return all(
        isinstance(atom, Symbol) and exponent > 0 for atom, exponent in monomial
        if has_unknown(((atom, exponent),))
    )  # fmt: skip


def _without_rounding(left: Expression, before: Expression) -> Expression:
    """Terms that cancel up to rounding are gone."""
    size = {m: abs(number) for m, number in before.terms.items()}
    return Expression({m: c for m, c in left.terms.items() if abs(c) > 1e-14 * size.get(m, 0)})
