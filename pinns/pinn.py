"""Train one network against one instance of an equation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..datasets.problem import Problem
from ..geometry.errors import InputError
from ..geometry.function import Function
from .config import PINNConfig
from .derivatives.readings import make_derivatives
from .fields import Field
from .objective import Objective
from .optimisers import FIRST_ORDER, SECOND_ORDER
from .optimisers.base import Optimiser
from .result import PINNResult
from .run import Progress, Run
from .samplers import SAMPLERS, Sampler, Sobol
from .statement import Statement, state_problem
from .weights import WEIGHTINGS, Weighting


def train(
    problem: Problem | Statement,
    inputs: Mapping[str, Any] | None = None,
    config: PINNConfig | None = None,
    output: Path | str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    *,
    reference: Function | None = None,
    boundary: Field | None = None,
    sampler: Sampler | None = None,
    weighting: Weighting | None = None,
    optimisers: Sequence[Optimiser] | None = None,
    network: nn.Module | None = None,
) -> PINNResult:
    """Train one PINN on one instance.

    problem: a `Problem` with `inputs` of one sample (see `state_problem`), or a `Statement`.
    output: a new folder for checkpoint, weights, config and history; resume: go on from the
    checkpoint there, with the same bits as a run that was not stopped.
    progress: called as progress(step, total, text) for every row of the history.
    reference: a Function on a grid of space-time; its relative L2 error becomes a column.
    boundary: Dirichlet values on open axes of a `Problem`.
    sampler, weighting, optimisers, network: objects in place of those that the config names, a
    weighting also in place of `term_weights`; a network maps points (n, coordinates) to
    (n, unknowns), and only what requires a gradient is trained.

    Raises InputError on bad options and inputs, a residual of another shape or not finite at the
    start, and an output folder that is in use. That training stops early is no exception: see
    `PINNResult.stop_reasons`.
    """
    config = config or PINNConfig()
    if isinstance(problem, Statement):
        if inputs is not None or boundary is not None:
            raise InputError(
                "expected no inputs and no boundary beside a Statement; it has its own"
            )
        statement = problem
    else:
        statement = state_problem(problem, inputs or {}, boundary)
    optimisers = optimisers or make_optimisers(config)
    sampler = sampler or SAMPLERS[config.sampler](config.seed)
    weighting = weighting or make_weighting(config, statement)
    folder = None if output is None else _folder(Path(output), resume)
    if resume and folder is None:
        raise InputError("expected an output folder to resume from, got none; name it")
    with _one_thread():
        run = Run(
            statement, config, sampler, weighting, optimisers, folder, reference, progress, network
        )
        check_found(run.objective)
        run.start(resume)
        run.run()
        result = run.result()
    if folder is not None:
        result.save(folder)
    return result


def check_found(objective: Objective) -> None:
    """Raise InputError for an unknown parameter that the equation does not read."""
    statement, field = objective.statement, objective.field
    if not field.trainable:
        return
    unit = Sobol(0).draw(16, len(statement.coordinates), None, statement.inside)
    points = statement.interior(unit).to(objective.dtype)
    read = make_derivatives("nested", field, statement.coordinates, statement.unknowns)
    residuals = read(points, field.equation)
    each = residuals if isinstance(residuals, tuple) else (residuals,)
    total = torch.stack([r.square().sum() for r in each]).sum()
    for name, module in field.trainable.items():
        slopes = torch.autograd.grad(
            total, list(module.parameters()), retain_graph=True, allow_unused=True
        )
        if all(slope is None for slope in slopes):
            raise InputError(
                f"expected unknown parameters that the equation reads, got '{name}', which is not "
                "in it"
            )


def make_weighting(config: PINNConfig, statement: Statement) -> Weighting:
    """The one that the config names. Raises InputError where it weighs a term that is not there."""
    terms = (statement.with_hard_initial() if config.hard_initial else statement).terms
    if strangers := [name for name in config.term_weights if name not in terms]:
        raise InputError(
            f"expected term_weights of {', '.join(terms)}, got {', '.join(strangers)}; conditions "
            "that are hard are no terms"
        )
    return WEIGHTINGS[config.weighting](weights=config.term_weights)


def make_optimisers(config: PINNConfig) -> tuple[Optimiser, Optimiser]:
    """The two that the config names, in their order."""
    options = {"memory": config.memory} if config.second == "lbfgs" else {}
    return (
        FIRST_ORDER[config.first](config.first_steps, config.rate, config.decay),
        SECOND_ORDER[config.second](config.second_steps, **options),
    )


def _folder(folder: Path, resume: bool) -> Path:
    if resume:
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"expected a folder at {folder}, cannot make it: {problem}") from None
    if any(not path.name.startswith(".") for path in folder.iterdir()):
        raise InputError(f"expected an empty folder, got {folder}; resume it or name another")
    return folder


@contextmanager
def _one_thread() -> Iterator[None]:
    """torch splits no operation: the tensors are small, and `Objective` has threads of its own."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
