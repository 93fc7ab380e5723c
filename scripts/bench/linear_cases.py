"""The systems that `linear.py` times: what is solved, not how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from sobolev.datasets.problems.darcy import Darcy
from sobolev.datasets.random_fields import GaussianField
from sobolev.geometry.grid import Grid
from sobolev.solvers.diffusion import DiffusionOperator


@dataclass(frozen=True)
class System:
    """One system. Ours are timed from `operator()`, which builds it from its coefficients; peers
    are handed the assembled matrix, whose making is not counted."""

    number: int
    operator: Callable[[], Any]
    A: Any
    b: np.ndarray


@dataclass(frozen=True)
class Case:
    """kind: what the methods' table asks for; make: number of a sample -> its system."""

    name: str
    kind: str
    make: Callable[[int], System]
    quick: bool = False
    rtol: float = 1e-8

    def system(self, number: int) -> System:
        return self.make(number)


def _system(number: int, operator: Callable[[], Any], b: np.ndarray) -> System:
    return System(number, operator, operator().to_csr(), b)


@lru_cache(maxsize=4)
def _darcy(coefficient: str, n: int, number: int) -> System:
    problem = Darcy(coefficient)  # type: ignore[arg-type]
    grid = problem.grid(n)
    a = problem.evaluate(problem.draw_sample(0, number), grid)["a"]
    return _system(number, lambda: DiffusionOperator(a, grid), np.ones(grid.size))


CUBE = ((0.0, 1.0),) * 3


@cache
def _field(modes: int) -> GaussianField:
    return GaussianField(CUBE, alpha=2.0, tau=3.0, modes=modes)


@lru_cache(maxsize=4)
def _diffusion3d(n: int, number: int) -> System:
    """Two phases, 12 and 3, as in `darcy`."""
    grid = Grid(CUBE, (n, n, n), centering="cell")
    g = _field(48).evaluate(_field(48).draw(np.random.default_rng([0, number])), grid)
    a = np.where(g > 0, 12.0, 3.0)
    return _system(number, lambda: DiffusionOperator(a, grid), np.ones(grid.size))


def _diffusion(name: str, quick: bool, n: int) -> Case:
    coefficient = {"darcy": "threshold", "lognormal": "lognormal"}[name]
    return Case(f"{name}-{n}", "diffusion", lambda i: _darcy(coefficient, n, i), quick)


CASES = {
    case.name: case
    for case in (
        _diffusion("darcy", True, 64),
        _diffusion("darcy", False, 128),
        _diffusion("darcy", False, 256),
        _diffusion("darcy", False, 421),
        _diffusion("lognormal", True, 64),
        _diffusion("lognormal", False, 128),
        _diffusion("lognormal", False, 256),
        Case("diffusion3d-48", "diffusion3d", lambda i: _diffusion3d(48, i)),
        Case("diffusion3d-64", "diffusion3d", lambda i: _diffusion3d(64, i)),
    )
}
