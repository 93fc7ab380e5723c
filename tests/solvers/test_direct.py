"""The door to the direct solvers: every library, its analysis and its factor kept."""

import sys

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.diffusion import DiffusionOperator
from sobolev.solvers.direct import BACKENDS, Direct, DirectSolver, installed
from sobolev.solvers.direct import solver as door

LIBRARIES = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            not installed(name), reason=f"{name}: pip install 'sobolev[{name}]'"
        ),
    )
    for name in BACKENDS
]
KINDS = ["general", "symmetric", "positive"]
STRUCTURE = {  # what is promised of each kind
    "general": {"symmetric": False},
    "symmetric": {"symmetric": True, "positive": False},
    "positive": {"positive": True},
}


def random_matrix(seed, n=60, kind="general", complex_values=False):
    """The pattern is the same for all seeds. Not diagonally dominant."""
    pattern = np.random.default_rng(0).random((n, n)) < 0.05
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, n))
    if complex_values:
        values = values + 1j * rng.normal(size=(n, n))
    B = np.where(pattern | np.eye(n, dtype=bool), values, 0)
    if kind == "symmetric":
        B = B + B.T
    if kind == "positive":
        B = B @ B.conj().T + np.eye(n)
    return sparse.csr_array(B)


def takes(backend, kind, complex_values):
    return backend != "cholmod" or kind == "positive" or (kind, complex_values) == ("symmetric", 0)


@pytest.mark.parametrize("backend", LIBRARIES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("complex_values", [False, True])
@pytest.mark.parametrize("promised", [True, False])
def test_a_sequence_needs_one_analysis(backend, kind, complex_values, promised):
    if not takes(backend, kind, complex_values):
        with pytest.raises(InputError, match="CHOLMOD"):
            DirectSolver(backend, **(STRUCTURE[kind] if promised else {})).solve(
                random_matrix(0, kind=kind, complex_values=complex_values), np.ones(60)
            )
        return
    solver = DirectSolver(backend, **(STRUCTURE[kind] if promised else {}))
    first = None
    for seed in range(4):
        A = random_matrix(seed, kind=kind, complex_values=complex_values)
        x = np.random.default_rng(9).normal(size=(60, 3))
        for columns in (x, x[:, 0], x + 2j * x[:, ::-1]):
            found = solver.solve(A, A @ columns)
            tolerance = 1e-9 if backend != "cholmod" or kind == "positive" else 1e-5
            np.testing.assert_allclose(found, columns, atol=tolerance)
        first = first or solver.analyses
    assert solver.factorisations == 4
    assert solver.analyses == first
    if backend == "superlu" and kind == "positive" and not promised:
        kind = "general" if complex_values else "symmetric"  # it has no Cholesky to try
    assert solver.structure == kind


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), st.integers(0, 10**6), st.sampled_from(KINDS), st.booleans())
def test_all_libraries_agree(n, seed, kind, complex_values):
    A = random_matrix(seed, n, kind, complex_values)
    x = np.random.default_rng(seed).normal(size=n)
    dense = A.toarray()
    size = np.linalg.cond(dense) * np.abs(x).max()
    for name in BACKENDS:
        if installed(name) and takes(name, kind, complex_values) and size < 1e6:
            result = Direct(name).solve(A, A @ x, 1e-8)
            assert result.converged
            np.testing.assert_allclose(result.x, x, atol=1e-8 * size)


@pytest.mark.parametrize("backend", LIBRARIES)
def test_the_same_matrix_keeps_its_factor_and_a_new_pattern_does_not(backend):
    solver = DirectSolver(backend)
    A, b = random_matrix(0, kind="positive"), np.ones(60)
    first = solver.solve(A, b)
    np.testing.assert_array_equal(solver.solve(A.copy(), b), first)
    assert solver.factorisations == 1
    np.testing.assert_allclose(solver.solve(A, b * 1j), first * 1j, rtol=1e-12)
    assert (solver.analyses, solver.factorisations) == (1, 1)
    other = sparse.csr_array(np.diag(np.arange(1.0, 61)))
    np.testing.assert_allclose(solver.solve(other, b), 1 / np.arange(1.0, 61))
    np.testing.assert_allclose(solver.solve(A, b), first, rtol=1e-12)
    assert (solver.analyses, solver.factorisations) == (3, 3)
    values_changed = A.copy()
    values_changed.data *= 2  # the caller's array; what the solver knows must not change with it
    solver.solve(values_changed, b)
    values_changed.data *= 2
    np.testing.assert_allclose(solver.solve(values_changed, b), first / 4, rtol=1e-11)


