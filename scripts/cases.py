"""What `sobolev benchmark` measures: a problem, its instances, and trained surrogates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sobolev.datasets.problem import Draw, Problem
from sobolev.datasets.registry import make_problem
from sobolev.datasets.ruler import Contestant, Inputs, answer_frames
from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid
from sobolev.scripts.pinn_instance import load_solution, pieces, spacetime


@dataclass(frozen=True)
class Case:
    """A problem, its instances, and the surrogates that claim to solve them."""

    problem: Problem
    draws: Sequence[Draw]
    grid: Grid
    surrogates: Sequence[Contestant]
    facts: Sequence[dict[str, Any]]


def operator_case(folders: Sequence[Path], seed: int, instances: int, finer: bool) -> Case:
    """The case of trained operators: fresh inputs, final states."""
    from sobolev.operators.surrogate import Surrogate

    bundles = [Surrogate.load(folder) for folder in folders]
    first = bundles[0]
    stated = {(b.problem, json.dumps(b.problem_config, sort_keys=True)) for b in bundles}
    if len(stated) > 1:
        raise InputError("expected surrogates of one problem; benchmark them one problem at a time")
    if seed in {b.data_seed for b in bundles}:
        raise InputError(
            f"seed {seed} made the training data; choose another --seed for the benchmark"
        )
    problem = make_problem(first.problem, first.problem_config).endpoints()
    draws = [problem.draw_sample(seed, i) for i in range(instances)]
    contestants, facts = [], []
    for folder, bundle in zip(folders, bundles, strict=True):
        name = folder.name
        contestants.append(_contestant(name, bundle, bundle.grid))
        if finer and bundle.any_grid:
            double = bundle.grid.with_shape(tuple(2 * n for n in bundle.grid.shape))
            contestants.append(_contestant(f"{name} at {double.shape[0]}", bundle, double))
        facts.append(bundle.facts() | {"name": name, "folder": str(folder)})
    return Case(problem, draws, first.grid, contestants, facts)


def _contestant(name: str, bundle: Any, grid: Grid) -> Contestant:
    def solve(inputs: Inputs) -> Function:
        return Function(bundle.predict(inputs, grid)[:, None], grid)

    return Contestant(name, "surrogate", grid, solve, bundle.data_seconds, bundle.training_seconds)


def pinn_case(folder: Path) -> Case:
    """The case of what `sobolev pinn` solved: its one instance, all frames after the first."""
    from sobolev.pinns.result import PINNResult, training_curves

    instance, problem, draw, result = load_solution(folder)
    grid = problem.grid(256)

    def solve(inputs: Inputs) -> Function:
        values = result.predict(spacetime(problem, grid))
        if len(problem.outputs) == 1 and len(problem.unknowns) > 1:
            values = values[0]
        elif len(problem.outputs) > 1:
            values = values[: len(problem.outputs)]
            values = np.moveaxis(values, 0, 1) if problem.times is not None else values
        return Function(answer_frames(problem, values[None]), grid)

    contestant = Contestant(
        folder.name, "surrogate", grid, solve, per_instance_seconds=result.seconds
    )
    facts = {
        "name": folder.name, "folder": str(folder), "model": instance.method,
        "command": instance.command,
        "parameters": sum(p.numel() for p in result.field.parameters()),
    }  # fmt: skip
    trained = [one for one in pieces(result) if isinstance(one, PINNResult)]
    if trained:
        curves = {
            name: [float(v) if np.isfinite(v) else None for v in values]
            for name, values in training_curves(trained).items()
        }
        reasons = [reason for one in trained for reason in one.stop_reasons]
        facts |= {"log": curves, "stop_reasons": reasons}
    return Case(problem, [draw], grid, [contestant], [facts])
