"""The pictures of the report: fields, spectra, training curves, work against precision."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe & Ito: told apart by readers who do not see red and green apart, and in print.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
CLASSICAL = "#444444"
METRIC_NAMES = {"L2": "relative L2", "H1": "relative H1", "Linf": "relative max"}
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "sobolev",
}


def style() -> Any:
    """Context in which all pictures are drawn."""
    return mpl.rc_context(STYLE)


def to_svg(figure: Figure) -> str:
    """The figure as inline SVG, without the XML head and with no date in it."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _inline(buffer.getvalue())


def _inline(svg: str) -> str:
    return svg.split("?>", 1)[1].split('dtd">', 1)[1].strip()


def equation(latex: str, longest: int = 60) -> str:
    """An equation, or the rows of several, as inline SVG of its own size: no script, no font.

    By matplotlib's own mathematics; rows of more than about `longest` signs are broken.
    """
    rows = [part for row in _spelled(latex).split(r" \\ ") for part in _broken(row, longest)]
    with style():
        figure = Figure(figsize=(6.4, 0.45 * len(rows)))
        figure.set_layout_engine("none")
        for i, row in enumerate(rows):
            figure.text(0, 1 - (i + 0.5) / len(rows), f"${row}$", size=13, va="center")
        buffer = io.StringIO()
        figure.savefig(
            buffer, format="svg", bbox_inches="tight", pad_inches=0.03, transparent=True,
            metadata={"Date": None},
        )  # fmt: skip
    return _inline(buffer.getvalue())


def _spelled(latex: str) -> str:
    """Words of three letters and more upright, with space between them and what they multiply."""
    upright = re.sub(r"(?<![\\a-zA-Z])(?<!_{)([a-zA-Z]{3,})", r"\\mathrm{\1}", latex)
    apart = re.sub(r"(?<=[\w})]) (?=\\mathrm)", r" \\, ", upright)
    return re.sub(r"(\\mathrm{\w+}) (?=[\w\\])(?!\\right|\\,)", r"\1 \\, ", apart)


def _broken(row: str, longest: int) -> list[str]:
    """The row, cut before signs + and - outside of all brackets wherever it grows too long."""
    parts, depth = [""], 0
    for word in re.split(r"( [+-] )", row):
        if word in (" + ", " - ") and depth == 0:
            parts.append(word)
        else:
            parts[-1] += word
            opened = len(re.findall(r"\\left|(?<!\\){", word))
            depth += opened - len(re.findall(r"\\right|(?<!\\)}", word))
    lines = [parts[0]]
    for part in parts[1:]:
        if _signs(lines[-1]) + _signs(part) > longest:
            lines.append(r"\quad" + part)
        else:
            lines[-1] += part
    return lines


def _signs(latex: str) -> int:
    """About how many signs LaTeX prints."""
    bare = re.sub(r"\\(left|right|quad|mathrm|operatorname)", "", latex)
    return len(re.sub(r"[{}_^ ]", "", re.sub(r"\\[a-zA-Z]+", "x", bare)))


