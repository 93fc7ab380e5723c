"""Kernels of the robust tier: stencils of 3^d points, interpolation from the operator, Galerkin.

A level holds A as (n0, n1, n2, points): entry p of a cell couples it to the cell at offset
p of `offsets`, (points, 3), whose middle one is the cell itself. The finest level has 5 or 7
points. In two dimensions n1 = 1 and no offset points along axis 1. Couplings beyond a boundary
are zero; periodic axes wrap.

Coarse points are the cells of even number along the axes that are coarsened, and all along the
others. P is (n0, n1, n2, 8): the weight of the coarse point at base + corner, where bit d of the
corner (4, 2, 1 for axes 0, 1, 2) steps up along axis d.
"""

from __future__ import annotations

from ..kernels import REASSOCIATE, kernel


@kernel()
def finest_stencil(f0, f1, f2, sigma, wraps, A):
    """Fill A, of 5 or 7 points, from the links."""
    n0, n1, n2 = A.shape[:3]
    middle, last = A.shape[3] // 2, A.shape[3] - 1
    A[:] = 0
    for i in range(n0):
        for j in range(n1):
            for k in range(n2):
                cell = A[i, j, k]
                if sigma.size > 0:
                    cell[middle] += sigma[i, j, k]
                _couple(cell, i, n0, wraps[0], f0[i, j, k], f0[i + 1, j, k], 0, last)
                if f1.size > 0:
                    _couple(cell, j, n1, wraps[1], f1[i, j, k], f1[i, j + 1, k], 1, 5)
                _couple(cell, k, n2, wraps[2], f2[i, j, k], f2[i, j, k + 1], middle - 1, middle + 1)


