"""The ruler: honest verdicts, and every knob moves the table the right way."""

import dataclasses
import math
import time

import numpy as np
import pytest

from sobolev.datasets.break_even import Row, break_even
from sobolev.datasets.problem import Fidelity
from sobolev.datasets.problems.burgers import Burgers
from sobolev.datasets.problems.darcy import Darcy
from sobolev.datasets.ruler import (
    Contestant,
    classical_contestant,
    measure,
    reference_truth,
    relative_errors,
)
from sobolev.geometry.errors import InputError
from sobolev.geometry.function import Function

N = 16


class SmallDarcy(Darcy):
    """Darcy with a reference that a test can wait for."""

    def reference_fidelity(self):
        return Fidelity(128, 1e-10)


@pytest.fixture(scope="module")
def darcy():
    problem = SmallDarcy()
    draws = [problem.draw_sample(7, i) for i in range(4)]
    return problem, draws, reference_truth(problem, draws, problem.grid(N))


def row(name, kind, error, seconds, setup=0.0):
    errors = dict.fromkeys(("L2", "H1", "Linf"), error)
    return Row(name, kind, errors, errors, seconds, setup, 0.0, setup)


def surrogate_of(problem, truth, noise, seconds=0.0):
    """The truth with a relative error of `noise`, after a pause."""

    def solve(inputs):
        time.sleep(seconds)
        values = truth.numpy()[: len(next(iter(inputs.values())))]
        return Function(values * (1 + noise), truth.on)

    return Contestant("fake", "surrogate", truth.on, solve, 10.0, 90.0)


def test_a_surrogate_worse_than_the_coarsest_setting_never_pays(darcy):
    problem, draws, truth = darcy
    coarsest = classical_contestant(problem, Fidelity(4, 1e-2))
    others = [classical_contestant(problem, Fidelity(n, 1e-4)) for n in (8, 16)]
    bad = surrogate_of(problem, truth, 0.9, seconds=0.02)
    rows = measure(problem, [coarsest, *others, bad], draws, truth, batches=(1,), repeats=2)
    by_name = {r.name: r for r in rows}
    assert by_name["fake"].errors["L2"] > by_name[coarsest.name].errors["L2"]
    for metric in ("L2", "H1", "Linf"):
        (found,) = break_even(rows, metric=metric)
        assert found.verdict == "never"
        assert found.ratio < 1
        assert math.isinf(found.count)


def test_worse_than_the_coarsest_setting_is_never_however_fast():
    rows = [
        row("blown up", "classical", 1e30, {1: 0.1}),
        row("coarsest", "classical", 0.1, {1: 1.0}),
        row("fine", "classical", 0.01, {1: 9.0}),
        row("net", "surrogate", 0.5, {1: 1e-6}, setup=1.0),
    ]
    (found,) = break_even(rows)
    assert (found.below, found.verdict) == (True, "never")
    (found,) = break_even([*rows[:3], row("net", "surrogate", 0.1, {1: 1e-6}, setup=1.0)])
    assert (found.below, found.verdict) == (False, "2")


def test_a_fast_and_accurate_surrogate_pays_after_setup_over_saving():
    rows = [
        row("coarse", "classical", 0.1, {1: 0.1}),
        row("fine", "classical", 0.01, {1: 1.0}),
        row("finest", "classical", 0.001, {1: 8.0}),
        row("net", "surrogate", 0.02, {1: 0.5}, setup=100.0),
    ]
    (found,) = break_even(rows)
    assert found.classical == "fine"
    assert found.ratio == pytest.approx(2.0)
    assert found.count == pytest.approx(100.0 / (1.0 - 0.5))
    assert found.verdict == "200"


def test_the_cheapest_setting_that_is_accurate_enough_is_taken():
    rows = [
        row("slow", "classical", 0.01, {1: 3.0}),
        row("clever", "classical", 0.005, {1: 1.0}),
        row("net", "surrogate", 0.01, {1: 2.0}, setup=1.0),
    ]
    (found,) = break_even(rows)
    assert (found.classical, found.verdict) == ("clever", "never")


def test_a_classical_setting_without_an_error_is_not_accurate():
    rows = [
        row("blown up", "classical", math.nan, {1: 0.1}),
        row("fine", "classical", 0.01, {1: 1.0}),
        row("net", "surrogate", 0.02, {1: 0.5}),
    ]
    assert break_even(rows)[0].classical == "fine"
    with pytest.raises(InputError, match="nothing to compare"):
        break_even([*rows[:2], row("net", "surrogate", math.nan, {1: 0.5})])


