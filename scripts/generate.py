"""`sobolev generate PROBLEM`: a dataset by the problem's reference solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sobolev.datasets.registry import problems
from sobolev.scripts.common import Parser, check_output


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
    """local worker processes"""
    scheduler: str = ""
    """address of a Dask scheduler, tcp://host:port, instead of local workers"""
    chunk: int = 64
    """samples solved together; part of the plan, so it may move the last bits of the outputs"""
    order: Literal["given", "sorted"] = "given"
    """solve in the order given, or sorted so that neighbours are similar"""
    dtype: Literal["float64", "float32"] = "float64"
    """precision of the stored fields"""


def main(argv: Sequence[str]) -> int:
    """Parse, generate, and say where the file is."""
    parser = Parser("generate", __doc__ or "")
    parser.add_argument("name", help=f"problem: {', '.join(problems.names())}")
    parser.add_class_arguments(GenerateConfig)
    parser.add_argument("--force", action="store_true", help="replace an existing output")
    name = next((word for word in argv if not word.startswith("-")), None)
    if name is not None and not name.endswith((".yaml", ".yml")):
        parser.add_class_arguments(problems.get(name), "problem")
    given = parser.parse_args(list(argv))
    config = GenerateConfig(**{k: given[k] for k in GenerateConfig.__dataclass_fields__})
    problem = problems.get(given.name)(**given.problem.as_dict())
    output = config.output or f"{given.name}.h5"
    check_output(output, given.force)
    return 0