@pytest.mark.parametrize("backend", LIBRARIES)
def test_an_indefinite_matrix_is_found_out_once(backend):
    solver = DirectSolver(backend)
    for seed in range(3):
        dense = random_matrix(seed, kind="symmetric").toarray()
        np.fill_diagonal(dense, np.abs(np.diag(dense)) + 0.1)
        assert np.linalg.eigvalsh(dense).min() < 0
        A = sparse.csr_array(dense)
        np.testing.assert_allclose(A @ solver.solve(A, np.ones(60)), 1, atol=1e-5)
    assert solver.structure == "symmetric"
    assert solver.analyses <= 3
    assert solver.factorisations == 3


@pytest.mark.parametrize("backend", LIBRARIES)
def test_singular_matrices_are_errors_and_the_solver_lives_on(backend):
    kind = "positive" if backend == "cholmod" else "general"
    solver = DirectSolver(backend)
    A = random_matrix(1, kind=kind)
    empty = A.toarray()
    empty[3] = empty[:, 3] = 0
    doubled = A.toarray()
    doubled[4], doubled[:, 4] = doubled[5], doubled[:, 5]
    doubled[4, 4] = doubled[4, 5] = doubled[5, 4] = doubled[5, 5]
    for singular in (A * 0.0, sparse.csr_array(empty), sparse.csr_array(np.ones((60, 60)))):
        with pytest.raises(InputError, match=r"singular|not positive definite"):
            solver.solve(singular, np.arange(60.0))
    np.testing.assert_allclose(A @ solver.solve(A, np.ones(60)), 1, atol=1e-8)
    result = Direct(backend).solve(sparse.csr_array(doubled), np.arange(60.0), 1e-8)
    assert not result.converged
    assert result.reason.startswith("breakdown: matrix is")


@pytest.mark.parametrize("backend", LIBRARIES)
def test_an_operator_is_taken_as_it_is(backend):
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (13, 21), centering="cell")
    solver = Direct(backend)
    for seed in range(3):
        A = DiffusionOperator(np.exp(np.random.default_rng(seed).normal(size=grid.shape)), grid)
        result = solver.solve(A, np.ones(273), 1e-10)
        assert (result.converged, result.iterations) == (True, 1)
        assert result.residual == np.linalg.norm(1 - A @ result.x) / np.sqrt(273)
    assert (solver.solver.analyses, solver.solver.factorisations) == (1, 3)


@pytest.mark.parametrize("backend", [LIBRARIES[0], LIBRARIES[2]])
def test_pivots_are_found_where_the_diagonal_has_none(backend):
    """A saddle point, and a circle of shifts: no pivot on the diagonal is usable."""
    B = random_matrix(0, n=20).toarray()
    saddle = np.block([[np.zeros((20, 20)), B], [B.T, np.zeros((20, 20))]])
    circle = np.roll(np.diag(np.arange(1.0, 41)), 1, axis=0)
    for dense in (saddle, circle):
        x = np.arange(40.0)
        result = Direct(backend).solve(sparse.csr_array(dense), dense @ x, 1e-10)
        assert result.converged
        np.testing.assert_allclose(result.x, x, atol=1e-7)


def test_refinement_recovers_digits():
    """Pivots from the diagonal of a matrix that is not positive definite cost digits."""
    rng = np.random.default_rng(3)
    A = sparse.csr_array(rng.normal(size=(200, 200)))
    b = rng.normal(size=200)
    once = DirectSolver("superlu", positive=True).solve(A, b)
    rough = np.linalg.norm(b - A @ once) / np.linalg.norm(b)
    result = Direct("superlu", positive=True).solve(A, b, rtol=rough / 100)
    assert result.converged
    assert result.iterations == len(result.history) - 1 == 2
    assert result.residual < rough / 100 < result.history[1]


