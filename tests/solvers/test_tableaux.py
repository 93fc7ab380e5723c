"""Explicit Runge-Kutta: the order conditions, and stages instead of slopes."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from sobolev.solvers.tableaux import ADDITIVE, RUNGE_KUTTA


@pytest.mark.parametrize("name", RUNGE_KUTTA)
def test_stability_polynomial_is_the_exponential_up_to_the_order(name):
    """R(z) = sum z^k / k! up to the order, and not beyond: for a linear problem that is it."""
    method = RUNGE_KUTTA[name]
    values = [[Fraction(1)]]  # polynomials in z

    def at(j, k):
        return values[j][k] if k < len(values[j]) else Fraction(0)

    for alpha, beta in method.stages:
        length = len(values[-1]) + 1
        mixed = [
            sum((share * at(j, k) for j, share in enumerate(alpha)), Fraction(0))
            for k in range(length)
        ]
        for k in range(1, length):
            mixed[k] += beta * at(len(values) - 1, k - 1)
        values.append(mixed)
    factorial = Fraction(1)
    for k in range(method.order + 1):
        factorial *= max(k, 1)
        assert at(-1, k) == 1 / factorial
    assert at(-1, method.order + 1) != 1 / (factorial * (method.order + 1))


@pytest.mark.parametrize("name", RUNGE_KUTTA)
def test_stages_are_the_tableau(name):
    """One step of a nonlinear problem, by slopes and by stages."""
    method, h = RUNGE_KUTTA[name], 0.3

    def f(y):
        return np.array([y[1], -np.sin(y[0])])

    y = np.array([1.0, 0.2])
    slopes = []
    for row in method.a:
        steps = [float(a) * k for a, k in zip(row, slopes, strict=True)]
        slopes.append(f(y + h * sum(steps, np.zeros(2))))
    expected = y + h * sum(float(b) * k for b, k in zip(method.b, slopes, strict=True))
    stages = [y]
    for alpha, beta in method.stages:
        mixed = sum(float(a) * s for a, s in zip(alpha, stages, strict=True))
        stages.append(mixed + h * float(beta) * f(stages[-1]))
    np.testing.assert_allclose(stages[-1], expected, rtol=1e-14)


@pytest.mark.parametrize("name", RUNGE_KUTTA)
def test_order_on_a_nonlinear_problem(name):
    """y' = y^2, y = 1 / (1 - t): the conditions that a linear problem does not see."""
    method, steps, errors = RUNGE_KUTTA[name], np.array([20, 30, 40, 60]), []
    for n in steps:
        y, h = 1.0, 0.5 / n
        for _ in range(n):
            stages = [y]
            for alpha, beta in method.stages:
                mixed = sum(float(a) * s for a, s in zip(alpha, stages, strict=True))
                stages.append(mixed + h * float(beta) * stages[-1] ** 2)
            y = stages[-1]
        errors.append(abs(y - 2.0))
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(order - method.order) < 0.2


@pytest.mark.parametrize("name", ADDITIVE)
def test_order_conditions_of_both_parts_and_all_couplings(name):
    """Every rooted tree up to the order with every colouring of its edges by the two tableaux."""
    pair = ADDITIVE[name]
    s = len(pair.a)
    implicit, explicit = np.zeros((s, s)), np.zeros((s, s))
    for i in range(s):
        implicit[i, : len(pair.implicit_a[i])] = pair.implicit_a[i]
        explicit[i, :i] = pair.a[i]
    assert pair.implicit_b == pair.implicit_a[-1]
    weights = np.array(pair.implicit_b, dtype=float), np.array(pair.b, dtype=float)
    matrices = (implicit, explicit)
    c = implicit.sum(axis=1)
    np.testing.assert_allclose(pair.nodes, c, atol=1e-14)
    np.testing.assert_allclose(explicit.sum(axis=1), c, atol=1e-14)

    def conditions(order):
        for b in weights:
            if order == 1:
                yield b.sum() - 1
            if order == 2:
                yield b @ c - 1 / 2
            if order == 3:
                yield b @ c**2 - 1 / 3
                yield from (b @ a @ c - 1 / 6 for a in matrices)
            if order == 4:
                yield b @ c**3 - 1 / 4
                for a in matrices:
                    yield b * c @ a @ c - 1 / 8
                    yield b @ a @ c**2 - 1 / 12
                yield from (
                    b @ a @ other @ c - 1 / 24 for a, other in itertools.product(matrices, repeat=2)
                )

    for order in range(1, pair.order + 1):
        assert max(abs(gap) for gap in conditions(order)) < 1e-13
    if pair.order < 4:
        assert max(abs(gap) for gap in conditions(pair.order + 1)) > 1e-2
