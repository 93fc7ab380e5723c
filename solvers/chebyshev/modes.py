"""Eigenfunctions of the second derivative on an interval, in polynomials of degree n - 1.

The weak form (u', v') + end terms = lambda (u, v) on polynomials that vanish where the value is
given; slopes and mixed conditions are natural. Basis: both linear functions and integrals of
Legendre polynomials, whose stiffness matrix is the identity (Szabo & Babuska, Finite element
analysis (1991), equation 3.21; Shen, SIAM J. Sci. Comput. 15 (1994), lemma 2.1).

What is solved is  M v = mu (K + shift M) v  with mu = 1 / (lambda + shift): the large mu are the
smooth modes, which then come out to rounding, where lambda itself, which grows like n^4, would
lose n^4 roundings. Modes have energy (K + shift M) one and square norm mu.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from . import nodes
from .boundary import End


class AxisModes:
    """The modes of one axis and the maps between them and values at the Chebyshev points.

    length: of the axis; n: points; low, high: its ends, of which the factors are read only.

    size        number of modes: n less the ends where the value is given
    mass        (size,) square norms mu
    stiffness   (size,) lambda mu
    values      (n, size): coefficients of modes to values at the points
    project     (size, n): values to coefficients, exact for functions in the span of the modes
    load        (size, n): values of f to inner products of f with the modes
    energy      (size, n): values of f to (f', v') + end terms
    traces      (2, size): modes at both ends
    """

    def __init__(self, length: float, n: int, low: End, high: End) -> None:
        half = length / 2
        legendre = np.polynomial.legendre.legvander(nodes.points(n), n - 1)
        inverse = np.linalg.inv(legendre)
        basis, slopes = _hierarchy(n)
        keep = np.array(
            [i for i in range(n) if not (i < 2 and (low, high)[i].essential)], dtype=np.int64
        )
        # Natural ends: du/dx = (data - value u) / slope, with the outer sign.
        signs = [-1.0, 1.0]
        leak = np.array(
            [
                0.0 if end.essential else sign * end.value / end.slope
                for end, sign in zip((low, high), signs, strict=True)
            ]
        )
        norms = half * 2 / (2 * np.arange(n) + 1)
        M = (basis * norms) @ basis.T
        K = np.eye(n) / half
        K[:2, :2] = np.array([[0.5, -0.5], [-0.5, 0.5]]) / half + np.diag(leak)
        self.shift = _shift(length, leak)
        inside = np.ix_(keep, keep)
        metric = (K + self.shift * M)[inside]
        mu, vectors = scipy.linalg.eigh(M[inside], metric)
        self.size = len(mu)
        self.mass = mu
        self.stiffness = 1 - self.shift * mu
        self.values = legendre @ basis[keep].T @ vectors
        hierarchical = np.linalg.solve(legendre @ basis.T, np.eye(n))
        self.project = vectors.T @ metric @ hierarchical[keep]
        self.load = vectors.T @ (basis[keep] * norms) @ inverse
        self.traces = self.values[[0, -1]].copy()
        self.traces[np.array([low.essential, high.essential])] = 0.0
        self.energy = vectors.T @ slopes[keep] @ inverse / half
        for end in range(2):
            self.energy[:, -end] += leak[end] * self.traces[end]

    def load_from(self, n: int) -> np.ndarray:
        """`load` for values at n Chebyshev points, more than those of the modes.

        The inner products are those of the polynomial through all of them.
        """
        fine = np.linalg.inv(np.polynomial.legendre.legvander(nodes.points(n), n - 1))
        own = len(self.values)
        coarse = np.polynomial.legendre.legvander(nodes.points(own), own - 1)
        return self.load @ coarse @ fine[:own]


def _hierarchy(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Legendre coefficients of the basis functions, and (P_l', h_i') for all of both, (n, n)."""
    basis, slopes = np.zeros((n, n)), np.zeros((n, n))
    basis[0, :2], basis[1, :2] = (0.5, -0.5), (0.5, 0.5)
    k = np.arange(2, n)
    basis[k, k] = 1 / np.sqrt(2 * (2 * k - 1))
    basis[k, k - 2] = -basis[k, k]
    degree = np.arange(n)
    odd = (degree % 2 == 1).astype(float)
    slopes[0], slopes[1] = -odd, odd
    # h_k' = sqrt((2 k - 1) / 2) P_(k-1), and (P_l', P_j) = 2 where l > j and l - j is odd.
    seen = (degree > k[:, None] - 1) & ((degree - k[:, None]) % 2 == 0)
    slopes[2:] = np.sqrt(2 * (2 * k - 1))[:, None] * seen
    return basis, slopes


def _shift(length: float, leak: np.ndarray) -> float:
    """Large enough that K + shift M is positive.

    v^2 at an end is at most |v|^2 / L + 2 |v| |v'|, so that an end that feeds energy at the rate
    r takes at most |v'|^2 / 4 + (r / L + 4 r^2) |v|^2.
    """
    feeds = np.maximum(-leak, 0.0)
    return float(1 / length**2 + (feeds / length + 4 * feeds**2).sum() * 2)
