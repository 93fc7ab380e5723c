"""The ruler: error against seconds for anything that maps inputs to a `Function`.

It knows neither a network nor a solver by name. A contestant is a callable with the seconds that
were spent before its first answer; classical and learned ones are measured alike: on the same
instances, against the same reference at a finer fidelity, warmed up, interleaved, on the same
threads, at batch 1 and at the batch that suits each best.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry.errors import InputError
from ..geometry.function import Function
from ..geometry.grid import Grid
from ..geometry.norms import Kind as NormKind
from ..geometry.norms import norm
from .break_even import Kind, Row
from .problem import Draw, Fidelity, Problem

Inputs = Mapping[str, np.ndarray]
Progress = Callable[[int, int, str], None]
METRICS: tuple[NormKind, ...] = ("L2", "H1", "Linf")
BATCHES = (1, 4, 16, 64)


@dataclass(frozen=True)
class Contestant:
    """Anything that answers.

    grid: where it wants its inputs; solve: inputs (batch, …) to a Function of values
    (batch, frames, [outputs,] *grid.shape), one frame for a steady problem or a final state;
    data_seconds, training_seconds: spent once, before the first answer;
    per_instance_seconds: for a method trained anew for each instance (a PINN), what one answer
    costs; its calls are then not timed.
    """

    name: str
    kind: Kind
    grid: Grid
    solve: Callable[[Inputs], Function]
    data_seconds: float = 0.0
    training_seconds: float = 0.0
    per_instance_seconds: float | None = None

    @property
    def setup_seconds(self) -> float:
        return self.data_seconds + self.training_seconds


def relative_errors(prediction: np.ndarray, truth: np.ndarray, grid: Grid) -> dict[str, np.ndarray]:
    """Relative errors (batch,) of fields (batch, frames, [outputs,] *grid.shape) by metric.

    Frames count together: root of the summed squares for L2 and H1, the largest for Linf. Of
    several outputs, whose units may differ, each has its own relative error; the root mean
    square of them is taken, for Linf the largest.
    """
    result: dict[str, np.ndarray] = {}
    for metric in METRICS:
        off = np.asarray(norm(prediction - truth, grid, metric))
        size = np.asarray(norm(truth, grid, metric))
        gather = np.max if metric == "Linf" else _root_of_squares
        each = gather(off, axis=1) / gather(size, axis=1)  # (batch,) or (batch, outputs)
        if each.ndim > 1:
            each = gather(each, axis=1) / (1 if metric == "Linf" else math.sqrt(each.shape[1]))
        result[metric] = each
    return result


def _root_of_squares(values: np.ndarray, axis: int) -> np.ndarray:
    return np.sqrt(np.sum(values**2, axis=axis))


def measure(
    problem: Problem,
    contestants: Sequence[Contestant],
    draws: Sequence[Draw],
    truth: Function,
    *,
    batches: Sequence[int] = BATCHES,
    repeats: int = 5,
    progress: Progress | None = None,
    answers: dict[str, np.ndarray] | None = None,
) -> list[Row]:
    """Measure errors and seconds of every contestant on the same instances.

    truth: reference fields (instances, frames, [outputs,] *grid.shape) on the evaluation grid, to
    which every answer is transferred by the problem's interpolation (not timed); answers: filled
    with the answers of the surrogates on that grid, by name.
    Raises InputError where there is no instance or an answer has the wrong shape.
    """
    if not draws:
        raise InputError("expected at least one instance to measure on, got none")
    # Inputs on one grid are evaluated once, however many contestants want them.
    inputs: dict[Grid, dict[str, np.ndarray]] = {}
    errors = {}
    for i, contestant in enumerate(contestants):
        if contestant.grid not in inputs:
            inputs[contestant.grid] = problem.evaluate_batch(draws, contestant.grid)
        values, errors[contestant.name] = _judge(
            problem, contestant, inputs[contestant.grid], truth
        )
        if answers is not None and contestant.kind == "surrogate":
            answers[contestant.name] = values
        if progress:
            progress(i + 1, len(contestants), f"errors: {contestant.name}")
    if len(errors) < len(contestants):
        raise InputError("expected contestants with different names")
    seconds = _time(contestants, inputs, batches, repeats, progress)
    return [
        Row(
            name=c.name,
            kind=c.kind,
            errors={m: float(np.mean(e)) for m, e in errors[c.name].items()},
            worst={m: float(np.max(e)) for m, e in errors[c.name].items()},
            seconds=seconds[c.name],
            setup_seconds=c.setup_seconds,
            data_seconds=c.data_seconds,
            training_seconds=c.training_seconds,
        )
        for c in contestants
    ]


def _judge(
    problem: Problem, contestant: Contestant, inputs: Inputs, truth: Function
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The answer on the evaluation grid, and its errors by metric."""
    answer = contestant.solve(inputs)
    if not isinstance(truth.on, Grid) or not isinstance(answer.on, Grid):
        raise InputError("expected answers and truth on grids; interpolate to a grid first")
    values = np.asarray(answer.values, dtype=float)
    # A setting that blows up is no error of the caller: its error is not a number, and no
    # surrogate is ever compared with it.
    alive = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    values = problem.transfer(np.where(_over(alive, values), values, 0.0), answer.on, truth.on)
    if values.shape != truth.values.shape:
        raise InputError(
            f"expected an answer of shape {truth.values.shape} from '{contestant.name}', got"
            f" {values.shape}"
        )
    errors = relative_errors(values, np.asarray(truth.values), truth.on)
    return values, {metric: np.where(alive, error, np.nan) for metric, error in errors.items()}


