"""`sobolev gallery [PROBLEM…]`: a picture of every problem, and a page with their cards."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sobolev.datasets.files import write_whole
from sobolev.datasets.problem import Fidelity, Problem
from sobolev.datasets.registry import make_problem, problems
from sobolev.geometry.errors import InputError
from sobolev.scripts import figures
from sobolev.scripts.common import (
    Parser,
    command_line,
    guarded,
    machine,
    only_writer,
    options,
    progress_bar,
    software,
)

if TYPE_CHECKING:
    from sobolev.solvers.solution import Solution

RESOLUTION = {0: 4, 1: 256, 2: 128, 3: 48}
"""Points an axis by the dimension of the grid."""
FRAMES = {0: 4001, 1: 241}
DPI = 170
SHEET_COLUMNS = (5, 6, 7, 8)
KIND = "sobolev gallery"
GENERATOR = f'<meta name="generator" content="{KIND}">'


@dataclass(frozen=True)
class GalleryConfig:
    """How many samples of each problem, and how fine."""

    samples: int = 1
    """pictures of each problem"""
    seed: int = 0
    """seed of the inputs, which are those of a dataset with this seed"""
    resolution: int = 0
    """points (or cells) an axis; 0 for what suits the dimension"""
    tolerance: float = 1e-4
    """relative tolerance of the reference solver"""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise InputError(f"expected at least one sample, got {self.samples}")
        Fidelity(self.resolution or min(RESOLUTION.values()), self.tolerance)


def main(argv: Sequence[str]) -> int:
    """Draw what is not there yet, write the page; exit code 1 where a problem was not solved."""
    parser = Parser("gallery", __doc__ or "")
    parser.add_argument("names", nargs="*", help="problems; all where none is given")
    parser.add_class_arguments(GalleryConfig)
    parser.add_argument("--output", type=str, default="gallery", help="folder for index.html")
    parser.add_argument("--sheet", type=str, default="", help="one PNG of all problems")
    parser.add_argument("--force", action="store_true", help="draw again what is there")
    given = parser.parse_args(list(argv))
    config, folder = options(GalleryConfig, given), Path(given.output)
    chosen = {name: make_problem(name) for name in given.names or problems.names()}
    if given.sheet and Path(given.sheet).exists() and not given.force:
        raise InputError(f"{given.sheet} exists; choose another --sheet or add --force")
    with only_writer(folder):
        _refuse_strangers(folder, chosen, config, given.force)
        folder.mkdir(parents=True, exist_ok=True)
        drawn, failed = _draw_all(folder, chosen, config, given.force)
        entries = [_entry(folder, name) for name in problems.names() if _facts(folder, name)]
        write_whole(folder / "index.html", render(entries, command_line("gallery", argv)))
        if given.sheet:
            names = [name for name in chosen if _facts(folder, name)]
            write_whole(Path(given.sheet), sheet(folder, names))
            print(f"sheet: {given.sheet}")
    for line in failed:
        print(f"not drawn: {line}", file=sys.stderr)
    kept = len(chosen) - drawn - len(failed)
    print(f"gallery: {folder / 'index.html'} ({drawn} drawn, {kept} kept)")
    return 1 if failed else 0


def _refuse_strangers(
    folder: Path, chosen: Mapping[str, Problem], config: GalleryConfig, force: bool
) -> None:
    """Raise InputError where something would be overwritten that is not the same picture."""
    if force:
        return
    page = folder / "index.html"
    if page.exists() and GENERATOR not in page.read_text(errors="replace"):
        raise InputError(f"{page} is no gallery; choose another --output or add --force")
    for name, problem in chosen.items():
        facts = _facts(folder, name)
        if facts and facts["plan"] != plan(problem, config):
            raise InputError(
                f"{folder} holds '{name}' made with {facts['plan']['settings']}; "
                "choose another --output or add --force"
            )


def _facts(folder: Path, name: str) -> dict[str, Any]:
    """What stands beside the pictures of a problem; empty where it was not drawn to the end."""
    path = folder / f"{name}.json"
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(facts, dict) or facts.get("kind") != KIND:
        return {}
    return facts if all((folder / p).exists() for p in [*facts["pictures"], facts["tile"]]) else {}


def plan(problem: Problem, config: GalleryConfig) -> dict[str, Any]:
    """All that decides what the pictures look like."""
    return {"problem": as_pictured(problem).config(), "settings": dataclasses.asdict(config)}


def _draw_all(
    folder: Path, chosen: Mapping[str, Problem], config: GalleryConfig, force: bool
) -> tuple[int, list[str]]:
    """How many problems were drawn, and one line for each that could not be."""
    drawn, failed = 0, []
    with progress_bar("gallery") as progress, figures.style():
        for done, (name, problem) in enumerate(chosen.items()):
            progress(done, len(chosen), name)
            if _facts(folder, name) and not force:
                continue
            if reason := _draw(folder, problem, config):
                failed.append(f"{name}: {reason}")
            else:
                drawn += 1
        progress(len(chosen), len(chosen), "done")
    return drawn, failed


def _draw(folder: Path, problem: Problem, config: GalleryConfig) -> str:
    """Solve and draw one problem; the facts are written last. Returns why it failed, or ""."""
    from sobolev.scripts.portraits import Portrait

    shown = as_pictured(problem)
    resolution = config.resolution or RESOLUTION[shown.grid(RESOLUTION[0]).ndim]
    grid, fidelity = shown.grid(resolution), shown.data_fidelity(resolution, config.tolerance)
    draws = [shown.draw_sample(config.seed, i) for i in range(config.samples)]
    solution, seconds = _timed(lambda: shown.solve_draws(draws, grid, fidelity))
    if not solution.converged.all():
        return next(r for r, good in zip(solution.reason, solution.converged, strict=True)
                    if not good)  # fmt: skip
    inputs, outputs = shown.evaluate_batch(draws, grid), shown.split(solution.fields)
    pictures, scalars = [], []
    for i in range(config.samples):
        one = Portrait(shown, grid, {k: v[i] for k, v in inputs.items()},
                       {k: v[i] for k, v in outputs.items()})  # fmt: skip
        pictures.append(f"{problem.name}-{i}.png")
        write_whole(folder / pictures[-1], figures.to_png(one.draw(), DPI))
        scalars.append([
            f"{v.name} = {float(inputs[v.name][i]):.3g}"
            f"{'' if v.units == '1' else f' {v.units}'}"
            for v in shown.inputs if v.kind == "scalar"
        ])  # fmt: skip
        if i == 0:
            write_whole(folder / f"{problem.name}-tile.png", figures.to_png(one.tile(), DPI))
    facts = {
        "kind": KIND, "plan": plan(problem, config), "pictures": pictures,
        "tile": f"{problem.name}-tile.png", "summary": one.summary(), "scalars": scalars,
        "seconds": seconds / config.samples, "fidelity": fidelity.label(), "shape": grid.shape,
        "command": _command(problem.name, config),
    }  # fmt: skip
    write_whole(folder / f"{problem.name}.json", json.dumps(facts, indent=1))
    return ""


def _timed(solve: Callable[[], Solution]) -> tuple[Solution, float]:
    """A solution and its seconds; solved again where these held the compiling of kernels."""
    from numba.core import event

    with event.install_recorder("numba:compile") as compiled:
        start = time.perf_counter()
        solution = solve()
        seconds = time.perf_counter() - start
    if compiled.buffer:
        start = time.perf_counter()
        solution = solve()
        seconds = time.perf_counter() - start
    return solution, seconds


def as_pictured(problem: Problem) -> Problem:
    """The same problem as its class wants it shown, with the frames of such a picture."""
    from sobolev.scripts.portraits import strip_length

    ndim, changes = problem.grid(RESOLUTION[0]).ndim, dict(problem.pictured)
    if any(field.name == "frames" for field in dataclasses.fields(problem)):
        changes["frames"] = FRAMES.get(ndim) or strip_length(len(problem.outputs))
    return dataclasses.replace(problem, **changes)


def _command(name: str, config: GalleryConfig) -> str:
    changed = [
        f"--{field.name} {getattr(config, field.name)}"
        for field in dataclasses.fields(config)
        if getattr(config, field.name) != field.default
    ]
    return " ".join(["sobolev gallery", name, *changed])


def _entry(folder: Path, name: str) -> dict[str, Any]:
    """What the template shows of one problem."""
    facts = _facts(folder, name)
    problem = make_problem(name, facts["plan"]["problem"])
    card = [(f.name, getattr(problem.card, f.name)) for f in dataclasses.fields(problem.card)]
    return {
        **facts,
        "name": name,
        "about": problem.summary,
        "equation": figures.equation(problem.latex()),
        "card": card,
        "symbols": [
            {"name": v.name, "units": "" if v.units == "1" else v.units, "text": v.description}
            for v in (*problem.inputs, *problem.outputs)
        ],
        "captions": [", ".join(line) for line in facts["scalars"]],
        "points": " x ".join(map(str, facts["shape"])) or "no",
        "took": f"{facts['seconds']:.2g}",
    }  # fmt: skip


def render(entries: Sequence[Mapping[str, Any]], command: str) -> str:
    """The page; it refers to nothing but the pictures beside it."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("sobolev.scripts", "."), autoescape=True, trim_blocks=True
    )
    environment.filters["powers"] = _powers
    return environment.get_template("gallery.html.j2").render(
        entries=entries, command=command, machine=machine(), software=software()
    )


