"""Our own methods, as `solve_sequence` makes them: one object for a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from linear_cases import ALL, DEFINITE, Case, System

from sobolev.solvers.methods import make_method, method_for


class Ours:
    """A method of `solvers.methods.METHODS` ("auto": the fastest of the kind), timed with the
    making of the operator from its coefficients."""

    def __init__(self, method: str, kinds: tuple[str, ...], most: int, **options: Any) -> None:
        self.method, self.kinds, self.most, self.options = method, kinds, most, options
        inside = ", ".join(str(value) for value in options.values())
        self.name = f"sobolev {method}" + (f", {inside}" if inside else "")

    def start(self, case: Case) -> _Running:
        return _Running(self, case.rtol)


class _Running:
    def __init__(self, ours: Ours, rtol: float) -> None:
        self.ours, self.rtol = ours, rtol
        self.solver: Any = None

    def __call__(self, system: System) -> np.ndarray:
        A = system.operator()
        if self.solver is None:
            self.solver = make_method(method_for(self.ours.method, A), A, self.ours.options)
        return self.solver.solve(A, system.b, self.rtol).x


UNBOUNDED = 10**9
OURS = (
    Ours("auto", ALL, UNBOUNDED),
    Ours("multigrid", ("poisson3d",), UNBOUNDED),
    Ours("direct", ("diffusion", "helmholtz", "convection_diffusion"), UNBOUNDED),
    Ours("cg", DEFINITE, 200_000, preconditioner="icc"),
    Ours("recycled_cg", DEFINITE, 200_000, preconditioner="icc"),
    Ours("gcro_dr", ("diffusion", "convection_diffusion"), 100_000, preconditioner="ilu"),
    Ours("shifted_laplacian", ("helmholtz",), 20_000),
)
