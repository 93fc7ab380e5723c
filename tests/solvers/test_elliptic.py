"""`solve_diffusion`: all methods agree, bad samples do not stop the others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.diffusion import DiffusionOperator
from sobolev.solvers.elliptic import solve_diffusion

METHODS = ["multigrid", "cg", "gmres", "gcro_dr", "superlu"]


def cells(*shape):
    return Grid(((0.0, 1.0), (0.0, 1.0)), shape, centering="cell")


@settings(max_examples=20, deadline=None)
@given(
    st.tuples(st.integers(1, 14), st.integers(1, 14)),
    st.integers(0, 2**32 - 1),
    st.floats(0, 3),
    st.sampled_from([1e-5, 1e-8, 1e-10]),
)
def test_all_methods_agree_to_the_tolerance(shape, seed, contrast, rtol):
    rng = np.random.default_rng(seed)
    a = np.exp(contrast * rng.uniform(-1, 1, size=(3, *shape)))
    f = rng.normal(size=(3, *shape))
    grid = cells(*shape)
    exact = solve_diffusion(a, f, grid, 1e-11, "superlu").fields
    for method in METHODS:
        solution = solve_diffusion(a, f, grid, rtol, method)
        assert solution.converged.all(), (method, solution.reason)
        for i in range(3):
            A = DiffusionOperator(a[i], grid)
            error = A.matvec(solution.fields[i] - exact[i])
            assert np.linalg.norm(error) <= 1.01 * (rtol + 1e-11) * np.linalg.norm(f[i])


@pytest.mark.parametrize("method", METHODS)
def test_bad_samples_are_reported_and_the_others_go_on(coefficients, method):
    grid = cells(12, 12)
    a = np.stack([coefficients("threshold", (12, 12), seed) for seed in range(6)])
    f = np.ones(a.shape)
    a[1, 3, 4] = np.nan
    a[2, 0, 0] = 0.0
    a[3, 11, 11] = -2.0
    f[4, 5, 5] = np.inf
    solution = solve_diffusion(a, f, grid, method=method)
    assert solution.converged.tolist() == [True, False, False, False, False, True]
    assert "positive finite coefficients, got nan at cell (3, 4)" in solution.reason[1]
    assert "positive finite coefficients, got 0.0 at cell (0, 0)" in solution.reason[2]
    assert "positive finite coefficients, got -2.0 at cell (11, 11)" in solution.reason[3]
    assert solution.reason[4] == "breakdown: right-hand side is not finite"
    assert np.isnan(solution.residual[1:5]).all()
    alone = solve_diffusion(a[:1], f[:1], grid, method=method)
    np.testing.assert_array_equal(solution.fields[0], alone.fields[0])


@pytest.mark.parametrize("method", METHODS)
def test_zero_source_gives_zero(coefficients, method):
    a = np.stack([coefficients("lognormal", (9, 9), seed) for seed in range(2)])
    solution = solve_diffusion(a, 0.0, cells(9, 9), method=method)
    assert solution.converged.all()
    assert not solution.fields.any()
    assert not solution.residual.any()


@pytest.mark.parametrize("method", METHODS)
def test_the_bits_do_not_depend_on_threads(coefficients, method):
    grid = cells(20, 33)
    a = np.stack([coefficients("threshold", grid.shape, seed) for seed in range(7)])
    one = solve_diffusion(a, 1.0, grid, method=method, threads=1)
    three = solve_diffusion(a, 1.0, grid, method=method, threads=3)
    np.testing.assert_array_equal(one.fields, three.fields)
    np.testing.assert_array_equal(one.iterations, three.iterations)


@pytest.mark.parametrize("method", ["multigrid", "gcro_dr"])
def test_sorted_results_come_back_in_the_given_order(coefficients, method):
    grid = cells(16, 16)
    a = np.stack([coefficients("lognormal", (16, 16), seed) for seed in range(6)])
    a[2, 1, 1] = np.nan
    given_order = solve_diffusion(a, 1.0, grid, 1e-10, method)
    by_neighbour = solve_diffusion(a, 1.0, grid, 1e-10, method, order="sorted")
    assert by_neighbour.converged.tolist() == [True, True, False, True, True, True]
    np.testing.assert_allclose(given_order.fields, by_neighbour.fields, rtol=1e-7)


def test_recycling_in_the_batch_saves_iterations(coefficients):
    grid = cells(32, 32)
    base, change = coefficients("lognormal", (32, 32), 0), coefficients("lognormal", (32, 32), 1)
    a = np.stack([base * change ** (0.02 * i) for i in range(6)])
    carried = solve_diffusion(a, 1.0, grid, method="gcro_dr").iterations
    fresh = [solve_diffusion(one[None], 1.0, grid, method="gcro_dr").iterations[0] for one in a]
    assert carried[0] == fresh[0]
    assert carried[1:].mean() < 0.8 * np.mean(fresh[1:])


def test_too_few_iterations_are_not_convergence(coefficients):
    a = coefficients("threshold", (32, 32))[None]
    for method in ("cg", "gmres", "gcro_dr"):
        solution = solve_diffusion(a, 1.0, cells(32, 32), method=method, max_iterations=5)
        assert not solution.converged[0]
        assert solution.reason[0] == "maximum iterations"
        assert solution.residual[0] > 1e-8


def test_an_empty_batch():
    solution = solve_diffusion(np.ones((0, 4, 4)), 1.0, cells(4, 4), threads=2, order="sorted")
    assert solution.fields.shape == (0, 4, 4)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"a": np.ones((4, 4))}, "shape"),
        ({"a": np.ones((1, 4, 5))}, "shape"),
        ({"f": np.ones((2, 4, 4))}, "source of shape"),
        ({"rtol": 0.0}, "tolerance"),
        ({"rtol": np.nan}, "tolerance"),
        ({"method": "magic"}, "expected a method of"),
        ({"order": "random"}, "order"),
        ({"threads": 0}, "thread"),
        ({"method": "multigrid", "max_iterations": 0}, "iteration"),
        ({"grid": Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4))}, "cell-centred"),
    ],
)
def test_bad_input_is_refused(change, message):
    call = {"a": np.ones((1, 4, 4)), "f": 1.0, "grid": cells(4, 4)} | change
    with pytest.raises(InputError, match=message):
        solve_diffusion(**call)
