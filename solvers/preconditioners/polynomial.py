"""Polynomials of a symmetric (Hermitian) positive definite matrix as its approximate inverse.

Made for Krylov methods and for gradient methods (`solvers.krylov.gradient`): no triangular
solves, products with A alone, so that a matrix-free A will do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ..csr import UnusableMatrix
from ..krylov.lanczos import spectral_bounds
from ..krylov.result import Operator, as_product
from ..reading import check_count

DEFINITE = "polynomials are for symmetric positive definite matrices"


class Chebyshev:
    """Chebyshev iteration of a given degree on A z = r from zero: z = p(M A) M r.

    |1 - t p(t)| is the least possible over bounds = (low, high), an interval that holds the
    spectrum of M A up to its lower end: below `low` p is positive too, so that only `high` must
    hold. Estimated by `steps` Lanczos steps if None; a smoother takes (high / 30, high). M: a
    preconditioner inside, symmetric positive definite; Jacobi, say. degree - 1 products an
    application. Saad, Iterative Methods for Sparse Linear Systems (2003), Algorithm 12.1.

    Raises `InputError` on a degree or steps below one and on an empty matrix, `UnusableMatrix`
    where the bounds, given or found, are not 0 < low < high.

    >>> A = np.diag(np.linspace(1.0, 9.0, 5))
    >>> M = Chebyshev(A, degree=12, bounds=(1.0, 9.0))
    >>> bool(np.abs(M @ (A @ np.ones(5)) - 1).max() < 1e-3)
    True
    """

    def __init__(
        self,
        A: Operator,
        degree: int = 8,
        M: Operator | None = None,
        bounds: tuple[float, float] | None = None,
        steps: int = 20,
    ) -> None:
        check_count("degree", degree)
        check_count("steps", steps)
        self.degree, self._M, self._given, self._steps = degree, M, bounds, steps
        self.update(A)

    def update(self, A: Operator) -> None:
        """Take another matrix; bounds are estimated anew unless they were given."""
        self.shape, self.dtype = _shape(A), getattr(A, "dtype", np.dtype(np.float64))
        self.bounds = self._given or spectral_bounds(A, self.shape[0], self._M, self._steps)
        low, high = self.bounds
        if not 0 < low < high:
            raise UnusableMatrix(f"spectrum in {self.bounds}, not positive", DEFINITE)
        self._product = as_product(A)
        self._inner = (lambda r: r) if self._M is None else as_product(self._M)

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        if np.shape(r) != self.shape[:1]:
            raise InputError(f"expected a vector of length {self.shape[0]}, got {np.shape(r)}")
        low, high = self.bounds
        theta, delta = (high + low) / 2, (high - low) / 2  # 1
        sigma = theta / delta
        rho = 1 / sigma
        d = self._inner(r) / theta  # 2
        z = d
        for _ in range(self.degree - 1):
            r = r - self._product(d)  # 4
            old, rho = rho, 1 / (2 * sigma - rho)  # 5
            d = rho * old * d + (2 * rho / delta) * self._inner(r)  # 6
            z = z + d  # 3
        return z

    matvec = __matmul__


class SymmetricPolynomial:
    """The symmetric polynomial preconditioner P_degree of Doikov & Rodomanov, divided by a number.

    With eigenvalues l_1..l_n of A, P_t has the eigenvectors of A and, for the i-th, the t-th
    elementary symmetric polynomial of the others: P_0 = 1, P_1 = tr(A) - A, and in general
    P_t = (1/t) sum_i (-1)^(i-1) P_(t-i) U_i with U_i = tr(A^i) - A^i. P_t cuts
    the gaps between the t highest eigenvalues of A: made for a few eigenvalues far above the
    rest, as in data and kernel matrices. The matrix of a diffusion problem has no such gaps, and
    gains nothing.

    Applied without the U_i: P_t = e_t - A P_(t-1), with the elementary symmetric polynomials e_t
    of the whole spectrum, which Newton's identities give from the power sums tr(A^i). `degree`
    products an application. Nikita Doikov, Anton Rodomanov, Polynomial Preconditioning for
    Gradient Methods, ICML 2023, https://arxiv.org/abs/2301.13194.

    power_sums: (degree,) of A, for an A whose entries are not at hand; else computed by
    `power_sums`. Raises `InputError` on a degree below one or not below n and on power sums of
    another number, `UnusableMatrix` on those that no positive spectrum can have.

    >>> A = np.diag([1000.0, 1.0, 2.0, 3.0])
    >>> eigenvalues = np.diag(SymmetricPolynomial(A, 1) @ A)
    >>> bool(eigenvalues.max() / eigenvalues.min() < 6)
    True
    """

    def __init__(self, A: Operator, degree: int = 1, power_sums: np.ndarray | None = None) -> None:
        self.degree, self._given = degree, power_sums
        self.update(A)

    def update(self, A: Operator) -> None:
        """Take another matrix; its power sums are computed unless they were given."""
        self.shape, self.dtype = _shape(A), getattr(A, "dtype", np.dtype(np.float64))
        n = self.shape[0]
        if not 1 <= self.degree < n:
            raise InputError(f"expected a degree from 1 to {n - 1}, got {self.degree}")
        sums = power_sums(A, self.degree) if self._given is None else np.asarray(self._given)
        if sums.shape != (self.degree,):
            raise InputError(f"expected {self.degree} power sums, got shape {sums.shape}")
        self.elementary = elementary_symmetric(sums, n)
        if not np.all(self.elementary > 0):
            raise UnusableMatrix(f"power sums {sums}, of no positive spectrum", DEFINITE)
        # e_(t-1) / e_t, of the spectrum divided by its mean: all of the size of t / n.
        self._ratios = self.elementary[:-1] / self.elementary[1:] * (n / float(sums[0]))
        self._product = as_product(A)

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        z = r
        for ratio in self._ratios:
            z = r - ratio * self._product(z)
        return z

    matvec = __matmul__


def power_sums(A: Operator, degree: int) -> np.ndarray:
    """tr(A), tr(A^2), ..., tr(A^degree) of a symmetric (Hermitian) matrix, exactly.

    From the entries of the powers up to half the degree: tr(A^(i+j)) = sum of A^i * conj(A^j).
    A: an array, a sparse matrix, or an operator with `to_csr`. Raises `InputError` for others.

    >>> power_sums(np.diag([1.0, 2.0]), 3).tolist()
    [3.0, 5.0, 9.0]
    """
    matrix: Any = A.to_csr() if hasattr(A, "to_csr") else A
    if not (sparse.issparse(matrix) or isinstance(matrix, np.ndarray)):
        raise InputError(
            f"expected a matrix with entries, got {type(A).__name__}; "
            "give its power sums, tr(A^i) for i = 1..degree"
        )
    sums = [float(np.real(matrix.diagonal().sum()))]
    low = matrix
    for power in range(2, degree + 1):
        if power % 2 == 0:  # A^(power/2) is at hand
            high = low
        else:
            high = low @ matrix
        product = low.conj().multiply(high) if sparse.issparse(low) else low.conj() * high
        sums.append(float(np.real(product.sum())))
        low = high
    return np.array(sums)


def elementary_symmetric(sums: np.ndarray, n: int) -> np.ndarray:
    """e_0, ..., e_degree of n numbers divided by their mean, from their power sums.

    Newton's identities: t e_t = sum_i (-1)^(i-1) e_(t-i) p_i.

    >>> elementary_symmetric(np.array([3.0, 5.0]), 2).round(4).tolist()  # of 2/3 and 4/3
    [1.0, 2.0, 0.8889]
    """
    scaled = sums / (float(sums[0]) / n) ** np.arange(1, len(sums) + 1)
    elementary = [1.0]
    for t in range(1, len(sums) + 1):
        signs = (-1.0) ** np.arange(t)
        elementary.append(float(np.sum(signs * np.array(elementary[::-1]) * scaled[:t])) / t)
    return np.array(elementary)


def _shape(A: Operator) -> tuple[int, int]:
    shape = getattr(A, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
        raise InputError(f"expected a square matrix of at least one row, got shape {shape}")
    return shape[0], shape[1]
