"""Forced transport, diffusion and dispersion: u_t + (alpha u^2 / 2 - beta u_x + gamma u_xx)_x = f.

Brandstetter, Worrall & Welling, Message passing neural PDE solvers, ICLR 2022. The paper prints
the flux alpha u^2, waves l of 1 to 3 and one horizon of 4; its public generator, which made the
published data, has alpha u^2 / 2, waves of 1 and 2, and 2 time units for E3. The generator's are
taken here, and `highest_wave` and `horizon` are free.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ...geometry.calculus.functions import sin
from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ...geometry.norms import norm
from ..evolution import EvolutionProblem
from ..problem import Arrays, Card, Draw, Fidelity, TruthCheck, Variable, check_range

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.solution import Solution
    from ...solvers.stencils.equation import Equation

Range = tuple[float, float]
WAVES = 5
PARTS = ("amplitude", "frequency", "number", "phase")
FAMILIES: Mapping[str, tuple[Range, Range, Range, float]] = {
    "E1": ((1.0, 1.0), (0.0, 0.0), (0.0, 0.0), 4.0),
    "E2": ((1.0, 1.0), (0.0, 0.2), (0.0, 0.0), 4.0),
    "E3": ((0.0, 6.0), (0.1, 0.4), (0.0, 1.0), 2.0),
}
"""Ranges of alpha, beta and gamma, and the horizon."""
RESOLVING = {"E1": 800, "E2": 512, "E3": 256}  # points


def _names(part: str) -> list[str]:
    return [f"{part}_{j}" for j in range(1, WAVES + 1)]


@dataclass(frozen=True)
class ForcedMixed(EvolutionProblem):
    """Five sine waves push a fluid, and are its initial state: f(t, x), u(0, x) = f(0, x).

    f = sum_j A_j sin(omega_j t + 2 pi l_j x / L + phi_j), A_j uniform in [-1/2, 1/2], omega_j in
    [-0.4, 0.4], l_j one of 1 .. highest_wave, phi_j in [0, 2 pi).

    family: E1 has shocks and nothing against them, E2 diffusion beta in [0, 0.2], E3 alpha in
    [0, 6], beta in [0.1, 0.4] and gamma in [0, 1]; horizon: 0 takes that of the family.
    """

    horizon: float = 0.0
    frames: int = 250
    family: Literal["E1", "E2", "E3"] = "E1"
    length: float = 16.0
    highest_wave: int = 2

    name: ClassVar[str] = "forced_mixed"
    summary: ClassVar[str] = "u_t + (alpha u^2/2 - beta u_x + gamma u_xx)_x = forcing, periodic"
    inputs: ClassVar = (
        Variable("u0", description="initial state, the forcing at t = 0"),
        Variable("alpha", kind="scalar", description="of the transport"),
        Variable("beta", kind="scalar", description="of the diffusion"),
        Variable("gamma", kind="scalar", description="of the dispersion"),
        *(
            Variable(name, kind="scalar", description=f"{part} of wave {j} of the forcing")
            for part in PARTS
            for j, name in enumerate(_names(part), 1)
        ),
    )
    outputs: ClassVar = (Variable("u"),)
    solver_name: ClassVar[str] = "WENO5 or spectral"

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise InputError(f"expected a family of {tuple(FAMILIES)}, got '{self.family}'")
        if self.horizon == 0:
            object.__setattr__(self, "horizon", FAMILIES[self.family][3])
        super().__post_init__()
        check_range("length", self.length, 1e-3, 1e6)
        check_range("highest_wave", self.highest_wave, 1, 64)
        if not isinstance(self.highest_wave, int):
            raise InputError(f"expected a whole highest_wave, got {self.highest_wave}")

    @property
    def shocks(self) -> bool:
        """Whether waves may break, so that volumes are the right solver."""
        return FAMILIES[self.family][1][0] == 0.0

    def grid(self, resolution: int) -> Grid:
        return Grid(((0.0, self.length),), (resolution,), periodic=True)

    # --- random inputs --------------------------------------------------------------------

    def draw(self, generator: np.random.Generator) -> Draw:
        low, high = np.transpose(FAMILIES[self.family][:3])
        return {
            "coefficients": generator.uniform(low, high),
            "waves": np.stack(
                [
                    generator.uniform(-0.5, 0.5, WAVES),
                    generator.uniform(-0.4, 0.4, WAVES),
                    generator.integers(1, self.highest_wave + 1, WAVES),
                    generator.uniform(0, 2 * np.pi, WAVES),
                ]
            ),
        }

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        names = ("alpha", "beta", "gamma")
        scalars = dict(zip(names, draw["coefficients"], strict=True))
        for part, row in zip(PARTS, draw["waves"], strict=True):
            scalars |= dict(zip(_names(part), row, strict=True))
        values = {name: np.asarray(float(value)) for name, value in scalars.items()}
        x = {"t": 0.0, "x": grid.axes[0]}
        return {"u0": self.forcing(x, SimpleNamespace(**values, length=self.length)), **values}

    # --- the equation ---------------------------------------------------------------------

    def forcing(self, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        total: Any = 0.0
        for amplitude, frequency, number, phase in zip(*map(_names, PARTS), strict=True):
            turn = 2 * math.pi / p.length * getattr(p, number) * x["x"]
            angle = getattr(p, frequency) * x["t"] + turn + getattr(p, phase)
            total = total + getattr(p, amplitude) * sin(angle)
        return total

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        transport = p.alpha * d(u**2, "x") / 2
        spreading = p.gamma * d(u, "xxx") - p.beta * d(u, "xx")
        return d(u, "t") + transport + spreading - self.forcing(x, p)

    def constants(self) -> dict[str, float]:
        return {"length": self.length}

    @property
    def card(self) -> Card:
        alpha, beta, gamma, _ = FAMILIES[self.family]
        return Card(
            domain=f"x in [0, {self.length:g}), t in [0, {self.horizon:g}]",
            conditions="periodic in x, u = f at t = 0",
            inputs=f"{self.family}: alpha, beta, gamma uniform in {list(alpha)}, {list(beta)}, "
            f"{list(gamma)}; f = sum of 5 waves A sin(omega t + 2 pi l x / L + phi), |A| <= 0.5, "
            f"|omega| <= 0.4, l = 1 .. {self.highest_wave}",
            solver="WENO5 and third-order SSP Runge-Kutta"
            if self.shocks
            else "Fourier pseudo-spectral, ETDRK4 (Kassam & Trefethen 2005)",
            source="Brandstetter, Worrall & Welling 2022, Message passing neural PDE solvers, "
            "as their public generator makes the data",
        )

    # --- the classical side ---------------------------------------------------------------

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        grid = self.grid(fidelity.resolution)
        dt = self.horizon / fidelity.steps if fidelity.steps else None
        if self.shocks:
            from ...solvers.solution import Solution

            samples = range(len(inputs["u0"]))
            each = [
                {name: np.asarray(value, dtype=float)[[i]] for name, value in inputs.items()}
                for i in samples
            ]
            return Solution.join([self._by_volumes(one, grid, dt, threads) for one in each])
        from ...solvers.spectral.integrate import integrate
        from ..semi_discrete import spectral_equation

        right = spectral_equation(self)
        known = dict(inputs) | self.constants()
        return integrate(
            right.equation,
            np.asarray(inputs["u0"], dtype=float),
            self.times,
            grid,
            {name: known[name] for name in right.equation.parameters},
            right.coefficients({}, grid),
            dt=dt,
            tolerance=None if dt else fidelity.tolerance,
            scheme=f"ETDRK{fidelity.order or 4}",
            threads=threads,
        )

    def _by_volumes(self, inputs: Arrays, grid: Grid, dt: float | None, threads: int) -> Solution:
        """One sample. The time is a second unknown, as the engine's rates know none."""
        from ...solvers.stencils.integrate import integrate

        start = np.stack([inputs["u0"], np.zeros_like(inputs["u0"])], axis=1)
        given = {name: inputs[name] for name in _equation().parameters}
        given |= {name: 2 * np.pi / self.length * inputs[name] for name in _names("number")}
        top = float(np.abs(start).max())
        push = sum(float(np.abs(inputs[name][0])) for name in _names("amplitude"))
        most = top + push * self.horizon
        while True:
            solution = integrate(
                _equation(), start, self.times, grid, given, {"place": grid.axes[0]},
                dt=dt or self._stable_step(inputs, top, grid), order=4, scheme="ssprk3",
                threads=threads,
            )  # fmt: skip
            u = solution.fields[:, :, 0]
            grown = float(np.abs(u).max())
            # Steps up to 1.4 / 0.8 of ours are stable; a state that grew more had too large ones.
            if dt or grown <= 1.5 * top or (top >= most and not np.isfinite(grown)):
                return dataclasses.replace(solution, fields=u)
            top = grown if np.isfinite(grown) else min(2 * top, most)

    def _stable_step(self, inputs: Arrays, top: float, grid: Grid) -> float:
        """Of ssprk3 for waves of at most `top`: 1.4 cells (WENO5), 2.5 on the negative axis.

        The largest eigenvalue of the fourth-order second difference is 16 / (3 h^2). The engine
        would find its limit at every frame, of which there are more than it has steps to do.
        """
        (h,) = grid.spacing
        rate = float(inputs["alpha"][0]) * top / h + 16 / 7.5 * float(inputs["beta"][0]) / h**2
        return 0.8 / max(rate, 1 / self.horizon)

    def data_fidelity(self, resolution: int, tolerance: float) -> Fidelity:
        """The stored grid, doubled until it resolves: storing then takes every 2^j-th point.

        Smooth parts then have six digits; a shock stands within a cell of its place.
        """
        points = resolution
        while points < RESOLVING[self.family]:
            points *= 2
        return Fidelity(points, tolerance)

    def ladder(self) -> tuple[Fidelity, ...]:
        sizes = (32, 48, 64, 96, 128, 192, 256, 512)
        if self.shocks:
            return tuple(Fidelity(n) for n in sizes)
        return tuple(Fidelity(n, steps=steps) for n in sizes for steps in (16, 32, 64, 128))

    def reference_fidelity(self) -> Fidelity:
        return Fidelity(2 * RESOLVING[self.family], 1e-9)

    # --- checks ---------------------------------------------------------------------------

    def truth_checks(
        self,
        inputs: Arrays,
        outputs: Arrays,
        grid: Grid,
        fidelity: Fidelity,
        generator: np.random.Generator,
    ) -> list[TruthCheck]:
        """The first frame is the input; the trajectory agrees with a finer one from the start.

        A stored frame does not hold a shock as sharp as it was, so that windows between frames
        would say little; the initial state is smooth and is known on every grid.
        """
        u = np.asarray(outputs["u"])
        eps = float(np.finfo(u.dtype).eps)
        u = u.astype(float)
        inputs = {name: np.asarray(value, dtype=float) for name, value in inputs.items()}
        again = self._trajectory(inputs, grid, self.finer(fidelity))
        off = _distance(again, u, grid)
        allowed = self.allowance(inputs, u[:, :1], again, grid, fidelity) + 20 * eps
        at = int(np.argmax(np.nan_to_num(off, nan=math.inf) / allowed))
        return [
            self._starts(u[:, :, None], inputs, eps),
            TruthCheck("solved again, relative L2", float(off[at]), float(allowed[at])),
        ]

    def allowance(
        self, inputs: Arrays, before: np.ndarray, again: np.ndarray, grid: Grid, fidelity: Fidelity
    ) -> np.ndarray:
        """Twice the distance of the finer trajectory from one at the fidelity of the data, which
        is the error of the discretisation, and the tolerance."""
        plain = self._trajectory(inputs, grid, fidelity)
        tolerance = 0.0 if self.shocks else 20 * fidelity.tolerance
        return 2 * _distance(again, plain, grid) + tolerance

    def _trajectory(self, inputs: Arrays, grid: Grid, fidelity: Fidelity) -> np.ndarray:
        """(batch, frames, *grid) from the stored initial state, whose waves any grid holds."""
        own = self.grid(fidelity.resolution)
        given = dict(inputs) | {"u0": self.transfer(inputs["u0"], grid, own)}
        return self.transfer(self.solve(given, fidelity).fields, own, grid)


