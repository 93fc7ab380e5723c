"""One V(2,2)-cycle, its smoothing steps and transfers pipelined over slabs of slices.

While a slab is in the cache all steps pass over it, each one slice behind the one before. Where
axis 0 is periodic the first slices wait for the last ones and are done at the end.
"""

from __future__ import annotations

import numpy as np

from ..kernels import REASSOCIATE, borrowed, kernel
from .layout import (
    F0,
    F1,
    F2,
    FIRST,
    INVERSE,
    N0,
    N1,
    N2,
    P0,
    S0,
    S1,
    SIGMA,
    SLAB,
    W0,
    W1,
    W2,
    B,
    U,
    V,
)
from .links import field
from .smoothing import apply, jacobi, jacobi_from_zero, subtract_from, wrap_ends, wrap_slices
from .transfers import prolong_slices, restrict_slices

# Chebyshev weights of two Jacobi steps: 1 / (roots of T_2 mapped to [LOWEST, HIGHEST]). The
# eigenvalues of D^-1 A lie in (0, 2) by Gershgorin; those below LOWEST are left to the next level.
HIGHEST, LOWEST = 2.0, 0.4
_middle, _radius = 0.5 * (HIGHEST + LOWEST), 0.5 * (HIGHEST - LOWEST) * np.sqrt(0.5)
OMEGA_1 = np.float32(1.0 / (_middle - _radius))
OMEGA_2 = np.float32(1.0 / (_middle + _radius))


@kernel(inner=True)
def start_slices(b, inverse, out, level, first, last):
    """out = omega_1 D^-1 b on slices [first, last)."""
    s0 = level[S0]
    jacobi_from_zero(b, inverse, OMEGA_1, out, (first + 1) * s0, (last + 1) * s0)
    wrap_slices(out, level, first, last)


@kernel(inner=True)
def descend(workspace, level, coarse, buffer):
    """Two steps from zero, and the residual restricted to the next level's B."""
    u, v, b = field(workspace, level, U), field(workspace, level, V), field(workspace, level, B)
    f0, f1, f2 = (
        field(workspace, level, F0),
        field(workspace, level, F1),
        field(workspace, level, F2),
    )
    inverse, target = field(workspace, level, INVERSE), field(workspace, coarse, B)
    n0, periodic = level[N0], level[P0]
    target[:] = 0
    if periodic:
        start_slices(b, inverse, v, level, 0, 1)
        start_slices(b, inverse, v, level, n0 - 1, n0)
        wrap_ends(v, level)
    behind = 1 if periodic else 0
    for first in range(0, n0, level[SLAB]):
        last = min(first + level[SLAB], n0)
        end = last == n0
        start_slices(b, inverse, v, level, first, last)
        jacobi(
            v,
            b,
            f0,
            f1,
            f2,
            inverse,
            OMEGA_2,
            u,
            level,
            max(first - 1, 0),
            last if end else last - 1,
        )
        if end:
            wrap_ends(u, level)
        residual_slices(
            workspace, level, coarse, max(first - 2, behind), last if end else last - 2, buffer
        )
    residual_slices(workspace, level, coarse, 0, behind, buffer)


@kernel(inner=True)
def residual_slices(workspace, level, coarse, first, last, buffer):
    """Restrict b - A u of slices [first, last)."""
    if last <= first:
        return
    u, b = field(workspace, level, U), field(workspace, level, B)
    f0, f1, f2 = (
        field(workspace, level, F0),
        field(workspace, level, F1),
        field(workspace, level, F2),
    )
    sigma, s0 = field(workspace, level, SIGMA), level[S0]
    t = buffer[: (last - first) * s0]
    apply(u, f0, f1, f2, sigma, t, level, first, last)
    subtract_from(b[(first + 1) * s0 : (last + 1) * s0], t)
    restrict_slices(t, level, coarse, first, last, field(workspace, coarse, B))


@kernel(inner=True)
def ascend(workspace, level, coarse, buffer):
    """u += P of the next level's U, and two steps."""
    u, v, b = field(workspace, level, U), field(workspace, level, V), field(workspace, level, B)
    f0, f1, f2 = (
        field(workspace, level, F0),
        field(workspace, level, F1),
        field(workspace, level, F2),
    )
    inverse, correction = field(workspace, level, INVERSE), field(workspace, coarse, U)
    w0, w1, w2 = (
        field(workspace, level, W0),
        field(workspace, level, W1),
        field(workspace, level, W2),
    )
    n0, periodic = level[N0], level[P0]
    first_v, first_u = (1, 2) if periodic else (0, 0)
    for first in range(0, n0, level[SLAB]):
        last = min(first + level[SLAB], n0)
        prolong_slices(correction, w0, w1, w2, level, coarse, first, last, buffer, u)
        wrap_slices(u, level, first, last)
        jacobi(u, b, f0, f1, f2, inverse, OMEGA_1, v, level, max(first - 1, first_v), last - 1)
        jacobi(v, b, f0, f1, f2, inverse, OMEGA_2, u, level, max(first - 2, first_u), last - 2)
    wrap_ends(u, level)
    jacobi(u, b, f0, f1, f2, inverse, OMEGA_1, v, level, max(n0 - 1, first_v), n0)
    jacobi(u, b, f0, f1, f2, inverse, OMEGA_1, v, level, 0, first_v)
    wrap_ends(v, level)
    jacobi(v, b, f0, f1, f2, inverse, OMEGA_2, u, level, max(n0 - 2, first_u), n0)
    jacobi(v, b, f0, f1, f2, inverse, OMEGA_2, u, level, 0, min(first_u, n0))
    wrap_ends(u, level)


@kernel(REASSOCIATE, inner=True)
def solve_coarsest(level, inverse, b, u):
    n0, n1, n2 = level[N0], level[N1], level[N2]
    n = n0 * n1 * n2
    packed = np.empty(n, dtype=np.float32)
    for i in range(n0):
        for j in range(n1):
            at = level[FIRST] + i * level[S0] + j * level[S1]
            cell = (i * n1 + j) * n2
            for k in range(n2):
                packed[cell + k] = b[at + k]
    for i in range(n0):
        for j in range(n1):
            at = level[FIRST] + i * level[S0] + j * level[S1]
            for k in range(n2):
                cell = ((i * n1 + j) * n2 + k) * n
                row = inverse[cell : cell + n]
                total = np.float32(0.0)
                for c in range(n):
                    total += row[c] * packed[c]
                u[at + k] = total
    wrap_slices(u, level, 0, n0)
    wrap_ends(u, level)


@kernel()
def cycle(layout, workspace, buffer):
    """From zero: level 0's B in, its U out, ghosts filled."""
    layout, workspace, buffer = borrowed(layout), borrowed(workspace), borrowed(buffer)
    levels = layout.shape[0]
    for number in range(levels - 1):
        descend(workspace, layout[number], layout[number + 1], buffer)
    last = layout[levels - 1]
    solve_coarsest(
        last,
        field(workspace, last, INVERSE),
        field(workspace, last, B),
        field(workspace, last, U),
    )
    for number in range(levels - 2, -1, -1):
        ascend(workspace, layout[number], layout[number + 1], buffer)
