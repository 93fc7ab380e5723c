"""From a problem to a dataset file: draw, solve on any number of workers, keep what converged.

The plan says how samples are ordered and cut into chunks; a chunk is solved by one task, here or
on a Dask worker, by the same lines on one thread. So the workers never touch the bits: inputs
depend on seed and sample number only, outputs on the plan only. Finished chunks are kept beside
the output (see `shards`), and a run that was stopped goes on from them.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
import platform
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..geometry.errors import InputError
from . import shards, storage
from .merging import merge
from .problem import Fidelity, Problem

Progress = Callable[[int, int, str], None]
Order = Literal["given", "sorted"]
SORTING_GROUP = 2048  # the greedy order takes time with the square of this
SORTING_RESOLUTION = 16


@dataclass(frozen=True)
class Plan:
    """Everything that the bits of the outputs depend on, beside the problem and the software."""

    seed: int
    samples: int
    resolution: int
    fidelity: Fidelity
    chunk: int
    order: Order
    dtype: str

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("samples", 1), ("chunk", 1)):
            if getattr(self, name) < least:
                raise InputError(f"expected {name} >= {least}, got {getattr(self, name)}")
        if self.order not in ("given", "sorted"):
            raise InputError(f"expected order given or sorted, got '{self.order}'")
        if self.dtype not in ("float32", "float64"):
            raise InputError(f"expected dtype float32 or float64, got '{self.dtype}'")


@dataclass(frozen=True)
class GenerationReport:
    """What `generate` did.

    failed: (sample, reason) of those that are not in the file; wall_seconds: of this run;
    solver_seconds: of all stored samples, on one thread each; kept: samples that an earlier run
    had finished; residual: the largest true relative residual that is stored.
    """

    path: Path
    requested: int
    stored: int
    failed: tuple[tuple[int, str], ...]
    kept: int
    wall_seconds: float
    solver_seconds: float
    iterations: float
    residual: float

    def __str__(self) -> str:
        left_out = f", {len(self.failed)} left out: not converged" if self.failed else ""
        known = math.isfinite(self.residual)  # explicit time stepping estimates none
        residual = f" largest residual {self.residual:.1e}," if known else ""
        return (
            f"{self.path}: {self.stored} samples{left_out}; mean iterations {self.iterations:.1f},"
            f"{residual} {self.wall_seconds:.1f} s"
            f" (solver {self.solver_seconds:.1f} s)"
        )


def generate(
    problem: Problem,
    samples: int,
    resolution: int,
    seed: int,
    output: str | os.PathLike[str],
    *,
    tolerance: float = 1e-8,
    fidelity: Fidelity | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    chunk: int = 32,
    order: Order = "given",
    dtype: Literal["float32", "float64"] = "float64",
    force: bool = False,
    progress: Progress | None = None,
) -> GenerationReport:
    """Make a dataset file of samples 0 .. samples-1 of a seed.

    resolution: of the stored grid; tolerance: of the solver, at the problem's own fidelity for
    data unless `fidelity` is given; workers: local processes, 1 solves in this one; scheduler:
    address of a Dask scheduler instead; chunk: samples solved together; order: "sorted" solves
    neighbours in the input space one after the other (they are stored in order of their numbers).

    A script that uses more than one worker must guard its main code by
    `if __name__ == "__main__":`, as the workers import it.

    Raises InputError for illegal arguments, an output that exists (without `force`) or that
    another process is making, parts of another plan beside it, too little room, a scheduler that
    does not answer, or when no sample converged; OSError where the disk fails. Whatever stops
    it, finished chunks stay and the same call goes on from them.
    """
    started, output = time.perf_counter(), Path(output)
    if workers < 1:
        raise InputError(f"expected at least one worker, got {workers}")
    asked = Fidelity(resolution, tolerance)  # whose checks come before a problem's own rules
    fidelity = fidelity or problem.data_fidelity(asked.resolution, asked.tolerance)
    plan = Plan(seed, samples, resolution, fidelity, chunk, order, dtype)
    description = _description(problem, plan)
    with shards.opened(output, description, lambda: _cut(problem, plan), force) as parts:
        kept = sum(len(parts.chunks[number]) for number in parts.finished)
        _check_room(problem, plan, output.parent, kept)
        pending = [n for n in range(len(parts.chunks)) if n not in parts.finished]
        tasks = [(number, parts.chunks[number]) for number in pending]
        done = kept
        _tell(progress, done, samples, "solving")
        with closing(_results(problem, plan, tasks, workers, scheduler)) as results:
            for number, shard in results:
                parts.store(number, shard)
                done += len(parts.chunks[number])
                _tell(progress, done, samples, "solving")
        _tell(progress, done, samples, "writing")
        merge(problem, resolution, description, parts, output, force)
        parts.remove()
    return _report(output, kept, time.perf_counter() - started)


def solve_chunk(problem: Problem, plan: Plan, samples: Sequence[int]) -> shards.Shard:
    """Draw and solve the samples with these numbers, on one thread: the task of a worker."""
    from threadpoolctl import threadpool_limits

    grid = problem.grid(plan.resolution)
    with threadpool_limits(1):
        _warm_up(problem, plan.fidelity)
        draws = [problem.draw_sample(plan.seed, sample) for sample in samples]
        inputs = problem.evaluate_batch(draws, grid)
        solution = problem.solve_draws(draws, grid, plan.fidelity, threads=1)
    with np.errstate(over="ignore"):  # what does not fit is not finite, and left out below
        fields = solution.fields.astype(plan.dtype)
    finite = np.isfinite(fields).reshape(len(fields), -1).all(axis=1)
    usable = np.asarray(solution.converged, dtype=bool) & finite
    arrays = {f"inputs/{v.name}": inputs[v.name].astype(plan.dtype) for v in problem.inputs}
    for name, values in problem.split(fields).items():
        arrays[f"outputs/{name}"] = values
    arrays["status/sample"] = np.asarray(samples, dtype=np.int64)
    arrays["status/converged"] = usable
    arrays["status/iterations"] = np.asarray(solution.iterations, dtype=np.int64)
    arrays["status/residual"] = np.asarray(solution.residual, dtype=np.float64)
    arrays["status/seconds"] = np.asarray(solution.seconds, dtype=np.float64)
    failed = [
        {
            "sample": int(samples[i]),
            "reason": "solution is not finite" if solution.converged[i] else solution.reason[i],
        }
        for i in np.flatnonzero(~usable).tolist()
    ]
    return shards.Shard({name: rows[usable] for name, rows in arrays.items()}, failed)


@functools.lru_cache(maxsize=8)
def _warm_up(problem: Problem, fidelity: Fidelity) -> None:
    """Solve one sample, once a process: compiling is no part of a sample's seconds."""
    grid = problem.grid(fidelity.resolution)
    problem.solve_draws([problem.draw_sample(0, 0)], grid, fidelity, threads=1)


