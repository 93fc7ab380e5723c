"""PyAMG as a preconditioner."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.solvers.krylov.cg import cg
from sobolev.solvers.preconditioners.algebraic import AlgebraicMultigrid

from .matrices import definite_matrix, diffusion


@pytest.mark.parametrize("coarsening", ["smoothed_aggregation", "ruge_stuben"])
def test_iterations_hardly_grow_with_the_grid(coarsening):
    counts = []
    for n in (16, 32, 64):
        A = diffusion((n, n), constant=True)
        b = np.random.default_rng(0).normal(size=n * n)
        result = cg(A, b, M=AlgebraicMultigrid(A, coarsening))
        assert result.converged
        counts.append(result.iterations)
    assert max(counts) <= 8
    assert counts[-1] <= counts[0] + 2


def test_complex_matrices_and_the_options_of_the_library():
    A = definite_matrix(60, complex, seed=1)
    b = np.arange(60) + 1j
    M = AlgebraicMultigrid(A, max_coarse=60)  # one level: solved exactly
    np.testing.assert_allclose(A @ (M @ b), b, atol=1e-8)


def test_the_global_random_numbers_are_left_alone_and_do_not_matter():
    A, r = diffusion((20, 20)), np.ones(400)
    np.random.seed(5)  # noqa: NPY002
    first = AlgebraicMultigrid(A) @ r
    drawn = np.random.rand()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    assert np.random.rand() == drawn  # noqa: NPY002
    np.testing.assert_array_equal(AlgebraicMultigrid(A) @ r, first)


def test_threads_do_not_share_the_random_numbers():
    A, r = diffusion((30, 30)), np.ones(900)
    alone = AlgebraicMultigrid(A) @ r
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: AlgebraicMultigrid(A) @ r, range(16)):
            np.testing.assert_array_equal(result, alone)


def test_what_it_cannot_do_is_said(monkeypatch):
    with pytest.raises(InputError, match="real matrix"):
        AlgebraicMultigrid(np.eye(3) * 1j, "ruge_stuben")
    with pytest.raises(InputError, match="smoothed_aggregation"):
        AlgebraicMultigrid(np.eye(3), "classical")
    with pytest.raises(InputError, match="cycle"):
        AlgebraicMultigrid(np.eye(3), cycle="K")
    monkeypatch.setitem(sys.modules, "pyamg", None)
    with pytest.raises(InputError, match="pip install pyamg"):
        AlgebraicMultigrid(np.eye(3))
