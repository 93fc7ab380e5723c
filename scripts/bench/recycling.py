"""The published table of Krylov recycling, repeated with the columns that an honest one needs.

Wang et al., "Accelerating Data Generation for Neural Operators via Krylov Subspace Recycling"
(ICLR 2024): four families of systems from their own generator's formulas (`datasets.published`),
GMRES(40) against GCRO-DR(40, 20) on systems sorted by nearest neighbours, seven preconditioners,
tolerances on the true relative residual. CPU seconds of one thread, means over the systems, the
first, cold ones among them; set-up of preconditioners, hierarchies and factors is counted, and kept
while the matrix is the same one. Products are all products with A, also those that fit a carried
space to a new matrix.

The speed-up is GMRES(40) over GCRO-DR recycled and sorted, in time and in products, beside the
published one (time / iterations; 72 processes for all but ICC and ILU there). `darcy-fv` is true
Darcy with the field of `darcy`: finite volumes, no published figures. `elasticity` is where
recycling is at home: large, three-dimensional, changing step by step (`recycling_elasticity`).

    python scripts/bench/recycling.py --quick --json recycling.json
    python scripts/bench/recycling.py --family darcy --preconditioner jacobi
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # before NumPy reads them

import numpy as np  # noqa: E402
from common import Row, parser, with_allocator, write_rows  # noqa: E402
from recycling_families import FAMILIES, PUBLISHED, Family  # noqa: E402
from recycling_methods import COLUMNS, Column, Job  # noqa: E402

from sobolev.solvers.ordering import greedy_order  # noqa: E402
from sobolev.solvers.preconditioners import PRECONDITIONERS  # noqa: E402

NAMES = ("none", "jacobi", "bjacobi", "sor", "asm", "icc", "ilu")
PROCESSES = 72
LEAST = 3
SLACK = 1.5
LATER = "milliseconds, of the second half of the systems,"


@dataclass
class RecyclingRow(Row):
    """seconds, products: means over `systems`, of which `solved` met the tolerance; later: seconds
    of the second half of them alone."""

    later: float = math.nan
    products: float = math.nan
    systems: int = 0
    solved: int = 0


@dataclass
class Tally:
    """One column of one cell, filled system by system."""

    column: Column
    order: Sequence[int] | np.ndarray
    seconds: list[float] = field(default_factory=list)
    products: list[int] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)

    def run(self, job: Job) -> None:
        start = time.process_time()
        answer = self.column.solve(job)
        self.seconds.append(time.process_time() - start)
        self.products.append(answer.products)
        off = np.linalg.norm(job.b - job.A @ answer.x) / np.linalg.norm(job.b)
        self.residuals.append(float(off) if np.isfinite(off) else math.inf)

    def row(self, case: str, rtol: float) -> RecyclingRow:
        count = len(self.seconds)
        row = RecyclingRow(case, self.column.name, self.column.ours, float(np.mean(self.seconds)))
        row.error, row.later = max(self.residuals), float(np.mean(self.seconds[count // 2 :]))
        row.products, row.systems = float(np.mean(self.products)), count
        row.solved = sum(residual <= SLACK * rtol for residual in self.residuals)
        return row


def preconditioner(name: str) -> Callable[[Any], Any] | None:
    """As the published runs had them: blocks and subdomains are the rows of 72 processes, each
    with ILU(0); PETSc's SOR is a symmetric sweep."""
    if name in ("bjacobi", "asm"):
        overlap = {"bjacobi": 0, "asm": 1}[name]
        return lambda A: PRECONDITIONERS["schwarz"](
            A, parts=np.arange(A.shape[0]) * PROCESSES // A.shape[0], overlap=overlap,
            restricted=True, local=0,
        )  # fmt: skip
    return None if name == "none" else PRECONDITIONERS[{"sor": "ssor"}.get(name, name)]


def tallies(
    family: Family, name: str, jobs: Sequence[Job], features: np.ndarray, only: Sequence[str]
) -> list[Tally]:
    """A fresh object for each column; those that take no preconditioner only beside "none"."""
    sorted_order = greedy_order(features)
    result = []
    for column in COLUMNS:
        if only and column.name not in only:
            continue
        if column.assembled and name != "none" and not only:
            continue
        if column.needs_special and jobs[0].special is None:
            continue
        if column.definite and not (family.definite and name != "asm"):
            continue  # restricted Schwarz is not symmetric
        order = sorted_order if column.sorted else np.arange(len(jobs))
        result.append(Tally(column(preconditioner(name)), order))
    return result


