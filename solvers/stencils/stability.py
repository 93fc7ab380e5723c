"""The largest stable step of a method for an equation, by von Neumann's analysis.

The equation is linearised at points of the state, its stencils become symbols, and the step is
the largest one for which no mode grows by more than the equation itself makes it grow; where the
equation makes modes grow, or a reaction changes a state that is the same everywhere, it is short
enough to follow them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ...geometry.grid import Grid
from ..tableaux import RungeKutta
from .equation import Equation
from .stencil import Stencil

POINTS = 16  # of the state, beside its extremes
ANGLES = 9  # wave numbers of each axis, from 0 to that of a sawtooth
RAYS = 48  # directions of the complex plane, of each of which the farthest eigenvalue is kept
FAST = 0.2  # of the largest |lambda|, beyond which a mode counts
GROWTH = 0.5  # of its logarithm, at most, by which a step lets a mode of the equation change
LEAST = 0.05  # a method that needs |h lambda| below it is unstable for what it is used for


def eigenvalues(
    equation: Equation,
    grid: Grid,
    stencils: Sequence[Stencil],
    state: np.ndarray,
    given: np.ndarray,
    parameters: Sequence[float],
) -> tuple[np.ndarray, float]:
    """Eigenvalues lambda that decide about stability, and the fastest change that a step must
    follow: Re lambda of a mode that grows, |lambda| of uniform modes. In 1 / time; inf where the
    rates overflow.

    state: (fields, *grid.shape); given: (coefficients, *grid.shape).
    """
    points = _points(state)
    values = _term_values(equation, grid, stencils, state, points)
    inputs = np.concatenate([state.reshape(len(state), -1)[:, points], values])
    slopes = _jacobians(
        equation, inputs, given.reshape(len(given), grid.size)[:, points], parameters
    )
    if not np.isfinite(slopes).all():
        return np.array([np.inf + 0j]), np.inf
    fields, found = len(equation.fields), []
    symbols = _symbols(stencils, grid.ndim)
    columns = [equation.fields.index(field) for field, _ in equation.terms]
    for jacobian in slopes:
        matrices = np.broadcast_to(
            jacobian[:, :fields].astype(complex), (symbols.shape[1], fields, fields)
        ).copy()
        for t, (column, symbol) in enumerate(zip(columns, symbols, strict=True)):
            matrices[:, :, column] += np.multiply.outer(symbol, jacobian[:, fields + t])
        found.append(np.linalg.eigvals(matrices).ravel())
    lambdas = _outermost(np.concatenate(found))
    uniform = np.linalg.eigvals(slopes[:, :, :fields])
    return lambdas, float(max(lambdas.real.max(), np.abs(uniform).max(), 0.0))


def largest_step(method: RungeKutta, lambdas: np.ndarray, change: float) -> float:
    """The largest h with |R(h lambda)| <= max(1, exp(h Re lambda)) and h change <= `GROWTH`.

    The second keeps the solution in sight where it changes by itself: without it, u' = u^2 would
    be stepped over its end. inf without a limit; 0.0 where there is no stable step worth the
    name, as for Euler's method and a wave.
    """
    return min(_stable_step(method, lambdas), GROWTH / change if change else np.inf)


def _stable_step(method: RungeKutta, lambdas: np.ndarray) -> float:
    size = np.abs(lambdas).max(initial=0.0)
    if size in (0, np.inf):
        return 0.0 if size else np.inf
    # How well the slow modes are followed is accuracy, not stability.
    lambdas = lambdas[np.abs(lambdas) > FAST * size]
    steps = np.geomspace(20.0, LEAST, 300) / size
    z = np.multiply.outer(steps, lambdas)
    with np.errstate(over="ignore"):
        stable = np.abs(method.growth(z)) <= np.maximum(1.0, np.exp(z.real)) + 1e-6
    return float(steps[stable.all(axis=1)].max(initial=0.0))


def transport_rate(
    equation: Equation, grid: Grid, state: np.ndarray, parameters: Sequence[float]
) -> float:
    """sum over the axes of the fastest wave's speed over the spacing, 1 / time."""
    rate = 0.0
    for speeds, h in zip(equation.speeds, grid.spacing, strict=False):
        low, high = speeds(*state.astype(float), *parameters)
        rate += max(float(np.max(-low)), float(np.max(high))) / h
    return rate


