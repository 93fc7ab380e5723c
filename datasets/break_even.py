"""After how many solves a surrogate has paid for its data and its training.

McGreivy & Hakim 2024, "Weak baselines and reporting biases lead to overoptimism in machine learning
for fluid-related PDEs": a surrogate is compared with the cheapest classical setting that is at
least as accurate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..geometry.errors import InputError

Kind = Literal["classical", "surrogate"]


@dataclass(frozen=True)
class Row:
    """One contestant, measured. Errors are relative, their mean and maximum over instances.

    seconds: per solve, by batch size; the median over repeats.
    """

    name: str
    kind: Kind
    errors: dict[str, float]
    worst: dict[str, float]
    seconds: dict[int, float]
    setup_seconds: float
    data_seconds: float
    training_seconds: float

    def at(self, mode: str) -> tuple[int, float]:
        """(batch, seconds a solve) at batch 1 (`single`) or at the best batch (`best`)."""
        if mode == "single":
            return 1, self.seconds[1]
        batch = min(self.seconds, key=lambda b: self.seconds[b])
        return batch, self.seconds[batch]


@dataclass(frozen=True)
class BreakEven:
    """A surrogate beside the cheapest classical setting that is at least as accurate.

    ratio: classical seconds over surrogate seconds, above 1 where the surrogate is faster.
    count: N* = setup / (classical - surrogate) solves pay for the set-up; inf is 'never'.
    beyond: no setting of the ladder was as accurate, so the reference stands in.
    below: less accurate than the cheapest setting of the ladder. A classical solver that bad would
    be cheaper still, so such a surrogate never pays, however fast it is.
    """

    surrogate: str
    classical: str
    metric: str
    mode: str
    surrogate_error: float
    classical_error: float
    surrogate_seconds: float
    classical_seconds: float
    ratio: float
    count: float
    beyond: bool
    below: bool

    @property
    def verdict(self) -> str:
        """`never`, or the number of solves after which the surrogate has paid for itself."""
        return "never" if math.isinf(self.count) else f"{math.ceil(self.count):,}"


def break_even(
    rows: Sequence[Row], reference: Row | None = None, metric: str = "L2", mode: str = "best"
) -> list[BreakEven]:
    """Each surrogate against the cheapest classical row that is at least as accurate.

    reference: stands in where no row of the ladder reaches a surrogate's accuracy; without it
    such a surrogate is left out. mode: `single` (batch 1 on both sides) or `best` (each side at
    its own best batch).
    """
    classical = [row for row in rows if row.kind == "classical"]
    result = []
    for surrogate in (row for row in rows if row.kind == "surrogate"):
        wanted = surrogate.errors[metric]
        if not math.isfinite(wanted):
            raise InputError(f"the error of '{surrogate.name}' is {wanted}; nothing to compare")
        # The answer zero has error 1, so what is worse has blown up; the cheapest of the rest is
        # the coarsest.
        alive = [row for row in classical if row.errors[metric] < 1]
        coarsest = min(alive, key=lambda row: row.at(mode)[1], default=None)
        below = coarsest is not None and wanted > coarsest.errors[metric]
        enough = [row for row in alive if row.errors[metric] <= wanted]
        if not enough and reference is None:
            continue
        match = min(enough, key=lambda row: row.at(mode)[1]) if enough else reference
        assert match is not None
        result.append(_compare(surrogate, match, metric, mode, not enough, below))
    return result


def _compare(
    surrogate: Row, classical: Row, metric: str, mode: str, beyond: bool, below: bool
) -> BreakEven:
    ours, theirs = surrogate.at(mode)[1], classical.at(mode)[1]
    saved = theirs - ours
    return BreakEven(
        surrogate=surrogate.name,
        classical=classical.name,
        metric=metric,
        mode=mode,
        surrogate_error=surrogate.errors[metric],
        classical_error=classical.errors[metric],
        surrogate_seconds=ours,
        classical_seconds=theirs,
        ratio=theirs / ours,
        count=surrogate.setup_seconds / saved if saved > 0 and not below else math.inf,
        beyond=beyond,
        below=below,
    )
