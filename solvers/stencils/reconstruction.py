"""Values at faces from the values of cells, biased to the left; mirrored calls give the other."""

from __future__ import annotations

REACH = {"upwind": 1, "muscl": 2, "weno5": 3}
"""Reconstructions, and how many cells on each side of a face they look at."""


def muscl(a, b, c):
    """The value at the face between b and c, with the slope of monotonized central differences.

    van Leer, Towards the ultimate conservative difference scheme III, J. Comput. Phys. 23 (1977),
    equation 66. Order 2; no new extremes.
    """
    left, right = 2.0 * (b - a), 2.0 * (c - b)
    middle = 0.5 * (c - a)
    # The one nearest to zero where all have one sign, else zero; without a branch.
    up = max(min(min(left, right), middle), 0.0)
    down = min(max(max(left, right), middle), 0.0)
    return b + 0.5 * (up + down)


def weno5(a, b, c, d, e):
    """The value at the face between c and d of a function with these means.

    Jiang & Shu, Efficient implementation of weighted ENO schemes, J. Comput. Phys. 126 (1996),
    equations 2.12-2.16 and table II.
    """
    # Products: in single precision a power is a call of the library.
    bend_0, tilt_0 = a - 2.0 * b + c, a - 4.0 * b + 3.0 * c
    bend_1, tilt_1 = b - 2.0 * c + d, b - d
    bend_2, tilt_2 = c - 2.0 * d + e, 3.0 * c - 4.0 * d + e
    share = 13.0 / 12.0
    rough_0 = share * bend_0 * bend_0 + 0.25 * tilt_0 * tilt_0
    rough_1 = share * bend_1 * bend_1 + 0.25 * tilt_1 * tilt_1
    rough_2 = share * bend_2 * bend_2 + 0.25 * tilt_2 * tilt_2
    # Ratios to 0.1, 0.6, 0.3 over (1e-6 + roughness)^2, with one division in all.
    e_0, e_1, e_2 = 1e-6 + rough_0, 1e-6 + rough_1, 1e-6 + rough_2
    w_0 = 0.1 * (e_1 * e_2) * (e_1 * e_2)
    w_1 = 0.6 * (e_0 * e_2) * (e_0 * e_2)
    w_2 = 0.3 * (e_0 * e_1) * (e_0 * e_1)
    q_0 = 2.0 * a - 7.0 * b + 11.0 * c
    q_1 = -b + 5.0 * c + 2.0 * d
    q_2 = 2.0 * c + 5.0 * d - e
    return (w_0 * q_0 + w_1 * q_1 + w_2 * q_2) / (6.0 * (w_0 + w_1 + w_2))


def kept(mean, face):
    """The share of `face - mean` that keeps a face value within half of the mean on both sides.

    Then a cell is a mean of positive parts, half of it its two face values; and where water gets
    thin its discharge, of which the same share is kept, makes no velocities that are not there.
    """
    room = 0.5 * max(mean, 0.0)
    return room / max(max(abs(face - mean), room), 1e-30)
