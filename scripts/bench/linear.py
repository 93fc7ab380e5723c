"""Sequences of linear systems: our methods against everything that a user would pick instead.

Per case at least 20 systems (fewer where a method takes seconds: the table says how many), all
methods in turns of five systems one after the other; medians of the seconds of the one thread that
they run on. A peer gets the assembled matrix for nothing and keeps its symbolic analysis or its
space; ours are timed from the coefficients. `error` is the true relative
residual |b - A x| / |b|, computed here from every x. PETSc and hypre run in the system's own
interpreter (Debian's python3-petsc4py) on the same systems.

    python scripts/bench/linear.py --quick --json linear.json
    python scripts/bench/linear.py --case darcy-128 --case helmholtz-128
"""

from __future__ import annotations

import argparse
import ctypes
import fnmatch
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # before NumPy reads them

import numpy as np  # noqa: E402
from common import (  # noqa: E402
    Row,
    measured_memory,
    parser,
    peak_memory,
    start_peak,
    with_allocator,
    write_rows,
)
from linear_cases import CASES, Case, System  # noqa: E402
from linear_ours import OURS  # noqa: E402
from linear_peers import PEERS  # noqa: E402
from linear_petsc import SOLVERS as PETSC  # noqa: E402
from linear_petsc import Server  # noqa: E402

SYSTEMS, LEAST = 20, 3
TURN = 5  # systems that a method solves one after the other, as in a sequence
SLACK = 1.5  # times the tolerance: an iteration may stop on its own, slightly different, residual
Solve = Callable[[System], tuple[np.ndarray, float]]  # x, seconds


@dataclass
class LinearRow(Row):
    """systems: how many the median is over."""

    systems: int = 0


@dataclass
class Contestant:
    """One method on one case: how it solves, and what was found."""

    name: str
    ours: bool
    solve: Solve
    count: int = SYSTEMS
    seconds: list[float] = field(default_factory=list)
    worst: float = 0.0
    failure: str = ""

    def run(self, system: System) -> float:
        """Seconds of one solve; one that raises has no residual."""
        try:
            x, seconds = self.solve(system)
        except Exception as problem:  # noqa: BLE001 - a peer may raise anything
            self.failure, self.worst = f"{self.name} fails: {problem}", math.inf
            return math.inf
        off = float(np.linalg.norm(system.b - system.A @ x) / np.linalg.norm(system.b))
        self.worst = max(self.worst, off) if math.isfinite(off) else math.inf
        self.seconds.append(seconds)
        return seconds

    def row(self, case: Case) -> LinearRow:
        median = statistics.median(self.seconds)
        row = LinearRow(case.name, self.name, self.ours, median, self.worst)
        row.systems = len(self.seconds)
        return row


def timed(method: Callable[[System], np.ndarray]) -> Solve:
    def solve(system: System) -> tuple[np.ndarray, float]:
        start = time.process_time()
        x = method(system)
        return x, time.process_time() - start

    return solve


def missing(module: str) -> bool:
    return find_spec(module) is None


def contestants(case: Case, server: Server | None, only: Sequence[str] = ()) -> list[Contestant]:
    """All methods of the case's kind that are installed and not hopeless at its size."""
    size = case.system(0).b.size
    found = [
        Contestant(m.name, True, timed(m.start(case)))
        for m in OURS
        if case.kind in m.kinds and size <= m.most
    ]
    for peer in PEERS:
        if case.kind not in peer.kinds or missing(peer.module):
            continue
        most = peer.deep if "3d" in case.kind else peer.most
        if size > most:
            print(f"{case.name}: {peer.name} is left out above {most} unknowns", file=sys.stderr)
            continue
        found.append(Contestant(peer.name, False, timed(peer(case))))
    if server is not None:
        found += [
            Contestant(name, False, _through(server, name, case))
            for name, solver in PETSC.items()
            if case.kind in solver.kinds
        ]
    return [c for c in found if not only or c.name in only]


def _through(server: Server, name: str, case: Case) -> Solve:
    return lambda system: server.solve(name, system.number, system.A, system.b, case.rtol)


def start_server() -> Server | None:
    try:
        return Server()
    except FileNotFoundError as problem:
        print(f"{problem}: its rows are left out", file=sys.stderr)
        return None


def measure(case: Case, seconds: float, only: Sequence[str] = ()) -> list[LinearRow]:
    """Warm up on a system of its own, share out the time, then take turns of a few systems."""
    server = start_server()
    entered = contestants(case, server, only)
    warm = case.system(SYSTEMS)
    cost = {}
    for method in entered:
        cost[method.name] = method.run(warm)
        if not method.worst <= SLACK * case.rtol:
            method.count = 1  # enough to say that it fails
        elif method.ours or cost[method.name] < 5.0:  # compiled or analysed: now as the rest
            cost[method.name] = method.run(warm)
        method.seconds.clear()
    methods = [method for method in entered if math.isfinite(cost[method.name])]
    share_out(methods, cost, seconds)
    for first in range(0, SYSTEMS, TURN):
        turn = [(number, case.system(number)) for number in range(first, first + TURN)]
        for method in methods:
            for number, system in turn:
                if number < method.count:
                    method.run(system)
    if server is not None:
        server.close()
    for method in entered:
        if method.failure:
            print(f"{case.name}: {method.failure}", file=sys.stderr)
    return [method.row(case) for method in methods]


