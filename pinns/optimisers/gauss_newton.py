"""Levenberg-Marquardt on the rows of the residual, with a dense or a matrix-free solve."""

from __future__ import annotations

from typing import Any

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


class GaussNewton:
    """min |r(x)|^2 by steps (J^T J + lam I) s = -J^T r, with lam after the gain ratio.

    The ratio of what a step gained to what the linear model promised moves lam (Madsen, Nielsen &
    Tingleff 2004, equation 2.21), so steps that gain as promised become Gauss-Newton's.

    max_iterations: accepted steps at most. damping: the first lam, in units of the largest
    diagonal entry of J^T J. dense: up to as many parameters J^T J is formed from blocks of J and
    factored; beyond, LSMR (Fong & Saunders 2011) solves with products J v and J^T w,
    `inner` of them at most a step. gradient_tolerance: stop where max |2 J^T r| <= it.
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
        self._growth = 2.0

    def step(self, x: Tensor, objective: Objective) -> Tensor:
        """One accepted step from x (n,), or x and a `stop_reason`."""
        if self.stop_reason is not None:
            return x
        if self.iterations >= self.max_iterations:
            self.stop_reason = ITERATIONS
            return x
        r = objective.rows(x).double()
        self.loss = float(torch.dot(r, r))
        jacobian = objective.jacobian(x)
        model = (_Dense if len(x) <= self.dense else _Free)(jacobian, r, self.inner)
        if not finite(self.loss, model.gradient):
            self.stop_reason = NOT_FINITE
        elif float(model.gradient.abs().max()) <= 0.5 * self.gradient_tolerance:
            self.stop_reason = GRADIENT
        if self.stop_reason is not None:
            return x
        return self._descend(x, self.loss, objective, model)

    def _descend(
        self, x: Tensor, before: float, objective: Objective, model: _Dense | _Free
    ) -> Tensor:
        """Raise the damping until a step goes down."""
        lam = self.damping * model.largest if self._lam is None else self._lam
        for _ in range(TRIALS):
            s = model.solve(lam)
            if s is not None:
                y = x + s.to(x.dtype)
                after = self._measure(y, objective)
                if after < before:
                    promised = lam * float(torch.dot(s, s)) - float(torch.dot(model.gradient, s))
                    ratio = (before - after) / promised
                    self._lam = lam * max(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3)
                    self._growth = 2.0
                    return self._accept(y, before, after)
            lam *= self._growth
            self._growth *= 2.0
        self.stop_reason, self._growth = DAMPING, 2.0
        return x

    def _measure(self, x: Tensor, objective: Objective) -> float:
        self.evaluations += 1
        r = objective.rows(x).double()
        return float(torch.dot(r, r))

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
            "growth": self._growth,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.iterations, self.evaluations = state["iterations"], state["evaluations"]
        self.loss, self.stop_reason = state["loss"], state["stop_reason"]
        self._lam, self._growth = state["lam"], state["growth"]


class _Dense:
    """J^T J (its lower half) and J^T r, from blocks of J."""

    def __init__(self, jacobian: Jacobian, r: Tensor, inner: int) -> None:
        n = jacobian.shape[1]
        self.matrix = torch.zeros(n, n, dtype=torch.float64)
        self.gradient, start = torch.zeros(n, dtype=torch.float64), 0
        for block in jacobian.blocks():
            block = block.double()
            self.gradient += block.T @ r[start : start + len(block)]
            start += len(block)
            for left in range(0, n, STRIP):  # the lower half, strip by strip
                part = block[:, left : left + STRIP]
                self.matrix[left:, left : left + STRIP].addmm_(block[:, left:].T, part)
        self.largest = float(self.matrix.diagonal().max())

    def solve(self, lam: float) -> Tensor | None:
        """The step (n,), None where rounding leaves the matrix indefinite."""
        damped = self.matrix.clone()
        damped.diagonal().add_(lam)
        factor, failed = torch.linalg.cholesky_ex(damped)
        if int(failed):
            return None
        return -torch.cholesky_solve(self.gradient[:, None], factor)[:, 0]


class _Free:
    """The same steps from products with J and its transpose alone."""

    def __init__(self, jacobian: Jacobian, r: Tensor, inner: int) -> None:
        self.r, self.inner = r, inner
        self.gradient = jacobian.rmatvec(r).double()
        self.operator = LinearOperator(
            jacobian.shape,
            matvec=lambda v: jacobian.matvec(torch.from_numpy(np.ravel(v))).double().numpy(),
            rmatvec=lambda w: jacobian.rmatvec(torch.from_numpy(np.ravel(w))).double().numpy(),
            dtype=np.float64,
        )
        # |J^T r|^2 / |r|^2 is a mean of the eigenvalues of J J^T, and cheap.
        self.largest = float(self.gradient.square().sum() / r.square().sum())

    def solve(self, lam: float) -> Tensor:
        """The step (n,) to a tenth of a per mille of the normal equations' residual."""
        found = lsmr(
            self.operator, -self.r.numpy(), damp=lam**0.5, atol=1e-4, btol=0.0, conlim=0.0,
            maxiter=self.inner,
        )  # fmt: skip
        return torch.from_numpy(found[0])
