"""`sobolev train MODEL DATASET`: a surrogate from a dataset.

A run that was interrupted goes on, bit for bit, when the same command is given again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import Namespace

from sobolev.datasets.reader import Dataset
from sobolev.operators.bundle import CHECKPOINT, CONFIG
from sobolev.operators.registry import operators
from sobolev.operators.training import TrainingConfig, train
from sobolev.scripts.common import (
    Parser,
    command_line,
    given_options,
    guarded,
    named_options,
    only_writer,
    progress_bar,
)


def generate_command(path: str) -> str:
    """The command that makes a dataset like this one again."""
    dataset = Dataset(path)
    plan = dict(dataset.plan)
    plan["tolerance"] = plan.pop("fidelity")["tolerance"]
    problem = {f"problem.{key}": value for key, value in dataset.problem_config.items()}
    words = [f"--{key} {value}" for key, value in (plan | problem).items()]
    return f"sobolev generate {dataset.problem_name} {' '.join(words)} --output {path}"


def main(argv: Sequence[str]) -> int:
    """Train, and say how good the surrogate is and where."""
    parser = Parser("train", __doc__ or "")
    named_options(parser, argv, operators, "model", lambda entry: entry.config)
    parser.add_argument("data", type=str, help="dataset that `sobolev generate` wrote")
    parser.add_argument("--output", type=str, default="", help="folder; DATASET-MODEL if not given")
    parser.add_class_arguments(TrainingConfig, "training")
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    given = parser.parse_args(list(argv))
    output = Path(given.output or f"{Path(given.data).stem}-{given.name}")
    with only_writer(output):
        return run(given, output, argv)


def run(given: Namespace, output: Path, argv: Sequence[str]) -> int:
    """Train into a folder that is ours alone."""
    # The configuration is written last: a checkpoint without it was interrupted.
    interrupted = (output / CHECKPOINT).exists() and not (output / CONFIG).exists()
    with progress_bar(f"train {given.name}") as progress:
        result = train(
            given.data,
            output,
            model=given.name,
            model_config=given_options(given, "model", operators),
            training=TrainingConfig(**given.training.as_dict()),
            resume=interrupted and not given.force,
            force=given.force,
            progress=progress,
            facts={
                "command": command_line("train", argv),
                "data_command": generate_command(given.data),
            },
        )
    print(f"stopped by: {result.stopped}; {result.epochs} epochs, {result.seconds:.1f} s, "
          f"{result.parameters:,} parameters")  # fmt: skip
    print(f"relative L2 error: validation {result.validation_error:.3%}, "
          f"test {result.test_error:.3%}")  # fmt: skip
    print(f"surrogate: {output}/")
    return 0


if __name__ == "__main__":
    sys.exit(guarded("sobolev train", main, sys.argv[1:]))
