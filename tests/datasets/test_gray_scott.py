"""Gray-Scott: uniform states, the order of its waves, and the patterns of the known classes."""

import numpy as np
import pytest
from scipy import ndimage

from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.gray_scott import GrayScott
from sobolev.geometry.errors import InputError


def test_a_uniform_state_follows_the_reaction_alone():
    """Against small steps of the two ordinary equations."""
    problem = GrayScott(horizon=20.0, frames=3)
    u, v, feed, kill = 0.7, 0.3, 0.03, 0.06
    given = {
        "u0": np.full((1, 8, 8), u), "v0": np.full((1, 8, 8), v),
        "feed": np.array([feed]), "kill": np.array([kill]),
    }  # fmt: skip
    found = problem.solve(given, Fidelity(8, steps=400)).fields[0, :, :, 0, 0]

    def rates(w):
        reaction = w[0] * w[1] ** 2
        return np.array([feed * (1 - w[0]) - reaction, reaction - (feed + kill) * w[1]])

    w, h = np.array([u, v]), 1e-3
    for _ in range(20_000):
        k = rates(w)
        w = w + h * rates(w + h / 2 * k)
    np.testing.assert_allclose(found[2], w, atol=1e-7)


def pattern(problem, n=128):
    """v at the end, periodic, (n, n)."""
    draws = [problem.draw_sample(0, 0)]
    solution = problem.solve_draws(draws, problem.grid(n), Fidelity(n))
    assert solution.converged.all()
    return solution.fields[0, -1, 1]


def components(mask):
    """Connected parts of a periodic mask, by repeating it; their areas in points."""
    labels, _ = ndimage.label(mask)
    for axis in (0, 1):
        first, last = np.take(labels, 0, axis), np.take(labels, -1, axis)
        for a, b in zip(first, last, strict=True):
            if a and b and a != b:
                labels[labels == b] = a
                first[first == b], last[last == b] = a, a
    areas = np.bincount(labels.ravel())[1:]
    return areas[areas > 0]


def roundness(mask):
    """4 pi area / perimeter^2 of the mean component, from the counts of points and of edges."""
    edges = sum(np.sum(mask != np.roll(mask, 1, axis)) for axis in (0, 1))
    parts = len(components(mask))
    # A disc has 4 / pi times its circumference in edges of points.
    return 4 * np.pi * mask.sum() * parts / (edges * np.pi / 4) ** 2


@pytest.mark.slow
@pytest.mark.parametrize("regime", ["spots", "dividing"])
def test_spots_are_many_and_round(regime):
    v = pattern(GrayScott(regime=regime, horizon=8000.0, frames=2, spread=0.0))
    mask = v > 0.2
    assert len(components(mask)) > 20
    assert roundness(mask) > 0.8


@pytest.mark.slow
def test_stripes_are_long():
    v = pattern(GrayScott(regime="stripes", horizon=12000.0, frames=2, spread=0.0))
    assert roundness(v > 0.2) < 0.4


@pytest.mark.slow
def test_holes_lie_in_one_connected_part():
    v = pattern(GrayScott(regime="holes", horizon=10000.0, frames=2, spread=0.0))
    mask = v > 0.2
    assert components(mask).max() > 0.9 * mask.sum()
    assert len(components(~mask)) > 10


def test_truth_checks_pass_on_solutions_and_fail_on_others(finds_a_late_frame):
    finds_a_late_frame(GrayScott(horizon=100.0, frames=4), 48, "v")


@pytest.mark.parametrize("config", [{"regime": "chaos"}, {"spread": 2.0}, {"drops": 0}])
def test_bad_parameters_are_refused(config):
    with pytest.raises(InputError, match="expected"):
        GrayScott(**config)
