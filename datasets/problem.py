"""The contract of a problem: one definition that gives solver, data, training and comparison.

A problem is a frozen dataclass; its fields are the parameters of the distribution of its inputs.
It knows no file, no network and no worker. To add one, subclass `Problem`, fill in the class
attributes and the abstract methods, and name it in the entry point group `sobolev.problems`
(from another package) or in `datasets/registry.py` (here).
"""

from __future__ import annotations

import dataclasses
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from ..geometry.interpolation import interpolate

if TYPE_CHECKING:
    from ..geometry.calculus.base import Calculus
    from ..solvers.solution import Solution

Draw = dict[str, Any]
"""The random input of one sample, free of any resolution: arrays of normals, and numbers."""

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Fidelity:
    """How carefully the reference solver works: the knob of a work-precision comparison.

    resolution  points (or cells) an axis
    tolerance   relative: the residual of an elliptic solve, the error a time stepper aims at
    steps       time steps over the whole horizon; None lets the tolerance choose them
    order       order of the time stepper; None takes the problem's own
    """

    resolution: int
    tolerance: float = 1e-8
    steps: int | None = None
    order: int | None = None

    def __post_init__(self) -> None:
        if self.resolution < 4:
            raise InputError(f"expected a resolution of at least 4, got {self.resolution}")
        if not 0 < self.tolerance < 1:
            raise InputError(f"expected a tolerance between 0 and 1, got {self.tolerance}")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"expected at least one time step, got {self.steps}")

    def label(self) -> str:
        """Short name for tables: `n=64, tol=1e-08`."""
        parts = [f"n={self.resolution}"]
        parts.append(f"tol={self.tolerance:.0e}" if self.steps is None else f"steps={self.steps}")
        if self.order is not None:
            parts.append(f"order={self.order}")
        return ", ".join(parts)


