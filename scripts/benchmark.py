"""`sobolev benchmark FOLDER…`: trained surrogates against the classical solver.

Each FOLDER was written by `sobolev train` or `sobolev pinn`; all are of one problem. The result
is a folder with benchmark.json (every figure) and fields.npz (one instance, for the pictures).
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from sobolev.datasets.break_even import BreakEven, Row, break_even
from sobolev.datasets.files import replacing, write_whole
from sobolev.datasets.problem import Draw, Problem
from sobolev.datasets.ruler import (
    METRICS,
    answer_frames,
    classical_contestant,
    classical_ladder,
    measure,
    reference_truth,
    relative_errors,
)
from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid
from sobolev.geometry.norms import energy_spectrum
from sobolev.scripts.cases import Case, operator_case, pinn_case
from sobolev.scripts.common import (
    Parser,
    command_line,
    guarded,
    machine,
    options,
    progress_bar,
    software,
)
from sobolev.scripts.pinn_instance import INSTANCE

SCHEMA = "sobolev-benchmark"


@dataclass(frozen=True)
class BenchmarkConfig:
    """What is measured, and how."""

    output: str = "benchmark"
    """folder to write"""
    instances: int = 16
    """inputs on which errors are measured; a PINN's benchmark has its one"""
    seed: int = 1000
    """seed of the inputs; another one than the training data's"""
    threads: int = 1
    """threads of both sides; 0 for all cores. On a busy machine several threads wait for the
    slowest, which hurts small networks most"""
    repeats: int = 5
    """timing rounds after the one that warms up"""
    finer: bool = True
    """measure surrogates that know no grid on one twice as fine, too"""


def row_dict(row: Row) -> dict[str, Any]:
    """A row as JSON holds it, with the two batch modes spelled out."""
    single, best = row.at("single"), row.at("best")
    plain = dataclasses.asdict(row) | {"seconds": {str(b): s for b, s in row.seconds.items()}}
    plain["single"] = {"batch": single[0], "seconds": single[1]}
    plain["best"] = {"batch": best[0], "seconds": best[1]}
    return plain


