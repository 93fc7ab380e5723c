"""Fast transforms for sequences of diffusion systems, exact where a is constant."""

from __future__ import annotations

import numpy as np

from ..diffusion import DiffusionOperator
from ..preconditioners.transform import MeanTransform
from ..residual import true_residual
from .cg import cg
from .result import CONVERGED, KrylovResult


class TransformCG:
    """One transform with the mean coefficient; CG on it where that is not the answer yet.

    >>> from ...geometry.grid import Grid
    >>> grid = Grid(((0.0, 1.0), (0.0, 1.0)), (8, 8), centering="cell")
    >>> TransformCG().solve(DiffusionOperator(np.ones((8, 8)), grid), np.ones(64), 1e-8).iterations
    1
    """

    def __init__(self, max_iterations: int = 10_000) -> None:
        self.max_iterations = max_iterations

    def solve(
        self, A: DiffusionOperator, b: np.ndarray, rtol: float, x0: np.ndarray | None = None
    ) -> KrylovResult:
        """Solve A x = b until |b - A x| <= rtol |b|."""
        M, b = MeanTransform(A), np.asarray(b)
        if x0 is None and b.shape == A.shape[:1]:
            x = M @ b
            residual = true_residual(A, x, b)
            if residual <= rtol:
                history = np.array([1.0, residual])
                return KrylovResult(x, True, 1, 1, residual, CONVERGED, history)
        return cg(A, b, x0=x0, M=M, rtol=rtol, max_iterations=self.max_iterations)
