"""Smooth functions that are zero on a boundary, joined and trimmed (R-functions).

Only + - * / ** of their arguments, so that arrays, tensors, Taylor jets and symbols go through.
Sources: Rvachev & Sheiko 1995, R-functions in boundary value problems in mechanics; Sukumar &
Srivastava 2022, Exact imposition of boundary conditions with distance functions.
"""

from __future__ import annotations

from typing import Any


def both(a: Any, b: Any) -> Any:
    """Positive where both are: a + b - sqrt(a^2 + b^2)."""
    return a + b - (a * a + b * b) ** 0.5


def either(a: Any, b: Any) -> Any:
    """Positive where one is: a + b + sqrt(a^2 + b^2)."""
    return a + b + (a * a + b * b) ** 0.5


def trimmed(f: Any, t: Any) -> Any:
    """Zero only where f = 0 and t >= 0: a distance to the part of f = 0 that t keeps.

    sqrt(f^2 + ((sqrt(t^2 + f^4) - t) / 2)^2), to first order a distance where f is one.
    """
    outside = ((t * t + f**4) ** 0.5 - t) / 2
    return (f * f + outside * outside) ** 0.5
