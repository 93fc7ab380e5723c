"""Uniform grids on boxes. The conventions of the whole project stand here, once.

- Axis order is ``ij``: axis 0 of an array is x, axis 1 is y, axis 2 is z. Values of a function on
  a grid have shape ``(*leading, *grid.shape)``; batch, frames and channels lead.
- With n points on an axis of length L:

  ========== ============ =========== ======================== ==================
  periodic   centering    spacing h   points                   quadrature weights
  ========== ============ =========== ======================== ==================
  yes        "vertex"     L / n       left + i h               h
  yes        "cell"       L / n       left + (i + 1/2) h       h
  no         "vertex"     L / (n-1)   left + i h, both ends    h, and h/2 at ends
  no         "cell"       L / n       left + (i + 1/2) h       h
  ========== ============ =========== ======================== ==================

- A periodic axis leaves out its right end, which is the left one again.
- `Grid((), ())` has no axes: one point of weight 1, where the states of ordinary differential
  equations live. Values on it have shape ``leading``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property, reduce
from typing import Any, Literal

import numpy as np

from .errors import InputError


@dataclass(frozen=True)
class Grid:
    """A uniform grid on a box; frozen and hashable, so that it can be a key of a cache.

    Parameters
    ----------
    extent : ((left, right), ...), one pair for each axis, in `units`
    shape : points on each axis
    periodic : a bool for each axis, or one for all; the attribute is always a tuple
    centering : "vertex" (points on the corners of cells) or "cell" (in their middles)
    names : of the axes; x, y, z unless told
    units : of the coordinates

    Raises `InputError` where these do not describe a grid.

    >>> grid = Grid(((0.0, 1.0),), (5,))
    >>> grid.spacing
    (0.25,)
    >>> grid.axes[0]
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """

    extent: tuple[tuple[float, float], ...]
    shape: tuple[int, ...]
    periodic: Any = False  # a bool or one for each axis; always a tuple[bool, ...] afterwards
    centering: Literal["vertex", "cell"] = "vertex"
    names: tuple[str, ...] = ()
    units: str = "1"

    def __post_init__(self) -> None:
        extent = _pairs(self.extent)
        ndim = len(extent)
        shape = _counts(self.shape, ndim)
        periodic = self.periodic
        if isinstance(periodic, bool | np.bool_):
            periodic = (bool(periodic),) * ndim
        periodic = tuple(bool(flag) for flag in periodic)
        names = tuple(self.names) or ("x", "y", "z")[:ndim]
        for what, given in (("periodic", periodic), ("names", names)):
            if len(given) != ndim:
                raise InputError(
                    f"expected {what} with {ndim} entries, got {given}; give one for each axis"
                )
        if len(set(names)) != ndim:
            raise InputError(f"expected different names, got {names}; rename an axis")
        if self.centering not in ("vertex", "cell"):
            raise InputError(f"expected centering 'vertex' or 'cell', got {self.centering!r}")
        if self.centering == "vertex" and any(
            n < 2 and not wraps for n, wraps in zip(shape, periodic, strict=True)
        ):
            raise InputError(
                f"expected at least 2 points on a vertex axis that is not periodic, got {shape}"
            )
        for name, value in (
            ("extent", extent),
            ("shape", shape),
            ("periodic", periodic),
            ("names", names),
        ):
            object.__setattr__(self, name, value)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def wraps(self) -> tuple[bool, ...]:
        """`periodic`, typed as what it is after construction."""
        return self.periodic

    @property
    def lengths(self) -> tuple[float, ...]:
        return tuple(right - left for left, right in self.extent)

    @cached_property
    def spacing(self) -> tuple[float, ...]:
        return tuple(
            length / (n if wraps or self.centering == "cell" else n - 1)
            for length, n, wraps in zip(self.lengths, self.shape, self.periodic, strict=True)
        )

    @property
    def axes(self) -> tuple[np.ndarray, ...]:
        """Coordinates along each axis, float64."""
        shift = 0.5 if self.centering == "cell" else 0.0
        result = []
        for axis, (left, right) in enumerate(self.extent):
            points = left + (np.arange(self.shape[axis]) + shift) * self.spacing[axis]
            if self.centering == "vertex" and not self.periodic[axis]:
                points[-1] = right  # without the rounding of (n - 1) h
            result.append(points)
        return tuple(result)

    @property
    def axis_weights(self) -> tuple[np.ndarray, ...]:
        """Quadrature weights along each axis; `weights` is their outer product."""
        result = []
        for n, h, wraps in zip(self.shape, self.spacing, self.periodic, strict=True):
            weights = np.full(n, h)
            if self.centering == "vertex" and not wraps:
                weights[[0, -1]] = 0.5 * h
            result.append(weights)
        return tuple(result)

    @property
    def weights(self) -> np.ndarray:
        """Quadrature weights, of shape `shape`; they sum to the volume of the box."""
        return reduce(np.multiply.outer, self.axis_weights, np.ones(()))

    def coordinates(self) -> np.ndarray:
        """Coordinates of all points, of shape (ndim, *shape)."""
        if not self.ndim:
            return np.zeros((0,))
        return np.stack(np.meshgrid(*self.axes, indexing="ij"))

    def with_shape(self, shape: Sequence[int]) -> Grid:
        """The same box with other numbers of points."""
        return replace(self, shape=tuple(shape))

    def subsample(self, stride: int | Sequence[int]) -> Grid:
        """The grid of every stride-th point, which is `values[..., ::stride, ::stride]`.

        Raises `InputError` where these points are no grid on the same box: on cell grids, and
        where the stride does not divide the number of intervals.
        """
        strides = (stride,) * self.ndim if isinstance(stride, int) else tuple(stride)
        strides = _counts(strides, self.ndim)
        if self.centering == "cell" and any(s > 1 for s in strides):
            raise InputError(
                "expected a vertex grid, got cells, whose every n-th centre is no centre of a "
                "larger cell; average cells or interpolate"
            )
        shape = []
        for n, s, wraps in zip(self.shape, strides, self.periodic, strict=True):
            intervals = n if wraps else n - 1
            if intervals % s:
                raise InputError(
                    f"expected a stride that divides {intervals} intervals, got {s}; "
                    "choose a divisor or interpolate"
                )
            shape.append(intervals // s if wraps else intervals // s + 1)
        return self.with_shape(shape)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, strings and numbers for JSON."""
        plain = asdict(self)
        plain["extent"] = [list(pair) for pair in self.extent]
        for name in ("shape", "periodic", "names"):
            plain[name] = list(plain[name])
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Grid:
        """The inverse of `to_dict`; `InputError` on missing and unknown keys."""
        known = {field.name for field in fields(cls)}
        if unknown := set(plain) - known:
            raise InputError(f"expected grid keys {sorted(known)}, got {sorted(unknown)}")
        if missing := {"extent", "shape"} - set(plain):
            raise InputError(f"expected grid keys 'extent' and 'shape', missing {sorted(missing)}")
        sequences = ("shape", "periodic", "names")
        ready: dict[str, Any] = {
            key: tuple(value) if key in sequences and isinstance(value, list) else value
            for key, value in plain.items()
        }
        return cls(**ready)


def _pairs(extent: Any) -> tuple[tuple[float, float], ...]:
    try:
        pairs = tuple((float(left), float(right)) for left, right in extent)
    except (TypeError, ValueError) as problem:
        raise InputError(
            f"expected extent ((left, right), ...), got {extent!r}; give a pair for each axis"
        ) from problem
    for left, right in pairs:
        if not (math.isfinite(left) and math.isfinite(right) and left < right):
            raise InputError(f"expected finite left < right, got ({left}, {right})")
    return pairs


def _counts(counts: Any, ndim: int) -> tuple[int, ...]:
    """Positive integers, one for each axis."""
    try:
        result = tuple(int(count) for count in counts)
        exact = all(
            int(count) == count and not isinstance(count, bool | np.bool_) for count in counts
        )
    except (TypeError, ValueError, OverflowError) as problem:
        raise InputError(f"expected {ndim} positive integers, got {counts!r}") from problem
    if len(result) != ndim or not exact or any(count < 1 for count in result):
        raise InputError(f"expected {ndim} positive integers, got {counts!r}; one for each axis")
    return result
