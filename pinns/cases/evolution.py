"""Equations in time on a periodic interval: Burgers, Allen-Cahn, Korteweg-de Vries, convection."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...geometry.grid import Grid
from ...geometry.shapes import Box
from ..conditions import Initial, Periodic
from ..fields import Points
from ..statement import Statement

if TYPE_CHECKING:
    from ...solvers.solution import Solution

LINE = Box((-1.0,), (1.0,))
UNIT_TIME = (0.0, 1.0)


def spacetime(frames: int, points: int, low: float = -1.0, high: float = 1.0) -> Grid:
    """Times in [0, 1], both ends, and a periodic axis."""
    extent = (UNIT_TIME, (low, high))
    return Grid(extent, (frames, points), (False, True), names=("t", "x"))


def every(solution: Solution, step: int) -> np.ndarray:
    """Each `step`-th point of the one trajectory (frames, points)."""
    return np.ascontiguousarray(solution.fields[0, :, ::step])


# --- Burgers ----------------------------------------------------------------------------------

VISCOSITY = 0.01 / math.pi


def burgers() -> Statement:
    """u_t + u u_x = nu u_xx on [-1, 1], u0 = -sin(pi x): a front of width 4 nu (Basdevant 1986)."""
    return Statement(
        ("t", "x"), LINE,
        lambda u, d, x, p: d(u, "t") + u * d(u, "x") - VISCOSITY * d(u, "xx"),
        (Periodic("x", hard=True), Initial(lambda x: -torch.sin(math.pi * x["x"]), hard=True)),
        times=UNIT_TIME,
    )  # fmt: skip


def cole_hopf(t: np.ndarray, x: np.ndarray, nodes: int = 150) -> np.ndarray:
    """The solution (len(t), len(x)) by Gauss-Hermite quadrature (Basdevant et al. 1986, (2.5))."""
    z, w = np.polynomial.hermite.hermgauss(nodes)
    y = x[None, :, None] - z * np.sqrt(4.0 * VISCOSITY * t[:, None, None])
    exponent = -np.cos(np.pi * y) / (2.0 * np.pi * VISCOSITY)
    kernel = w * np.exp(exponent - exponent.max(axis=-1, keepdims=True))
    return np.asarray(-(np.sin(np.pi * y) * kernel).sum(axis=-1) / kernel.sum(axis=-1))


def burgers_spectral(grid: Grid, tolerance: float) -> np.ndarray:
    from ...solvers.spectral.equations import BURGERS
    from ...solvers.spectral.integrate import integrate

    fine = Grid(((-1.0, 1.0),), (2048,), periodic=True)
    u0 = -np.sin(np.pi * fine.axes[0])
    found = integrate(
        BURGERS, u0[None], grid.axes[0], fine, {"viscosity": VISCOSITY}, tolerance=tolerance
    )
    return every(found, 2048 // grid.shape[1])


# --- Allen-Cahn -------------------------------------------------------------------------------

DIFFUSIVITY = 1e-4


def allen_cahn() -> Statement:
    """u_t = 1e-4 u_xx + 5 (u - u^3) on [-1, 1], u0 = x^2 cos(pi x), periodic."""
    return Statement(
        ("t", "x"), LINE,
        lambda u, d, x, p: d(u, "t") - DIFFUSIVITY * d(u, "xx") + 5.0 * (u**3 - u),
        (Periodic("x", hard=True), Initial(smoothing_kink, hard=True)),
        times=UNIT_TIME,
    )  # fmt: skip


def smoothing_kink(x: Points) -> Tensor:
    """x^2 cos(pi x) at t = 0, and later without the kink that it has at x = +-1 as it is periodic.

    There u0 + 1 is 2 z up to z^2, with z = 1 - |x|, and the equation is v_t = D v_xx - 10 v for
    v = u + 1, to which the kink has a closed form. A network on sines and cosines of x could not
    make a kink, nor undo one that it is given for all times.
    """
    z = 1.0 - torch.where(x["x"] > 0.0, x["x"], -x["x"])
    width = (4.0 * DIFFUSIVITY * (x["t"] + 1e-9)).sqrt()
    y = z / width
    kink = z * torch.erf(y) + width * torch.exp(-y * y) / math.sqrt(math.pi)
    near = (1.0 + torch.cos(math.pi * z)) ** 2 / 4.0
    change = 2.0 * near * (torch.exp(-10.0 * x["t"]) * kink - z)
    return x["x"] ** 2 * torch.cos(math.pi * x["x"]) + change


def allen_cahn_solution(grid: Grid, tolerance: float = 1e-10) -> np.ndarray:
    from ...solvers.spectral.equations import ALLEN_CAHN
    from ...solvers.spectral.integrate import integrate

    fine = Grid(((-1.0, 1.0),), (4096,), periodic=True)
    u0 = fine.axes[0] ** 2 * np.cos(np.pi * fine.axes[0])
    found = integrate(
        ALLEN_CAHN, u0[None], grid.axes[0], fine, {"diffusivity": DIFFUSIVITY, "rate": 5.0},
        tolerance=tolerance,
    )  # fmt: skip
    return every(found, 4096 // grid.shape[1])


# --- Korteweg-de Vries ------------------------------------------------------------------------

DISPERSION = 0.0025


def kdv() -> Statement:
    """u_t + u u_x + 0.0025 u_xxx = 0 on [-1, 1], u0 = cos(pi x), periodic: a train of solitons."""
    return Statement(
        ("t", "x"), LINE,
        lambda u, d, x, p: d(u, "t") + u * d(u, "x") + DISPERSION * d(u, "xxx"),
        (Periodic("x", hard=True), Initial(lambda x: torch.cos(math.pi * x["x"]), hard=True)),
        times=UNIT_TIME,
    )  # fmt: skip


def kdv_solution(grid: Grid, tolerance: float = 1e-10) -> np.ndarray:
    from ...solvers.spectral.equations import KDV
    from ...solvers.spectral.integrate import integrate

    fine = Grid(((-1.0, 1.0),), (256,), periodic=True)
    found = integrate(
        KDV, np.cos(np.pi * fine.axes[0])[None], grid.axes[0], fine,
        {"nonlinearity": 1.0, "dispersion": DISPERSION}, tolerance=tolerance,
    )  # fmt: skip
    return every(found, 256 // grid.shape[1])


# --- convection -------------------------------------------------------------------------------


def convection(speed: float, hard: bool = True) -> Statement:
    """u_t + c u_x = 0 on [0, 2 pi], u0 = sin x, periodic (Krishnapriyan et al. 2021).

    hard: of the initial condition. Where it is a term of the loss, the residual is measured in
    units of c, so that both count alike.
    """
    unit = 1.0 if hard else speed
    return Statement(
        ("t", "x"), Box((0.0,), (2.0 * math.pi,)),
        lambda u, d, x, p: d(u, "t") / unit + speed / unit * d(u, "x"),
        (Periodic("x", hard=True), Initial(lambda x: torch.sin(x["x"]), hard=hard)),
        times=UNIT_TIME,
    )  # fmt: skip


def convection_solution(grid: Grid, speed: float) -> np.ndarray:
    t, x = grid.coordinates()
    return np.asarray(np.sin(x - speed * t))


def convection_spectral(grid: Grid, tolerance: float, speed: float) -> np.ndarray:
    from ...solvers.spectral.equations import ADVECTION
    from ...solvers.spectral.integrate import integrate

    line = Grid((grid.extent[1],), (grid.shape[1],), periodic=True)
    found = integrate(
        ADVECTION, np.sin(line.axes[0])[None], grid.axes[0], line, {"speed": speed},
        tolerance=tolerance,
    )  # fmt: skip
    return every(found, 1)
