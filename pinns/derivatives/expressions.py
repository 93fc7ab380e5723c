"""A residual on a table of given partial derivatives: which ones it needs, and its values.

`required` runs it with recording leaves, `evaluate` on numbers; both read `d` of expressions by
the rules of calculus. How the table came about is not their business: Taylor mode through a
network, a compiled kernel, or a basis whose derivatives are known in closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...geometry.calculus.base import Calculus
from ...geometry.errors import InputError
from ..fields import Named
from . import elementary, operations, shapes  # the rules of jets  # noqa: F401
from .jets import Coefficient, Index, Jet, closure, factorial, plain, plus

Function = Callable[[Any, Calculus, Mapping[str, Any]], Any]
"""`function(u, d, x)`: unknowns, calculus, coordinates by name. u is one (n,) or a tuple."""
Partials = Mapping[Index, Tensor]
"""d^a of one unknown, (n,), by multi-index a over the coordinates, downward closed."""


class JetCalculus(Calculus):
    """Derivatives of jets, by their coefficients."""

    def derivative(self, expression: Any, along: tuple[str, ...]) -> Any:
        if isinstance(expression, Jet):
            return expression.derivative(tuple(map(along.count, self.coordinates)))
        if isinstance(expression, Tensor) and expression.numel() > 1:
            raise InputError(
                f"expected a function of '{along[0]}' to differentiate, got values at points;"
                " compute the field from the coordinates"
            )
        return 0.0


class AskedCalculus(JetCalculus):
    """The same, which finds out whether derivatives are taken of unknowns alone.

    leaves: the unknowns; derivatives of them join them.
    """

    def __init__(self, coordinates: Sequence[str], leaves: Sequence[Jet]) -> None:
        super().__init__(coordinates)
        self.leaves, self.expressions = {id(u): u for u in leaves}, False

    def derivative(self, expression: Any, along: tuple[str, ...]) -> Any:
        result = super().derivative(expression, along)
        if id(expression) in self.leaves:
            self.leaves[id(result)] = result
        else:
            self.expressions = True
        return result


class TableCalculus(Calculus):
    """Derivatives of unknowns, looked up: what needs no others can be given plain tensors."""

    def __init__(self, coordinates: Sequence[str], jets: Mapping[str, Partials]) -> None:
        self.coordinates = tuple(coordinates)  # the reading has checked them
        self.space = tuple(name for name in coordinates if name != "t")
        self.places = {
            id(values): (partials, index)
            for partials in jets.values()
            for index, values in partials.items()
        }

    def derivative(self, expression: Any, along: tuple[str, ...]) -> Any:
        partials, index = self.places[id(expression)]
        return partials[plus(index, tuple(map(along.count, self.coordinates)))]


def coordinate(values: Tensor, axis: int, dimension: int) -> Jet:
    """A coordinate as a function of the coordinates."""
    unit = tuple(int(i == axis) for i in range(dimension))

    def rule(index: Index) -> Coefficient:
        return torch.ones_like(values) if index == unit else None

    return Jet(values, rule, (), strict=True)


def coordinate_jets(x: Mapping[str, Tensor]) -> Named:
    values = list(x.values())
    points = x.points if isinstance(x, Named) else torch.stack(values, dim=1)
    return Named(points, tuple(x), [coordinate(v, i, len(x)) for i, v in enumerate(values)])


def unknown(partials: Partials) -> Jet:
    """An unknown whose derivatives are given. A missing one is a KeyError when it is needed."""
    zero = (0,) * len(next(iter(partials)))

    def rule(index: Index) -> Coefficient:
        scale = factorial(index)
        return partials[index] if scale == 1 else partials[index] / scale

    return Jet(partials[zero], rule, (), strict=True)


def required(
    function: Function,
    coordinates: Sequence[str],
    unknowns: Sequence[str] = ("u",),
    x: Mapping[str, Tensor] | None = None,
) -> dict[str, tuple[Index, ...]]:
    """Which derivatives of each unknown a function asks for: downward closed, by order.

    x: coordinates by name, (n,) each, where the function works for these n points alone.

    >>> required(lambda u, d, x: d(u * d(u, "x"), "x") - d(u, "t"), ("t", "x"))
    {'u': ((0, 0), (0, 1), (1, 0), (0, 2))}
    """
    return examine(function, coordinates, unknowns, x)[0]


def examine(
    function: Function,
    coordinates: Sequence[str],
    unknowns: Sequence[str] = ("u",),
    x: Mapping[str, Tensor] | None = None,
) -> tuple[dict[str, tuple[Index, ...]], bool]:
    """The same, and whether the function takes derivatives of expressions, too."""
    if x is None:
        x = {name: torch.tensor([0.25, 0.5], dtype=torch.float64) for name in coordinates}
    like = next(iter(x.values()))
    asked: dict[str, set[Index]] = {name: {(0,) * len(x)} for name in unknowns}

    def recording(name: str) -> Jet:
        def rule(index: Index) -> Coefficient:
            asked[name].add(index)
            return torch.ones_like(like)

        return Jet(torch.full_like(like, 0.75), rule, (), strict=True)

    u = tuple(recording(name) for name in unknowns)
    calculus = AskedCalculus(coordinates, u)
    with torch.no_grad():
        function(u[0] if len(u) == 1 else u, calculus, coordinate_jets(x))
    return {name: closure(indices) for name, indices in asked.items()}, calculus.expressions


def evaluate(function: Function, jets: Mapping[str, Partials], x: Mapping[str, Tensor]) -> Any:
    """The function's result (tensors, also in tuples) from the derivatives of the unknowns.

    jets: of each unknown, in the order in which the function takes them; x: coordinates by
    name, (n,) each, in the order of the multi-indices.

    >>> one = torch.ones(3)
    >>> jets = {"u": {(0,): 2 * one, (1,): 3 * one, (2,): 5 * one}}
    >>> evaluate(lambda u, d, x: d(x["x"] * d(u, "x"), "x"), jets, {"x": one})
    tensor([8., 8., 8.])
    """
    u = tuple(unknown(partials) for partials in jets.values())
    return plain(function(u[0] if len(u) == 1 else u, JetCalculus(tuple(x)), coordinate_jets(x)))


def look_up(function: Function, jets: Mapping[str, Partials], x: Mapping[str, Tensor]) -> Any:
    """`evaluate` for a function without derivatives of expressions, in a fraction of the time."""
    calculus = TableCalculus(tuple(x), jets)
    if len(calculus.places) < sum(map(len, jets.values())):  # one tensor that is two of them
        return evaluate(function, jets, x)
    u = tuple(partials[(0,) * len(x)] for partials in jets.values())
    return function(u[0] if len(u) == 1 else u, calculus, x)
