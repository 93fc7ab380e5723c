"""What every command shares: the parser, one-line errors, the progress bar, the machine."""

from __future__ import annotations

import dataclasses
import errno
import logging
import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

from sobolev.datasets.files import locked, remove_strays
from sobolev.geometry.errors import InputError

set_parsing_settings(docstring_parse_attribute_docstrings=True)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from sobolev.datasets.registry import Registry

Config = TypeVar("Config", bound="DataclassInstance")
Progress = Callable[[int, int, str], None]


class Parser(ArgumentParser):
    """A parser whose errors are one line and exit code 2; `--config FILE` reads YAML."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(prog=f"sobolev {command}", description=description, allow_abbrev=False)
        self.add_argument("--config", action="config", help="YAML file; flags override it")

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        sys.exit(fail(self.prog, message))


def fail(command: str, message: object) -> int:
    """Print one line to standard error and return exit code 2."""
    line = " ".join(str(message).split())
    print(f"{command}: error: {line}", file=sys.stderr)
    return 2


def guarded(command: str, main: Callable[[Sequence[str]], int], argv: Sequence[str]) -> int:
    """Run a command; bad input, a full disk or Ctrl-C end in one line, not in a traceback."""
    _tell_of_compiling(command)
    try:
        return main(argv)
    except InputError as problem:
        return fail(command, problem)
    except KeyboardInterrupt:
        print(f"{command}: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as problem:
        where = f" ({problem.filename})" if problem.filename else ""
        advice = "; free some space and run again" if problem.errno == errno.ENOSPC else ""
        return fail(command, f"{problem.strerror or problem}{where}{advice}")


def _tell_of_compiling(command: str) -> None:
    """Let a line on standard error say that a first use compiles."""
    logger = logging.getLogger("sobolev.solvers.stencils.compiling")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(f"{command}: %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """A callback `(done, total, message)` behind a bar; plain lines where there is no terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as Bar,
    )

    if not sys.stderr.isatty():
        yield _line_printer(title)
        return
    from rich.console import Console

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[message]}"),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, message="")

        def report(done: int, total: int, message: str) -> None:
            bar.update(task, completed=done, total=total, message=message)

        yield report


def _line_printer(title: str) -> Progress:
    """At most about twenty lines a run: a log is read, not watched."""
    last = [-1]

    def report(done: int, total: int, message: str) -> None:
        step = 20 * done // max(total, 1)
        if step != last[0]:
            last[0] = step
            print(f"{title}: {done}/{total} {message}", file=sys.stderr, flush=True)

    return report


def machine() -> str:
    """Processor, cores and memory in one line, for tables and reports."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            models = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
        name = models[0] if models else name
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{name}, {os.cpu_count()} cores, {memory:.0f} GiB"


def named_options(
    parser: ArgumentParser,
    argv: Sequence[str],
    registry: Registry,
    key: str,
    config: Callable[[Any], type] = lambda entry: entry,
) -> None:
    """Add the positional `name` of a registry's entry and, once it is given, its options `--key.*`.

    So `sobolev generate darcy --help` shows what darcy offers. Raises InputError for an unknown
    name in the first place.
    """
    parser.add_argument("name", help=f"{registry.kind}: {', '.join(registry.names())}")
    known = [word for word in argv if word in registry.names()]
    if known or (argv and not argv[0].startswith("-")):
        parser.add_class_arguments(config(registry.get(known[0] if known else argv[0])), key)


def given_options(given: Namespace, key: str, registry: Registry) -> dict[str, Any]:
    """The options that `named_options` added. Raises InputError for an unknown name."""
    registry.get(given.name)
    return given[key].as_dict()


def options(config: type[Config], given: Namespace) -> Config:
    """The dataclass `config` from the parsed arguments that were added for it."""
    return config(**{field.name: given[field.name] for field in dataclasses.fields(config)})


def command_line(command: str, argv: Sequence[str]) -> str:
    """What was typed, to be printed beside what came of it."""
    return f"sobolev {command} {shlex.join(argv)}".rstrip()


def software() -> str:
    """Versions of what computed, in one line."""
    names = ("sobolev", "torch", "numpy", "scipy", "numba")
    versions = [f"{name} {version(name)}" for name in names if _installed(name)]
    return ", ".join([f"Python {platform.python_version()}", *versions])


def _installed(name: str) -> bool:
    return find_spec(name) is not None


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Refuse a second process that would write into the same folder; a killed one leaves no lock.

    Raises InputError where another process holds it.
    """
    refusal = f"another process is writing {folder}; wait for it or choose another --output"
    with locked(folder.with_name(f".{folder.name}.lock"), refusal):
        remove_strays(folder)
        yield
