"""Poisson and Helmholtz equations on boxes of many dimensions, by sparse polynomials.

Where a tensor grid has n^d points, a smooth solution has few large coefficients. Which ones is
found as Gerstner & Griebel find grids (Dimension-adaptive tensor-product quadrature, Computing 71
(2003)): a set of them is solved for, and grows where they are large.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from ...geometry.errors import InputError
from .lower_sets import LowerSet, axis_tables, grown

Field = Callable[[np.ndarray], np.ndarray]
"""Values (m,) at points (m, d)."""

SAMPLES = 1000  # points at which the equation is checked, and as many on the boundary
ACCURACY, STEPS = 1e-6, 4000  # of LSMR, relative to the correction; most steps
FIRST, FACTOR, LEAST = 0.1, 4.0, 1e-16  # thresholds; below the least all coefficients are large
PATIENCE = 8  # sets in which the bound has to halve


@dataclass(frozen=True, eq=False)
class SparseSolution:
    """A polynomial on a box, to be called at points (m, d), and how far it is from the solution.

    extent: (d, 2). coefficients: (terms,) of products of Legendre polynomials of the degrees
    `basis.indices`, (terms, d). bound: of the error anywhere, by the maximum principle from the
    largest residuals at random points. evaluations: of f and of g.
    """

    extent: np.ndarray
    basis: LowerSet
    coefficients: np.ndarray
    bound: float
    evaluations: tuple[int, int]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Values (m,); raises `InputError` for other shapes and points outside the box."""
        points = np.asarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != self.basis.ndim:
            raise InputError(f"expected points of shape (m, {self.basis.ndim}), got {points.shape}")
        low, high = self.extent.T
        x = ((points - low) - (high - points)) / (high - low)
        if not np.all(np.abs(x) <= 1 + 1e-12):
            raise InputError("expected points in the box, got points outside")
        return self.basis.evaluate(self.coefficients[None], x)[0]


def solve_sparse(
    f: Field, g: Field, extent: Sequence[tuple[float, float]], tolerance: float,
    sigma: float = 0.0, a: float = 1.0, terms: int = 200_000,
) -> SparseSolution:  # fmt: skip
    """Solve sigma u - a lap u = f on a box with u = g on all of its faces.

    f, g: values (m,) at points (m, d); extent: ((left, right), ...), any number of axes;
    tolerance: of the largest error relative to the largest value, held by the bound of the
    result; sigma from 0, a above 0; terms: most coefficients, each 0.25 kB an axis.

    Residuals in the box, weighted by the inverse of the equation, and on the faces are least in
    the mean square, by LSMR (Fong & Saunders, SIAM J. Sci. Comput. 33 (2011)). The set grows
    beside coefficients above a threshold that falls by steps, until the bound is met.

    Raises `InputError` on an equation that is none of these, values that are not finite, and
    where the tolerance takes too many terms or is out of reach: of solutions that are not smooth
    up to the faces, as with f = 1 and g = 0, that depend on many variables strongly and at once,
    or below rounding, 1e-12 or so. In up to three dimensions `Box` needs no smoothness.

    >>> u = lambda x: np.exp(-x @ [1.0, 0.5, 0.2, 0.1])
    >>> found = solve_sparse(lambda x: -1.3 * u(x), u, ((0.0, 1.0),) * 4, 1e-6)
    >>> x = np.random.default_rng(0).random((100, 4))
    >>> bool(np.abs(found(x) - u(x)).max() < found.bound < 1e-6)
    True
    """
    equation = _Equation(f, g, extent, sigma, a)
    if not 0 < tolerance < np.inf:
        raise InputError(f"expected a finite tolerance above 0, got {tolerance}")
    check = _Check(equation)
    basis = LowerSet(grown(np.zeros((1, equation.ndim))))
    start, threshold = np.zeros(basis.size), FIRST
    reached: list[float] = []
    while basis.size <= terms and _falls(reached):
        c = _least_squares(equation, basis, start)
        bound, largest = check(basis, c)
        if bound <= tolerance * largest:
            return SparseSolution(equation.extent, basis, c, bound, equation.evaluations)
        reached.append(bound / largest if largest else np.inf)
        larger, threshold = _next(basis, c, threshold)
        start = np.zeros(larger.size)
        start[larger.places(basis.indices)] = c
        basis = larger
    got = f"{min(reached):.1e}" if reached else "none yet"
    why = f"the next set takes {basis.size} terms" if _falls(reached) else "no longer falling"
    raise InputError(
        f"expected an error below {tolerance:g} of the largest value with at most {terms} terms, "
        f"got {got}, {why}; give a larger tolerance, more terms or a smoother problem"
    )


