"""Sparse polynomials of many variables: products of Legendre polynomials over a lower set.

A set of multi-indices is lower where it holds, with k, all that are nowhere larger. To its n
products belong n nodes, one an index, at which values fix the polynomial; nodes of a subset stay.
An operator along one axis is triangular in the degree there, and never leaves the set.

Chkifa, Cohen & Schwab, High-dimensional adaptive sparse polynomial interpolation, Found. Comput.
Math. 14 (2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy.sparse
from numpy.polynomial import legendre

from ...geometry.errors import InputError
from ..kernels import CONTRACT, kernel, wide_vectors

HIGHEST = 63  # degree along an axis
BLOCK = 128  # points at a time


@dataclass(frozen=True)
class AxisTables:
    """One axis on [-1, 1] up to degree n - 1; polynomials p_k = sqrt(2 k + 1) P_k.

    points      (n,) a Leja sequence of Chebyshev points that begins with 0
    surplus     (n, n), lower: values at the points to coefficients in Newton's basis
    legendre    (n, n), upper: those to coefficients of p_k
    curvature   (n, n), upper: coefficients to those of the second derivative
    """

    points: np.ndarray
    surplus: np.ndarray
    legendre: np.ndarray
    curvature: np.ndarray


@lru_cache(maxsize=1)
def axis_tables() -> AxisTables:
    n = HIGHEST + 1
    points = leja(n)
    gauss, weights = legendre.leggauss(n)
    spread = (weights / 2)[:, None] * vandermonde(gauss, n)
    curvature = np.zeros((n, n))
    scale = np.sqrt(2 * np.arange(n) + 1)
    for k in range(2, n):
        curvature[: k - 1, k] = legendre.legder(np.eye(n)[k, : k + 1], 2) * scale[k]
    return AxisTables(
        points,
        np.tril(np.linalg.inv(np.tril(_newton(points, points)))),
        np.triu(spread.T @ _newton(points, gauss)),
        curvature / scale[:, None],
    )


def leja(n: int) -> np.ndarray:
    """Each point is where the product of distances to those before is largest; 0, 1 and -1 first.

    >>> leja(5).round(3).tolist()
    [0.0, 1.0, -1.0, 0.577, -0.659]
    """
    choice = np.sin(np.pi / 2 * np.arange(-2048, 2049) / 2048)
    found = [0.0, 1.0, -1.0]
    product = np.abs(choice * (choice**2 - 1))
    while len(found) < n:
        found.append(float(choice[-1 - np.argmax(product[::-1])]))
        product *= np.abs(choice - found[-1])
    return np.array(found[:n])


def vandermonde(x: np.ndarray, n: int) -> np.ndarray:
    """(m, n): p_0 to p_(n-1) at x, (m,); their mean squares over [-1, 1] are one."""
    return np.asarray(legendre.legvander(x, n - 1) * np.sqrt(2 * np.arange(n) + 1))


def _newton(points: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Products of x - x_j over j < k, one at x_k."""
    result = np.ones((len(x), len(points)))
    for k in range(1, len(points)):
        before = points[:k]
        result[:, k] = np.prod((x[:, None] - before) / (points[k] - before), axis=1)
    return result


