"""What the direct solver asks of a library that factors matrices."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

import numpy as np
import scipy.sparse as sparse

Structure = Literal["general", "symmetric", "positive"]
"""No symmetry; A = A^T, perhaps indefinite; A = A^H and positive definite."""


class Factorisation(Protocol):
    """The analysis of one pattern, and the factor of the matrix that came last.

    Made from the first matrix of the pattern. `factorise` raises `csr.UnusableMatrix` where the
    matrix is singular, or not positive definite where that was promised. `solve` takes b of the
    matrix's dtype, (n,) or (n, right-hand sides), and gives a new array of its shape.
    """

    finds_indefinite: ClassVar[bool]  # whether "positive" fails on a matrix that is not
    analyses: int

    def __init__(self, A: sparse.csr_array, structure: Structure) -> None: ...

    def factorise(self, A: sparse.csr_array) -> None: ...

    def solve(self, b: np.ndarray) -> np.ndarray: ...


SINGULAR = "matrix is singular"
INDEFINITE = "matrix is not positive definite"
