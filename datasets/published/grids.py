"""The published Darcy and Helmholtz matrices on a grid, with their oddities kept.

With the field a on s x s points, row (i, j) of the matrix on the inner points is

    4 a(i, j) u(i, j) - a(i-1, j-2) u(i-1, j) - a(i+1, j) u(i+1, j)
                      - a(i, j-1) u(i, j-1) - a(i, j+1) u(i, j+1) = h^2 (f + k^2 u(i, j))

which is not -div(a grad u): but for the next point it is -h^2 Lap(a u), and so not symmetric.
The coefficient of the neighbour in the row above is read two places too early (in C order of
that row's inner points, so that its first two come from the row before it). h = 1 / (s - 3)
where the inner points would want 1 / (s - 1). A field of s x s points is called s^2 unknowns in
the tables, and there are (s - 2)^2.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse

from ...geometry.grid import Grid
from ..random_fields import GaussianField

SQUARE = ((0.0, 1.0), (0.0, 1.0))
ALPHA, TAU = 2.5, 7.0


def draw_field(size: int, generator: np.random.Generator) -> np.ndarray:
    """exp of the periodic Gaussian field N(0, tau^3 (-Lap + tau^2)^-2.5), no mean; (size, size)."""
    law = GaussianField(
        SQUARE, ALPHA, TAU, TAU ** (ALPHA - 1), "periodic", modes=size // 2, constant_mode=False
    )
    grid = Grid(SQUARE, (size, size), periodic=True)
    return np.exp(law.evaluate(law.draw(generator), grid))


def build(field: np.ndarray, wavenumber: float = 0.0) -> tuple[sparse.csr_array, np.ndarray]:
    """Matrix and right-hand side (f = 1) on the inner points of a field (s, s), in C order."""
    m = field.shape[0] - 2
    h2 = 1.0 / (m - 1) ** 2
    left, right = field[1:-1, :-2].copy(), field[1:-1, 2:].copy()
    left[:, 0] = right[:, -1] = 0.0
    above = field[:-2, 1:-1].ravel()[m - 2 : -2]
    diagonals = [
        4.0 * field[1:-1, 1:-1].ravel() - h2 * wavenumber**2,
        -left.ravel()[1:],
        -right.ravel()[:-1],
        -above,
        -field[2:, 1:-1].ravel()[:-m],
    ]
    A = sparse.diags_array(diagonals, offsets=[0, -1, 1, -m, m], shape=(m * m, m * m), format="csr")
    A.eliminate_zeros()
    A.sort_indices()
    return A, np.full(m * m, h2)
