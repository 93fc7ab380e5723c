"""Problems on stencils, from the residual to the file: what blows up is told and never stored."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sobolev.datasets.generation import generate
from sobolev.datasets.problem import Card, Variable
from sobolev.datasets.reader import Dataset
from sobolev.datasets.stenciled import StencilProblem
from sobolev.geometry.grid import Grid


@dataclass(frozen=True)
class Riccati(StencilProblem):
    """u_t = u^2 at every point: u = u0 / (1 - u0 t) ends at t = 1 / u0."""

    horizon: float = 1.0
    frames: int = 3

    name: ClassVar[str] = "riccati"
    summary: ClassVar[str] = "u_t = u^2"
    inputs: ClassVar = (Variable("u0"),)
    outputs: ClassVar = (Variable("u"),)
    card: ClassVar = Card("interval", "none", "constants", "RK4", "Riccati 1724")

    def grid(self, resolution):
        return Grid(((0.0, 1.0),), (resolution,), periodic=True)

    def draw(self, generator):
        return {"u0": generator.uniform(0.5, 1.5)}

    def evaluate(self, draw, grid):
        return {"u0": np.full(grid.shape, draw["u0"])}

    def residual(self, u, d, x, p):
        return d(u, "t") - u * u


def test_what_blows_up_is_told_with_its_time_and_never_reaches_the_file(tmp_path):
    problem, samples = Riccati(), 8
    starts = np.array([problem.draw_sample(0, i)["u0"] for i in range(samples)])
    lost = np.flatnonzero(starts > 1)
    assert 0 < len(lost) < samples
    report = generate(problem, samples, 8, 0, tmp_path / "riccati.h5")
    assert len(report.failed) == len(lost)
    text = "; ".join(reason for _, reason in report.failed)
    assert "blow-up at t = " in text
    assert "the step limit of rk4" in text
    assert "refine the grid or check the equation" in text
    stored = Dataset(tmp_path / "riccati.h5")
    assert len(stored) == samples - len(lost)
    kept = stored.read("u")
    assert np.isfinite(kept).all()
    np.testing.assert_allclose(kept[:, 0, 0], starts[starts <= 1])
