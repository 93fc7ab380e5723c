"""Equations with known solutions, on which methods are measured: `CASES`.

Each is a short statement, a reference, a recipe and the accuracy that methods are held to.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..geometry.errors import InputError
from ..geometry.function import Function
from ..geometry.grid import Grid
from ..geometry.points import PointCloud
from ..geometry.shapes import Box
from .conditions import Dirichlet, Initial, Periodic
from .config import PINNConfig
from .fields import Points
from .statement import Statement

if TYPE_CHECKING:
    from ..solvers.solution import Solution

LINE = Box((-1.0,), (1.0,))
UNIT_TIME = (0.0, 1.0)


@dataclass(frozen=True)
class Case:
    """An equation, its solution on a grid or at points, and a recipe.

    solution: values on `on`. accuracy: the relative L2 error to come below. classical: the same
    by the solver of this package for a tolerance, and `method` its name.
    windows: in time, each with a network by the recipe.
    """

    statement: Callable[[], Statement]
    on: Grid | PointCloud
    solution: Callable[[Any], np.ndarray]
    recipe: PINNConfig
    accuracy: float
    classical: Callable[[Any, float], np.ndarray] | None = None
    method: str = "ETDRK4"
    windows: int = 1

    def reference(self) -> Function:
        return Function(self.solution(self.on), self.on)


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
    from ..solvers.spectral.equations import BURGERS
    from ..solvers.spectral.integrate import integrate

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
    from ..solvers.spectral.equations import ALLEN_CAHN
    from ..solvers.spectral.integrate import integrate

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
    from ..solvers.spectral.equations import KDV
    from ..solvers.spectral.integrate import integrate

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
    from ..solvers.spectral.equations import ADVECTION
    from ..solvers.spectral.integrate import integrate

    line = Grid((grid.extent[1],), (grid.shape[1],), periodic=True)
    found = integrate(
        ADVECTION, np.sin(line.axes[0])[None], grid.axes[0], line, {"speed": speed},
        tolerance=tolerance,
    )  # fmt: skip
    return every(found, 1)


# --- steady equations -------------------------------------------------------------------------


def helmholtz() -> Statement:
    """u_xx + u_yy + u = f on [-1, 1]^2 with u = sin(pi x) sin(4 pi y), 0 on the boundary."""

    def residual(u: Any, d: Any, x: Points, p: Any) -> Any:
        wave = torch.sin(math.pi * x["x"]) * torch.sin(4.0 * math.pi * x["y"])
        return d.laplacian(u) + u - (1.0 - 17.0 * math.pi**2) * wave

    square = Box((-1.0, -1.0), (1.0, 1.0))
    return Statement(("x", "y"), square, residual, (Dirichlet("all", 0.0, hard=True),))


def helmholtz_solution(grid: Grid) -> np.ndarray:
    x, y = grid.coordinates()
    return np.asarray(np.sin(np.pi * x) * np.sin(4.0 * np.pi * y))


def helmholtz_chebyshev(grid: Grid, tolerance: float) -> np.ndarray:
    """More and more points, until a quarter more changes the values by no more than the tolerance.

    Raises InputError where 128 an axis are too few.
    """
    from ..solvers.chebyshev.basis import ChebyshevBasis
    from ..solvers.chebyshev.boundary import dirichlet
    from ..solvers.chebyshev.box import Box as ChebyshevBox

    before = np.full(grid.shape, np.inf)
    for n in (8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128):
        basis = ChebyshevBasis(grid.extent, (n, n))
        x, y = basis.coordinates()
        f = (1.0 - 17.0 * np.pi**2) * np.sin(np.pi * x) * np.sin(4.0 * np.pi * y)
        found = basis.interpolate(ChebyshevBox(basis, dirichlet()).solve(-f, sigma=-1.0), grid)
        if np.abs(found - before).max() <= tolerance:
            return np.asarray(found)
        before = found
    raise InputError(f"expected a tolerance that 128 points an axis reach, got {tolerance:g}")


def poisson(dimension: int = 10) -> Statement:
    """-lap u = (pi / 2)^2 u* on the unit cube, u* = sum_i sin(pi x_i / 2) on all of its sides."""

    def solution(x: Points) -> Tensor:
        parts = [torch.sin(0.5 * math.pi * one) for one in x.values()]
        return torch.stack(parts, dim=-1).sum(dim=-1)

    names = tuple(f"x{i + 1}" for i in range(dimension))
    return Statement(
        names, Box((0.0,) * dimension, (1.0,) * dimension),
        lambda u, d, x, p: d.laplacian(u) + (0.5 * math.pi) ** 2 * solution(x),
        (Dirichlet("all", solution),),
    )  # fmt: skip


def poisson_solution(cloud: PointCloud) -> np.ndarray:
    return sines(cloud.points)


def sines(points: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(0.5 * np.pi * points).sum(axis=1))


def poisson_sparse(cloud: PointCloud, tolerance: float) -> np.ndarray:
    """Raises InputError where the tolerance is out of reach."""
    from ..solvers.chebyshev.sparse import solve_sparse

    cube = ((0.0, 1.0),) * cloud.ndim
    found = solve_sparse(lambda x: (0.5 * np.pi) ** 2 * sines(x), sines, cube, tolerance)
    return found(cloud.points)


def waves() -> Statement:
    """u_xx = f on [0, 1] with u = sin(4 pi x): tangent kernels (Wang, Yu & Perdikaris 2022)."""
    return Statement(
        ("x",), Box((0.0,), (1.0,)),
        lambda u, d, x, p: d(u, "xx") + (4.0 * math.pi) ** 2 * torch.sin(4.0 * math.pi * x["x"]),
        (Dirichlet("all", 0.0),),
    )  # fmt: skip


# --- the table --------------------------------------------------------------------------------

RECIPE = PINNConfig(
    width=20, depth=3, points=8000, initial_points=1000, boundary_points=1000, chunk=8192,
    weighting="fixed", first_steps=0, second="gauss_newton", second_steps=250, refresh_every=25,
    derivatives="auto", threads=1, log_every=10, checkpoint_every=25,
)  # fmt: skip
"""Gauss-Newton on a small network, new points where the residual is every 25 steps."""


def recipe(**changes: object) -> PINNConfig:
    return dataclasses.replace(RECIPE, **changes)  # type: ignore[arg-type]


SPACETIME, TURN = spacetime(101, 256), spacetime(101, 256, 0.0, 2.0 * math.pi)

CASES: dict[str, Case] = {
    "burgers": Case(
        burgers, SPACETIME, lambda on: cole_hopf(*on.axes),
        # Steps on the same points fit the front to these, and its place drifts.
        recipe(harmonics=3, refresh_every=5, second_steps=400), 1e-6, burgers_spectral,
    ),
    "allen_cahn": Case(
        allen_cahn, spacetime(101, 512), allen_cahn_solution,
        recipe(harmonics=3, second_steps=400), 1e-5, allen_cahn_solution,
    ),
    "kdv": Case(
        kdv, spacetime(101, 128), kdv_solution,
        recipe(depth=2, harmonics=3, points=3000, second_steps=150), 1e-5, kdv_solution, windows=6,
    ),
    "helmholtz": Case(
        helmholtz, Grid(((-1.0, 1.0),) * 2, (101, 101), names=("x", "y")), helmholtz_solution,
        recipe(points=4000, second_steps=400), 1e-6, helmholtz_chebyshev, "Chebyshev",
    ),
    "convection": Case(
        # Softly: a window that adds to the last one's end would keep that one's short waves.
        lambda: convection(50.0, hard=False), TURN, lambda on: convection_solution(on, 50.0),
        recipe(
            width=14, depth=2, activation="sin", points=600, initial_points=100, second_steps=150
        ),
        1e-4, lambda on, tolerance: convection_spectral(on, tolerance, 50.0), windows=8,
    ),
    "convection_30": Case(
        lambda: convection(30.0), TURN, lambda on: convection_solution(on, 30.0),
        recipe(points=4000), 1e-4,
    ),
    "poisson_10d": Case(
        poisson, PointCloud(np.random.default_rng(0).random((10_000, 10))), poisson_solution,
        recipe(width=30, depth=2, points=2000, second_steps=150), 1e-4,
        poisson_sparse, "sparse polynomials",
    ),
    "waves": Case(
        waves, Grid(((0.0, 1.0),), (401,)), lambda on: np.sin(4.0 * np.pi * on.axes[0]),
        recipe(points=200, boundary_points=2, second_steps=100), 1e-6,
    ),
}  # fmt: skip
