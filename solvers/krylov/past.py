"""Solutions of earlier systems of one matrix, from which the next one starts.

Fischer, Projection techniques for iterative solution of A x = b with successive right-hand sides,
Comput. Methods Appl. Mech. Engrg. 163 (1998) 193-204: the images A x are orthonormal, so that the
part of a residual that they span costs two products with a table of vectors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

DEPENDENT = 1e-13  # of the image: directions that keep less of it are rounding


@dataclass(frozen=True)
class Past:
    """X, Q (most, n) with A X = Q in their first `size` rows, those of Q orthonormal.

    Never seen to change: `added` writes a row that no object looks at, or else copies the tables.
    `filled` holds how many rows any object looks at.
    """

    X: np.ndarray
    Q: np.ndarray
    size: int
    filled: list[int]

    @classmethod
    def first(cls, x: np.ndarray, image: np.ndarray, most: int) -> Past:
        """That of one solution, with room for `most`."""
        empty = cls(np.empty((most, x.size), x.dtype), np.empty((most, x.size), x.dtype), 0, [0])
        return empty.added(x, image)

    @property
    def full(self) -> bool:
        return self.size == len(self.Q)

    def project(self, r: np.ndarray) -> tuple[np.ndarray, float]:
        """x among the rows' combinations that leaves least of r - A x, and how much."""
        Q, X = self.Q[: self.size], self.X[: self.size]
        y = Q.conj() @ r
        return y @ X, float(np.linalg.norm(r - y @ Q))

    def added(self, x: np.ndarray, image: np.ndarray) -> Past:
        """With one solution more, where it is not full; x (n,) and A x."""
        size, length = self.size, float(np.linalg.norm(image))
        if self.full or not 0 < length < np.inf:
            return self
        Q, X = self.Q[:size], self.X[:size]
        x, image = x / length, image / length
        for _ in range(2):
            y = Q.conj() @ image
            image, x = image - y @ Q, x - y @ X
        rest = float(np.linalg.norm(image))
        if not rest > DEPENDENT:
            return self
        grown = self if self.filled[0] == size else replace(
            self, X=self.X.copy(), Q=self.Q.copy(), filled=[size]
        )  # fmt: skip
        grown.X[size], grown.Q[size] = x / rest, image / rest
        grown.filled[0] = size + 1
        return replace(grown, size=size + 1)
