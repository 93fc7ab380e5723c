"""Jets through an activation, as straight-line programs on rows of numbers.

With a the jet of what goes in and F_k = f^(k)(a_0) / k!, the activation y = f(a) has

    y_c = sum over k of F_k p_(c,k),   p_(c,k): the coefficient c of (a - a_0)^k,

Faa di Bruno's formula. Backward it needs the jet h of f'(a), the same sum with (k + 1) F_(k+1):
the cotangent of a_b is the sum over c >= b of h_(c-b) times that of y_c. All of it is products of
two numbers with a factor, added up; a program is a list of those. `instructions` writes it as a
loop over units and points.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from .jets import Index, below, minus

SEEDS = {"tanh": 1, "sin": 2, "silu": 2, "sigmoid": 1, "gelu": 3}
"""Activations, and how many numbers `instructions` computes of a_0 to start with."""


@dataclass
class Program:
    """row[d] = or += c row[s] row[t], one after the other.

    Rows: 0 holds ones; then the seeds; then a, y and (backward) the cotangents of y and a, each
    from its first row on, one row a coefficient; then what is computed in between.
    """

    seeds: int
    a: int
    y: int
    y_cotangent: int
    a_cotangent: int
    rows: int
    steps: list[tuple[int, int, int, float]] = field(default_factory=list)

    def new_row(self) -> int:
        self.rows += 1
        return self.rows - 1

    def put(self, row: int, terms: Sequence[tuple[int, int, float]]) -> int:
        """row = the sum of c s t."""
        merged: dict[tuple[int, int], float] = defaultdict(float)
        for s, t, c in terms:
            merged[min(s, t), max(s, t)] += c
        self.steps += [(row, s, t, c) for (s, t), c in merged.items()]
        return row

    def add(self, terms: Sequence[tuple[int, int, float]]) -> int:
        """A new row with the sum of c s t."""
        return self.put(self.new_row(), terms)


@functools.lru_cache(maxsize=256)
def program(indices: tuple[Index, ...], activation: str, backward: bool) -> Program:
    """The values y, and backward the cotangents of a beside them.

    indices: downward closed, by order, beginning with 0.
    """
    n, seeds = len(indices), SEEDS[activation]
    first = 1 + seeds
    result = Program(1, first, first + n, first + 2 * n, first + 3 * n, first + 4 * n)
    order = max(map(sum, indices))
    f = _series(result, activation, order + backward)
    powers = _powers(result, indices)
    for i, index in enumerate(indices):
        terms = [(f[k], p, 1.0) for k, p in powers[index].items()]
        result.put(result.y + i, terms if i else [(f[0], 0, 1.0)])
    if not backward:
        return result
    slope = {
        index: result.add([(f[k + 1], p, k + 1.0) for k, p in powers[index].items()])
        for index in indices[1:]
    }
    slope[indices[0]] = f[1]
    row = {index: result.y_cotangent + i for i, index in enumerate(indices)}
    for i, b in enumerate(indices):
        above = [c for c in indices if all(x >= y for x, y in zip(c, b, strict=True))]
        result.put(result.a_cotangent + i, [(slope[minus(c, b)], row[c], 1.0) for c in above])
    return result


def _powers(result: Program, indices: tuple[Index, ...]) -> dict[Index, dict[int, int]]:
    """Rows of the coefficients of (a - a_0)^k, k = 1..|index|, by index and k."""
    powers: dict[Index, dict[int, int]] = {indices[0]: {0: 0}}
    for i, index in enumerate(indices[1:], 1):
        powers[index] = {1: result.a + i}
        for k in range(2, sum(index) + 1):
            terms = [
                (powers[b][1], powers[minus(index, b)][k - 1], 1.0)
                for b in below(index)[1:-1]
                if k - 1 in powers[minus(index, b)]
            ]
            powers[index][k] = result.add(terms)
    return powers


def _series(result: Program, activation: str, order: int) -> list[int]:
    """Rows of F_0 .. F_order."""
    seed = list(range(1, 1 + SEEDS[activation]))
    if activation == "tanh":
        return _riccati(result, seed[0], order, [(0, 0, 1.0)], 0.0)
    if activation == "sigmoid":
        return _riccati(result, seed[0], order, [], 1.0)
    if activation == "sin":
        f = [seed[0], seed[1]]
        for k in range(2, order + 1):
            f.append(result.add([(f[k - 2], 0, -1.0 / (k * (k - 1)))]))
        return f[: order + 1]
    a = seed[0]
    if activation == "silu":
        inner = _riccati(result, seed[1], order, [], 1.0)
    else:
        inner = _normal(result, a, seed[1], seed[2], order)
    # f(a) = a s(a): F_k = a_0 s_k + s_(k-1)
    f = [result.add([(a, inner[0], 1.0)])]
    for k in range(1, order + 1):
        f.append(result.add([(a, inner[k], 1.0), (inner[k - 1], 0, 1.0)]))
    return f


def _riccati(
    result: Program, y: int, order: int, constant: list[tuple[int, int, float]], slope: float
) -> list[int]:
    """The series of a solution of y' = constant + slope y - y^2."""
    f = [y]
    for k in range(order):
        terms = [(f[j], f[k - j], -1.0 / (k + 1)) for j in range(k + 1)]
        terms += [(f[k], 0, slope / (k + 1))] if slope else []
        f.append(result.add([*(constant if k == 0 else []), *terms]))
    return f


def _normal(result: Program, a: int, cumulative: int, density: int, order: int) -> list[int]:
    """The series of the normal distribution: its density p has p' = -x p."""
    p, f = [density], [cumulative]
    for k in range(order):
        f.append(result.add([(p[k], 0, 1.0 / (k + 1))]))
        lower = [(p[k - 1], 0, -1.0 / (k + 1))] if k else []
        p.append(result.add([(a, p[k], -1.0 / (k + 1)), *lower]))
    return f
