"""Preconditioners, one a file, and the table of them by name.

`PRECONDITIONERS[name](A, **options)` makes one: an object M with `shape`, `dtype`, `M @ r` for
flat r (n,), and `update(A)` for the next matrix of a sequence. "multigrid" and "transform" need a
`DiffusionOperator`; the others take every sparse matrix. Each file is imported on first use.

>>> PRECONDITIONERS["jacobi"]([[2.0, 0.0], [0.0, 4.0]]) @ [1.0, 1.0]
array([0.5 , 0.25])
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def _later(module: str, name: str) -> Callable[..., Any]:
    def make(A: Any, **options: Any) -> Any:
        return getattr(import_module(f".{module}", __name__), name)(A, **options)

    return make


PRECONDITIONERS: dict[str, Callable[..., Any]] = {
    "none": _later("base", "Identity"),
    "jacobi": _later("jacobi", "Jacobi"),
    "block_jacobi": _later("block_jacobi", "BlockJacobi"),
    "sor": _later("ssor", "SOR"),
    "ssor": _later("ssor", "SSOR"),
    "ilu": _later("ilu", "ILU"),
    "icc": _later("icc", "ICC"),
    "schwarz": _later("schwarz", "Schwarz"),
    "amg": _later("algebraic", "AlgebraicMultigrid"),
    "chebyshev": _later("polynomial", "Chebyshev"),
    "multigrid": _later(".multigrid", "Multigrid"),
    "transform": _later("transform", "MeanTransform"),
}
