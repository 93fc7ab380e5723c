"""An equation that is not in the registry, in 25 lines: data, LaTeX, checks, residual of a PINN."""

import sys
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import numpy as np
import torch

from sobolev.datasets.generation import generate
from sobolev.datasets.periodic import PeriodicProblem
from sobolev.datasets.problem import Card, Fidelity, Variable
from sobolev.datasets.verification import verify
from sobolev.datasets.waves import SineWaves
from sobolev.geometry.calculus.autograd import AutogradCalculus
from sobolev.pinns.statement import state_problem


# --- the 25 lines, with five of the imports above ---
@dataclass(frozen=True)
class SwiftHohenberg(PeriodicProblem):
    right: float = 40.0
    horizon: float = 20.0
    name = "swift_hohenberg"
    summary = "u_t = r u - (1 + d_xx)^2 u - u^3"
    inputs = (Variable("u0"), Variable("r", kind="scalar"))
    outputs = (Variable("u"),)
    card = Card("[0, 40), t in [0, 20]", "periodic", "ten sine waves", "ETDRK4", "Swift 1977")

    def draw(self, generator):
        return {"u0": SineWaves(40.0).draw(generator), "r": generator.uniform(0.1, 0.5)}

    def evaluate(self, draw, grid):
        u0 = SineWaves(40.0).evaluate(draw["u0"], grid.axes[0])
        return {"u0": u0, "r": np.asarray(draw["r"])}

    def residual(self, u, d, x, p):
        return d(u, "t") + (1 - p.r) * u + 2 * d(u, "xx") + d(u, "xxxx") + u**3


# --- end ---


cloudpickle.register_pickle_by_value(sys.modules[__name__])


def test_it_takes_25_lines():
    text = Path(__file__).read_text().split("# --- the 25 lines")[1].split("# --- end")[0]
    assert len(text.strip().splitlines()) - 1 + 5 <= 25


def test_it_prints_itself():
    assert SwiftHohenberg().latex().startswith("u_{t} + 2 u_{xx} + u_{xxxx}")


def test_its_data_is_generated_and_stands_up_to_the_checks(tmp_path):
    problem = SwiftHohenberg(horizon=4.0, frames=2)
    generate(problem, 1, 64, 0, tmp_path / "data.h5", tolerance=1e-6)
    report = verify(tmp_path / "data.h5", problem=problem)
    assert report.passed, str(report)


def test_its_small_waves_grow_at_their_rate():
    problem = SwiftHohenberg(horizon=2.0, frames=2)
    x = problem.grid(64).axes[0]
    k = 2 * np.pi / 40 * np.arange(4, 9)
    waves = np.cos(np.multiply.outer(k, x))
    inputs = {"u0": 1e-8 * waves, "r": np.full(5, 0.3)}
    u = problem.solve(inputs, Fidelity(64, 1e-10)).fields[:, 1]
    growth = 2 * np.mean(u * waves, axis=1) / 1e-8
    np.testing.assert_allclose(growth, np.exp(2 * (0.3 - (1 - k**2) ** 2)), rtol=1e-8)


def test_a_network_meets_the_same_equation():
    statement = state_problem(SwiftHohenberg(), {"u0": lambda x: torch.sin(x["x"]), "r": 0.3})
    t, x = (torch.linspace(0.1, 1, 7, dtype=torch.float64).requires_grad_() for _ in "tx")
    u = torch.exp(-t) * torch.sin(2 * x)
    points = {"t": t, "x": x}
    residual = statement.residual(u, AutogradCalculus(points), points, statement.parameters(points))
    wanted = -u + 0.7 * u - 8 * u + 16 * u + u**3
    torch.testing.assert_close(residual, wanted)
