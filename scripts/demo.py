"""`sobolev demo`: the main job on small sizes, from a random field to the break-even count.

Every step is a command that you can type; a step whose output is there is not done again, so an
interrupted demo goes on where it was.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sobolev.scripts import benchmark, generate, pinn, report, train, verify
from sobolev.scripts.benchmark import load_benchmark
from sobolev.scripts.common import Parser, command_line, guarded

Main = Callable[[Sequence[str]], int]


@dataclass(frozen=True)
class Step:
    """One command of the demo: done where `product` is there."""

    command: str
    main: Main
    product: str
    arguments: str

    def argv(self, folder: str) -> list[str]:
        return self.arguments.format(d=folder).split()


STEPS = (
    Step("generate", generate.main, "darcy.h5",
         "darcy --samples 640 --resolution 32 --output {d}/darcy.h5"),
    Step("generate", generate.main, "burgers.h5",
         "burgers --problem.constant_mode false --samples 1152 --resolution 128"
         " --tolerance 1e-6 --output {d}/burgers.h5"),
    Step("verify", verify.main, "", "{d}/darcy.h5 {d}/burgers.h5"),
    Step("train", train.main, "darcy-pca/config.json",
         "pca {d}/darcy.h5 --output {d}/darcy-pca"),
    Step("train", train.main, "burgers-pca/config.json",
         "pca {d}/burgers.h5 --output {d}/burgers-pca"),
    Step("train", train.main, "darcy-fno/config.json",
         "fno {d}/darcy.h5 --output {d}/darcy-fno --model.width 32 --model.modes 12"
         " --training.epochs 40 --training.learning_rate 2e-3"
         " --training.augmentation symmetries"),
    Step("train", train.main, "burgers-fno/config.json",
         "fno {d}/burgers.h5 --output {d}/burgers-fno --model.width 48 --model.modes 20"
         " --training.epochs 60 --training.batch_size 32 --training.learning_rate 2e-3"),
    Step("pinn", pinn.main, "burgers-pinn/instance.json",
         "burgers --problem.initial sine --problem.left -1 --problem.viscosity_min 0.05"
         " --problem.viscosity_max 0.05 --output {d}/burgers-pinn"),
    Step("benchmark", benchmark.main, "darcy-benchmark/benchmark.json",
         "{d}/darcy-fno {d}/darcy-pca --output {d}/darcy-benchmark"),
    Step("benchmark", benchmark.main, "burgers-benchmark/benchmark.json",
         "{d}/burgers-fno {d}/burgers-pca --output {d}/burgers-benchmark"),
    Step("benchmark", benchmark.main, "pinn-benchmark/benchmark.json",
         "{d}/burgers-pinn --output {d}/pinn-benchmark"),
)  # fmt: skip
BENCHMARKS = ("darcy-benchmark", "burgers-benchmark", "pinn-benchmark")


def main(argv: Sequence[str]) -> int:
    """Run the steps in order, then say where the report is and what its main figures are."""
    parser = Parser("demo", __doc__ or "")
    parser.add_argument("--folder", type=str, default="demo", help="data and trained surrogates")
    parser.add_argument("--report", type=str, default="report", help="folder for index.html")
    given = parser.parse_args(list(argv))
    folder = Path(given.folder)
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    for number, step in enumerate(STEPS, 1):
        code = run_step(step, f"[{number}/{len(STEPS) + 1}]", folder)
        if code:
            return code
    words = [*(str(folder / name) for name in BENCHMARKS), "--output", given.report, "--force"]
    print(f"\n[{len(STEPS) + 1}/{len(STEPS) + 1}] {command_line('report', words)}", flush=True)
    report.main(words)
    print(f"\nThe demo took {time.perf_counter() - start:.0f} s. Its main figures:")
    for name in BENCHMARKS:
        found = report.headline(load_benchmark(folder / name)[0])
        print(f"  {found['value']:>8}  {found['text']}: {found['more']}")
    print(f"\nThe report: {(Path(given.report) / 'index.html').resolve()}")
    return 0


def run_step(step: Step, place: str, folder: Path) -> int:
    """Run one command, unless its product is there."""
    words = step.argv(str(folder))
    print(f"\n{place} {command_line(step.command, words)}", flush=True)
    if step.product and (folder / step.product).exists():
        print(f"already there: {folder / step.product}")
        return 0
    return step.main(words)


if __name__ == "__main__":
    sys.exit(guarded("sobolev demo", main, sys.argv[1:]))
