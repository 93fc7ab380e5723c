"""The two recipes on Burgers' equation, against the Cole-Hopf solution and the reference solver."""

import numpy as np
import pytest

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.burgers import Burgers
from sobolev.geometry.function import Function
from sobolev.geometry.grid import Grid
from sobolev.pinns.config import ACCURATE, DEMO
from sobolev.pinns.pinn import train


def cole_hopf(t, x, viscosity, nodes=150):
    """u(t, x) on [-1, 1] for u0 = -sin(pi x) by Gauss-Hermite quadrature, (len(t), len(x)).

    Basdevant et al. 1986, equation 2.5. The exponent is shifted by its maximum over the nodes.
    """
    z, w = np.polynomial.hermite.hermgauss(nodes)
    y = x[None, :, None] - z * np.sqrt(4.0 * viscosity * t[:, None, None])
    exponent = -np.cos(np.pi * y) / (2.0 * np.pi * viscosity)
    kernel = w * np.exp(exponent - exponent.max(axis=-1, keepdims=True))
    return -(np.sin(np.pi * y) * kernel).sum(axis=-1) / kernel.sum(axis=-1)


def case(viscosity):
    problem = Burgers(
        initial="sine", viscosity_min=viscosity, viscosity_max=viscosity, left=-1.0, right=1.0
    )
    inputs = problem.evaluate(problem.draw_sample(0, 0), problem.grid(64))
    extent = ((0.0, 1.0), (-1.0, 1.0))
    grid = Grid(extent, (101, 256), periodic=(False, True), names=("t", "x"))
    return problem, inputs, Function(cole_hopf(*grid.axes, viscosity), grid)


def test_quadrature_agrees_with_itself_and_with_the_initial_field():
    t, x = np.linspace(0.0, 1.0, 11), np.linspace(-1.0, 1.0, 101)
    viscosity = 0.01 / np.pi
    coarse, fine = (cole_hopf(t, x, viscosity, nodes) for nodes in (100, 200))
    assert np.abs(coarse - fine).max() < 1e-13
    assert np.abs(coarse[0] + np.sin(np.pi * x)).max() < 1e-13


@pytest.mark.slow
def test_demo_recipe():
    problem, inputs, reference = case(0.05 / np.pi)
    result = train(problem, inputs, DEMO, reference=reference)
    assert result.error(reference) < 2e-3


@pytest.mark.slow
def test_demo_recipe_on_a_random_sample():
    problem = Burgers(frames=21)
    draw, space = problem.draw_sample(0, 0), problem.grid(256)
    truth = problem.solve(problem.evaluate_batch([draw], space), Fidelity(256, 1e-9))
    assert truth.converged.all()
    grid = Grid(((0.0, 1.0), *space.extent), (21, 256), (False, True), names=("t", "x"))
    result = train(problem, problem.evaluate(draw, space), DEMO)
    assert result.error(Function(truth.fields[0], grid)) < 1e-2


@pytest.mark.slow
def test_accurate_recipe_on_a_steep_front():
    problem, inputs, reference = case(0.01 / np.pi)
    result = train(problem, inputs, ACCURATE, reference=reference)
    print(f"PINN, nu = 0.01/pi: {result.error(reference):.2e} after {result.seconds:.0f} s")
    assert result.error(reference) < 1e-4
