"""What is checked and built once for all samples of a call of `integrate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..tableaux import RUNGE_KUTTA, RungeKutta
from .boundary import Boundary, closures, sponge
from .equation import Equation
from .faces import FLUXES
from .reconstruction import REACH
from .slab import Engine, Plan, Shape3
from .source import compiled_update
from .stability import eigenvalues, largest_step, transport_rate

CACHE = 16 << 20  # bytes: several steps a pass over rows pay when a flat state leaves this cache
LONG_ROW = 256  # cells: shorter rows cost more to begin than they save

Parameters = Mapping[str, float | np.ndarray]


@dataclass(frozen=True)
class Job:
    """Everything that the samples share, checked."""

    equation: Equation
    grid: Grid
    engine: Engine
    method: RungeKutta
    scheme: str
    order: int
    u0: np.ndarray
    """(batch, fields, *grid.shape)"""
    bare: bool
    """Without the axis of fields."""
    times: np.ndarray
    parameters: np.ndarray
    """(batch, count)"""
    given: np.ndarray
    """(batch or 1, coefficients, *grid.shape)"""
    sigma: np.ndarray | None
    rest: np.ndarray
    dt: float | None
    max_steps: int

    def stiffness(self, sample: int, state: np.ndarray) -> tuple[float, float]:
        """The limit of the step without transport at a state (fields, *grid.shape), and the
        fastest change that it must follow, 1 / time."""
        stencils = self.equation.stencils(self.grid, self.order)
        given = self.given[min(sample, len(self.given) - 1)]
        lambdas, change = eigenvalues(
            self.equation, self.grid, stencils, state.astype(float), given,
            [float(value) for value in self.parameters[sample]],
        )  # fmt: skip
        if self.sigma is not None:
            lambdas = np.append(lambdas, lambdas - self.sigma.max())
        return largest_step(self.method, lambdas, change), change

    def limit(self, sample: int, state: np.ndarray, stiffness: float) -> float:
        """The limit with the transport of the state; half of it where fields must stay positive.

        Then no cell gives away more than it has in a step of the nearest-cell fluxes.
        """
        numbers = [float(value) for value in self.parameters[sample]]
        rate = transport_rate(self.equation, self.grid, state, numbers)
        rate *= 2 if self.equation.positive else 1
        if np.isfinite(stiffness):
            return stiffness / (1 + stiffness * rate)
        return 1 / rate if rate else np.inf


def prepared(
    equation: Equation,
    u0: np.ndarray,
    times: np.ndarray,
    grid: Grid,
    parameters: Parameters,
    coefficients: Parameters,
    boundary: Boundary,
    dt: float | None,
    order: int,
    scheme: str,
    dtype: np.dtype,
    max_steps: int,
    reconstruction: str = "weno5",
    flux: str = "split",
    threads: int = 1,
) -> Job:
    """The arguments of `integrate`, checked; `InputError` on what does not fit."""
    u0, bare = _check_u0(equation, u0, grid)
    times = np.asarray(times, dtype=np.float64)
    if times.ndim != 1 or len(times) < 2 or not np.all(np.diff(times) > 0):
        raise InputError("expected at least two increasing times, the first that of u0")
    if dt is not None and not 0 < dt < np.inf:
        raise InputError(f"expected a positive dt, got {dt}")
    if scheme not in RUNGE_KUTTA:
        raise InputError(f"expected a scheme of {sorted(RUNGE_KUTTA)}, got {scheme!r}")
    if dtype not in (np.float32, np.float64):
        raise InputError(f"expected float32 or float64, got {dtype}")
    if reconstruction not in REACH:
        raise InputError(f"expected a reconstruction of {sorted(REACH)}, got {reconstruction!r}")
    if flux not in FLUXES:
        raise InputError(f"expected a flux of {sorted(FLUXES)}, got {flux!r}")
    if equation.fluxes and len(equation.fluxes) != grid.ndim:
        raise InputError(
            f"expected {len(equation.fluxes)} dimensions for {equation.name}, got {grid.ndim}"
        )
    batch = len(u0)
    numbers = _named(parameters, equation.parameters, (batch,), ())
    fields = _named(coefficients, equation.coefficients, (batch, *grid.shape), grid.shape)
    given = np.stack(fields, axis=1) if fields else np.zeros((1, 0, *grid.shape))
    sigma, rest = sponge(boundary, grid, equation.fields) or (None, np.zeros(0))
    engine = _engine(
        equation, grid, boundary, order, RUNGE_KUTTA[scheme], dtype, sigma is not None,
        reconstruction, flux, threads > batch, batch,
    )  # fmt: skip
    return Job(
        equation, grid, engine, RUNGE_KUTTA[scheme], scheme, order, u0, bare, times,
        np.stack(numbers, axis=-1) if numbers else np.zeros((batch, 0)), given,
        sigma, rest, dt, max_steps,
    )  # fmt: skip


def _engine(
    equation: Equation,
    grid: Grid,
    boundary: Boundary,
    order: int,
    method: RungeKutta,
    dtype: np.dtype,
    damped: bool,
    reconstruction: str,
    flux: str,
    cut: bool,
    batch: int,
) -> Engine:
    stencils = equation.stencils(grid, order)
    axes = _axes(grid, len(equation.fields) * dtype.itemsize, cut)
    faces = REACH[reconstruction] if equation.fluxes else 0

    def spread(row: tuple[int, ...], rest: int) -> Shape3:
        result = [rest] * 3
        for axis, entry in zip(axes, row, strict=True):
            result[axis] = entry
        return (result[0], result[1], result[2])

    reach = tuple(
        max([faces, *(stencil.reach[axis] for stencil in stencils)]) for axis in range(grid.ndim)
    )
    for name, n, r in zip(grid.names, grid.shape, reach, strict=True):
        if n < max(2 * r, r + order, 4):
            raise InputError(
                f"expected at least {max(2 * r, r + order, 4)} points on {name} for order {order},"
                f" got {n}; refine the grid"
            )
    offsets = tuple(tuple(spread(o, 0) for o in stencil.offsets) for stencil in stencils)
    # A pass holds as many steps as the rings of a few planes, or rows, stay in cache for.
    most = 1 if len(method.stages) > 1 else (2 if not spread(reach, 0)[0] else 6 - grid.ndim)
    counts = [steps for steps in (most, 2, 1) if steps <= most]
    plans = [Plan.of(method, steps, dtype) for steps in dict.fromkeys(counts)]
    return Engine(
        compiled_update(equation, offsets, axes, reconstruction, flux, damped, dtype),
        spread(grid.shape, 1),
        spread(reach, 0),
        axes[0] == 0 and grid.wraps[0],
        1 in axes and grid.wraps[axes.index(1)],
        plans,
        closures(boundary, grid, equation.fields, axes, reach, order, batch),
        np.concatenate([equation.weights(grid, order), 1 / np.array(grid.spacing)]).astype(dtype),
        len(equation.fields),
        dtype,
    )


def _axes(grid: Grid, cell: int, cut: bool) -> tuple[int, ...]:
    """Where each axis of the grid is among the engine's three.

    cell: bytes of all fields in one; cut: into slabs along the first axis. In two dimensions the
    engine walks from row to row where that is asked for, or where a state leaves the cache; else a
    field is one plane, which saves the beginning of rows. The bits are the same.
    """
    if grid.ndim > 3:
        raise InputError(f"expected one to three dimensions, got {grid.ndim}")
    long = grid.size * cell > CACHE and grid.shape[1] >= LONG_ROW
    if grid.ndim == 2 and (cut or long):
        return (0, 2)
    return tuple(range(3 - grid.ndim, 3))


def _check_u0(equation: Equation, u0: np.ndarray, grid: Grid) -> tuple[np.ndarray, bool]:
    u0 = np.asarray(u0, dtype=np.float64)
    fields = len(equation.fields)
    bare = fields == 1 and u0.ndim == grid.ndim + 1
    if bare:
        u0 = u0[:, None]
    if u0.shape[1:] != (fields, *grid.shape) or not len(u0):
        raise InputError(
            f"expected u0 of shape (batch, {fields}, {str(grid.shape)[1:-1]}), got {u0.shape}"
        )
    return u0, bare


def _named(
    values: Parameters, names: tuple[str, ...], full: tuple[int, ...], one: tuple[int, ...]
) -> list[np.ndarray]:
    """Arrays of shape `full` in the order of the names; each is given as that or as `one`."""
    if set(values) != set(names):
        raise InputError(f"expected values for {names}, got {tuple(values)}")
    found = []
    for name in names:
        value = np.asarray(values[name], dtype=np.float64)
        if value.shape not in (full, one) or not np.all(np.isfinite(value)):
            raise InputError(
                f"expected finite {name} of shape {one} or {full}, got shape {value.shape}"
            )
        found.append(np.broadcast_to(value, full))
    return found
