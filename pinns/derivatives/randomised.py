"""Randomised Taylor mode for operators in very many dimensions.

A sum over all d space coordinates, such as a Laplacian, is replaced by d / B times the sum over B
of them, drawn without replacement: an unbiased estimate whose cost does not know d but for the
first layer (stochastic Taylor derivative estimator: Shi, Hu, Lin & Kawaguchi 2024). All B
directions go through the network together, as Taylor series in one variable.

The square of an estimate is too large by its variance; the product of two independent ones is
not: see `Randomised.pair`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...geometry.calculus.base import spell
from ...geometry.errors import InputError
from .columns import Column
from .estimates import Estimate, refuse_slope
from .expressions import Function, JetCalculus
from .jets import Coefficient, Index, Jet, closure, plain
from .readings import Derivatives, Field

SAMPLED = "*"  # the coordinate that a term of a sum is handed


class Randomised(Derivatives):
    """Sums over the space coordinates from `directions` of them.

    `d.sum`, `d.laplacian` and `d.diffusion` are estimates, all on the same coordinates until
    `refresh` draws new ones; time and coordinates that are named are exact. An estimate may be
    added, and multiplied by what is exact; anything else is refused, because it would be biased.
    With as many directions as coordinates there is no estimate.

    In a residual `x[i]` is the coordinate of a term, and `x.points` are all of them (n, d).
    """

    def __init__(
        self,
        field: Field,
        coordinates: Sequence[str],
        unknowns: Sequence[str] = ("u",),
        directions: int = 16,
        seed: int = 0,
    ) -> None:
        super().__init__(field, coordinates, unknowns)
        self.space = np.array([i for i, name in enumerate(self.coordinates) if name != "t"])
        if directions < 1 or not len(self.space):
            raise InputError(
                f"expected directions >= 1 of at least one coordinate in space, got {directions}"
                f" of {len(self.space)}"
            )
        self.directions = min(directions, len(self.space))
        self.generator = np.random.default_rng(seed)
        self.calculus = SampledCalculus(self.coordinates, self.directions)
        self.refresh()

    def refresh(self) -> None:
        """Draw two new sets of coordinates, independent of each other."""
        draws = [self.generator.choice(self.space, self.directions, replace=False) for _ in "12"]
        self.draws = tuple(map(torch.from_numpy, draws))

    def state(self) -> dict[str, Any]:
        """What the coming estimates depend on."""
        generator = copy.deepcopy(self.generator.bit_generator.state)
        return {"generator": generator, "draws": tuple(draw.clone() for draw in self.draws)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.generator.bit_generator.state = copy.deepcopy(state["generator"])
        self.draws = tuple(draw.clone() for draw in state["draws"])

    def __call__(self, points: Tensor, function: Function) -> Any:
        return self._estimates(points, function, self.draws[:1])[0]

    def pair(self, points: Tensor, function: Function) -> tuple[Any, Any]:
        """Two independent estimates; their product has no bias from the sampling."""
        first, second = self._estimates(points, function, self.draws)
        return first, second

    def _estimates(
        self, points: Tensor, function: Function, draws: tuple[Tensor, ...]
    ) -> list[Any]:
        """One for each draw; all go through the network together."""
        self.check(points)
        found: dict[str, None] = {}
        asked: dict[str, set[Index]] = {}
        with torch.no_grad():
            # First which coordinates are named, then which derivatives are taken along them.
            for recording in (found, None):
                exact = () if recording is not None else tuple(found)
                asked = {name: {(0,) * (len(exact) + 1)} for name in self.unknowns}
                u = [_recorded(asked[name], points, self.directions) for name in asked]
                self._apply(function, u, points, exact, draws[0], recording)
        needs = closure(index for some in asked.values() for index in some)
        values = self.field(self._seeded(points, exact, torch.cat(draws), needs[1:]))
        results = []
        for i, drawn in enumerate(draws):
            part = slice(i * self.directions, (i + 1) * self.directions)
            u = [_directions(each, part) for each in self.split(values)]
            results.append(plain(self._apply(function, u, points, exact, drawn)))
        return results

    def _apply(
        self,
        function: Function,
        u: Sequence[Any],
        points: Tensor,
        exact: tuple[str, ...],
        drawn: Tensor,
        recording: dict[str, None] | None = None,
    ) -> Any:
        calculus = copy.copy(self.calculus)
        calculus.names, calculus.recording = (*exact, SAMPLED), recording
        x = SampledPoints(points, self.coordinates, exact, drawn)
        return function(u[0] if len(u) == 1 else tuple(u), calculus, x)

    def _seeded(
        self, points: Tensor, exact: tuple[str, ...], drawn: Tensor, needs: tuple[Index, ...]
    ) -> Any:
        """The points as a jet; without derivatives, as they are."""
        width, dimension = points.shape[1], len(exact) + 1
        ones = points.new_ones(len(drawn), 1)
        first: dict[Index, Any] = {_unit(len(exact), dimension): Column(drawn, ones, width)}
        for i, name in enumerate(exact):
            row = points.new_zeros(1, width)
            row[0, self.coordinates.index(name)] = 1.0
            first[_unit(i, dimension)] = row
        return Jet(points, first.get, needs) if needs else points


def _unit(axis: int, dimension: int) -> Index:
    return tuple(int(i == axis) for i in range(dimension))


def _directions(u: Any, part: slice) -> Any:
    """An unknown along some of the directions."""

    def rule(index: Index) -> Coefficient:
        c = u.at(index)
        return c if c is None or not index[-1] or len(c) == 1 else c[part]

    return Jet(u.value, rule) if isinstance(u, Jet) else u


def _recorded(asked: set[Index], points: Tensor, directions: int) -> Jet:
    """An unknown that takes down which derivatives are asked for."""

    def rule(index: Index) -> Coefficient:
        asked.add(index)
        shape = (directions, len(points)) if index[-1] else (len(points),)
        return points.new_ones(shape)

    return Jet(points.new_full((len(points),), 0.75), rule)


class SampledCalculus(JetCalculus):
    """Derivatives along the coordinates `names`, of which the last stands for those drawn."""

    def __init__(self, coordinates: Sequence[str], directions: int) -> None:
        super().__init__(coordinates)
        self.directions = directions
        self.names: tuple[str, ...] = (SAMPLED,)
        self.recording: dict[str, None] | None = None

    def __call__(self, expression: Any, spelling: str, *more: str) -> Any:
        along: tuple[str, ...] = ()
        for name in (spelling, *more):
            along += (name,) if name == SAMPLED else spell(name, self.coordinates)
        return self.derivative(expression, along)

    def derivative(self, expression: Any, along: tuple[str, ...]) -> Any:
        if self.recording is not None:
            self.recording.update(dict.fromkeys(name for name in along if name != SAMPLED))
            return expression
        if isinstance(expression, Jet):
            return expression.derivative(tuple(map(along.count, self.names)))
        return super().derivative(expression, along)

    def sum(self, term: Callable[[str], Any]) -> Any:
        """An estimate of the sum of `term(i)` over the space coordinates."""
        value = plain(term(SAMPLED))
        if isinstance(value, Tensor) and value.ndim == 2:
            value = value.mean(dim=0)
        total = len(self.space) * value
        if not isinstance(total, Tensor):
            return total
        kind = Estimate if self.directions < len(self.space) else Jet
        return kind(total, refuse_slope)

    def gradient(self, u: Any) -> tuple[Any, ...]:
        raise InputError("expected sums over coordinates, got a whole gradient; write d.sum")

    def divergence(self, components: Sequence[Any]) -> Any:
        raise InputError("expected sums over coordinates, got a divergence; write d.sum")


class SampledPoints(Mapping[str, Any]):
    """The coordinates by name, made when they are asked for. points: (n, coordinates)."""

    def __init__(
        self, points: Tensor, names: tuple[str, ...], exact: tuple[str, ...], drawn: Tensor
    ) -> None:
        self.points, self.names, self.exact, self.drawn = points, names, exact, drawn

    def __getitem__(self, name: str) -> Jet:
        dimension = len(self.exact) + 1
        along = _unit(dimension - 1, dimension)
        if name == SAMPLED:
            values = self.points[:, self.drawn].T
            return Jet(values, {along: torch.ones_like(values)}.get)
        if name not in self.names:
            raise KeyError(name)
        column = self.names.index(name)
        values = self.points[:, column]
        here = (self.drawn == column).to(values)[:, None].expand(-1, len(values))
        slopes: dict[Index, Tensor] = {along: here}
        if name in self.exact:
            slopes[_unit(self.exact.index(name), dimension)] = torch.ones_like(values)
        return Jet(values, slopes.get)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)
