"""GCRO-DR: GMRES with deflated restarting whose space is carried to the next system.

Parks, de Sturler, Mackey, Johnson, Maiti, Recycling Krylov subspaces for sequences of linear
systems, SIAM J. Sci. Comput. 28 (2006) 1651-1674, https://doi.org/10.1137/040607277. Comments in
the code carry the step numbers of the algorithm in its appendix. Vectors are rows here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eig, lstsq, qr, solve_triangular

from ...geometry.errors import InputError
from .arnoldi import Arnoldi
from .result import CONVERGED, MAXIMUM_ITERATIONS, STAGNATED, KrylovResult, Operator, System

DEPENDENT = 1e-10  # of the largest: directions below it are dropped from the space
TRUST = 3  # times that the iterated residual may be replaced by the true one


@dataclass(frozen=True)
class RecycleSpace:
    """What one system leaves to the next: directions U (at most k, n), as rows.

    They stand in the preconditioned variable t of A M t = b, x = M t, and the next system makes
    them its own by C = A M U. The space is never changed in place.
    """

    U: np.ndarray


def gcro_dr(
    A: Operator,
    b: np.ndarray,
    space: RecycleSpace | None = None,
    m: int = 40,
    k: int = 20,
    x0: np.ndarray | None = None,
    M: Operator | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 10_000,
) -> tuple[KrylovResult, RecycleSpace | None]:
    """Solve A x = b until |b - A x| <= rtol |b|; return the result and the space for the next.

    space: from an earlier system of the same size, whose matrix and right-hand side may differ;
    m: directions kept at once; k < m: how many of them are recycled, the harmonic Ritz vectors
    of smallest magnitude. A, M: anything with `@` or a function, real or complex; M is applied
    from the right. With k = 0 this is GMRES(m). Raises `InputError` on shapes that do not fit.

    A system that its first guess already solves gives back the space that it was given.
    """
    if not 0 <= k < m:
        raise InputError(f"expected 0 <= k < m, got m = {m} and k = {k}; try m = 40, k = 20")
    system = System(A, b, x0, M, rtol, max_iterations)
    if space is not None and space.U.shape[1:] != system.b.shape:
        raise InputError(
            f"expected a space of vectors of length {system.b.size}, got {space.U.shape[1]}; "
            "begin a new space for another size"
        )
    iteration = _Iteration(system, m, k)
    solved = system.norm_b == 0 or iteration.norm <= iteration.goal
    if solved or not np.isfinite(iteration.norm):
        return iteration.finish(CONVERGED), space
    if space is not None and len(space.U) and k:
        iteration.reuse(space.U[:k])
    reason = iteration.run(max_iterations)
    result = iteration.finish(reason)
    usable = len(iteration.U) and np.all(np.isfinite(iteration.U))
    return result, RecycleSpace(iteration.U) if usable else space  # 34


class _Iteration:
    """State of one solve: x, r and the pair A M U = C with orthonormal C."""

    def __init__(self, system: System, m: int, k: int) -> None:
        self.system, self.m, self.k = system, m, k
        self.x = system.x0  # 2
        self.r = system.residual(self.x) if system.started else system.b
        self.norm = float(np.linalg.norm(self.r))
        self.goal = system.rtol * system.norm_b
        self.U = self.C = np.empty((0, self.r.size), dtype=self.r.dtype)
        self.history = [self.norm / (system.norm_b or 1.0)]
        self.iterations = 0

    def product(self, v: np.ndarray) -> np.ndarray:
        return self.system.A(self.system.M(v))

    def reuse(self, Y: np.ndarray) -> None:
        """Make the carried directions fit this matrix, and take their part out of r."""
        real = not np.issubdtype(self.r.dtype, np.complexfloating)
        Y = np.array(Y.real if real else Y, dtype=self.r.dtype)
        images = np.stack([self.product(y) for y in Y])
        if not np.all(np.isfinite(images)):
            return
        self.U, self.C = _orthonormal_images(Y, images.T)  # 4, 5, 6
        self.project()

    def project(self) -> None:
        along = self.C.conj() @ self.r
        self.x = self.x + self.system.M(along @ self.U)  # 7
        self.r = self.r - along @ self.C  # 8
        self.norm = float(np.linalg.norm(self.r))

    def run(self, max_iterations: int) -> str:
        """Cycles until the true residual meets the tolerance; returns the reason of the end."""
        trust = TRUST
        while True:
            if self.norm <= self.goal:
                self.r = self.system.residual(self.x)
                self.norm = float(np.linalg.norm(self.r))
                if self.norm <= self.goal:
                    return CONVERGED
                trust -= 1
                if not trust:
                    return STAGNATED
                self.project()
                continue
            if self.iterations >= max_iterations:
                return MAXIMUM_ITERATIONS
            before = self.norm  # 20, 21
            arnoldi = self.cycle(max_iterations)
            if not self.norm < (1 - 1e-8) * before:
                if arnoldi.exhausted and arnoldi.singular:
                    return "breakdown: matrix is singular on the Krylov space"
                return STAGNATED

    def cycle(self, max_iterations: int) -> Arnoldi:
        """One cycle: m - k steps beside the space, or m steps of GMRES where there is none yet."""
        system, kept = self.system, len(self.C)
        steps = min(self.m - kept, max_iterations - self.iterations)
        arnoldi = Arnoldi(self.product, self.r, steps, self.C)  # 10, 11, 22
        while arnoldi.size < steps and not arnoldi.exhausted:
            self.history.append(arnoldi.extend() / system.norm_b)
            if not self.history[-1] > system.rtol:
                break
        j = arnoldi.size
        self.iterations += j
        lengths = np.linalg.norm(self.U, axis=1)  # 23
        V_hat = np.concatenate([self.U / lengths[:, None], arnoldi.V[:j]])  # 24
        W_hat = np.concatenate([self.C, arnoldi.V[: j + 1]])
        G = np.zeros((kept + j + 1, kept + j), dtype=self.r.dtype)
        G[:kept, :kept] = np.diag(1 / lengths)
        G[:kept, kept:] = arnoldi.B[:, :j]
        G[kept:, kept:] = arnoldi.H[: j + 1, :j]
        if not np.all(np.isfinite(G)):
            self.norm = np.nan
            return arnoldi
        c = W_hat.conj() @ self.r
        y = lstsq(G, c, cond=1e-14, lapack_driver="gelsy", check_finite=False)[0]  # 12, 25
        self.x = self.x + system.M(y @ V_hat)  # 26
        self.r = self.r - (G @ y) @ W_hat  # 13, 27
        self.norm = float(np.linalg.norm(self.r))
        if self.k:
            self._renew(G, V_hat, W_hat, kept)
        return arnoldi

    def _renew(self, G: np.ndarray, V_hat: np.ndarray, W_hat: np.ndarray, kept: int) -> None:
        """The next U and C from A M V_hat^T = W_hat^T G; the first `kept` rows are the old ones."""
        S = np.eye(*G.shape, dtype=G.dtype)
        S[:, :kept] = W_hat.conj() @ V_hat[:kept].T
        P = _harmonic_ritz(G, S, self.k)  # 14, 28
        Q, R, chosen = _dropping_qr(G @ P)  # 16, 30
        self.C = Q.T @ W_hat  # 17, 31
        Y = P[:, chosen].T @ V_hat  # 15, 29
        self.U = solve_triangular(R, Y, trans="T", check_finite=False)  # 18, 32

    def finish(self, reason: str) -> KrylovResult:
        return self.system.finish(self.x, self.iterations, reason, self.history)


def _dropping_qr(F: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F[:, kept] = Q R with the columns of F that depend on others left out; Q, R, kept."""
    size = np.linalg.norm(F, axis=0)
    Q, R, order = qr(F / np.where(size > 0, size, 1.0), mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(R))
    rank = int(np.sum(diagonal > DEPENDENT * diagonal[0])) if diagonal.size else 0
    kept = order[:rank]
    return Q[:, :rank], R[:rank, :rank] * size[kept], kept


