"""Matrices that the tests of preconditioners share."""

import numpy as np
import scipy.sparse as sparse

from sobolev.geometry.grid import Grid
from sobolev.solvers.diffusion import DiffusionOperator


def random_matrix(n, kind=float, seed=0, density=0.1):
    """A sparse matrix with a strong diagonal; the pattern depends on the seed, not the kind."""
    rng = np.random.default_rng(seed)
    pattern = rng.random((n, n)) < density
    values = rng.normal(size=(n, n)).astype(kind)
    if kind is complex:
        values += 1j * rng.normal(size=(n, n))
    dense = np.where(pattern, values, 0) * (1 - np.eye(n))
    return sparse.csr_array(dense + np.diag(1.1 * np.abs(dense).sum(axis=1) + 0.1))


def definite_matrix(n, kind=float, seed=0, density=0.05):
    """Hermitian positive definite, sparse, not diagonally dominant."""
    B = random_matrix(n, kind, seed, density).toarray()
    B -= 0.5 * np.diag(np.diag(B))
    return sparse.csr_array(B @ B.conj().T)


def diffusion(shape, seed=0, constant=False):
    """The five-point operator with a cell-wise lognormal or constant coefficient."""
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), shape, centering="cell")
    a = np.ones(shape) if constant else np.exp(np.random.default_rng(seed).normal(size=shape))
    return DiffusionOperator(a, grid)
