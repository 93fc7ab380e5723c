"""The figures of published remedies: their quick run, and the spectra of a known network."""

import dataclasses
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sobolev.pinns.derivatives.readings import make_derivatives
from sobolev.pinns.networks import MLP, Coordinates

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "pinn_remedies.py"


@pytest.fixture(scope="module")
def remedies():
    spec = importlib.util.spec_from_file_location("pinn_remedies", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["pinn_remedies"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["pinn_remedies"]


def test_a_quick_figure_and_again_from_its_folder(tmp_path):
    command = [sys.executable, SCRIPT, "ntk", "--quick", "--folder", tmp_path]
    first, again = (
        subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(2)
    )
    assert "random features" in first.stdout
    assert "20/20" in first.stderr
    assert first.stdout == again.stdout
    assert not again.stderr.count("/20 loss")  # nothing is trained twice
    assert (tmp_path / "ntk.png").read_bytes()[:4] == b"\x89PNG"


def test_spectra_are_those_of_the_whole_jacobian(remedies):
    statement = remedies.CASES["waves"].statement()
    network = MLP(Coordinates(statement.extent, statement.periodic), 4, 1)
    field = statement.wrap(network)
    result = dataclasses.make_dataclass("Result", ["field", "statement"])(field, statement)
    found = remedies.spectra(result, points=8)
    # The boundary's misfit is u, so its kernel is that of the values.
    unit = remedies.Sobol(1)
    unit.draw(8, 1)
    (condition,) = statement.conditions
    points = condition.rows(statement, unit.draw(8, 1))[:, :1]
    rows = []
    for value in network(points)[:, 0]:
        slopes = torch.autograd.grad(value, list(network.parameters()), retain_graph=True)
        rows.append(torch.cat([s.reshape(-1) for s in slopes]))
    jacobian = torch.stack(rows)
    expected = torch.linalg.eigvalsh(jacobian @ jacobian.T).flip(0).clamp(min=0).numpy()
    assert np.abs(found["boundary"] - expected).max() < 1e-10 * expected[0]
    assert (np.diff(found["equation"]) <= 0).all()


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_poisson_has_its_solution_at_every_scale(remedies, scale):
    statement, reference = remedies.poisson(scale), remedies.poisson_reference(scale)
    points = torch.rand(20, 2, dtype=torch.float64) * statement.extent[0][1]

    def exact(points):
        return torch.sin(scale * points[:, :1]) * torch.sin(scale * points[:, 1:])

    derivatives = make_derivatives("taylor", exact, statement.coordinates)
    assert derivatives(points, statement.equation).abs().max() < 1e-13 * scale**2
    grid = torch.from_numpy(reference.on.coordinates().reshape(2, -1).T)
    assert np.abs(exact(grid)[:, 0].numpy() - reference.numpy().ravel()).max() < 1e-14
    assert statement.extent == ((0.0, 2.0 * np.pi / scale),) * 2


def test_soft_conditions_are_all_in_the_loss(remedies):
    statement = remedies.soft(remedies.CASES["convection_30"].statement())
    assert {c.name for c in statement.conditions} == {"initial", "periodic x"}
    assert not any(c.hard for c in statement.conditions)
    assert statement.periodic == (False, False)
