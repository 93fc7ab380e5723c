"""Problems in time: frames, initial values, and what every stored trajectory must stand up to."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..geometry.errors import InputError
from ..geometry.grid import Grid
from ..geometry.norms import norm
from .problem import Arrays, Fidelity, Problem, TruthCheck, check_range

MAX_WINDOWS = 16
FAINT = 1e-3  # an output is not measured against less than this share of its largest frame


@dataclass(frozen=True)
class EvolutionProblem(Problem):
    """u_t = F(u) from given initial values.

    horizon: final time; frames: stored times, both ends included.

    The first inputs, as many as there are outputs, are the initial values of the outputs.
    """

    horizon: float = 1.0
    frames: int = 11

    coordinates: ClassVar[tuple[str, ...]] = ("t", "x")

    def __post_init__(self) -> None:
        check_range("horizon", self.horizon, 1e-12, 1e12)
        if not isinstance(self.frames, int | np.integer) or self.frames < 2:
            raise InputError(f"expected at least 2 frames, got {self.frames}")

    @property
    def times(self) -> np.ndarray:
        return np.linspace(0.0, self.horizon, self.frames)

    def endpoints(self) -> Problem:
        return dataclasses.replace(self, frames=2)

    @property
    def initial_names(self) -> tuple[str, ...]:
        """Names of the inputs that are the initial values, in the order of the outputs."""
        return tuple(v.name for v in self.inputs[: len(self.outputs)])

    def initial_state(self, inputs: Arrays) -> np.ndarray:
        """(batch, [outputs,] *grid), as the engines take it."""
        fields = [np.asarray(inputs[name]) for name in self.initial_names]
        return fields[0] if len(fields) == 1 else np.stack(fields, axis=1)

    def solver_parameters(self, inputs: Arrays, names: Sequence[str]) -> dict[str, Any]:
        """The numbers with these names: constants, and scalar inputs (batch,)."""
        known: dict[str, Any] = dict(self.constants()) | dict(inputs)
        return {name: known[name] for name in names}

    def solver_coefficients(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """Given functions of x, (batch, *grid): the field inputs that are no initial values."""
        names = [
            v.name for v in self.inputs if v.kind == "field" and v.name not in self.initial_names
        ]
        return {name: np.asarray(inputs[name]) for name in names}

    # --- checks ---------------------------------------------------------------------------

    def conserved(self, outputs: Arrays, inputs: Arrays, grid: Grid) -> dict[str, np.ndarray]:
        """What the solver keeps to rounding, by name: (batch, frames), each divided by its natural
        size, as a mean of zero has none of its own."""
        return {}

    def finer(self, fidelity: Fidelity) -> Fidelity:
        """A fidelity whose errors are small beside those of `fidelity`."""
        tolerance = max(fidelity.tolerance / 10, 1e-12)
        return dataclasses.replace(
            fidelity, resolution=2 * fidelity.resolution, tolerance=tolerance
        )

    @abstractmethod
    def allowance(
        self, inputs: Arrays, before: np.ndarray, again: np.ndarray, grid: Grid, fidelity: Fidelity
    ) -> np.ndarray:
        """Relative distance (batch,) that is granted to a frame solved again, beside rounding.

        before, again: (batch, outputs, *grid), the frame that a window starts from and its end as
        the finer solve has it.
        """

    def window(
        self, inputs: Arrays, before: np.ndarray, grid: Grid, fidelity: Fidelity
    ) -> np.ndarray:
        """One frame later, from `before` (batch, outputs, *grid); the same shape on `grid`."""
        interval = dataclasses.replace(self, horizon=self.horizon / (self.frames - 1), frames=2)
        own = self.grid(fidelity.resolution)
        start = self.transfer(before, grid, own)
        given = dict(inputs) | {name: start[:, i] for i, name in enumerate(self.initial_names)}
        moved = {
            v.name: self.transfer(np.asarray(inputs[v.name]), grid, own)
            for v in self.inputs
            if v.kind == "field" and v.name not in self.initial_names
        }
        ends = interval.split(interval.solve(given | moved, fidelity).fields).values()
        return self.transfer(np.stack([end[:, 1] for end in ends], axis=1), own, grid)

    def truth_checks(
        self,
        inputs: Arrays,
        outputs: Arrays,
        grid: Grid,
        fidelity: Fidelity,
        generator: np.random.Generator,
    ) -> list[TruthCheck]:
        """The first frame is the input; windows agree with a finer solve; invariants stay.

        Frames are too far apart for a difference quotient, so windows from one stored frame to
        the next are solved again at a finer fidelity: all of them, or `MAX_WINDOWS` drawn at
        random. The first window is left out where there are others, because initial fields need
        not be smooth.
        """
        stored = [np.asarray(outputs[v.name]) for v in self.outputs]
        eps = float(np.finfo(stored[0].dtype).eps)
        u = np.stack(stored, axis=2).astype(float)  # (batch, frames, outputs, *grid)
        inputs = {name: np.asarray(value, dtype=float) for name, value in inputs.items()}
        windows = np.arange(1 if self.frames > 2 else 0, self.frames - 1)
        if len(windows) > MAX_WINDOWS:
            windows = generator.choice(windows, MAX_WINDOWS, replace=False)
        sizes = np.asarray(norm(u, grid))  # (batch, frames, outputs)
        worst = TruthCheck("windows solved again, relative L2", 0.0, math.inf)
        for i in windows:
            again = self.window(inputs, u[:, i], grid, self.finer(fidelity))
            size = np.maximum(sizes[:, i + 1], FAINT * sizes.max(axis=1))
            off = _relative(np.asarray(norm(again - u[:, i + 1], grid)), size)
            allowed = self.allowance(inputs, u[:, i], again, grid, fidelity) + 20 * eps
            at = int(np.argmax(np.nan_to_num(off, nan=math.inf) / allowed))
            found = dataclasses.replace(worst, figure=float(off[at]), limit=float(allowed[at]))
            if not found.figure / found.limit <= worst.figure / worst.limit:
                worst = found
        return [self._starts(u, inputs, eps), worst, *self._invariants(u, inputs, grid, eps)]

    def _starts(self, u: np.ndarray, inputs: Arrays, eps: float) -> TruthCheck:
        figure = 0.0
        for i, name in enumerate(self.initial_names):
            off = float(np.abs(u[:, 0, i] - inputs[name]).max())
            figure = max(figure, off / (float(np.abs(inputs[name]).max()) or 1.0))
        return TruthCheck("first frame is the input", figure, 64 * eps)

    def _invariants(
        self, u: np.ndarray, inputs: Arrays, grid: Grid, eps: float
    ) -> list[TruthCheck]:
        fields = {v.name: u[:, :, i] for i, v in enumerate(self.outputs)}
        return [
            TruthCheck(f"{name} stays", float(np.abs(values - values[:, :1]).max()), 1e3 * eps)
            for name, values in self.conserved(fields, inputs, grid).items()
        ]


def _relative(off: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Root mean square over the outputs (batch, outputs) of off / size; 0 / 0 is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(off == 0, 0.0, off / size)
    return np.sqrt(np.mean(ratio**2, axis=1))
