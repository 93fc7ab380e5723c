"""What every preconditioner has: shape, dtype, `M @ r`, and `update` for the next matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ..csr import Pattern, UnusableMatrix, as_csr

REORDER = "reorder the equations"
UNUSABLE = "expected a preconditioner, got one whose last update failed"


class Preconditioner:
    """M @ r approximates A^-1 r for vectors r (n,), real or complex.

    Made from a SciPy sparse matrix, an array or an operator with `to_csr()`; `update(A)` makes it
    anew for another matrix. What depends on the pattern alone is kept while the pattern stays the
    same (`analyses` counts how often it was found); the values are those of a fresh object, bit
    for bit. Both raise `InputError` where A is not square or not finite, or where the method
    cannot go on; after that it must be updated again before it can be used.

    A method fills in `_analyse` (pattern), `_compute` (values) and `_apply`.
    """

    def __init__(self, A: Any) -> None:
        self.analyses = 0
        self._pattern: Pattern | None = None
        self.update(A)

    def update(self, A: Any) -> None:
        """Take the values of A, a matrix of any pattern."""
        self._usable = False
        matrix = as_csr(A)
        self.shape, self.dtype = matrix.shape, matrix.dtype
        if self._pattern is None or not self._pattern.fits(matrix):
            self._pattern = None
            self._analyse(matrix)
            self._pattern = Pattern(matrix)
            self.analyses += 1
        self._compute(matrix)
        self._usable = True

    def __matmul__(self, r: np.ndarray) -> np.ndarray:
        r = np.asarray(r)
        if r.shape != (self.shape[0],):
            raise InputError(f"expected a vector of length {self.shape[0]}, got shape {r.shape}")
        if not self._usable:
            raise InputError(UNUSABLE)
        if np.iscomplexobj(r) and self.dtype.kind != "c":
            return self._apply(_plain(r.real, self.dtype)) + 1j * self._apply(
                _plain(r.imag, self.dtype)
            )
        return self._apply(_plain(r, self.dtype))

    def lean(self, kind: np.dtype) -> Callable[[np.ndarray], np.ndarray]:
        """r -> M r for contiguous vectors r (n,) of a precision, unchecked, as M is now.

        A method that can (`_lean`) works in single precision where that is asked for.
        """
        if not self._usable:
            raise InputError(UNUSABLE)
        return self._lean(kind)

    def _analyse(self, A: sparse.csr_array) -> None:
        """Find what depends on the pattern of A alone."""

    def _compute(self, A: sparse.csr_array) -> None:
        raise NotImplementedError

    def _apply(self, r: np.ndarray) -> np.ndarray:
        """A new vector; r is contiguous and of this object's dtype."""
        raise NotImplementedError

    def _lean(self, kind: np.dtype) -> Callable[[np.ndarray], np.ndarray]:
        """What `lean` gives."""
        return self.__matmul__


class Identity(Preconditioner):
    """M = I: no preconditioner. The result is r itself, not a copy."""

    def _compute(self, A: sparse.csr_array) -> None:
        pass

    def _apply(self, r: np.ndarray) -> np.ndarray:
        return r


def _plain(r: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.ascontiguousarray(r, dtype=dtype)


def places_of_diagonal(A: sparse.csr_array) -> np.ndarray:
    """Index into A.data of each diagonal entry (n,); raises `InputError` where one is missing."""
    rows = np.repeat(np.arange(A.shape[0], dtype=np.int32), np.diff(A.indptr))
    places = np.flatnonzero(rows == A.indices)
    if places.size != A.shape[0]:
        missing = int(np.setdiff1d(np.arange(A.shape[0]), A.indices[places])[0])
        raise UnusableMatrix(f"zero on the diagonal in row {missing}", REORDER)
    return places


def inverse_of_diagonal(diagonal: np.ndarray) -> np.ndarray:
    """1 / diagonal; raises `InputError` where an entry is zero."""
    zero = np.flatnonzero(diagonal == 0)
    if zero.size:
        raise UnusableMatrix(f"zero on the diagonal in row {zero[0]}", REORDER)
    return 1.0 / diagonal


def in_precision_of(values: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Values (real or complex as they are) in the precision of a dtype."""
    single = np.dtype(kind).itemsize < (16 if np.dtype(kind).kind == "c" else 8)
    wanted = {"f": np.float32, "c": np.complex64}[values.dtype.kind] if single else values.dtype
    return values.astype(wanted, copy=False)
