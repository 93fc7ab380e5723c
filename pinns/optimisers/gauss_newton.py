"""Levenberg-Marquardt on the rows of the residual, with a dense or a matrix-free solve."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, lsmr
from torch import Tensor

from .base import (
    DAMPING,
    FINAL,
    GRADIENT,
    ITERATIONS,
    NOT_FINITE,
    REDUCTION,
    Jacobian,
    Objective,
    expect,
    finite,
)

TRIALS = 30  # dampings tried for one step
STRIP = 256  # columns of J^T J that are summed at once
PROBE = 0.1  # part of a step after which the bend of the rows is measured
BEND = 0.75  # longest second-order part of a step, in units of half the first-order part


class GaussNewton:
    """min |r(x)|^2 by Levenberg-Marquardt steps with geodesic acceleration.

    A step is s + a / 2 with (J^T J + lam I) s = -J^T r, and (J^T J + lam I) a = -J^T r'' with the
    second derivative r'' of the rows along s (Transtrum & Sethna 2012): it follows the bend of a
    narrow valley, where steps along s alone have to be short. lam falls to a third after a step
    that goes down; where one does not, or where it bends too much, lam grows.

    max_iterations: accepted steps at most. damping: the first lam, in units of the largest
    diagonal entry of J^T J. dense: up to as many parameters J (rows, parameters) is kept, and
    J^T J is factored; beyond, LSMR (Fong & Saunders 2011) solves with products J v and J^T w,
    `inner` of them at most a solve. gradient_tolerance: stop where max |2 J^T r| <= it.
    reduction_tolerance: stop where |r|^2 falls by no more than that part of itself.
    """

    def __init__(
        self,
        max_iterations: int = 500,
        damping: float = 1e-3,
        dense: int = 3000,
        inner: int = 200,
        gradient_tolerance: float = 1e-15,
        reduction_tolerance: float = 1e-12,
    ) -> None:
        expect(max_iterations >= 0, "max_iterations >= 0", max_iterations)
        expect(damping > 0.0, "damping > 0", damping)
        expect(dense >= 0 and inner >= 1, "dense >= 0 and inner >= 1", (dense, inner))
        self.max_iterations, self.damping = max_iterations, damping
        self.dense, self.inner = dense, inner
        self.gradient_tolerance = gradient_tolerance
        self.reduction_tolerance = reduction_tolerance
        self.iterations, self.evaluations = 0, 0
        self.loss: float | None = None
        self.stop_reason: str | None = None
        self._lam: float | None = None
        self._matrix: Tensor | None = None  # room for J: new memory in every step costs time

    def step(self, x: Tensor, objective: Objective) -> Tensor:
        """One accepted step from x (n,), or x and a `stop_reason`."""
        if self.stop_reason is None and self.iterations >= self.max_iterations:
            self.stop_reason = ITERATIONS
        if self.stop_reason is not None:
            return x
        r = self._rows(x, objective)
        self.loss = float(torch.dot(r, r))
        if not math.isfinite(self.loss):
            self.stop_reason = NOT_FINITE
            return x
        jacobian = objective.jacobian(x)
        model = self._model(jacobian, r)
        if not finite(self.loss, model.gradient):
            self.stop_reason = NOT_FINITE
        elif float(model.gradient.abs().max()) <= 0.5 * self.gradient_tolerance:
            self.stop_reason = GRADIENT
        if self.stop_reason is not None:
            return x
        return self._descend(x, r, objective, model)

    def _model(self, jacobian: Jacobian, r: Tensor) -> _Model:
        if jacobian.shape[1] > self.dense:
            return _Free(jacobian, r, self.inner)
        if self._matrix is None or self._matrix.shape != jacobian.shape:
            self._matrix = torch.empty(jacobian.shape, dtype=torch.float64)
        return _Dense(jacobian, r, self._matrix)

    def _descend(self, x: Tensor, r: Tensor, objective: Objective, model: _Model) -> Tensor:
        """Raise the damping until a step goes down."""
        before, growth = float(torch.dot(r, r)), 2.0
        lam = self.damping * model.largest if self._lam is None else self._lam
        for _ in range(TRIALS):
            s = self._bent_step(x, r, lam, objective, model)
            if s is not None:
                y = x + s.to(x.dtype)
                rows = self._rows(y, objective)
                after = float(torch.dot(rows, rows))
                if after < before:
                    self._lam = lam / 3.0
                    return self._accept(y, before, after)
            lam *= growth
            growth *= 2.0
        self.stop_reason = DAMPING
        return x

    def _bent_step(
        self, x: Tensor, r: Tensor, lam: float, objective: Objective, model: _Model
    ) -> Tensor | None:
        """The step (n,), None where it bends too much or there is none."""
        solve = model.solver(lam)
        s = None if solve is None else solve(r)
        if solve is None or s is None:
            return None
        ahead = self._rows(x + PROBE * s.to(x.dtype), objective)
        bend = (2.0 / PROBE) * ((ahead - r) / PROBE - model.jacobian_times(s))
        a = solve(bend)
        length = float(s.norm())
        return s + 0.5 * a if 2.0 * float(a.norm()) <= BEND * length else None

    def _rows(self, x: Tensor, objective: Objective) -> Tensor:
        self.evaluations += 1
        return objective.rows(x).double()

    def _accept(self, x: Tensor, before: float, after: float) -> Tensor:
        self.loss = after
        self.iterations += 1
        if self.iterations >= self.max_iterations:
            self.stop_reason = ITERATIONS
        elif before - after <= self.reduction_tolerance * before:
            self.stop_reason = REDUCTION
        return x

    def objective_changed(self) -> None:
        """The damping is kept; a failure to go down may be over."""
        if self.stop_reason not in FINAL:
            self.stop_reason = None

    def state(self) -> dict[str, Any]:
        """Numbers and strings only."""
        return {
            "iterations": self.iterations,
            "evaluations": self.evaluations,
            "loss": self.loss,
            "stop_reason": self.stop_reason,
            "lam": self._lam,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.iterations, self.evaluations = state["iterations"], state["evaluations"]
        self.loss, self.stop_reason = state["loss"], state["stop_reason"]
        self._lam = state["lam"]


class _Model(Protocol):
    """r + J s, and steps that make it small."""

    gradient: Tensor
    largest: float

    def jacobian_times(self, s: Tensor) -> Tensor: ...

    def solver(self, lam: float) -> Callable[[Tensor], Tensor] | None:
        """Right sides w (m,) to -(J^T J + lam I)^-1 J^T w (n,); None where there is no inverse."""
        ...


class _Dense:
    """J and the lower half of J^T J."""

    def __init__(self, jacobian: Jacobian, r: Tensor, matrix: Tensor) -> None:
        self.matrix, n = matrix, matrix.shape[1]
        jacobian.fill(matrix)
        self.normal = torch.zeros(n, n, dtype=torch.float64)
        for left in range(0, n, STRIP):  # the lower half, strip by strip
            strip = self.matrix[:, left : left + STRIP]
            torch.mm(self.matrix[:, left:].T, strip, out=self.normal[left:, left : left + STRIP])
        self.gradient = self.matrix.T @ r
        self.largest = float(self.normal.diagonal().max())

    def jacobian_times(self, s: Tensor) -> Tensor:
        return self.matrix @ s

    def solver(self, lam: float) -> Callable[[Tensor], Tensor] | None:
        damped = self.normal.clone()
        damped.diagonal().add_(lam)
        factor, failed = torch.linalg.cholesky_ex(damped)
        if int(failed):
            return None
        return lambda w: -torch.cholesky_solve((self.matrix.T @ w)[:, None], factor)[:, 0]


class _Free:
    """The same from products with J and its transpose alone."""

    def __init__(self, jacobian: Jacobian, r: Tensor, inner: int) -> None:
        self.jacobian, self.inner = jacobian, inner
        self.gradient = jacobian.rmatvec(r).double()
        self.operator = LinearOperator(
            jacobian.shape,
            matvec=lambda v: self.jacobian_times(torch.from_numpy(np.ravel(v))).numpy(),
            rmatvec=lambda w: jacobian.rmatvec(torch.from_numpy(np.ravel(w))).double().numpy(),
            dtype=np.float64,
        )
        # |J^T r|^2 / |r|^2 is a mean of the eigenvalues of J J^T, and cheap.
        self.largest = float(self.gradient.square().sum() / r.square().sum())

    def jacobian_times(self, s: Tensor) -> Tensor:
        return self.jacobian.matvec(s).double()

    def solver(self, lam: float) -> Callable[[Tensor], Tensor]:
        def solve(w: Tensor) -> Tensor:
            found = lsmr(
                self.operator, -w.numpy(), damp=lam**0.5, atol=1e-6, btol=0.0, conlim=0.0,
                maxiter=self.inner,
            )  # fmt: skip
            return torch.from_numpy(found[0])

        return solve
