"""The one loop: a statement, a sampler, a weighting and a row of optimisers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from ..geometry.errors import InputError
from ..geometry.function import Function
from ..operators.checkpoint import load_state, save_state
from .config import PINNConfig
from .inverse import found
from .objective import Objective, add_conditions
from .optimisers.base import FINAL, NOT_FINITE, Optimiser
from .result import (
    CHECKPOINT,
    CHECKPOINT_SCHEMA,
    PINNResult,
    build_field,
    relative_error,
    write_history,
)
from .samplers import Sampler, even_sampler
from .statement import Statement
from .weights import EQUATION, Weighting

Progress = Callable[[int, int, str], None]


class Run:
    """The state of a training and its loop."""

    def __init__(
        self,
        statement: Statement,
        config: PINNConfig,
        sampler: Sampler,
        weighting: Weighting,
        optimisers: Sequence[Optimiser],
        folder: Path | None,
        reference: Function | None,
        progress: Progress | None,
        network: nn.Module | None = None,
    ) -> None:
        statement = statement.with_hard_initial() if config.hard_initial else statement
        if statement.time is None and getattr(sampler, "needs_time", False):
            raise InputError(
                f"expected an equation in time for {type(sampler).__name__}, got a steady one; "
                "take another sampler"
            )
        self.statement, self.config, self.sampler = statement, config, sampler
        self.weighting, self.optimisers, self.folder = weighting, optimisers, folder
        self.reference, self.progress = reference, progress
        self.field = build_field(statement, config) if network is None else statement.wrap(network)
        reading = config.reading(len(statement.space))
        randomised = {"directions": config.directions, "seed": config.seed}
        self.objective = Objective(
            statement, self.field, weighting, config.chunk, config.threads, reading,
            randomised if reading == "randomised" else {},
        )  # fmt: skip
        conditions = even_sampler(config.seed + 1, len(statement.coordinates))
        add_conditions(
            self.objective,
            lambda count: conditions.draw(count, len(statement.coordinates)),
            config.initial_points,
            config.boundary_points,
        )
        self.stage, self.step, self.since_refresh = 0, 0, 0
        self.vector = self.objective.vector()
        self.rows: list[list[float]] = []
        self.before, self.began, self.measuring = 0.0, time.perf_counter(), 0.0
        self.fingerprint = self._fingerprint()

    @property
    def terms(self) -> list[str]:
        """Names of the loss's terms, of which the equation's comes with its points."""
        return sorted({"equation", *self.objective.terms})

    @property
    def columns(self) -> tuple[str, ...]:
        error = () if self.reference is None else ("error",)
        return ("step", "stage", "loss", *self.terms, *error, *found(self.field), "seconds")

    @property
    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.began - self.measuring

    @property
    def total(self) -> int:
        return sum(optimiser.max_iterations for optimiser in self.optimisers)

    # --- points ---------------------------------------------------------------------------

    def place(self, unit: Tensor) -> None:
        """Ask for the equation at these points of the unit cube."""
        self.unit, self.points = unit, self.statement.interior(unit)
        self.objective.put_equation(self.points)

    def weigh_points(self) -> None:
        """What points count: for the weighting, and those of the equation for the sampler."""
        self.objective.weigh_points()
        if hasattr(self.sampler, "weights"):
            own = self.sampler.weights(self.unit).to(self.objective.dtype)
            given = self.objective.point_weights().get(EQUATION)
            self.objective.put_weights(EQUATION, own if given is None else own * given)

    def refresh(self) -> None:
        """New points and weights; the optimiser hears of it."""

        def residual(unit: Tensor) -> Tensor:
            return self.objective.magnitude(self.statement.interior(unit))

        self.objective.load(self.vector)
        dimension = len(self.statement.coordinates)
        inside = self.statement.inside
        self.place(self.sampler.draw(self.config.points, dimension, residual, inside))
        self.weighting.update(self.objective)
        self.weigh_points()
        self.optimisers[self.stage].objective_changed()
        self.since_refresh = 0

    # --- the loop -------------------------------------------------------------------------

    def start(self, resume: bool) -> None:
        if resume and self.folder is not None:
            self.load_state(load_state(self.folder / CHECKPOINT, CHECKPOINT_SCHEMA))
            return
        dimension, inside = len(self.statement.coordinates), self.statement.inside
        self.place(self.sampler.draw(self.config.points, dimension, None, inside))
        self.objective.check(self.points)
        self.weigh_points()
        self.checkpoint()

    def run(self) -> None:
        every = self.config.refresh_every
        while self.stage < len(self.optimisers):
            optimiser = self.optimisers[self.stage]
            if optimiser.stop_reason is None and every and self.since_refresh >= every:
                self.refresh()
            before = optimiser.iterations
            if optimiser.stop_reason is None:
                self.vector = optimiser.step(self.vector, self.objective)
            moved = optimiser.iterations - before
            self.step += moved
            self.since_refresh += moved
            if moved:
                self.after_step(optimiser)
            if optimiser.stop_reason is not None:
                self.end_of_round(optimiser)

    def end_of_round(self, optimiser: Optimiser) -> None:
        """Where the optimiser is done with these points, give it others; else end its stage."""
        final = optimiser.stop_reason in FINAL
        if self.config.refresh_every and self.since_refresh and not final:
            self.refresh()
            return
        self.log(optimiser)
        if optimiser.stop_reason == NOT_FINITE:
            self.stage = len(self.optimisers)  # nothing that follows can mend it
        else:
            self.stage += 1
        self.checkpoint()

    def after_step(self, optimiser: Optimiser) -> None:
        if self.step % self.config.log_every == 0:
            self.log(optimiser)
        if self.step % self.config.checkpoint_every == 0:
            self.checkpoint()

    def log(self, optimiser: Optimiser) -> None:
        """One row of the history, unless this step has one or there was none."""
        if not self.step or (self.rows and self.rows[-1][0] == self.step):
            return
        loss = math.nan if optimiser.loss is None else optimiser.loss
        terms = [self.objective.losses.get(name, math.nan) for name in self.terms]
        row, text = [self.step, self.stage, loss, *terms], f"loss {loss:.2e}"
        seconds, began = self.seconds, time.perf_counter()
        self.objective.load(self.vector)
        if self.reference is not None:
            row.append(relative_error(self.field, self.statement, self.reference))
            text += f", error {row[-1]:.2e}"
        for name, value in found(self.field).items():
            row.append(value)
            text += f", {name} {value:.6g}"
        self.measuring += time.perf_counter() - began
        self.rows.append([*row, seconds])
        if self.progress is not None:
            self.progress(self.step, self.total, text)

    def result(self) -> PINNResult:
        self.objective.load(self.vector)
        # A stage that a non-finite loss kept from starting has no reason of its own.
        reasons = tuple(o.stop_reason for o in self.optimisers if o.stop_reason is not None)
        return PINNResult(
            self.field, self.statement, self.config, self.columns, self.rows, reasons,
            self.step, self.seconds,
        )  # fmt: skip

    # --- state ----------------------------------------------------------------------------

    def checkpoint(self) -> None:
        if self.folder is None:
            return
        save_state(self.folder / CHECKPOINT, CHECKPOINT_SCHEMA, self.state())
        write_history(self.folder, self.columns, self.rows)

    def state(self) -> dict[str, Any]:
        return {
            "config": self.config.deciding,
            "columns": self.columns,
            "fingerprint": self.fingerprint,
            "stage": self.stage,
            "step": self.step,
            "since_refresh": self.since_refresh,
            "seconds": self.seconds,
            "rows": self.rows,
            "vector": self.vector,
            "unit": self.unit,
            "point_weights": self.objective.point_weights(),
            "sampler": self.sampler.state(),
            "derivatives": self.objective.derivatives.state(),
            "weighting": self.weighting.state(),
            "optimisers": {str(i): o.state() for i, o in enumerate(self.optimisers)},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        # Another machine may round the last bits of the fingerprint in another way.
        probe = np.array(state["fingerprint"])
        same = {
            "options": {**PINNConfig().deciding, **state["config"]} == self.config.deciding,
            "instance": probe.shape == np.shape(self.fingerprint)
            and np.allclose(probe, self.fingerprint, rtol=1e-9, atol=0.0, equal_nan=True),
            "columns of the history": tuple(state["columns"]) == self.columns,
        }
        for what, kept in same.items():
            if not kept:
                raise InputError(
                    f"expected the {what} of the stopped run in {self.folder}, got others; "
                    "resume with the same ones or train anew"
                )
        self.stage, self.step = state["stage"], state["step"]
        self.since_refresh, self.before = state["since_refresh"], state["seconds"]
        self.rows, self.vector = state["rows"], state["vector"]
        self.sampler.load_state(state["sampler"])
        self.objective.derivatives.load_state(state.get("derivatives", {}))
        self.weighting.load_state(state["weighting"])
        for i, optimiser in enumerate(self.optimisers):
            optimiser.load_state(state["optimisers"][str(i)])
        self.place(state["unit"])
        for name, weights in state["point_weights"].items():
            self.objective.put_weights(name, weights)

    def _fingerprint(self) -> list[float]:
        """What tells one instance from another: the box and the untrained residual inside it."""
        ends = [end for pair in self.statement.extent for end in pair]
        count = len(self.statement.coordinates)
        unit = even_sampler(0, count).draw(16, count, None, self.statement.inside)
        points = self.statement.interior(unit)
        return [*ends, *self.objective.magnitude(points).tolist()]
