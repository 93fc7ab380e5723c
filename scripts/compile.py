"""Compile the kernels of every problem, so that no first use waits: `make setup` runs this.

Run as `python -m sobolev.scripts.compile [PROBLEM...]`.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Literal

from sobolev.datasets.evolution import EvolutionProblem
from sobolev.datasets.problem import Fidelity
from sobolev.datasets.registry import make_problem, problems
from sobolev.scripts.common import guarded

RESOLUTION, TOLERANCE = 16, 1e-3  # small: compiling is what takes time
WORKERS = 2
Precision = Literal["float32", "float64"]


def compile_kernels(name: str) -> None:
    """Solve one sample and then two, which some engines lay out in another way."""
    problem = make_problem(name).endpoints()
    if isinstance(problem, EvolutionProblem):
        problem = dataclasses.replace(problem, horizon=problem.horizon / 100)
    fidelity = Fidelity(RESOLUTION, TOLERANCE)
    draws = [problem.draw_sample(0, sample) for sample in range(2)]
    for chosen in (draws[:1], draws):
        problem.solve_draws(chosen, problem.grid(RESOLUTION), fidelity, threads=1)


def compile_training(precision: Precision) -> None:
    """Train a network against an equation for three steps."""
    from sobolev.pinns.cases import CASES
    from sobolev.pinns.pinn import train

    case = CASES["burgers"]
    config = dataclasses.replace(
        case.recipe, width=8, depth=2, points=64, first_steps=1, second="ssbroyden",
        second_steps=3, precision=precision,
    )  # fmt: skip
    train(case.statement(), config=config)


def compile_sparse() -> None:
    """Solve an equation in one dimension by sparse polynomials."""
    from sobolev.solvers.chebyshev.sparse import solve_sparse

    solve_sparse(lambda x: 0 * x[:, 0], lambda x: x[:, 0], ((0.0, 1.0),), TOLERANCE)


def main(argv: Sequence[str]) -> int:
    """All problems, or those that are named. One that fails, for want of an optional package
    perhaps, is told on standard error and compiles on its first use; the others go on.
    """
    names = list(argv) or problems.names()
    workers = min(WORKERS, os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        started = {pool.submit(compile_kernels, name): name for name in names}
        if not argv:
            started[pool.submit(compile_sparse)] = "sparse polynomials"
            precisions: tuple[Precision, ...] = ("float64", "float32")
            for precision in precisions:
                started[pool.submit(compile_training, precision)] = f"pinn in {precision}"
        for future in as_completed(started):
            if (error := future.exception()) is not None:
                print(f"{started[future]}: not compiled yet: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(guarded("sobolev.scripts.compile", main, sys.argv[1:]))
