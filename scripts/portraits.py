"""One picture of a solved problem, whatever its dimension, for the gallery."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from sobolev.datasets.problem import Problem, Variable
from sobolev.geometry.grid import Grid
from sobolev.scripts import figures

SIZE = (8.0, 3.4)  # inches; all pictures have it, so that a page of them is even
PAD = 0.07
TILE = 2.0
COLUMNS, ROWS = 4, 2  # frames of a strip
BOTH_SIGNS = 0.2  # share of the largest value that the other sign must reach to count
SERIES = 3  # outputs of a system that are drawn as curves
POWER = re.compile(r"\^(-?[0-9]+(?:/[0-9]+)?)")


@dataclass(frozen=True)
class Portrait:
    """One solved sample: inputs and outputs by name, outputs ([frames,] *grid.shape)."""

    problem: Problem
    grid: Grid
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]

    def draw(self) -> Figure:
        """The picture: curves, planes of space and time, frames, or input and solution."""
        figure = Figure(figsize=SIZE, layout=ConstrainedLayoutEngine(h_pad=PAD, w_pad=PAD))
        if self.problem.time_dependent:
            kind = (_system, _space_time, _strip, _strip)[self.grid.ndim]
        else:
            kind = _steady_line if self.grid.ndim == 1 else _steady
        kind(self, figure)
        return figure

    def tile(self) -> Figure:
        """A square without labels: space and time, the last frame, the solution, or the orbit."""
        figure = Figure(figsize=(TILE, TILE))
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        series = list(self.outputs.values())
        first, last = series[0], series[-1]
        if self.grid.ndim == 0:
            axes.plot(first, last, color=figures.COLOURS[1], lw=0.5)
            axes.margins(0.08)
            return figure
        values = first if self.grid.ndim == 1 else plane(self._final(first))
        if values.ndim == 1:
            axes.plot(self.grid.axes[0], values, color=figures.COLOURS[1], lw=1.5)
            return figure
        across = values if self.grid.ndim == 1 else values.T
        axes.imshow(across, origin="lower", aspect="auto", interpolation="bilinear",
                    **scale(values))  # fmt: skip
        return figure

    def summary(self) -> str:
        """What the picture shows, for those who do not see it."""
        shown = " and ".join(v.description or v.name for v in self.problem.outputs[:ROWS])
        if self.problem.time_dependent:
            what = ("curves and orbit of {}", "{} over time and space")[min(self.grid.ndim, 1)]
            what = "frames of {}" if self.grid.ndim > 1 else what
        else:
            what = "input and solution {}"
        return f"{self.problem.name}: {what.format(shown)}"

    def _final(self, values: np.ndarray) -> np.ndarray:
        return values[-1] if self.problem.time_dependent else values

    def shown(self) -> list[tuple[Variable, np.ndarray]]:
        """The outputs of the rows of a picture."""
        return [(v, self.outputs[v.name]) for v in self.problem.outputs[:ROWS]]


def label(variable: Variable) -> str:
    """Name and units for matplotlib: `$\\psi$ [m$^{2}$/s]`."""
    from sympy import Symbol, latex

    name = f"${latex(Symbol(variable.name))}$"
    units = re.sub(POWER, r"$^{\1}$", variable.units)
    return name if variable.units == "1" else f"{name} [{units}]"


def scale(values: np.ndarray) -> dict[str, Any]:
    """Colours of an image: diverging about zero where both signs count, else sequential."""
    low, high = float(values.min()), float(values.max())
    if low < 0 < high and min(-low, high) > BOTH_SIGNS * max(-low, high):
        largest = max(-low, high)
        return {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}
    return {"cmap": "viridis", "vmin": low, "vmax": high}


def plane(values: np.ndarray) -> np.ndarray:
    """Values on a plane: the middle one of a third axis, where there is one."""
    return values[..., values.shape[-1] // 2] if values.ndim == 3 else values


def strip_length(outputs: int) -> int:
    """Frames of a strip, by the number of outputs."""
    return ROWS * COLUMNS // min(outputs, ROWS)


def _axis(grid: Grid, axis: int) -> str:
    return grid.names[axis] if grid.units == "1" else f"{grid.names[axis]} [{grid.units}]"


def _image(axes: Axes, values: np.ndarray, grid: Grid, colours: Mapping[str, Any]) -> Any:
    """Values (n0, n1) with the first axis across, to scale unless that would make a needle."""
    (left, right), (bottom, top) = grid.extent[:2]
    long, short = max(grid.lengths[:2]), min(grid.lengths[:2])
    axes.grid(False)
    axes.tick_params(labelsize=7)
    return axes.imshow(
        values.T, origin="lower", extent=(left, right, bottom, top), interpolation="nearest",
        aspect="equal" if long <= 4 * short else "auto", **colours,
    )  # fmt: skip


def _bar(image: Any, axes: Sequence[Axes], text: str) -> None:
    bar = axes[0].figure.colorbar(image, ax=axes, pad=0.02, label=text)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)


def _space_time(portrait: Portrait, figure: Figure) -> None:
    """Time across, space up; one image an output."""
    outputs, times, grid = portrait.shown(), portrait.problem.times, portrait.grid
    assert times is not None
    panels = figure.subplots(1, len(outputs), squeeze=False, sharey=True)[0]
    for axes, (variable, values) in zip(panels, outputs, strict=True):
        axes.grid(False)
        image = axes.imshow(
            values.T, origin="lower", aspect="auto", interpolation="nearest",
            extent=(times[0], times[-1], *grid.extent[0]), **scale(values),
        )  # fmt: skip
        axes.set_xlabel("t")
        _bar(image, [axes], label(variable))
    panels[0].set_ylabel(_axis(grid, 0))


def _strip(portrait: Portrait, figure: Figure) -> None:
    """Frames in reading order of one output, or a row of frames for each of two."""
    outputs, times = portrait.shown(), portrait.problem.times
    assert times is not None
    panels = figure.subplots(ROWS, COLUMNS, squeeze=False, sharex=True, sharey=True)
    count = strip_length(len(outputs))
    chosen = np.round(np.linspace(0, len(times) - 1, count)).astype(int)
    for (variable, values), rows in zip(outputs, np.split(panels, len(outputs)), strict=True):
        frames = [plane(values[frame]) for frame in chosen]
        colours = scale(np.stack(frames))
        for axes, frame, at in zip(rows.flat, frames, chosen, strict=True):
            image = _image(axes, frame, portrait.grid, colours)
            axes.set_title(f"t = {times[at]:.4g}", fontsize=7, pad=2)
        _bar(image, list(rows.flat), label(variable))


def _steady(portrait: Portrait, figure: Figure) -> None:
    """The first field among the inputs, where there is one, beside the first output."""
    grid, problem = portrait.grid, portrait.problem
    fields = [v for v in problem.inputs if v.kind == "field"][:1]
    shown = [(v, portrait.inputs[v.name]) for v in fields] + portrait.shown()[:1]
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for axes, (variable, values) in zip(panels, shown, strict=True):
        image = _image(axes, plane(values), grid, scale(plane(values)))
        axes.set_title(variable.description or variable.name)
        axes.set_xlabel(_axis(grid, 0))
        _bar(image, [axes], label(variable))
    panels[0].set_ylabel(_axis(grid, 1))


def _steady_line(portrait: Portrait, figure: Figure) -> None:
    problem, x = portrait.problem, portrait.grid.axes[0]
    fields = [(v, portrait.inputs[v.name]) for v in problem.inputs if v.kind == "field"][:1]
    shown = fields + portrait.shown()[:1]
    for axes, (variable, values) in zip(figure.subplots(1, len(shown)), shown, strict=True):
        axes.plot(x, values, color=figures.COLOURS[1], lw=1.4)
        axes.set(xlabel=_axis(portrait.grid, 0), ylabel=label(variable))


def _system(portrait: Portrait, figure: Figure) -> None:
    """Curves over time beside the orbit in the plane of the first and the last output."""
    variables, times = portrait.problem.outputs, portrait.problem.times
    curves, orbit = figure.subplots(1, 2, width_ratios=(1.6, 1))
    for variable, colour in zip(variables[:SERIES], figures.COLOURS[1:], strict=False):
        curves.plot(times, portrait.outputs[variable.name], color=colour, lw=0.9,
                    label=label(variable))  # fmt: skip
    curves.set_xlabel("t")
    curves.legend(fontsize=7, ncols=SERIES, loc="lower right", bbox_to_anchor=(1, 1))
    first, last = variables[0], variables[-1]
    orbit.plot(portrait.outputs[first.name], portrait.outputs[last.name],
               color=figures.COLOURS[1], lw=0.5)  # fmt: skip
    orbit.set(xlabel=label(first), ylabel=label(last))