def measure(
    family: Family, name: str, count: int, size: int | None, seconds: float, only: Sequence[str]
) -> list[RecyclingRow]:
    """One cell of the table: all columns in turns, until the systems or the time run out."""
    warm, features = family.jobs(2, family.small)
    for tally in tallies(family, name, warm, features, only):
        for job in warm:
            tally.run(job)
    jobs, features = family.jobs(count, size)
    cells = tallies(family, name, jobs, features, only)
    end = time.process_time() + seconds
    for place in range(count):
        for tally in cells:
            tally.run(jobs[tally.order[place]])
        if place + 1 >= LEAST and time.process_time() > end:
            break
    return [tally.row(f"{family.name}-{name}", family.rtol) for tally in cells]


def print_tables(rows: Sequence[RecyclingRow]) -> None:
    """Time and products of each column, a line for each cell; the speed-ups beside."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 200)
    for kind in ("milliseconds", LATER, "products with A"):
        table = Table(title=f"{kind} a system (mean); * not every residual holds")
        columns = [column.name for column in COLUMNS]
        for head in ("case", "systems", *columns):
            table.add_column(head, justify="left" if head == "case" else "right")
        for case, inside in itertools.groupby(rows, key=lambda row: row.case):
            found = {row.method: row for row in inside}
            count = str(min(row.systems for row in found.values()))
            cells = [_cell(found.get(name), kind) for name in columns]
            table.add_row(case, count, *cells)
        console.print(table)
    for line in speedups(rows):
        print(line)


def _cell(row: RecyclingRow | None, kind: str) -> str:
    if row is None:
        return ""
    star = "" if row.solved == row.systems else "*"
    if kind != "products with A":
        return f"{1e3 * (row.later if kind == LATER else row.seconds):.1f}{star}"
    return f"{row.products:.0f}{star}" if row.products else "-"


def speedups(rows: Sequence[RecyclingRow]) -> Iterator[str]:
    """Ours beside the published, and against SciPy's; in time and in products."""
    for case, inside in itertools.groupby(rows, key=lambda row: row.case):
        found = {row.method: row for row in inside}
        if not {"recycled, sorted", "GMRES(40)", "SciPy gcrotmk carried"} <= set(found):
            continue
        best, base = found["recycled, sorted"], found["GMRES(40)"]
        scipy = found["SciPy gcrotmk carried"]
        told = PUBLISHED.get(case, "none")
        yield (
            f"{case}: GMRES(40) / recycled {base.seconds / best.seconds:.2f} in time, "
            f"{base.products / best.products:.2f} in products (published {told}); "
            f"gcrotmk / recycled {scipy.seconds / best.seconds:.2f} in time"
        )


def options() -> argparse.ArgumentParser:
    result = parser(__doc__ or "")
    result.formatter_class = argparse.RawDescriptionHelpFormatter
    result.add_argument("--family", action="append", choices=sorted(FAMILIES))
    result.add_argument("--preconditioner", action="append", choices=NAMES)
    names = [column.name for column in COLUMNS]
    result.add_argument("--column", action="append", choices=names, help="only these")
    result.add_argument("--count", type=int, default=20, help="systems of a cell")
    result.add_argument("--size", type=int, help="of all families, instead of the published ones")
    result.add_argument("--seconds", type=float, default=45.0, help="of a cell, about")
    return result


def main() -> int:
    given = options().parse_args()
    with_allocator(given.allocator)
    families = given.family or [
        name for name in FAMILIES if not given.quick or name not in ("poisson", "elasticity")
    ]
    names = given.preconditioner or (("none", "jacobi") if given.quick else NAMES)
    rows: list[RecyclingRow] = []
    for family, name in itertools.product(families, names):
        print(f"measuring {family}, {name}", file=sys.stderr, flush=True)
        chosen = FAMILIES[family]
        size = given.size or (chosen.small if given.quick else None)
        count = min(given.count, 6) if given.quick else given.count
        rows += measure(
            chosen, name, count, size, 4.0 if given.quick else given.seconds, given.column or ()
        )
    print_tables(rows)
    write_rows(rows, given, threads=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