def _powers(units: str) -> Any:
    """m^2/s with a raised 2."""
    from markupsafe import Markup, escape

    from sobolev.scripts.portraits import POWER

    return Markup(POWER.sub(r"<sup>\1</sup>", str(escape(units))))


def sheet(folder: Path, names: Sequence[str]) -> bytes:
    """All tiles with their names as one PNG of 256 colours, which is a third of its size."""
    from matplotlib.figure import Figure
    from matplotlib.image import imread
    from PIL import Image

    columns = min(SHEET_COLUMNS, key=lambda count: (-len(names) % count, abs(count - 6)))
    rows = -(-len(names) // columns)
    with figures.style():
        figure = Figure(figsize=(1.6 * columns, 1.8 * rows))
        panels = figure.subplots(rows, columns, squeeze=False)
        for axes in panels.flat:
            axes.set_axis_off()
        for axes, name in zip(panels.flat, names, strict=False):
            axes.imshow(imread(folder / f"{name}-tile.png"))
            axes.set_title(name.replace("_", " "), fontsize=8, pad=3)
        picture = Image.open(io.BytesIO(figures.to_png(figure, 150))).convert("RGB")
    buffer = io.BytesIO()
    picture.quantize(256).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(guarded("sobolev gallery", main, sys.argv[1:]))
