"""Windows and options that solve the cases of `pinns.cases` accurately: `RECIPES`."""

from __future__ import annotations

from dataclasses import dataclass

from .result import RandomFeatureConfig


@dataclass(frozen=True)
class Recipe:
    """windows: in time, 0 for a steady case. accuracy: relative L2 error that it stays below."""

    windows: int
    config: RandomFeatureConfig
    accuracy: float


RECIPES: dict[str, Recipe] = {
    "burgers": Recipe(10, RandomFeatureConfig(patches=8, tolerance=1e-6), 1e-8),
    "allen_cahn": Recipe(10, RandomFeatureConfig(patches=8, tolerance=1e-5), 3e-6),
    "kdv": Recipe(20, RandomFeatureConfig(patches=12, tolerance=1e-5), 1e-6),
    "helmholtz": Recipe(0, RandomFeatureConfig(patches=(2, 4), refinements=0), 1e-9),
    "convection": Recipe(8, RandomFeatureConfig(patches=4), 1e-8),
    "convection_30": Recipe(5, RandomFeatureConfig(patches=4), 1e-8),
    "poisson_10d": Recipe(
        0, RandomFeatureConfig(features=1000, frequency=0.5, patches=1, refinements=0), 2e-3
    ),
    "waves": Recipe(0, RandomFeatureConfig(features=80, patches=3), 1e-9),
}
