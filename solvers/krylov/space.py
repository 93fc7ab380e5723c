"""What recycling carries from system to system, and memory that a worker uses again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .past import Past


@dataclass(frozen=True)
class RecycleSpace:
    """What one system leaves to the next: at most k directions, as rows. Never changed in place.

    U   (k, n)  in the variable x: part of the solution space
    T   (k, n)  what the preconditioner made U from, U = M T; None where it is U itself
    C   (k, n)  A U (left: M A U), orthonormal, of the matrix that it comes from
    probe       a vector and its image under that matrix: where the next one maps it alike, C is
                used again, and `age` counts how often
    past        solutions of that matrix
    """

    U: np.ndarray
    T: np.ndarray | None = None
    C: np.ndarray | None = None
    probe: tuple[np.ndarray, np.ndarray] | None = None
    age: int = 0
    past: Past | None = None


class Workspace:
    """Arrays by name, given again to the next solve of one worker: fresh memory costs time."""

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}

    def array(self, name: str, rows: int, n: int, kind: np.dtype) -> np.ndarray:
        """An array (rows, n) with any content."""
        found = self._arrays.get(name)
        if found is None or found.shape != (rows, n) or found.dtype != kind:
            found = self._arrays[name] = np.empty((rows, n), dtype=kind)
        return found