def _points(state: np.ndarray) -> np.ndarray:
    """Places of the extremes of each field, and some more, evenly spread."""
    flat = state.reshape(len(state), -1)
    spread = np.linspace(0, flat.shape[1] - 1, POINTS).astype(int)
    return np.unique(np.concatenate([flat.argmin(axis=1), flat.argmax(axis=1), spread]))


def _term_values(
    equation: Equation,
    grid: Grid,
    stencils: Sequence[Stencil],
    state: np.ndarray,
    points: np.ndarray,
) -> np.ndarray:
    """(terms, points); next to ends that are not periodic the nearest inner point is taken."""
    places = np.array(np.unravel_index(points, grid.shape))
    values = np.zeros((len(stencils), len(points)))
    for t, stencil in enumerate(stencils):
        field = state[equation.fields.index(equation.terms[t][0])]
        inner = places.copy()
        for axis, reach in enumerate(stencil.reach):
            if not grid.wraps[axis]:
                inner[axis] = inner[axis].clip(reach, grid.shape[axis] - 1 - reach)
        for offset, weight in zip(stencil.offsets, stencil.weights, strict=True):
            near = inner + np.array(offset)[:, None]
            values[t] += (
                weight * field[tuple(row % n for row, n in zip(near, grid.shape, strict=True))]
            )
    return values


def _jacobians(
    equation: Equation, inputs: np.ndarray, given: np.ndarray, parameters: Sequence[float]
) -> np.ndarray:
    """d rates / d (fields and terms) by central differences: (different ones, fields, inputs)."""
    found = []
    scale = np.maximum(np.abs(inputs).max(axis=1), 1e-3)
    for column, extra in zip(inputs.T, given.T, strict=True):
        rows = []
        for k, size in enumerate(scale):
            step = np.zeros(len(column))
            step[k] = 1e-6 * size
            after, before = (
                np.atleast_1d(equation.rates(*_arguments(equation, x, extra, parameters)))
                for x in (column + step, column - step)
            )
            rows.append((after - before) / (2 * step[k]))
        found.append(np.stack(rows, axis=-1))
    return np.unique(np.array(found), axis=0)


def _arguments(
    equation: Equation, column: np.ndarray, extra: np.ndarray, parameters: Sequence[float]
) -> list[float]:
    """What the rates are called with at a point; transport, whose limit is its own, is zero."""
    fields = len(equation.fields)
    still = [0.0] * (fields if equation.fluxes else 0)
    numbers = [float(value) for value in column]
    return [*numbers[:fields], *still, *numbers[fields:], *map(float, extra), *parameters]


def _symbols(stencils: Sequence[Stencil], ndim: int) -> np.ndarray:
    """(terms, modes) complex: what each stencil multiplies exp(i theta x / h) by."""
    angles = np.linspace(0, np.pi, ANGLES)
    theta = np.array(list(itertools.product(angles, repeat=ndim)))
    rows = [
        np.exp(1j * theta @ np.array(stencil.offsets).T) @ np.array(stencil.weights)
        for stencil in stencils
    ]
    return np.array(rows).reshape(len(stencils), len(theta))


def _outermost(lambdas: np.ndarray) -> np.ndarray:
    """The farthest of each direction, and the one that grows fastest."""
    rays = np.round(np.angle(lambdas) / (2 * np.pi) * RAYS).astype(int) % RAYS
    size, kept = np.abs(lambdas), [lambdas[lambdas.real.argmax()]]
    for ray in np.unique(rays):
        members = np.flatnonzero(rays == ray)
        kept.append(lambdas[members[size[members].argmax()]])
    return np.array(kept)
