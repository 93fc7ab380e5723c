"""What every benchmark against a peer shares: interleaved timing, memory, the JSON and the table.

Each benchmark is a file run by path, `python scripts/bench/<subject>.py`. Methods are timed in
turns, so that a slow spell of the machine falls on all of them, and the median is told.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sobolev.datasets.files import write_whole
from sobolev.scripts.common import machine

# glibc keeps blocks below this size instead of giving them back to the system page by page.
TUNED = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(32 << 20),
}

# Blocks above this size go back to the system when they are freed: what is left between others
# that are in use would count as held.
RETURNED = {"MALLOC_MMAP_THRESHOLD_": str(64 << 10)}


@dataclass
class Row:
    """One method on one case. seconds: median; memory: peak MB over the imports, nan if untold."""

    case: str
    method: str
    ours: bool
    seconds: float
    error: float = math.nan
    memory: float = math.nan


def parser(description: str) -> argparse.ArgumentParser:
    """Options that all benchmarks have."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--quick", action="store_true", help="fewer cases, under a minute")
    result.add_argument("--json", type=Path, metavar="FILE", help="write the rows here")
    result.add_argument("--threads", type=int, default=0, help="0: as many as torch takes")
    result.add_argument(
        "--allocator", choices=("system", "tuned"), default="system",
        help="tuned: glibc keeps freed memory, for all methods alike",
    )  # fmt: skip
    return result


def with_allocator(choice: str) -> None:
    """Start this process again with the allocator's settings, which are read at its start."""
    if choice == "tuned" and any(os.environ.get(k) != v for k, v in TUNED.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | TUNED)


def interleaved(
    methods: Mapping[str, Callable[[], object]], seconds: float, least: int = 5, warmups: int = 2
) -> dict[str, float]:
    """Median seconds of each method, called in turns for about `seconds` in all."""
    for _ in range(warmups):
        for call in methods.values():
            call()
    times: dict[str, list[float]] = {name: [] for name in methods}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < least:
        for name, call in methods.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def start_peak() -> None:
    """Forget the peak memory of this process so far (Linux; elsewhere the peak stays)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> float:
    """Most memory that this process has held since `start_peak`, in MB; nan where untold.

    Not `getrusage`, whose figure a process inherits from the one that started it.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return math.nan
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def measured_memory(*arguments: str, settings: Mapping[str, str] | None = None) -> float:
    """What a process of its own, this script with `arguments`, prints: its peak memory in MB.

    settings: of its allocator, as `TUNED` and `RETURNED`.
    """
    command = [sys.executable, sys.argv[0], *arguments]
    environment = os.environ | (settings or {})
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])


def measured_rows(given: argparse.Namespace, *arguments: str) -> list[Row]:
    """The rows that this script prints as JSON when it is run with `arguments`."""
    common = ["--threads", str(given.threads), "--allocator", given.allocator]
    command = [sys.executable, sys.argv[0], *common, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [Row(**row) for row in json.loads(done.stdout)]


def rows_to_json(rows: Sequence[Row]) -> str:
    return json.dumps([asdict(row) for row in rows])


def report(rows: Sequence[Row], given: argparse.Namespace, **facts: Any) -> None:
    """Print the table of ratios and write the JSON file."""
    print_table(rows)
    write_rows(rows, given, **facts)


def write_rows(rows: Sequence[Row], given: argparse.Namespace, **facts: Any) -> None:
    """Write the JSON file that was asked for, if one was."""
    if given.json:
        content = {
            "machine": machine(),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "allocator": given.allocator,
            **facts,
            "rows": [
                {k: None if v != v else v for k, v in asdict(row).items()}  # JSON has no nan
                for row in rows
            ],
        }
        write_whole(given.json, json.dumps(content, indent=2) + "\n")


def print_table(rows: Sequence[Row]) -> None:
    """One line a row; ratios of a peer's figures to ours of the same case."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="median seconds; ratio: theirs / ours")
    for column in ("case", "method", "ms", "ratio", "peak MB", "ratio", "error"):
        table.add_column(column, justify="left" if column in ("case", "method") else "right")
    ours = {row.case: row for row in rows if row.ours}
    for row in rows:
        mine = ours.get(row.case)
        ratios = ["", ""]
        if mine is not None and not row.ours:
            ratios = [
                f"{a / b:.2f}" if a == a and b == b else ""
                for a, b in ((row.seconds, mine.seconds), (row.memory, mine.memory))
            ]
        memory = f"{row.memory:.0f}" if row.memory == row.memory else ""
        error = f"{row.error:.1e}" if row.error == row.error else ""
        table.add_row(
            row.case, row.method, f"{1e3 * row.seconds:.1f}", ratios[0], memory, ratios[1], error
        )
    Console(width=None if sys.stdout.isatty() else 110).print(table)
