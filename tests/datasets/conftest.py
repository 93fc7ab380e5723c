"""A tiny problem whose solver is exact, fast, and fails on request."""

import sys
import time
from dataclasses import dataclass
from typing import ClassVar

import cloudpickle
import numpy as np
import pytest

from sobolev.datasets.problem import Card, Fidelity, Problem, TruthCheck, Variable
from sobolev.datasets.random_fields import GaussianField
from sobolev.geometry.grid import Grid
from sobolev.solvers.solution import Solution


@dataclass(frozen=True)
class Screened(Problem):
    """-u'' + k u = f on a periodic interval; samples with k < `failing` do not converge."""

    failing: float = 0.0
    raising: bool = False
    pause: float = 0.0

    name: ClassVar[str] = "screened"
    summary: ClassVar[str] = "-u'' + k u = f, periodic"
    inputs: ClassVar = (Variable("f", "N"), Variable("k", "1", "scalar"))
    outputs: ClassVar = (Variable("u", "m"),)
    coordinates: ClassVar = ("x",)
    solver_name: ClassVar[str] = "Fourier"

    def grid(self, resolution):
        return Grid(((0.0, 1.0),), (resolution,), True, units="m")

    @property
    def field(self):
        return GaussianField(((0.0, 1.0),), 2.0, 3.0, boundary="periodic", modes=40)

    def draw(self, generator):
        return {"k": generator.uniform(0.5, 1.5), "f": self.field.draw(generator)}

    def evaluate(self, draw, grid):
        return {"f": self.field.evaluate(draw["f"], grid), "k": np.asarray(draw["k"])}

    def residual(self, u, d, x, p):
        return p.k * u - d(u, "xx") - p.f

    @property
    def card(self):
        return Card("unit interval", "periodic", "f Gaussian, k uniform", "Fourier", "none")

    def solve(self, inputs, fidelity, threads=1):
        time.sleep(self.pause)
        if self.raising:
            raise ZeroDivisionError("a defect of the solver")
        f, k = inputs["f"], inputs["k"]
        wave = 2 * np.pi * np.fft.rfftfreq(f.shape[1], 1 / f.shape[1])
        u = np.fft.irfft(np.fft.rfft(f) / (k[:, None] + wave**2), f.shape[1])
        good = k >= self.failing
        return Solution(
            fields=np.where(good[:, None], u, np.nan),
            converged=good,
            iterations=np.full(len(u), 1),
            residual=np.full(len(u), 1e-16),
            seconds=np.full(len(u), 1e-3),
            reason=tuple("converged" if ok else "stagnated" for ok in good),
        )

    def ladder(self):
        return (Fidelity(16),)

    def reference_fidelity(self):
        return Fidelity(64)

    def truth_checks(self, inputs, outputs, grid, fidelity, generator):
        u, k = outputs["u"].astype(float), inputs["k"].astype(float)
        wave = 2 * np.pi * np.fft.rfftfreq(u.shape[1], 1 / u.shape[1])
        back = np.fft.irfft(np.fft.rfft(u) * (k[:, None] + wave**2), u.shape[1])
        figure = np.abs(back - inputs["f"]).max() / np.abs(inputs["f"]).max()
        return [TruthCheck("residual", float(figure), 1e-9)]


# Worker processes cannot import this file, so the class travels to them by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture
def screened():
    """The class `Screened`."""
    return Screened


@pytest.fixture
def registered(monkeypatch):
    """`Screened` under its name in the registry."""
    from sobolev.datasets.registry import problems

    monkeypatch.setitem(problems.ours, "screened", f"{__name__}:Screened")
    return Screened


@pytest.fixture
def finds_a_late_frame():
    """Truth checks pass on two solutions; they fail where a frame is the one after it."""

    def find(problem, resolution, output):
        grid, fidelity = problem.grid(resolution), problem.data_fidelity(resolution, 1e-8)
        draws = [problem.draw_sample(0, i) for i in range(2)]
        outputs = problem.split(problem.solve_draws(draws, grid, fidelity).fields)
        inputs = problem.evaluate_batch(draws, grid)

        def judge(outputs):
            return problem.truth_checks(inputs, outputs, grid, fidelity, np.random.default_rng(0))

        assert all(check.passed for check in judge(outputs))
        late = outputs[output].copy()
        late[:, 2] = outputs[output][:, 3]
        assert not judge(outputs | {output: late})[1].passed

    return find
