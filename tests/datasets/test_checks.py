"""The checks that problems share: each fails for what it is there to find, and for nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sparse

from sobolev.datasets.checks import dual_norm, equation_check, matrix_check
from sobolev.datasets.problems.poisson import Poisson

SIZES = (4, 9, 16)


def systems(change=lambda i, u: u):
    generator = np.random.default_rng(0)
    for i, n in enumerate(SIZES):
        A = sparse.csr_array(generator.uniform(-1, 1, (n, n)) + n * np.eye(n))
        u = generator.normal(size=n)
        yield A, A @ u, change(i, u)


def test_solutions_pass_and_the_figure_is_the_worst_sample():
    assert matrix_check(systems(), 1e-12, 0.0).passed

    def spoil(i, u):
        return u * (1 + 1e-3 * (i == 1))

    check = matrix_check(systems(spoil), 1e-5, 0.0)
    assert not check.passed
    assert check.figure == pytest.approx(1e-3)  # A (1 + d) u - f = d f
    assert check.limit == 2e-5


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_value_that_is_no_number_fails_whatever_stands_beside_it(bad):
    for which in range(len(SIZES)):
        spoilt = systems(lambda i, u, at=which: np.where(i == at, bad, u))
        assert not matrix_check(spoilt, 1e-3, 1e-7).passed


def test_the_limit_grows_by_what_storage_rounds_and_no_more():
    eps = float(np.finfo(np.float32).eps)

    def stored(i, u):
        return u.astype(np.float32).astype(float)

    check = matrix_check(systems(stored), 1e-12, eps)
    assert check.passed
    assert not matrix_check(systems(stored), 1e-12, 0.0).passed
    least = min(
        eps * abs(A).sum(axis=1).max() * np.abs(u).max() / np.sqrt(np.mean(f**2))
        for A, f, u in systems(stored)
    )
    assert check.limit == pytest.approx(2e-12 + least, rel=1e-12)


def test_the_equation_is_judged_sample_by_sample():
    problem = Poisson()
    grid = problem.grid(48)
    x, y = grid.coordinates()
    u = np.stack([np.sin(np.pi * x) * np.sin(k * np.pi * y) for k in (1, 2)])
    f = np.stack([np.pi**2 * (1 + k**2) * u[k - 1] for k in (1, 2)])
    size = dual_norm(f, grid)
    good = equation_check(problem, {"f": f}, u, grid, size, 0.02)
    assert good.passed
    u[1] *= 1.1
    bad = equation_check(problem, {"f": f}, u, grid, size, 0.02)
    assert not bad.passed
    assert bad.figure == pytest.approx(0.1, rel=0.1)  # of f, which u explains but for a tenth
