"""The pictures behind `Function.plot`; matplotlib is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InputError
from .grid import Grid
from .mesh import Mesh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .function import Function

COLOURS = {"one sign": "viridis", "both signs": "RdBu_r"}


def draw(function: Function, ax: Axes | None, times: Sequence[float] | None) -> Axes:
    """See `Function.plot`."""
    values, on = function.numpy(), function.on
    if np.iscomplexobj(values):
        raise InputError("expected real values to plot, got complex ones; plot a part or |u|")
    if isinstance(on, Grid) and not on.ndim:
        return _history(function, values, ax, times)
    frames = isinstance(on, Grid) and on.ndim == 1 and len(function.leading) == 1
    if (function.leading and not frames) or on.ndim > 2:
        raise InputError(
            f"expected one function of one or two dimensions, or the frames of one of one, got "
            f"leading axes {function.leading} and {on.ndim} dimensions; choose a sample or a slice"
        )
    if times is not None and not (frames and len(times) == len(values)):
        raise InputError(f"expected a time for each frame, got {len(times)} times")
    ax = _axes(ax)
    if not isinstance(on, Grid):
        _scattered(ax, values, on)
    elif on.ndim == 1 and not frames:
        ax.plot(on.axes[0], values, color="#1f4e79", linewidth=1.6)
        ax.set(xlabel=_label(on, 0), xlim=on.extent[0])
        ax.grid(alpha=0.25)
    elif on.ndim == 1:
        up = np.arange(len(values)) if times is None else np.asarray(times, dtype=float)
        _image(ax, on.axes[0], up, values)
        ax.set(xlabel=_label(on, 0), ylabel="frame" if times is None else "t")
    else:
        _image(ax, on.axes[0], on.axes[1], values.T)  # rows of an image are y
        ax.set(xlabel=_label(on, 0), ylabel=_label(on, 1))
        _true_scale(ax, on.lengths)
    return ax


def _history(
    function: Function, values: np.ndarray, ax: Axes | None, times: Sequence[float] | None
) -> Axes:
    """A line in time for each name, on a grid without axes."""
    if values.ndim not in (1, 2) or values.ndim - 1 != bool(function.names):
        raise InputError(
            "expected frames, (frames,) or (frames, names) with names, on a grid without axes, "
            f"got {values.shape} and names {function.names}; choose a sample"
        )
    if times is not None and len(times) != len(values):
        raise InputError(f"expected a time for each frame, got {len(times)} times")
    ax = _axes(ax)
    lines = ax.plot(np.arange(len(values)) if times is None else times, values, linewidth=1.4)
    ax.set(xlabel="frame" if times is None else "t")
    ax.grid(alpha=0.25)
    if function.names:
        ax.legend(lines, function.names, frameon=False)
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(5.0, 4.0), layout="constrained")[1]


def _label(grid: Grid, axis: int) -> str:
    return grid.names[axis] if grid.units == "1" else f"{grid.names[axis]} [{grid.units}]"


def _true_scale(ax: Axes, lengths: Sequence[float]) -> None:
    """Equal units on both axes, unless that would make a needle."""
    if max(lengths) <= 4 * min(lengths):
        ax.set_aspect("equal")


def _colours(values: np.ndarray) -> dict[str, Any]:
    """A scale that is symmetric about a neutral zero where both signs count, by a fifth or more."""
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    if low < 0 < high and min(-low, high) > 0.2 * max(-low, high):
        largest = max(-low, high)
        return {"cmap": COLOURS["both signs"], "vmin": -largest, "vmax": largest}
    return {"cmap": COLOURS["one sign"]}


def _image(ax: Axes, across: np.ndarray, up: np.ndarray, values: np.ndarray) -> None:
    """values[j, i] at (across[i], up[j])."""
    mesh = ax.pcolormesh(across, up, values, shading="nearest", rasterized=True, **_colours(values))
    _bar(ax, mesh)


def _scattered(ax: Axes, values: np.ndarray, on: Any) -> None:
    x = on.points[:, 0]
    if on.ndim == 1:
        order = np.argsort(x)
        ax.plot(x[order], values[order], ".-" if isinstance(on, Mesh) else ".", color="#1f4e79")
        ax.set(xlabel="x")
        ax.grid(alpha=0.25)
        return
    y = on.points[:, 1]
    if isinstance(on, Mesh) and on.dimension == 2:
        from matplotlib.tri import Triangulation

        triangulation = Triangulation(x, y, _triangles(on))
        picture: Any = ax.tripcolor(
            triangulation, values, shading="gouraud", rasterized=True, **_colours(values)
        )
    else:
        picture = ax.scatter(
            x, y, c=values, s=14, linewidths=0.3, edgecolors="0.4", **_colours(values)
        )
    _bar(ax, picture)
    ax.set(xlabel="x", ylabel="y")
    _true_scale(ax, [np.ptp(x) or 1.0, np.ptp(y) or 1.0])


def _bar(ax: Axes, picture: Any) -> None:
    """As high as the picture, whatever its aspect."""
    bar = ax.figure.colorbar(picture, cax=ax.inset_axes((1.03, 0.0, 0.04, 1.0)))
    bar.outline.set_visible(False)


def _triangles(mesh: Mesh) -> np.ndarray:
    """Quads are cut along a diagonal."""
    cells = mesh.domain
    parts = [cells["triangle"]] if "triangle" in cells else []
    if "quad" in cells:
        parts += [cells["quad"][:, [0, 1, 2]], cells["quad"][:, [0, 2, 3]]]
    return np.concatenate(parts)
