"""One instance of an equation, as the engine needs it."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from ..datasets.problem import Problem
from ..geometry.calculus.base import check_coordinates
from ..geometry.errors import InputError
from ..geometry.shapes import Box, Shape
from ..geometry.shapes.base import in_box
from .conditions import Condition, Initial, Periodic
from .constraints import StatedField
from .fields import Field, Named, Points
from .instances import end_conditions, initial_names, input_value

ROUNDING = 1e-9  # of a length: how far outside still counts as the boundary


def no_parameters(x: Points) -> SimpleNamespace:
    return SimpleNamespace()


@dataclass(frozen=True, eq=False)
class Statement:
    """Where an equation holds, what it says, and what is known beside it.

    coordinates: names; time, where there is one, is `t` and the first.
    domain: a shape of the other coordinates, None where there are none.
    residual: `residual(u, d, x, p)` as in `Problem`: u is (n,), or a tuple of such for several
    unknowns; it returns as much as there are equations, (n,) each. `x.points` are all coordinates,
    (n, coordinates), for sources in so many that names are of no use.
    conditions: beside the equation, see `conditions`. unknowns: names. times: (first, last).
    parameters: the coordinates by name to the residual's `p`.
    trainable: unknown parameters by name, modules that map coordinates by name to () or (n,) (see
    `inverse`); `p` has their values beside the given ones.

    Raises InputError where these do not fit together.

    >>> from sobolev.geometry.shapes import Interval
    >>> from sobolev.pinns.conditions import Dirichlet
    >>> ends = Dirichlet("left", 0.0), Dirichlet("right", 1.0)
    >>> rod = Statement(("x",), Interval(0, 1), lambda u, d, x, p: d(u, "xx"), ends)
    >>> [condition.name for condition in rod.conditions]
    ['left', 'right']
    """

    coordinates: tuple[str, ...]
    domain: Shape | None
    residual: Callable[[Any, Any, Points, SimpleNamespace], Any]
    conditions: Sequence[Condition] = ()
    unknowns: tuple[str, ...] = ("u",)
    times: tuple[float, float] | None = None
    parameters: Callable[[Points], SimpleNamespace] = no_parameters
    trainable: Mapping[str, nn.Module] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "coordinates", check_coordinates(self.coordinates))
        object.__setattr__(self, "unknowns", tuple(self.unknowns))
        if not self.unknowns or len(set(self.unknowns)) < len(self.unknowns):
            raise InputError(f"expected different names of unknowns, got {self.unknowns}")
        if ("t" in self.coordinates) != (self.times is not None) or "t" in self.coordinates[1:]:
            raise InputError(
                f"expected `times` and a first coordinate t, or neither, got {self.times} and "
                f"{self.coordinates}"
            )
        if self.times is not None and not self.times[0] < self.times[1]:
            raise InputError(f"expected a first time before the last, got {self.times}")
        space = len(self.space)
        if (self.domain.ndim if self.domain is not None else 0) != space:
            got = "none" if self.domain is None else f"one of {self.domain.ndim}"
            axes = self.coordinates[-space:] if space else ()
            raise InputError(f"expected a domain of {space} dimensions for {axes}, got {got}")
        bound = tuple(condition.bound(self) for condition in self.conditions)
        object.__setattr__(self, "conditions", bound)
        names = [condition.name for condition in bound]
        if len(set(names)) < len(names) or "equation" in names:
            raise InputError(
                f"expected different names of conditions, none of them 'equation', got "
                f"{', '.join(names)}; give one as name=..."
            )

    # --- coordinates ------------------------------------------------------------------------

    @property
    def time(self) -> int | None:
        """Column of the time, None if steady."""
        return None if self.times is None else 0

    @property
    def space(self) -> list[int]:
        """Columns of the space coordinates."""
        return [i for i, name in enumerate(self.coordinates) if name != "t"]

    @property
    def extent(self) -> tuple[tuple[float, float], ...]:
        """(low, high) of each coordinate."""
        times = () if self.times is None else ((float(self.times[0]), float(self.times[1])),)
        return (*times, *(self.domain.bounds if self.domain is not None else ()))

    @property
    def periodic(self) -> tuple[bool, ...]:
        """Whether a network repeats itself along each coordinate."""
        wraps = {c.coordinate for c in self.conditions if isinstance(c, Periodic) and c.hard}
        return tuple(name in wraps for name in self.coordinates)

    @property
    def joined(self) -> frozenset[str]:
        """Pieces of the boundary that are no ends, because the solution goes on periodically."""
        if self.domain is None:
            return frozenset()
        names = [self.coordinates[i] for i in self.space]
        joined = {c.coordinate for c in self.conditions if isinstance(c, Periodic)} & set(names)
        ends = [self.domain.faces(names.index(name)) or () for name in joined]
        return frozenset(name for pair in ends for name in pair)

    def named(self, points: Tensor) -> Points:
        """Points (n, coordinates) to coordinates by name, each (n,)."""
        return Named(points, self.coordinates)

    def split(self, values: Tensor) -> Any:
        """Values (n, unknowns) as a residual takes them: (n,), or a tuple of such."""
        columns = tuple(values.unbind(dim=-1))
        return columns if len(self.unknowns) > 1 else columns[0]

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the terms of a loss: the equation, and the conditions that are not hard."""
        return ("equation", *(c.name for c in self.conditions if not c.hard))

    # --- points -----------------------------------------------------------------------------

    def times_from_unit(self, unit: Tensor) -> Tensor:
        """(n,) in the unit interval to times, neither the first nor the last."""
        assert self.times is not None
        return Box(*([end] for end in self.times)).interior(unit[:, None])[:, 0]

    def interior(self, unit: Tensor) -> Tensor:
        """Points of the unit cube (n, coordinates) to points of the domain and the times.

        Never on the boundary. Where the domain does not fill its box, fewer come back.
        """
        if self.domain is None:
            return self.times_from_unit(unit[:, 0])[:, None]
        if self.times is None:
            return self.domain.interior(unit)
        if isinstance(self.domain, Box):
            return in_box(self.extent, unit)
        unit = unit[self.inside(unit)]
        space = self.domain.interior(unit[:, self.space])
        return torch.cat([self.times_from_unit(unit[:, 0])[:, None], space], dim=1)

    def inside(self, unit: Tensor) -> Tensor:
        """Whether `interior` gives a point for each point of the unit cube, bool (n,)."""
        if self.domain is None or self.domain.fills:
            return torch.ones(len(unit), dtype=torch.bool)
        return self.domain.contains(in_box(self.domain.bounds, unit[:, self.space]))

    def holds(self, points: Tensor) -> Tensor:
        """Whether points (n, coordinates) lie in the domain or on its boundary, bool (n,)."""
        low, high = torch.tensor(self.extent, dtype=points.dtype).T
        slack = ROUNDING * (high - low)
        held = ((points >= low - slack) & (points <= high + slack)).all(dim=1)
        if self.domain is not None:
            near = self.domain.signed_distance(points[:, self.space])
            held &= near <= ROUNDING * self.domain.size
        return held

    # --- the equation -----------------------------------------------------------------------

    def equation(self, u: Any, d: Any, x: Points, trainable: nn.ModuleDict | None = None) -> Any:
        """The residual, with the unknown parameters of `trainable` or of the start."""
        p = SimpleNamespace(**vars(self.parameters(x)))
        for name, module in (self.trainable if trainable is None else trainable).items():
            setattr(p, name, module(x))
        try:
            return self.residual(u, d, x, p)
        except (ValueError, TypeError) as problem:
            if "unpack" not in str(problem):
                raise
            raise InputError(
                f"expected a residual of {len(self.unknowns)} unknown(s) {', '.join(self.unknowns)}"
                f", got one that takes u apart: {problem}"
            ) from problem

    def trainable_copy(self) -> nn.ModuleDict:
        """The unknown parameters as they start, a module of its own."""
        return nn.ModuleDict({name: copy.deepcopy(m) for name, m in self.trainable.items()})

    def with_hard_initial(self) -> Statement:
        """The same statement with its initial conditions hard."""
        each = [
            dataclasses.replace(c, hard=True) if isinstance(c, Initial) else c
            for c in self.conditions
        ]
        return dataclasses.replace(self, conditions=each)

    def wrap(self, network: nn.Module) -> StatedField:
        """The network with the hard conditions built in, (n, coordinates) to (n, unknowns)."""
        return StatedField(self, network)