def uncertainty(problem: Problem, draws: Sequence[Draw], truth: Function, threads: int) -> float:
    """Relative L2 distance of the reference from one on half its resolution."""
    fidelity = problem.reference_fidelity()
    half = dataclasses.replace(fidelity, resolution=fidelity.resolution // 2)
    assert isinstance(truth.on, Grid)
    fields = problem.solve_draws(draws, truth.on, half, threads).fields
    coarse = Function(answer_frames(problem, fields), truth.on)
    return float(np.mean(relative_errors(coarse.numpy(), truth.numpy(), truth.on)["L2"]))


def _field_input(problem: Problem) -> str:
    """The name of the first input that is a field, empty where all are numbers."""
    return next((v.name for v in problem.inputs if v.kind == "field"), "")


def pictures(case: Case, truth: Function, answers: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Arrays of the first instance for the report: input, truth, answers, spectra of errors.

    Of several outputs the first one is shown.
    """
    assert isinstance(truth.on, Grid)
    grid = truth.on

    def shown(values: np.ndarray) -> np.ndarray:
        return values if len(case.problem.outputs) == 1 else values[:, :, 0]

    right = shown(truth.numpy())
    arrays: dict[str, Any] = {f"axis_{n}": a for n, a in zip(grid.names, grid.axes, strict=True)}
    given = case.problem.evaluate_batch(case.draws[:1], grid)
    if first := _field_input(case.problem):
        arrays["input"] = given[first][0]
    arrays["truth"] = right[0]
    k, energy = energy_spectrum(right[:, -1], grid)
    arrays["spectrum_k"], arrays["spectrum_truth"] = k, energy.mean(axis=0)
    for name, values in answers.items():
        arrays[f"answer_{name}"] = shown(values)[0]
        off = energy_spectrum((shown(values) - right)[:, -1], grid)[1]
        arrays[f"spectrum_{name}"] = off.mean(axis=0)
    return arrays


def run(case: Case, config: BenchmarkConfig, threads: int, progress: Any) -> dict[str, Any]:
    """Measure everything; returns what benchmark.json holds, the arrays under `arrays`."""
    problem = case.problem
    progress(0, 1, "reference")
    truth = reference_truth(problem, case.draws, case.grid, threads)
    ladder = classical_ladder(problem, threads)
    stand_in = classical_contestant(problem, problem.reference_fidelity(), threads)
    everyone = [*ladder, *case.surrogates]
    batches = (1, 4, 16, 64) if len(case.draws) > 1 else (1,)
    answers: dict[str, np.ndarray] = {}
    rows = measure(
        problem, everyone, case.draws, truth, batches=batches, repeats=config.repeats,
        progress=progress, answers=answers,
    )  # fmt: skip
    # The reference is the truth, so its error is 0 by definition; only its time is of use.
    (beyond,) = measure(problem, [stand_in], case.draws[:1], _first(truth), batches=(1,), repeats=1)
    comparisons: list[BreakEven] = [
        found
        for metric in METRICS
        for mode in ("single", "best")
        for found in break_even(rows, beyond, metric, mode)
    ]
    card = dataclasses.asdict(problem.card)
    return {
        "schema": SCHEMA,
        "version": 1,
        "problem": problem.name,
        "problem_config": problem.config(),
        "summary": problem.summary,
        "latex": problem.latex(),
        "card": card,
        "units": {v.name: v.units for v in (*problem.inputs, *problem.outputs)},
        "shown": [_field_input(problem), problem.outputs[0].name],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "software": software(),
        "threads": threads,
        "instances": len(case.draws),
        "seed": config.seed,
        "frames": int(truth.numpy().shape[1]),
        "evaluation_grid": list(case.grid.shape),
        "extent": [list(pair) for pair in case.grid.extent],
        "reference": f"{problem.solver_name} {problem.reference_fidelity().label()}",
        "uncertainty": uncertainty(problem, case.draws, truth, threads),
        "rows": [row_dict(row) for row in rows],
        "break_even": [dataclasses.asdict(c) | {"verdict": c.verdict} for c in comparisons],
        "surrogates": list(case.facts),
        "arrays": pictures(case, truth, answers),
    }


def _first(truth: Function) -> Function:
    return Function(truth.numpy()[:1], truth.on)


def load_benchmark(folder: Path) -> tuple[dict[str, Any], Mapping[str, np.ndarray]]:
    """What `sobolev benchmark` wrote. Raises InputError where it is missing or foreign."""
    try:
        facts = json.loads((folder / "benchmark.json").read_text())
        with np.load(folder / "fields.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if facts["schema"] != SCHEMA:
            raise ValueError(f"schema {facts['schema']}")
    except (OSError, ValueError, KeyError) as problem:
        raise InputError(f"expected a benchmark in {folder}: {problem}") from None
    return facts, arrays


def main(argv: Sequence[str]) -> int:
    """Measure, print the break-even table, and say where the figures are."""
    parser = Parser("benchmark", __doc__ or "")
    parser.add_argument("folders", nargs="+", help="trained surrogates of one problem")
    parser.add_class_arguments(BenchmarkConfig)
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    given = parser.parse_args(list(argv))
    config = options(BenchmarkConfig, given)
    for name, least in (("instances", 1), ("threads", 0), ("repeats", 1), ("seed", 0)):
        if getattr(config, name) < least:
            raise InputError(f"expected {name} of at least {least}, got {getattr(config, name)}")
    output = Path(config.output)
    if (output / "benchmark.json").exists() and not given.force:
        raise InputError(f"{output} holds a benchmark; choose another --output or add --force")
    output.mkdir(parents=True, exist_ok=True)
    threads = config.threads or len(os.sched_getaffinity(0))
    folders = [Path(folder) for folder in given.folders]
    pinns = [folder for folder in folders if (folder / INSTANCE).exists()]
    if pinns and len(folders) > 1:
        raise InputError("a PINN solves one instance; benchmark it alone")
    import torch

    torch.set_num_threads(threads)
    with progress_bar("benchmark") as progress:
        if pinns:
            case = pinn_case(folders[0])
        else:
            case = operator_case(folders, config.seed, config.instances, config.finer)
        facts = run(case, config, threads, progress)
    facts["command"] = command_line("benchmark", argv)
    with replacing(output / "fields.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **facts.pop("arrays"))
    write_whole(output / "benchmark.json", json.dumps(facts, indent=2))
    print_table(facts)
    print(f"figures: {output}/benchmark.json")
    return 0


def print_table(facts: Mapping[str, Any]) -> None:
    """The break-even table in the terminal, relative L2, each side at its best batch."""
    from rich.console import Console
    from rich.table import Table

    solver = facts["reference"].split(" n=")[0]
    table = Table(
        title=f"{facts['problem']}: surrogates beside the cheapest {solver} at least as accurate",
        caption="relative L2; milliseconds a solve at each side's best batch, "
        f"{facts['threads']} thread{'s' if facts['threads'] > 1 else ''}",
    )
    for column in ("surrogate", "error", "ms", "classical", "error", "ms", "ratio", "N*"):
        named = column in ("surrogate", "classical")
        table.add_column(column, justify="left" if named else "right", no_wrap=True)
    for row in facts["break_even"]:
        if row["metric"] == "L2" and row["mode"] == "best":
            table.add_row(
                row["surrogate"], f"{row['surrogate_error']:.1e}",
                f"{1e3 * row['surrogate_seconds']:.2g}",
                row["classical"].removeprefix(f"{solver} "),
                f"{row['classical_error']:.1e}", f"{1e3 * row['classical_seconds']:.2g}",
                f"{row['ratio']:.2g}", row["verdict"],
            )  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 110).print(table)


if __name__ == "__main__":
    sys.exit(guarded("sobolev benchmark", main, sys.argv[1:]))
