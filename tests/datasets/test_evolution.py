"""Problems in time with several outputs: from the solver through the file to the ruler."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from sobolev.datasets.evolution import EvolutionProblem
from sobolev.datasets.generation import generate
from sobolev.datasets.loader import load_pairs, load_windows
from sobolev.datasets.problem import Card, Fidelity, Variable
from sobolev.datasets.random_fields import GaussianField
from sobolev.datasets.reader import Dataset
from sobolev.datasets.ruler import classical_contestant, measure, reference_truth, relative_errors
from sobolev.datasets.verification import verify
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.solution import Solution


@dataclass(frozen=True)
class Oscillators(EvolutionProblem):
    """q_t = p, p_t = -rate^2 q at every point; solved exactly, but for `off` in the phase."""

    off: float = 0.0

    name: ClassVar[str] = "oscillators"
    summary: ClassVar[str] = "q_t = p, p_t = -rate^2 q"
    inputs: ClassVar = (Variable("q0"), Variable("p0"), Variable("rate", "1/s", "scalar"))
    outputs: ClassVar = (Variable("q"), Variable("p"))  # not in the order of the alphabet
    solver_name: ClassVar[str] = "closed form"

    def grid(self, resolution):
        return Grid(((0.0, 1.0),), (resolution,), True)

    @property
    def field(self):
        return GaussianField(((0.0, 1.0),), 2.0, 3.0, boundary="periodic", modes=6)

    def draw(self, generator):
        fields = {name: self.field.draw(generator) for name in ("q0", "p0")}
        return {**fields, "rate": generator.uniform(1, 2)}

    def evaluate(self, draw, grid):
        fields = {name: self.field.evaluate(draw[name], grid) for name in ("q0", "p0")}
        return {**fields, "rate": np.asarray(draw["rate"])}

    def residual(self, u, d, x, p):
        q, momentum = u
        return d(q, "t") - momentum, d(momentum, "t") + p.rate**2 * q

    @property
    def card(self):
        return Card("unit interval", "periodic", "Gaussian", "exact", "none")

    def solve(self, inputs, fidelity, threads=1):
        q, p = (self.initial_state(inputs)[:, i, None] for i in (0, 1))
        rate = inputs["rate"][:, None, None]
        phase = rate * self.times[:, None] * (1 + self.off)
        turned = np.stack(
            [
                q * np.cos(phase) + p / rate * np.sin(phase),
                p * np.cos(phase) - rate * q * np.sin(phase),
            ],
            axis=2,
        )
        count = len(rate)
        ones = np.ones(count)
        return Solution(
            turned, ones > 0, ones.astype(int), 0 * ones, 0 * ones, ("converged",) * count
        )

    def allowance(self, inputs, before, again, grid, fidelity):
        return np.full(len(before), 1e-10)

    def conserved(self, outputs, inputs, grid):
        rate = inputs["rate"].reshape(-1, 1, 1)
        energy = np.mean(outputs["p"] ** 2 + (rate * outputs["q"]) ** 2, axis=-1)
        return {"energy": energy / energy[:, :1]}

    def ladder(self):
        return (Fidelity(16),)

    def reference_fidelity(self):
        return Fidelity(64)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    output = tmp_path_factory.mktemp("evolution") / "data.h5"
    generate(Oscillators(frames=4), 5, 16, 0, output, chunk=2)
    return output


def test_outputs_are_stored_apart_in_their_declared_order(path):
    dataset, problem = Dataset(path), Oscillators(frames=4)
    assert dataset.outputs == ("q", "p")
    assert dataset.inputs == ("q0", "p0", "rate")
    draws = [problem.draw_sample(0, i) for i in range(5)]
    fields = problem.solve_draws(draws, dataset.grid, Fidelity(16)).fields
    assert fields.shape == (5, 4, 2, 16)
    assert np.array_equal(dataset.read("q"), fields[:, :, 0])
    assert np.array_equal(dataset.read("p"), fields[:, :, 1])


def test_verification_reads_all_outputs(path):
    report = verify(path, problem=Oscillators(frames=4))
    assert report.passed, str(report)
    assert "energy stays" in str(report)
    assert "windows solved again" in str(report)


@pytest.mark.parametrize("output", [0, 1])
def test_a_wrong_output_fails_its_window(path, output):
    problem = Oscillators(frames=4)
    dataset = Dataset(path)
    inputs = {name: dataset.read(name) for name in dataset.inputs}
    outputs = {name: dataset.read(name).copy() for name in dataset.outputs}
    outputs[dataset.outputs[output]][3, 2] *= 1 + 1e-8
    checks = problem.truth_checks(
        inputs, outputs, dataset.grid, Fidelity(16), np.random.default_rng(0)
    )
    assert [check.passed for check in checks] == [True, False, False]


def test_channels_of_training_are_all_outputs(path):
    pairs = load_pairs(path)
    assert (pairs.input_names, pairs.target_names) == (("q0", "p0", "rate"), ("q", "p"))
    assert pairs.targets.shape == (5, 2, 16)
    windows = load_windows(path, n_in=1, n_out=2)
    assert windows.input_names == ("q[0]", "p[0]", "rate")
    assert windows.target_names == ("q[1]", "p[1]", "q[2]", "p[2]")
    assert np.allclose(windows.inputs[0, 1], Dataset(path).read("p")[0, 0])


def test_the_ruler_weighs_every_output_by_its_own_size():
    grid = Grid(((0.0, 1.0),), (8,), True)
    truth = np.ones((3, 2, 2, 8))
    truth[:, :, 1] *= 1e-6  # other units
    prediction = truth.copy()
    prediction[:, :, 1] *= 1.3
    errors = relative_errors(prediction, truth, grid)
    assert np.allclose(errors["L2"], 0.3 / np.sqrt(2))
    assert np.allclose(errors["Linf"], 0.3)
    assert np.allclose(relative_errors(prediction[:, :, 1], truth[:, :, 1], grid)["L2"], 0.3)


def test_the_ruler_measures_a_solver_of_several_outputs():
    problem = Oscillators(frames=2)
    draws = [problem.draw_sample(1, i) for i in range(3)]
    grid = problem.grid(32)
    truth = reference_truth(problem, draws, grid)
    slow = replace(problem, off=1e-3)
    contestants = [
        classical_contestant(problem, Fidelity(16)),
        replace(classical_contestant(slow, Fidelity(16)), name="slow"),
    ]
    exact, off = measure(problem, contestants, draws, truth, batches=(1,), repeats=1)
    assert exact.errors["L2"] < 1e-12
    assert 1e-4 < off.errors["L2"] < 3e-3


def test_a_trajectory_that_blows_up_is_left_out_of_the_file(tmp_path):
    class Explosive(Oscillators):
        def solve(self, inputs, fidelity, threads=1):
            found = super().solve(inputs, fidelity, threads)
            fields, bad = found.fields.copy(), inputs["rate"] > 1.5
            fields[bad, 2:] = np.nan
            reason = tuple("blow-up at t = 0.5" if b else "converged" for b in bad)
            return replace(found, fields=fields, converged=~bad, reason=reason)

        def data_fidelity(self, resolution, tolerance):
            return Fidelity(2 * resolution, tolerance)  # another grid than the file's

    problem = Explosive(frames=4)
    report = generate(problem, 8, 16, 0, tmp_path / "data.h5")
    rates = [problem.draw_sample(0, i)["rate"] for i in range(8)]
    assert [sample for sample, _ in report.failed] == [i for i in range(8) if rates[i] > 1.5]
    assert all(reason == "blow-up at t = 0.5" for _, reason in report.failed)
    assert np.isfinite(Dataset(tmp_path / "data.h5").read("q")).all()


@pytest.mark.parametrize(
    "wrong", [{"horizon": 0.0}, {"horizon": np.nan}, {"frames": 1}, {"frames": 2.5}]
)
def test_illegal_times_are_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        Oscillators(**wrong)
