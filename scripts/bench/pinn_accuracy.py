"""How accurate PINNs become: `python scripts/bench/pinn_accuracy.py --case burgers --seeds 3`.

Beside the networks stand random features with least squares, and the classical solver at the
loosest tolerance that is as accurate as the median network.

Every seed has a folder of its own, from which a stopped run goes on; finished seeds are kept.
Threads: one a run, because the tensors are small.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sobolev.datasets.files import write_whole
from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.norms import error
from sobolev.pinns.cases import CASES
from sobolev.pinns.multistage import Stage, train_in_stages
from sobolev.pinns.pinn import train
from sobolev.pinns.random_features.recipes import RECIPES
from sobolev.pinns.result import CHECKPOINT, PINNResult
from sobolev.pinns.windows import train_windows
from sobolev.scripts.common import machine

RESULT = "accuracy.json"


@dataclass(frozen=True)
class Row:
    """What one seed came to. seconds: of training, on one core. loss: of the last window
    or stage."""

    seed: int
    error: float
    seconds: float
    steps: int
    loss: float
    stop_reason: str


def run(name: str, seed: int, folder: Path, changes: dict[str, object]) -> Row:
    """Train one seed, or read what it came to."""
    place = folder / name / f"seed-{seed}"
    if (place / RESULT).exists():
        return Row(**json.loads((place / RESULT).read_text())["row"])
    case, reference = CASES[name], known(name, folder)
    config = dataclasses.replace(case.recipe, seed=seed, **changes)  # type: ignore[arg-type]

    def progress(step: int, total: int, text: str) -> None:
        print(f"{name} {seed}: {step}/{total} {text}", file=sys.stderr, flush=True)

    statement = case.statement()
    parts: Sequence[PINNResult | Stage]
    if case.stages > 1:
        staged = train_in_stages(statement, config, case.stages, progress)
        parts, last = staged.stages, staged.result
        off = last.error(reference)
    elif case.windows > 1:
        resume = place.exists()
        whole = train_windows(statement, case.windows, config, place, resume, progress)
        parts, last, off = whole.results, whole.results[-1], whole.error(reference)
    else:
        resume = (place / CHECKPOINT).exists()
        last = train(
            statement, config=config, output=place, resume=resume, progress=progress,
            reference=reference,
        )  # fmt: skip
        parts, off = (last,), last.error(reference)
    row = Row(
        seed, off, sum(one.seconds for one in parts), sum(one.steps for one in parts),
        float(last.column("loss")[-1]), last.stop_reason,
    )  # fmt: skip
    place.mkdir(parents=True, exist_ok=True)
    facts = {"row": asdict(row), "config": config.to_dict(), "machine": machine()}
    write_whole(place / RESULT, json.dumps(facts, indent=2) + "\n")
    return row


def known(name: str, folder: Path) -> Function:
    """The reference of a case, computed once."""
    case, path = CASES[name], folder / name / "reference.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, case.reference().numpy())
    return Function(np.load(path), case.on)


@dataclass(frozen=True)
class Baseline:
    """What is not a network came to. label: who."""

    label: str
    error: float
    seconds: float


def baselines(name: str, accuracy: float, folder: Path) -> list[Baseline]:
    """Random features, and the classical solver at the loosest tolerance below `accuracy`."""
    case, truth, found = CASES[name], known(name, folder), []
    if name in RECIPES:
        solved = RECIPES[name].solve(case.statement())
        found.append(Baseline("random features", solved.error(truth), solved.seconds))
    classical = case.classical
    if classical is None:
        return found
    for tolerance in 10.0 ** np.arange(-2, -16, -1.0):
        classical(case.on, tolerance)  # the first call may compile
        began = time.perf_counter()
        values = classical(case.on, tolerance)
        seconds = time.perf_counter() - began
        off = float(error(values, truth.numpy(), case.on))
        if off < accuracy:
            found.append(Baseline(f"{case.method}, tolerance {tolerance:.0e}", off, seconds))
            break
    return found


def print_table(name: str, rows: list[Row], beside: list[Baseline], accuracy: float) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{name}: relative L2 error, to be below {accuracy:.0e}")
    for column in ("seed", "error", "seconds", "steps", "loss", "stopped"):
        table.add_column(column, justify="left" if column == "stopped" else "right")
    for row in rows:
        table.add_row(
            str(row.seed), f"{row.error:.2e}", f"{row.seconds:.0f}", str(row.steps),
            f"{row.loss:.1e}", row.stop_reason,
        )  # fmt: skip
    if len(rows) > 1:
        error, seconds = (
            statistics.median(getattr(row, key) for row in rows) for key in ("error", "seconds")
        )
        table.add_row("median", f"{error:.2e}", f"{seconds:.0f}", "", "", "")
    for baseline in beside:
        table.add_row(
            "", f"{baseline.error:.2e}", f"{baseline.seconds:.2g}", "", "", baseline.label
        )
    Console(width=None if sys.stdout.isatty() else 110).print(table)


def option(text: str) -> tuple[str, object]:
    """`name=value` with the value as JSON, or as a word."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", choices=sorted(CASES), action="append", help="all if not given")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("runs/pinn-accuracy"))
    parser.add_argument("--no-baselines", action="store_true", help="the networks alone")
    parser.add_argument(
        "--set", type=option, action="append", default=[], metavar="OPTION=VALUE",
        help="in place of the recipe's; give another --folder too",
    )  # fmt: skip
    given = parser.parse_args()
    met = True
    for name in given.case or sorted(CASES):
        began = time.perf_counter()
        try:
            rows = [run(name, s, given.folder, dict(given.set)) for s in range(given.seeds)]
        except InputError as problem:
            raise SystemExit(f"pinn_accuracy: {problem}") from None
        reached = statistics.median(row.error for row in rows)
        beside = [] if given.no_baselines else baselines(name, reached, given.folder)
        print_table(name, rows, beside, CASES[name].accuracy)
        print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
        met = met and all(row.error < CASES[name].accuracy for row in rows)
        met = met and not any(math.isnan(row.error) for row in rows)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