def _falls(reached: Sequence[float]) -> bool:
    """Whether the last few of what was reached are better than all before."""
    late, early = reached[-PATIENCE:], reached[:-PATIENCE]
    return not early or min(late) < min(early) / 2


def _next(basis: LowerSet, c: np.ndarray, threshold: float) -> tuple[LowerSet, float]:
    """A larger set and the next threshold."""
    size = np.abs(c)
    while True:
        large = (size > threshold * size.max()) | (threshold < LEAST)
        held = basis.indices.astype(np.uint8)
        result = LowerSet(np.concatenate([held, grown(held[large])]))
        threshold /= FACTOR
        if result.size > basis.size:
            return result, threshold


class _Equation:
    """What was given, checked, on the box [-1, 1]^d."""

    def __init__(
        self, f: Field, g: Field, extent: Sequence[tuple[float, float]], sigma: float, a: float
    ) -> None:
        try:
            self.extent = np.array(extent, dtype=np.float64)
        except (TypeError, ValueError):
            self.extent = np.empty(0)
        if self.extent.ndim != 2 or self.extent.shape[1] != 2 or not len(self.extent):
            raise InputError(
                f"expected an extent ((left, right), ...) of one axis or more, got {extent}"
            )
        lengths = self.extent[:, 1] - self.extent[:, 0]
        if not np.all(np.isfinite(self.extent)) or not np.all(lengths > 0):
            raise InputError(f"expected finite ends with left < right, got {extent}")
        if not (0 <= sigma < np.inf and 0 < a < np.inf):
            raise InputError(f"expected sigma from 0 and a above 0, got {sigma} and {a}")
        self.ndim, self.sigma = len(lengths), sigma
        self.stiffness = a * (2 / lengths) ** 2
        self.evaluations = (0, 0)
        self._fields = (f, g)

    def f(self, x: np.ndarray) -> np.ndarray:
        return self._values(0, x)

    def g(self, x: np.ndarray) -> np.ndarray:
        return self._values(1, x)

    def operator(self, basis: LowerSet) -> scipy.sparse.csr_array:
        """Coefficients of u to those of sigma u - a lap u."""
        curvature = axis_tables().curvature
        result = self.sigma * scipy.sparse.eye_array(basis.size, format="csr")
        for axis, factor in enumerate(self.stiffness):
            result = result - factor * basis.along(curvature, axis)
        return result

    def largest_response(self) -> float:
        """The largest value of the solution for f = 1 and g = 0, which bounds that for |f| <= 1.

        It is at the centre, the mean time after which a random walk leaves, with sigma as the
        rate at which it dies before: the integral of exp(-sigma t) and, for each axis, of
        4 / pi sum over odd n of +-exp(-n^2 pi^2 a t / L^2) / n.
        """
        n = np.arange(1, 64, 2)
        signs = np.where(n % 4 == 1, 4 / np.pi, -4 / np.pi) / n
        t = np.geomspace(1e-6, 100.0, 401) / self.stiffness.max()
        alive = np.exp(-self.sigma * t)
        for factor in self.stiffness:
            s = factor * t[:, None] / 4
            alive *= np.where(s[:, 0] < 1e-3, 1.0, np.exp(-(n**2) * np.pi**2 * s) @ signs)
        return float(t[0] + np.trapezoid(alive * t, np.log(t)))

    def _values(self, which: int, x: np.ndarray) -> np.ndarray:
        low, high = self.extent.T
        # Exactly the ends where x is -1 or 1.
        points = (low * (1 - x) + high * (1 + x)) / 2
        values = np.asarray(self._fields[which](points), dtype=np.float64)
        name = "fg"[which]
        if values.shape != (len(x),):
            raise InputError(f"expected {name} of shape ({len(x)},), got {values.shape}")
        if not np.all(np.isfinite(values)):
            raise InputError(f"expected finite values of {name}, got NaN or infinity")
        counts = list(self.evaluations)
        counts[which] += len(x)
        self.evaluations = (counts[0], counts[1])
        return values


