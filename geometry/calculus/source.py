"""Python text of expressions: a function of numbers, which can be compiled."""

from __future__ import annotations

import keyword
from collections.abc import Sequence

from .algebra import Atom, Call, Expression, Monomial, Power, Symbol
from .tracing import split_constant


def function_text(name: str, arguments: Sequence[Symbol], results: Sequence[Expression]) -> str:
    """Text of a function of the arguments, which returns a number, or a tuple of several.

    It uses arithmetic and functions of NumPy (as `np`) alone, so that it takes arrays as well.
    Literals are floats.

    >>> u = Symbol("unknown", "u")
    >>> print(function_text("decay", [u], [Expression({((u, 2),): -2.0})]))
    def decay(u):
        return -2.0 * u * u
    <BLANKLINE>
    """
    writer = _Writer(arguments)
    values = [writer.sum(result) for result in results]
    named = ", ".join(writer.names.values())
    lines = [f"def {name}({named}):", *writer.lines, f"    return {', '.join(values)}", ""]
    return "\n".join(lines)


class _Writer:
    """Names of arguments, and lines for functions that are used once or more."""

    def __init__(self, arguments: Sequence[Symbol]) -> None:
        self.names: dict[Symbol, str] = {}
        self.lines: list[str] = []
        self._known: dict[Atom, str] = {}
        for symbol in arguments:
            plain = "_".join((symbol.name, "".join(symbol.along))).rstrip("_")
            self.names[symbol] = self._free(plain)

    def _free(self, name: str) -> str:
        name = name if name.isidentifier() else "argument"
        taken = {*self.names.values(), *self._known.values(), "np"}
        while name in taken or keyword.iskeyword(name):
            name += "_"
        return name

    def sum(self, whole: Expression) -> str:
        """Products with the same factors but parameters are taken together."""
        groups: dict[Monomial, dict[Monomial, float]] = {}
        for monomial, number in whole.terms.items():
            constant, rest = split_constant(monomial)
            groups.setdefault(rest, {})[constant] = number
        parts = [self._group(rest, factors) for rest, factors in groups.items()]
        return _joined(parts) if parts else "0.0"

    def _group(self, rest: Monomial, factors: dict[Monomial, float]) -> str:
        if len(factors) == 1:
            ((constant, number),) = factors.items()
            return self._product((*constant, *rest), number)
        inside = _joined([self._product(constant, n) for constant, n in factors.items()])
        return self._product(rest, 1.0, f"({inside})") if rest else inside

    def _product(self, monomial: Monomial, number: float, first: str = "") -> str:
        above = [first] if first else []
        below: list[str] = []
        for atom, exponent in monomial:
            (above if exponent > 0 else below).extend([self._atom(atom)] * abs(exponent))
        sign = "-" if number < 0 else ""
        if abs(number) != 1 or not above:
            above.insert(0, repr(abs(number)))
        text = sign + " * ".join(above)
        return f"{text} / ({' * '.join(below)})" if below else text

    def _atom(self, atom: Atom) -> str:
        if isinstance(atom, Symbol):
            return self.names[atom]
        if atom not in self._known:
            inside = self.sum(atom.argument)
            text = f"np.{atom.name}({inside})" if isinstance(atom, Call) else _power(atom, inside)
            name = self._known[atom] = self._free(f"e{len(self._known)}")
            self.lines.append(f"    {name} = {text}")
        return self._known[atom]


def _power(atom: Atom, inside: str) -> str:
    exponent = atom.exponent if isinstance(atom, Power) else 1.0
    if exponent == -1:
        return f"1.0 / ({inside})"
    return f"({inside}) ** {exponent!r}"


def _joined(parts: Sequence[str]) -> str:
    text = parts[0]
    for part in parts[1:]:
        text += f" - {part[1:]}" if part.startswith("-") else f" + {part}"
    return text
