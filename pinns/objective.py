"""The loss of a PINN as a function of one flat parameter vector."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..geometry.calculus.autograd import AutogradCalculus
from ..geometry.errors import InputError
from .conditions import Condition, Periodic
from .constraints import StatedField
from .fields import Points
from .statement import Statement
from .weights import Weighting


@dataclass(frozen=True)
class Term:
    """Mean square of `misfit(points)` over points (n, columns), coordinates first."""

    name: str
    points: Tensor
    misfit: Callable[[Tensor], Tensor]


class Objective:
    """sum_i w_i mean(r_i^2) over its terms, with its gradient.

    field: the module that maps points (n, coordinates) to (n, unknowns). chunk: points that are
    differentiated at once. threads: chunks at a time; their parts are added in the order of the
    points, so the bits are the same whatever the number of threads.
    """

    def __init__(
        self,
        statement: Statement,
        field: StatedField,
        weighting: Weighting,
        chunk: int,
        threads: int = 1,
    ) -> None:
        self.pool = ThreadPoolExecutor(threads)
        self.statement, self.field, self.weighting, self.chunk = statement, field, weighting, chunk
        self.parameters = list(field.parameters())
        self.terms: dict[str, Term] = {}
        self.losses: dict[str, float] = {}

    def put(self, term: Term) -> None:
        """Add the term or replace the one of its name. Raises InputError if it has no points."""
        if not len(term.points):
            raise InputError(f"expected points for the {term.name} term, got an empty set")
        self.terms[term.name] = term

    def put_condition(self, condition: Condition, rows: Tensor) -> None:
        """The term of a condition on its rows."""
        self.put(Term(condition.name, rows, lambda part: self.misfit(condition, part)))

    def read(self, points: Tensor, function: Callable[[Any, Any, Points], Any]) -> Any:
        """`function(u, d, x)` at points (n, coordinates)."""
        columns = [column.clone().requires_grad_(True) for column in points.unbind(dim=1)]
        x = dict(zip(self.statement.coordinates, columns, strict=True))
        u = self.statement.split(self.field(torch.stack(columns, dim=1)))
        return function(u, AutogradCalculus(x), x)

    def misfit(self, condition: Condition, rows: Tensor) -> Tensor:
        """The condition's misfits on rows (n, columns), (n, misfits)."""
        points = rows[:, : len(self.statement.coordinates)]
        found = self.read(points, lambda u, d, x: condition.misfit(u, d, x, rows))
        return torch.stack(found if isinstance(found, tuple) else (found,), dim=1)

    def residual(self, points: Tensor) -> Tensor:
        """The equation's residuals (n, equations) at points (n, coordinates).

        Raises InputError where their shape is not the unknown's.
        """
        found = self.read(points, self.field.equation)
        each = found if isinstance(found, tuple) else (found,)
        for r in each:
            # (n, 1) against (n,) would broadcast to (n, n) without a word.
            if not isinstance(r, Tensor) or r.shape != points.shape[:1]:
                got = tuple(r.shape) if isinstance(r, Tensor) else type(r).__name__
                raise InputError(
                    f"expected a residual of the unknown's shape {tuple(points.shape[:1])}, got "
                    f"{got}; return one value a point"
                )
        return torch.stack(each, dim=1)

    def magnitude(self, points: Tensor) -> Tensor:
        """|residual| (n,) without a graph, chunk by chunk; its length where there are several."""
        parts = self.pool.map(self.residual, points.split(self.chunk))
        return torch.cat([r.detach().square().sum(dim=1).sqrt() for r in parts])

    def check(self, points: Tensor) -> None:
        """Raise InputError where the residual is not finite on the first points."""
        r = self.magnitude(points)
        bad = (~r.isfinite()).nonzero()
        if len(bad):
            where = {n: float(v[0]) for n, v in self.statement.named(points[bad[0]]).items()}
            raise InputError(
                f"expected a finite residual, got {float(r[bad[0]])} at {where}; "
                "check the equation and its inputs there"
            )

    def term(self, name: str) -> tuple[float, Tensor]:
        """Mean square of one term, without its weight, and its gradient (parameters,)."""
        term = self.terms[name]
        size = max(2, self.chunk - self.chunk % 2)  # some conditions have rows in pairs
        parts = list(self.pool.map(lambda p: self._part(term, p), term.points.split(size)))
        gradient = torch.zeros(self.size, dtype=torch.float64)
        for _, slope in parts:
            gradient += slope
        return sum(loss for loss, _ in parts), gradient

    def _part(self, term: Term, points: Tensor) -> tuple[float, Tensor]:
        """What some of the points add to a term."""
        loss = term.misfit(points).square().sum() / len(term.points)
        slopes = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        each = zip(slopes, self.parameters, strict=True)
        flat = [(torch.zeros_like(p) if slope is None else slope).reshape(-1) for slope, p in each]
        return loss.item(), torch.cat(flat)

    @property
    def size(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters)

    def gradients(self) -> dict[str, Tensor]:
        """Each term's own gradient, without its weight."""
        return {name: self.term(name)[1] for name in self.terms}

    def __call__(self, vector: Tensor) -> tuple[float, Tensor]:
        """Loss and gradient (parameters,) at a parameter vector; `losses` keeps the terms."""
        self.load(vector)
        total, gradient = 0.0, torch.zeros_like(vector)
        for name in self.terms:
            loss, slope = self.term(name)
            weight = self.weighting.current(name)
            self.losses[name] = loss
            total += weight * loss
            gradient.add_(slope, alpha=weight)
        return total, gradient

    def load(self, vector: Tensor) -> None:
        """Put a parameter vector into the network."""
        with torch.no_grad():
            start = 0
            for parameter in self.parameters:
                part = vector[start : start + parameter.numel()]
                parameter.copy_(part.view_as(parameter))
                start += parameter.numel()

    def vector(self) -> Tensor:
        """The network's parameters as one vector."""
        return torch.cat([p.detach().reshape(-1) for p in self.parameters])


def add_conditions(
    objective: Objective, unit: Callable[[int], Tensor], initial: int, boundary: int
) -> None:
    """Add the terms of the statement's conditions; hard ones are only checked.

    unit(count) draws points of the unit cube; initial, boundary: how many for each kind of
    condition. Raises InputError where a given value is not finite or has another shape.
    """
    statement = objective.statement
    counts = {"initial": initial, "boundary": boundary, "data": 1}
    for condition in statement.conditions:
        if isinstance(condition, Periodic) and condition.hard:
            continue
        rows = condition.rows(statement, unit(counts[condition.kind]))
        if not condition.hard:
            objective.put_condition(condition, rows)