def _distance(again: np.ndarray, u: np.ndarray, grid: Grid) -> np.ndarray:
    """Largest L2 distance (batch,) of the frames, relative to the largest frame."""
    off = np.asarray(norm(again - u, grid)).max(axis=1)
    return off / np.asarray(norm(again, grid)).max(axis=1)


def _equation() -> Equation:
    from ...solvers.stencils.equation import Equation

    return Equation(
        "forced_mixed", ("u", "time"), (("u", "xx"),), _rates, coefficients=("place",),
        parameters=("alpha", "beta", *(name for part in PARTS for name in _names(part))),
        fluxes=(_flux,), speeds=(_speeds,),
    )  # fmt: skip


def _rates(
    u, time, transport, _, curvature, place, alpha, beta, a1, a2, a3, a4, a5, w1, w2, w3, w4, w5,
    k1, k2, k3, k4, k5, p1, p2, p3, p4, p5,
):  # fmt: skip
    forcing = (
        a1 * np.sin(w1 * time + k1 * place + p1)
        + a2 * np.sin(w2 * time + k2 * place + p2)
        + a3 * np.sin(w3 * time + k3 * place + p3)
        + a4 * np.sin(w4 * time + k4 * place + p4)
        + a5 * np.sin(w5 * time + k5 * place + p5)
    )
    return transport + beta * curvature + forcing, 1.0


def _flux(u, time, alpha, beta, *waves):
    return 0.5 * alpha * u * u, 0.0 * time


def _speeds(u, time, alpha, beta, *waves):
    return alpha * u, alpha * u
