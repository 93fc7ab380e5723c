"""`sobolev pinn PROBLEM`: a physics-informed network on one instance of a problem.

The instance is sample `--sample` of seed `--instance_seed` of the problem's own inputs. It is
judged while it trains against the problem's reference solver, at all stored times where it has
any. `--method` names a published remedy, or `random_features`: the solver that every network has
to be held against.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sobolev.datasets.files import write_whole
from sobolev.datasets.problem import Problem
from sobolev.datasets.registry import make_problem, problems
from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid
from sobolev.scripts.common import (
    Parser,
    command_line,
    given_options,
    guarded,
    named_options,
    only_writer,
    progress_bar,
)

if TYPE_CHECKING:
    from sobolev.pinns.config import PINNConfig
    from sobolev.pinns.random_features import RandomFeatureConfig, RandomFeatureResult
    from sobolev.pinns.result import PINNResult

INSTANCE = "instance.json"
PICTURE = "pictures.png"
RANDOM_FEATURES = "random_features"


@dataclass(frozen=True)
class Instance:
    """One sample of a problem's inputs, as `instance.json` holds it."""

    problem: str
    problem_config: dict[str, Any]
    seed: int
    sample: int
    command: str
    method: str = "adaptive"

    def make(self) -> tuple[Problem, dict[str, Any]]:
        """The problem and the drawn input."""
        problem = make_problem(self.problem, self.problem_config)
        return problem, problem.draw_sample(self.seed, self.sample)

    @classmethod
    def load(cls, folder: Path) -> Instance:
        """Raises InputError where the folder holds no trained PINN."""
        try:
            return cls(**json.loads((folder / INSTANCE).read_text()))
        except (OSError, ValueError, TypeError) as problem:
            raise InputError(f"expected a trained PINN in {folder}: {problem}") from None


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


def word_after(flag: str, argv: Sequence[str]) -> str:
    """The value of `flag value` or `flag=value`, empty where it is not given."""
    words = [part for word in argv for part in word.split("=", 1)]
    return words[words.index(flag) + 1] if flag in words[:-1] else ""


def load_solution(
    folder: Path,
) -> tuple[Instance, Problem, dict[str, Any], PINNResult | RandomFeatureResult]:
    """What the command wrote: the instance, its problem and input, and the solution.

    Raises InputError where the folder holds none.
    """
    from sobolev.pinns.random_features import load_features
    from sobolev.pinns.result import load_result
    from sobolev.pinns.statement import state_problem

    instance = Instance.load(folder)
    problem, draw = instance.make()
    statement = state_problem(problem, solver_inputs(problem, draw))
    load = load_features if instance.method == RANDOM_FEATURES else load_result
    return instance, problem, draw, load(folder, statement)


def main(argv: Sequence[str]) -> int:
    """Train, and say where the result is and how far it is from the reference."""
    from sobolev.pinns.config import ACCURATE, DEMO, PINNConfig
    from sobolev.pinns.methods import METHODS
    from sobolev.pinns.random_features import RandomFeatureConfig

    recipes = {"quick": DEMO, "accurate": ACCURATE}
    parser = Parser("pinn", __doc__ or "")
    named_options(parser, argv, problems, "problem")
    parser.add_argument("--output", type=str, default="", help="folder; PROBLEM-pinn if not given")
    parser.add_argument("--sample", type=int, default=0, help="number of the instance")
    parser.add_argument("--instance_seed", type=int, default=0, help="seed of the instance")
    parser.add_argument("--resolution", type=int, default=256, help="points of the comparison")
    parser.add_argument(
        "--method", choices=[*METHODS, RANDOM_FEATURES], default="adaptive", help="how to solve"
    )
    parser.add_argument(
        "--recipe", choices=list(recipes), default="quick", help="defaults of the options --pinn.*"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    method = word_after("--method", argv) or "adaptive"
    if method == RANDOM_FEATURES:
        parser.add_class_arguments(RandomFeatureConfig, "features")
    else:
        parser.add_class_arguments(PINNConfig, "pinn")
        recipe = recipes.get(word_after("--recipe", argv), DEMO)
        chosen = {**recipe.to_dict(), **METHODS.get(method, {})}
        parser.set_defaults({f"pinn.{key}": value for key, value in chosen.items()})
    given = parser.parse_args(list(argv))
    if given.method != method:
        raise InputError(f"expected --method on the command line, got {given.method} in a file")
    folder = Path(given.output or f"{given.name}-pinn")
    instance = Instance(
        given.name, given_options(given, "problem", problems), given.instance_seed, given.sample,
        command_line("pinn", argv), method,
    )  # fmt: skip
    config: PINNConfig | RandomFeatureConfig
    if method == RANDOM_FEATURES:
        config = RandomFeatureConfig(**given.features.as_dict())
    else:
        config = PINNConfig(**given.pinn.as_dict())
    with only_writer(folder):
        return run(instance, config, folder, given.resolution, given.force)


def run(
    instance: Instance,
    config: PINNConfig | RandomFeatureConfig,
    folder: Path,
    resolution: int,
    force: bool,
) -> int:
    """Solve into a folder that is ours alone."""
    from sobolev.pinns.random_features import RandomFeatureConfig
    from sobolev.pinns.result import CHECKPOINT
    from sobolev.pinns.statement import state_problem
    from sobolev.scripts.pinn_pictures import draw_pictures

    problem, draw = instance.make()
    inputs = solver_inputs(problem, draw)
    state_problem(problem, inputs)  # refuses what cannot be stated before the reference is solved
    truth = reference(problem, draw, resolution, getattr(config, "threads", 1))
    if (folder / INSTANCE).exists() and not force:
        raise InputError(f"{folder} holds a trained PINN; choose another --output or --force")
    if force and any((folder / name).exists() for name in (INSTANCE, CHECKPOINT)):
        shutil.rmtree(folder)
    result: PINNResult | RandomFeatureResult
    if isinstance(config, RandomFeatureConfig):
        result = solve_by_features(problem, inputs, config, folder)
    else:
        result = train_network(problem, inputs, config, folder, truth)
    print(f"relative L2 error {result.error(truth):.3e} after {result.seconds:.1f} s")
    draw_pictures(result, folder, truth, folder / PICTURE)
    # The instance is written last: a folder with a checkpoint and without it was interrupted.
    write_whole(folder / INSTANCE, json.dumps(instance.__dict__, indent=2))
    print(f"pictures: {folder / PICTURE}")
    print(f"result: {folder}/")
    return 0


def train_network(
    problem: Problem, inputs: dict[str, Any], config: PINNConfig, folder: Path, truth: Function
) -> PINNResult:
    """Train, or go on where a run into this folder was stopped."""
    from sobolev.pinns.pinn import train
    from sobolev.pinns.result import CHECKPOINT

    resume = (folder / CHECKPOINT).exists()
    with progress_bar("pinn") as progress:
        result = train(problem, inputs, config, folder, resume, progress, reference=truth)
    print(f"stopped: {'; then '.join(result.stop_reasons)}")
    return result


def solve_by_features(
    problem: Problem, inputs: dict[str, Any], config: RandomFeatureConfig, folder: Path
) -> RandomFeatureResult:
    """Solve by random features, and say what that is."""
    from sobolev.pinns.random_features import solve
    from sobolev.pinns.statement import state_problem

    result = solve(state_problem(problem, inputs), config)
    folder.mkdir(parents=True, exist_ok=True)
    result.save(folder)
    print(result)
    return result


if __name__ == "__main__":
    sys.exit(guarded("sobolev pinn", main, sys.argv[1:]))
