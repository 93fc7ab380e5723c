"""What an optimiser is to the loop, what it may ask of the objective, and why it stops."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import Tensor

from ...geometry.errors import InputError

GRADIENT = "gradient below tolerance"
REDUCTION = "relative reduction below tolerance"
LINE_SEARCH = "line search failed after restart"
DAMPING = "no damping gives a step that goes down"
ITERATIONS = "maximum iterations"
NOT_FINITE = "non-finite loss"

FINAL = (ITERATIONS, NOT_FINITE)
"""Reasons that other points or weights do not take away."""

Evaluate = Callable[[Tensor], tuple[float, Tensor]]
"""Parameter vector (n,) to the loss and its gradient (n,)."""


class Jacobian(Protocol):
    """d rows / d vector, (m, n), at one vector."""

    shape: tuple[int, int]

    def matvec(self, v: Tensor) -> Tensor:
        """J v (m,) of v (n,)."""
        ...

    def rmatvec(self, w: Tensor) -> Tensor:
        """J^T w (n,) of w (m,)."""
        ...

    def fill(self, matrix: Tensor) -> None:
        """Put J itself into a matrix (m, n), in the order of `rows`."""
        ...


class Objective(Protocol):
    """A loss; most optimisers only call it.

    `split`: its parts, which add up to it; MultiAdam asks. `rows`: r (m,) with loss = |r|^2, and
    its `jacobian`; Gauss-Newton asks. `shapes`: of the parameters in the vector; SOAP asks.
    """

    def __call__(self, vector: Tensor, /) -> tuple[float, Tensor]: ...

    def split(self, vector: Tensor) -> Mapping[str, tuple[float, Tensor]]: ...

    def rows(self, vector: Tensor) -> Tensor: ...

    def jacobian(self, vector: Tensor) -> Jacobian: ...

    @property
    def shapes(self) -> list[tuple[int, ...]]: ...


class Optimiser(Protocol):
    """What the loop asks of an optimiser.

    `max_iterations` bounds its steps, `loss` is the last known one, `stop_reason` is None while
    it may go on. `state()` holds everything that the next step depends on, as tensors, numbers
    and strings, so a run that is stopped and loaded goes on with the same bits.
    """

    max_iterations: int
    iterations: int
    loss: float | None
    stop_reason: str | None

    def step(self, x: Tensor, objective: Any) -> Tensor:
        """One step from x (n,); where none is possible, x itself and a `stop_reason`."""
        ...

    def objective_changed(self) -> None:
        """The points or the weights are others from now on."""
        ...

    def state(self) -> dict[str, Any]: ...

    def load_state(self, state: dict[str, Any]) -> None: ...


def minimise(objective: Any, x: Tensor, optimiser: Optimiser) -> Tensor:
    """Run the optimiser until it stops; `optimiser.stop_reason` says why."""
    while optimiser.stop_reason is None:
        x = optimiser.step(x, objective)
    return x


def finite(loss: float, *tensors: Tensor) -> bool:
    return math.isfinite(loss) and all(bool(t.isfinite().all()) for t in tensors)


def expect(holds: bool, expected: str, got: Any) -> None:
    """Raise InputError where options of an optimiser do not hold."""
    if not holds:
        raise InputError(f"expected {expected}, got {got}; correct the options of the optimiser")