def share_out(methods: Iterable[Contestant], cost: dict[str, float], seconds: float) -> None:
    """Halve the number of systems of the dearest method until all fit into the time, or none
    takes more than its even share."""
    methods = list(methods)
    total = {method.name: method.count * cost[method.name] for method in methods}
    while sum(total.values()) > seconds:
        reducible = [
            m for m in methods if m.count > LEAST and total[m.name] > seconds / len(methods)
        ]
        if not reducible:
            return
        dearest = max(reducible, key=lambda m: total[m.name])
        dearest.count = max(LEAST, dearest.count // 2)
        total[dearest.name] = dearest.count * cost[dearest.name]


def memory_of(case: Case, name: str) -> float:
    """Peak MB of two systems over what the process held with them and after one of a small case;
    of one system in PETSc's own process."""
    server = start_server() if name in PETSC else None
    small = next(other for other in CASES.values() if other.kind == case.kind and other.quick)
    for first in contestants(small, server, [name]):
        first.run(small.system(SYSTEMS))
    (method,) = contestants(case, server, [name])
    systems = [case.system(i) for i in range(1 if server else 2)]
    with suppress(AttributeError, OSError):  # glibc alone can
        ctypes.CDLL(None).malloc_trim(0)  # else methods would live in what was freed before them
    start_peak()
    before = peak_memory()
    for system in systems:
        method.run(system)
    return server.memory() if server is not None else peak_memory() - before


def print_table(rows: list[LinearRow]) -> None:
    """One line a row; ratios to the fastest of ours whose residuals hold."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="milliseconds a system (median, set-up included); ratio: theirs / ours")
    for column in ("case", "method", "ms", "ratio", "systems", "residual", "peak MB"):
        table.add_column(column, justify="left" if column in ("case", "method") else "right")
    for case in dict.fromkeys(row.case for row in rows):
        inside = sorted((row for row in rows if row.case == case), key=lambda row: row.seconds)
        ours = [row.seconds for row in inside if row.ours and holds(row)]
        for row in inside:
            ratio = f"{row.seconds / ours[0]:.2f}" if ours and holds(row) else "fails"
            memory = f"{row.memory:.1f}" if row.memory == row.memory else ""
            table.add_row(
                case, row.method, f"{1e3 * row.seconds:.2f}", ratio, str(row.systems),
                f"{row.error:.1e}", memory, style="bold" if row.ours else None,
            )  # fmt: skip
        table.add_section()
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def holds(row: Row) -> bool:
    return row.error <= SLACK * CASES[row.case].rtol


def summary(rows: list[LinearRow]) -> None:
    """One line a case: the fastest of ours against the fastest peer."""
    for case in dict.fromkeys(row.case for row in rows):
        sides = [
            min(
                (r for r in rows if r.case == case and r.ours == ours and holds(r)),
                key=lambda r: r.seconds,
                default=None,
            )
            for ours in (True, False)
        ]
        mine, theirs = sides
        if mine is not None and theirs is not None:
            print(
                f"{case}: {mine.method} {1e3 * mine.seconds:.2f} ms, best peer {theirs.method} "
                f"{1e3 * theirs.seconds:.2f} ms: {theirs.seconds / mine.seconds:.1f} times"
            )


def child(*arguments: str) -> list[LinearRow]:
    command = [sys.executable, sys.argv[0], *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [LinearRow(**row) for row in json.loads(done.stdout)]


def chosen(given: argparse.Namespace) -> list[Case]:
    if not given.case:
        return [case for case in CASES.values() if case.quick or not given.quick]
    return [
        case for name, case in CASES.items() if any(fnmatch.fnmatch(name, p) for p in given.case)
    ]


def options() -> argparse.ArgumentParser:
    result = parser(__doc__ or "")
    result.formatter_class = argparse.RawDescriptionHelpFormatter
    result.add_argument("--case", action="append", metavar="NAME", help=f"{', '.join(CASES)}; or *")
    result.add_argument("--method", action="append", metavar="NAME", help="only these", default=[])
    result.add_argument("--seconds", type=float, default=30.0, help="for the timings of a case")
    result.add_argument("--no-memory", action="store_true", help="leave the peak memory out")
    result.add_argument("--measure", metavar="CASE", help=argparse.SUPPRESS)
    result.add_argument("--memory", nargs=2, metavar=("CASE", "METHOD"), help=argparse.SUPPRESS)
    return result


def main() -> int:
    given = options().parse_args()
    with_allocator(given.allocator)
    if given.memory:
        print(memory_of(CASES[given.memory[0]], given.memory[1]))
        return 0
    if given.measure:
        found = measure(CASES[given.measure], given.seconds, given.method)
        print(json.dumps([asdict(row) for row in found]))
        return 0
    for peer in PEERS:
        if missing(peer.module):
            print(f"{peer.name}: {peer.module} is not installed: left out", file=sys.stderr)
    rows: list[LinearRow] = []
    seconds = min(given.seconds, 1.0) if given.quick else given.seconds
    for case in chosen(given):
        print(f"measuring {case.name}", file=sys.stderr, flush=True)
        # Each case in a process of its own: what the allocator does depends on what was freed.
        methods = [word for name in given.method for word in ("--method", name)]
        found = child("--measure", case.name, "--seconds", str(seconds), *methods)
        if not (given.quick or given.no_memory):
            for row in found:
                row.memory = measured_memory("--memory", case.name, row.method)
        rows += found
    print_table(rows)
    summary(rows)
    write_rows(rows, given, threads=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
