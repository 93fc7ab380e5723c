"""What follows from prices: greeks, and the boundary of early exercise."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...geometry.derivatives import derivative
from ...geometry.errors import InputError
from ...geometry.grid import Grid
from .closed_form import Kind, payoff, sign_of
from .finite_differences import Style, solve_options

BUMP = 1e-4  # of volatility and rate: its square and rounding over it are both 1e-8
TOUCHING = 1e-12


def greeks(
    grid: Grid,
    t: float,
    volatility: Any,
    rate: Any,
    dividend: Any = 0.0,
    kind: Kind = "put",
    style: Style = "european",
    tolerance: float = 1e-8,
) -> dict[str, np.ndarray]:
    """Derivatives of the solution at time t to maturity, (batch, *grid.shape), names and signs as
    `closed_form.european_greeks` has them.

    delta and gamma are differences of order 4 in x, theta is what the equation makes of them
    (zero where the option is exercised), vega and rho are central differences of solutions. The
    arguments are those of `solve_options`, the rate at least 1e-4.
    """
    sigma, r, q = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (volatility, rate, dividend))
    sigma, r, q = np.broadcast_arrays(sigma, r, q)
    if not np.all(r >= BUMP):
        raise InputError(f"expected rates of at least {BUMP:g}, which rho moves them by, got {r}")
    moved = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]) * BUMP
    solution = solve_options(
        grid, np.array([0.0, t]), (sigma + moved[:, :1]).ravel(), (r + moved[:, 1:]).ravel(),
        np.tile(q, len(moved)), kind, style, tolerance=tolerance,
    )  # fmt: skip
    if not solution.converged.all():
        raise InputError(f"{solution.reason[0]}; choose a larger tolerance")
    v, more_sigma, less_sigma, more_r, less_r = np.split(solution.fields[:, 1], len(moved))
    slope, bend = (derivative(v, grid, (order,), "fd4") for order in (1, 2))
    a, b, c = 0.5 * sigma[:, None] ** 2, (r - q)[:, None], r[:, None]
    rate_of_change = a * bend + (b - a) * slope - c * v
    if style == "american":
        rate_of_change = np.maximum(rate_of_change, 0.0)
    stock = np.exp(grid.axes[0])
    return {
        "delta": slope / stock,
        "gamma": (bend - slope) / stock**2,
        "theta": -rate_of_change,
        "vega": (more_sigma - less_sigma) / (2 * BUMP),
        "rho": (more_r - less_r) / (2 * BUMP),
    }


def exercise_boundary(prices: np.ndarray, grid: Grid, kind: Kind = "put") -> np.ndarray:
    """S* / K up to which (put) or from which on (call) an American option is exercised, (…,).

    prices: (…, *grid.shape). The price leaves the payoff like a parabola, so the boundary is
    where the root of the excess, through its second and fourth point, is zero; the first one has
    the largest error. This is right to about a tenth of the spacing. nan where the grid holds no
    point of early exercise, or fewer than four beyond it.
    """
    put = sign_of(kind) < 0
    x = grid.axes[0] if put else grid.axes[0][::-1]
    excess = np.asarray(prices, dtype=float) - payoff(grid.axes[0], kind)
    excess = np.atleast_2d(excess if put else excess[..., ::-1])
    flat = excess.reshape(-1, excess.shape[-1])
    touching = (flat <= TOUCHING) & (payoff(x, kind) > 0)
    result = np.full(len(flat), np.nan)
    for row, (values, held) in enumerate(zip(flat, touching, strict=True)):
        if not held[0]:
            continue
        last = int(np.argmin(held)) - 1
        if held.all() or last + 4 >= len(x):
            continue
        near, far = np.sqrt(values[[last + 2, last + 4]])
        if far == near:  # the payoff itself, at maturity
            continue
        result[row] = np.exp(x[last + 2] - 2 * near / (far - near) * (x[1] - x[0]))
    return result.reshape(np.shape(prices)[:-1])
