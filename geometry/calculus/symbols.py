"""The symbolic reading: LaTeX of an equation, and the source that makes a chosen u exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter, translate

from ..errors import InputError
from .base import Calculus


class Equation(Protocol):
    """What this reading needs of a problem: its coordinates and its residual."""

    @property
    def coordinates(self) -> tuple[str, ...]: ...

    def residual(self, u: Any, d: Any, x: Any, p: Any) -> Any: ...


class SymbolicCalculus(Calculus):
    """Derivatives of SymPy expressions.

    >>> d = SymbolicCalculus(("t", "x"))
    >>> t, x = d.symbols.values()
    >>> d(x**2 * t, "xx")
    2*t
    """

    def __init__(self, coordinates: Sequence[str], evaluate: bool = True) -> None:
        super().__init__(coordinates)
        self.symbols = {name: sp.Symbol(name, real=True) for name in self.coordinates}
        self.evaluate = evaluate

    def derivative(self, expression: Any, along: tuple[str, ...]) -> sp.Expr:
        variables = [self.symbols[name] for name in along]
        return sp.Derivative(sp.sympify(expression), *variables, evaluate=self.evaluate)

    def laplacian(self, u: Any) -> sp.Expr:
        """To be printed, that of an expression stays one sign: written out it is read by nobody."""
        if self.evaluate or isinstance(u, AppliedUndef) or len(self.space) == 1:
            return super().laplacian(u)
        return _Laplacian(u)


@dataclass(frozen=True)
class Manufactured:
    """A chosen exact solution and the source that makes it one.

    exact, source: SymPy expressions; `exact_at(**coordinates)` and `source_at(**coordinates)`
    evaluate them on NumPy arrays.
    """

    exact: sp.Expr
    source: sp.Expr
    symbols: tuple[sp.Symbol, ...]

    def _function(self, expression: sp.Expr) -> Callable[..., np.ndarray]:
        compiled = sp.lambdify(self.symbols, expression, "numpy")

        def evaluate(**coordinates: np.ndarray) -> np.ndarray:
            arrays = [np.asarray(coordinates[s.name], dtype=float) for s in self.symbols]
            # A constant expression comes back as a number: give it the shape asked for.
            return np.broadcast_to(compiled(*arrays), np.broadcast_shapes(*map(np.shape, arrays)))

        return evaluate

    @property
    def exact_at(self) -> Callable[..., np.ndarray]:
        return self._function(self.exact)

    @property
    def source_at(self) -> Callable[..., np.ndarray]:
        return self._function(self.source)


def manufactured_source(
    problem: Equation,
    exact: Callable[..., sp.Expr],
    parameters: Mapping[str, Any] | None = None,
    source: str | None = None,
) -> Manufactured:
    """Source term that makes `exact` solve the problem (method of manufactured solutions).

    exact, and any callable among the parameters, take the coordinates as SymPy symbols in the
    problem's order. `source` names the parameter that is the right-hand side; without it the
    residual g of `exact` is returned, so that `residual(u) = g`. Note that a manufactured source
    follows a sign error in the residual: a problem needs one independent check beside it.

    Raises InputError where the residual is not affine in the named source.
    """
    d = SymbolicCalculus(problem.coordinates)
    symbols = tuple(d.symbols.values())
    values = {
        name: value(*symbols) if callable(value) else sp.sympify(value)
        for name, value in (parameters or {}).items()
    }
    solution = sp.sympify(exact(*symbols))
    unknown = sp.Symbol("_source")
    if source is not None:
        values[source] = unknown
    residual = sp.sympify(
        problem.residual(solution, d, d.symbols, SimpleNamespace(**values))
    ).doit()
    if source is None:
        return Manufactured(solution, residual, symbols)
    slope = sp.simplify(sp.diff(residual, unknown))
    if slope == 0 or slope.has(unknown):
        raise InputError(f"the source '{source}' must enter the residual affinely, got {residual}")
    return Manufactured(solution, -residual.subs(unknown, 0) / slope, symbols)


def latex(
    problem: Equation,
    unknowns: Sequence[str] = ("u",),
    fields: Sequence[str] = (),
    scalars: Sequence[str] = (),
) -> str:
    """The equation `residual = 0` in LaTeX, derivatives unevaluated.

    unknowns, fields (functions of space) and scalars: the names that the residual uses.
    """
    d = SymbolicCalculus(problem.coordinates, evaluate=False)
    space = [d.symbols[name] for name in d.space]
    functions = [sp.Function(name)(*d.symbols.values()) for name in unknowns]
    values: dict[str, sp.Expr] = {name: sp.Function(name)(*space) for name in fields}
    values |= {name: sp.Symbol(_GREEK.get(name, name)) for name in scalars}
    unknown = functions[0] if len(functions) == 1 else tuple(functions)
    residual = problem.residual(unknown, d, d.symbols, SimpleNamespace(**values))
    rows = residual if isinstance(residual, tuple) else (residual,)
    printer = _Printer({"order": "none"})
    return r" \\ ".join(f"{printer.doprint(row)} = 0" for row in rows)


_GREEK = {
    "viscosity": "nu", "diffusivity": "kappa", "wavenumber": "k",
    "volatility": "sigma", "rate": "r", "dividend": "q",
}  # fmt: skip


class _Laplacian(sp.Function):
    """Of an expression, unevaluated."""


class _Printer(LatexPrinter):
    """u for u(t, x), u_{xx} for its derivatives: what is the same everywhere hides the equation."""

    def _print__Laplacian(self, expr: _Laplacian) -> str:
        return r"\Delta \left(" + self._print(expr.args[0]) + r"\right)"

    def _print_Float(self, expr: sp.Float) -> str:
        value = float(expr)
        turns = value / np.pi
        if turns and abs(turns - round(turns)) < 1e-12:
            return rf"{round(turns)} \pi" if round(turns) != 1 else r"\pi"
        return f"{value:g}" if 1e-3 <= abs(value) < 1e6 else super()._print_Float(expr)

    def _print_Function(self, expr: sp.Function, exp: str | None = None) -> str:
        if not isinstance(expr, AppliedUndef):
            return super()._print_Function(expr, exp)
        name = self._name(expr)
        return name if exp is None else f"{name}^{{{exp}}}"

    def _name(self, expr: sp.Function, along: str = "") -> str:
        """psi is a letter, the 1 of psi1 an index, and so are the coordinates of derivatives."""
        name = expr.func.__name__
        letters = name.rstrip("0123456789")
        index = ",".join(part for part in (name[len(letters) :], along) if part)
        return translate(letters) + (f"_{{{index}}}" if index else "")

    def _as_ordered_terms(self, expr: sp.Expr, order: str | None = None) -> list[sp.Expr]:
        # Rates first, then the other derivatives, then the rest, as equations are written.
        return sorted(expr.args, key=lambda term: (*_rank(term), str(term)))

    def _print_Mul(self, expr: sp.Mul) -> str:
        factors = sorted(expr.args, key=lambda factor: (factor.has(sp.Derivative), str(factor)))
        numbers = [f for f in factors if f.is_number]
        rest = [f for f in factors if not f.is_number]
        return super()._print_Mul(sp.Mul(*numbers, *rest, evaluate=False))

    def _print_Derivative(self, expr: sp.Derivative) -> str:
        along = "".join(self._print(variable) for variable in expr.variables)
        if isinstance(expr.expr, AppliedUndef):
            return self._name(expr.expr, along)
        operator = r"\partial_{" + along + "}"
        return operator + r" \left(" + self._print(expr.expr) + r"\right)"


def _rank(term: sp.Expr) -> tuple[int, int]:
    """Rates (0) before other derivatives (1) before the rest (2); then by the highest order."""
    derivatives = term.atoms(sp.Derivative)
    if not derivatives:
        return 2, 0
    rate = any(v.name == "t" for derivative in derivatives for v in derivative.variables)
    return (0 if rate else 1), max(len(derivative.variables) for derivative in derivatives)
