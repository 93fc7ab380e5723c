"""What should vanish where: the equation and its conditions, with the basis at their points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..conditions import Condition, Periodic
from ..derivatives.expressions import Function, required
from ..fields import Points
from ..statement import Statement
from .basis import Basis, Index
from .patches import TENSOR, Patches, along, reference_points

CONDITION = 30.0
"""How much a row of a condition counts beside one of the equation. All vanish in the solution, so
that this decides little; without it the few rows would drown in the many."""


@dataclass
class Group:
    """Points of one patch among the rows of a term: rows `rows`, basis functions by index."""

    patch: int
    rows: slice
    basis: Mapping[Index, Tensor]


@dataclass
class Term:
    """A function of the unknowns that vanishes at points, with what it needs there.

    patch: of each point (n,); groups: the points patch by patch.
    """

    name: str
    function: Function
    x: Points
    needs: dict[str, tuple[Index, ...]]
    patch: Tensor
    groups: list[Group]
    weight: float


class Collocation:
    """Where a statement is asked for in patches: at about `count` points of each.

    cells: those of the reference patch, (n, d); face: how many one of its faces needs.
    """

    def __init__(self, statement: Statement, basis: Basis, patches: Patches, count: int) -> None:
        self.statement, self.basis, self.patches = statement, basis, patches
        dimension = len(statement.coordinates)
        self.cells = reference_points(count, dimension)
        self.face = along(count, dimension) ** (dimension - 1)
        if dimension > TENSOR:
            self.face = math.ceil(count / dimension)

    def equation(self) -> Term:
        """The equation at the cells of all patches, as far as they lie in the domain."""
        points = self.patches.points(self.cells)
        low, high = torch.tensor(self.statement.extent, dtype=torch.float64).T
        inside = self.statement.inside(((points - low) / (high - low)).flatten(0, 1))
        inside = inside.view(points.shape[:2])
        x = self.statement.named(points[inside])
        function = self.statement.equation
        needs = required(function, self.statement.coordinates, self.statement.unknowns, x)
        indices = {index for some in needs.values() for index in some}
        whole = self.basis(self.cells, indices)  # the same in all patches that the domain fills
        groups, start = [], 0
        for number, kept in enumerate(inside):
            count = int(kept.sum())
            if count:
                part = whole if count == len(kept) else {a: v[kept] for a, v in whole.items()}
                groups.append(Group(number, slice(start, start + count), part))
                start += count
        patch = torch.arange(len(inside))[:, None].expand(inside.shape)[inside]
        return Term("equation", function, x, needs, patch, groups, 1.0)

    def conditions(self) -> Iterator[Term]:
        """All conditions, soft and hard; that a solution goes on periodically joins patches."""
        for condition in self.statement.conditions:
            if not isinstance(condition, Periodic):
                rows = condition.rows(self.statement, self._unit(condition))
                yield self._condition(condition, rows.to(torch.float64))

    def _unit(self, condition: Condition) -> Tensor:
        """Points of the unit cube, as many for each patch as one of its faces needs."""
        low, high = torch.tensor(self.statement.extent, dtype=torch.float64).T
        dimension = len(self.statement.coordinates)
        if condition.kind == "initial":
            first = torch.from_numpy(self.patches.places[:, 0] == 0)
            local = torch.zeros(1, 1, dtype=torch.float64)
            if dimension > 1:
                across = reference_points(self.face, dimension - 1)
                local = torch.cat([local.expand(len(across), 1), across], dim=1)
            points = self.patches.points(local)[first].flatten(0, 1)
            return (points - low) / (high - low)
        faces = 2 * sum(self.patches.count // n for n in self.patches.shape)
        count = 2 * faces * self.face
        engine = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=0)
        return engine.draw(count, dtype=torch.float64)

    def _condition(self, condition: Condition, rows: Tensor) -> Term:
        coordinates = len(self.statement.coordinates)
        numbers, local = self.patches.locate(rows[:, :coordinates])
        order = torch.argsort(numbers, stable=True)
        rows, numbers, local = rows[order], numbers[order], local[order]

        def misfit(u: Any, d: Any, x: Any) -> Any:
            return condition.misfit(u, d, x, rows)

        x = self.statement.named(rows[:, :coordinates])
        needs = required(misfit, self.statement.coordinates, self.statement.unknowns, x)
        indices = {index for some in needs.values() for index in some}
        groups, start = [], 0
        for patch, count in zip(
            *torch.unique_consecutive(numbers, return_counts=True), strict=True
        ):
            own = slice(start, start + int(count))
            groups.append(Group(int(patch), own, self.basis(local[own], indices)))
            start += int(count)
        return Term(condition.name, misfit, x, needs, numbers, groups, CONDITION)
