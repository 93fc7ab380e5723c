"""Ordinary systems as problems: all but the system and its inputs is written here."""

from __future__ import annotations

import dataclasses
import types
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..geometry.calculus import functions
from ..geometry.grid import Grid
from .evolution import FAINT, EvolutionProblem
from .problem import Arrays, Fidelity

if TYPE_CHECKING:
    from ..geometry.calculus.base import Calculus
    from ..solvers.ordinary.system import System
    from ..solvers.solution import Solution

SCHEMES = {4: "rodas4", 5: "dopri5", 8: "dop853"}


@dataclass(frozen=True)
class OrdinaryProblem(EvolutionProblem):
    """u_t = f(u, t) for a few unknowns, on a grid without axes; the resolution has no say.

    The knob is the tolerance, or a number of equal steps; orders are those of `SCHEMES`.
    """

    coordinates: ClassVar = ("t",)
    scheme_order: ClassVar[int] = 8
    """that data is made with; 4 for stiff systems"""

    @property
    @abstractmethod
    def system(self) -> System:
        """f; its unknowns are the outputs, its parameters are constants or inputs."""

    @property
    def solver_name(self) -> str:  # type: ignore[override]
        return f"Runge-Kutta {SCHEMES[self.scheme_order]}"

    def grid(self, resolution: int) -> Grid:
        return Grid((), ())

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        system = self.system
        unknowns = u if isinstance(u, tuple) else (u,)
        numbers = [getattr(p, name) for name in system.parameters]
        rates = _for_every_reading(system.rates)(*unknowns, x["t"], *numbers)
        rates = rates if isinstance(rates, tuple) else (rates,)
        rows = tuple(d(v, "t") - rate for v, rate in zip(unknowns, rates, strict=True))
        return rows if isinstance(u, tuple) else rows[0]

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        """Fields (batch, frames, [outputs,] *grid)."""
        from ..solvers.ordinary.integrate import integrate

        state = self.initial_state(inputs)
        solution = integrate(
            self.system,
            state.reshape(len(state), -1),
            self.times,
            self.solver_parameters(inputs, self.system.parameters),
            dt=float(self.times[-1]) / fidelity.steps if fidelity.steps else None,
            tolerance=None if fidelity.steps else fidelity.tolerance,
            scheme=SCHEMES[fidelity.order or self.scheme_order],
            threads=threads,
        )
        fields = solution.fields.reshape(len(state), len(self.times), *state.shape[1:])
        return dataclasses.replace(solution, fields=fields)

    def ladder(self) -> tuple[Fidelity, ...]:
        return tuple(
            Fidelity(4, tolerance=10.0**-digits, order=order)
            for digits in range(3, 11)
            for order in sorted({5, self.scheme_order})
        )

    def reference_fidelity(self) -> Fidelity:
        return Fidelity(4, 1e-12)

    def allowance(
        self, inputs: Arrays, before: np.ndarray, again: np.ndarray, grid: Grid, fidelity: Fidelity
    ) -> np.ndarray:
        """What the tolerance and the rounding of the stored frame grow to within a window.

        By the linearised flow, whose growth is what makes a system chaotic. Dense output may be
        off by ten times the tolerance.
        """
        flow = self._linearised(inputs, before)
        rounded = (before == before.astype(np.float32)).all()
        eps = float(np.finfo(np.float32 if rounded else np.float64).eps)
        first, last = (np.abs(u.reshape(len(u), -1)) for u in (before, again))
        largest = FAINT * np.maximum(first, last).max(axis=1, keepdims=True)
        off = (100 * fidelity.tolerance + eps) * np.maximum(first, largest)
        reached = np.einsum("bij,bj->bi", np.abs(flow), off)
        share = reached / np.maximum(last, largest)
        return np.sqrt(np.mean(share**2, axis=1))

    def _linearised(self, inputs: Arrays, before: np.ndarray) -> np.ndarray:
        """(batch, n, n): derivative of the state one frame later by the state `before`."""
        from ..solvers.ordinary.integrate import integrate

        n, batch = self.system.dimension, len(before)
        start = np.concatenate(
            [before.reshape(batch, n), np.broadcast_to(np.eye(n).ravel(), (batch, n * n))], axis=1
        )
        solution = integrate(
            self.system, start, self.times[:2],
            self.solver_parameters(inputs, self.system.parameters), tolerance=1e-5,
        )  # fmt: skip
        return solution.fields[:, 1, n:].reshape(batch, n, n).transpose(0, 2, 1)


class _Names:
    """What rates call `np`: functions that take any reading's values, else NumPy's own."""

    def __getattr__(self, name: str) -> Any:
        return getattr(functions, name, None) or getattr(np, name)


def _for_every_reading(rates: Any) -> Any:
    """The same function, with mathematical functions that symbols and tensors have too."""
    scope = {**rates.__globals__, "np": _Names()}
    return types.FunctionType(rates.__code__, scope, rates.__name__, rates.__defaults__)
