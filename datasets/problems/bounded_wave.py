"""Waves between two ends: u_tt = c^2 u_xx with reflections, by Chebyshev modes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ...geometry.interpolation import interpolate
from ...geometry.norms import error
from ..evolution import EvolutionProblem
from ..problem import Arrays, Card, Draw, End, Fidelity, TruthCheck, Variable, check_range

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus
    from ...solvers.solution import Solution

Family = Literal["WE1", "WE2", "WE3"]
FIXED, FREE = 0.0, 1.0


@dataclass(frozen=True)
class BoundedWave(EvolutionProblem):
    """A Gaussian pulse that sets out to the left and is reflected at both ends, many times.

    family: ends fixed (u = 0) in WE1, free (u_x = 0) in WE2, either in WE3, drawn for each end;
    speed: c; pulses exp(-(x - s)^2) start with s uniform in [-reach, reach] about the middle.
    """

    horizon: float = 100.0
    frames: int = 250
    family: Family = "WE1"
    left: float = -8.0
    right: float = 8.0
    speed: float = 2.0
    reach: float = 4.0

    name: ClassVar[str] = "bounded_wave"
    summary: ClassVar[str] = "u_tt = c^2 u_xx between fixed or free ends, a pulse and its echoes"
    inputs: ClassVar = (
        Variable("u0", description="initial displacement"),
        Variable("v0", description="initial velocity"),
        Variable("left_end", kind="scalar", description="0: u = 0, 1: u_x = 0"),
        Variable("right_end", kind="scalar", description="0: u = 0, 1: u_x = 0"),
    )
    outputs: ClassVar = (
        Variable("u", description="displacement"),
        Variable("v", description="velocity"),
    )
    solver_name: ClassVar[str] = "Chebyshev modes, exact in time"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.family not in get_args(Family):
            raise InputError(f"expected a family of {get_args(Family)}, got '{self.family}'")
        for name in ("left", "right"):
            check_range(name, getattr(self, name), -1e6, 1e6)
        check_range("right - left", self.right - self.left, 1.0, 1e3)
        check_range("speed", self.speed, 1e-6, 1e6)
        check_range("reach", self.reach, 0.0, (self.right - self.left) / 2)

    def grid(self, resolution: int) -> Grid:
        return Grid(((self.left, self.right),), (resolution,))

    # --- random inputs --------------------------------------------------------------------

    def draw(self, generator: np.random.Generator) -> Draw:
        middle = (self.left + self.right) / 2
        position = generator.uniform(middle - self.reach, middle + self.reach)
        ends = generator.integers(0, 2, 2).astype(float)
        if self.family != "WE3":
            ends[:] = FIXED if self.family == "WE1" else FREE
        return {"position": position, "ends": ends}

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        off = grid.axes[0] - draw["position"]
        u0 = np.exp(-(off**2))
        low, high = draw["ends"]
        return {
            "u0": u0, "v0": -2 * self.speed * off * u0,
            "left_end": np.asarray(low), "right_end": np.asarray(high),
        }  # fmt: skip

    # --- the equation ---------------------------------------------------------------------

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        displacement, velocity = u
        return (
            d(displacement, "t") - velocity,
            d(velocity, "t") - p.speed**2 * d(displacement, "xx"),
        )

    def constants(self) -> dict[str, float]:
        return {"speed": self.speed}

    def end_conditions(self, inputs: Mapping[str, Any]) -> tuple[End, ...]:
        ends = enumerate((float(inputs["left_end"]), float(inputs["right_end"])))
        kinds: list[tuple[bool, Literal["value", "slope"]]]
        kinds = [(bool(upper), "slope" if end == FREE else "value") for upper, end in ends]
        return tuple(End("x", upper, v.name, kind) for v in self.outputs for upper, kind in kinds)

    @property
    def card(self) -> Card:
        ends = {"WE1": "u = 0 at both ends", "WE2": "u_x = 0 at both ends"}
        return Card(
            domain=f"x in [{self.left:g}, {self.right:g}], t in [0, {self.horizon:g}]",
            conditions=ends.get(self.family, "u = 0 or u_x = 0, drawn for each end"),
            inputs=f"u0 = exp(-(x - s)^2), v0 = c du0/dx, c = {self.speed:g}, "
            f"s uniform within {self.reach:g} of the middle",
            solver="modes of a Chebyshev weak form, each an exact oscillator",
            source="Brandstetter, Worrall & Welling 2022, Message passing neural PDE solvers, "
            f"family {self.family}; their published files run backwards in time",
        )

    # --- the classical side ---------------------------------------------------------------

    def solve(self, inputs: Arrays, fidelity: Fidelity, threads: int = 1) -> Solution:
        """Fields (batch, frames, 2, resolution) by as many Chebyshev points; no error in time."""
        grid = self.grid(fidelity.resolution)
        return self._propagate(inputs, grid, fidelity.resolution)

    def _propagate(self, inputs: Arrays, grid: Grid, points: int) -> Solution:
        """From fields on any grid, to fields on that grid."""
        from ...solvers.chebyshev.basis import ChebyshevBasis
        from ...solvers.chebyshev.boundary import dirichlet, neumann
        from ...solvers.chebyshev.wave import propagate_wave
        from ...solvers.solution import Solution

        basis = ChebyshevBasis(grid.extent, (points,))
        ends = np.stack([inputs["left_end"], inputs["right_end"]], axis=1)
        start = np.stack([inputs["u0"], inputs["v0"]], axis=1).astype(float)
        parts, order = [], []
        for kind in np.unique(ends, axis=0):
            which = np.flatnonzero((ends == kind).all(axis=1))
            low, high = (neumann() if end == FREE else dirichlet() for end in kind)
            at_points = _reflected_interpolation(start[which], grid, kind, basis.axes[0])
            part = propagate_wave(
                self.speed, at_points[:, 0], at_points[:, 1], self.times, basis, {"x": (low, high)}
            )
            fields = basis.interpolate(part.fields, grid)
            fields[:, 0] = start[which]
            parts.append(dataclasses.replace(part, fields=fields))
            order.append(which)
        joined, back = Solution.join(parts), np.argsort(np.concatenate(order))
        return Solution(
            joined.fields[back], joined.converged[back], joined.iterations[back],
            joined.residual[back], joined.seconds[back], tuple(joined.reason[i] for i in back),
        )  # fmt: skip

    def resolving(self, tolerance: float) -> int:
        """Chebyshev points for the waves of a pulse: exp(-x^2) has exp(-k^2 / 4), and the middle
        of an interval L has a wave for each two of pi L / (2 n)."""
        highest = 2 * math.sqrt(-math.log(tolerance))
        return math.ceil(highest * (self.right - self.left) / 2) + 10

    def data_fidelity(self, resolution: int, tolerance: float) -> Fidelity:
        """The stored grid, its spacing halved until as many Chebyshev points resolve."""
        points = resolution
        while points < self.resolving(tolerance):
            points = 2 * points - 1
        return Fidelity(points, tolerance)

    def ladder(self) -> tuple[Fidelity, ...]:
        return tuple(Fidelity(n) for n in (16, 24, 32, 40, 48, 56, 64, 80, 96))

    def reference_fidelity(self) -> Fidelity:
        return Fidelity(193, 1e-12)

    # --- checks ---------------------------------------------------------------------------

    def window(
        self, inputs: Arrays, before: np.ndarray, grid: Grid, fidelity: Fidelity
    ) -> np.ndarray:
        """One frame later on the same grid, by the fidelity's Chebyshev points."""
        interval = dataclasses.replace(self, horizon=self.horizon / (self.frames - 1), frames=2)
        given = dict(inputs) | {"u0": before[:, 0], "v0": before[:, 1]}
        return interval._propagate(given, grid, fidelity.resolution).fields[:, 1]

    def allowance(
        self, inputs: Arrays, before: np.ndarray, again: np.ndarray, grid: Grid, fidelity: Fidelity
    ) -> np.ndarray:
        """The tolerance, and what the highest third of the waves of the stored grid holds."""
        ends = np.stack([inputs["left_end"], inputs["right_end"]], axis=1)
        shares = []
        for fields, kind in zip(before, ends, strict=True):
            power = np.abs(np.fft.rfft(_reflected(fields, kind))) ** 2
            high = power[:, 2 * power.shape[-1] // 3 :].sum(axis=-1)
            shares.append(np.sqrt((high / np.maximum(power.sum(axis=-1), 1e-300)).max()))
        return 20 * fidelity.tolerance + np.array(shares)

    def truth_checks(
        self,
        inputs: Arrays,
        outputs: Arrays,
        grid: Grid,
        fidelity: Fidelity,
        generator: np.random.Generator,
    ) -> list[TruthCheck]:
        """The checks of every trajectory, and d'Alembert's solution with all its echoes."""
        checks = super().truth_checks(inputs, outputs, grid, fidelity, generator)
        stored = np.asarray(outputs["u"])
        eps = float(np.finfo(stored.dtype).eps)
        figure, limit = 0.0, math.inf
        for i, u in enumerate(stored.astype(float)):
            each = {name: np.asarray(value[i], dtype=float) for name, value in inputs.items()}
            exact, jump = self.exact(each, grid)
            allowed = 20 * (fidelity.tolerance + 100 * eps) + jump
            off = float(error(u.ravel(), exact.ravel(), _flat(grid, u)))
            if not off / allowed <= figure / limit:
                figure, limit = off, allowed
        return [*checks, TruthCheck("d'Alembert with reflections, relative L2", figure, limit)]

    def exact(self, inputs: Arrays, grid: Grid) -> tuple[np.ndarray, float]:
        """(frames, points) of one sample by images of its pulse, and what its tails at ends spoil.

        u = (U(x + c t) + U(x - c t) + W(x + c t) - W(x - c t)) / 2, with U the pulse continued
        with a change of sign at fixed ends, and W, the integral of v0 / c, at free ones. Where the
        pulse does not vanish at an end it begins with jumps of its height and slope, which no
        polynomial follows, once for each pass.
        """
        x, u0, v0 = grid.axes[0], inputs["u0"], inputs["v0"]
        top = int(np.argmax(u0))
        position = x[top] + v0[top] / (2 * self.speed * u0[top])
        signs = [1.0 if inputs[name] == FREE else -1.0 for name in ("left_end", "right_end")]
        ahead = x + self.speed * self.times[:, None]
        behind = x - self.speed * self.times[:, None]
        total = np.zeros(ahead.shape)
        for y, direction in ((ahead, 1.0), (behind, -1.0)):
            for turn, share in ((1.0, 0.5), (-1.0, 0.5 * direction)):
                total += share * self._continued(y, position, turn * np.array(signs))
        gap = min(position - self.left, self.right - position)
        passes = 1 + self.speed * self.horizon / (self.right - self.left)
        return total, passes * (1 + 2 * gap) * math.exp(-(gap**2))

    def _continued(self, y: np.ndarray, position: float, signs: np.ndarray) -> np.ndarray:
        """The pulse at y on the line, continued by reflections with these signs."""
        length = self.right - self.left
        cell = np.floor((y - self.left) / length).astype(int)
        inside = y - self.left - cell * length
        odd = cell % 2 != 0
        folded = self.left + np.where(odd, length - inside, inside)
        # From the interval to cell m one passes m ends by turns, the right one first.
        at_right = np.where(cell >= 0, (cell + 1) // 2, -cell // 2)
        at_left = np.where(cell >= 0, cell // 2, (-cell + 1) // 2)
        sign = signs[1] ** at_right * signs[0] ** at_left
        return sign * np.exp(-((folded - position) ** 2))


def _flat(grid: Grid, u: np.ndarray) -> Grid:
    """A grid of one axis for all frames and points: every one counts the same."""
    return Grid(((0.0, 1.0),), (u.size,), centering="cell")


def _reflected(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Two periods (..., 4 (n - 1)) of the continuation over both ends: even where free, else odd.

    That is how waves go on, so that their continuation is as smooth as they are.
    """
    low, high = np.where(np.asarray(ends) == FREE, 1.0, -1.0)
    once = np.concatenate([values, high * values[..., -2:0:-1]], axis=-1)
    return np.concatenate([once, low * high * once], axis=-1)


def _reflected_interpolation(
    values: np.ndarray, grid: Grid, ends: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """The Fourier series of the continuation of values (..., n) on a grid, at points x."""
    (left, right) = grid.extent[0]
    whole = _reflected(values, ends)
    around = Grid(((left, left + 4 * (right - left)),), (whole.shape[-1],), periodic=True)
    return np.asarray(interpolate(whole, around, x[:, None]))