ITERATED = tuple(
    Fidelity(n, tolerance)
    for n in (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
    for tolerance in (1e-1, 1e-2, 1e-4)
)
"""The ladder of steady problems whose solver iterates to a tolerance."""


@dataclass(frozen=True)
class Variable:
    """An input or output of a problem. A scalar has one value a sample, a field one a point.

    The kind is declared and never read off a shape: a viscosity of shape (B,) would otherwise
    broadcast along x wherever B equals the number of points.
    """

    name: str
    units: str = "1"
    kind: Literal["field", "scalar"] = "field"
    description: str = ""


@dataclass(frozen=True)
class End:
    """What holds for an output at one end of an axis: its value, or its slope outwards."""

    axis: str
    upper: bool
    output: str
    kind: Literal["value", "slope"]
    value: float = 0.0


@dataclass(frozen=True)
class TruthCheck:
    """One independent check of stored solutions: passed where `figure <= limit`."""

    name: str
    figure: float
    limit: float

    @property
    def passed(self) -> bool:
        return bool(math.isfinite(self.figure) and self.figure <= self.limit)


@dataclass(frozen=True)
class Card:
    """What a reader must know of a problem before using its data, beside its equation."""

    domain: str
    conditions: str
    inputs: str
    solver: str
    source: str

    def text(self) -> str:
        """The card as lines `field: text`."""
        return "\n".join(f"{f.name}: {getattr(self, f.name)}" for f in dataclasses.fields(self))


@dataclass(frozen=True)
class Problem(ABC):
    """One equation with its domain, inputs, reference solver and fidelity knob."""

    name: ClassVar[str]
    summary: ClassVar[str]
    inputs: ClassVar[tuple[Variable, ...]]
    outputs: ClassVar[tuple[Variable, ...]]
    coordinates: ClassVar[tuple[str, ...]]
    """Names of the independent variables; time, where there is one, is called `t` and is first."""
    symmetries: ClassVar[bool] = False
    """Whether rotations and flips of the (square) domain map solutions to solutions."""
    solver_name: ClassVar[str]
    """The reference solver in two or three words, for tables."""
    pictured: ClassVar[Mapping[str, Any]] = {}
    """Parameters of what a gallery shows, where the defaults, made for data, show little."""

    # --- where and when -------------------------------------------------------------------

    @abstractmethod
    def grid(self, resolution: int) -> Grid:
        """The spatial grid with `resolution` points (or cells) an axis."""

    @property
    def times(self) -> np.ndarray | None:
        """Times of the stored frames, (frames,), the initial time first; None if steady."""
        return None

    @property
    def time_dependent(self) -> bool:
        return self.times is not None

    def endpoints(self) -> Problem:
        """The same problem without frames between the initial and the final time."""
        return self

    # --- random inputs --------------------------------------------------------------------

    @abstractmethod
    def draw(self, generator: np.random.Generator) -> Draw:
        """Random input of one sample, the same function whatever grid it is evaluated on."""

    @abstractmethod
    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        """Inputs of one sample on a grid: fields of `grid.shape`, scalars of shape ()."""

    def draw_sample(self, seed: int, index: int) -> Draw:
        """Sample `index` of `seed`: the same bits whatever was drawn before it."""
        if seed < 0 or index < 0:
            raise InputError(f"expected a seed and a sample of at least 0, got {seed} and {index}")
        sequence = np.random.SeedSequence(seed, spawn_key=(index,))
        return self.draw(np.random.default_rng(sequence))

    def evaluate_batch(self, draws: Sequence[Draw], grid: Grid) -> dict[str, np.ndarray]:
        """Inputs of several samples: fields (batch, *grid.shape), scalars (batch,).

        One sample at a time: a batched transform may round differently from a single one, and
        the inputs must be the same bits however the samples are cut.
        """
        each = [self.evaluate(draw, grid) for draw in draws]
        return {v.name: np.stack([values[v.name] for values in each]) for v in self.inputs}

    # --- the equation ---------------------------------------------------------------------

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Names of what the residual is stated in: the outputs, unless others are simpler."""
        return tuple(v.name for v in self.outputs)

    @abstractmethod
    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        """The equation as `residual = 0`, written once and read by every calculus.

        u: the unknown (a tuple where there are several); d: the calculus; x: the coordinates
        by name; p: the inputs and constants as attributes.
        """

    def constants(self) -> dict[str, float]:
        """What the residual reads from `p` beside the inputs."""
        return {}

    def parameters(self, inputs: Mapping[str, Any], ndim: int) -> SimpleNamespace:
        """Attributes for the residual: scalars shaped (batch, 1, …) for `ndim` trailing axes.

        Raises InputError where an input is missing.
        """
        values: dict[str, Any] = dict(self.constants())
        for variable in self.inputs:
            if variable.name not in inputs:
                raise InputError(f"expected the input '{variable.name}', got {sorted(inputs)}")
            value = inputs[variable.name]
            if variable.kind == "scalar" and getattr(value, "ndim", 0) == 1:
                value = value.reshape(-1, *(1,) * ndim)
            values[variable.name] = value
        return SimpleNamespace(**values)

    def end_conditions(self, inputs: Mapping[str, Any]) -> tuple[End, ...] | None:
        """What holds at the ends of the axes that are not periodic, for one sample's scalars.

        None where the problem does not say, as where its domain goes on.
        """
        return None

    def all_ends(self, kind: Literal["value", "slope"]) -> tuple[End, ...]:
        """Value or slope zero for every output at every end."""
        grid = self.grid(8)
        axes = [name for name, wraps in zip(grid.names, grid.wraps, strict=True) if not wraps]
        sides = [(axis, upper) for axis in axes for upper in (False, True)]
        return tuple(End(*side, v.name, kind) for v in self.outputs for side in sides)

    @property
    @abstractmethod
    def card(self) -> Card:
        """Domain, conditions, inputs, solver and source."""

    def latex(self) -> str:
        """The equation in LaTeX, by the symbolic reading of the residual."""
        from ..geometry.calculus.symbols import latex

        scalars = [v.name for v in self.inputs if v.kind == "scalar"]
        fields = [v.name for v in self.inputs if v.kind == "field"]
        return latex(self, list(self.unknowns), fields, [*scalars, *self.constants()])

    # --- the classical side ---------------------------------------------------------------

    @abstractmethod
    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        """Solve a batch given on `self.grid(fidelity.resolution)`.

        Returns a `Solution` with fields (batch, [frames,] [outputs,] *grid), the axis of outputs
        only where there are several; whether a sample converged is for the caller to look at.
        """

    def split(self, fields: np.ndarray) -> dict[str, np.ndarray]:
        """Fields of a `Solution` by output, (batch, [frames,] *grid) each."""
        if len(self.outputs) == 1:
            return {self.outputs[0].name: fields}
        axis = 2 if self.time_dependent else 1
        return {v.name: np.take(fields, i, axis) for i, v in enumerate(self.outputs)}

    def data_fidelity(self, resolution: int, tolerance: float) -> Fidelity:
        """Fidelity at which data on `grid(resolution)` is made; its grid may be a finer one."""
        return Fidelity(resolution, tolerance)

    @abstractmethod
    def ladder(self) -> tuple[Fidelity, ...]:
        """Fidelities of the work-precision curve, cheapest first."""

    @abstractmethod
    def reference_fidelity(self) -> Fidelity:
        """The fidelity that stands for the truth: finer than data and ladder."""

    def transfer(self, fields: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
        """Move solutions (…, *source.shape) to another of the problem's grids."""
        return fields if source == target else np.asarray(interpolate(fields, source, target))

    def solve_draws(
        self, draws: Sequence[Draw], grid: Grid, fidelity: Fidelity, threads: int = 1
    ) -> Solution:
        """Evaluate drawn inputs on the solver's grid, solve, and return fields on `grid`."""
        own = self.grid(fidelity.resolution)
        solution = self.solve(self.evaluate_batch(draws, own), fidelity, threads)
        fields = solution.fields
        # A sample that blew up is no reason to lose the others.
        finite = np.isfinite(fields).all(axis=tuple(range(1, fields.ndim)), keepdims=True)
        moved = self.transfer(np.where(finite, fields, 0.0), own, grid)
        finite = finite.reshape(-1, *(1,) * (moved.ndim - 1))
        return dataclasses.replace(solution, fields=np.where(finite, moved, np.nan))

    @abstractmethod
    def truth_checks(
        self,
        inputs: Arrays,
        outputs: Arrays,
        grid: Grid,
        fidelity: Fidelity,
        generator: np.random.Generator,
    ) -> list[TruthCheck]:
        """Check stored solutions independently of how they were stored.

        inputs, outputs: stored arrays of a few samples, (batch, …), as read from the file;
        fidelity: what the data was made with; generator: chooses what is looked at.
        """

    def config(self) -> dict[str, Any]:
        """The parameters of the distribution, as they come back from JSON."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


def check_range(name: str, value: Any, least: float, most: float) -> None:
    """Raise `InputError` unless the parameter `name` is a number from least to most."""
    if not (isinstance(value, int | float | np.number) and least <= value <= most):
        raise InputError(f"expected {name} to be a number from {least:g} to {most:g}, got {value}")


def check_phases(low: float, high: float) -> None:
    """Raise `InputError` unless the coefficients of two phases are numbers that solvers can take.

    Positive, and of a contrast of at most 1e12, beyond which nothing is left of the smaller one.
    """
    for name, value in (("low", low), ("high", high)):
        check_range(name, value, 1e-100, 1e100)
    if max(low, high) > 1e12 * min(low, high):
        raise InputError(f"expected low and high within a factor of 1e12, got {low} and {high}")