def state_problem(
    problem: Problem,
    inputs: Mapping[str, Any],
    boundary: Field | None = None,
    conditions: Sequence[Condition] = (),
) -> Statement:
    """The statement of one instance of a problem.

    inputs: by name, one value for each of `problem.inputs`: a number for a scalar; for a field a
    callable of the coordinates, a `Function`, or an array on `problem.grid(len(array))`; a module
    of `inverse` for what is to be found. conditions: more of them, such as `Data`.
    boundary: values of every unknown on all ends, instead of what the problem says of them.
    Raises InputError on what is missing, of another kind or shape, and for a problem that does not
    say what holds at its ends.
    """
    grid = problem.grid(8)
    values = {v.name: input_value(problem, v, inputs) for v in problem.inputs}
    trainable = {name: v for name, v in values.items() if isinstance(v, nn.Module)}
    values |= dict.fromkeys(trainable, math.nan)  # `p` gets them as they are at each step
    initial = () if problem.times is None else initial_names(problem)
    if unknown := sorted(trainable.keys() & set(initial)):
        raise InputError(f"expected initial values that are known, got a module as {unknown}")
    fields = [
        v.name
        for v in problem.inputs
        if v.kind == "field" and v.name not in initial and v.name not in trainable
    ]

    def parameters(x: Points) -> SimpleNamespace:
        here = {name: values[name](x) for name in fields}
        return problem.parameters({**values, **here}, ndim=1)

    stated: list[Condition] = [
        Periodic(name, hard=True)
        for name, wraps in zip(grid.names, grid.wraps, strict=True)
        if wraps
    ]
    for name, output in zip(initial, problem.outputs, strict=False):
        stated.append(Initial(values[name], of=output.name))
    if not all(grid.wraps):
        stated += end_conditions(problem, inputs, boundary)
    times = problem.times
    return Statement(
        tuple(problem.coordinates),
        Box(*zip(*grid.extent, strict=True)) if grid.ndim else None,
        problem.residual,
        [*stated, *conditions],
        problem.unknowns,
        None if times is None else (float(times[0]), float(times[-1])),
        parameters,
        trainable,
    )
