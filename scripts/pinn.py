"""`sobolev pinn PROBLEM`: a physics-informed network on one instance of a problem.

The instance is sample `--sample` of seed `--instance_seed` of the problem's own inputs. It is
judged while it trains against the problem's reference solver, at all stored times where it has
any. `--method` names a published remedy, or `random_features`: the solver that every network has
to be held against.

`--measurements FILE` (CSV, columns named as the coordinates and the unknowns) adds measured values,
and `--find NAME` lets them decide a number of the equation: the drawn one is then not looked at. It
starts at the median of what the problem draws. Fields are found from Python, see docs/pinns.md.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sobolev.datasets.registry import problems
from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.scripts.common import (
    Parser,
    command_line,
    given_options,
    guarded,
    named_options,
    only_writer,
    progress_bar,
)
from sobolev.scripts.pinn_instance import (
    INSTANCE,
    RANDOM_FEATURES,
    Instance,
    clear,
    reference,
)

if TYPE_CHECKING:
    from sobolev.pinns.config import PINNConfig
    from sobolev.pinns.random_features import RandomFeatureConfig, RandomFeatureResult
    from sobolev.pinns.result import PINNResult
    from sobolev.pinns.statement import Statement
    from sobolev.pinns.windows import WindowedResult
    from sobolev.scripts.pinn_instance import Solved

PICTURE = "pictures.png"


def word_after(flag: str, argv: Sequence[str]) -> str:
    """The value of `flag value` or `flag=value`, empty where it is not given."""
    words = [part for word in argv for part in word.split("=", 1)]
    return words[words.index(flag) + 1] if flag in words[:-1] else ""


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
    parser.add_argument("--windows", type=int, default=1, help="solve so many pieces of the time")
    parser.add_argument(
        "--measurements", type=str, default="", help="CSV file with a column for each coordinate"
    )
    parser.add_argument(
        "--find", type=str, nargs="+", default=[], help="numbers that the measurements decide"
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
        command_line("pinn", argv), method, given.windows, file_text(given.measurements),
        given.find,
    )  # fmt: skip
    check_find(instance)
    config: PINNConfig | RandomFeatureConfig
    if method == RANDOM_FEATURES:
        config = RandomFeatureConfig(**given.features.as_dict())
    else:
        config = PINNConfig(**given.pinn.as_dict())
    with only_writer(folder):
        return run(instance, config, folder, given.resolution, given.force)


def file_text(name: str) -> str | None:
    """Raises InputError where the file cannot be read; no name, no text."""
    try:
        return Path(name).read_text(encoding="utf-8-sig") if name else None
    except (OSError, UnicodeDecodeError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise InputError(f"expected a CSV file of measurements, got {name}: {why}") from None


def check_find(instance: Instance) -> None:
    """Raise InputError where numbers cannot be found in this way."""
    if not instance.find:
        return
    if instance.measurements is None:
        raise InputError("expected --measurements FILE beside --find, got none")
    if instance.method == RANDOM_FEATURES or instance.windows > 1:
        raise InputError(
            "expected a network in one window beside --find, got "
            f"--method {instance.method} --windows {instance.windows}"
        )


def run(
    instance: Instance,
    config: PINNConfig | RandomFeatureConfig,
    folder: Path,
    resolution: int,
    force: bool,
) -> int:
    """Solve into a folder that is ours alone."""
    from sobolev.pinns.pinn import make_weighting
    from sobolev.pinns.random_features import RandomFeatureConfig
    from sobolev.pinns.result import PINNResult
    from sobolev.scripts.pinn_pictures import draw_pictures

    if (folder / INSTANCE).exists() and not force:
        raise InputError(f"{folder} holds a trained PINN; choose another --output or --force")
    # What cannot be solved is refused before the reference is solved and anything is removed.
    if not force:
        instance.check_stopped(folder)
    statement = instance.state()
    if not isinstance(config, RandomFeatureConfig):
        make_weighting(config, statement)
    threads = getattr(config, "threads", 1)
    # What is to be found has no reference before it is found.
    truth = None if instance.find else reference(*instance.make(), resolution, threads)
    if force:
        clear(folder)
    result: Solved
    with instance.begun(folder):
        if isinstance(config, RandomFeatureConfig):
            result = solve_by_features(statement, instance.windows, config, folder)
        else:
            result = train_network(statement, instance.windows, config, folder, truth)
    if isinstance(result, PINNResult) and instance.find:
        instance = dataclasses.replace(instance, found=result.found)
        print(f"found {', '.join(f'{name} = {v:.6g}' for name, v in result.found.items())}")
    if truth is None:
        truth = reference(*instance.make(), resolution, threads)
    print(f"relative L2 error {result.error(truth):.3e} after {result.seconds:.1f} s")
    draw_pictures(result, folder, truth, folder / PICTURE)
    instance.finish(folder)
    print(f"pictures: {folder / PICTURE}")
    print(f"result: {folder}/")
    return 0


def train_network(
    statement: Statement, windows: int, config: PINNConfig, folder: Path, truth: Function | None
) -> PINNResult | WindowedResult[PINNResult]:
    """Train, or go on where a run into this folder was stopped."""
    from sobolev.pinns.pinn import train
    from sobolev.pinns.result import CHECKPOINT
    from sobolev.pinns.windows import WindowedResult, train_windows

    result: PINNResult | WindowedResult[PINNResult]
    with progress_bar("pinn") as progress:
        if windows > 1:
            result = train_windows(statement, windows, config, folder, True, progress, truth)
        else:
            resume = (folder / CHECKPOINT).exists()
            result = train(statement, None, config, folder, resume, progress, reference=truth)
    parts = result.results if isinstance(result, WindowedResult) else (result,)
    for number, one in enumerate(parts, 1):
        window = f"window {number} " if windows > 1 else ""
        print(f"{window}stopped: {'; then '.join(one.stop_reasons)}")
    return result


def solve_by_features(
    statement: Statement, windows: int, config: RandomFeatureConfig, folder: Path
) -> RandomFeatureResult | WindowedResult[RandomFeatureResult]:
    """Solve by random features, and say what that is."""
    from sobolev.pinns.random_features import solve
    from sobolev.pinns.windows import WindowedResult, solve_windows

    result: RandomFeatureResult | WindowedResult[RandomFeatureResult]
    if windows > 1:
        with progress_bar("random features") as progress:
            result = solve_windows(statement, windows, config, folder, True, progress)
    else:
        result = solve(statement, config)
        result.save(folder)
    parts = result.results if isinstance(result, WindowedResult) else (result,)
    for number, one in enumerate(parts, 1):
        print(f"window {number}: {one}" if windows > 1 else one)
    return result


if __name__ == "__main__":
    sys.exit(guarded("sobolev pinn", main, sys.argv[1:]))
