"""The iteration of GCRO-DR (see `gcro_dr`, whose step numbers the comments carry)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import solve_triangular

from .arnoldi import Arnoldi
from .harmonic_ritz import (
    Target,
    dropping_qr,
    harmonic_ritz,
    orthonormal_rows,
    row_lengths,
    straightened,
)
from .past import Past
from .result import CONVERGED, MAXIMUM_ITERATIONS, STAGNATED, KrylovResult, System
from .space import RecycleSpace, Workspace

AGE = 10  # systems of one matrix, after which rounding has moved C away from A U
NEARLY = 1e-2  # of |r|: what earlier solutions of the matrix must leave at most
FURTHER = 0.1  # of the tolerance: how far to go where they leave more, as later ones add up
DRIFT = 1e-3  # of |r|: larger components along C are taken out before a cycle


class Cycles:
    """State of one solve: x, r and the first `kept` rows of U, T and C with A U = C, U = M T.

    renewals: cycles that renew the space; in those after them each correction joins it.
    """

    def __init__(
        self,
        system: System,
        m: int,
        k: int,
        left: bool,
        target: Target,
        renewals: float,
        workspace: Workspace,
    ) -> None:
        self.system, self.m, self.k, self.target = system, m, k, target
        self.left, self.renewals, self.workspace = left, renewals, workspace
        self.x = system.x0  # 2
        self.r = system.residual(self.x) if system.started else system.b
        self.norm = float(np.linalg.norm(self.r))
        self.goal = system.rtol * system.norm_b
        self.history = [self.norm / (system.norm_b or 1.0)]
        self.iterations = self.kept = self.age = 0
        self.given: RecycleSpace | None = None  # where it is of this matrix
        self.past: Past | None = None
        self.helped = False  # by earlier solutions
        self.begun = self.x, self.r

    def allocate(self, kind: np.dtype) -> None:
        """Rows W = [C, V], and U, T; Z = M V. Without right preconditioning Z is V and T is U."""
        n, outer = self.r.size, self.m if self.k else 0
        self.kind, self.kept = kind, 0
        self.single = kind != self.system.dtype
        self.product = self.system.product(kind)
        self.precondition = self.system.preconditioner(kind)
        array = self.workspace.array
        self.W = array("W", outer + self.m + 1, n, kind)
        self.U = array("U", outer, n, kind)
        self.same = self.left or self.system.plain
        self.T = self.U if self.same else array("T", outer, n, kind)
        self.Z = None if self.same else array("Z", self.m, n, kind)

    def operate(self, v: np.ndarray) -> np.ndarray:
        """A M v, or M A v on the left, in a new array of the working precision."""
        if self.left and not self.system.plain:
            w = self.product(v).astype(self.system.dtype)
            return np.array(self.system.M(w), dtype=self.kind)
        if self.Z is None:
            return self.product(v)
        z = self.Z[self.arnoldi.size]
        z[:] = self.precondition(v)
        return self.product(z)

    def image(self, u: np.ndarray) -> np.ndarray:
        return self.operate(u) if self.left else self.product(u)

    def reuse(self, space: RecycleSpace) -> None:
        """Make the carried directions fit this matrix, and take their part out of r."""
        U = self._cast(space.U[: self.k])
        T = U if self.same or space.T is None else self._cast(space.T[: self.k])
        if space.C is not None and self.age:
            images = self._cast(space.C[: self.k])
        else:
            images = np.stack([self.image(u) for u in U])  # 4
            if not np.all(np.isfinite(images)):
                return
        C, F, rows = orthonormal_rows(images)  # 5
        F = F.astype(self.kind)
        self.kept = len(rows)
        self.W[: self.kept] = C
        np.matmul(F, U[rows], out=self.U[: self.kept])  # 6
        if not self.same:
            np.matmul(F, T[rows], out=self.T[: self.kept])
        if not self.norm <= self.goal:
            self.project(-1.0)  # 7, 8

    def remember(self, space: RecycleSpace) -> None:
        """Where the space is of this matrix, begin with earlier solutions: as leaves least of r.

        Where right-hand sides span few dimensions, that is the solution. Where it is not nearly,
        the space does better alone.
        """
        if not self._fits(space):
            return
        self.given, self.past = space, space.past
        self.age = space.age + 1 if space.age < AGE else 0
        if self.past is None:
            return
        step, rest = self.past.project(self.r)
        if rest <= NEARLY * self.norm:
            self.correct(step)
            self.begun = self.x, self.r
            self.helped = True
            if not self.norm <= self.goal:
                self.goal *= FURTHER

    def _cast(self, rows: np.ndarray) -> np.ndarray:
        return (rows if self.kind.kind == "c" else rows.real).astype(self.kind)

    def _fits(self, space: RecycleSpace) -> bool:
        """Whether the space is from this matrix (left: and M): asked by one product."""
        if space.C is None or space.probe is None:
            return False
        x, image = space.probe
        if x.dtype != self.x.dtype:
            return False
        found = self.system.A(x)
        found = self.system.M(found) if self.left else found
        return bool(np.linalg.norm(found - image) <= 1e-10 * np.linalg.norm(image))

    def project(self, least: float) -> tuple[np.ndarray, float]:
        """What a cycle starts from, r / |r| and |r|, after its part along C has been taken out."""
        v, size = self.start()
        if self.kept:
            along = self.W[: self.kept].conj() @ v
            if not np.linalg.norm(along) <= least:
                self.correct(size * (along @ self.U[: self.kept]).astype(self.x.dtype))
                return self.start()
        return v, size

    def start(self) -> tuple[np.ndarray, float]:
        r = self.system.M(self.r) if self.left else self.r
        size = float(np.linalg.norm(r))
        return (r / size).astype(self.kind), size

    def correct(self, step: np.ndarray) -> None:
        """x + step and its true residual; a step that is no number is left out."""
        x = self.x + step
        r = self.system.residual(x)
        norm = float(np.linalg.norm(r))
        if np.isfinite(norm):
            self.x, self.r, self.norm = x, r, norm
        elif not self.single:
            self.norm = np.nan

    def run(self, max_iterations: int) -> str:
        """Cycles until the true residual meets the tolerance; returns the reason of the end."""
        while not self.norm <= self.goal:
            if self.iterations >= max_iterations:
                return MAXIMUM_ITERATIONS
            before = self.norm  # 20, 21
            arnoldi = self.cycle(max_iterations)
            if self.norm <= self.goal or not np.isfinite(self.norm):
                break
            predicted = self.history[-1] * self.system.norm_b
            if self.single and not self.norm <= max(2 * predicted, 0.1 * before):
                self.refine()
            elif not self.norm < (1 - 1e-8) * before:
                if arnoldi.exhausted and arnoldi.singular:
                    return "breakdown: matrix is singular on the Krylov space"
                if self.renewals:
                    return STAGNATED
                self.deflate()
        return CONVERGED

    def deflate(self) -> None:
        """Restarts with the space as it is gain nothing: renew it in every cycle from here on."""
        if self.kept > self.k:
            self.renew(None)
        self.renewals = np.inf

    def refine(self) -> None:
        """Go on in double precision."""
        space = RecycleSpace(self.U[: self.kept], None if self.same else self.T[: self.kept])
        kept, k = self.kept, self.k
        self.allocate(self.system.dtype)
        if kept:
            self.k = kept
            self.reuse(space)
            self.k = k

    def cycle(self, max_iterations: int) -> Arnoldi:
        """Steps of Arnoldi beside the space, the correction from them, and what becomes of C."""
        v, size = self.project(DRIFT)
        first, kept = self.norm, self.kept
        steps = self.m - (kept if self.renewals else self.k)
        steps = min(steps, max_iterations - self.iterations)
        arnoldi = self.arnoldi = Arnoldi(self.operate, v, size, self.W, kept, steps)  # 10, 11, 22
        rest = size
        goal = (0.95 if self.single else 1.0) * self.goal * size / first
        while arnoldi.size < steps and not arnoldi.exhausted and not rest <= goal:
            rest = arnoldi.extend()
            self.history.append(rest / size * first / self.system.norm_b)
        del self.arnoldi  # which holds this object: memory would wait for the collector
        self.iterations += arnoldi.size
        if not np.all(np.isfinite(arnoldi.K)):
            self.norm = self.norm if self.single else np.nan
            return arnoldi
        y = arnoldi.minimise()  # 12, 25
        along = (arnoldi.B @ y).astype(self.kind)
        Z = arnoldi.V if self.Z is None else self.Z
        step = y.astype(self.kind) @ Z[: arnoldi.size] - along @ self.U[:kept]
        self.correct(step)  # 13, 26, 27
        if self.k and self.renewals:
            self.renew(arnoldi)
            self.renewals -= 1
        elif self.k:
            self.append(arnoldi, y, along, step)
        return arnoldi

    def append(self, arnoldi: Arnoldi, y: np.ndarray, along: np.ndarray, step: np.ndarray) -> None:
        """A step = V H y joins U and C (GCRO: de Sturler, J. Comput. Appl. Math. 67, 1996)."""
        j, kept = arnoldi.size, self.kept
        image = (arnoldi.H @ y).astype(self.kind) @ arnoldi.V[: j + 1]
        size = np.linalg.norm(image)
        if not size > 0:
            return
        if not self.same:
            t = y.astype(self.kind) @ arnoldi.V[:j] - along @ self.T[:kept]
            self.T[kept] = t / size
        self.U[kept], self.W[kept] = step / size, image / size
        self.kept = kept + 1
        if self.kept == self.m:
            self.renew(None)

    def renew(self, arnoldi: Arnoldi | None) -> None:
        """Keep k harmonic Ritz vectors of the space [U, Z], whose image is [C, V]."""
        kept, j = self.kept, arnoldi.size if arnoldi else 0
        below = j + 1 if arnoldi else 0
        T, W = self.T[:kept], self.W[: kept + below]
        lengths = row_lengths(T)  # 23
        G = np.zeros((kept + below, kept + j), dtype=self.system.dtype)
        G[:kept, :kept] = np.diag(1 / lengths)
        S = np.eye(*G.shape, dtype=G.dtype)
        S[:, :kept] = (W.conj() @ T.T) / lengths
        if arnoldi:
            G[:, kept:] = arnoldi.K[: kept + below, :j]
        if not (np.all(np.isfinite(G)) and np.all(np.isfinite(S))):
            return
        N = None
        if not isinstance(self.target, str):
            N = np.eye(kept + j, dtype=G.dtype)
            N[kept:, :kept] = S[kept : kept + j, :kept]
            N[:kept, kept:] = N[kept:, :kept].conj().T
            N[:kept, :kept] = (T.conj() @ T.T) / np.outer(lengths, lengths)
        P = harmonic_ritz(G, S, N, self.k, self.target)  # 14, 28
        Q, R, chosen = dropping_qr(G @ P)  # 16, 30
        F = solve_triangular(R, P[:, chosen].T, trans="T", check_finite=False)  # 15, 18, 29, 32
        F[:, :kept] /= lengths
        C = Q.T.astype(self.kind) @ W  # 17, 31
        C, again = straightened(C)  # W lost some orthogonality, which would add up
        self._mix((again @ F).astype(self.kind), arnoldi)
        self.kept = len(C)
        self.W[: self.kept] = C

    def _mix(self, F: np.ndarray, arnoldi: Arnoldi | None) -> None:
        """U and T become the mixtures F of [U, Z] and [T, V]."""
        kept, j = self.kept, arnoldi.size if arnoldi else 0
        rows = arnoldi.V[:j] if arnoldi else self.W[:0]
        U = F[:, :kept] @ self.U[:kept] + F[:, kept:] @ (rows if self.Z is None else self.Z[:j])
        if not self.same:
            T = F[:, :kept] @ self.T[:kept] + F[:, kept:] @ rows
            self.T[: len(F)] = T
        self.U[: len(F)] = U

    def space(self) -> RecycleSpace | None:
        """What to carry; None where there is nothing usable."""
        if self.given is not None and self.iterations <= self.m - self.k:
            return replace(self.given, past=self._learned())  # and nearly nothing else
        if self.kept > self.k:
            self.renew(None)
        U = self.U[: self.kept].copy()
        if not len(U) or not np.all(np.isfinite(U)):
            return None
        T = None if self.same else self.T[: self.kept].copy()
        image = self.system.b - self.r
        probe = self.x, self.system.M(image) if self.left else image
        return RecycleSpace(U, T, self.W[: self.kept].copy(), probe, self.age, self._learned())

    def _learned(self) -> Past | None:
        """Earlier solutions and what this one adds; anew where they are many and did not help."""
        step, image = self.x - self.begun[0], self.begun[1] - self.r
        if self.past is None or (self.past.full and not self.helped):
            return Past.first(step, image, self.m)
        return self.past.added(step, image)

    def finish(self, reason: str) -> KrylovResult:
        """The result; the residual of x is known."""
        return self.system.finish(self.x, self.iterations, reason, self.history, self.norm)
