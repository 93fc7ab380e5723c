"""Windows in time: a long time is solved piece by piece, each from the end of the one before."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..geometry.errors import InputError
from ..geometry.function import Function
from ..geometry.grid import Grid
from .config import PINNConfig
from .pinn import make_weighting, train
from .random_features import RandomFeatureConfig, RandomFeatureResult, load_features
from .random_features import solve as solve_features
from .random_features.patches import Patches
from .random_features.solver import first_patches
from .result import (
    CHECKPOINT,
    CONFIG,
    PINNResult,
    load_result,
    predict,
    reference_within,
    relative_error,
)
from .run import Progress
from .statement import Statement
from .window_starts import window_statement


class Solved(Protocol):
    """What a window gives: a field (n, coordinates) to (n, unknowns), and how long it took."""

    @property
    def field(self) -> nn.Module: ...

    @property
    def seconds(self) -> float: ...


Result = TypeVar("Result", bound=Solved)


class WindowedField(nn.Module):
    """The fields of windows as one: each has the times up to the next one's first."""

    def __init__(self, fields: Sequence[nn.Module], starts: Sequence[float]) -> None:
        super().__init__()
        self.fields = nn.ModuleList(fields)
        self.inner = torch.tensor(starts[1:], dtype=torch.float64)

    def forward(self, points: Tensor) -> Tensor:
        """(n, coordinates) to (n, unknowns)."""
        window = torch.bucketize(
            points[:, 0].detach().double().contiguous(), self.inner, right=True
        )
        parts, places = [], []
        for number in window.unique().tolist():
            here = (window == number).nonzero()[:, 0]
            parts.append(self.fields[number](points[here]))
            places.append(here)
        return torch.cat(parts)[torch.cat(places).argsort()]


@dataclass(frozen=True)
class WindowedResult(Generic[Result]):
    """A solution over all windows. times: (windows + 1,); results: one each."""

    statement: Statement
    times: tuple[float, ...]
    results: tuple[Result, ...]

    @property
    def field(self) -> WindowedField:
        return WindowedField([result.field for result in self.results], self.times[:-1])

    @property
    def seconds(self) -> float:
        return sum(result.seconds for result in self.results)

    def predict(self, grid: Grid) -> np.ndarray:
        """Values ([unknowns,] *grid.shape) on a grid whose axes are named as the coordinates."""
        return predict(self.field, self.statement, grid)

    def error(self, reference: Function) -> float:
        """Relative L2 error against a reference on such a grid."""
        return relative_error(self.field, self.statement, reference)


def march(
    statement: Statement,
    windows: int | Sequence[float],
    solve: Callable[[Statement, Result | None, int], Result],
) -> WindowedResult[Result]:
    """Solve window after window.

    windows: their number, or the times between them, the first and the last included.
    solve(statement, previous, number): solves the statement of one window; `previous` is what it
    gave for the window before.

    Raises InputError for a statement without time, and for times that are not the statement's.
    """
    times = window_times(statement, windows)
    results: list[Result] = []
    for number, (start, end) in enumerate(itertools.pairwise(times)):
        previous = results[-1] if results else None
        before = None if previous is None else previous.field
        here = window_statement(statement, (start, end), before)
        results.append(solve(here, previous, number))
    return WindowedResult(statement, times, tuple(results))


def window_times(statement: Statement, windows: int | Sequence[float]) -> tuple[float, ...]:
    """The times between windows, checked."""
    if statement.times is None:
        raise InputError("expected a statement in time for windows, got a steady one")
    first, last = statement.times
    if isinstance(windows, int):
        if windows < 1:
            raise InputError(f"expected at least one window, got {windows}")
        return tuple(float(t) for t in np.linspace(first, last, windows + 1))
    times = tuple(float(t) for t in windows)
    rising = all(a < b for a, b in itertools.pairwise(times))
    if len(times) < 2 or not rising or (times[0], times[-1]) != (first, last):
        raise InputError(f"expected rising times from {first} to {last}, got {times}")
    return times


