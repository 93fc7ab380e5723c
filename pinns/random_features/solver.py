"""Random features against an equation: Newton's method, and patches cut where they are too few."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ...geometry.errors import InputError
from ..conditions import Periodic
from ..statement import Statement
from .basis import Basis
from .elimination import solve_slabs
from .patches import TENSOR, Patches, gauss
from .result import RandomFeatureConfig, RandomFeatureField, RandomFeatureResult
from .system import System

CONVERGED = "step below tolerance"
STALLED = "no further decrease"
ITERATIONS = "maximum iterations"

Guess = Callable[[Tensor], Tensor]
"""Points (n, coordinates) to values (n, unknowns)."""


def solve(
    statement: Statement,
    config: RandomFeatureConfig | None = None,
    *,
    patches: Patches | None = None,
    guess: Guess | None = None,
) -> RandomFeatureResult:
    """Solve an equation by least squares in a basis of random features.

    A frozen random layer in every patch of the box, joined across the planes between them, is
    collocated with the equation and its conditions (random feature method, Chen, Chi, E & Yang
    2022; local extreme learning machines, Dong & Li 2021). What is left of the equation says which
    patches are too large: these are cut, `config.refinements` times at most. A nonlinear equation
    is solved by Newton's method with a line search. Conditions that are hard are fitted too.

    patches: to start from, instead of those of the config; guess: where Newton begins.

    In more than four coordinates points are a Sobol sequence, and there is one patch.

    Raises InputError for unknown parameters (`trainable`), which are for `inverse`, and where the
    equation is not finite at the start. That the tolerance is missed is no exception: see `misfit`
    and `stop_reason` of the result.
    """
    config = config or RandomFeatureConfig()
    if statement.trainable:
        raise InputError(
            "expected a statement without unknown parameters, got "
            f"{', '.join(statement.trainable)}; random features solve for the unknowns alone"
        )
    began = time.perf_counter()
    dimension = len(statement.coordinates)
    if dimension > TENSOR and (patches or config.patches != 1 or config.refinements):
        raise InputError(
            f"expected patches=1 and refinements=0 in {dimension} coordinates, got "
            f"{config.patches} and {config.refinements}; cutting all of them leaves too many pieces"
        )
    basis = basis_of(statement, config)
    patches = patches or first_patches(statement, config)
    for left in range(config.refinements, -1, -1):
        system = System(statement, basis, patches, config.ratio)
        c, reason, steps, parts = newton(system, config, start(system, guess))
        field = RandomFeatureField(basis, patches, c)
        misfits = np.sqrt(parts) / max(float(c.square().mean().sqrt()), 1e-300)
        if misfits.max() <= config.tolerance or not left:
            break
        patches, guess = refine(system, c, misfits > config.tolerance), field
    return RandomFeatureResult(
        field, statement, config, float(misfits.max()), reason, steps, time.perf_counter() - began
    )


def basis_of(statement: Statement, config: RandomFeatureConfig) -> Basis:
    """The random layer of a config."""
    return Basis(
        len(statement.coordinates), config.features, config.frequency, config.feature,
        config.cutoff, config.seed,
    )  # fmt: skip


def first_patches(statement: Statement, config: RandomFeatureConfig) -> Patches:
    """The patches of a config."""
    counts = config.patches
    if isinstance(counts, int):
        counts = tuple(1 if name == "t" else counts for name in statement.coordinates)
    repeats = {c.coordinate for c in statement.conditions if isinstance(c, Periodic)}
    periodic = [name in repeats for name in statement.coordinates]
    return Patches.even(statement.extent, counts, periodic)


def start(system: System, guess: Guess | None) -> Tensor:
    """Coefficients that fit a guess at the collocation points; 0 without one."""
    count, unknowns, size = system.shape
    if guess is None:
        return torch.zeros(count, unknowns, size, dtype=torch.float64)
    with torch.no_grad():
        values = guess(system.patches.points(system.cells).flatten(0, 1)).view(count, -1, unknowns)
    fit = torch.linalg.pinv(system.basis.values(system.cells))
    return torch.einsum("kn,pnu->puk", fit, values)


def newton(
    system: System, config: RandomFeatureConfig, c: Tensor
) -> tuple[Tensor, str, int, np.ndarray]:
    """Coefficients, why it stopped, steps, and each patch's mean square of weighted rows."""
    for step in range(1, config.steps + 1):
        slabs, weights = system.slabs(c)
        length, parts = system.misfit(c, weights)
        if not np.isfinite(length):
            raise InputError(
                f"expected a finite residual, got {length}; check the equation and its inputs"
            )
        change = system.unpack(solve_slabs(slabs))
        factor, found, new, new_parts = 1.0, np.inf, c, parts
        while factor > 1e-3 and not found <= (1.0 - 1e-4 * factor) * length:
            new = c + factor * change
            found, new_parts = system.misfit(new, weights)
            factor /= 2
        if not found < length:
            return c, STALLED, step, parts
        length_of_step = float((new - c).abs().max() / new.abs().max().clamp(min=1e-300))
        c = new
        # Newton squares its error: after so small a step the next one is rounding.
        if length_of_step < config.step_tolerance:
            return c, CONVERGED, step, new_parts
        if found > 0.5 * length and step > 1:
            return c, STALLED, step, new_parts
    return c, ITERATIONS, config.steps, new_parts


def refine(system: System, c: Tensor, bad: np.ndarray) -> Patches:
    """Cut the patches that are `bad`, each along the axis on which its solution is roughest."""
    patches, each = system.patches, system.each
    dimension = len(patches.edges)
    at_cells = torch.einsum("nk,puk->pun", system.basis.values(system.cells), c)
    values = at_cells.view(*c.shape[:2], *[each] * dimension).numpy()
    transform = np.linalg.inv(np.polynomial.legendre.legvander(gauss(each).numpy(), each - 1))
    tails = []
    for axis in range(dimension):
        modes = np.moveaxis(np.moveaxis(values, 2 + axis, -1) @ transform.T, -1, 0)
        tails.append(
            np.square(modes[2 * each // 3 :]).sum(axis=0).reshape(len(bad), -1).sum(axis=1)
        )
    roughest = np.argmax(tails, axis=0)
    chosen = [np.zeros(n, dtype=bool) for n in patches.shape]
    for patch in np.flatnonzero(bad):
        axis = roughest[patch]
        chosen[axis][patches.places[patch, axis]] = True
    return patches.split(chosen)
