"""Schemes for u_t = L u + N(u), L diagonal in Fourier space, as tableaux for one engine.

Whatever a scheme does with L, each of its stages is, with z = h L,

    U_i = D_i(z) u + h sum_j A_ij(z) N(U_j),   u  <- D(z) u + h sum_i B_i(z) N(U_i)

An exponential scheme has D_i = exp(c_i z) and sums of weight * phi_k(c z) in A and B,

    phi_0(z) = exp(z),   phi_k(z) = (phi_(k-1)(z) - 1 / (k-1)!) / z,

and where only phi_0 stands in them it is an integrating factor with a Runge-Kutta method
(Lawson 1967). Explicit and additive (implicit-explicit) Runge-Kutta methods have rational D and A.

Cox & Matthews, Exponential time differencing for stiff systems, J. Comput. Phys. 176 (2002);
Kassam & Trefethen, Fourth-order time-stepping for stiff PDEs, SIAM J. Sci. Comput. 26 (2005).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..tableaux import ADDITIVE, RUNGE_KUTTA, AdditiveRungeKutta, RungeKutta

CONTOUR_POINTS = 24
CONTOUR_BELOW = 2.0  # beyond it the recursion for phi loses no digits that matter

Entry = tuple[tuple[float, int, float], ...]
"""sum of weight * phi_k(c z), as (weight, k, c)."""


@dataclass(frozen=True)
class Exponential:
    """A scheme of `order`: nodes c, stages a (lower triangle), weights b."""

    order: int
    c: tuple[float, ...]
    a: tuple[tuple[Entry, ...], ...]
    b: tuple[Entry, ...]


EXPONENTIAL: Mapping[str, Exponential] = {
    "ETDRK1": Exponential(1, (0.0,), ((),), (((1, 1, 1),),)),
    "ETDRK2": Exponential(  # Cox & Matthews, equation 22
        2, (0.0, 1.0), ((), (((1, 1, 1),),)), (((1, 1, 1), (-1, 2, 1)), ((1, 2, 1),))
    ),
    "ETDRK3": Exponential(  # equations 23-25
        3,
        (0.0, 0.5, 1.0),
        ((), (((0.5, 1, 0.5),),), (((-1, 1, 1),), ((2, 1, 1),))),
        (
            ((1, 1, 1), (-3, 2, 1), (4, 3, 1)),
            ((4, 2, 1), (-8, 3, 1)),
            ((-1, 2, 1), (4, 3, 1)),
        ),
    ),
    "ETDRK4": Exponential(  # equations 26-29; a_41 = phi_1(z/2) (exp(z/2) - 1) / 2 written as a sum
        4,
        (0.0, 0.5, 0.5, 1.0),
        (
            (),
            (((0.5, 1, 0.5),),),
            ((), ((0.5, 1, 0.5),)),
            (((1, 1, 1), (-1, 1, 0.5)), (), ((1, 1, 0.5),)),
        ),
        (
            ((1, 1, 1), (-3, 2, 1), (4, 3, 1)),
            ((2, 2, 1), (-4, 3, 1)),
            ((2, 2, 1), (-4, 3, 1)),
            ((-1, 2, 1), (4, 3, 1)),
        ),
    ),
}


def _lawson(method: RungeKutta) -> Exponential:
    """The integrating factor: slopes decay from their own node to that of the stage."""
    c = tuple(float(sum(row)) for row in method.a)

    def row(weights: tuple, node: float) -> tuple[Entry, ...]:
        return tuple(
            ((float(weight), 0, node - c[j]),) if weight else () for j, weight in enumerate(weights)
        )

    stages = tuple(row(weights, node) for weights, node in zip(method.a, c, strict=True))
    return Exponential(method.order, c, stages, row(method.b, 1.0))


def _explicit(method: RungeKutta) -> AdditiveRungeKutta:
    """With L taken like N."""
    return AdditiveRungeKutta(method.order, method.a, method.b, method.a, method.b)


Scheme = Exponential | AdditiveRungeKutta

SCHEMES: Mapping[str, Scheme] = {
    **EXPONENTIAL,
    "IFRK2": _lawson(RUNGE_KUTTA["heun"]),
    "IFRK4": _lawson(RUNGE_KUTTA["rk4"]),
    **ADDITIVE,
    **{name: _explicit(method) for name, method in RUNGE_KUTTA.items()},
}


@dataclass(frozen=True)
class Row:
    """One stage, or the step: D, and the entries of A or B that are not zero, by stage."""

    node: float
    decay: np.ndarray
    slopes: Mapping[int, np.ndarray]


def rows(scheme: Scheme, z: np.ndarray) -> list[Row]:
    """Stages of a scheme, then its step, for z = h L of any shape; not yet times h."""
    return _exponential(scheme, z) if isinstance(scheme, Exponential) else _additive(scheme, z)


def _exponential(scheme: Exponential, z: np.ndarray) -> list[Row]:
    phi = {c: phi_functions(c * z, highest_phi(scheme, c)) for c in phi_nodes(scheme)}
    result = []
    for c, entries in zip((*scheme.c, 1.0), (*scheme.a, scheme.b), strict=True):
        slopes = {
            j: np.sum([weight * phi[node][k] for weight, k, node in entry], axis=0)
            for j, entry in enumerate(entries)
            if entry
        }
        result.append(Row(c, phi[c][0], slopes))
    return result


def _additive(scheme: AdditiveRungeKutta, z: np.ndarray) -> list[Row]:
    """Stages solved for U_i, which L being diagonal allows, and put into each other."""
    result: list[Row] = []
    tables = zip((*scheme.a, scheme.b), (*scheme.implicit_a, scheme.implicit_b), strict=True)
    for i, (explicit, implicit) in enumerate(tables):
        decay, slopes = np.ones_like(z), {}
        for j, weight in enumerate(explicit):
            if weight:
                slopes[j] = np.full_like(z, float(weight))
        for j, weight in enumerate(implicit[:i]):
            if weight:
                share = float(weight) * z
                decay = decay + share * result[j].decay
                for k, slope in result[j].slopes.items():
                    slopes[k] = slopes.get(k, 0.0) + share * slope
        diagonal = float(implicit[i]) if i < len(implicit) else 0.0
        solved = 1 / (1 - diagonal * z)
        node = float(sum(explicit))
        result.append(Row(node, decay * solved, {k: s * solved for k, s in slopes.items()}))
    return result


def step_limit(scheme: Scheme, linear: np.ndarray, h: float) -> float:
    """The largest step up to h that amplifies no linear mode which does not grow; h where none is.

    Found by halving an interval, to a hundredth of it.
    """

    def stable(h: float) -> bool:
        z = h * linear
        factor = np.abs(rows(scheme, z)[-1].decay)
        return bool(np.all(factor <= np.exp(np.maximum(z.real, 0)) * (1 + 1e-9)))

    if isinstance(scheme, Exponential) or stable(h):
        return h
    low, high = 0.0, h
    while high - low > 0.01 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


def phi_functions(z: np.ndarray, highest: int) -> list[np.ndarray]:
    """[phi_0(z), ..., phi_highest(z)] for real or complex z of any shape.

    Near zero the recursion cancels, so it is taken on a circle of radius one around z and
    averaged (Kassam & Trefethen 2005, section 2), which is exact to rounding as phi is entire.

    >>> [float(np.round(phi[0], 12)) for phi in phi_functions(np.zeros(1), 3)]
    [1.0, 1.0, 0.5, 0.166666666667]
    """
    z = np.asarray(z)
    near = np.abs(z) < CONTOUR_BELOW
    result = [np.exp(z)]
    safe = np.where(near, 1.0, z)
    for k in range(1, highest + 1):
        result.append((result[-1] - 1 / math.factorial(k - 1)) / safe)
    if highest == 0 or not np.any(near):
        return result
    # Points half a step off the real axis; a real z needs the upper half only.
    real = not np.iscomplexobj(z)
    angles = (np.arange(CONTOUR_POINTS // 2 if real else CONTOUR_POINTS) + 0.5) / CONTOUR_POINTS
    around = z[near][:, None] + np.exp(2j * np.pi * angles)
    phi = np.exp(around)
    for k in range(1, highest + 1):
        phi = (phi - 1 / math.factorial(k - 1)) / around
        mean = phi.mean(axis=1)
        result[k][near] = mean.real if real else mean
    return result


def phi_nodes(tableau: Exponential) -> set[float]:
    """Factors c of the arguments of phi."""
    entries = [entry for row in (*tableau.a, tableau.b) for entry in row]
    return {1.0, *tableau.c, *(float(c) for entry in entries for _, _, c in entry)}


def highest_phi(tableau: Exponential, node: float) -> int:
    """The largest k of phi_k(node z)."""
    entries = [entry for row in (*tableau.a, tableau.b) for entry in row]
    return max((k for entry in entries for _, k, c in entry if c == node), default=0)
