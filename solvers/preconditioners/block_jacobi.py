"""Block Jacobi: the inverses of the diagonal blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ..csr import UnusableMatrix
from .base import Preconditioner


class BlockJacobi(Preconditioner):
    """M = diag(A_1, ..., A_m)^-1 with blocks of `size` successive unknowns, the last one smaller.

    The inverses are kept as dense matrices: n * size numbers. Saad, Iterative Methods (2003),
    section 4.1.1. Raises `UnusableMatrix` where a block is singular, `InputError` if size < 1.

    >>> BlockJacobi(np.diag([1.0, 2.0, 4.0]), size=2) @ np.ones(3)
    array([1.  , 0.5 , 0.25])
    """

    def __init__(self, A: Any, size: int = 32) -> None:
        if size < 1:
            raise InputError(f"expected blocks of at least one unknown, got {size}")
        self.size = size
        super().__init__(A)

    def _analyse(self, A: sparse.csr_array) -> None:
        m = self.size
        rows = np.repeat(np.arange(A.shape[0]), np.diff(A.indptr))
        self._inside = np.flatnonzero(rows // m == A.indices // m)
        self._places = rows[self._inside] * m + A.indices[self._inside] % m

    def _compute(self, A: sparse.csr_array) -> None:
        n, m = A.shape[0], self.size
        count = -(-n // m)
        blocks = np.zeros((count, m, m), dtype=A.dtype)
        blocks.reshape(-1)[self._places] = A.data[self._inside]
        spare = np.arange(n - (count - 1) * m, m)  # the last block is filled up with the identity
        blocks[-1, spare, spare] = 1.0
        try:
            self._inverses = np.linalg.inv(blocks)
        except np.linalg.LinAlgError:
            sizes = np.linalg.matrix_rank(blocks)
            first = int(np.argmax(sizes < m)) * m
            raise UnusableMatrix(
                f"singular diagonal block from row {first} on", "choose another block size"
            ) from None

    def _apply(self, r: np.ndarray) -> np.ndarray:
        count, m, _ = self._inverses.shape
        padded = np.zeros((count * m, 1), dtype=r.dtype)
        padded[: r.size, 0] = r
        return np.matmul(self._inverses, padded.reshape(count, m, 1)).reshape(-1)[: r.size]
