"""Weights of terms and of points against their formulas, their memory and their resume."""

import math
from types import SimpleNamespace

import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.pinns.weights import (
    WEIGHTINGS,
    Causal,
    Fixed,
    GradientNorm,
    SelfAdaptive,
    TangentKernel,
)

GRADIENTS = {"equation": torch.tensor([3.0, 4.0]), "initial": torch.tensor([0.0, 0.1])}
# Rows over the square root of their number, in blocks as a Jacobian gives them.
BLOCKS = [("equation", torch.full((4, 3), 2.0)), ("equation", torch.full((2, 3), 1.0)),
          ("initial", torch.full((5, 3), 0.2))]  # fmt: skip
TRACES = {"equation": 4 * 3 * 4.0 + 2 * 3, "initial": 5 * 3 * 0.04}


def objective(weighting=None, gradients=GRADIENTS):
    """As much of an objective as weightings look at; its rows carry the weights."""

    def blocks():
        for name, block in BLOCKS:
            yield math.sqrt(weighting.current(name)) * block

    return SimpleNamespace(
        gradients=lambda: gradients,
        vector=lambda: torch.zeros(3),
        terms=GRADIENTS,
        row_counts=lambda: {"equation": 6, "initial": 5},
        jacobian=lambda vector: SimpleNamespace(blocks=blocks),
    )


def test_fixed_weights_stay():
    weighting = Fixed({"initial": 100.0})
    weighting.update(objective())
    assert (weighting.current("initial"), weighting.current("equation")) == (100.0, 1.0)
    with pytest.raises(InputError, match="weights >= 0"):
        Fixed({"initial": -1.0})


def test_gradient_norm_makes_all_gradients_as_long_as_their_sum():
    weighting = GradientNorm(memory=0.0)
    weighting.update(objective())
    for name, gradient in GRADIENTS.items():
        assert weighting.current(name) * gradient.norm().item() == pytest.approx(5.1, rel=1e-6)


def test_gradient_norm_remembers():
    weighting = GradientNorm(memory=0.9)
    weighting.update(objective())
    assert weighting.current("equation") == pytest.approx(0.9 + 0.1 * 5.1 / 5.0)
    with pytest.raises(InputError, match="memory"):
        GradientNorm(memory=1.0)


def test_a_term_that_is_met_already_keeps_its_weight():
    weighting = GradientNorm()
    weighting.update(objective(None, {"equation": torch.ones(2), "initial": torch.zeros(2)}))
    assert weighting.current("initial") == 1.0


def test_tangent_kernel_gives_all_terms_the_same_trace():
    weighting = TangentKernel(memory=0.0)
    for _ in range(2):  # the weights that the rows carry are taken out
        weighting.update(objective(weighting))
        for name, trace in TRACES.items():
            expected = sum(TRACES.values()) / trace
            assert weighting.current(name) == pytest.approx(expected, rel=1e-5)
    assert weighting.pointwise("equation", torch.zeros(2, 1), lambda: torch.ones(2)) is None


def test_self_adaptive_weights_climb_where_the_misfit_stays():
    weighting = SelfAdaptive(rate=0.5)
    points, squares = torch.rand(4, 2), torch.tensor([0.0, 0.0, 1.0, 3.0])
    first = weighting.pointwise("equation", points, lambda: squares)
    second = weighting.pointwise("equation", points, lambda: squares)
    raised = 1.0 + 2 * 0.5 * squares / 1.0
    assert torch.allclose(second, raised / raised.mean())
    assert second[3] > first[3] > 1.0 > first[0] > second[0]
    assert second.mean().item() == pytest.approx(1.0)
    elsewhere = weighting.pointwise("equation", points + 1.0, lambda: squares)
    assert torch.equal(elsewhere, first)  # new points begin anew
    flat = weighting.pointwise("initial", points, lambda: torch.zeros(4))
    assert torch.equal(flat, torch.ones(4))


def test_causal_weights_wait_for_earlier_times():
    weighting = Causal(slabs=4, schedule=(2.0, 10.0), threshold=0.9)
    points = torch.stack([torch.linspace(0.0, 1.0, 41), torch.zeros(41)], dim=1)
    squares = 0.5 + points[:, 0]
    weights = weighting.pointwise("equation", points, lambda: squares)
    slab = (4 * points[:, 0]).long().clamp(max=3)
    losses = [squares[slab == k].mean().item() for k in range(4)]
    for k in range(4):
        expected = math.exp(-2.0 * sum(losses[:k]))
        assert weights[slab == k] == pytest.approx(torch.full(((slab == k).sum(),), expected))
    assert weighting.pointwise("initial", points, lambda: squares) is None
    assert weighting.reached == 0
    # All slabs solved: the next eps, at once.
    small = weighting.pointwise("equation", points, lambda: 1e-3 * squares)
    assert weighting.reached == 1
    assert small.min().item() == pytest.approx(math.exp(-10.0 * 1e-3 * sum(losses[:3])), rel=1e-5)


@pytest.mark.parametrize("name", sorted(WEIGHTINGS))
def test_starts_from_given_weights(name):
    weighting = WEIGHTINGS[name](weights={"initial": 100.0})
    assert (weighting.current("initial"), weighting.current("equation")) == (100.0, 1.0)
    weighting.update(objective(weighting))
    new = {"gradient_norm": 5.1 / 0.1, "ntk": sum(TRACES.values()) / TRACES["initial"]}
    expected = 0.9 * 100.0 + 0.1 * new.get(name, 100.0)
    assert weighting.current("initial") == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", sorted(WEIGHTINGS))
def test_resumes_with_the_same_bits(name):
    one, other = WEIGHTINGS[name](), WEIGHTINGS[name]()
    points = torch.rand(30, 2)

    def renew(weighting, k):
        weighting.update(objective(weighting))
        squares = torch.arange(30.0) * 1e-6 / (k + 1)
        return weighting.pointwise("equation", points, lambda: squares)

    for k in range(3):
        renew(one, k)
    other.load_state(one.state())
    for k in range(3, 5):
        a, b = renew(one, k), renew(other, k)
        assert a is None if b is None else torch.equal(a, b)
    assert all(one.current(term) == other.current(term) for term in GRADIENTS)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: SelfAdaptive(rate=0.0), "rate > 0"),
        (lambda: Causal(slabs=0), "slabs"),
        (lambda: Causal(schedule=(1.0, 0.1)), "rising schedule"),
        (lambda: TangentKernel(memory=-0.1), "memory"),
    ],
)
def test_refuses(make, words):
    with pytest.raises(InputError, match=words):
        make()
