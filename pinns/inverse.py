"""Unknown parameters of an equation: numbers and functions that are found beside the solution.

A statement takes them by name (`trainable`), and so does `state_problem` in the place of an
input; the residual reads them from `p`. Measured `Data` decides them, which `measured` reads.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..datasets.problem import Problem
from ..geometry.errors import InputError
from .conditions import Data
from .fields import Points
from .instances import initial_names
from .networks import MLP, Coordinates

DRAWS = 65
"""Samples that tell where a problem draws a number."""


class Parameter(nn.Module):
    """A number that is to be found.

    start: where the search begins. positive: the number is exp(q) and q is searched, so that a
    step changes it by a share of itself. bounds: it stays between (low, high), as
    low + (high - low) sigmoid(q). Raises InputError for a start that breaks these.

    >>> viscosity = Parameter(0.1, positive=True)
    >>> round(viscosity.value, 12)
    0.1
    """

    def __init__(
        self, start: float, positive: bool = False, bounds: tuple[float, float] | None = None
    ) -> None:
        super().__init__()
        if not math.isfinite(start) or (positive and start <= 0):
            what = "positive" if positive else "finite"
            raise InputError(f"expected a {what} number as start, got {start}")
        if bounds is not None and (positive or not bounds[0] < start < bounds[1]):
            raise InputError(
                f"expected low < start < high as bounds, and no positive beside them, got {bounds} "
                f"and {start}"
            )
        self.positive, self.bounds = positive, bounds
        if positive:
            start = math.log(start)
        elif bounds is not None:
            share = (start - bounds[0]) / (bounds[1] - bounds[0])
            start = math.log(share / (1.0 - share))
        self.raw = nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def forward(self, x: Points) -> Tensor:
        """The number, whatever the coordinates are."""
        if self.positive:
            return torch.exp(self.raw)
        if self.bounds is None:
            return self.raw * 1.0
        low, high = self.bounds
        return low + (high - low) * torch.sigmoid(self.raw)

    @property
    def value(self) -> float:
        """The number as it is now."""
        return float(self({}).detach())


class CoefficientField(nn.Module):
    """A function of some coordinates that is to be found, as a network.

    extent: name to (low, high) of the coordinates that it depends on. start: its value before
    training, everywhere. positive: it is start exp(N), else start + N. width, depth, seed: of the
    network N. A small network is smooth, which is what regularises the search.

    >>> conductivity = CoefficientField({"x": (0.0, 1.0)}, start=2.0, positive=True)
    >>> conductivity({"x": torch.zeros(3, dtype=torch.float64)}).tolist()
    [2.0, 2.0, 2.0]
    """

    def __init__(
        self,
        extent: dict[str, Sequence[float]],
        start: float = 1.0,
        positive: bool = False,
        width: int = 12,
        depth: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not extent or not math.isfinite(start) or (positive and start <= 0):
            raise InputError(
                f"expected coordinates and a finite start, positive where the field is, got "
                f"{list(extent)} and {start}"
            )
        self.names, self.start, self.positive = tuple(extent), float(start), positive
        ends = [(float(low), float(high)) for low, high in extent.values()]
        coordinates = Coordinates(ends, [False] * len(ends))
        self.network = MLP(coordinates, width, depth, "tanh", seed)
        nn.init.zeros_(self.network.last.weight)

    def forward(self, x: Points) -> Tensor:
        """Coordinates by name, each (n,), to values (n,)."""
        values = self.network(torch.stack([x[name] for name in self.names], dim=1))[:, 0]
        return self.start * torch.exp(values) if self.positive else self.start + values


def found(field: Any) -> dict[str, float]:
    """The numbers among the unknown parameters of a solution as they are now, by name."""
    each: Mapping[str, nn.Module] = field.trainable
    return {name: one.value for name, one in each.items() if isinstance(one, Parameter)}


def numbers_to_find(problem: Problem, names: Sequence[str]) -> dict[str, Parameter]:
    """Inputs of a problem as parameters, by name, to be given to `state_problem` in their place.

    Each starts at the median of what the problem draws, and stays positive where all of that is.
    Raises InputError for what is no number of the problem, or an initial value.
    """
    initial = initial_names(problem) if problem.times is not None else ()
    known = [v.name for v in problem.inputs if v.kind == "scalar" and v.name not in initial]
    if others := [name for name in names if name not in known]:
        has = ", ".join(known) or "it has none"
        raise InputError(
            f"expected numbers of '{problem.name}' to find ({has}), got {', '.join(others)}; a "
            "coefficient that is a field can be found from Python"
        )
    grid = problem.grid(8)
    draws = [problem.evaluate(problem.draw_sample(0, i), grid) for i in range(DRAWS)]
    starts = {}
    for name in names:
        values = [float(draw[name]) for draw in draws]
        starts[name] = Parameter(float(np.median(values)), positive=min(values) > 0.0)
    return starts


def measured(
    text: str, coordinates: Sequence[str], unknowns: Sequence[str], source: str = "the measurements"
) -> list[Data]:
    """Measurements as conditions, one for each unknown that was measured.

    text: comma-separated values, in the first line names: all of the coordinates, and one or more
    of the unknowns. Raises InputError for other columns, and for a cell that is no finite number.
    """
    reader = csv.reader(io.StringIO(text), skipinitialspace=True)
    lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    names = lines[0][1] if lines else []
    seen = [name for name in unknowns if name in names]
    if not seen or sorted(names) != sorted([*coordinates, *seen]):
        some = f"some of {', '.join(unknowns)}" if len(unknowns) > 1 else unknowns[0]
        raise InputError(
            f"expected the columns {', '.join(coordinates)} and {some} in {source}, got "
            f"{', '.join(names) or 'none'}"
        )
    if len(lines) < 2:
        raise InputError(f"expected lines of numbers in {source}, got names of columns alone")
    rows = [_numbers(names, cells, f"line {number} of {source}") for number, cells in lines[1:]]
    columns = dict(zip(names, np.array(rows).T, strict=True))
    points = {name: columns[name] for name in coordinates}
    several = len(unknowns) > 1
    return [Data(points, columns[name], of=name if several else None) for name in seen]


def _numbers(names: Sequence[str], cells: Sequence[str], where: str) -> list[float]:
    """One line of measurements. Raises InputError where a cell is missing or not finite."""
    if len(cells) != len(names):
        raise InputError(f"expected {len(names)} numbers in {where}, got {len(cells)}")
    values = []
    for name, cell in zip(names, cells, strict=True):
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"expected a finite number as {name} in {where}, got '{cell}'")
        values.append(value)
    return values
