"""The systems that `linear.py` times: what is solved, not how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from sobolev.datasets.problems.darcy import Darcy
from sobolev.datasets.problems.helmholtz import Helmholtz
from sobolev.datasets.problems.poisson import Poisson
from sobolev.datasets.random_fields import GaussianField
from sobolev.geometry.grid import Grid
from sobolev.solvers.convection_diffusion import ConvectionDiffusionOperator, stream_velocity
from sobolev.solvers.diffusion import DiffusionOperator
from sobolev.solvers.helmholtz import HelmholtzOperator

DEFINITE = ("diffusion", "poisson3d", "diffusion3d")
SYMMETRIC = (*DEFINITE, "helmholtz")
ALL = (*SYMMETRIC, "convection_diffusion")
SQUARE, CUBE = ((0.0, 1.0),) * 2, ((0.0, 1.0),) * 3


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


@lru_cache(maxsize=4)
def _poisson3d(n: int, number: int) -> System:
    """A constant coefficient, which is nothing that peers are told."""
    problem = Poisson(3)
    grid = problem.grid(n)
    f = problem.evaluate(problem.draw_sample(0, number), grid)["f"]
    return _system(number, lambda: DiffusionOperator(np.ones(grid.shape), grid), f.ravel())


@lru_cache(maxsize=4)
def _helmholtz(omega: float, n: int, number: int) -> System:
    problem = Helmholtz(omega)
    grid = problem.grid(n)
    k2 = (omega / problem.evaluate(problem.draw_sample(0, number), grid)["c"]) ** 2
    x, y = grid.coordinates()
    b = problem.source(x, y, problem.constants()["f"])
    return _system(number, lambda: HelmholtzOperator(k2, grid), b.ravel())


@lru_cache(maxsize=4)
def _convection_diffusion(n: int, number: int) -> System:
    """A smooth closed random flow of root mean square speed one, diffusivity .01, f = 1."""
    law = GaussianField(SQUARE, alpha=3.0, tau=3.0, boundary="dirichlet", modes=32)
    psi = law.evaluate(law.draw(np.random.default_rng([0, number])), Grid(SQUARE, (n + 1, n + 1)))
    grid = Grid(SQUARE, (n, n), centering="cell")
    v = stream_velocity(psi, grid)
    speed = np.sqrt(np.mean(v[0] ** 2) + np.mean(v[1] ** 2))
    flow = (v[0] / speed, v[1] / speed)
    return _system(
        number, lambda: ConvectionDiffusionOperator(0.01, flow, grid), np.ones(grid.size)
    )


def _diffusion(name: str, quick: bool, n: int) -> Case:
    coefficient = {"darcy": "threshold", "lognormal": "lognormal"}[name]
    return Case(f"{name}-{n}", "diffusion", lambda i: _darcy(coefficient, n, i), quick)


def _waves(name: str, omega: float, n: int, quick: bool = False) -> Case:
    return Case(f"helmholtz-{name}", "helmholtz", lambda i: _helmholtz(omega, n, i), quick)


def _flow(n: int, quick: bool = False) -> Case:
    make = lambda i: _convection_diffusion(n, i)  # noqa: E731
    return Case(f"convection_diffusion-{n}", "convection_diffusion", make, quick)


def _omega(n: int, points: float) -> float:
    """The angular frequency (speed one) with so many points a wavelength on n cells."""
    return 2 * np.pi * n / points


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
        Case("diffusion3d-16", "diffusion3d", lambda i: _diffusion3d(16, i), quick=True),
        Case("diffusion3d-48", "diffusion3d", lambda i: _diffusion3d(48, i)),
        Case("diffusion3d-64", "diffusion3d", lambda i: _diffusion3d(64, i)),
        Case("poisson3d-16", "poisson3d", lambda i: _poisson3d(16, i), quick=True),
        Case("poisson3d-48", "poisson3d", lambda i: _poisson3d(48, i)),
        _waves("64-k20", 20.0, 64, quick=True),
        _waves("128-k20", 20.0, 128),
        _waves("255-k20", 20.0, 255),
        _waves("128-12points", _omega(128, 12), 128),
        _waves("256-12points", _omega(256, 12), 256),
        _flow(64, quick=True),
        _flow(128),
        _flow(256),
    )
}
