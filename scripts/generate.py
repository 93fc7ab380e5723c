"""`sobolev generate PROBLEM`: a dataset by the problem's reference solver."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from sobolev.datasets.registry import make_problem, problems
from sobolev.scripts.common import (
    Parser,
    given_options,
    guarded,
    named_options,
    options,
    progress_bar,
)

TOLD = 3  # samples that were left out, with their reasons


@dataclass(frozen=True)
class GenerateConfig:
    """How much, where, and how carefully."""

    samples: int = 1024
    """number of samples"""
    resolution: int = 64
    """points (or cells) an axis of the stored grid"""
    seed: int = 0
    """sample i of a seed is the same function on every grid and machine"""
    output: str = ""
    """HDF5 file to write; PROBLEM.h5 where not given"""
    tolerance: float = 1e-8
    """relative tolerance of the reference solver"""
    workers: int = 1
    """local worker processes; 1 solves in this one"""
    scheduler: str = ""
    """address of a Dask scheduler, tcp://host:port, instead of local workers"""
    chunk: int = 32
    """samples solved together; part of the plan, so it may move the last bits of the outputs"""
    order: Literal["given", "sorted"] = "given"
    """solve in the order given, or sorted so that neighbours are similar"""
    dtype: Literal["float64", "float32"] = "float64"
    """precision of the stored fields"""


def main(argv: Sequence[str]) -> int:
    """Generate, and say where the file is; exit code 1 where samples had to be left out."""
    parser = Parser("generate", __doc__ or "")
    named_options(parser, argv, problems, "problem")
    parser.add_class_arguments(GenerateConfig)
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    given = parser.parse_args(list(argv))
    config = options(GenerateConfig, given)
    problem = make_problem(given.name, given_options(given, "problem", problems))
    from sobolev.datasets.generation import generate

    keywords = asdict(config) | {
        "output": config.output or f"{given.name}.h5",
        "scheduler": config.scheduler or None,
    }
    with progress_bar("generate") as progress:
        report = generate(problem, **keywords, force=given.force, progress=progress)
    print(report)
    for sample, reason in report.failed[:TOLD]:
        print(f"sample {sample}: {reason}", file=sys.stderr)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(guarded("sobolev generate", main, sys.argv[1:]))
