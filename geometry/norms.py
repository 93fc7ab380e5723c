"""Norms, errors and the energy spectrum: one implementation each, for NumPy and torch.

All are differentiable in torch; a norm has the gradient zero where the function is zero. Values
that are not finite give norms that are not finite, never a number that looks fine.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from .arrays import Array, as_floating, constant, namespace, on_points
from .derivatives import gradient
from .errors import InputError
from .grid import Grid
from .mesh import Mesh
from .modes import scale, squared_wavenumbers, transform
from .points import PointCloud

Kind = Literal["L1", "L2", "Linf", "H1", "Hs"]


def norm(
    values: Array, on: Grid | Mesh | PointCloud, kind: Kind = "L2", s: float | None = None
) -> Array:
    """The norm of a function, of shape (*leading), from its values (*leading, *on.shape).

    ====== ==========================================================================
    L1     integral of |u|, by the quadrature weights of `on`
    L2     square root of the integral of |u|^2
    Linf   largest |u|
    H1     square root of the integral of |u|^2 + |grad u|^2: the gradient is spectral on a fully
           periodic grid, by second-order differences on other grids, of the first-order
           elements on a mesh
    Hs     square root of V sum_k (1 + |k|^2)^s |u_k|^2 for any real `s`, V the volume and u_k
           the coefficients in the Fourier basis (on axes that are not periodic: cosines), so
           that H^0 is L2 to rounding; on grids only
    ====== ==========================================================================

    On a grid without axes all of them are |u|. The wave numbers are physical, with the 2 pi.
    float16 and bfloat16 are summed in float32, in which the result comes. `InputError`: another
    shape, another kind, `s` missing or superfluous, a norm that this discretisation does not carry.

    >>> grid = Grid(((0.0, 2 * np.pi),), (16,), periodic=True)
    >>> round(float(norm(np.sin(3 * grid.axes[0]), grid) ** 2 / np.pi), 12)
    1.0
    """
    values = on_points(values, on.shape)
    _check(on, kind, s)
    xp, axes = namespace(values), tuple(range(-len(on.shape), 0))
    if not axes:
        return xp.abs(values)
    if kind == "Linf":
        return xp.max(xp.abs(values), axis=axes)
    if kind == "L1":
        return xp.sum(constant(_weights, on, 1.0, like=xp.real(values)) * xp.abs(values), axis=axes)
    if kind == "L2":
        return _root_mean(values, on, axes)
    if isinstance(on, Mesh):
        return _element_sobolev(values, on)
    if isinstance(on, PointCloud):
        raise InputError(
            "expected a Grid or a Mesh for an H1 norm, got a PointCloud, whose points have no "
            "neighbours; take L2 or interpolate to a grid"
        )
    if kind == "H1" and not all(on.periodic):
        return _root_mean(xp.stack([values, *gradient(values, on)]), on, (0, *axes))
    return _modal_sobolev(values, on, 1.0 if s is None else float(s))


def error(
    prediction: Array,
    truth: Array,
    on: Grid | Mesh | PointCloud,
    kind: Kind = "L2",
    s: float | None = None,
    relative: bool = True,
) -> Array:
    """The norm of prediction - truth, divided by the norm of the truth unless told otherwise.

    Both have the same shape (*leading, *on.shape); the result has shape (*leading). Where the
    truth is zero, the relative error is 0 for a prediction that is zero too and infinite for
    every other; its gradient in torch is zero there.

    >>> grid = Grid(((0.0, 1.0),), (9,))
    >>> round(float(error(1.5 * np.ones(9), np.ones(9), grid)), 12)
    0.5
    """
    prediction, truth = as_floating(prediction), as_floating(truth)
    if tuple(prediction.shape) != tuple(truth.shape):
        raise InputError(
            f"expected prediction and truth of one shape, got {tuple(prediction.shape)} and "
            f"{tuple(truth.shape)}; reshape one of them"
        )
    xp = namespace(prediction, truth)
    absolute = norm(prediction - truth, on, kind, s)
    if not relative:
        return absolute
    size = norm(truth, on, kind, s)
    zero, finite = size == 0, xp.isfinite(size)
    one, nan = xp.ones_like(size), xp.full_like(size, math.nan)
    # an infinite size (overflow, or a truth that is not finite) must not make an error of zero
    ratio = xp.where(finite, absolute / xp.where(finite & ~zero, size, one), nan)
    at_zero = xp.where(absolute > 0, math.inf * one, xp.where(xp.isnan(absolute), nan, 0 * one))
    return xp.where(zero, at_zero, ratio)


def energy_spectrum(values: Array, grid: Grid) -> tuple[Array, Array]:
    """Energy in shells of wave numbers: (k of shape (bins,), E of shape (*leading, bins)).

    Mode k falls into shell round(|k| / dk), where dk is the smallest wave number that fits all
    axes: 2 pi / L for the longest periodic axis (pi / L on an axis that is not, whose basis is
    cosines). k[b] = b dk. E is not a density: sum over the shells of E = mean of |u|^2 / 2.

    >>> grid = Grid(((0.0, 2 * np.pi),), (16,), periodic=True)
    >>> k, E = energy_spectrum(np.sin(3 * grid.axes[0]), grid)
    >>> float(k[3]), round(float(E[3]), 12)
    (3.0, 0.25)
    """
    values = on_points(values, grid.shape)
    if not grid.ndim:
        raise InputError("expected a grid with axes for a spectrum, got one without")
    xp = namespace(values)
    if xp.isdtype(values.dtype, "complex floating"):
        k, real = energy_spectrum(xp.real(values), grid)
        return k, real + energy_spectrum(xp.imag(values), grid)[1]
    modes = transform(values, grid)
    energies = xp.abs(modes) ** 2 * constant(_energy_of_a_mode, grid, like=xp.real(modes))
    flat = xp.reshape(energies, (*energies.shape[: -grid.ndim], -1))
    flat = xp.concat([flat, xp.zeros_like(flat[..., :1])], axis=-1)
    members = constant(_shells, grid, like=flat)
    gathered = xp.take(flat, xp.reshape(members, (-1,)), axis=-1)
    spectrum = xp.sum(xp.reshape(gathered, (*flat.shape[:-1], *members.shape)), axis=-1)
    return constant(_shell_wavenumbers, grid, like=flat), spectrum


def _check(on: Grid | Mesh | PointCloud, kind: str, s: float | None) -> None:
    if kind not in ("L1", "L2", "Linf", "H1", "Hs"):
        raise InputError(f"expected kind L1 | L2 | Linf | H1 | Hs, got {kind!r}")
    if (kind == "Hs") != (s is not None):
        raise InputError(f"expected s with kind 'Hs' and only there, got kind {kind!r}, s = {s}")
    if s is not None and not math.isfinite(s):
        raise InputError(f"expected a finite s, got {s}")
    if kind == "Hs" and not isinstance(on, Grid):
        raise InputError(
            f"expected a Grid for an Hs norm, got a {type(on).__name__}; interpolate to a grid"
        )


def _root_mean(values: Array, on: Grid | Mesh | PointCloud, axes: tuple[int, ...]) -> Array:
    """Square root of the weighted sum of squares."""
    xp = namespace(values)
    roots = constant(_weights, on, 0.5, like=xp.real(values))
    if roots.ndim == 0:  # one weight for all: scale the result, not the field
        return roots * xp.linalg.vector_norm(values, axis=axes)
    return xp.linalg.vector_norm(roots * values, axis=axes)


def _modal_sobolev(values: Array, grid: Grid, s: float) -> Array:
    xp, axes = namespace(values), tuple(range(-grid.ndim, 0))
    if xp.isdtype(values.dtype, "complex floating"):
        # the multiplier is even in k, so the cross terms of k and -k cancel
        values, axes = xp.stack([xp.real(values), xp.imag(values)]), (0, *axes)
    modes = transform(values, grid)
    multiplier = constant(_multiplier, grid, s, like=xp.real(modes))
    if xp.isdtype(modes.dtype, "complex floating"):  # twice as fast in torch as |modes|
        modes = xp.stack([xp.real(modes), xp.imag(modes)], axis=-grid.ndim - 1)
        axes = (*axes, -grid.ndim - 1)
    return xp.linalg.vector_norm(multiplier * modes, axis=axes)


def _element_sobolev(values: Array, mesh: Mesh) -> Array:
    """H1 by the gradients of the elements, with the lumped L2 part."""
    xp = namespace(values)
    parts = [constant(_weights, mesh, 0.5, like=xp.real(values)) * values]
    for block in range(len(mesh.element_gradients)):
        cells = constant(_cells, mesh, block, like=values)
        corners = xp.take(values, xp.reshape(cells, (-1,)), axis=-1)
        corners = xp.reshape(corners, (*values.shape[:-1], 1, *cells.shape))
        slopes = constant(_slopes, mesh, block, like=xp.real(values))
        slope = xp.sum(slopes * corners, axis=-1)
        parts.append(xp.reshape(slope, (*values.shape[:-1], -1)))
    return xp.linalg.vector_norm(xp.concat(parts, axis=-1), axis=-1)


def _weights(on: Grid | Mesh | PointCloud, power: float) -> np.ndarray:
    """Quadrature weights to a power; of no dimension where they are all the same."""
    weights = on.weights**power
    if isinstance(on, Grid) and all(wraps or on.centering == "cell" for wraps in on.periodic):
        return np.asarray(math.prod(on.spacing) ** power)
    return weights


def _multiplier(grid: Grid, s: float) -> np.ndarray:
    """Square root of V (1 + |k|^2)^s, for unscaled modes."""
    volume = math.prod(grid.lengths)
    return math.sqrt(volume) * scale(grid) * (1 + squared_wavenumbers(grid)) ** (s / 2)


def _energy_of_a_mode(grid: Grid) -> np.ndarray:
    return scale(grid) ** 2 / 2


def _cells(mesh: Mesh, block: int) -> np.ndarray:
    return mesh.element_gradients[block].cells


def _slopes(mesh: Mesh, block: int) -> np.ndarray:
    """(d, elements, corners): basis gradients times the square root of the volume."""
    elements = mesh.element_gradients[block]
    return np.moveaxis(elements.gradients, -1, 0) * np.sqrt(elements.volumes)[:, None]


def _shell_width(grid: Grid) -> float:
    return min(
        (2 if wraps else 1) * math.pi / length
        for length, wraps in zip(grid.lengths, grid.periodic, strict=True)
    )


def _shell_wavenumbers(grid: Grid) -> np.ndarray:
    return np.arange(len(_shells(grid))) * _shell_width(grid)


def _shells(grid: Grid) -> np.ndarray:
    """(shells, most members): flat places of the modes of each shell, padded with the number of
    modes, where a zero stands. A gather and a sum exist in every library; a scatter does not.
    """
    shell = np.rint(np.sqrt(squared_wavenumbers(grid)) / _shell_width(grid)).astype(np.int64)
    shell = shell.ravel()
    counts = np.bincount(shell)
    order = np.argsort(shell, kind="stable")
    first = np.cumsum(counts) - counts
    members = np.full((len(counts), counts.max()), shell.size)
    members[shell[order], np.arange(shell.size) - first[shell[order]]] = order
    return members
