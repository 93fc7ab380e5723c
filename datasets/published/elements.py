"""The published Thermal and Poisson families: -Lap u = f by quadratic triangles.

Quadratic elements are what the published generator's mesh tool takes unless told otherwise. It
meshes without structure; here the triangles halve rectangles, with as many unknowns. All samples
share the matrix, and their right-hand sides are combinations of few columns: as many solves as
there are columns (2 and 30) give the whole data set.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np
from scipy.sparse import csr_array

SERIES = 6  # coefficients of a Chebyshev series of degree 5


@lru_cache(maxsize=2)
def thermal(size: int) -> tuple[csr_array, np.ndarray]:
    """(A, columns for the flux into the right edge and for the temperature of the left one).

    The rectangle [-.5, .5] x [-.8, .8] without the slot [-.05, .05] x [-.4, .4], conductivity 1,
    about `size` cells a unit of length; all other edges are insulated.
    """
    import skfem

    x = _lines((-0.5, -0.05, 0.05, 0.5), size)
    y = _lines((-0.8, -0.4, 0.4, 0.8), size)
    mesh = skfem.MeshTri.init_tensor(x, y)
    middle = mesh.p[:, mesh.t].mean(axis=1)
    slot = (np.abs(middle[0]) < 0.05) & (np.abs(middle[1]) < 0.4)
    mesh = mesh.remove_elements(np.flatnonzero(slot))
    basis = skfem.Basis(mesh, skfem.ElementTriP2())
    edge = mesh.facets_satisfying(lambda x: np.isclose(x[0], 0.5), boundaries_only=True)
    right = skfem.FacetBasis(mesh, basis.elem, facets=edge)
    flux = skfem.LinearForm(lambda v, w: v).assemble(right)
    left = np.isclose(basis.doflocs[0], -0.5)
    return _condensed(basis, flux[:, None], left, np.ones((int(left.sum()), 1)))


@lru_cache(maxsize=2)
def poisson(size: int) -> tuple[csr_array, np.ndarray]:
    """(A, columns for the coefficients of f and of the values on the four edges, `SERIES` each).

    The unit square, size x size cells. Every series is one in x, on the upright edges too, whose
    values are therefore constant; x runs through [0, 1] of the series' [-1, 1]. Edges go round
    from the lower one against the clock, and a later one wins at its corners.
    """
    import skfem

    line = np.linspace(0.0, 1.0, size + 1)
    basis = skfem.Basis(skfem.MeshTri.init_tensor(line, line), skfem.ElementTriP2())
    loads = [_chebyshev_load(basis, k) for k in range(SERIES)]
    x, y = basis.doflocs
    edges = (np.isclose(y, 0.0), np.isclose(x, 1.0), np.isclose(y, 1.0), np.isclose(x, 0.0))
    fixed = np.logical_or.reduce(edges)
    series = np.polynomial.chebyshev.chebvander(x, SERIES - 1)
    values = np.zeros((basis.N, len(edges) * SERIES))
    for number, edge in enumerate(edges):
        values[edge] = 0.0
        values[edge, number * SERIES : (number + 1) * SERIES] = series[edge]
    return _condensed(basis, np.stack(loads, axis=1), fixed, values[fixed])


def _lines(corners: tuple[float, ...], size: int) -> np.ndarray:
    """Grid lines through all corners, at most 1 / size apart."""
    parts = [
        np.linspace(left, right, ceil((right - left) * size - 1e-9) + 1)
        for left, right in pairwise(corners)
    ]
    return np.unique(np.concatenate(parts).round(12))


def _chebyshev_load(basis: Any, k: int) -> np.ndarray:
    import skfem

    polynomial = np.polynomial.Chebyshev.basis(k)
    return np.asarray(skfem.LinearForm(lambda v, w: polynomial(w.x[0]) * v).assemble(basis))


def _condensed(
    basis: Any, loads: np.ndarray, fixed: np.ndarray, values: np.ndarray
) -> tuple[csr_array, np.ndarray]:
    """Stiffness of the free unknowns; columns of the loads, then of the fixed values."""
    import skfem

    stiffness = skfem.BilinearForm(lambda u, v, w: sum(u.grad[i] * v.grad[i] for i in range(2)))
    A = csr_array(stiffness.assemble(basis))
    free = np.flatnonzero(~fixed)
    inner = csr_array(A[free])
    lifted = -(inner[:, np.flatnonzero(fixed)] @ values)
    K = csr_array(inner[:, free])
    K.sum_duplicates()
    K.sort_indices()
    columns = np.hstack([loads[free], lifted])
    columns.setflags(write=False)  # shared by all samples, as K is
    return K, columns