def test_failures_of_a_system_are_told_and_not_raised():
    solver = Direct("superlu")
    nan = sparse.csr_array(np.diag([1.0, np.nan]))
    for A, b, reason in [
        (nan, np.ones(2), "breakdown: matrix is not finite"),
        (np.zeros((2, 2)), np.ones(2), "breakdown: matrix is singular"),
        (np.eye(2), np.array([1.0, np.inf]), "breakdown: right-hand side is not finite"),
    ]:
        result = solver.solve(A, b, 1e-8)
        assert (result.converged, result.reason) == (False, reason)
    assert solver.solve(nan, np.zeros(2), 1e-8).x.tolist() == [0.0, 0.0]
    result = solver.solve(np.eye(2), np.ones(2), 1e-8)
    assert (result.converged, result.products) == (True, 1)
    for A, b, x0 in [
        (np.eye(3), np.ones(2), None),
        (np.ones((2, 3)), np.ones(2), None),
        (np.eye(2), np.ones((2, 2)), None),
        (np.eye(2), np.ones(2), np.ones(3)),
    ]:
        with pytest.raises(InputError):
            solver.solve(A, b, 1e-8, x0)
    hilbert = 1.0 / (np.arange(30)[:, None] + np.arange(30) + 1)
    result = solver.solve(hilbert, np.arange(30.0) * (-1.0) ** np.arange(30), 1e-14)
    assert not result.converged
    assert result.reason in ("stagnated", "breakdown: matrix is singular to working precision")


@pytest.mark.parametrize(
    "A, b, message",
    [
        (sparse.csr_array(np.ones((2, 3))), np.ones(2), "square"),
        (sparse.csr_array(np.eye(2)), np.ones(3), "as many rows"),
        (sparse.csr_array(np.eye(2)), np.ones((2, 1, 1)), "as many rows"),
        (sparse.csr_array(np.diag([1.0, np.nan])), np.ones(2), "finite"),
    ],
)
def test_bad_input_is_refused(A, b, message):
    with pytest.raises(InputError, match=message):
        DirectSolver().solve(A, b)


def test_the_fastest_library_that_is_there_is_taken(monkeypatch):
    A, b = random_matrix(0, kind="positive"), np.ones(60)
    for present, expected in [
        ({"superlu"}, "SuperLUFactorisation"),
        ({"superlu", "cholmod"}, "CholmodFactorisation"),
        ({"superlu", "cholmod", "pardiso"}, "PardisoFactorisation"),
    ]:
        if not all(installed(name) for name in present):
            pytest.skip("extras are not installed")
        monkeypatch.setattr(door, "installed", present.__contains__)
        solver = DirectSolver()
        solver.solve(A, b)
        assert type(solver._current).__name__ == expected
        monkeypatch.undo()


@pytest.mark.parametrize("backend, module", [("cholmod", "sksparse"), ("pardiso", "pypardiso")])
def test_a_missing_extra_is_named(backend, module, monkeypatch):
    from sobolev.solvers.direct import pardiso

    pardiso.library.cache_clear()
    for name in [known for known in sys.modules if known.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"pip install 'sobolev\[{backend}\]'"):
        DirectSolver(backend).solve(np.eye(2), np.ones(2))
    pardiso.library.cache_clear()


def test_what_cholmod_cannot_do_and_unknown_names_are_refused():
    with pytest.raises(InputError, match="backend"):
        DirectSolver("umfpack")
    with pytest.raises(InputError, match="symmetric"):
        DirectSolver("cholmod", symmetric=False)
    with pytest.raises(InputError, match="call `factorise`"):
        DirectSolver().apply(np.ones(2))
    solver = DirectSolver()
    solver.factorise(np.eye(3))
    with pytest.raises(InputError, match="expected 3 rows"):
        solver.apply(np.ones(2))
    if installed("cholmod"):
        with pytest.raises(InputError, match="without symmetry"):
            DirectSolver("cholmod").solve(np.array([[1.0, 2.0], [0.0, 1.0]]), np.ones(2))
        with pytest.raises(InputError, match="complex symmetric"):
            DirectSolver("cholmod").solve(np.array([[1.0, 2j], [2j, 1.0]]), np.ones(2))


@pytest.mark.skipif(not installed("pardiso"), reason="pardiso: pip install 'sobolev[pardiso]'")
def test_perturbed_pivots_cost_one_more_analysis_for_a_pattern():
    B = random_matrix(0, n=20).toarray()
    solver, x = DirectSolver("pardiso", symmetric=False), np.arange(40.0)
    for scale in (1.0, 2.0, 3.0):
        A = np.block([[np.zeros((20, 20)), scale * B], [B.T, np.zeros((20, 20))]])
        np.testing.assert_allclose(solver.solve(A, A @ x), x, atol=1e-7)
    assert (solver.analyses, solver.factorisations) == (2, 3)