def to_png(figure: Figure, dpi: int = 130) -> bytes:
    """The figure as the content of a file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def to_source(figure: Figure, dpi: int = 170) -> str:
    """The figure as an <img> source, `data:image/png;base64,…`."""
    return "data:image/png;base64," + base64.b64encode(to_png(figure, dpi)).decode()


def colours(names: Sequence[str]) -> dict[str, str]:
    """One colour a surrogate, the same in every picture of a section."""
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def fields_2d(
    given: np.ndarray,
    truth: np.ndarray,
    answers: Mapping[str, np.ndarray],
    extent: Sequence[float],
    labels: tuple[str, str] = ("input", "solution"),
) -> Figure:
    """Input, truth, and a row of prediction and error for each answer.

    All predictions share the truth's scale and all errors share one, so that a row can be
    compared with the next.
    """
    rows = 1 + len(answers)
    figure = Figure(figsize=(6.4, 2.55 * rows))
    axes = figure.subplots(rows, 2, squeeze=False)
    low, high = float(truth.min()), float(truth.max())
    largest = max((float(np.abs(a - truth).max()) for a in answers.values()), default=1.0)
    if labels[0]:  # else the inputs are numbers
        _image(axes[0, 0], given, extent, f"input: {labels[0]}", "cividis")
    else:
        axes[0, 0].set_axis_off()
    _image(axes[0, 1], truth, extent, f"truth: {labels[1]}", "viridis", low, high)
    for row, (name, answer) in zip(axes[1:], answers.items(), strict=True):
        _image(row[0], answer, extent, name, "viridis", low, high)
        _image(row[1], answer - truth, extent, f"{name}: error", "RdBu_r", -largest, largest)
    return figure


def _image(
    axes: Axes,
    values: np.ndarray,
    extent: Sequence[float],
    title: str,
    colormap: str,
    low: float | None = None,
    high: float | None = None,
) -> None:
    image = axes.imshow(
        values.T, origin="lower", extent=(extent[0], extent[1], extent[2], extent[3]),
        cmap=colormap, vmin=low, vmax=high, interpolation="nearest",
    )  # fmt: skip
    axes.set_title(title)
    axes.grid(False)
    axes.tick_params(labelsize=7)
    figure = axes.figure
    figure.colorbar(image, ax=axes, shrink=0.9).ax.tick_params(labelsize=7)


def fields_1d(
    x: np.ndarray,
    given: np.ndarray,
    truth: np.ndarray,
    answers: Mapping[str, np.ndarray],
    labels: tuple[str, str],
) -> Figure:
    """Input and truth above, the errors of all answers below on one scale; all on points `x`."""
    tint = colours(list(answers))
    figure = Figure(figsize=(6.4, 4.6))
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    if labels[0]:  # else the inputs are numbers
        top.plot(x, given, color="#999999", lw=1, ls="--", label=f"input: {labels[0]}")
    top.plot(x, truth, color=CLASSICAL, lw=2.2, label=f"truth: {labels[1]}")
    for name, values in answers.items():
        top.plot(x, values, color=tint[name], lw=1.1, label=name)
        bottom.plot(x, values - truth, color=tint[name], lw=1)
    top.legend(fontsize=7, ncols=2)
    bottom.set_ylabel("error")
    bottom.set_xlabel("x")
    return figure


def spectrum(
    truth: tuple[np.ndarray, np.ndarray],
    errors: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> Figure:
    """Energy of the truth and of each error by wave number."""
    tint = colours(list(errors))
    figure = Figure(figsize=(6.4, 3.2))
    axes = figure.subplots()
    axes.loglog(*_positive(*truth), color=CLASSICAL, lw=2, label="truth")
    for name, (k, energy) in errors.items():
        axes.loglog(*_positive(k, energy), color=tint[name], lw=1.2, label=f"error of {name}")
    # Below rounding of the largest there is nothing to see.
    highest = float(np.max(truth[1]))
    axes.set_ylim(max(axes.get_ylim()[0], 1e-17 * highest), None)
    axes.set_xlabel("wave number |k|")
    axes.set_ylabel("energy")
    axes.legend(fontsize=7)
    return figure


def _positive(k: np.ndarray, energy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keep = (k > 0) & (energy > 0)
    return k[keep], energy[keep]


def training(logs: Mapping[str, Mapping[str, Sequence[float]]], xlabel: str) -> Figure:
    """Curves against `xlabel` for each surrogate: name to {column: values}, first column x."""
    tint = colours(list(logs))
    figure = Figure(figsize=(6.4, 3.0))
    axes = figure.subplots()
    for name, columns in logs.items():
        keys = list(columns)
        for key, dashes in zip(keys[1:], ("-", "--", ":"), strict=False):
            values = np.asarray(columns[key], dtype=float)
            keep = np.isfinite(values) & (values > 0)
            if keep.any():
                x = np.asarray(columns[keys[0]], dtype=float)[keep]
                axes.semilogy(x, values[keep], dashes, color=tint[name], lw=1.2,
                              label=f"{name}: {key}")  # fmt: skip
    axes.set_xlabel(xlabel)
    axes.legend(fontsize=7, ncols=2)
    return figure


def work_precision(rows: Sequence[Mapping[str, Any]], metric: str = "L2") -> Figure:
    """Error against seconds a solve: classical settings as a cloud with its front, surrogates
    as marks; filled at the best batch, open at batch 1."""
    figure = Figure(figsize=(6.4, 4.2))
    axes = figure.subplots()
    classical = [row for row in rows if row["kind"] == "classical"]
    surrogates = [row for row in rows if row["kind"] == "surrogate"]
    for mode, filled in (("single", False), ("best", True)):
        points = np.array([(row[mode]["seconds"], row["errors"][metric]) for row in classical])
        points = points[(points[:, 1] > 0) & (points[:, 1] < 1)]  # what blew up is left out
        label = "classical, best batch" if filled else "classical, batch 1"
        face = CLASSICAL if filled else "none"
        axes.loglog(*points.T, "o", ms=3, color=CLASSICAL, mfc=face, alpha=0.35)
        front = pareto(points)
        axes.loglog(*front.T, "-" if filled else "--", color=CLASSICAL, lw=1.4, label=label)
    tint = colours([row["name"] for row in surrogates])
    for row in surrogates:
        for mode, filled in (("single", False), ("best", True)):
            colour = tint[row["name"]]
            axes.loglog(row[mode]["seconds"], row["errors"][metric], "D", ms=7, color=colour,
                        mfc=colour if filled else "none",
                        label=row["name"] if filled else None)  # fmt: skip
    axes.set_xlabel("seconds a solve")
    axes.set_ylabel(f"{METRIC_NAMES[metric]} error")
    axes.legend(fontsize=7)
    return figure


def pareto(points: np.ndarray) -> np.ndarray:
    """The points (seconds, error) that no other beats in both, by rising seconds."""
    front: list[np.ndarray] = []
    for point in points[np.lexsort((points[:, 1], points[:, 0]))]:
        if not front or point[1] < front[-1][1]:
            front.append(point)
    return np.array(front).reshape(-1, 2)
