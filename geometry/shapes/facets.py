"""Distances to the facets of a mesh, in NumPy: segments in the plane, triangles in space."""

from __future__ import annotations

import numpy as np

from .polygon import Side


def solid_winding(points: np.ndarray, facets: np.ndarray) -> np.ndarray:
    """How often facets (m, d, d) wind around points (n, d): 1 inside a closed boundary, else 0.

    By angles in the plane and by solid angles in space (van Oosterom & Strackee 1983).
    """
    to = facets[None] - points[:, None, None]  # (n, m, corners, d)
    if points.shape[1] == 2:
        a, b = to[:, :, 0], to[:, :, 1]
        cross = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
        return np.arctan2(cross, np.sum(a * b, axis=-1)).sum(axis=1) / (2 * np.pi)
    a, b, c = (to[:, :, i] for i in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=-1) for v in (a, b, c))
    top = np.sum(a * np.cross(b, c), axis=-1)
    bottom = la * lb * lc + np.sum(a * b, -1) * lc + np.sum(a * c, -1) * lb + np.sum(b * c, -1) * la
    return np.arctan2(top, bottom).sum(axis=1) / (2 * np.pi)


def distance_to_facets(points: np.ndarray, facets: np.ndarray) -> np.ndarray:
    """Distance (n,) of points (n, d) to the nearest of facets (m, d, d)."""
    d = points.shape[1]
    pairs = [(0, 1)] if d == 2 else [(0, 1), (1, 2), (2, 0)]
    squares = np.min([_to_segments(points, facets[:, i], facets[:, j]) for i, j in pairs], axis=0)
    if d == 3:
        squares = np.minimum(squares, _to_triangles(points, facets))
    return np.sqrt(squares.min(axis=1))


def _to_segments(points: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances (n, m)."""
    along = b - a
    off = points[:, None] - a
    s = np.clip(np.sum(off * along, axis=-1) / np.sum(along * along, axis=-1), 0.0, 1.0)
    return np.sum((off - s[..., None] * along) ** 2, axis=-1)


def _to_triangles(points: np.ndarray, facets: np.ndarray) -> np.ndarray:
    """Squared distances (n, m) to the planes where the foot lies in the triangle, else infinity."""
    a, b, c = (facets[:, i] for i in range(3))
    normal = np.cross(b - a, c - a)
    off = points[:, None] - a
    inside = np.ones(off.shape[:2], dtype=bool)
    for p, q in ((a, b), (b, c), (c, a)):
        inward = np.cross(normal, q - p)
        inside &= np.sum((points[:, None] - p) * inward, axis=-1) >= 0
    height = np.sum(off * normal, axis=-1) ** 2 / np.sum(normal * normal, axis=-1)
    return np.where(inside, height, np.inf)


def line_sides(corners: np.ndarray, points: np.ndarray) -> list[Side]:
    """Segments (m, 2, 2) with the inside on their left, those in a straight row made one.

    A side whose line leaves all points of the mesh on its left, and meets them in the side alone,
    is measured by that line, which is smoother.
    """
    starts = {tuple(a): (a, b) for a, b in corners}
    ends = {tuple(b) for _, b in corners}
    size = np.ptp(points, axis=0).max()

    def straight(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> bool:
        cross = (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
        return abs(cross) <= 1e-9 * size * float(np.hypot(*(c - b)))

    before = {tuple(b): a for a, b in corners}
    first = [a for a, b in corners if tuple(a) not in ends or not straight(before[tuple(a)], a, b)]
    sides = []
    for a in first:
        b = starts[tuple(a)][1]
        while tuple(b) in starts and straight(a, b, starts[tuple(b)][1]):
            b = starts[tuple(b)][1]
        sides.append(Side(a, b, _alone(a, b, points, size)))
    return sides


def _alone(a: np.ndarray, b: np.ndarray, points: np.ndarray, size: float) -> bool:
    along = (b - a) / np.hypot(*(b - a))
    off = points - a
    left = along[0] * off[:, 1] - along[1] * off[:, 0]
    on = off[abs(left) <= 1e-9 * size] @ along
    within = (on >= -1e-9 * size) & (on <= np.hypot(*(b - a)) + 1e-9 * size)
    return bool((left >= -1e-9 * size).all() and within.all())
