"""The four families of "Accelerating Data Generation for Neural Operators via Krylov Subspace
Recycling" (Wang et al., ICLR 2024, arXiv 2401.09516), from its generator's formulas.

    family     the paper                          what the generator solves
    darcy      -div(K grad h) = f                 nearly -Lap(K h) = 1, see `grid_systems`
    helmholtz  Lap u + k^2 u = 0, k a field       the same matrix minus h^2 k^2, k one number < 1
    thermal    Lap T = 0 between two edges        one matrix, 2 numbers in the right-hand side
    poisson    Lap u = f, Chebyshev data          one matrix, 30 numbers in the right-hand side

The last two are finite elements (`elements`), and their matrix is the same for every sample.

>>> A, b, parameters = next(FAMILIES["darcy"].systems(1, size=10))
>>> A.shape, b.shape, parameters.shape
((64, 64), (64,), (100,))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ...geometry.errors import InputError
from . import elements, grids


class System(NamedTuple):
    """A x = b, and the parameters (flat) whose distance sorts the sequence."""

    A: csr_array
    b: np.ndarray
    parameters: np.ndarray


@dataclass(frozen=True)
class Family:
    """One family of the paper.

    size: of the main experiment, in the family's own measure (`measure`); label: the number of
    unknowns that the paper's table names; rtol: its tolerance there.
    """

    name: str
    make: Callable[[int, np.random.Generator], System]
    size: int
    measure: str
    label: int
    rtol: float

    def systems(self, count: int, size: int | None = None, seed: int = 0) -> Iterator[System]:
        """The first `count` systems; number i of a seed is the same whatever the count.

        Raises InputError for a size below 4, a negative count or a negative seed.
        """
        size = self.size if size is None else size
        if size < 4 or count < 0 or seed < 0:
            raise InputError(
                "expected a size of at least 4, a count and a seed of at least 0, "
                f"got {size}, {count} and {seed}"
            )
        return (
            self.make(size, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i,))))
            for i in range(count)
        )


def _darcy(size: int, generator: np.random.Generator) -> System:
    field = grids.draw_field(size, generator)
    return System(*grids.build(field), field.ravel())


def _helmholtz(size: int, generator: np.random.Generator) -> System:
    field = grids.draw_field(size, generator)
    return System(*grids.build(field, wavenumber=generator.uniform(0.0, 1.0)), field.ravel())


def _thermal(size: int, generator: np.random.Generator) -> System:
    """Flux -100 U(0, 1) into the right edge, the left one at 100 U(0, 1) degrees."""
    parameters = np.array([-100.0, 100.0]) * generator.uniform(0.0, 1.0, 2)
    A, columns = elements.thermal(size)
    return System(A, columns @ parameters, parameters)


def _poisson(size: int, generator: np.random.Generator) -> System:
    """f and the values on the four edges: Chebyshev series of degree 5, coefficients U(-1, 1)."""
    parameters = generator.uniform(-1.0, 1.0, 5 * elements.SERIES)
    A, columns = elements.poisson(size)
    return System(A, columns @ parameters, parameters)


FAMILIES = {
    family.name: family
    for family in (
        Family("darcy", _darcy, 80, "points of the field an axis", 6400, 1e-8),
        Family("helmholtz", _helmholtz, 100, "points of the field an axis", 10000, 1e-7),
        Family("thermal", _thermal, 42, "cells a unit of length", 11063, 1e-11),
        Family("poisson", _poisson, 134, "cells an axis", 71313, 1e-5),
    )
}
