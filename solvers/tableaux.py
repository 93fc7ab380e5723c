"""Explicit Runge-Kutta methods as tableaux, and the form in which a stencil engine runs them.

    k_i = F(u + h sum_j a_ij k_j),   u  <- u + h sum_i b_i k_i

Written with stages instead of slopes (Shu & Osher, J. Comput. Phys. 77 (1988), equation 2.11),
a stage needs one evaluation and no slope is stored:

    Y_1 = u,   Y_(i+1) = sum_(j <= i) alpha_ij Y_j + h beta_i F(Y_i),   u  <- Y_(s+1)

Implicit-explicit methods take u_t = L u + N(u) with one tableau for each part:

    Y_i = u + h sum_(j <= i) implicit_a_ij L Y_j + h sum_(j < i) a_ij N(Y_j)
"""

from __future__ import annotations

import math
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


@dataclass(frozen=True)
class AdditiveRungeKutta:
    """Implicit-explicit: u' = L u + N(u), L by the implicit tableau and N by the explicit one.

    a, b: explicit, row i of i entries. implicit_a, implicit_b: of the same stages, row i of up to
    i + 1 entries, so that a stage is implicit in itself alone. Both have the same `nodes`. The
    last stage holds implicit_b too (stiffly accurate), so that it is damped like the equation.
    """

    order: int
    a: Rows
    b: tuple[Fraction, ...]
    implicit_a: Rows
    implicit_b: tuple[Fraction, ...]

    @property
    def nodes(self) -> tuple[float, ...]:
        """Times of the stages in steps."""
        return tuple(float(sum(row)) for row in self.a)


def _additive(
    order: int, explicit: tuple[tuple[str, ...], ...], implicit: tuple[tuple[str, ...], ...]
) -> AdditiveRungeKutta:
    (*a, b), (*implicit_a, implicit_b) = _rows(*explicit), _rows(*implicit)
    return AdditiveRungeKutta(order, tuple(a), b, tuple(implicit_a), implicit_b)


_GAMMA = str(1 - math.sqrt(0.5))
_REST = str(math.sqrt(0.5))
_DELTA, _ONE_LESS_DELTA = str(-math.sqrt(0.5)), str(1 + math.sqrt(0.5))

_ARK_WEIGHTS = ("82889/524892", "0", "15625/83664", "69875/102672", "-2260/8211", "1/4")

ADDITIVE: Mapping[str, AdditiveRungeKutta] = {
    # Ascher, Ruuth & Spiteri, Implicit-explicit Runge-Kutta methods for time-dependent PDEs, Appl.
    # Numer. Math. 25 (1997), sections 2.1, 2.6 and 2.8.
    "ARS111": _additive(1, ((), ("1",), ("1", "0")), ((), ("0", "1"), ("0", "1"))),
    "ARS222": _additive(
        2,
        ((), (_GAMMA,), (_DELTA, _ONE_LESS_DELTA), (_DELTA, _ONE_LESS_DELTA, "0")),
        ((), ("0", _GAMMA), ("0", _REST, _GAMMA), ("0", _REST, _GAMMA)),
    ),
    "ARS443": _additive(
        3,
        (
            (), ("1/2",), ("11/18", "1/18"), ("5/6", "-5/6", "1/2"), ("1/4", "7/4", "3/4", "-7/4"),
            ("1/4", "7/4", "3/4", "-7/4", "0"),
        ),
        (
            (), ("0", "1/2"), ("0", "1/6", "1/2"), ("0", "-1/2", "1/2", "1/2"),
            ("0", "3/2", "-3/2", "1/2", "1/2"), ("0", "3/2", "-3/2", "1/2", "1/2"),
        ),
    ),
    # Kennedy & Carpenter, Additive Runge-Kutta schemes for convection-diffusion-reaction
    # equations, Appl. Numer. Math. 44 (2003), ARK4(3)6L[2]SA of appendix C.
    "ARK436": _additive(
        4,
        (
            (), ("1/2",), ("13861/62500", "6889/62500"),
            ("-116923316275/2393684061468", "-2731218467317/15368042101831",
             "9408046702089/11113171139209"),
            ("-451086348788/2902428689909", "-2682348792572/7519795681897",
             "12662868775082/11960479115383", "3355817975965/11060851509271"),
            ("647845179188/3216320057751", "73281519250/8382639484533",
             "552539513391/3454668386233", "3354512671639/8306763924573", "4040/17871"),
            _ARK_WEIGHTS,
        ),
        (
            (), ("1/4", "1/4"), ("8611/62500", "-1743/31250", "1/4"),
            ("5012029/34652500", "-654441/2922500", "174375/388108", "1/4"),
            ("15267082809/155376265600", "-71443401/120774400", "730878875/902184768",
             "2285395/8070912", "1/4"),
            _ARK_WEIGHTS, _ARK_WEIGHTS,
        ),
    ),
}  # fmt: skip
