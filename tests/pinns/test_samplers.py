"""Samplers: in the cube, seeded, resumable, and where they claim to be."""

import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.geometry.shapes import Interval
from sobolev.pinns.conditions import Initial
from sobolev.pinns.config import PINNConfig
from sobolev.pinns.pinn import make_optimisers, train
from sobolev.pinns.run import Run
from sobolev.pinns.samplers import R3, SAMPLERS, CausalR3, ResidualAdaptive, Sobol, Uniform
from sobolev.pinns.statement import Statement
from sobolev.pinns.weights import WEIGHTINGS


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
    if name in ("sobol", "adaptive"):
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


def left_half(points):
    return points[:, 0] < 0.5


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_all_points_are_inside(name):
    sampler = SAMPLERS[name](0)
    for residual in (None, peak, peak):
        points = sampler.draw(300, 2, residual, left_half)
        assert points.shape == (300, 2)
        assert left_half(points).all()
    with pytest.raises(InputError, match="fills its box better"):
        Sobol().draw(10, 2, None, lambda points: points[:, 0] < -1)


def test_inside_points_of_a_sequence_keep_its_order():
    every = Sobol(4).draw(1000, 2)
    assert torch.equal(Sobol(4).draw(300, 2, None, left_half), every[left_half(every)][:300])


def test_r3_retains_what_is_above_the_mean_and_draws_the_rest_again():
    sampler = R3(5)
    before = sampler.draw(2000, 2)
    values = peak(before)
    after = sampler.draw(2000, 2, peak)
    kept = before[values > values.mean()]
    assert 0 < len(kept) < 1000
    assert torch.equal(after[: len(kept)], kept)
    fresh = after[len(kept) :]
    assert not torch.isin(fresh[:, 1], before[:, 1]).any()
    # The fresh ones are uniform: each of ten strips holds its share within four deviations.
    n = len(fresh)
    strips = torch.histc(fresh[:, 0], 10, 0.0, 1.0) / n
    assert (strips - 0.1).abs().max() < 4 * (0.1 * 0.9 / n) ** 0.5


def test_r3_gathers_points_at_a_residual_that_stays_and_releases_one_that_goes():
    sampler = R3(0)
    points = sampler.draw(1000, 2)
    share = [((points[:, 0] - 0.5).abs() < 0.1).double().mean().item()]
    for _ in range(30):
        points = sampler.draw(1000, 2, peak)
        share.append(((points[:, 0] - 0.5).abs() < 0.1).double().mean().item())
    assert share[0] == pytest.approx(0.2, abs=0.05)
    assert share[-1] > 0.7
    assert (peak(points) < 1e-3).double().mean() > 0.02  # and still looks elsewhere
    for _ in range(30):
        points = sampler.draw(1000, 2, lambda p: 1.0 - peak(p))
    assert ((points[:, 0] - 0.5).abs() < 0.05).double().mean() < 0.05


def test_r3_draws_all_again_where_no_point_stands_out():
    for value in (1.0, float("nan")):
        sampler = R3(0)
        before = sampler.draw(100, 2)
        even = sampler.draw(100, 2, lambda p, v=value: torch.full((len(p),), v).double())
        assert not torch.isin(even[:, 0], before[:, 0]).any()


def test_causal_r3_opens_its_gate_as_the_residual_falls():
    sampler = CausalR3(0, start=0.0)
    points = sampler.draw(1000, 2)
    before = sampler.opened
    points = sampler.draw(1000, 2, lambda p: 100.0 * p[:, 0])
    assert sampler.opened == pytest.approx(before, abs=1e-12)  # still large where it is open
    points = sampler.draw(1000, 2, lambda p: 1e-3 * torch.ones(len(p)).double())
    assert sampler.opened == pytest.approx(before + 0.1, abs=1e-12)
    # By the mean square: b += exp(-20 mean(F^2)) where that is the smaller.
    opened, gate = sampler.opened, sampler.gate(points[:, 0])
    flat = 0.5 / float(gate.square().mean().sqrt())
    sampler.draw(1000, 2, lambda p: flat * torch.ones(len(p)).double())
    assert sampler.opened - opened == pytest.approx(min(0.1, 2.718281828459045 ** (-20 * 0.25)))
    # Late points do not stay while the gate is closed to them.
    closed = CausalR3(0, start=0.0)
    for residual in (None, *[lambda p: 100.0 * torch.ones(len(p)).double()] * 10):
        points = closed.draw(1000, 2, residual)
    assert points[:, 0].mean() < 0.4
    assert float(closed.gate(torch.tensor(0.0))) == 0.5


@pytest.mark.parametrize("name", ["fixed", "self_adaptive"])
def test_the_loss_sees_residuals_through_the_gate_of_causal_r3(name):
    decay = Statement(
        ("t",), None, lambda u, d, x, p: d(u, "t") + u, (Initial(1.0),), times=(0.0, 1.0)
    )
    config = PINNConfig(width=4, depth=1, points=50)
    sampler, weighting = CausalR3(0, start=0.5), WEIGHTINGS[name]()
    optimisers = make_optimisers(config)
    run = Run(decay, config, sampler, weighting, optimisers, None, None, None)
    run.start(resume=False)
    squares = run.objective.residuals(run.points).square()[:, 0]
    raised = torch.ones(50) if name == "fixed" else weighting.raised["equation"]
    gate = sampler.gate(run.unit[:, 0])
    loss, _ = run.objective.term("equation")
    assert loss == pytest.approx(
        float((gate**2 * raised / raised.mean() * squares).mean()), rel=1e-12
    )


def test_refuses():
    with pytest.raises(InputError, match="pool"):
        ResidualAdaptive(pool=0)
    with pytest.raises(InputError, match="rate"):
        CausalR3(rate=0.0)
    steady = Statement(("x",), Interval(0, 1), lambda u, d, x, p: d(u, "xx"))
    with pytest.raises(InputError, match="in time for CausalR3"):
        train(steady, config=PINNConfig(width=4, depth=1, sampler="causal_r3"))
    with pytest.raises(InputError, match="coordinates"):
        Sobol().draw(4, 100000)
