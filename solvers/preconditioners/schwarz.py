"""Additive Schwarz: overlapping subdomains, each solved on its own."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sparse

from ...geometry.errors import InputError
from ..direct import DirectSolver
from .base import Preconditioner
from .ilu import ILU
from .subdomains import cut_graph, cut_grid, grow


class Schwarz(Preconditioner):
    """M = sum_i R_i^T A_i^-1 R_i with A_i = R_i A R_i^T, the R_i restricting to subdomains.

    size        unknowns of a subdomain without its overlap, about: boxes where A has a grid,
                else pieces grown in the graph of A
    overlap     layers of neighbours in the graph of A that are added to each subdomain
    restricted  each subdomain gives back only its own part, without the overlap (RAS): fewer
                iterations, but not symmetric; for GMRES kinds
    local       "lu": each A_i is solved exactly; a number: by ILU of that level of fill
    parts       (n,) number of the subdomain of each unknown, in place of `size`

    Hermitian positive definite where A is and `restricted` is False. Toselli & Widlund, Domain
    Decomposition Methods (2005), section 1.6.1; Cai & Sarkis, SIAM J. Sci. Comput. 21 (1999)
    792-797. All A_i are the blocks of one matrix, which is factored as a whole. Raises `InputError`
    on options that make no sense, and where a local matrix is singular.

    >>> Schwarz(np.diag([1.0, 2.0, 4.0]), size=2) @ np.ones(3)
    array([1.  , 0.5 , 0.25])
    """

    def __init__(
        self,
        A: Any,
        size: int = 256,
        overlap: int = 1,
        restricted: bool = False,
        local: Literal["lu"] | int = "lu",
        parts: np.ndarray | None = None,
    ) -> None:
        if size < 1 or overlap < 0:
            raise InputError(
                f"expected subdomains of at least one unknown and an overlap of at least 0, got "
                f"{size} and {overlap}"
            )
        if local != "lu" and not isinstance(local, int):
            raise InputError(f'expected local "lu" or a level of fill, got {local!r}')
        self.size, self.overlap, self.restricted, self.local = size, overlap, restricted, local
        self.parts = parts if parts is None else np.asarray(parts)
        super().__init__(A)

    def update(self, A: Any) -> None:
        self._grid = getattr(A, "grid", None)
        super().update(A)

    def _analyse(self, A: sparse.csr_array) -> None:
        n = A.shape[0]
        parts = self._cut(A)
        self.subdomains = int(parts.max()) + 1
        members = grow(A, parts, self.overlap)
        self._unknowns = members.indices  # of each place of the subdomains, one after the other
        domain = np.repeat(np.arange(self.subdomains), np.diff(members.indptr))
        self._own = np.empty(n, dtype=np.intp)
        mine = np.flatnonzero(parts[self._unknowns] == domain)
        self._own[self._unknowns[mine]] = mine
        everyone = np.ones(self._unknowns.size)
        places = (self._unknowns, np.arange(self._unknowns.size))
        self._sum = sparse.csr_array((everyone, places), shape=(n, self._unknowns.size))
        self._local_pattern(A, domain)
        self._direct: DirectSolver | None = None
        self._ilu: ILU | None = None

    def _cut(self, A: sparse.csr_array) -> np.ndarray:
        n = A.shape[0]
        if self.parts is None:
            if self._grid is not None and np.prod(self._grid.shape) == n:
                return cut_grid(self._grid.shape, self.size)
            return cut_graph(A, self.size)
        parts = self.parts
        whole = parts.shape == (n,) and parts.dtype.kind in "iu"
        if not (whole and np.array_equal(np.unique(parts), np.arange(parts.max() + 1))):
            raise InputError(
                f"expected {n} numbers of subdomains 0, 1, ..., each in use, got an array of shape "
                f"{parts.shape} and type {parts.dtype}"
            )
        return parts

    def _local_pattern(self, A: sparse.csr_array, domain: np.ndarray) -> None:
        """The matrix with the blocks A_i: its pattern, and where its values stand in A."""
        n, count = A.shape[0], self._unknowns.size
        keys = domain.astype(np.int64) * n + self._unknowns  # ascending
        lengths = np.diff(A.indptr)[self._unknowns]
        rows = np.repeat(np.arange(count), lengths)
        starts = np.cumsum(lengths) - lengths
        places = np.arange(rows.size) - starts[rows] + A.indptr[self._unknowns][rows]
        wanted = domain[rows].astype(np.int64) * n + A.indices[places]
        columns = np.minimum(np.searchsorted(keys, wanted), count - 1)
        inside = keys[columns] == wanted
        self._gather = places[inside]
        self._indices = columns[inside].astype(np.int32)
        counts = np.bincount(rows[inside], minlength=count)
        self._indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)

    def _compute(self, A: sparse.csr_array) -> None:
        data, count = A.data[self._gather], self._unknowns.size
        blocks = sparse.csr_array((data, self._indices, self._indptr), shape=(count, count))
        if self.local == "lu":
            self._direct = self._direct or DirectSolver()
            self._direct.factorise(blocks)
        elif self._ilu is None:
            self._ilu = ILU(blocks, self.local)
        else:
            self._ilu.update(blocks)

    def _apply(self, r: np.ndarray) -> np.ndarray:
        local = r[self._unknowns]
        if self._direct is not None:
            z = self._direct.apply(local)
        else:
            assert self._ilu is not None
            z = self._ilu @ local
        return z[self._own] if self.restricted else self._sum @ z
