"""Randomised Taylor mode for operators in very many dimensions.

A sum over all d space coordinates, such as a Laplacian, is replaced by d / B times the sum over B
of them, drawn without replacement: an unbiased estimate whose cost does not know d but for the
first layer (stochastic Taylor derivative estimator: Shi, Hu, Lin & Kawaguchi 2024). Directions
go through the network together, as Taylor series in one variable; where these are long, some at a
time, and each group again when its gradient is asked for, so that memory does not grow with the
order.

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
from torch.utils.checkpoint import checkpoint

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
    With as many directions as coordinates there is no estimate. at_once: so many
    directions times the square of the order are in memory together.

    In a residual `x[i]` is the coordinate of a term, and `x.points` are all of them (n, d).
    """

    def __init__(
        self,
        field: Field,
        coordinates: Sequence[str],
        unknowns: Sequence[str] = ("u",),
        directions: int = 16,
        seed: int = 0,
        at_once: int = 128,
    ) -> None:
        super().__init__(field, coordinates, unknowns)
        self.at_once = at_once
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
        return {"generator": generator, "draws": torch.stack(self.draws)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.generator.bit_generator.state = copy.deepcopy(state["generator"])
        self.draws = tuple(state["draws"].unbind())

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
        few = points[:2]
        with torch.no_grad():
            # First which coordinates are named, then which derivatives are taken along them.
            for recording in (found, None):
                exact = () if recording is not None else tuple(found)
                asked = {name: {(0,) * (len(exact) + 1)} for name in self.unknowns}
                u = [_recorded(asked[name], few, self.directions) for name in asked]
                self._apply(function, u, few, exact, draws[0], recording)
        needs = closure(index for some in asked.values() for index in some)
        tables = self._tables(points, exact, torch.cat(draws), needs)
        results = []
        for i, drawn in enumerate(draws):
            part = slice(i * self.directions, (i + 1) * self.directions)
            u = [_directions(table, part) for table in tables]
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

    def _tables(
        self, points: Tensor, exact: tuple[str, ...], drawn: Tensor, needs: tuple[Index, ...]
    ) -> list[Table]:
        """Of each unknown, with the axis of directions in front where they matter."""

        def read(some: Tensor) -> list[Table]:
            values = self.field(self._seeded(points, exact, some, needs[1:]))
            parts = self.split(values)
            return [{a: u.at(a) if isinstance(u, Jet) else u for a in needs} for u in parts]

        order = max(1, *(index[-1] for index in needs))
        groups = drawn.split(max(1, self.at_once // order**2))
        if len(groups) == 1:
            return read(drawn)
        found = [checkpoint(read, some, use_reentrant=False) for some in groups]
        return [_joined(each, groups) for each in zip(*found, strict=True)]

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


Table = dict[Index, Coefficient]
"""Coefficients by their index; what depends on the direction has its axis in front."""


def _joined(tables: Sequence[Table], groups: Sequence[Tensor]) -> Table:
    """Those of all groups of directions."""

    def join(index: Index) -> Coefficient:
        each = [table[index] for table in tables]
        if not index[-1] or each[0] is None:
            return each[0]
        rows = zip(each, groups, strict=True)
        return torch.cat([c.expand(len(some), -1) for c, some in rows if c is not None])

    return {index: join(index) for index in tables[0]}


def _directions(table: Table, part: slice) -> Jet:
    """An unknown along some of the directions."""

    def rule(index: Index) -> Coefficient:
        c = table[index]
        return c if c is None or not index[-1] or len(c) == 1 else c[part]

    value = next(iter(table.values()))
    assert value is not None  # only derivatives can be left out
    return Jet(value, rule)


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
