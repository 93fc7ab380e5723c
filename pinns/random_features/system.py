"""The equations of the coefficients, and the linear ones of a Newton step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...geometry.errors import InputError
from ..derivatives.expressions import evaluate
from ..statement import Statement
from .basis import Basis, Index
from .elimination import Rows, Slab, make_slab
from .joins import make_joins
from .patches import Patches, along
from .terms import Collocation, Group, Term


class System:
    """Rows r(c) = 0 of coefficients c (patches, unknowns, size), and their Jacobian.

    Every row is divided by the size of its own derivatives, so that the rows of all patches and
    kinds are comparable whatever the units.
    """

    def __init__(self, statement: Statement, basis: Basis, patches: Patches, ratio: float) -> None:
        self.statement, self.basis, self.patches = statement, basis, patches
        dimension = len(statement.coordinates)
        count = math.ceil(ratio * basis.size)
        self.each = along(count, dimension)
        self.shape = (patches.count, len(statement.unknowns), basis.size)
        collocation = Collocation(statement, basis, patches, count)
        self.cells = collocation.cells
        equation = collocation.equation()
        orders = {
            name: [max(a[axis] for a in equation.needs[name]) for axis in range(dimension)]
            for name in statement.unknowns
        }
        self.terms = [equation, *collocation.conditions()]
        self.joins = make_joins(basis, patches, orders, self.each)
        self.chain = int(np.argmax(patches.shape))

    def jets(self, term: Term, c: Tensor) -> dict[str, dict[Index, Tensor]]:
        """The derivatives that a term needs, (n,) each, leaves of a graph."""

        def derivative(index: Index, i: int) -> Tensor:
            local = torch.cat([g.basis[index] @ c[g.patch, i] for g in term.groups])
            return (self.patches.scale(index)[term.patch] * local).requires_grad_(True)

        unknowns = enumerate(self.statement.unknowns)
        return {name: {a: derivative(a, i) for a in term.needs[name]} for i, name in unknowns}

    def values(self, term: Term, jets: Mapping[str, Mapping[Index, Tensor]]) -> list[Tensor]:
        """The misfits of a term, (n,) each. Raises InputError where one is not finite."""
        found = evaluate(term.function, jets, term.x)
        values = list(found) if isinstance(found, tuple | list) else [found]
        for value in values:
            if not isinstance(value, Tensor) or value.shape != next(iter(term.x.values())).shape:
                raise InputError(
                    f"expected one value a point of the {term.name} term, got "
                    f"{getattr(value, 'shape', value)}; return (n,)"
                )
        return values

    def linearise(self, term: Term, c: Tensor) -> list[tuple[Tensor, Any, Tensor]]:
        """Each misfit's values (n,), slopes by unknown and index, and weights (n,)."""
        jets = self.jets(term, c)
        leaves = [(name, index) for name, some in jets.items() for index in some]
        found = []
        for value in self.values(term, jets):
            slopes = torch.autograd.grad(
                value.sum(), [jets[n][a] for n, a in leaves], retain_graph=True, allow_unused=True
            )
            each = {}
            size = torch.zeros_like(value)
            for (name, index), slope in zip(leaves, slopes, strict=True):
                if slope is not None:
                    each[name, index] = self.patches.scale(index)[term.patch] * slope
                    size = size + each[name, index].square()
            # One weight a patch: a row may have no slopes at a point.
            zeros = torch.zeros(self.shape[0], dtype=torch.float64)
            largest = zeros.scatter_reduce(0, term.patch, size.detach(), "amax").sqrt()
            largest[largest == 0.0] = 1.0
            weights = term.weight / largest[term.patch]
            found.append((value.detach(), each, weights))
        return found

    def misfit(self, c: Tensor, weights: list[list[Tensor]]) -> tuple[float, np.ndarray]:
        """Length of all weighted rows, and each patch's mean square."""
        total = np.zeros(self.shape[0])
        rows = np.zeros(self.shape[0])
        for term, own in zip(self.terms, weights, strict=True):
            with torch.no_grad():
                values = self.values(term, self.jets(term, c))
            for value, weight in zip(values, own, strict=True):
                squares = (weight * value).square()
                for group in term.groups:
                    total[group.patch] += float(squares[group.rows].sum())
                    rows[group.patch] += group.rows.stop - group.rows.start
        flat = c.reshape(self.shape[0], -1).numpy()
        for join in self.joins:
            total[join.p] += float(np.square(join.gap(flat)).sum())
        return math.sqrt(total.sum()), total / np.maximum(rows, 1.0)

    def slabs(self, c: Tensor) -> tuple[list[Slab], list[list[Tensor]]]:
        """The linear equations of a Newton step at c, and the weights of their rows."""
        count, unknowns, size = self.shape
        width, slab = unknowns * size, self.patches.places[:, self.chain]
        slabs = self.patches.shape[self.chain]
        members = np.bincount(slab, minlength=slabs)
        column = np.empty(count, dtype=int)
        for s in range(slabs):
            column[slab == s] = np.arange(members[s]) * width
        own: list[list[Rows]] = [[] for _ in range(slabs)]
        shared: list[list[tuple[Rows, Rows]]] = [[] for _ in range(slabs)]
        weights = []
        for term in self.terms:
            linear = self.linearise(term, c)
            weights.append([weight for _, _, weight in linear])
            for value, slopes, weight in linear:
                for group in term.groups:
                    block = self._block(group, slopes, weight)
                    right = -(weight * value)[group.rows].numpy()
                    own[slab[group.patch]].append((column[group.patch], block, right))
        flat = c.reshape(count, -1).numpy()
        for join in self.joins:
            right = -join.gap(flat)
            here, there = (column[join.p], join.here, right), (column[join.q], join.there, right)
            if join.axis == self.chain and slabs > 1:
                shared[slab[join.p]].append((here, there))
            else:
                inner = np.zeros((len(right), members[slab[join.p]] * width))
                for first, block, _ in (here, there):
                    inner[:, first : first + width] += block
                own[slab[join.p]].append((0, inner, right))
        each = zip(members * width, own, shared, strict=True)
        return [make_slab(wide, one, both, self._fills) for wide, one, both in each], weights

    def _block(self, group: Group, slopes: Any, weight: Tensor) -> np.ndarray:
        """The Jacobian of a group's rows in its patch's coefficients."""
        rows = group.rows
        _, unknowns, size = self.shape
        block = torch.zeros(rows.stop - rows.start, unknowns * size, dtype=torch.float64)
        for (name, index), slope in slopes.items():
            i = self.statement.unknowns.index(name)
            block[:, i * size : (i + 1) * size] += (weight * slope)[rows, None] * group.basis[index]
        return block.numpy()

    def unpack(self, slabs: list[np.ndarray]) -> Tensor:
        """Solutions slab by slab as (patches, unknowns, size)."""
        places, chain = self.patches.places, self.chain
        change = np.empty((self.shape[0], self.shape[1] * self.shape[2]))
        for s, solution in enumerate(slabs):
            change[places[:, chain] == s] = solution.reshape(-1, change.shape[1])
        return torch.from_numpy(change).view(self.shape)

    @property
    def _fills(self) -> bool:
        domain = self.statement.domain
        return domain is None or domain.fills
