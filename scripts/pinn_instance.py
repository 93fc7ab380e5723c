"""The instance of a problem that `sobolev pinn` solves, and the folder that keeps its solution."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sobolev.datasets.files import remove_strays, write_whole
from sobolev.datasets.problem import Problem
from sobolev.datasets.registry import make_problem
from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid

if TYPE_CHECKING:
    from sobolev.pinns.random_features import RandomFeatureResult
    from sobolev.pinns.result import PINNResult
    from sobolev.pinns.statement import Statement
    from sobolev.pinns.windows import WindowedResult

    Piece = PINNResult | RandomFeatureResult
    Solved = Piece | WindowedResult[PINNResult] | WindowedResult[RandomFeatureResult]

INSTANCE = "instance.json"
STARTED = ".instance.json"  # the same of what is not solved yet
RANDOM_FEATURES = "random_features"


@dataclass(frozen=True)
class Instance:
    """One sample of a problem's inputs and how it is solved, as `instance.json` holds it.

    windows: in time, each with a solution of its own. measurements: text of their file. find:
    numbers of the equation that these decide, and not the sample; found: what they came to.
    """

    problem: str
    problem_config: dict[str, Any]
    seed: int
    sample: int
    command: str
    method: str = "adaptive"
    windows: int = 1
    measurements: str | None = None
    find: Sequence[str] = ()
    found: Mapping[str, float] = field(default_factory=dict)

    def make(self) -> tuple[Problem, dict[str, Any]]:
        """The problem, with what was found, and the drawn input."""
        problem = make_problem(self.problem, self.problem_config)
        draw = problem.draw_sample(self.seed, self.sample)
        return with_inputs(problem, self.found) if self.found else problem, draw

    def state(self) -> Statement:
        """Where the equation holds, what it says, and what is known beside it."""
        from sobolev.pinns.inverse import measured, numbers_to_find
        from sobolev.pinns.statement import state_problem
        from sobolev.pinns.windows import window_times

        problem, draw = dataclasses.replace(self, found={}).make()
        inputs = solver_inputs(problem, draw) | numbers_to_find(problem, self.find)
        data = (
            measured(self.measurements, problem.coordinates, problem.unknowns)
            if self.measurements is not None
            else []
        )
        statement = state_problem(problem, inputs, conditions=data)
        if self.windows != 1:
            window_times(statement, self.windows)
        return statement

    @classmethod
    def load(cls, folder: Path) -> Instance:
        """Raises InputError where the folder holds no trained PINN."""
        try:
            return cls(**json.loads((folder / INSTANCE).read_text()))
        except (OSError, ValueError, TypeError) as problem:
            raise InputError(f"expected a trained PINN in {folder}: {problem}") from None

    def check_stopped(self, folder: Path) -> None:
        """Raise InputError where a stopped run into the folder solved something else."""
        started = folder / STARTED
        if started.exists():
            ours = json.loads(self.text)
            kept = {**ours, **json.loads(started.read_text()), "command": self.command}
            if others := [name for name in ours if kept[name] != ours[name]]:
                raise InputError(
                    f"expected the {', '.join(others)} of the stopped run in {folder}, got others; "
                    "go on with the same, or add --force"
                )

    @contextmanager
    def begun(self, folder: Path) -> Iterator[None]:
        """Make the folder and say in it what is being solved there.

        Where the block raises InputError before it has written anything, no file is left.
        """
        from sobolev.pinns.windows import window_folder

        started = folder / STARTED
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(self.windows):
            remove_strays(window_folder(folder, number))
        write_whole(started, self.text)
        try:
            yield
        except InputError:
            if [path for path in folder.rglob("*") if path.is_file()] == [started]:
                started.unlink()
            raise

    def finish(self, folder: Path) -> None:
        """Say that it is solved. A folder without that was interrupted."""
        write_whole(folder / INSTANCE, self.text)
        (folder / STARTED).unlink()

    @property
    def text(self) -> str:
        return json.dumps(self.__dict__, indent=2)


def clear(folder: Path) -> None:
    """Remove a solution, or what an interrupted run left of one; other folders stay."""
    from sobolev.pinns.result import CHECKPOINT

    if any((folder / name).exists() for name in (INSTANCE, STARTED, CHECKPOINT)):
        shutil.rmtree(folder)


def with_inputs(problem: Problem, values: Mapping[str, float]) -> Problem:
    """The problem with some numbers of every sample given."""
    cls = type(problem)

    def evaluate(self: Problem, draw: dict[str, Any], grid: Grid) -> dict[str, np.ndarray]:
        given = {name: np.asarray(value) for name, value in values.items()}
        return cls.evaluate(self, draw, grid) | given

    own = type(cls.__name__, (cls,), {"evaluate": evaluate})
    return own(**{each.name: getattr(problem, each.name) for each in dataclasses.fields(problem)})


def spacetime(problem: Problem, grid: Grid) -> Grid:
    """The grid with the stored times as its first axis, or as it is where nothing moves."""
    times = problem.times
    if times is None:
        return grid
    return Grid(
        ((float(times[0]), float(times[-1])), *grid.extent),
        (len(times), *grid.shape),
        (False, *grid.wraps),
        names=("t", *grid.names),
        units=grid.units,
    )


def reference(problem: Problem, draw: dict[str, Any], resolution: int, threads: int) -> Function:
    """The reference solution of one instance, ([outputs,] *axes of `spacetime`).

    The axis of outputs is there where the equation has several unknowns.

    Raises InputError where the reference did not converge.
    """
    grid = problem.grid(resolution)
    solution = problem.solve_draws([draw], grid, problem.reference_fidelity(), threads)
    if not bool(solution.converged[0]):
        raise InputError(f"the reference did not converge: {solution.reason[0]}")
    values = solution.fields[0]
    if problem.times is not None and len(problem.outputs) > 1:
        values = np.moveaxis(values, 1, 0)
    if len(problem.unknowns) > 1 and len(problem.outputs) == 1:
        values = values[None]
    return Function(values, spacetime(problem, grid))


def solver_inputs(problem: Problem, draw: dict[str, Any]) -> dict[str, Any]:
    """The inputs of the instance on a grid that resolves them."""
    grid = problem.grid(problem.reference_fidelity().resolution)
    return {
        name: float(value) if np.ndim(value) == 0 else value
        for name, value in problem.evaluate(draw, grid).items()
    }


def load_solution(folder: Path) -> tuple[Instance, Problem, dict[str, Any], Solved]:
    """What the command wrote: the instance, its problem and input, and the solution.

    Raises InputError where the folder holds none.
    """
    from sobolev.pinns.random_features import load_features
    from sobolev.pinns.result import load_result
    from sobolev.pinns.windows import load_windows

    instance = Instance.load(folder)
    problem, draw = instance.make()
    statement = instance.state()
    load: Any = load_features if instance.method == RANDOM_FEATURES else load_result
    if instance.windows > 1:
        return instance, problem, draw, load_windows(folder, statement, instance.windows, load)
    return instance, problem, draw, load(folder, statement)


def pieces(result: Solved) -> tuple[Piece, ...]:
    """The solutions of all windows, or the one that there is."""
    from sobolev.pinns.windows import WindowedResult

    return result.results if isinstance(result, WindowedResult) else (result,)
