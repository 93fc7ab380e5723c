"""What `sobolev pinn` shows of a solution: itself, error, residual, spectrum, points, training."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from sobolev.datasets.files import write_whole
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid
from sobolev.geometry.norms import energy_spectrum
from sobolev.operators.checkpoint import load_state
from sobolev.pinns.derivatives.readings import make_derivatives
from sobolev.pinns.result import CHECKPOINT, CHECKPOINT_SCHEMA, PINNResult, training_curves
from sobolev.pinns.windows import window_folder
from sobolev.scripts import figures
from sobolev.scripts.pinn_instance import pieces

if TYPE_CHECKING:
    from sobolev.scripts.pinn_instance import Solved

CHUNK = 4096
TIMES = 129


def draw_pictures(result: Solved, folder: Path, truth: Function, path: Path) -> None:
    """Six panels of a solution, beside its reference on a grid of space-time.

    folder: where it was trained, which tells the points.
    """
    assert isinstance(truth.on, Grid)
    grid, cut = truth.on, shown_part(truth.on)
    right = first_unknown(truth.numpy(), grid)
    ours = first_unknown(result.predict(grid), grid)
    smooth, finer = ours, grid
    if grid.names[0] == "t" and grid.ndim == 2:  # the reference has few times
        finer = grid.with_shape((max(TIMES, grid.shape[0]), *grid.shape[1:]))
        smooth = first_unknown(result.predict(finer), finer)
    with figures.style():
        figure = Figure(figsize=(10.5, 6.4))
        (a, b, c), (d, e, f) = figure.subplots(2, 3)
        name = result.statement.unknowns[0]
        panel(a, smooth[cut], finer, cut, f"solution {name}")
        panel(b, (ours - right)[cut], grid, cut, "error against the reference", "RdBu_r")
        size = np.log10(np.maximum(residual_size(result, finer, cut), 1e-300))
        panel(c, size, finer, cut, "log10 |residual|", "magma")
        draw_training(d, result)
        draw_spectrum(e, ours, right, grid)
        draw_points(f, folder, result)
        write_whole(path, figures.to_png(figure))


def first_unknown(values: np.ndarray, grid: Grid) -> np.ndarray:
    """(*grid.shape) of ([unknowns,] *grid.shape)."""
    return values if values.ndim == grid.ndim else values[0]


def shown_part(grid: Grid) -> tuple[Any, ...]:
    """An index that leaves the two axes worth showing: the last time, the middle of a box."""
    if grid.ndim <= 2:
        return (slice(None),) * grid.ndim
    fixed = -1 if grid.names[0] == "t" else grid.shape[0] // 2
    rest = tuple(n // 2 for n in grid.shape[1:-2])
    return (fixed, *rest, slice(None), slice(None))


def panel(
    axes: Axes, values: np.ndarray, grid: Grid, cut: tuple[Any, ...], title: str,
    colormap: str = "viridis",
) -> None:  # fmt: skip
    """A line, or an image with the first of its axes to the right."""
    open_axes = [i for i, part in enumerate(cut) if isinstance(part, slice)]
    if len(open_axes) == 1:
        axes.plot(grid.axes[open_axes[0]], values, color=figures.COLOURS[1], lw=1.2)
        axes.set_title(title)
        axes.set_xlabel(grid.names[open_axes[0]])
        return
    (left, right), (bottom, top) = (grid.extent[i] for i in open_axes)
    largest = float(np.abs(values).max())
    ends = (-largest, largest) if colormap == "RdBu_r" else (None, None)
    image = axes.imshow(
        values.T, origin="lower", extent=(left, right, bottom, top), cmap=colormap, aspect="auto",
        vmin=ends[0], vmax=ends[1], interpolation="nearest",
    )  # fmt: skip
    axes.figure.colorbar(image, ax=axes, shrink=0.9).ax.tick_params(labelsize=7)
    axes.grid(False)
    axes.set_title(title)
    axes.set_xlabel(grid.names[open_axes[0]])
    axes.set_ylabel(grid.names[open_axes[1]])


def residual_size(result: Solved, grid: Grid, cut: tuple[Any, ...]) -> np.ndarray:
    """Root of the sum of squares of the equations' residuals on the part of the grid."""
    statement = result.statement
    points = np.stack([axis[cut] for axis in grid.coordinates()], axis=-1)
    dtype = next(result.field.parameters()).dtype
    flat = torch.from_numpy(points.reshape(-1, grid.ndim).copy()).to(dtype)
    # A network knows the numbers that were found. Nested takes any field, random features too.
    equation = getattr(result.field, "equation", statement.equation)
    read = make_derivatives("nested", result.field, statement.coordinates, statement.unknowns)
    parts = []
    for chunk in flat.split(CHUNK):
        r = read(chunk, equation)
        each = (r,) if isinstance(r, Tensor) else r
        parts.append(torch.stack([one.detach().square() for one in each]).sum(dim=0).sqrt())
    return torch.cat(parts).numpy().reshape(points.shape[:-1])


