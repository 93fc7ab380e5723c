"""Exponential time differencing Runge-Kutta: u_t = L u + N(u), L diagonal in Fourier space.

A scheme is a tableau whose entries are sums of weight * phi_k(c h L); one engine runs them all.

    phi_0(z) = exp(z),   phi_k(z) = (phi_(k-1)(z) - 1 / (k-1)!) / z
    U_i = exp(c_i h L) u + h sum_j a_ij(h L) N(U_j)
    u  <- exp(h L) u + h sum_i b_i(h L) N(U_i)

Cox & Matthews, Exponential time differencing for stiff systems, J. Comput. Phys. 176 (2002);
Kassam & Trefethen, Fourth-order time-stepping for stiff PDEs, SIAM J. Sci. Comput. 26 (2005).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..kernels import CONTRACT, kernel

CONTOUR_POINTS = 24
CONTOUR_BELOW = 2.0  # beyond it the recursion for phi loses no digits that matter

Entry = tuple[tuple[float, int, float], ...]
"""sum of weight * phi_k(c z), as (weight, k, c)."""


@dataclass(frozen=True)
class Tableau:
    """An explicit scheme of `order`: nodes c, stages a (lower triangle), weights b."""

    order: int
    c: tuple[float, ...]
    a: tuple[tuple[Entry, ...], ...]
    b: tuple[Entry, ...]


SCHEMES: Mapping[str, Tableau] = {
    "ETDRK1": Tableau(1, (0.0,), ((),), (((1, 1, 1),),)),
    "ETDRK2": Tableau(  # Cox & Matthews, equation 22
        2, (0.0, 1.0), ((), (((1, 1, 1),),)), (((1, 1, 1), (-1, 2, 1)), ((1, 2, 1),))
    ),
    "ETDRK3": Tableau(  # equations 23-25
        3,
        (0.0, 0.5, 1.0),
        ((), (((0.5, 1, 0.5),),), (((-1, 1, 1),), ((2, 1, 1),))),
        (
            ((1, 1, 1), (-3, 2, 1), (4, 3, 1)),
            ((4, 2, 1), (-8, 3, 1)),
            ((-1, 2, 1), (4, 3, 1)),
        ),
    ),
    "ETDRK4": Tableau(  # equations 26-29; a_41 = phi_1(z/2) (exp(z/2) - 1) / 2 written as a sum
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


class Stepper:
    """One scheme with one step size on one linear symbol: its coefficients, ready to be used.

    linear: (rows, modes) with one row for all samples or one for each; mask: (modes,) bool, the
    modes in which the nonlinear term acts; nonlinear: maps u_hat (batch, modes) to the same.
    """

    def __init__(
        self,
        tableau: Tableau,
        linear: np.ndarray,
        h: float,
        mask: np.ndarray,
        nonlinear: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self.h = h
        self.nonlinear = nonlinear
        self._z = h * linear
        self._phi = {c: phi_functions(c * self._z, _highest(tableau, c)) for c in _nodes(tableau)}
        scale = h * mask
        self._rows = [
            self._row(c, entries, scale) for c, entries in zip(tableau.c, tableau.a, strict=True)
        ]
        self._last = self._row(1.0, tableau.b, scale)
        del self._phi, self._z

    def _row(
        self, c: float, entries: tuple[Entry, ...], scale: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """exp(c z), the coefficients that are not zero, and of which stages they are."""
        which = [j for j, entry in enumerate(entries) if entry]
        decay = self._phi[c][0]
        coefficients = np.empty((len(which), *decay.shape), dtype=decay.dtype)
        for place, j in enumerate(which):
            total = sum(weight * self._phi[node][k] for weight, k, node in entries[j])
            coefficients[place] = scale * total
        return decay, coefficients, np.array(which, dtype=np.int64)

    def step(self, u_hat: np.ndarray, stage: np.ndarray, out: np.ndarray) -> None:
        """out = u_hat one step later, all (batch, modes); stage is scratch."""
        slopes = [self.nonlinear(u_hat)]
        for decay, coefficients, which in self._rows[1:]:
            _combine(decay, u_hat, coefficients, tuple(slopes[j] for j in which), stage)
            slopes.append(self.nonlinear(stage))
        decay, coefficients, which = self._last
        _combine(decay, u_hat, coefficients, tuple(slopes[j] for j in which), out)


def _nodes(tableau: Tableau) -> set[float]:
    entries = [entry for row in (*tableau.a, tableau.b) for entry in row]
    return {1.0, *tableau.c, *(float(c) for entry in entries for _, _, c in entry)}


def _highest(tableau: Tableau, node: float) -> int:
    entries = [entry for row in (*tableau.a, tableau.b) for entry in row]
    return max((k for entry in entries for _, k, c in entry if c == node), default=0)


@kernel(CONTRACT)
def _combine(decay, u, coefficients, slopes, out):
    """out = decay u + sum_s coefficients[s] slopes[s]; one row of coefficients serves all rows."""
    batch, modes = u.shape
    for b in range(batch):
        row = b if decay.shape[0] > 1 else 0
        factor, source, target = decay[row], u[b], out[b]
        for k in range(modes):
            target[k] = factor[k] * source[k]
        for s in range(len(slopes)):
            factor, source = coefficients[s, row], slopes[s][b]
            for k in range(modes):
                target[k] += factor[k] * source[k]
