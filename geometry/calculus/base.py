"""What every reading of a residual offers: `d(expression, "xx")` and what is built on it.

A residual never knows which reading it meets. A new reading (Taylor mode, randomised jets)
is a subclass with `derivative`; it may override `sum` where it draws directions instead of
looping over them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import InputError


def check_coordinates(names: Sequence[str]) -> tuple[str, ...]:
    """Refuse coordinate sets that cannot be spelled: one name made of others.

    Raises InputError; returns the names as a tuple.
    """
    names = tuple(names)
    if len(set(names)) != len(names) or not all(names):
        raise InputError(f"expected different coordinate names, got {names}")
    letters = {name for name in names if len(name) == 1}
    for name in names:
        if len(name) > 1 and set(name) <= letters:
            raise InputError(
                f"the coordinate '{name}' can be read as derivatives along {sorted(set(name))};"
                " rename it"
            )
    return names


def spell(spelling: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Read a derivative's spelling: an exact coordinate name wins, otherwise letter by letter.

    >>> spell("xxt", ("t", "x"))
    ('x', 'x', 't')
    >>> spell("x1", ("t", "x1"))
    ('x1',)
    """
    if spelling in names:
        return (spelling,)
    unknown = [letter for letter in spelling if letter not in names]
    if unknown or not spelling:
        raise InputError(f"expected a derivative along {names}, got '{spelling}'")
    return tuple(spelling)


class Calculus(ABC):
    """One way to differentiate; its instance is the `d` that a residual is handed.

    coordinates: names of all independent variables; time, where there is one, is `t`.
    """

    def __init__(self, coordinates: Sequence[str]) -> None:
        self.coordinates = check_coordinates(coordinates)
        self.space = tuple(name for name in self.coordinates if name != "t")

    @abstractmethod
    def derivative(self, expression: Any, along: tuple[str, ...]) -> Any:
        """Differentiate once along each name in turn."""

    def __call__(self, expression: Any, spelling: str, *more: str) -> Any:
        """`d(u, "xx")`, or name by name: `d(u, "x1", "x1")`. Expressions are welcome as u."""
        along = spell(spelling, self.coordinates)
        for name in more:
            along += spell(name, self.coordinates)
        return self.derivative(expression, along)

    def sum(self, term: Callable[[str], Any]) -> Any:
        """Sum `term(i)` over the space coordinates."""
        first, *rest = self.space
        total = term(first)
        for name in rest:
            total = total + term(name)
        return total

    def gradient(self, u: Any) -> tuple[Any, ...]:
        """One derivative a space coordinate."""
        return tuple(self.derivative(u, (name,)) for name in self.space)

    def divergence(self, components: Sequence[Any]) -> Any:
        """Divergence of one component a space coordinate. Raises InputError on a wrong count."""
        if len(components) != len(self.space):
            raise InputError(f"expected {len(self.space)} components, got {len(components)}")
        parts = dict(zip(self.space, components, strict=True))
        return self.sum(lambda name: self.derivative(parts[name], (name,)))

    def laplacian(self, u: Any) -> Any:
        """Sum of the second derivatives in space."""
        return self.sum(lambda name: self.derivative(u, (name, name)))

    def diffusion(self, a: Any, u: Any) -> Any:
        """div(a grad u); grids read it with fluxes at half points."""
        return self.sum(lambda name: self.derivative(a * self.derivative(u, (name,)), (name,)))
