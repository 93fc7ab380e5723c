"""What every problem of the registry keeps: its contract with files, cards and the calculus."""

import dataclasses
import json

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.registry import make_problem, problems


@pytest.mark.parametrize("name", problems.names())
def test_a_problem_comes_back_from_what_its_file_holds(name):
    problem = make_problem(name)
    config = problem.config()
    assert config == json.loads(json.dumps(config))
    assert make_problem(name, config) == problem


@pytest.mark.parametrize("name", problems.names())
def test_a_problem_prints_its_equation_and_fills_its_card(name):
    problem = make_problem(name)
    assert "= 0" in problem.latex()
    assert all(len(line.split(": ", 1)[1]) > 3 for line in problem.card.text().splitlines())
    assert problem.summary.isascii()


@pytest.mark.parametrize("name", problems.names())
def test_a_batch_is_its_samples_and_has_no_memory(name):
    problem = make_problem(name).endpoints()
    if hasattr(problem, "horizon"):  # chaos makes much of rounding in its time, on coarse grids
        problem = dataclasses.replace(problem, horizon=problem.horizon / 8)
    grid = problem.grid(16)
    draws = [problem.draw_sample(3, i) for i in range(3)]
    inputs = problem.evaluate_batch(draws, grid)
    fidelity = Fidelity(16, 1e-9)
    together = problem.solve(inputs, fidelity)
    assert together.converged.all()
    for i in (2, 0):
        alone = problem.solve({key: value[i : i + 1] for key, value in inputs.items()}, fidelity)
        size = np.abs(together.fields[i]).max()
        assert np.abs(alone.fields[0] - together.fields[i]).max() <= 1e-6 * size
