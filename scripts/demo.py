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

from sobolev.scripts import generate
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
         "darcy --samples 640 --resolution 32 --seed 0 --output {d}/darcy.h5"),
    Step("generate", generate.main, "burgers.h5",
         "burgers --samples 1152 --resolution 128 --seed 0 --output {d}/burgers.h5"),
)  # fmt: skip


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
        arguments = step.argv(given.folder)
        print(f"\n[{number}/{len(STEPS) + 1}] {command_line(step.command, arguments)}", flush=True)
        if (folder / step.product).exists():
            print(f"already there: {folder / step.product}")
            continue
        code = step.main(arguments)
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(guarded("sobolev demo", main, sys.argv[1:]))
