"""L-BFGS against scipy, closed forms and its own stop reasons."""

import math

import numpy as np
import pytest
import scipy.optimize
import torch

from sobolev.geometry.errors import InputError
from sobolev.pinns.optimisers import base
from sobolev.pinns.optimisers.base import minimise
from sobolev.pinns.optimisers.lbfgs import LBFGS
from sobolev.pinns.optimisers.line_search import CURVATURE, SUFFICIENT_DECREASE, Trial, strong_wolfe


def rosenbrock(x):
    x = x.detach().clone().requires_grad_(True)
    loss = (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()
    return loss.item(), torch.autograd.grad(loss, x)[0]


EIGENVALUES = torch.logspace(0, 6, 40, dtype=torch.float64)
CENTRE = torch.linspace(-1.0, 2.0, 40, dtype=torch.float64)


def quadratic(x):
    gradient = EIGENVALUES * (x - CENTRE)
    return 0.5 * torch.dot(gradient, x - CENTRE).item(), gradient


def as_numpy(evaluate):
    def function(x):
        loss, gradient = evaluate(torch.from_numpy(np.array(x)))
        return loss, gradient.numpy()

    return function


@pytest.mark.parametrize("size", [2, 10])
def test_rosenbrock_reaches_the_minimum_with_no_more_work_than_scipy(size):
    start = torch.full((size,), -1.2, dtype=torch.float64)
    start[1::2] = 1.0
    optimiser = LBFGS(memory=10, gradient_tolerance=1e-8)
    x = minimise(rosenbrock, start, optimiser)
    theirs = scipy.optimize.minimize(
        as_numpy(rosenbrock), start.numpy(), jac=True, method="L-BFGS-B",
        options={"maxcor": 10, "gtol": 1e-8, "ftol": 0.0},
    )  # fmt: skip
    assert optimiser.stop_reason == base.GRADIENT
    assert torch.allclose(x, torch.ones(size, dtype=torch.float64), atol=1e-7)
    assert np.allclose(theirs.x, 1.0, atol=1e-6)
    assert optimiser.evaluations <= 1.5 * theirs.nfev


def test_ill_conditioned_quadratic_agrees_with_scipy():
    start = torch.zeros(40, dtype=torch.float64)
    optimiser = LBFGS(memory=50, gradient_tolerance=1e-5, reduction_tolerance=0.0)
    x = minimise(quadratic, start, optimiser)
    theirs = scipy.optimize.minimize(
        as_numpy(quadratic), start.numpy(), jac=True, method="L-BFGS-B",
        options={"maxcor": 50, "gtol": 1e-5, "ftol": 0.0, "maxiter": 5000},
    )  # fmt: skip
    assert optimiser.stop_reason == base.GRADIENT
    assert (x - CENTRE).abs().max() < 1e-5  # the smallest eigenvalue is 1
    assert abs(optimiser.loss - theirs.fun) < 1e-10
    assert optimiser.evaluations <= 1.5 * theirs.nfev


def test_convex_case_with_known_minimiser():
    # min sum log(2 cosh(x_i - c_i)) + |x - c|^2 / 2 is at c, with value n log 2.
    def evaluate(x):
        z = x - CENTRE
        loss = torch.logaddexp(z, -z).sum() + 0.5 * torch.dot(z, z)
        return loss.item(), torch.tanh(z) + z

    optimiser = LBFGS(gradient_tolerance=1e-10)
    x = minimise(evaluate, torch.full((40,), 5.0, dtype=torch.float64), optimiser)
    assert optimiser.stop_reason == base.GRADIENT
    assert (x - CENTRE).abs().max() < 1e-10
    assert optimiser.loss == pytest.approx(40 * math.log(2.0), rel=1e-14)


def test_says_why_it_stopped():
    start = torch.full((4,), 2.0, dtype=torch.float64)

    def reason(evaluate, **options):
        optimiser = LBFGS(**options)
        minimise(evaluate, start, optimiser)
        return optimiser.stop_reason

    def nan(x):
        return math.nan, torch.ones_like(x)

    def uphill(x):  # a gradient of the wrong sign: no step along it can go down
        loss, gradient = rosenbrock(x)
        return loss, -gradient

    assert reason(rosenbrock) == base.GRADIENT
    assert reason(rosenbrock, max_iterations=3) == base.ITERATIONS
    assert reason(rosenbrock, reduction_tolerance=0.99) == base.REDUCTION
    assert reason(nan) == base.NOT_FINITE
    assert reason(uphill) == base.LINE_SEARCH


def test_a_wall_of_nan_shortens_the_step():
    def evaluate(x):  # -log x + x: not defined for x <= 0, least at 1
        return (x - torch.log(x)).sum().item(), 1.0 - 1.0 / x

    optimiser = LBFGS(gradient_tolerance=1e-10)
    x = minimise(evaluate, torch.tensor([40.0, 0.01], dtype=torch.float64), optimiser)
    assert optimiser.stop_reason == base.GRADIENT
    assert torch.allclose(x, torch.ones(2, dtype=torch.float64), atol=1e-9)


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("case", ["more-thuente-1", "oscillating"])
def test_line_search_satisfies_the_strong_wolfe_conditions(first, case):
    def along(step):
        if case == "more-thuente-1":  # More & Thuente 1994, equation (5.1), beta = 2
            loss = -step / (step**2 + 2.0)
            slope = (step**2 - 2.0) / (step**2 + 2.0) ** 2
        else:
            loss = (step - 3.0) ** 2 + 0.5 * math.sin(7.0 * step)
            slope = 2.0 * (step - 3.0) + 3.5 * math.cos(7.0 * step)
        return Trial(step, loss, slope, torch.empty(0))

    start = along(0.0)
    trial = strong_wolfe(along, start, first)
    assert trial.loss <= start.loss + SUFFICIENT_DECREASE * trial.step * start.slope
    assert abs(trial.slope) <= CURVATURE * abs(start.slope)


@pytest.mark.parametrize("stop", [1, 7, 30])
def test_state_resumes_with_the_same_bits(stop):
    start = torch.full((10,), -1.2, dtype=torch.float64)
    whole = LBFGS(memory=5)
    expected = minimise(rosenbrock, start, whole)
    first = LBFGS(memory=5)
    x = start
    for _ in range(stop):
        x = first.step(x, rosenbrock)
    second = LBFGS(memory=5)
    second.load_state(first.state())
    assert torch.equal(minimise(rosenbrock, x, second), expected)
    assert second.iterations == whole.iterations
    assert second.stop_reason == whole.stop_reason


def test_refuses_options_that_mean_nothing():
    with pytest.raises(InputError, match="memory >= 1"):
        LBFGS(memory=0)
