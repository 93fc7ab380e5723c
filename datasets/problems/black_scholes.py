"""Black-Scholes: the price of an option by log price and time to maturity."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ...geometry.calculus import functions as fn
from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..problem import Arrays, Card, Draw, Fidelity, Problem, TruthCheck, Variable, check_range

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.solution import Solution

TREES = 8
TREE_STEPS = 2000
TREE_ERROR = 1e-6


@dataclass(frozen=True)
class BlackScholes(Problem):
    """Prices in units of the strike; time runs backwards from maturity, in years.

    style: "european", or "american", which may be exercised at any time.
    kind: "put" or "call"; dividend: yield of the stock.
    volatility_min, …, rate_max: bounds of the uniform volatility and interest rate.
    half_width: of the interval of x = log(S / K) around the strike.
    """

    style: Literal["european", "american"] = "european"
    kind: Literal["put", "call"] = "put"
    volatility_min: float = 0.15
    volatility_max: float = 0.45
    rate_min: float = 0.01
    rate_max: float = 0.08
    dividend: float = 0.0
    half_width: float = 1.0
    horizon: float = 1.0
    frames: int = 11

    name: ClassVar[str] = "black_scholes"
    summary: ClassVar[str] = "price of an option, European or American, random volatility and rate"
    inputs: ClassVar = (
        Variable("payoff", description="value at maturity, in units of the strike"),
        Variable("volatility", "yr^-1/2", "scalar", "volatility sigma of the stock"),
        Variable("rate", "1/yr", "scalar", "interest rate r"),
    )
    outputs: ClassVar = (Variable("V", description="price in units of the strike"),)
    coordinates: ClassVar = ("t", "x")
    solver_name: ClassVar[str] = "implicit differences"

    def __post_init__(self) -> None:
        if self.style not in ("european", "american"):
            raise InputError(f"expected style european or american, got '{self.style}'")
        if self.kind not in ("put", "call"):
            raise InputError(f"expected kind put or call, got '{self.kind}'")
        for name in ("volatility_min", "volatility_max"):
            check_range(name, getattr(self, name), 0.01, 2)
        for name in ("rate_min", "rate_max", "dividend"):
            check_range(name, getattr(self, name), 0, 0.5)
        check_range("half_width", self.half_width, 0.05, 5)
        check_range("horizon", self.horizon, 1e-3, 50)
        check_range("frames", self.frames, 2, 1e6)
        for name in ("volatility", "rate"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low > high:
                raise InputError(f"expected {name}_min <= {name}_max, got {low} and {high}")

    def grid(self, resolution: int) -> Grid:
        """Points with both ends, around the strike."""
        return Grid(((-self.half_width, self.half_width),), (resolution,))

    @property
    def times(self) -> np.ndarray:
        return np.linspace(0.0, self.horizon, self.frames)

    def endpoints(self) -> Problem:
        return dataclasses.replace(self, frames=2)

    def draw(self, generator: np.random.Generator) -> Draw:
        return {
            "volatility": generator.uniform(self.volatility_min, self.volatility_max),
            "rate": generator.uniform(self.rate_min, self.rate_max),
        }

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        numbers = {name: np.asarray(draw[name]) for name in ("volatility", "rate")}
        return {"payoff": self._payoff(grid)} | numbers

    def _payoff(self, grid: Grid) -> np.ndarray:
        gain = np.expm1(grid.axes[0])
        return np.maximum(gain if self.kind == "call" else -gain, 0.0)

    def constants(self) -> dict[str, float]:
        return {"dividend": self.dividend}

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        """American: V is the payoff, or follows the equation, whichever is more; as V > 0, the
        payoff is as good as what it is of."""
        half = 0.5 * p.volatility**2
        drift = half + p.dividend - p.rate
        equation = d(u, "t") - half * d(u, "xx") + drift * d(u, "x") + p.rate * u
        if self.style == "european":
            return equation
        gain = fn.exp(x["x"]) - 1
        return fn.minimum(equation, u - gain if self.kind == "call" else u + gain)

    @property
    def card(self) -> Card:
        L = self.half_width
        held = ", V >= payoff throughout" if self.style == "american" else ""
        scheme = (
            "compact differences of order 4 in x, L-stable Runge-Kutta of order 4 in t"
            if self.style == "european"
            else "Crank-Nicolson in sqrt(t), central differences, projection by Brennan & Schwartz"
        )
        gain = "e^x - 1" if self.kind == "call" else "1 - e^x"
        return Card(
            domain=f"x = log(S/K) in [{-L:g}, {L:g}], t to maturity in [0, {self.horizon:g}] years",
            conditions=f"V = payoff = max({gain}, 0) at t = 0{held}; no ends: x goes on",
            inputs=(
                f"sigma uniform in [{self.volatility_min:g}, {self.volatility_max:g}], "
                f"r uniform in [{self.rate_min:g}, {self.rate_max:g}], q = {self.dividend:g}; "
                f"{self.style} {self.kind}, prices in units of the strike"
            ),
            solver=f"{scheme}, averaged kink",
            source="Black & Scholes 1973, J. Polit. Econ. 81; Merton 1973, Bell J. Econ. 4",
        )

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        """Raises `InputError` for another payoff than the one of this kind: its kink is averaged
        by a formula, and its prices far away are known."""
        from ...solvers.options.finite_differences import solve_options

        grid = self.grid(fidelity.resolution)
        if not np.allclose(inputs["payoff"], self._payoff(grid), rtol=0, atol=1e-5):
            raise InputError(f"expected the payoff of a {self.kind} on {grid.shape[0]} points")
        tolerance = None if fidelity.steps else fidelity.tolerance
        return solve_options(
            grid, self.times, inputs["volatility"], inputs["rate"], self.dividend, self.kind,
            self.style, fidelity.order, fidelity.steps, tolerance, threads,
        )  # fmt: skip

    def data_fidelity(self, resolution: int, tolerance: float) -> Fidelity:
        """Every 2^j-th point of the solver's grid is stored, so that it resolves the first frame.

        The error there is about C (h / width)^order, width = sigma sqrt(t) being that of the
        kink's smoothing.
        """
        order, constant, finest = (4, 0.2, 1e-10) if self.style == "european" else (2, 0.05, 1e-6)
        width = self.volatility_min * math.sqrt(self.horizon / (self.frames - 1))
        h = width * (max(tolerance, finest) / (constant * width)) ** (1 / order)
        points = resolution
        while 2 * self.half_width / (points - 1) > h:
            points = 2 * points - 1
        return Fidelity(points, max(tolerance, finest), order=order)

    def ladder(self) -> tuple[Fidelity, ...]:
        sizes = (9, 17, 33, 65, 129, 257, 513)
        orders = (2, 4) if self.style == "european" else (2,)
        return tuple(
            Fidelity(n, steps=steps, order=order)
            for order in orders
            for n in sizes
            for steps in (self.frames - 1, 4 * (self.frames - 1), n)
        )

    def reference_fidelity(self) -> Fidelity:
        if self.style == "european":
            return Fidelity(2049, 1e-10, order=4)
        return Fidelity(4097, 1e-7, order=2)

    def truth_checks(
        self,
        inputs: Arrays,
        outputs: Arrays,
        grid: Grid,
        fidelity: Fidelity,
        generator: np.random.Generator,
    ) -> list[TruthCheck]:
        """The first frame is the payoff; all prices against the closed form, or some against a
        binomial tree and all against what bounds American ones."""
        V = outputs["V"].astype(float)
        eps = float(np.finfo(outputs["V"].dtype).eps)
        size = math.exp(self.half_width)
        start = float(np.abs(V[:, 0] - self._payoff(grid)).max())
        limit = 2 * fidelity.tolerance + 16 * eps * size
        european = self._closed_form(inputs, grid)
        first = TruthCheck("first frame is the payoff, of the strike", start, 4 * eps * size)
        if self.style == "european":
            off = float(np.abs(V - european).max())
            return [first, TruthCheck("closed form, of the strike", off, limit)]
        names = (
            "below the payoff, of the strike",
            "below the European price, of the strike",
            "falls with the time to maturity, of the strike",
        )
        bounds = (self._payoff(grid) - V, european - V, -np.diff(V, axis=1))
        return [
            first,
            *(
                TruthCheck(name, float(np.max(np.maximum(off, 0.0))), limit)
                for name, off in zip(names, bounds, strict=True)
            ),
            TruthCheck(
                "binomial tree, of the strike",
                self._off_the_tree(V, inputs, grid, generator),
                limit + TREE_ERROR,
            ),
        ]

    def _closed_form(self, inputs: Arrays, grid: Grid) -> np.ndarray:
        from ...solvers.options.closed_form import european_price

        sigma, r = (inputs[name].astype(float)[:, None, None] for name in ("volatility", "rate"))
        t = self.times[:, None]
        return european_price(grid.axes[0], t, sigma, r, self.dividend, self.kind)

    def _off_the_tree(
        self, V: np.ndarray, inputs: Arrays, grid: Grid, generator: np.random.Generator
    ) -> float:
        """Largest difference at `TREES` points of samples and frames drawn at random."""
        from ...solvers.options.tree import american_price

        worst = 0.0
        for _ in range(TREES):
            sample, frame, point = (int(generator.integers(n)) for n in V.shape)
            frame = max(frame, 1)
            right = american_price(
                grid.axes[0][point], self.times[frame], float(inputs["volatility"][sample]),
                float(inputs["rate"][sample]), self.dividend, self.kind, TREE_STEPS,
            )  # fmt: skip
            off = abs(V[sample, frame, point] - right)
            worst = max(worst, float(off)) if math.isfinite(off) else math.nan
        return worst
