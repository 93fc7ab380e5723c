"""Coefficients of a right-hand side: what depends on space alone, worked out beforehand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .algebra import Atom, Call, Expression, Monomial, Power, Symbol, expression, total


@dataclass(frozen=True)
class Given:
    """A coefficient: a name, and its expression in given fields and space coordinates.

    It depends on no parameter, so that it is worked out once and shared by all samples that
    share their fields; `algebra.evaluate` does so.
    """

    name: str
    value: Expression


def with_coefficients(
    parts: Sequence[Expression],
) -> tuple[list[Expression], tuple[Given, ...]]:
    """The parts with all factors that depend on space alone behind names, and these."""
    symbols = frozenset[Symbol]().union(*(part.symbols for part in parts))
    found = _Coefficients({symbol.name for symbol in symbols if symbol.kind != "coordinate"})
    results = [found.replaced(part) for part in parts]
    return results, tuple(Given(symbol.name, value) for value, symbol in found.known.items())


def split_source(whole: Expression) -> tuple[Expression, Expression]:
    """The terms that depend on space alone, and the others."""
    terms = whole.terms.items()
    inside = {m: c for m, c in terms if m and all(_in_space_alone(atom) for atom, _ in m)}
    return Expression(inside), Expression({m: c for m, c in terms if m not in inside})


def source_coefficients(
    sources: Mapping[str, Expression], taken: set[str], coefficients: Sequence[Given]
) -> dict[str, Given]:
    """Each with a name that is neither taken nor that of a coefficient."""
    result = {}
    taken = taken | {given.name for given in coefficients}
    for unknown, value in sources.items():
        field = _field(value)
        plain = field.name if field and field.kind == "field" and not field.along else "source"
        name = next(n for n in _numbered(plain) if n not in taken)
        taken.add(name)
        result[unknown] = Given(name, value)
    return result


class _Coefficients:
    def __init__(self, taken: set[str]) -> None:
        self.known: dict[Expression, Symbol] = {}
        self._taken = taken

    def replaced(self, whole: Expression) -> Expression:
        """Terms that have everything but their factors in space in common become one."""
        groups: dict[Monomial, Expression] = {}
        rest = []
        for monomial, number in whole.terms.items():
            space = tuple(pair for pair in monomial if _in_space_alone(pair[0]))
            other = tuple(pair for pair in monomial if pair not in space)
            if space:
                value = Expression({space: number})
                groups[other] = groups.get(other, Expression({})) + value
            else:
                rest.append(number * self._inside(other))
        for other, value in groups.items():
            number = next(iter(value.terms.values())) if len(value.terms) == 1 else 1.0
            rest.append(number * expression(self._named(value / number)) * self._inside(other))
        return total(rest)

    def _inside(self, monomial: Monomial) -> Expression:
        """Coefficients inside functions."""
        result = expression(1.0)
        for atom, exponent in monomial:
            one = expression(atom)
            if isinstance(atom, Call):
                one = self.replaced(atom.argument).calculus_function(atom.name)
            elif isinstance(atom, Power):
                one = self.replaced(atom.argument) ** atom.exponent
            result = result * one**exponent
        return result

    def _named(self, value: Expression) -> Symbol:
        if value in self.known:
            return self.known[value]
        field = _field(value)
        if field and field.kind == "field" and not field.along:
            name = field.name
        else:
            plain = "_".join((field.name, *field.along)) if field else "given"
            name = next(n for n in _numbered(plain) if n not in self._taken)
            self._taken.add(name)
        self.known[value] = Symbol("field", name)
        return self.known[value]


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{i}" for i in itertools.count(1))


def _field(value: Expression) -> Symbol | None:
    """The field that the expression is, or None."""
    ((monomial, number), *more) = value.terms.items()
    if more or number != 1 or len(monomial) != 1 or monomial[0][1] != 1:
        return None
    atom = monomial[0][0]
    return atom if isinstance(atom, Symbol) else None


def _in_space_alone(atom: Atom) -> bool:
    kinds = {(s.kind, s.name) for s in atom.symbols}
    if any(kind in ("unknown", "parameter") or name == "t" for kind, name in kinds):
        return False
    return bool(kinds)
