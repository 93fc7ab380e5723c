"""`sobolev pinn PROBLEM`: a physics-informed network on one instance of a problem.

The instance is sample `--sample` of seed `--instance_seed` of the problem's own inputs. It is
judged while it trains against the problem's reference solver on all stored frames.
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

INSTANCE = "instance.json"


@dataclass(frozen=True)
class Instance:
    """One sample of a problem's inputs, as `instance.json` holds it."""

    problem: str
    problem_config: dict[str, Any]
    seed: int
    sample: int
    command: str

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


def reference(problem: Problem, draw: dict[str, Any], resolution: int, threads: int) -> Function:
    """The reference solution of one instance on a grid of space-time, all frames.

    Raises InputError for a steady problem and where the reference did not converge.
    """
    times = problem.times
    if times is None:
        raise InputError(f"'{problem.name}' is steady; `sobolev pinn` takes problems in time")
    grid = problem.grid(resolution)
    solution = problem.solve_draws([draw], grid, problem.reference_fidelity(), threads)
    if not bool(solution.converged[0]):
        raise InputError(f"the reference did not converge: {solution.reason[0]}")
    spacetime = Grid(
        ((float(times[0]), float(times[-1])), *grid.extent),
        (len(times), *grid.shape),
        (False, *grid.wraps),
        names=("t", *grid.names),
        units=grid.units,
    )
    return Function(solution.fields[0], spacetime)


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


def main(argv: Sequence[str]) -> int:
    """Train, and say where the result is and how far it is from the reference."""
    from sobolev.pinns.config import ACCURATE, DEMO, PINNConfig

    recipes = {"quick": DEMO, "accurate": ACCURATE}
    parser = Parser("pinn", __doc__ or "")
    named_options(parser, argv, problems, "problem")
    parser.add_argument("--output", type=str, default="", help="folder; PROBLEM-pinn if not given")
    parser.add_argument("--sample", type=int, default=0, help="number of the instance")
    parser.add_argument("--instance_seed", type=int, default=0, help="seed of the instance")
    parser.add_argument("--resolution", type=int, default=256, help="points of the comparison")
    parser.add_argument(
        "--recipe", choices=list(recipes), default="quick", help="defaults of the options --pinn.*"
    )
    parser.add_class_arguments(PINNConfig, "pinn")
    chosen = recipes.get(word_after("--recipe", argv), DEMO)
    parser.set_defaults({f"pinn.{key}": value for key, value in chosen.to_dict().items()})
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    given = parser.parse_args(list(argv))
    folder = Path(given.output or f"{given.name}-pinn")
    instance = Instance(
        given.name, given_options(given, "problem", problems), given.instance_seed, given.sample,
        command_line("pinn", argv),
    )  # fmt: skip
    config = PINNConfig(**given.pinn.as_dict())
    with only_writer(folder):
        return run(instance, config, folder, given.resolution, given.force)


def run(instance: Instance, config: PINNConfig, folder: Path, resolution: int, force: bool) -> int:
    """Train into a folder that is ours alone."""
    from sobolev.pinns.pinn import train
    from sobolev.pinns.result import CHECKPOINT

    problem, draw = instance.make()
    truth = reference(problem, draw, resolution, config.threads)
    if (folder / INSTANCE).exists() and not force:
        raise InputError(f"{folder} holds a trained PINN; choose another --output or --force")
    if force and any((folder / name).exists() for name in (INSTANCE, CHECKPOINT)):
        shutil.rmtree(folder)
    # The instance is written last: a folder with a checkpoint and without it was interrupted.
    resume = (folder / CHECKPOINT).exists()
    inputs = solver_inputs(problem, draw)
    with progress_bar("pinn") as progress:
        result = train(problem, inputs, config, folder, resume, progress, reference=truth)
    write_whole(folder / INSTANCE, json.dumps(instance.__dict__, indent=2))
    print(f"stopped: {'; then '.join(result.stop_reasons)}")
    print(f"relative L2 error {result.error(truth):.3e} after {result.seconds:.1f} s")
    print(f"result: {folder}/")
    return 0


if __name__ == "__main__":
    sys.exit(guarded("sobolev pinn", main, sys.argv[1:]))
