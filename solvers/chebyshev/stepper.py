"""One step of u_t = a lap u + N(u) in the modes of a box, by a pair of Runge-Kutta tableaux.

In the weak form, with u = lift(t) + sum_k c_k v_k and square norms m_k of the modes,

    d/dt [m c + (lift, v)] = -a s c + a pull(t) + (N(u), v)

where s are the energies of the modes. Stages are solved for c, so that data at the ends holds at
every stage and needs no derivative in time; and nothing is divided by m alone, which is as small
as n^-4, but where the explicit weights are not those of the last stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..tableaux import AdditiveRungeKutta, Rows
from .basis import ChebyshevBasis, along_all
from .box import Box

Nonlinear = Callable[[np.ndarray, float, ChebyshevBasis], np.ndarray]
State = list[np.ndarray]
"""Coefficients (batch, *modes) of each field."""


@dataclass(frozen=True, eq=False)
class Data:
    """What the ends give at one time: the lift at the points of u and at those of N, its inner
    products with the modes, its pull."""

    lift: np.ndarray
    fine: np.ndarray
    load: np.ndarray
    pull: np.ndarray


class Stepper:
    """One equation on one basis.

    boxes: one for each field; diffusivities: (batch, fields); dealias: whether N is taken on 3/2
    times the points; bare: whether N takes and returns arrays without the axis of fields.
    """

    def __init__(
        self,
        tableau: AdditiveRungeKutta,
        boxes: Sequence[Box],
        diffusivities: np.ndarray,
        nonlinear: Nonlinear | None,
        dealias: bool,
        bare: bool,
    ) -> None:
        self.boxes, self._nonlinear, self._bare = boxes, nonlinear, bare
        basis = boxes[0].basis
        self._points = basis.refined([-(-3 * n // 2) for n in basis.shape]) if dealias else basis
        self._refine = [basis.matrix(axis, x) for axis, x in enumerate(self._points.axes)]
        self._a = [a.reshape(-1, *[1] * basis.ndim) for a in diffusivities.T]
        self._drag = [a * box.stiffness for a, box in zip(self._a, boxes, strict=True)]
        self._loads = [box.loads_from(self._points.shape) for box in boxes]
        self._values = [
            [refine @ modes.values for refine, modes in zip(self._refine, box.modes, strict=True)]
            for box in boxes
        ]
        stages = len(tableau.a)
        explicit, implicit = (_lower(rows) for rows in (tableau.a, tableau.implicit_a))
        self._nodes, self._gammas = tableau.nodes, np.diag(implicit)
        # Slopes of a stage lie behind one another: slow, fast, slow, ...
        self._rows = [
            np.stack([explicit[i, :i], implicit[i, :i]], axis=1).ravel() for i in range(stages)
        ]
        # The last stage has the implicit weights already, and may lack some of the explicit ones.
        self._gaps = np.array(tableau.b, dtype=float) - explicit[-1]
        self._fixed = [None if box.moves else self._data_of(i, 0.0) for i, box in enumerate(boxes)]
        self._h, self._implicit = np.nan, dict[float, State]()

    def data(self, t: float) -> list[Data]:
        """Of all fields."""
        return [fixed or self._data_of(i, t) for i, fixed in enumerate(self._fixed)]

    def _data_of(self, field: int, t: float) -> Data:
        box = self.boxes[field]
        lift = box.lift(t)
        fine = along_all(self._refine, lift)
        return Data(lift, fine, box.load(lift), self._a[field] * box.pull(lift, t))

    def begin(self, u0: np.ndarray, t: float) -> State:
        """Coefficients of u0, (batch, fields, *shape)."""
        return [
            box.project(u0[:, i] - data.lift)
            for i, (box, data) in enumerate(zip(self.boxes, self.data(t), strict=True))
        ]

    def values(self, state: State, data: list[Data]) -> np.ndarray:
        """(batch, fields, *shape)."""
        each = [
            box.values(c) + end.lift for box, c, end in zip(self.boxes, state, data, strict=True)
        ]
        return np.stack(each, axis=1)

    def step(self, state: State, now: list[Data], t: float, h: float) -> tuple[State, list[Data]]:
        """The state and the data at t + h."""
        last = len(self._nodes) - 1
        slopes = [np.zeros((2 * last + 2, *c.shape)) for c in state]
        stage, data = state, now
        for i, node in enumerate(self._nodes):
            if i:
                data = self.data(t + node * h)
                stage = self._solve(i, state, now, data, slopes, h)
            if i < last or self._gaps[last]:
                self._add_slopes(i, stage, data, t + node * h, slopes)
        if np.any(self._gaps) and self._nonlinear is not None:
            stage = [
                c + h * _combined(self._gaps, k[::2]) / box.mass
                for c, k, box in zip(stage, slopes, self.boxes, strict=True)
            ]
        return stage, data

    def _solve(
        self, i: int, state: State, now: list[Data], data: list[Data], slopes: State, h: float
    ) -> State:
        gamma = h * self._gammas[i]
        if h != self._h:
            self._h, self._implicit = h, {}
        if gamma not in self._implicit:
            self._implicit[gamma] = [
                box.mass + gamma * drag for box, drag in zip(self.boxes, self._drag, strict=True)
            ]
        result = []
        for f, box in enumerate(self.boxes):
            right = box.mass * state[f] + h * _combined(self._rows[i], slopes[f][: 2 * i])
            right += gamma * data[f].pull
            if data[f] is not now[f]:
                right -= data[f].load - now[f].load
            result.append(right / self._implicit[gamma][f])
        return result

    def _add_slopes(self, i: int, state: State, data: list[Data], t: float, slopes: State) -> None:
        """(N, v) and the rest of the right-hand side at stage i."""
        for f, c in enumerate(state):
            slopes[f][2 * i + 1] = data[f].pull - self._drag[f] * c
        if self._nonlinear is None:
            return
        fields = [
            along_all(matrices, c) + end.fine
            for matrices, c, end in zip(self._values, state, data, strict=True)
        ]
        u = fields[0] if self._bare else np.stack(fields, axis=1)
        rates = np.asarray(self._nonlinear(u, t, self._points)).reshape(u.shape)
        for f, matrices in enumerate(self._loads):
            slopes[f][2 * i] = along_all(matrices, rates if self._bare else rates[:, f])


def _lower(rows: Rows) -> np.ndarray:
    """Rows of growing length as a square matrix."""
    matrix = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        matrix[i, : len(row)] = row
    return matrix


def _combined(weights: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """sum_j weights[j] slopes[j]."""
    return (weights @ slopes.reshape(len(weights), -1)).reshape(slopes.shape[1:])
