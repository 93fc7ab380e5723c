"""A cube of a two-phase composite that changes step by step: the family where recycling is at home.

Linear elasticity on n^3 trilinear bricks, clamped at x = 0, pulled down at x = 1; each brick is
stiff or soft, by the sign of a Gaussian field that drifts slowly, as designs and microstructures
do from step to step. Three dimensions and three unknowns a node make factors dear, the contrast
and the bending make algebraic multigrid slow, and neighbours in the sequence are alike.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.sparse as sparse

from sobolev.datasets.random_fields import GaussianField
from sobolev.geometry.grid import Grid

CUBE = ((0.0, 1.0),) * 3
POISSON_RATIO, CONTRAST, LIKENESS = 0.3, 1e3, 0.99


def systems(
    count: int, n: int, seed: int = 0
) -> list[tuple[sparse.csr_array, np.ndarray, np.ndarray]]:
    """(A, b, stiffness of the bricks) of `count` steps."""
    grid = Grid(CUBE, (n, n, n), centering="cell")
    law = GaussianField(CUBE, alpha=3.0, tau=8.0, modes=24, constant_mode=False)
    generator = np.random.default_rng(seed)
    xi = law.draw(generator)
    result = []
    for _ in range(count):
        stiffness = np.where(law.evaluate(xi, grid) > 0, 1.0, 1.0 / CONTRAST)
        result.append((assemble(stiffness), load(n), stiffness.ravel()))
        xi = LIKENESS * xi + np.sqrt(1 - LIKENESS**2) * law.draw(generator)
    return result


def load(n: int) -> np.ndarray:
    """A unit force downwards, spread over the nodes at x = 1."""
    force = np.zeros((n + 1,) * 3 + (3,))
    force[-1, :, :, 2] = -1.0 / (n + 1) ** 2
    return force[1:].ravel()


def rigid_motions(n: int) -> np.ndarray:
    """Translations and rotations of the free nodes, (3 n (n+1)^2, 6)."""
    axes = [np.linspace(0.0, 1.0, n + 1)] * 3
    x, y, z = (c[1:].ravel() for c in np.meshgrid(*axes, indexing="ij"))
    zero, one = np.zeros_like(x), np.ones_like(x)
    motions = [
        (one, zero, zero), (zero, one, zero), (zero, zero, one),
        (-y, x, zero), (zero, -z, y), (z, zero, -x),
    ]  # fmt: skip
    return np.stack([np.stack(motion, axis=1).ravel() for motion in motions], axis=1)


def assemble(stiffness: np.ndarray) -> sparse.csr_array:
    """The stiffness matrix of the free nodes for Young's moduli (n, n, n) of the bricks."""
    indices, indptr, places, brick = _pattern(stiffness.shape[0])
    weights = np.multiply.outer(_brick_matrix(stiffness.shape[0]).ravel(), stiffness.ravel())
    data = np.bincount(places, weights.ravel()[brick], minlength=indices.size)
    size = indptr.size - 1
    return sparse.csr_array((data, indices, indptr), shape=(size, size))


@lru_cache(maxsize=2)
def _pattern(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """CSR pattern; and for each entry of the bricks' matrices between free nodes its place there
    and its number. Unknown 3 node + direction, nodes in C order without those at x = 0."""
    node = np.arange((n + 1) ** 3).reshape((n + 1,) * 3) - (n + 1) ** 2
    corners = [node[i : n + i, j : n + j, k : n + k].ravel() for i, j, k in np.ndindex(2, 2, 2)]
    unknowns = np.concatenate([3 * corner[None] + np.arange(3)[:, None] for corner in corners])
    rows = np.repeat(unknowns, 24, axis=0).ravel()
    columns = np.tile(unknowns, (24, 1)).ravel()
    kept = np.flatnonzero((rows >= 0) & (columns >= 0))
    size = 3 * n * (n + 1) ** 2
    ones = sparse.coo_array((np.ones(kept.size), (rows[kept], columns[kept])), shape=(size, size))
    pattern = sparse.csr_array(ones)
    pattern.sum_duplicates()
    pattern.sort_indices()
    keys = np.repeat(np.arange(size, dtype=np.int64), np.diff(pattern.indptr)) * size
    keys += pattern.indices
    places = np.searchsorted(keys, rows[kept].astype(np.int64) * size + columns[kept])
    return pattern.indices, pattern.indptr, places, kept


@lru_cache(maxsize=2)
def _brick_matrix(n: int) -> np.ndarray:
    """(24, 24), Young's modulus 1: corners in C order, three directions each."""
    import skfem
    from skfem.models.elasticity import lame_parameters, linear_elasticity

    ends = np.array([0.0, 1.0 / n])
    basis = skfem.Basis(
        skfem.MeshHex.init_tensor(ends, ends, ends), skfem.ElementVector(skfem.ElementHex1())
    )
    K = linear_elasticity(*lame_parameters(1.0, POISSON_RATIO)).assemble(basis).toarray()
    corner = np.rint(basis.doflocs * n).astype(int)
    direction = np.empty(24, dtype=int)
    for d, dofs in enumerate(basis.split_indices()):
        direction[dofs] = d
    order = np.lexsort((direction, corner[2], corner[1], corner[0]))
    return K[np.ix_(order, order)]
