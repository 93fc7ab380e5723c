"""The loss of a PINN as a function of one flat parameter vector, and the rows it is made of."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..geometry.errors import InputError
from .conditions import Condition, Periodic
from .constraints import StatedField
from .derivatives.randomised import Randomised
from .derivatives.readings import Derivatives, gradient, make_derivatives
from .jacobian import Recording, RowsJacobian
from .statement import Statement
from .terms import Function, Part, Term
from .weights import Weighting


class Objective:
    """sum_i w_i mean(r_i^2) over its terms, with its gradient.

    field: the module that maps points (n, coordinates) to (n, unknowns), in the precision of its
    parameters. chunk: points that are differentiated at once. threads: chunks at a time; their
    parts are added in the order of the points, so the bits are the same whatever the number of
    threads. reading: how derivatives are made, a name of `derivatives.readings`, with its options.
    By a randomised one r_i^2 is the product of two independent estimates, drawn anew for every
    gradient: right in the mean, and at times negative.
    """

    def __init__(
        self,
        statement: Statement,
        field: StatedField,
        weighting: Weighting,
        chunk: int,
        threads: int = 1,
        reading: str = "nested",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.threads, self.pool = threads, ThreadPoolExecutor(threads)
        self.statement, self.field, self.weighting = statement, field, weighting
        self.chunk = max(2, chunk - chunk % 2)  # some conditions have rows in pairs
        self.parameters: list[Tensor] = [p for p in field.parameters() if p.requires_grad]
        self.dtype = self.parameters[0].dtype
        self.derivatives = self.differentiate(field, reading, **(options or {}))
        self._widths: dict[str, int] = {}  # misfits at a point of each term
        self._equations: dict[StatedField, Function] = {}
        self.terms: dict[str, Term] = {}
        self.losses: dict[str, float] = {}
        self._recording: Recording | None = None

    def each(self, function: Callable[..., Any], *parts: Sequence[Any]) -> Iterable[Any]:
        """The function of each part in their order, by the threads; one alone is not sent there."""
        alone = self.threads == 1 or len(parts[0]) == 1
        return (map if alone else self.pool.map)(function, *parts)

    def differentiate(self, field: Any, reading: str, **options: Any) -> Derivatives:
        """The derivatives of a field of the statement's unknowns."""
        statement = self.statement
        return make_derivatives(
            reading, field, statement.coordinates, statement.unknowns, **options
        )

    # --- terms ------------------------------------------------------------------------------

    def put_equation(self, points: Tensor) -> None:
        """Ask for the equation at points (n, coordinates)."""

        self._put("equation", points, lambda rows: Part(rows, self._equation))

    def _equation(self, field: StatedField) -> Function:
        """One object a field, by which a reading knows it again."""
        return self._equations.setdefault(field, field.equation)

    def put_condition(self, condition: Condition, rows: Tensor) -> None:
        """Ask for a condition on its rows (n, columns), of which the coordinates come first."""
        coordinates = len(self.statement.coordinates)

        def part(rows: Tensor) -> Part:
            def misfit(u: Any, d: Any, x: Any) -> Any:
                return condition.misfit(u, d, x, rows)

            pairs = isinstance(condition, Periodic)
            return Part(rows[:, :coordinates], lambda field: misfit, pairs)

        self._put(condition.name, rows, part)

    def _put(self, name: str, rows: Tensor, part: Callable[[Tensor], Part]) -> None:
        """Add the term or replace the one of its name. Raises InputError if it has no points."""
        if not len(rows):
            raise InputError(f"expected points for the {name} term, got an empty set")
        rows = rows.to(self.dtype)
        parts = tuple(part(some) for some in rows.split(self.chunk))
        self.terms[name] = Term(name, rows, part, parts)

    def weigh_points(self) -> None:
        """Ask the weighting what each point counts, at the present parameters."""
        for name, term in self.terms.items():
            points = torch.cat([part.points for part in term.parts])
            squares = partial(self._squares, term)
            self.put_weights(name, self.weighting.pointwise(name, points, squares))

    def _squares(self, term: Term) -> Tensor:
        """(n,) of the misfits at a term's points, added up where there are several."""
        return torch.cat(self._values(term.parts)).square().sum(dim=1)

    def put_weights(self, name: str, weights: Tensor | None) -> None:
        """What the points (n,) of a term count from now on; None: all the same."""
        given = None if weights is None else weights.to(self.dtype)[:, None]
        self.terms[name] = dataclasses.replace(self.terms[name], weights=given)

    def point_weights(self) -> dict[str, Tensor]:
        """What `put_weights` was given, where points do not count the same."""
        return {
            name: term.weights[:, 0]
            for name, term in self.terms.items()
            if term.weights is not None
        }

    def row_counts(self) -> dict[str, int]:
        """Rows of each term, in the order of `rows`."""
        for name, term in self.terms.items():
            if name not in self._widths:
                self._widths[name] = self._values((term.part(term.rows[:2]),))[0].shape[1]
        return {name: term.count * self._widths[name] for name, term in self.terms.items()}

    # --- misfits ----------------------------------------------------------------------------

    def misfits(
        self, part: Part, derivatives: Derivatives | None = None, field: Any = None
    ) -> Tensor:
        """(n, misfits) at the points of a part."""
        function = part.read(self.field if field is None else field)
        return self._together((derivatives or self._reading(part))(part.points, function), part)

    def _reading(self, part: Part) -> Derivatives:
        """Randomised sums know no pairs of points."""
        randomised = isinstance(self.derivatives, Randomised)
        return (
            self.differentiate(self.field, "nested")
            if part.pairs and randomised
            else self.derivatives
        )

    def _together(self, found: Any, part: Part) -> Tensor:
        """What a part's function gives, (n, misfits).

        Raises InputError where a residual has another shape than one value a point.
        """
        each = found if isinstance(found, tuple) else (found,)
        for r in each:
            # (n, 1) against (n,) would broadcast to (n, n) without a word.
            if not isinstance(r, Tensor) or r.shape != part.points.shape[:1]:
                got = tuple(r.shape) if isinstance(r, Tensor) else type(r).__name__
                raise InputError(
                    f"expected a residual of the unknown's shape {tuple(part.points.shape[:1])}, "
                    f"got {got}; return one value a point"
                )
        return torch.stack(each, dim=1) if len(each) > 1 else each[0][:, None]

    def magnitude(self, points: Tensor) -> Tensor:
        """|residual| (n,) of the equation, without a graph; its length where there are several."""
        return self.residuals(points).square().sum(dim=1).sqrt()

    def residuals(self, points: Tensor) -> Tensor:
        """Residuals (n, equations) at points (n, coordinates), without a graph."""
        some = points.to(self.dtype).split(self.chunk)
        return torch.cat(self._values([Part(each, self._equation) for each in some]))

    def _values(self, parts: list[Part] | tuple[Part, ...]) -> list[Tensor]:
        """Misfits of parts without a graph."""

        def value(part: Part) -> Tensor:
            with torch.no_grad():
                return self.misfits(part).detach()

        return list(self.each(value, parts))

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

    # --- the loss ---------------------------------------------------------------------------

    def __call__(self, vector: Tensor) -> tuple[float, Tensor]:
        """Loss and gradient (parameters,) at a parameter vector; `losses` keeps the terms."""
        parts = self.split(vector)
        total = torch.zeros_like(vector)
        for _, slope in parts.values():
            total += slope
        return sum(loss for loss, _ in parts.values()), total

    def split(self, vector: Tensor) -> dict[str, tuple[float, Tensor]]:
        """Loss and gradient term by term, times their weights: they add up to the whole."""
        self.load(vector)
        self.derivatives.refresh()
        parts = {}
        for name in self.terms:
            loss, gradient = self.term(name)
            weight, self.losses[name] = self.weighting.current(name), loss
            parts[name] = (weight * loss, gradient.mul_(weight))
        return parts

    def term(self, name: str) -> tuple[float, Tensor]:
        """Mean square of one term, without its weight, and its gradient (parameters,)."""
        term = self.terms[name]
        weights = term.split_weights(self.chunk)
        parts = list(self.each(partial(self._part, term), term.parts, weights))
        gradient = parts[0][1]
        for _, slope in parts[1:]:
            gradient += slope
        return sum(loss for loss, _ in parts), gradient

    def _part(self, term: Term, part: Part, weights: Tensor | None) -> tuple[float, Tensor]:
        """What some of the points add to a term."""

        def total(squares: Tensor) -> Tensor:
            return (squares if weights is None else weights * squares).sum() / term.count

        reading, function = self._reading(part), part.read(self.field)
        if isinstance(reading, Randomised):
            first, second = (self._together(r, part) for r in reading.pair(part.points, function))
            value = total(first * second)
            return value.item(), gradient(value, self.parameters)
        return reading.slopes(
            part.points, function, lambda r: total(self._together(r, part).square()),
            self.parameters,
        )  # fmt: skip

    def gradients(self) -> dict[str, Tensor]:
        """Each term's own gradient, without its weight."""
        return {name: self.term(name)[1] for name in self.terms}

    # --- rows -------------------------------------------------------------------------------

    def rows(self, vector: Tensor) -> Tensor:
        """r (m,) with the loss |r|^2, term by term and point by point; `losses` keeps the terms."""
        self.load(vector)
        found = []
        for name, term in self.terms.items():
            values = torch.cat(self._values(term.parts))
            weighted = values if term.weights is None else term.weights.sqrt() * values
            flat = weighted.reshape(-1)
            self.losses[name] = float(flat.double().square().sum()) / term.count
            found.append(self.scale(term) * flat)
        return torch.cat(found)

    def scale(self, term: Term) -> float:
        """What a misfit of the term is multiplied with to be a row, beside its point's weight."""
        return math.sqrt(self.weighting.current(term.name) / term.count)

    def jacobian(self, vector: Tensor) -> RowsJacobian:
        """d rows / d vector, made when it is asked for."""
        self.load(vector)
        if self._recording is None:
            self._recording = Recording(self)
        return RowsJacobian(self, self._recording)

    # --- parameters -------------------------------------------------------------------------

    @property
    def size(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the parameters, in the order of the vector."""
        return [tuple(parameter.shape) for parameter in self.parameters]

    def load(self, vector: Tensor) -> None:
        """Put a parameter vector into the network."""
        parts = vector.split([parameter.numel() for parameter in self.parameters])
        each = zip(parts, self.parameters, strict=True)
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, [part.view_as(p) for part, p in each])

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
