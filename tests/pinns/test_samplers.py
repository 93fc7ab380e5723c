"""Samplers: in the cube, seeded, resumable, and where they claim to be."""

import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.pinns.samplers import SAMPLERS, ResidualAdaptive, Sobol, Uniform


def peak(points):
    return torch.exp(-200.0 * (points[:, 0] - 0.5) ** 2)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_seeded_and_resumed_with_the_same_bits(name):
    whole = SAMPLERS[name](7)
    draws = [whole.draw(100, 2, None if i == 0 else peak) for i in range(3)]
    assert all(d.shape == (100, 2) and d.dtype == torch.float64 for d in draws)
    assert all(((d >= 0) & (d <= 1)).all() for d in draws)
    assert not torch.equal(draws[1], draws[2])

    first = SAMPLERS[name](7)
    assert torch.equal(first.draw(100, 2), draws[0])
    second = SAMPLERS[name](0)  # its own seed does not matter once a state is loaded ...
    if name != "uniform":
        second = SAMPLERS[name](7)  # ... but for Sobol, whose scramble is the seed
    second.load_state(first.state())
    assert torch.equal(second.draw(100, 2, peak), draws[1])
    assert torch.equal(second.draw(100, 2, peak), draws[2])
    assert not torch.equal(SAMPLERS[name](8).draw(100, 2), draws[0])


def test_sobol_is_more_even_than_uniform():
    def defect(points):  # the largest miscount over boxes [0, a) x [0, b)
        ends = torch.linspace(0.1, 1.0, 10, dtype=torch.float64)
        return max(
            abs(((points[:, 0] < a) & (points[:, 1] < b)).double().mean() - a * b).item()
            for a in ends
            for b in ends
        )

    assert defect(Sobol(1).draw(1024, 2)) < 0.01
    assert defect(Uniform(1).draw(1024, 2)) > 0.015


@pytest.mark.parametrize("floor", [0.0, 1.0])
def test_adaptive_points_follow_the_law(floor):
    sampler = ResidualAdaptive(3, exponent=1.0, floor=floor, pool=50)
    points = sampler.draw(4000, 1, peak)[:, 0]
    fine = torch.linspace(0.0, 1.0, 100001, dtype=torch.float64)
    law = peak(fine[:, None]) / peak(fine[:, None]).mean() + floor
    near = (fine - 0.5).abs() < 0.1
    expected = (law[near].sum() / law.sum()).item()
    share = ((points - 0.5).abs() < 0.1).double().mean().item()
    # Four standard deviations, and what drawing 2% of the pool without repetition moves.
    assert share == pytest.approx(
        expected, abs=4 * (expected * (1 - expected) / 4000) ** 0.5 + 0.02
    )
    assert expected > 0.55  # uniform points would have a share of 0.2
    assert len(points.unique()) == 4000


@pytest.mark.parametrize("value", [0.0, float("inf"), float("nan")])
def test_adaptive_falls_back_to_even_points(value):
    sampler = ResidualAdaptive(0)
    points = sampler.draw(500, 2, lambda p: torch.full((len(p),), value, dtype=torch.float64))
    assert len(points) == 500
    assert abs(points.mean().item() - 0.5) < 0.05


def test_refuses():
    with pytest.raises(InputError, match="pool"):
        ResidualAdaptive(pool=0)
    with pytest.raises(InputError, match="coordinates"):
        Sobol().draw(4, 100000)
