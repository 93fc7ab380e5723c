"""Gray-Scott: two substances that react and spread, and make spots, stripes and mazes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from ..problem import Card, Draw, Variable, check_range
from ..stenciled import StencilProblem

if TYPE_CHECKING:
    from ...geometry.calculus.base import Calculus

Regime = Literal["spots", "dividing", "stripes", "maze", "holes", "waves"]
NUMBERS: Mapping[str, tuple[float, float]] = {
    "spots": (0.030, 0.062),
    "dividing": (0.0367, 0.0649),
    "stripes": (0.046, 0.063),
    "maze": (0.029, 0.057),
    "holes": (0.039, 0.058),
    "waves": (0.018, 0.051),
}
"""Feed and kill rates of patterns that Pearson describes"""


@dataclass(frozen=True)
class GrayScott(StencilProblem):
    """v feeds on u and dies; it starts from a few random drops of v in a square full of u.

    regime: what pattern comes of it, by its feed and kill rates, to which up to `spread` (a
    share) is added or from which it is taken at random; drops: how many; length: of the square;
    diffusivities in units of length^2 / time.
    """

    horizon: float = 2000.0
    frames: int = 21
    regime: Regime = "spots"
    spread: float = 0.01
    drops: int = 8
    length: float = 1.0
    diffusivity_u: float = 2e-5
    diffusivity_v: float = 1e-5

    name: ClassVar[str] = "gray_scott"
    summary: ClassVar[str] = "Gray-Scott reaction and diffusion, periodic square, random drops"
    inputs: ClassVar = (
        Variable("u0", description="initial substrate"),
        Variable("v0", description="initial catalyst"),
        Variable("feed", kind="scalar", description="feed rate F"),
        Variable("kill", kind="scalar", description="kill rate k"),
    )
    outputs: ClassVar = (
        Variable("u", description="substrate"),
        Variable("v", description="catalyst"),
    )
    coordinates: ClassVar = ("t", "x", "y")
    symmetries: ClassVar[bool] = True
    sizes: ClassVar[tuple[int, ...]] = (32, 48, 64, 96, 128)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.regime not in get_args(Regime):
            raise InputError(f"expected a regime of {', '.join(NUMBERS)}, got '{self.regime}'")
        check_range("spread", self.spread, 0, 0.5)
        check_range("drops", self.drops, 1, 1000)
        check_range("length", self.length, 1e-6, 1e6)
        for name in ("diffusivity_u", "diffusivity_v"):
            check_range(name, getattr(self, name), 0, 1e6)

    def grid(self, resolution: int) -> Grid:
        return Grid(((0.0, self.length),) * 2, (resolution,) * 2, periodic=True, units="1")

    def draw(self, generator: np.random.Generator) -> Draw:
        feed, kill = NUMBERS[self.regime]
        moved = 1 + self.spread * generator.uniform(-1, 1, 2)
        return {
            "feed": feed * moved[0],
            "kill": kill * moved[1],
            "places": generator.uniform(0, 1, (self.drops, 2)),
            "widths": generator.uniform(0.03, 0.06, self.drops),
        }

    def evaluate(self, draw: Draw, grid: Grid) -> dict[str, np.ndarray]:
        """Drops of v = 1/2 in u = 1, of which they take as much; overlaps do not add up."""
        x, y = (axis / self.length for axis in grid.coordinates())
        empty = np.ones(grid.shape)
        for (a, b), width in zip(draw["places"], draw["widths"], strict=True):
            far = np.sin(np.pi * (x - a)) ** 2 + np.sin(np.pi * (y - b)) ** 2
            empty = empty * (1 - np.exp(-far / (np.pi * width) ** 2))
        return {
            "u0": 1 - 0.5 * (1 - empty), "v0": 0.5 * (1 - empty),
            "feed": np.asarray(draw["feed"]), "kill": np.asarray(draw["kill"]),
        }  # fmt: skip

    def constants(self) -> dict[str, float]:
        return {
            "diffusivity_u": float(self.diffusivity_u),
            "diffusivity_v": float(self.diffusivity_v),
        }

    def residual(self, u: Any, d: Calculus, x: Mapping[str, Any], p: SimpleNamespace) -> Any:
        u, v = u
        reaction = u * v * v
        return (
            d(u, "t") - p.diffusivity_u * d.laplacian(u) + reaction - p.feed * (1 - u),
            d(v, "t") - p.diffusivity_v * d.laplacian(v) - reaction + (p.feed + p.kill) * v,
        )

    @property
    def card(self) -> Card:
        feed, kill = NUMBERS[self.regime]
        return Card(
            domain=f"[0, {self.length:g})^2, t in [0, {self.horizon:g}]",
            conditions="periodic, u = u0 and v = v0 at t = 0",
            inputs=f"{self.drops} drops at random; F = {feed:g}, k = {kill:g} ({self.regime}), "
            f"each within {100 * self.spread:g}%",
            solver="differences of fourth order, RK4",
            source="Pearson 1993, Complex patterns in a simple system, Science 261",
        )
