"""Conjugate gradients deflated by a space that is carried from system to system."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...geometry.errors import InputError
from .harmonic_ritz import pivoted_cholesky
from .result import CONVERGED, MAXIMUM_ITERATIONS, STAGNATED, KrylovResult, Operator, System
from .ritz_window import RitzWindow

SINGLE_FROM = 1000  # unknowns: below it single precision saves nothing
TRUST = 4  # times that r may be replaced by the true residual
INDEFINITE = "breakdown: matrix is not positive definite"


@dataclass(frozen=True)
class DeflationSpace:
    """What one system leaves to the next, as rows. Never changed in place.

    W   (k, n)  approximate eigenvectors
    AW  (k, n)  their images where they are known; W is A-orthonormal then. The next system uses
                them where one product shows that they still fit
    """

    W: np.ndarray
    AW: np.ndarray | None = None


def recycled_cg(
    A: Operator,
    b: np.ndarray,
    space: DeflationSpace | None = None,
    k: int = 20,
    x0: np.ndarray | None = None,
    M: Operator | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 10_000,
    window: int = 60,
    learn: bool = True,
) -> tuple[KrylovResult, DeflationSpace | None]:
    """Solve A x = b until |b - A x| <= rtol |b|; return the result and the space for the next.

    A, M: symmetric (Hermitian) positive definite, anything with `@` or a function; M approximates
    the inverse of A. The iteration is Deflated-CG (Saad, Yeung, Erhel, Guyomarc'h, SIAM J. Sci.
    Comput. 21 (2000) 1909-1926, Algorithm 3.5), preconditioned: CG on the part of the system
    that is A-orthogonal to the space. Beside it the k lowest harmonic Ritz vectors of M A are
    computed from the space and the directions, `window` of them at once (see `RitzWindow`).

    learn=False leaves the space as it was given, with its images: for further systems of the
    same matrix, where the images need not be computed again. With k = 0 this is CG. Raises
    `InputError` on shapes that do not fit, on k < 0 and on an empty window. A matrix that is
    found not to be positive definite is a breakdown, reported.
    """
    if k < 0 or window < 1:
        raise InputError(f"expected k >= 0 and window >= 1, got k = {k} and window = {window}")
    system = System(A, b, x0, M, rtol, max_iterations)
    if space is not None and space.W.shape[1:] != system.b.shape:
        raise InputError(
            f"expected a space of vectors of length {system.b.size}, got {space.W.shape[1]}; "
            "begin a new space for another size"
        )
    with np.errstate(all="ignore"):  # what overflows is found and reported
        run = _Run(system)
        if not run.norm > rtol * system.norm_b or not np.isfinite(run.norm):
            return run.finish(CONVERGED), space
        if space is not None and len(space.W) and k:
            run.deflate(space, k)
        if run.reason:
            return run.finish(run.reason), space
        if learn and k:
            run.watch(k, window)
        reason = run.iterate(max_iterations)
        return run.finish(reason), run.space() or space


class _Run:
    """State of one solve: x, r, and W with W^H A W = 1."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.x = system.x0
        self.r = system.residual(self.x) if system.started else system.b.copy()
        self.norm = float(np.linalg.norm(self.r))
        self.history = [self.norm / (system.norm_b or 1.0)]
        self.iterations = 0
        self.W = self.AW = np.empty((0, self.r.size), dtype=system.dtype)
        self.window: RitzWindow | None = None
        self.found: np.ndarray | None = None
        self.as_given = False
        self.reason = ""

    def deflate(self, space: DeflationSpace, k: int) -> None:
        """Make the carried vectors A-orthonormal for this matrix."""
        real = self.system.dtype.kind != "c"
        W, AW = space.W[:k], space.AW
        W = (W.real if real else W).astype(self.system.dtype)
        if AW is not None and self._fits(W, AW[:k]):
            self.W, self.AW, self.as_given = W, AW[:k], True
            return
        AW = np.stack([self.system.A(w) for w in W])
        gram = W.conj() @ AW.T
        size = np.sqrt(np.abs(gram.diagonal().real))
        if not np.all(np.isfinite(gram)):
            return
        if np.any(gram.diagonal().real < -1e-10 * size.max() ** 2):
            self.reason = INDEFINITE
            return
        size[~(size > 0)] = np.inf
        rows, factor = pivoted_cholesky(gram / np.outer(size, size), 1e-10)
        if len(rows):
            F = np.linalg.inv(factor).conj() / size[rows]
            self.W, self.AW = F @ W[rows], F @ AW[rows]

    def _fits(self, W: np.ndarray, AW: np.ndarray) -> bool:
        """Whether AW belongs to this matrix: asked by one product with a mixture of W."""
        if AW.dtype != W.dtype:
            return False
        weights = np.random.default_rng(0).uniform(0.5, 1.5, len(W))
        image = self.system.A(weights @ W)
        error = np.linalg.norm(image - weights @ AW)
        return bool(error <= 1e-12 * np.linalg.norm(image))

    def watch(self, k: int, size: int) -> None:
        """Collect Ritz vectors beside the iteration."""
        images = [self.system.M(image) for image in self.AW]
        S = self.AW.conj() @ np.array(images).T if images else np.zeros((0, 0), self.AW.dtype)
        single = np.complex64 if self.r.dtype.kind == "c" else np.float32
        kind = self.r.dtype if self.r.size < SINGLE_FROM else np.dtype(single)
        self.window = RitzWindow(self.W, S, k, size, kind)

    def project(self) -> None:
        """x + W W^H r: no part of the residual along W is left."""
        along = self.W.conj() @ self.r
        self.x = self.x + along @ self.W  # 1
        self.r = self.r - along @ self.AW

    def iterate(self, max_iterations: int) -> str:
        """Steps of the algorithm; returns the reason of the end."""
        system, goal = self.system, self.system.rtol * self.system.norm_b
        self.project()
        product = system.product(system.dtype)
        z = system.M(self.r)
        mu = self.AW.conj() @ z  # 2
        p = z - mu @ self.W
        rz = np.vdot(self.r, z).real
        trust, coupling = TRUST, 0.0
        while self.iterations < max_iterations:  # 3
            if not rz > 0:
                return "breakdown: preconditioner is not positive definite"
            q = product(p)
            pq = np.vdot(p, q).real
            if not pq > 0:
                return INDEFINITE
            self.iterations += 1
            alpha = rz / pq  # 4
            self.x += alpha * p  # 5
            self.r -= alpha * q  # 6
            self.history.append(float(np.linalg.norm(self.r)) / system.norm_b)
            if not self.history[-1] * system.norm_b > goal:
                self.r = system.residual(self.x)
                self.norm = float(np.linalg.norm(self.r))
                trust -= 1
                if not self.norm > goal or not trust:
                    return CONVERGED if trust else STAGNATED
                self.project()
                self.settle()  # what follows is a new run
                p = np.zeros_like(p)
            z = system.M(self.r)
            rz, old = np.vdot(self.r, z).real, rz
            before, mu = mu, self.AW.conj() @ z
            beta = rz / old  # 7
            if self.window is not None:
                length = float(np.sqrt(pq))
                along = (before - mu) / (alpha * length)
                self.window.add(p, length, (1 + beta) / alpha, coupling / (alpha * length), along)
                coupling = -beta * length
            p = z + beta * p - mu @ self.W  # 8, 9
        return MAXIMUM_ITERATIONS

    def settle(self) -> None:
        """Take what the window holds, and close it."""
        if self.window is not None:
            self.found = self.window.vectors()
            self.window = None

    def space(self) -> DeflationSpace | None:
        """What to carry; None where nothing usable is new."""
        self.settle()
        if self.found is None:
            new = len(self.W) and not self.as_given
            return DeflationSpace(self.W, self.AW) if new else None
        usable = len(self.found) and np.all(np.isfinite(self.found))
        return DeflationSpace(self.found) if usable else None

    def finish(self, reason: str) -> KrylovResult:
        """The result, judged by the true residual, which is known where the end was reached."""
        known = self.norm if reason == CONVERGED else None
        return self.system.finish(self.x, self.iterations, reason, self.history, known)
