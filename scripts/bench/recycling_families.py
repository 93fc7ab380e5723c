"""The families that `recycling.py` runs on, and the published speed-ups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import recycling_elasticity
from recycling_methods import Job

from sobolev.datasets.published import grids, skr
from sobolev.geometry.grid import Grid
from sobolev.solvers.diffusion import DiffusionOperator
from sobolev.solvers.krylov.gmres import gmres
from sobolev.solvers.transforms import FastTransform

# Time / iterations, by preconditioner, at the tolerance of each family.
_NAMES = ("none", "jacobi", "bjacobi", "sor", "asm", "icc", "ilu")
_TABLE = {
    "darcy": "2.70/19.1 3.09/22.9 4.00/27.5 3.54/27.5 4.53/25.8 4.11/18.9 3.70/17.2",
    "thermal": "5.47/24.9 2.93/12.8 3.05/11.7 2.62/10.2 3.14/11.7 3.08/11.7 3.01/11.7",
    "poisson": "1.27/4.69 1.28/4.68 1.13/3.87 1.19/4.05 1.46/3.93 .99/3.92 .98/3.92",
    "helmholtz": "6.47/13.7 7.96/18.1 11.3/26.2 10.6/25.9 13.9/30.0 6.72/29.3 6.34/28.0",
}
PUBLISHED = {
    f"{family}-{name}": figure
    for family, figures in _TABLE.items()
    for name, figure in zip(_NAMES, figures.split(), strict=True)
}


@dataclass(frozen=True)
class Family:
    """make: (count, size or None) -> systems and what sorts them; small: a size for warming up;
    definite: whether all matrices are symmetric and positive definite."""

    name: str
    rtol: float
    small: int
    definite: bool
    make: Callable[[int, int | None], tuple[list[Job], np.ndarray]]

    def jobs(self, count: int, size: int | None) -> tuple[list[Job], np.ndarray]:
        return self.make(count, size)


def _published(name: str, special: Callable[[np.ndarray], Any] | None, small: int) -> Family:
    family = skr.FAMILIES[name]

    def make(count: int, size: int | None) -> tuple[list[Job], np.ndarray]:
        systems = list(family.systems(count, size))
        jobs = [
            Job(A, b, family.rtol, special(parameters) if special else None)
            for A, b, parameters in systems
        ]
        return jobs, np.stack([system.parameters for system in systems])

    return Family(name, family.rtol, small, special is None, make)


def _scaled_transform(parameters: np.ndarray) -> Callable[[Job], tuple[np.ndarray, int]]:
    """The published grid matrices are nearly -h^2 Lap(a u): GMRES with (-Lap)^-1, divided by a."""
    s = round(parameters.size**0.5)
    inner = parameters.reshape(s, s)[1:-1, 1:-1].ravel()
    grid = Grid(grids.SQUARE, (s, s))

    def solve(job: Job) -> tuple[np.ndarray, int]:
        transform = FastTransform(grid)
        result = gmres(job.A, job.b, M=lambda r: (transform @ r) / inner, rtol=job.rtol)
        return result.x, result.products

    return solve


def _darcy_volumes(count: int, size: int | None) -> tuple[list[Job], np.ndarray]:
    """-div(a grad u) = 1 by finite volumes, a the field of the published family on cells."""
    from sobolev.solvers.elliptic import solve_diffusion

    n, rtol = size or 80, 1e-8
    grid = Grid(grids.SQUARE, (n, n), centering="cell")
    fields = [
        parameters.reshape(n, n) for _, _, parameters in skr.FAMILIES["darcy"].systems(count, n)
    ]

    def multigrid(a: np.ndarray) -> Callable[[Job], tuple[np.ndarray, int]]:
        def solve(job: Job) -> tuple[np.ndarray, int]:
            solution = solve_diffusion(a[None], 1.0, grid, rtol=job.rtol)
            return solution.fields.ravel(), int(solution.iterations[0])

        return solve

    jobs = [
        Job(DiffusionOperator(a, grid).to_csr(), np.ones(a.size), rtol, multigrid(a))
        for a in fields
    ]
    return jobs, np.stack([a.ravel() for a in fields])


def _elasticity(count: int, size: int | None) -> tuple[list[Job], np.ndarray]:
    n = size or 32
    systems = recycling_elasticity.systems(count, n)
    motions = recycling_elasticity.rigid_motions(n)
    jobs = [Job(A, b, 1e-8, near_kernel=motions) for A, b, _ in systems]
    return jobs, np.stack([stiffness for _, _, stiffness in systems])


FAMILIES = {
    family.name: family
    for family in (
        _published("darcy", _scaled_transform, 24),
        _published("helmholtz", _scaled_transform, 24),
        _published("thermal", None, 12),
        _published("poisson", None, 16),
        Family("darcy-fv", 1e-8, 24, True, _darcy_volumes),
        Family("elasticity", 1e-8, 4, True, _elasticity),
    )
}
