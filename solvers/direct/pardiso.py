"""PARDISO of Intel MKL, found through pypardiso (the extra "pardiso"), phase by phase.

The analysis (phase 11) is done once for a pattern, the numerical factorisation (22) for each
matrix. Schenk & Gaertner, Future Gener. Comput. Syst. 20 (2004) 475-487; the numbers of matrix
types, phases and `iparm` are those of the oneMKL reference, section "oneMKL PARDISO".
"""

from __future__ import annotations

import ctypes
import weakref
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ..csr import UnusableMatrix, UpperTriangle
from .factorisation import INDEFINITE, SINGULAR, Structure

# (structure, is complex) -> matrix type.
MATRIX_TYPES = {
    ("positive", False): 2,
    ("symmetric", False): -2,
    ("general", False): 11,
    ("positive", True): 4,
    ("symmetric", True): 6,
    ("general", True): 13,
}
ANALYSE, FACTORISE, SOLVE, RELEASE = 11, 22, 33, -1
ZERO_PIVOT, SINGULAR_DIAGONAL = -4, -7
DOUBTFUL = 1e-6  # relative residual above which perturbed pivots mean a singular matrix


class PardisoFactorisation:
    """See `Factorisation`. One thread.

    Rows are not matched to columns at first, as suits equations with a strong diagonal. Where
    pivots had to be perturbed, the analysis is repeated with scaling and matching on the values
    of that matrix (`analyses` counts it), and the pattern keeps these from then on.
    """

    finds_indefinite: ClassVar[bool] = True

    def __init__(self, A: sparse.csr_array, structure: Structure) -> None:
        self.structure = structure
        self.analyses = 0
        self._matching = False
        self._triangle = None if structure == "general" else UpperTriangle(A)
        places = A if self._triangle is None else self._triangle
        self._indptr, self._indices = places.indptr.copy(), places.indices.copy()
        self._start()
        self._analyse(A)

    def _start(self) -> None:
        """A new handle with its options."""
        self._handle = np.zeros(64, dtype=np.int64)
        options = np.zeros(64, dtype=np.int32)
        options[0] = 1  # no defaults
        options[1] = 2  # METIS
        options[9] = 13 if self.structure == "general" else 8  # pivots below 10^-this: perturbed
        options[10] = options[12] = self._matching  # scaling, matching
        options[20] = 1  # Bunch-Kaufman pivoting
        options[23] = not self._matching  # two-level factorisation
        options[34] = 1  # indices from zero
        self._options = options

    def _analyse(self, A: sparse.csr_array) -> None:
        kind = MATRIX_TYPES[self.structure, A.dtype.kind == "c"]
        self._call = _Call(kind, self._handle, self._options, self._indptr, self._indices)
        self._release = weakref.finalize(self, self._call, RELEASE, np.empty(0, A.dtype))
        self._check(self._call(ANALYSE, self._values(A)))
        self.analyses += 1

    def _values(self, A: sparse.csr_array) -> np.ndarray:
        return A.data if self._triangle is None else self._triangle.values(A.data)

    def factorise(self, A: sparse.csr_array) -> None:
        if not np.all(np.diff(A.indptr)):  # which would crash the library
            raise UnusableMatrix(SINGULAR)
        self._A, self._data = A, self._values(A)
        error = self._call(FACTORISE, self._data)
        perturbed = self._options[13] > 0 or (error and self.structure != "positive")
        if perturbed and not self._matching and self.structure != "positive":
            self._release()
            self._matching = True
            self._start()
            self._analyse(A)
            error = self._call(FACTORISE, self._data)
        self._check(error)

    def solve(self, b: np.ndarray) -> np.ndarray:
        b = np.asfortranarray(b)
        x = np.empty_like(b)
        self._check(self._call(SOLVE, self._data, b, x))
        if self._options[13] > 0:
            size = np.linalg.norm(b)
            if not np.linalg.norm(b - self._A @ x) <= DOUBTFUL * size:
                raise UnusableMatrix(SINGULAR)
        return np.ascontiguousarray(x)

    def _check(self, error: int) -> None:
        if error in (ZERO_PIVOT, SINGULAR_DIAGONAL):
            raise UnusableMatrix(INDEFINITE if self.structure == "positive" else SINGULAR)
        if error == -2:
            raise MemoryError("PARDISO has not enough memory")
        if error:
            raise UnusableMatrix(f"PARDISO gives up with error {error}")


class _Call:
    """One phase of the library on one handle. Holds no reference to the factorisation."""

    def __init__(
        self,
        kind: int,
        handle: np.ndarray,
        options: np.ndarray,
        indptr: np.ndarray,
        indices: np.ndarray,
    ) -> None:
        self._library = library()
        self._kind, self._handle, self._options = kind, handle, options
        self._indptr, self._indices = indptr, indices

    def __call__(
        self,
        phase: int,
        values: np.ndarray,
        b: np.ndarray | None = None,
        x: np.ndarray | None = None,
    ) -> int:
        """The library's error code, 0 if all is well."""
        error = ctypes.c_int32(0)
        columns = 1 if b is None or b.ndim == 1 else b.shape[1]
        one, n = _number(1), _number(self._indptr.size - 1)
        threads = self._library.MKL_Set_Num_Threads_Local(1)
        self._library["pardiso"](
            _address(self._handle), one, one, _number(self._kind), _number(phase), n,
            _address(values), _address(self._indptr), _address(self._indices), None,
            _number(columns), _address(self._options), _number(0), _address(b), _address(x),
            ctypes.byref(error),
        )  # fmt: skip
        self._library.MKL_Set_Num_Threads_Local(threads)
        return error.value


def _number(value: int) -> Any:
    return ctypes.byref(ctypes.c_int32(value))


def _address(array: np.ndarray | None) -> ctypes.c_void_p | None:
    return None if array is None else ctypes.c_void_p(array.ctypes.data)


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    try:
        from pypardiso.scipy_aliases import pypardiso_solver
    except (ImportError, OSError):
        raise InputError(
            "expected PARDISO, got no pypardiso with MKL; pip install 'sobolev[pardiso]'"
        ) from None
    return pypardiso_solver.libmkl