def software() -> dict[str, str]:
    """Versions of everything that can move a bit of the data, and the processor's vector units."""
    names = ("sobolev", "numpy", "scipy", "numba", "h5py")
    vectors = np.show_config(mode="dicts")["SIMD Extensions"]
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in names},
        "processor": " ".join([platform.machine(), *vectors.get("found", [])]),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _results(
    problem: Problem,
    plan: Plan,
    tasks: Sequence[tuple[int, list[int]]],
    workers: int,
    scheduler: str | None,
) -> Generator[tuple[int, shards.Shard], None, None]:
    """Finished chunks as they come."""
    if not tasks:
        return
    if scheduler or workers > 1:
        from .cluster import run

        yield from run(solve_chunk, (problem, plan), tasks, workers, scheduler)
        return
    for number, samples in tasks:
        yield number, solve_chunk(problem, plan, samples)


def _description(problem: Problem, plan: Plan) -> dict[str, Any]:
    description = {
        "problem": problem.name,
        "problem_config": problem.config(),
        "plan": dataclasses.asdict(plan),
        "software": software(),
    }
    return json.loads(json.dumps(description))  # as it will come back from a file


def _cut(problem: Problem, plan: Plan) -> shards.Chunks:
    order = np.arange(plan.samples) if plan.order == "given" else _sorted(problem, plan)
    return [order[i : i + plan.chunk].tolist() for i in range(0, plan.samples, plan.chunk)]


def _sorted(problem: Problem, plan: Plan) -> np.ndarray:
    """Nearest-neighbour order of the inputs on a coarse grid, each input scaled to unit size."""
    from ..solvers.ordering import greedy_order

    grid = problem.grid(min(plan.resolution, SORTING_RESOLUTION))
    order = []
    for start in range(0, plan.samples, SORTING_GROUP):
        numbers = np.arange(start, min(start + SORTING_GROUP, plan.samples))
        draws = [problem.draw_sample(plan.seed, int(number)) for number in numbers]
        columns = []
        for values in problem.evaluate_batch(draws, grid).values():
            flat = values.reshape(len(numbers), -1)
            columns.append(flat / max(float(np.linalg.norm(flat - flat.mean(axis=0))), 1e-300))
        order.append(numbers[greedy_order(np.concatenate(columns, axis=1))])
    return np.concatenate(order)


def _check_room(problem: Problem, plan: Plan, folder: Path, kept: int) -> None:
    """Refuse before the work what the disk could not hold after it: the parts and the file."""
    grid = problem.grid(plan.resolution)
    frames = 1 if problem.times is None else len(problem.times)
    fields = sum(v.kind == "field" for v in problem.inputs) + frames * len(problem.outputs)
    sample = np.dtype(plan.dtype).itemsize * fields * grid.size
    needed, free = sample * (2 * plan.samples - kept), shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"expected {needed / 1e6:,.0f} MB free in {folder.absolute()}, found "
            f"{free / 1e6:,.0f} MB; free some space or choose another output"
        )


def _report(path: Path, kept: int, seconds: float) -> GenerationReport:
    with storage.opened(path) as file:
        left_out = json.loads(storage.attribute(file, "failed"))
        status = {name: file[f"status/{name}"][...] for name in file["status"]}
    known = status["residual"][np.isfinite(status["residual"])]
    return GenerationReport(
        path=path,
        requested=len(status["sample"]) + len(left_out),
        stored=len(status["sample"]),
        failed=tuple((entry["sample"], entry["reason"]) for entry in left_out),
        kept=kept,
        wall_seconds=seconds,
        solver_seconds=float(status["seconds"].sum()),
        iterations=float(status["iterations"].mean()),
        residual=float(known.max()) if known.size else float("nan"),
    )


def _tell(progress: Progress | None, done: int, total: int, message: str) -> None:
    if progress is not None:
        progress(done, total, message)
