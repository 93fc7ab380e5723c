"""GCRO-DR: GMRES with deflated restarting whose space is carried to the next system.

Parks, de Sturler, Mackey, Johnson, Maiti, Recycling Krylov subspaces for sequences of linear
systems, SIAM J. Sci. Comput. 28 (2006) 1651-1674, https://doi.org/10.1137/040607277. Comments in
`gcro_cycles` carry the step numbers of the algorithm in its appendix. Flexible preconditioning
after Carvalho, Gratton, Lago, Vasseur, SIAM J. Sci. Comput. 33 (2011) 2860-2881. Vectors are rows.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...geometry.errors import InputError
from .gcro_cycles import Cycles
from .harmonic_ritz import Target, check_target
from .result import CONVERGED, KrylovResult, Operator, System
from .space import RecycleSpace, Workspace

Side = Literal["right", "left", "flexible"]
Refresh = Literal["cycle", "early", "system"]
SINGLE_FROM = 1000  # unknowns: below it single precision saves nothing
EARLY = 5  # cycles, by which the space holds what slows the iteration most


def gcro_dr(
    A: Operator,
    b: np.ndarray,
    space: RecycleSpace | None = None,
    m: int = 40,
    k: int = 20,
    x0: np.ndarray | None = None,
    M: Operator | None = None,
    rtol: float = 1e-8,
    max_iterations: int = 10_000,
    side: Side = "right",
    target: Target = "smallest",
    refresh: Refresh | None = None,
    precision: Literal["mixed", "double"] = "mixed",
    workspace: Workspace | None = None,
) -> tuple[KrylovResult, RecycleSpace | None]:
    """Solve A x = b until |b - A x| <= rtol |b|; return the result and the space for the next.

    space    from an earlier system of the same size, whose matrix, right-hand side and
             preconditioner may differ
    m, k     directions kept at once, and k < m of them recycled; with k = 0 this is GMRES(m)
    A, M     anything with `@` or a function, real or complex; M approximates the inverse of A
    side     of M. "flexible": M may differ from product to product. Whatever the side, the end
             is judged by the true residual
    target   which harmonic Ritz vectors of A M (M A on the left) are kept
    refresh  "cycle": in every cycle, as published. "system": the correction of each cycle
             joins the space, which is reduced to k directions when it holds m of them, and at
             the end: no eigenproblem within a cycle and no direction lost; those corrections
             hold little of other targets than "smallest". "early": in the first five cycles,
             then as "system": with as few products as "cycle", in down to half the time. None:
             for the target "smallest" "early", or "system" where the space is of this very
             matrix; for the others "cycle"
    precision  "mixed": basis and space in single precision, x and the residual that starts each
             cycle in double, so that any tolerance is reached; a system for which single
             precision is too coarse goes on in double, and so do those that get its space
    workspace  memory of the worker, for the next system of the size

    Raises `InputError` on shapes that do not fit and on unknown options. A system that its first
    guess or earlier solutions already solve gives back the space that it was given.
    """
    if not 0 <= k < m:
        raise InputError(f"expected 0 <= k < m, got m = {m} and k = {k}; try m = 40, k = 20")
    for name, value, known in (
        ("side", side, ("right", "left", "flexible")),
        ("refresh", refresh, ("cycle", "early", "system", None)),
        ("precision", precision, ("mixed", "double")),
    ):
        if value not in known:
            raise InputError(f"expected {name} of {known}, got {value!r}")
    check_target(target)
    system = System(A, b, x0, M, rtol, max_iterations)
    if space is not None and space.U.shape[1:] != system.b.shape:
        raise InputError(
            f"expected a space of vectors of length {system.b.size}, got {space.U.shape[1]}; "
            "begin a new space for another size"
        )
    carried = space is not None and len(space.U) > 0 and k > 0
    named = refresh or ("early" if target == "smallest" else "cycle")
    renewals = {"cycle": np.inf, "early": EARLY, "system": 0}[named]
    iteration = Cycles(system, m, k, side == "left", target, renewals, workspace or Workspace())
    solved = system.norm_b == 0 or iteration.norm <= iteration.goal
    if solved or not np.isfinite(iteration.norm):
        return iteration.finish(CONVERGED), space
    with np.errstate(all="ignore"):  # what overflows is found and reported
        if space is not None and carried:
            iteration.remember(space)
        if iteration.norm <= iteration.goal:
            return iteration.finish(CONVERGED), space
        coarse = precision == "double" or system.b.size < SINGLE_FROM
        coarse = coarse or (space is not None and space.U.dtype == system.dtype)
        iteration.allocate(system.dtype if coarse else _single(system.dtype))
        if space is not None and carried:
            iteration.reuse(space)
            if refresh is None and target == "smallest" and iteration.age:
                iteration.renewals = 0
        reason = iteration.run(max_iterations)
        result = iteration.finish(reason)
        return result, iteration.space() or space  # 34


def _single(kind: np.dtype) -> np.dtype:
    return np.dtype(np.complex64 if kind.kind == "c" else np.float32)


__all__ = ["RecycleSpace", "Refresh", "Side", "gcro_dr"]