def train_windows(
    statement: Statement,
    windows: int | Sequence[float],
    config: PINNConfig | None = None,
    output: Path | str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    reference: Function | None = None,
) -> WindowedResult[PINNResult]:
    """Train a PINN in every window (see `train`).

    output: a folder with a folder for each window; resume: windows that are done there are read,
    and the one that was stopped goes on with the same bits.
    progress: called as progress(step, total, text), the steps of all windows, the text with the
    window. reference: over all times; a window that has no points of it has no column of errors.
    """
    if resume and output is None:
        raise InputError("expected an output folder to resume from, got none; name it")
    config = config or PINNConfig()
    make_weighting(config, statement)  # refuses terms that no window has
    count = len(window_times(statement, windows)) - 1

    def solve(here: Statement, previous: PINNResult | None, number: int) -> PINNResult:
        weights = {name: w for name, w in config.term_weights.items() if name in here.terms}
        own = dataclasses.replace(config, term_weights=weights)
        told = None if progress is None else in_window(progress, number, count)
        truth = None if reference is None else reference_within(reference, here)
        if output is None:
            return train(here, config=own, progress=told, reference=truth)
        folder = window_folder(Path(output), number)
        if resume and (folder / CONFIG).is_file():
            done = load_result(folder, here)
            check_options(done.config.deciding, own.deciding, folder)
            return done
        stopped = resume and (folder / CHECKPOINT).is_file()
        return train(
            here, config=own, output=folder, resume=stopped, progress=told, reference=truth
        )

    return march(statement, windows, solve)


def in_window(progress: Progress, number: int, count: int) -> Progress:
    """A callback for one window that tells the one for all of them."""

    def told(step: int, total: int, text: str) -> None:
        progress(number * total + step, count * total, f"window {number + 1} of {count}, {text}")

    return told


def check_options(kept: Any, given: Any, folder: Path) -> None:
    """Raise InputError where a window was solved with other options."""
    if kept != given:
        raise InputError(
            f"expected the options of the stopped run in {folder}, got others; resume with the "
            "same ones or start anew"
        )


def solve_windows(
    statement: Statement,
    windows: int | Sequence[float],
    config: RandomFeatureConfig | None = None,
    output: Path | str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> WindowedResult[RandomFeatureResult]:
    """Solve every window by random features (see `random_features.solve`).

    A window starts with the space patches of the one before. output, resume: as in
    `train_windows`. progress: called as progress(windows, total, text) after each of them.
    """
    chosen = config or RandomFeatureConfig()
    if resume and output is None:
        raise InputError("expected an output folder to resume from, got none; name it")
    count = len(window_times(statement, windows)) - 1

    def solve(
        here: Statement, previous: RandomFeatureResult | None, number: int
    ) -> RandomFeatureResult:
        folder = None if output is None else window_folder(Path(output), number)
        if resume and folder is not None and (folder / "features.json").is_file():
            done = load_features(folder, here)
            check_options(done.config, chosen, folder)
            return done
        patches = first_patches(here, chosen)
        guess = None
        if previous is not None:
            patches = Patches(
                (patches.edges[0], *previous.field.patches.edges[1:]), patches.periodic
            )
            guess = held(previous.field, here)
        result = solve_features(here, chosen, patches=patches, guess=guess)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            result.save(folder)
        if progress is not None:
            in_window(progress, number, count)(1, 1, f"misfit {result.misfit:.1e}")
        return result

    return march(statement, windows, solve)


def load_windows(
    folder: Path,
    statement: Statement,
    windows: int | Sequence[float],
    load: Callable[[Path, Statement], Result],
) -> WindowedResult[Result]:
    """Read what `train_windows` or `solve_windows` left in a folder.

    load: `load_result` or `load_features`. Raises InputError as these do.
    """
    return march(statement, windows, lambda here, _, i: load(window_folder(folder, i), here))


def held(field: nn.Module, statement: Statement) -> Callable[[Tensor], Tensor]:
    """The field at the first time of a statement, as a guess for all of its times."""
    assert statement.times is not None  # a window has times
    first = statement.times[0]

    def guess(points: Tensor) -> Tensor:
        return field(torch.cat([torch.full_like(points[:, :1], first), points[:, 1:]], dim=1))

    return guess


def window_folder(folder: Path, number: int) -> Path:
    return folder / f"window-{number:03d}"