def test_beyond_the_ladder_the_reference_stands_in():
    rows = [row("c", "classical", 0.1, {1: 1.0}), row("net", "surrogate", 0.01, {1: 1.0}, 6.0)]
    assert break_even(rows) == []
    (found,) = break_even(rows, reference=row("reference", "classical", 0.0, {1: 4.0}))
    assert (found.classical, found.beyond) == ("reference", True)
    assert found.count == pytest.approx(2.0)


def test_each_side_at_its_own_best_batch():
    rows = [
        row("c", "classical", 0.01, {1: 1.0, 16: 0.8}),
        row("net", "surrogate", 0.01, {1: 2.0, 16: 0.1}, setup=7.0),
    ]
    assert break_even(rows, mode="single")[0].verdict == "never"
    (best,) = break_even(rows, mode="best")
    assert (best.classical_seconds, best.surrogate_seconds) == (0.8, 0.1)
    assert best.count == pytest.approx(10.0)


def test_the_resolution_knob_lowers_the_error_and_the_tolerance_knob_bounds_it(darcy):
    problem, draws, truth = darcy

    def error(fidelity):
        contestant = classical_contestant(problem, fidelity)
        return measure(problem, [contestant], draws, truth, batches=(1,), repeats=1)[0].errors["L2"]

    by_resolution = [error(Fidelity(n, 1e-8)) for n in (4, 16, 64)]
    assert by_resolution[0] > 1.5 * by_resolution[1] > 2 * by_resolution[2]
    # One cycle of multigrid stays well below a residual of a half.
    assert error(Fidelity(64, 0.5)) > 1.5 * by_resolution[2]


def test_the_accuracy_of_the_surrogate_decides_what_it_is_compared_with(darcy):
    problem, draws, truth = darcy
    sizes = (4, 8, 16, 32, 64)
    ladder = [classical_contestant(problem, Fidelity(n, 1e-6)) for n in sizes]

    def match(noise):
        contestants = [*ladder, surrogate_of(problem, truth, noise)]
        rows = measure(problem, contestants, draws, truth, batches=(1,), repeats=1)
        # Seconds by size: what a busy machine measures is not the matter here.
        costs = dict(zip([c.name for c in contestants], (*sizes, 100), strict=True))
        (found,) = break_even([dataclasses.replace(r, seconds={1: costs[r.name]}) for r in rows])
        return found.classical_seconds

    assert match(0.5) == 4
    assert match(0.02) in (16, 32)


def test_frames_count_together():
    problem = Burgers(frames=5)
    grid = problem.grid(32)
    truth = np.stack([np.full((4, 32), 2.0)])
    off = truth.copy()
    off[0, 3] += 1.0
    errors = relative_errors(off, truth, grid)
    assert errors["L2"][0] == pytest.approx(math.sqrt(1 / 16))
    assert errors["Linf"][0] == pytest.approx(0.5)


def test_bad_contestants_are_told(darcy):
    problem, draws, truth = darcy
    with pytest.raises(InputError, match="at least one instance"):
        measure(problem, [], [], truth)
    wrong = Contestant(
        "wrong", "surrogate", truth.on, lambda inputs: Function(truth.numpy()[:, 0], truth.on)
    )
    with pytest.raises(InputError, match="expected an answer of shape"):
        measure(problem, [wrong], draws, truth, repeats=1)
    twice = [classical_contestant(problem, Fidelity(8))] * 2
    with pytest.raises(InputError, match="different names"):
        measure(problem, twice, draws, truth, repeats=1)


def test_a_method_trained_for_one_instance_costs_its_training(darcy):
    problem, draws, truth = darcy
    pinn = Contestant(
        "pinn", "surrogate", truth.on, lambda inputs: truth, per_instance_seconds=42.0
    )
    (found,) = measure(problem, [pinn], draws, truth, batches=(1, 4), repeats=1)
    assert found.seconds == {1: 42.0, 4: 42.0}


def test_the_thread_knob_reaches_the_solver_and_leaves_the_bits(darcy):
    asked = []

    class Watched(SmallDarcy):
        def solve(self, inputs, fidelity, threads=1):
            asked.append(threads)
            return super().solve(inputs, fidelity, threads)

    inputs = Watched().evaluate_batch(darcy[1], Watched().grid(16))
    one, three = (
        classical_contestant(Watched(), Fidelity(16), threads).solve(inputs).numpy()
        for threads in (1, 3)
    )
    assert asked == [1, 3]
    assert np.array_equal(one, three)
