"""Our own methods: one object for a sequence, timed with the operator's making."""

from __future__ import annotations

import numpy as np
from linear_cases import Case, System

from sobolev.solvers.diffusion import DiffusionOperator
from sobolev.solvers.elliptic import solve_diffusion


class Ours:
    name: str
    kinds: tuple[str, ...]

    def __init__(self, case: Case) -> None:
        self.rtol = case.rtol

    def __call__(self, system: System) -> np.ndarray:
        raise NotImplementedError


class Multigrid(Ours):
    name = "sobolev multigrid CG"
    kinds = ("diffusion",)

    def __call__(self, system: System) -> np.ndarray:
        A = system.operator()
        assert isinstance(A, DiffusionOperator)
        f = system.b.reshape(A.grid.shape)
        return solve_diffusion(A.a[None], f, A.grid, rtol=self.rtol).fields.ravel()


OURS: tuple[type[Ours], ...] = (Multigrid,)