class LowerSet:
    """The smallest lower set that holds the given multi-indices, and what acts on its polynomials.

    indices: (n, d) integers from 0 to 63; of the set, ascending, in the order of coefficients.

    >>> LowerSet(np.array([[2, 0], [1, 1]])).indices.tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0]]
    """

    def __init__(self, indices: np.ndarray) -> None:
        if indices.max() > HIGHEST:
            raise InputError(
                f"expected a solution that degree {HIGHEST} along an axis resolves, got degree "
                f"{indices.max()}; a smaller box or a larger tolerance helps"
            )
        self._keys = _closed(indices)
        self.indices = _indices(self._keys).astype(np.int64)
        self.size, self.ndim = self.indices.shape

    @property
    def nodes(self) -> np.ndarray:
        """(n, d) in [-1, 1]."""
        return axis_tables().points[self.indices]

    def places(self, indices: np.ndarray) -> np.ndarray:
        """Where indices of the set, (m, d), have their coefficients."""
        return np.searchsorted(self._keys, _keys(indices))

    def feet(self, axis: int) -> np.ndarray:
        """(n,) places of the indices with degree 0 along the axis and the same along others."""
        result = np.empty(self.size, dtype=np.int64)
        high, low = self._pairs[axis]
        down = self.indices[low, axis] == 0
        result[high[down]] = low[down]
        return result

    def along(self, table: np.ndarray, axis: int) -> scipy.sparse.csr_array:
        """(n, n): a triangular table along one axis."""
        high, low = self._pairs[axis]
        if np.any(np.triu(table, 1)):
            high, low = low, high
        values = table[self.indices[high, axis], self.indices[low, axis]]
        here = values != 0
        places = (high[here], low[here])
        return scipy.sparse.csr_array((values[here], places), shape=(self.size, self.size))

    def fit(self, values: np.ndarray) -> np.ndarray:
        """Coefficients (n, ...) of the polynomials with values (n, ...) at the nodes."""
        for table in (axis_tables().surplus, axis_tables().legendre):
            for axis in range(self.ndim):
                values = self.along(table, axis) @ values
        return values

    def evaluate(self, coefficients: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Values (r, m) of coefficients (r, n) at points (m, d) in [-1, 1]."""
        degrees = int(self.indices.max()) + 1
        factors = np.concatenate([vandermonde(one, degrees).T for one in x.T])
        active = self.indices > 0
        last = self.ndim - 1 - np.argmax(active[:, ::-1], axis=1)
        own = last * degrees + self.indices[np.arange(self.size), last]
        result = np.empty((len(coefficients), len(x)))
        _sum_products(active.sum(axis=1), own, factors, np.ascontiguousarray(coefficients), result)
        return result

    @cached_property
    def _pairs(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [self._find_pairs(axis) for axis in range(self.ndim)]

    def _find_pairs(self, axis: int) -> tuple[np.ndarray, np.ndarray]:
        """Places of all k and j with j_axis <= k_axis that are the same along other axes."""
        has = np.flatnonzero(self.indices[:, axis])
        lower = self.indices[has]
        lower[:, axis] -= 1
        below = np.full(self.size, -1)
        below[has] = self.places(lower)
        high = low = np.arange(self.size)
        found = []
        while len(high):
            found.append((high, low))
            low = below[low]
            high, low = high[low >= 0], low[low >= 0]
        return np.concatenate([a for a, _ in found]), np.concatenate([b for _, b in found])


@kernel(CONTRACT)
def _sum_products(depths, factor, factors, coefficients, result):
    """Values of products at points, which ascending indices list like a tree.

    depths      (n,) number of factors; all but the last are those of the latest product with
                one fewer
    factor      (n,) row of the last one in factors, (rows, m)
    """
    wide_vectors()
    block = np.zeros((factors.shape[0], BLOCK))
    products = np.ones((depths.max() + 1, BLOCK))
    sums = np.empty((result.shape[0], BLOCK))
    for start in range(0, factors.shape[1], BLOCK):
        width = min(BLOCK, factors.shape[1] - start)
        sums[:] = 0.0
        for row in range(factors.shape[0]):
            for i in range(width):
                block[row, i] = factors[row, start + i]
        for term in range(len(depths)):
            depth, row = depths[term], factor[term]
            if depth > 0:
                for i in range(BLOCK):
                    products[depth, i] = products[depth - 1, i] * block[row, i]
            for r in range(result.shape[0]):
                c = coefficients[r, term]
                for i in range(BLOCK):
                    sums[r, i] += c * products[depth, i]
        for r in range(result.shape[0]):
            for i in range(width):
                result[r, start + i] = sums[r, i]


def grown(indices: np.ndarray) -> np.ndarray:
    """Indices with the next and the one after along every axis.

    Two steps, because an even function has no coefficients of odd degree.
    """
    indices = indices.astype(np.uint8)
    units = np.eye(indices.shape[1], dtype=np.uint8)
    steps = np.concatenate([0 * units[:1], units, 2 * units])
    return (indices[:, None] + steps).reshape(-1, indices.shape[1])


def _closed(indices: np.ndarray) -> np.ndarray:
    """Sorted keys of the smallest lower set around them."""
    known = fresh = np.unique(_keys(indices))
    while len(fresh):
        each = _indices(fresh)
        units = np.eye(each.shape[1], dtype=np.uint8)
        below = [each[each[:, axis] > 0] - unit for axis, unit in enumerate(units)]
        fresh = np.setdiff1d(_keys(np.concatenate(below)), known)
        known = np.union1d(known, fresh)
    return known


def _keys(indices: np.ndarray) -> np.ndarray:
    """Multi-indices as strings of bytes, which sort and compare as one."""
    return np.ascontiguousarray(indices, dtype=np.uint8).view(f"S{indices.shape[1]}").ravel()


def _indices(keys: np.ndarray) -> np.ndarray:
    return keys.view(np.uint8).reshape(len(keys), -1)