def draw_training(axes: Axes, result: Solved) -> None:
    """Loss, error and found numbers by seconds; for random features the figures that they have."""
    axes.set_title("training")
    trained = [one for one in pieces(result) if isinstance(one, PINNResult)]
    if not trained:
        axes.set_axis_off()
        solved = [one for one in pieces(result) if not isinstance(one, PINNResult)]
        unknowns, misfit = sum(one.unknowns for one in solved), max(one.misfit for one in solved)
        text = f"{unknowns:,} unknowns\nmisfit {misfit:.1e}\n{result.seconds:.1f} s"
        axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=12)
        return
    curves = training_curves(trained)
    seconds = curves.pop("seconds")
    colours = (figures.COLOURS[1], figures.COLOURS[0], *figures.COLOURS[2:])
    for (name, values), colour in zip(curves.items(), itertools.cycle(colours), strict=False):
        if np.isfinite(values).any():
            label = name if values.min() >= 0.0 else f"|{name}|"
            axes.semilogy(seconds, np.abs(values), color=colour, lw=1.2, label=label)
    axes.set_xlabel("seconds")
    axes.legend(fontsize=7)


def draw_spectrum(axes: Axes, ours: np.ndarray, right: np.ndarray, grid: Grid) -> None:
    """Energy by wave number of solution and error, in space at the last time where it moves."""
    space: Grid = grid
    at: tuple[int, ...] = ()
    if grid.names[0] == "t" and grid.ndim > 1:
        space = Grid(
            grid.extent[1:], grid.shape[1:], grid.wraps[1:], grid.centering, names=grid.names[1:]
        )
        at = (-1,)
    for values, label, colour in (
        (right[at], "reference", figures.CLASSICAL),
        ((ours - right)[at], "error", figures.COLOURS[0]),
    ):
        k, energy = energy_spectrum(values, space)
        seen = (k > 0) & (energy > 0)
        axes.loglog(k[seen], energy[seen], color=colour, lw=1.3, label=label)
    axes.set_title("spectrum" + (", last time" if at else ""))
    axes.set_xlabel("wave number |k|")
    axes.legend(fontsize=7)


def draw_points(axes: Axes, folder: Path, result: Solved) -> None:
    """Where the equation was asked for at last, or the patches of random features."""
    parts = pieces(result)
    count = 0
    for number, one in enumerate(parts):
        if isinstance(one, PINNResult):
            place = window_folder(folder, number) if len(parts) > 1 else folder
            count += plot_points(axes, place, one)
        else:
            plot_patches(axes, one.field.patches.edges)
        if number:
            assert one.statement.times is not None  # a window has times
            axes.axvline(one.statement.times[0], color=figures.CLASSICAL, lw=0.8)
    names = result.statement.coordinates
    axes.grid(False)
    axes.set_title(f"{count} points of the equation" if count else "patches")
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1] if len(names) > 1 else "")


def plot_points(axes: Axes, folder: Path, result: PINNResult) -> int:
    """The points of a network's last checkpoint, by their first two coordinates; how many."""
    unit = load_state(folder / CHECKPOINT, CHECKPOINT_SCHEMA)["unit"]
    points = result.statement.interior(unit).numpy()
    beside = points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
    axes.plot(points[:, 0], beside, ".", ms=1.2, color=figures.COLOURS[1], alpha=0.6)
    return len(points)


def plot_patches(axes: Axes, edges: Sequence[np.ndarray]) -> None:
    """The planes between patches along the first two coordinates, (planes,) each."""
    low, high = (edges[1][0], edges[1][-1]) if len(edges) > 1 else (0.0, 1.0)
    axes.vlines(edges[0], low, high, color=figures.COLOURS[1], lw=0.8)
    if len(edges) > 1:
        axes.hlines(edges[1], edges[0][0], edges[0][-1], color=figures.COLOURS[1], lw=0.8)
    axes.margins(0.0)
