"""Poisson and Helmholtz equations on boxes, directly: the modes of each axis make them diagonal.

Haidvogel & Zang, The accurate solution of Poisson's equation by expansion in Chebyshev
polynomials, J. Comput. Phys. 30 (1979); here with a symmetric weak form on the same points.
"""

from __future__ import annotations

from functools import lru_cache, reduce

import numpy as np

from ...geometry.errors import InputError
from .basis import ChebyshevBasis, along_all
from .boundary import INSULATED, Boundary, End, ends_of
from .modes import AxisModes

SINGULAR = 1e-13  # relative size of an eigenvalue that counts as zero


class Box:
    """One box with its boundary, factored once and used for any number of right-hand sides.

    boundary: slopes of zero unless told.

    >>> basis = ChebyshevBasis(((0.0, 1.0), (0.0, 1.0)), (20, 20))
    >>> x, y = basis.coordinates()
    >>> u = np.cos(np.pi * x) * np.cos(2 * np.pi * y)
    >>> box = Box(basis)
    >>> bool(np.abs(box.solve(5 * np.pi**2 * u) - u).max() < 1e-13)
    True
    """

    def __init__(self, basis: ChebyshevBasis, boundary: Boundary = INSULATED) -> None:
        self.basis = basis
        self.ends = ends_of(boundary, basis)
        for axis, n in enumerate(basis.shape):
            if n < 4:
                raise InputError(f"expected at least 4 points on axis {axis}, got {n}")
        self.modes = [
            _axis_modes(length, n, *((end.value, end.slope) for end in pair))
            for length, n, pair in zip(basis.lengths, basis.shape, self.ends, strict=True)
        ]
        self.mass = reduce(np.multiply.outer, [axis.mass for axis in self.modes])
        """(*modes) square norms of the modes"""
        self.stiffness = self._sum_over_axes()
        """(*modes) energies |grad v|^2 of the modes, with what leaks through natural ends"""

    @property
    def moves(self) -> bool:
        """Whether any of the data depends on time."""
        return any(end.moves for pair in self.ends for end in pair)

    def values(self, coefficients: np.ndarray) -> np.ndarray:
        """(..., *modes) to (..., *shape)."""
        return along_all([axis.values for axis in self.modes], coefficients)

    def project(self, values: np.ndarray) -> np.ndarray:
        """Coefficients of values (..., *shape) that meet the homogeneous conditions on values."""
        return along_all([axis.project for axis in self.modes], values)

    def load(self, values: np.ndarray) -> np.ndarray:
        """Inner products of a function with the modes."""
        return along_all([axis.load for axis in self.modes], values)

    def loads_from(self, shape: tuple[int, ...]) -> list[np.ndarray]:
        """The matrices of `load` for values on another number of Chebyshev points."""
        return [axis.load_from(n) for axis, n in zip(self.modes, shape, strict=True)]

    def lift(self, t: float = 0.0) -> np.ndarray:
        """A smooth function with the given values, (..., *shape): linear between opposite ends.

        Gordon & Hall, Transfinite element methods, Numer. Math. 21 (1973).
        """
        basis = self.basis
        result = np.zeros(basis.shape)
        for axis, pair in enumerate(self.ends):
            (left, right), x = basis.extent[axis], basis.axes[axis]
            hats = ((right - x) / (right - left), (x - left) / (right - left))
            for end, (place, hat) in zip(pair, zip((0, -1), hats, strict=True), strict=True):
                if end.essential:
                    face = basis.shape[:axis] + basis.shape[axis + 1 :]
                    gap = end.at(t, face) / end.value - np.take(result, place, axis - basis.ndim)
                    result = result + _spread(gap, hat, axis - basis.ndim)
        return result

    def pull(self, lift: np.ndarray, t: float = 0.0) -> np.ndarray:
        """What the data at the ends adds to lap u, tested with the modes, (..., *modes).

        Natural data, less the energy of the lift with the modes.
        """
        total = np.zeros(())
        for axis, (own, pair) in enumerate(zip(self.modes, self.ends, strict=True)):
            place = axis - self.basis.ndim
            matrices = [modes.load for modes in self.modes]
            matrices[axis] = own.energy
            total = total - along_all(matrices, lift)
            face = self.basis.shape[:axis] + self.basis.shape[axis + 1 :]
            others = [modes.load for d, modes in enumerate(self.modes) if d != axis]
            for end, sign, trace in zip(pair, (-1.0, 1.0), own.traces, strict=True):
                if not end.essential:
                    data = sign * end.at(t, face) / end.slope
                    total = total + _spread(along_all(others, data), trace, place)
        return total

    def solve(
        self, f: np.ndarray, sigma: float | np.ndarray = 0.0, a: float | np.ndarray = 1.0,
        t: float = 0.0,
    ) -> np.ndarray:  # fmt: skip
        """u with sigma u - a lap u = f, (..., *shape), for f of that shape.

        sigma, a: numbers, or (batch,) for f with one leading axis. Where constants solve the
        homogeneous equation (sigma zero and slopes given at all ends) the mean of u is zero.

        Raises `InputError` where the equation has no solution or a mode in resonance.
        """
        f = self.basis._checked(f)
        sigma, a = (np.asarray(value, dtype=np.float64) for value in (sigma, a))
        tail = (slice(None), *[None] * self.basis.ndim)
        sigma, a = (value[tail] if value.ndim else value for value in (sigma, a))
        lift = self.lift(t)
        try:
            right = self.load(f) + a * self.pull(lift, t) - sigma * self.load(lift)
        except ValueError as problem:
            raise InputError(
                f"expected f, sigma, a and data of one batch, got f of shape {f.shape} with "
                f"coefficients of {sigma.shape} and {a.shape} and a lift of {lift.shape}"
            ) from problem
        left = sigma * self.mass + a * self.stiffness
        size = np.abs(sigma) * self.mass + np.abs(a) * (np.abs(self.stiffness) + self.mass)
        small = np.broadcast_to(np.abs(left) <= SINGULAR * size, right.shape)
        if np.any(small):
            scale = np.abs(right).max()
            if np.any(np.abs(right[small]) > 1e-8 * scale):
                raise InputError(
                    "expected data that the equation can balance (slopes at all ends: f and the "
                    "slopes must sum to zero), got a mode without a solution"
                )
        # numpy divides before it chooses
        c = np.where(small, 0.0, right) / np.where(small, 1.0, left)
        return lift + self.values(c)

    def _sum_over_axes(self) -> np.ndarray:
        total = np.zeros_like(self.mass)
        for axis in range(self.basis.ndim):
            each = [m.stiffness if d == axis else m.mass for d, m in enumerate(self.modes)]
            total += reduce(np.multiply.outer, each)
        return total


@lru_cache(maxsize=32)
def _axis_modes(
    length: float, n: int, low: tuple[float, float], high: tuple[float, float]
) -> AxisModes:
    return AxisModes(length, n, End(*low), End(*high))


def _spread(face: np.ndarray, profile: np.ndarray, axis: int) -> np.ndarray:
    """Values on a face times a profile along the axis that it lacks."""
    shape = [1] * (-axis)
    shape[0] = len(profile)
    return np.expand_dims(face, axis) * profile.reshape(shape)