class _Check:
    """Residuals at random points, dense towards the faces, where polynomials are worst."""

    def __init__(self, equation: _Equation) -> None:
        generator = np.random.default_rng(0)
        shape = (2, SAMPLES, equation.ndim)
        self._inside, self._outside = np.cos(np.pi * generator.random(shape))
        axes = np.arange(SAMPLES) % equation.ndim
        self._outside[np.arange(SAMPLES), axes] = generator.choice([-1.0, 1.0], SAMPLES)
        self._f, self._g = equation.f(self._inside), equation.g(self._outside)
        self._response = equation.largest_response()
        self._equation = equation

    def __call__(self, basis: LowerSet, c: np.ndarray) -> tuple[float, float]:
        """(bound of the error, largest value)."""
        both = np.stack([c, self._equation.operator(basis) @ c])
        values, f = basis.evaluate(both, self._inside)
        rim = basis.evaluate(c[None], self._outside)[0]
        bound = np.abs(rim - self._g).max() + self._response * np.abs(f - self._f).max()
        return float(bound), float(max(np.abs(values).max(), np.abs(rim).max()))


def _least_squares(equation: _Equation, basis: LowerSet, start: np.ndarray) -> np.ndarray:
    """Coefficients with the least residuals, by a correction to those at the start.

    Columns have the norm one: steps then hardly grow with the number of dimensions.
    """
    data = basis.fit(_data(equation, basis))
    k = basis.indices
    waves = np.pi**2 / 4 * (k + 1) ** 2 @ equation.stiffness  # as short as the polynomials
    inverse = 1 / (equation.sigma + waves)
    blocks, right = [inverse[:, None] * equation.operator(basis)], [inverse * data[:, 0]]
    for axis in range(equation.ndim):
        face = np.flatnonzero(k[:, axis] == 0)
        row = np.searchsorted(face, basis.feet(axis))
        for parity in (0, 1):
            here = np.flatnonzero(k[:, axis] % 2 == parity)
            at_end = np.sqrt(2 * k[here, axis] + 1)
            shape = (len(face), basis.size)
            blocks.append(scipy.sparse.csr_array((at_end, (row[here], here)), shape=shape))
            right.append(data[face, 1 + 2 * axis + parity])
    matrix = scipy.sparse.vstack(blocks, format="csr")
    scale = 1 / np.sqrt((matrix * matrix).sum(axis=0))
    residual = np.concatenate(right) - matrix @ start
    correction, *_ = scipy.sparse.linalg.lsmr(
        matrix @ scipy.sparse.diags_array(scale), residual,
        atol=ACCURACY, btol=ACCURACY, conlim=0, maxiter=STEPS,
    )  # fmt: skip
    return np.asarray(start + scale * correction)


def _data(equation: _Equation, basis: LowerSet) -> np.ndarray:
    """(n, 1 + 2 d): f at the nodes, and for each axis mean and half difference of both faces.

    Even degrees across a face pair take the mean and odd ones the half difference. As these are
    constants across, their polynomials have coefficients in degree 0 alone.
    """
    x = basis.nodes
    columns = [equation.f(x)]
    for axis in range(equation.ndim):
        foot = basis.feet(axis)
        face = np.flatnonzero(basis.indices[:, axis] == 0)
        row = np.searchsorted(face, foot)
        low, high = (equation.g(_moved(x[face], axis, end))[row] for end in (-1.0, 1.0))
        columns += [(high + low) / 2, (high - low) / 2]
    return np.stack(columns, axis=1)


def _moved(x: np.ndarray, axis: int, end: float) -> np.ndarray:
    x = x.copy()
    x[:, axis] = end
    return x
