"""Checking a dataset file as a sceptic would: damage, bookkeeping, inputs, and the solutions.

Checksums say that a file is what was written; only solving or reading the equation again says
that what was written is true.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry.errors import InputError
from . import storage
from .generation import software
from .problem import Problem
from .reader import Dataset

Progress = Callable[[int, int, str], None]
ROUNDING = 1e-9


@dataclass(frozen=True)
class Check:
    """One line of the report: what was checked, whether it passed, and the figure."""

    name: str
    passed: bool
    figure: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.passed else 'FAIL'}  {self.name}: {self.figure}"


@dataclass(frozen=True)
class VerificationReport:
    """All checks of one file."""

    path: Path
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def __str__(self) -> str:
        return "\n".join(str(check) for check in self.checks)


def verify(
    path: str | os.PathLike[str],
    *,
    problem: Problem | None = None,
    subset: int = 64,
    seed: int = 0,
    progress: Progress | None = None,
) -> VerificationReport:
    """Check a dataset file; the report says of each check whether it passed.

    problem: for data of a problem that is not registered; subset: how many samples, chosen at
    random by `seed`, have their inputs drawn again and their solutions judged by the problem's
    own `truth_checks`. A wrong solution outside the subset is not seen, so the figure names how
    many were looked at; a subset of at least the length of the file looks at all.

    Where the content fails its checksums the other checks are left out: they would only say it
    again. Raises InputError where the file cannot be opened at all, or names an unknown problem.
    """
    if subset < 1:
        raise InputError(f"expected a subset of at least one sample, got {subset}")
    dataset = Dataset(path)
    problem = problem or dataset.problem()
    _check_problem(dataset, problem)
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.permutation(len(dataset))[:subset])
    stages: list[tuple[str, Callable[[], list[Check]]]] = [
        ("checksums", lambda: [_checksums(dataset)]),
        ("finiteness", lambda: [_finite(dataset)]),
        ("solver status", lambda: _status(dataset)),
        ("inputs", lambda: [_inputs(dataset, problem, chosen)]),
        ("solutions", lambda: _truth(dataset, problem, chosen, generator)),
    ]
    checks: list[Check] = []
    for done, (name, stage) in enumerate(stages):
        if progress is not None:
            progress(done, len(stages), name)
        checks += stage()
        if not checks[0].passed:
            break
    if progress is not None:
        progress(len(stages), len(stages), "done")
    return VerificationReport(dataset.path, tuple(checks))


def _check_problem(dataset: Dataset, problem: Problem) -> None:
    if (problem.name, problem.config()) != (dataset.problem_name, dataset.problem_config):
        raise InputError(
            f"expected the problem '{dataset.problem_name}' {dataset.problem_config} of "
            f"{dataset.path}, got '{problem.name}' {problem.config()}"
        )


def _checksums(dataset: Dataset) -> Check:
    """SHA-256 of every dataset; a chunk that HDF5 refuses to read has failed as well."""
    broken = []
    with storage.opened(dataset.path) as file:
        stored = storage.check_attributes(file)
        for name, expected in stored.items():
            found = None
            with suppress(OSError):
                found = storage.checksum(file[name])
            if found != expected:
                broken.append(name)
    figure = f"damaged: {', '.join(broken)}" if broken else f"{len(stored)} datasets"
    return Check("checksums", not broken, figure)


def _finite(dataset: Dataset) -> Check:
    bad = {}
    for name in (*dataset.inputs, *dataset.outputs):
        count = sum(int(np.sum(~np.isfinite(rows))) for rows in _blocks(dataset, name))
        if count:
            bad[name] = count
    figure = ", ".join(f"{count} values of {name}" for name, count in bad.items())
    return Check("finiteness", not bad, f"not finite: {figure}" if bad else "all values")


def _status(dataset: Dataset) -> list[Check]:
    samples, converged = dataset.read("status/sample"), dataset.read("status/converged")
    residual = dataset.read("status/residual")
    failed = [entry["sample"] for entry in dataset.failed]
    known = residual[np.isfinite(residual)]
    worst = f", largest residual {known.max():.1e}" if known.size else ""
    everyone = np.concatenate([samples, np.array(failed, dtype=np.int64)])
    complete = np.array_equal(np.sort(everyone), np.arange(dataset.plan["samples"]))
    ordered = bool(np.all(np.diff(samples) > 0))
    return [
        Check(
            "every stored sample converged",
            bool(converged.all()),
            f"{int(converged.sum())} of {len(converged)}{worst}",
        ),
        Check(
            "sample numbers unique, in order, complete",
            complete and ordered,
            f"{len(samples)} stored and {len(failed)} left out of {dataset.plan['samples']}",
        ),
    ]


def _inputs(dataset: Dataset, problem: Problem, chosen: np.ndarray) -> Check:
    """Stored inputs against new draws: bit for bit, or to rounding under other software."""
    numbers = dataset.read("status/sample", chosen).tolist()
    draws = [problem.draw_sample(dataset.plan["seed"], number) for number in numbers]
    fresh = problem.evaluate_batch(draws, dataset.grid)
    stored = {name: dataset.read(name, chosen) for name in dataset.inputs}
    same, off = 0, 0.0
    for i in range(len(chosen)):
        rows = [(stored[name][i], fresh[name][i].astype(stored[name].dtype)) for name in stored]
        same += all(np.array_equal(old, new) for old, new in rows)
        off = max(off, *(_distance(old, new) for old, new in rows))
    who = f"{same} of {len(chosen)} samples bit-equal"
    if dataset.software == software():
        return Check("inputs drawn again", same == len(chosen), f"{who}, same software")
    # Another library may round differently; single precision may move by one unit in the last.
    precision = max(float(np.finfo(rows.dtype).eps) for rows in stored.values())
    limit = max(ROUNDING, 4 * precision)
    return Check(
        "inputs drawn again",
        off <= limit,
        f"{who}, largest relative difference {off:.1e} (limit {limit:.1e}), other software",
    )


def _distance(old: np.ndarray, new: np.ndarray) -> float:
    size = float(np.linalg.norm(new)) or 1.0
    return float(np.linalg.norm(np.asarray(old, dtype=float) - new)) / size


def _truth(
    dataset: Dataset, problem: Problem, chosen: np.ndarray, generator: np.random.Generator
) -> list[Check]:
    inputs = {name: dataset.read(name, chosen) for name in dataset.inputs}
    outputs = {name: dataset.read(name, chosen) for name in dataset.outputs}
    found = problem.truth_checks(inputs, outputs, dataset.grid, dataset.fidelity, generator)
    who = f"{len(chosen)} of {len(dataset)} samples"
    return [
        Check(check.name, check.passed, f"{check.figure:.2e} (limit {check.limit:.1e}), {who}")
        for check in found
    ]


def _blocks(dataset: Dataset, name: str) -> Iterator[np.ndarray]:
    frames = 1 if dataset.times is None else len(dataset.times)
    for start, stop in storage.blocks((len(dataset), frames * dataset.grid.size), "f8"):
        yield dataset.read(name, np.arange(start, stop))
