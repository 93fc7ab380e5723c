"""Windows and options that solve the cases of `pinns.cases` accurately: `RECIPES`."""

from __future__ import annotations

from dataclasses import dataclass

from ..statement import Statement
from ..windows import WindowedResult, solve_windows
from .result import RandomFeatureConfig, RandomFeatureResult
from .solver import solve


@dataclass(frozen=True)
class Recipe:
    """windows: in time, 0 for none. accuracy: relative L2 error that it stays below."""

    windows: int
    config: RandomFeatureConfig
    accuracy: float

    def solve(
        self, statement: Statement
    ) -> RandomFeatureResult | WindowedResult[RandomFeatureResult]:
        """Both have `error`, `seconds` and `field`."""
        if self.windows:
            return solve_windows(statement, self.windows, self.config)
        return solve(statement, self.config)


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
    "regression": Recipe(0, RandomFeatureConfig(features=200, patches=3), 3e-13),
    "decay": Recipe(0, RandomFeatureConfig(features=200, patches=3), 1e-13),
    "waves": Recipe(0, RandomFeatureConfig(features=80, patches=3), 1e-9),
}
