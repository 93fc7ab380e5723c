"""What every solver returns: fields, and whether they may be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry.errors import InputError

CONVERGED = "converged"
STAGNATED = "stagnated"
MAXIMUM_ITERATIONS = "maximum iterations"


@dataclass(frozen=True)
class Solution:
    """A batch of solutions. Not converging is a status, which the caller must look at.

    fields      (batch, *grid), or (batch, frames, *grid) where there is time
    converged   (batch,) bool
    iterations  (batch,) of the Krylov or multigrid method, or time steps
    residual    (batch,) true relative residual |b - A u| / |b| (elliptic), or the estimated
                relative error in time (time stepping; nan where none was asked for)
    seconds     (batch,) wall seconds spent on each sample, set-up included; samples that were
                solved together share theirs evenly
    reason      one line a sample; begins with "converged" where it did, else says why it did not

    Raises `InputError` where the lengths differ.
    """

    fields: np.ndarray
    converged: np.ndarray
    iterations: np.ndarray
    residual: np.ndarray
    seconds: np.ndarray
    reason: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("converged", "iterations", "residual", "seconds", "reason"):
            if len(getattr(self, name)) != len(self.fields):
                raise InputError(
                    f"expected {len(self.fields)} entries in {name}, "
                    f"got {len(getattr(self, name))}; give one for each sample"
                )

    def __len__(self) -> int:
        return len(self.fields)

    @staticmethod
    def join(parts: Sequence[Solution]) -> Solution:
        """One solution of several batches, in their order."""
        return Solution(
            np.concatenate([part.fields for part in parts]),
            np.concatenate([part.converged for part in parts]),
            np.concatenate([part.iterations for part in parts]),
            np.concatenate([part.residual for part in parts]),
            np.concatenate([part.seconds for part in parts]),
            tuple(reason for part in parts for reason in part.reason),
        )
