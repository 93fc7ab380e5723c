"""`Stencil`: a linear difference formula as offsets and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...geometry.derivatives import difference_weights
from ...geometry.errors import InputError
from ...geometry.grid import Grid

ORDERS = (1, 2, 3, 4, 5, 6)


@dataclass(frozen=True)
class Stencil:
    """(S u)_i = sum_k weights[k] u_(i + offsets[k]); weights hold the powers of the spacing.

    Stencils add, scale by numbers, and compose: (S @ T) u = S (T u).

    >>> second = Stencil.along(0, 1, 2, 2, spacing=0.5)
    >>> second.offsets, second.weights
    (((-1,), (0,), (1,)), (4.0, -8.0, 4.0))
    >>> (second @ second).weights
    (16.0, -64.0, 96.0, -64.0, 16.0)
    """

    offsets: tuple[tuple[int, ...], ...]
    weights: tuple[float, ...]

    @staticmethod
    def along(
        axis: int, ndim: int, derivative: int, order: int, spacing: float, side: int = 0
    ) -> Stencil:
        """A derivative along one axis, exact to `order` in the spacing.

        side 0: centred, for even orders; -1 and +1: one point more on that side than on the
        other, for odd orders and the first derivative (upwind where the flow comes from there).
        Raises `InputError` for other orders.
        """
        if order not in ORDERS or (side == 0) != (order % 2 == 0):
            raise InputError(
                "expected an order of 2, 4, 6 for a centred derivative or 1, 3, 5 for a one-sided"
                f" one, got {order} with side {side}"
            )
        if side and derivative != 1:
            raise InputError(f"expected a first derivative for side {side}, got {derivative}")
        if side:
            near = range(-((order + 1) // 2), order // 2 + 1)
            offsets = tuple(-side * k for k in near)
        else:
            half = (derivative + 1) // 2 - 1 + order // 2
            offsets = tuple(range(-half, half + 1))
        found = zip(offsets, difference_weights(offsets, derivative), strict=True)
        table = {
            tuple(k if d == axis else 0 for d in range(ndim)): weight / spacing**derivative
            for k, weight in found
        }
        return _stencil(table)

    @property
    def reach(self) -> tuple[int, ...]:
        """Largest distance along each axis."""
        return tuple(max(abs(k) for k in column) for column in zip(*self.offsets, strict=True))

    def __add__(self, other: Stencil) -> Stencil:
        table = dict(zip(self.offsets, self.weights, strict=True))
        for offset, weight in zip(other.offsets, other.weights, strict=True):
            table[offset] = table.get(offset, 0.0) + weight
        return _stencil(table)

    def __mul__(self, factor: float) -> Stencil:
        return Stencil(self.offsets, tuple(factor * weight for weight in self.weights))

    __rmul__ = __mul__

    def __matmul__(self, other: Stencil) -> Stencil:
        table: dict[tuple[int, ...], float] = {}
        for a, v in zip(self.offsets, self.weights, strict=True):
            for b, w in zip(other.offsets, other.weights, strict=True):
                offset = tuple(i + j for i, j in zip(a, b, strict=True))
                table[offset] = table.get(offset, 0.0) + v * w
        return _stencil(table)


def derivative_stencil(derivative: str, grid: Grid, order: int) -> Stencil:
    """The stencil of a derivative written as in the calculus of a problem.

    "x", "xx", "xy", "xxxx", ...: letters are names of axes, mixed ones compose; "laplacian" is
    their sum over all axes and "bilaplacian" the laplacian of itself; "x-" and "x+" are upwind
    for a flow to the right and to the left, of the odd order `order` - 1.

    >>> grid = Grid(((0.0, 4.0), (0.0, 4.0)), (4, 4), periodic=True)
    >>> derivative_stencil("laplacian", grid, 2).offsets
    ((-1, 0), (0, -1), (0, 0), (0, 1), (1, 0))
    >>> derivative_stencil("x-", grid, 2).weights
    (-1.0, 1.0)
    """
    if derivative == "laplacian":
        total = derivative_stencil(2 * grid.names[0], grid, order)
        for name in grid.names[1:]:
            total = total + derivative_stencil(2 * name, grid, order)
        return total
    if derivative == "bilaplacian":
        once = derivative_stencil("laplacian", grid, order)
        return once @ once
    letters = derivative.rstrip("+-")
    side = {"": 0, "-": -1, "+": 1}.get(derivative[len(letters) :])
    if not letters or side is None or set(letters) - set(grid.names):
        raise InputError(
            f"expected a derivative in {', '.join(grid.names)}, 'laplacian' or 'bilaplacian', "
            f"got {derivative!r}"
        )
    if side:
        order -= 1
    factors = [
        Stencil.along(axis, grid.ndim, letters.count(name), order, grid.spacing[axis], side)
        for axis, name in enumerate(grid.names)
        if name in letters
    ]
    result = factors[0]
    for factor in factors[1:]:
        result = result @ factor
    return result


def _stencil(table: Mapping[tuple[int, ...], float]) -> Stencil:
    """Sorted, without weights that are zero."""
    kept = sorted((offset, weight) for offset, weight in table.items() if weight)
    return Stencil(tuple(offset for offset, _ in kept), tuple(weight for _, weight in kept))
