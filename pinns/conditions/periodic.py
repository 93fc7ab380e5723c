"""Solutions that go on from one end to the other."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ...geometry.errors import InputError
from ..derivatives.jets import plain
from ..fields import Points
from .base import Condition

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ..statement import Statement


@dataclass(frozen=True, eq=False)
class Periodic(Condition):
    """All unknowns go on from one end of a space coordinate to the other.

    hard: by an embedding of the coordinate in sines and cosines, which every network of ours
    has; else values and the first `derivatives` derivatives at the two ends are compared.
    """

    coordinate: str
    derivatives: int = 1

    @property
    def label(self) -> str:
        return f"periodic {self.coordinate}"

    def bound(self, statement: Statement) -> Condition:
        space = [name for name in statement.coordinates if name != "t"]
        if self.coordinate not in space or statement.domain is None:
            raise InputError(
                f"expected a space coordinate of {space} as periodic, got '{self.coordinate}'"
            )
        if statement.domain.faces(space.index(self.coordinate)) is None:
            raise InputError(
                f"expected a domain with two opposite faces along '{self.coordinate}', got "
                f"{statement.domain!r}; only boxes repeat themselves"
            )
        if self.of is not None:
            raise InputError("expected a Periodic for all unknowns, got one `of` an unknown")
        return dataclasses.replace(self, name=self.name or self.label)

    def rows(self, statement: Statement, unit: Tensor) -> Tensor:
        """Points in pairs, one after the other, of the two ends: an even number of rows."""
        points = statement.interior(unit)
        points = points.repeat_interleave(2, dim=0)
        column = statement.coordinates.index(self.coordinate)
        for i, end in enumerate(statement.extent[column]):
            points[i::2, column] = end
        return points

    def misfit(self, u: Any, d: Calculus, x: Points, rows: Tensor) -> Any:
        """Differences of the pairs, one for each of their points."""
        parts: list[Any] = []
        for one in u if isinstance(u, tuple) else (u,):
            parts.append(_gap(one))
            for order in range(1, self.derivatives + 1):
                parts.append(_gap(d(one, *[self.coordinate] * order)))
        return tuple(parts)


def _gap(values: Any) -> Any:
    """The difference of each point to its partner, (m,), in pairs that follow each other."""
    pairs = plain(values).reshape(-1, 2)  # a difference of points has no derivatives
    return (pairs - pairs.flip(1)).reshape(-1)
