"""Explicit Runge-Kutta methods as tableaux, and the form in which a stencil engine runs them.

    k_i = F(u + h sum_j a_ij k_j),   u  <- u + h sum_i b_i k_i

Written with stages instead of slopes (Shu & Osher, J. Comput. Phys. 77 (1988), equation 2.11),
a stage needs one evaluation and no slope is stored:

    Y_1 = u,   Y_(i+1) = sum_(j <= i) alpha_ij Y_j + h beta_i F(Y_i),   u  <- Y_(s+1)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

Rows = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True)
class RungeKutta:
    """An explicit method of `order`: stages a (lower triangle, row i of i entries), weights b.

    Every entry next to the diagonal, and the last weight, differs from zero.

    >>> RUNGE_KUTTA["rk4"].stages[-1]
    ((Fraction(-1, 3), Fraction(1, 3), Fraction(2, 3), Fraction(1, 3)), Fraction(1, 6))
    """

    order: int
    a: Rows
    b: tuple[Fraction, ...]

    @cached_property
    def stages(self) -> tuple[tuple[tuple[Fraction, ...], Fraction], ...]:
        """(alpha_i1 .. alpha_ii, beta_i) of each stage, in rational numbers."""
        result: list[tuple[tuple[Fraction, ...], Fraction]] = []
        slopes: list[list[Fraction]] = []  # h k_j as a combination of Y_1 .. Y_(j+1)
        for i, row in enumerate((*self.a[1:], self.b)):
            alpha = [Fraction(1), *[Fraction(0)] * i]
            for weight, slope in zip(row, slopes, strict=False):
                for j, share in enumerate(slope):
                    alpha[j] += weight * share
            beta = row[i]
            slopes.append([*(-entry / beta for entry in alpha), 1 / beta])
            result.append((tuple(alpha), beta))
        return tuple(result)

    def growth(self, z: np.ndarray) -> np.ndarray:
        """Stability polynomial R(z): the factor of a step for u' = lambda u with z = h lambda."""
        values = [np.ones_like(z)]
        for alpha, beta in self.stages:
            mixed = sum(float(share) * value for share, value in zip(alpha, values, strict=True))
            values.append(mixed + float(beta) * z * values[-1])
        return values[-1]


def _rows(*rows: tuple[str, ...]) -> Rows:
    return tuple(tuple(Fraction(entry) for entry in row) for row in rows)


def _method(order: int, *rows: tuple[str, ...]) -> RungeKutta:
    *a, b = _rows(*rows)
    return RungeKutta(order, tuple(a), b)


RUNGE_KUTTA: Mapping[str, RungeKutta] = {
    "euler": _method(1, (), ("1",)),
    "midpoint": _method(2, (), ("1/2",), ("0", "1")),
    "heun": _method(2, (), ("1",), ("1/2", "1/2")),
    # Strong stability preserving: a convex combination of Euler steps (Shu & Osher 1988).
    "ssprk3": _method(3, (), ("1",), ("1/4", "1/4"), ("1/6", "1/6", "2/3")),
    "rk4": _method(4, (), ("1/2",), ("0", "1/2"), ("0", "0", "1"), ("1/6", "1/3", "1/3", "1/6")),
}