def _over(flags: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Flags (batch,) shaped to broadcast over values (batch, …)."""
    return flags.reshape(-1, *(1,) * (values.ndim - 1))


def _time(
    contestants: Sequence[Contestant],
    inputs: Mapping[Grid, Inputs],
    batches: Sequence[int],
    repeats: int,
    progress: Progress | None,
) -> dict[str, dict[int, float]]:
    """Median seconds a solve by contestant and batch; contestants take turns in each round."""
    timed = [c for c in contestants if c.per_instance_seconds is None]
    result: dict[str, dict[int, float]] = {
        c.name: dict.fromkeys(batches, c.per_instance_seconds)
        for c in contestants
        if c.per_instance_seconds is not None
    }
    samples: dict[tuple[str, int], list[float]] = {}
    for repeat in range(repeats + 1):
        for contestant in timed:
            for batch in batches:
                chosen = _take(inputs[contestant.grid], batch, repeat)
                start = time.perf_counter()
                contestant.solve(chosen)
                seconds = (time.perf_counter() - start) / batch
                if repeat:  # the first round warms up: compilation, caches, thread pools
                    samples.setdefault((contestant.name, batch), []).append(seconds)
        if progress:
            progress(repeat + 1, repeats + 1, "timing rounds")
    for (name, batch), values in samples.items():
        result.setdefault(name, {})[batch] = statistics.median(values)
    return result


def _take(inputs: Inputs, batch: int, start: int) -> dict[str, np.ndarray]:
    """A batch that begins at another instance each time, instances repeated where few."""
    count = len(next(iter(inputs.values())))
    indices = (start + np.arange(batch)) % count
    return {name: values[indices] for name, values in inputs.items()}


def classical_contestant(problem: Problem, fidelity: Fidelity, threads: int = 1) -> Contestant:
    """The problem's own solver at one fidelity; all frames but the initial one are its answer.

    A surrogate of the final state is measured on `problem.endpoints()`, so that the classical
    side is not made to stop at frames that nobody asked for.
    """
    grid = problem.grid(fidelity.resolution)

    def solve(inputs: Inputs) -> Function:
        fields = problem.solve(inputs, fidelity, threads).fields
        return Function(answer_frames(problem, fields), grid)

    return Contestant(f"{problem.solver_name} {fidelity.label()}", "classical", grid, solve)


def classical_ladder(problem: Problem, threads: int = 1) -> list[Contestant]:
    """The problem's strongest solver at every fidelity of its ladder."""
    return [classical_contestant(problem, fidelity, threads) for fidelity in problem.ladder()]


def answer_frames(problem: Problem, fields: np.ndarray) -> np.ndarray:
    """Solver fields (batch, frames, [outputs,] *grid) without the initial frame, which is given."""
    return fields[:, 1:] if problem.time_dependent else fields[:, None]


def reference_truth(
    problem: Problem, draws: Sequence[Draw], grid: Grid, threads: int = 1
) -> Function:
    """The problem's reference fidelity, moved to the evaluation grid.

    Raises InputError where the reference itself did not converge.
    """
    solution = problem.solve_draws(draws, grid, problem.reference_fidelity(), threads)
    if not bool(np.all(solution.converged)):
        failed = int(np.argmin(solution.converged))
        raise InputError(f"the reference did not converge: {solution.reason[failed]}")
    return Function(answer_frames(problem, solution.fields), grid)
