"""What engines want of a traced equation: linear symbols and products, or one function of numbers.

`spectral_form`: constant linear part, and products with the derivatives taken of them.
`stencil_form`: everything differentiated out, as a function of derivatives at a point.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from .algebra import (
    Expression,
    Flux,
    Monomial,
    Symbol,
    expression,
    pointwise,
    product,
)
from .coefficients import Given, source_coefficients, split_source, with_coefficients
from .source import function_text
from .tracing import Evolution, antiderivatives, linear_symbol, split_constant

Word = tuple[str, ...]
"""Coordinates to differentiate along, sorted; () for none."""


@dataclass(frozen=True)
class SpectralForm:
    """u_i,t = sum L_ij u_j + sum number * D[g]: what a Fourier method needs.

    linear: of each equation, {(unknown, word): coefficient}, coefficients in parameters alone.
    inputs: (unknown, word) of the arguments of the products.
    text: source of `name(*inputs, *coefficients, *parameters[, t])`, which returns the products g
        (a number where there is one, else a tuple; "" where there is none). It takes all
        parameters, and the coefficients that are no sources.
    outer: of each equation, (index of g, word, number).
    sources: (unknown, coefficient), of coefficients that are added to the rate.
    degree: of g in unknowns and coefficients, for de-aliasing; None where it is no polynomial.
    timed: whether time is the last argument.
    """

    unknowns: tuple[str, ...]
    linear: tuple[dict[tuple[str, Word], Expression], ...]
    inputs: tuple[tuple[str, Word], ...]
    text: str
    name: str
    outer: tuple[tuple[tuple[int, Word, float], ...], ...]
    sources: tuple[tuple[str, str], ...]
    coefficients: tuple[Given, ...]
    parameters: tuple[str, ...]
    degree: int | None
    timed: bool


@dataclass(frozen=True)
class StencilForm:
    """u_i,t = a function of numbers at a point: what a finite-difference method needs.

    terms: (unknown, word), a word being letters, "laplacian" or "bilaplacian".
    text: source of `name(*unknowns, *terms, *coefficients, *parameters[, t])`.
    """

    unknowns: tuple[str, ...]
    terms: tuple[tuple[str, str], ...]
    text: str
    name: str
    coefficients: tuple[Given, ...]
    parameters: tuple[str, ...]
    timed: bool


def spectral_form(evolution: Evolution, name: str = "products") -> SpectralForm:
    """Linear part, and the products with the fewest transforms among the ways to write them."""
    linear, forced, written, flat = [], {}, [], []
    for unknown, rate in zip(evolution.unknowns, evolution.rates, strict=True):
        constant, rest = _split_linear(rate)
        source, rest[()] = split_source(rest.get((), Expression({})))
        if source.terms:
            forced[unknown] = source
        linear.append(constant)
        written.append(rest)
        flat.append(_integrated(rest, evolution.space))
    products, outer = min((_products(written), _products(flat)), key=_transforms)
    reduced, coefficients = with_coefficients(products)
    sources = source_coefficients(
        forced, {*evolution.unknowns, *evolution.parameters}, coefficients
    )
    inputs = _unknowns(reduced, evolution)
    timed = _timed(reduced)
    text = _text(name, inputs, coefficients, evolution.parameters, timed, reduced)
    return SpectralForm(
        evolution.unknowns,
        tuple({(s.name, s.along): c for s, c in row.items()} for row in linear),
        tuple((symbol.name, symbol.along) for symbol in inputs),
        text if reduced else "",
        name,
        tuple(outer),
        tuple((unknown, given.name) for unknown, given in sources.items()),
        (*coefficients, *sources.values()),
        evolution.parameters,
        _degree(reduced),
        timed,
    )


def stencil_form(evolution: Evolution, name: str = "rates") -> StencilForm:
    """Everything at a point; sums of second derivatives become one laplacian."""
    rates, coefficients = with_coefficients([pointwise(rate) for rate in evolution.rates])
    for word, parts in _laplacians(evolution.space):
        for unknown in evolution.unknowns:
            rates = _gathered(rates, unknown, word, parts)
    fields = [Symbol("unknown", unknown) for unknown in evolution.unknowns]
    terms = [symbol for symbol in _unknowns(rates, evolution) if symbol.along]
    timed = _timed(rates)
    text = _text(
        name, [*fields, *terms], coefficients, evolution.parameters, timed, rates
    )  # fmt: skip
    return StencilForm(
        evolution.unknowns,
        tuple((symbol.name, "".join(symbol.along)) for symbol in terms),
        text,
        name,
        coefficients,
        evolution.parameters,
        timed,
    )


# --- the linear part and the products -----------------------------------------------------


def _split_linear(rate: Expression) -> tuple[dict[Symbol, Expression], dict[Word, Expression]]:
    """Coefficients of the linear part, and the rest as {word: expression}, flat."""
    linear: dict[Symbol, Expression] = {}
    rest: dict[Word, Expression] = {}
    for monomial, number in rate.terms.items():
        constant, other = split_constant(monomial)
        factor = Expression({constant: number})
        symbol, flux = linear_symbol(other), _single_flux(other)
        if symbol is not None:
            linear[symbol] = linear.get(symbol, Expression({})) + factor
            continue
        word = flux.along if flux else ()
        inside = flux.argument if flux else Expression({other: 1.0})
        rest[word] = rest.get(word, Expression({})) + factor * pointwise(inside)
    return linear, rest


def _single_flux(monomial: Monomial) -> Flux | None:
    if len(monomial) == 1 and monomial[0][1] == 1 and isinstance(monomial[0][0], Flux):
        return monomial[0][0]
    return None


def _integrated(rest: dict[Word, Expression], space: Sequence[str]) -> dict[Word, Expression]:
    """The same with products that are derivatives written out, written as derivatives."""
    result: dict[Word, Expression] = {}
    for word, flat in rest.items():
        for monomial, number in antiderivatives(flat, space).terms.items():
            flux = _single_flux(monomial)
            more = tuple(sorted((*word, *(flux.along if flux else ()))))
            part = flux.argument * number if flux else Expression({monomial: number})
            result[more] = result.get(more, Expression({})) + part
    return result


Outer = tuple[tuple[int, Word, float], ...]


def _products(rows: Sequence[dict[Word, Expression]]) -> tuple[list[Expression], list[Outer]]:
    """The different products among all equations, and where each of them goes."""
    products: list[Expression] = []
    outer: list[Outer] = []
    for row in rows:
        entries = []
        for word, whole in row.items():
            if not whole.terms:
                continue
            index, number = _find(products, whole)
            if index == len(products):
                products.append(whole)
            entries.append((index, word, number))
        outer.append(tuple(entries))
    return products, outer


def _find(products: Sequence[Expression], whole: Expression) -> tuple[int, float]:
    """Which product `whole` is a number times of; a new one if none."""
    for index, known in enumerate(products):
        if known.terms.keys() == whole.terms.keys():
            ratios = [whole.terms[monomial] / known.terms[monomial] for monomial in whole.terms]
            if max(ratios) - min(ratios) <= 1e-14 * abs(ratios[0]):
                return index, ratios[0]
    return len(products), 1.0


def _transforms(found: tuple[list[Expression], list[Outer]]) -> int:
    products, _ = found
    return len(products) + len({s for g in products for s in g.symbols if s.kind == "unknown"})


# --- arguments and degree -----------------------------------------------------------------


def _unknowns(parts: Sequence[Expression], evolution: Evolution) -> list[Symbol]:
    """Those that occur, unknown by unknown and the undifferentiated first."""
    found = {s for part in parts for s in part.symbols if s.kind == "unknown"}
    order = {name: i for i, name in enumerate(evolution.unknowns)}
    return sorted(found, key=lambda s: (order[s.name], len(s.along), s.along))


def _timed(parts: Sequence[Expression]) -> bool:
    return any(s.kind == "coordinate" and s.name == "t" for part in parts for s in part.symbols)


def _degree(parts: Sequence[Expression]) -> int | None:
    degree = 0
    for part in parts:
        for monomial in part.terms:
            factors = 0
            for atom, exponent in monomial:
                if all(s.kind in ("parameter", "coordinate") for s in atom.symbols):
                    continue
                if not isinstance(atom, Symbol) or exponent < 0:
                    return None
                factors += exponent
            degree = max(degree, factors)
    return degree


def _text(
    name: str,
    unknowns: Sequence[Symbol],
    coefficients: Sequence[Given],
    parameters: Sequence[str],
    timed: bool,
    results: Sequence[Expression],
) -> str:
    arguments = [
        *unknowns,
        *(Symbol("field", given.name) for given in coefficients),
        *(Symbol("parameter", parameter) for parameter in parameters),
        *([Symbol("coordinate", "t")] if timed else []),
    ]
    return function_text(name, arguments, results)


# --- laplacians ---------------------------------------------------------------------------


def _laplacians(space: Sequence[str]) -> list[tuple[str, dict[Word, float]]]:
    """Names of stencils, and the derivatives that they are sums of."""
    if len(space) < 2:
        return []
    pairs = itertools.product(space, repeat=2)
    double: dict[Word, float] = {}
    for one, two in pairs:
        word = tuple(sorted((one, one, two, two)))
        double[word] = double.get(word, 0.0) + 1.0
    return [("bilaplacian", double), ("laplacian", {(name, name): 1.0 for name in space})]


def _gathered(
    rates: list[Expression], unknown: str, word: str, parts: dict[Word, float]
) -> list[Expression]:
    """The derivatives of an unknown replaced by their sum, where they only enter as that."""
    symbols = {Symbol("unknown", unknown, along): n for along, n in parts.items()}
    gathered = []
    for rate in rates:
        factors: dict[Symbol, Expression] = dict.fromkeys(symbols, Expression({}))
        rest: dict[Monomial, float] = {}
        for monomial, number in rate.terms.items():
            here = [(a, n) for a, n in monomial if not symbols.keys().isdisjoint(a.symbols)]
            if not here:
                rest[monomial] = number
                continue
            atom, exponent = here[0]
            if len(here) > 1 or exponent != 1 or not isinstance(atom, Symbol):
                return rates
            other = product(monomial, ((atom, -1),))
            factors[atom] = factors[atom] + Expression({other: number / symbols[atom]})
        first = next(iter(factors.values()))
        if any(factor != first for factor in factors.values()):
            return rates
        gathered.append(Expression(rest) + first * expression(Symbol("unknown", unknown, (word,))))
    return gathered