@kernel()
def _couple(cell, i, n, wraps, lower, upper, below, above):
    cell[cell.size // 2] += lower + upper
    if i > 0 or wraps:
        cell[below] -= lower
    if i < n - 1 or wraps:
        cell[above] -= upper


@kernel()
def _wrapped(i, n):
    """i inside [0, n), and how many times n was added to reach i."""
    return i % n, (i - i % n) // n


@kernel()
def interpolation(A, offsets, halved, P):
    """P from A (Alcouffe, Brandt, Dendy, Painter 1981): along an axis where a cell is odd, from
    the operator with its couplings along the even axes collapsed onto the cell."""
    n = A.shape[:3]
    P[:] = 0
    for odd_axes in range(4):
        for i in range(n[0]):
            for j in range(n[1]):
                for k in range(n[2]):
                    odd = (i % 2 * halved[0], j % 2 * halved[1], k % 2 * halved[2])
                    if odd[0] + odd[1] + odd[2] != odd_axes:
                        continue
                    if odd_axes == 0:
                        P[i, j, k, 0] = 1.0
                    else:
                        _interpolate(A[i, j, k], offsets, (i, j, k), odd, n, P)


@kernel()
def _interpolate(row, offsets, at, odd, n, P):
    here = P[at[0], at[1], at[2]]
    own = 0.0
    for p in range(row.size):
        s0, s1, s2 = offsets[p, 0] * odd[0], offsets[p, 1] * odd[1], offsets[p, 2] * odd[2]
        if s0 == 0 and s1 == 0 and s2 == 0:
            own += row[p]
            continue
        if row[p] == 0.0:
            continue
        other = P[(at[0] + s0) % n[0], (at[1] + s1) % n[1], (at[2] + s2) % n[2]]
        up = 4 * (s0 > 0) + 2 * (s1 > 0) + (s2 > 0)
        for corner in range(8):
            if other[corner] != 0.0:
                here[corner + up] -= row[p] * other[corner]
    if not own > 1e-10 * row[row.size // 2]:
        own = row[row.size // 2]
    for corner in range(8):
        here[corner] /= own


@kernel()
def galerkin(A, P, offsets, halved, coarse):
    """coarse = P^T A P, in the same form."""
    n, m = A.shape[:3], coarse.shape[:3]
    points = A.shape[3]
    plane, middle = 9 if coarse.shape[3] == 27 else 3, coarse.shape[3] // 2
    coarse[:] = 0
    for i in range(n[0]):
        for j in range(n[1]):
            for k in range(n[2]):
                base = (i // (1 + halved[0]), j // (1 + halved[1]), k // (1 + halved[2]))
                own = P[i, j, k]
                for p in range(points):
                    value = A[i, j, k, p]
                    if value == 0.0:
                        continue
                    a, turn_0 = _wrapped(i + offsets[p, 0], n[0])
                    b, turn_1 = _wrapped(j + offsets[p, 1], n[1])
                    c, turn_2 = _wrapped(k + offsets[p, 2], n[2])
                    d0 = a // (1 + halved[0]) + turn_0 * m[0] - base[0]
                    d1 = b // (1 + halved[1]) + turn_1 * m[1] - base[1]
                    d2 = c // (1 + halved[2]) + turn_2 * m[2] - base[2]
                    other = P[a, b, c]
                    for s in range(8):
                        if own[s] == 0.0:
                            continue
                        s0, s1, s2 = s // 4, s // 2 % 2, s % 2
                        at = ((base[0] + s0) % m[0], (base[1] + s1) % m[1], (base[2] + s2) % m[2])
                        row, first = (
                            coarse[at],
                            middle + plane * (d0 - s0) + 3 * (d1 - s1) + d2 - s2,
                        )
                        for q in range(8):
                            if other[q] != 0.0:
                                step = plane * (q // 4) + 3 * (q // 2 % 2) + q % 2
                                row[first + step] += own[s] * value * other[q]


@kernel(REASSOCIATE)
def _inner_row(A, cell, distances, x):
    """Row of A x for a cell whose neighbours all exist; A and x flat."""
    total, first = 0.0, cell * distances.size
    for p in range(distances.size):
        total += A[first + p] * x[cell + distances[p]]
    return total


@kernel()
def _outer_row(row, offsets, i, j, k, x):
    """The same for a cell at the rim, whose neighbours may be at the other end."""
    n0, n1, n2 = x.shape
    total = 0.0
    for p in range(row.size):
        if row[p] != 0.0:
            a, b, c = i + offsets[p, 0], j + offsets[p, 1], k + offsets[p, 2]
            total += row[p] * x[a % n0, b % n1, c % n2]
    return total


@kernel()
def _is_inner(i, j, k, n0, n1, n2, points):
    inside = i > 0 and i < n0 - 1 and k > 0 and k < n2 - 1
    return inside and (points in (5, 9) or (j > 0 and j < n1 - 1))


@kernel()
def gauss_seidel(A, offsets, distances, b, x, backward):
    """One sweep over the cells in their order, or in the opposite one, in place."""
    n0, n1, n2 = x.shape
    points = distances.size
    A_flat, x_flat, b_flat = A.reshape(A.size), x.reshape(x.size), b.reshape(b.size)
    for number in range(x.size):
        cell = x.size - 1 - number if backward else number
        i, j, k = cell // (n1 * n2), cell // n2 % n1, cell % n2
        if _is_inner(i, j, k, n0, n1, n2, points):
            total = _inner_row(A_flat, cell, distances, x_flat)
        else:
            total = _outer_row(A[i, j, k], offsets, i, j, k, x)
        x_flat[cell] += (b_flat[cell] - total) / A_flat[cell * points + points // 2]


@kernel()
def restrict_residual(A, offsets, distances, P, halved, b, x, coarse):
    """coarse = P^T (b - A x)."""
    n0, n1, n2 = x.shape
    m0, m1, m2 = coarse.shape
    A_flat, x_flat = A.reshape(A.size), x.reshape(x.size)
    coarse[:] = 0
    for i in range(n0):
        for j in range(n1):
            for k in range(n2):
                if _is_inner(i, j, k, n0, n1, n2, distances.size):
                    total = _inner_row(A_flat, (i * n1 + j) * n2 + k, distances, x_flat)
                else:
                    total = _outer_row(A[i, j, k], offsets, i, j, k, x)
                r = b[i, j, k] - total
                i0, j0, k0 = i // (1 + halved[0]), j // (1 + halved[1]), k // (1 + halved[2])
                for s in range(8):
                    weight = P[i, j, k, s]
                    if weight != 0.0:
                        at = ((i0 + s // 4) % m0, (j0 + s // 2 % 2) % m1, (k0 + s % 2) % m2)
                        coarse[at] += weight * r


@kernel()
def add_prolonged(P, halved, coarse, x):
    """x += P coarse."""
    m0, m1, m2 = coarse.shape
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            for k in range(x.shape[2]):
                i0, j0, k0 = i // (1 + halved[0]), j // (1 + halved[1]), k // (1 + halved[2])
                for s in range(8):
                    weight = P[i, j, k, s]
                    if weight != 0.0:
                        at = ((i0 + s // 4) % m0, (j0 + s // 2 % 2) % m1, (k0 + s % 2) % m2)
                        x[i, j, k] += weight * coarse[at]
