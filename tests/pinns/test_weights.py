import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.pinns.weights import Fixed, GradientNorm

GRADIENTS = {"equation": torch.tensor([3.0, 4.0]), "initial": torch.tensor([0.0, 0.1])}


def test_fixed_weights_stay():
    weighting = Fixed({"initial": 100.0})
    weighting.update(lambda: GRADIENTS)
    assert (weighting.current("initial"), weighting.current("equation")) == (100.0, 1.0)
    with pytest.raises(InputError, match="weights >= 0"):
        Fixed({"initial": -1.0})


def test_gradient_norm_makes_all_gradients_as_long_as_their_sum():
    weighting = GradientNorm(memory=0.0)
    weighting.update(lambda: GRADIENTS)
    for name, gradient in GRADIENTS.items():
        assert weighting.current(name) * gradient.norm().item() == pytest.approx(5.1, rel=1e-6)


def test_gradient_norm_remembers_and_resumes():
    weighting = GradientNorm(memory=0.9)
    weighting.update(lambda: GRADIENTS)
    assert weighting.current("equation") == pytest.approx(0.9 + 0.1 * 5.1 / 5.0)
    other = GradientNorm(memory=0.9)
    other.load_state(weighting.state())
    weighting.update(lambda: GRADIENTS)
    other.update(lambda: GRADIENTS)
    assert other.weights == weighting.weights
    with pytest.raises(InputError, match="memory"):
        GradientNorm(memory=1.0)


def test_a_term_that_is_met_already_keeps_its_weight():
    weighting = GradientNorm()
    weighting.update(lambda: {"equation": torch.ones(2), "initial": torch.zeros(2)})
    assert weighting.current("initial") == 1.0
