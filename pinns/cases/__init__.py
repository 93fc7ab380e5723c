"""Equations with known solutions, on which methods are measured: `CASES`.

Each is a short statement, a reference, a recipe and the accuracy that methods are held to.
"""

from __future__ import annotations

import math

import numpy as np

from ...geometry.grid import Grid
from ...geometry.points import PointCloud
from .case import Case, recipe
from .evolution import (
    allen_cahn,
    allen_cahn_solution,
    burgers,
    burgers_spectral,
    cole_hopf,
    convection,
    convection_solution,
    convection_spectral,
    kdv,
    kdv_solution,
    spacetime,
)
from .stages import (
    decay,
    decay_integrated,
    decay_solution,
    regression,
    regression_chebyshev,
    regression_solution,
)
from .steady import (
    helmholtz,
    helmholtz_chebyshev,
    helmholtz_solution,
    poisson,
    poisson_solution,
    poisson_sparse,
    waves,
)

SPACETIME, TURN = spacetime(101, 256), spacetime(101, 256, 0.0, 2.0 * math.pi)

CASES: dict[str, Case] = {
    "burgers": Case(
        burgers, SPACETIME, lambda on: cole_hopf(*on.axes),
        # Steps on the same points fit the front to these, and its place drifts.
        recipe(harmonics=3, refresh_every=5, second_steps=400), 1e-6, burgers_spectral,
    ),
    "allen_cahn": Case(
        allen_cahn, spacetime(101, 512), allen_cahn_solution,
        recipe(harmonics=3, second_steps=400), 1e-5, allen_cahn_solution,
    ),
    "kdv": Case(
        kdv, spacetime(101, 128), kdv_solution,
        recipe(depth=2, harmonics=3, points=3000, second_steps=150), 1e-5, kdv_solution, windows=6,
    ),
    "helmholtz": Case(
        helmholtz, Grid(((-1.0, 1.0),) * 2, (101, 101), names=("x", "y")), helmholtz_solution,
        recipe(points=4000, second_steps=400), 1e-6, helmholtz_chebyshev, "Chebyshev",
    ),
    "convection": Case(
        # Softly: a window that adds to the last one's end would keep that one's short waves.
        lambda: convection(50.0, hard=False), TURN, lambda on: convection_solution(on, 50.0),
        recipe(
            width=14, depth=2, activation="sin", points=600, initial_points=100, second_steps=150
        ),
        1e-4, lambda on, tolerance: convection_spectral(on, tolerance, 50.0), windows=8,
    ),
    "convection_30": Case(
        lambda: convection(30.0), TURN, lambda on: convection_solution(on, 30.0),
        recipe(points=4000), 1e-4,
    ),
    "poisson_10d": Case(
        poisson, PointCloud(np.random.default_rng(0).random((10_000, 10))), poisson_solution,
        recipe(width=30, depth=2, points=2000, second_steps=150), 1e-4,
        poisson_sparse, "sparse polynomials",
    ),
    "regression": Case(
        regression, Grid(((-1.0, 1.0),), (1001,)), regression_solution,
        recipe(
            width=30, depth=2, points=2500, chunk=4096, activation="sin", second_steps=200,
            refresh_every=15,
        ),
        1e-14, regression_chebyshev, "Chebyshev", stages=3,
    ),
    "decay": Case(
        decay, Grid(((0.0, 1.0),), (1001,), names=("t",)), decay_solution,
        recipe(depth=2, points=1000, chunk=4096, second_steps=100, refresh_every=15),
        1e-12, decay_integrated, "DOP853", stages=3,
    ),
    "waves": Case(
        waves, Grid(((0.0, 1.0),), (401,)), lambda on: np.sin(4.0 * np.pi * on.axes[0]),
        recipe(points=200, boundary_points=2, second_steps=100), 1e-6,
    ),
}  # fmt: skip

__all__ = ["CASES", "Case"]