def _orthonormal_images(Y: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """U, C as rows with U spanning the rows of Y, C = A M U orthonormal; images: A M Y^T."""
    Q, R, kept = _dropping_qr(images)
    U = solve_triangular(R, Y[kept], trans="T", check_finite=False)
    return U, np.ascontiguousarray(Q.T)


def _harmonic_ritz(G: np.ndarray, S: np.ndarray, k: int) -> np.ndarray:
    """Columns P: eigenvectors of G^H G z = theta G^H S z with the k smallest |theta|.

    Written as (G^+ S) z = z / theta, an ordinary eigenproblem whose largest values are wanted.
    A real problem gets a real basis: real and imaginary part of a complex pair.
    """
    count = min(k, G.shape[1])
    inverse = lstsq(G, S, cond=1e-14, lapack_driver="gelsy", check_finite=False)[0]
    values, vectors = eig(inverse, check_finite=False)
    order = np.argsort(-np.abs(values), kind="stable")
    if np.iscomplexobj(G):
        return np.asarray(vectors[:, order[:count]])
    columns: list[np.ndarray] = []
    for index in order:
        if values[index].imag < 0:
            continue  # its conjugate gives both columns
        columns.append(vectors[:, index].real)
        if values[index].imag > 0:
            columns.append(vectors[:, index].imag)
    return np.stack(columns[:count], axis=1)
