"""All recycling methods: agreement with dense solves, sequences that get cheaper, honest ends."""

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.solvers.krylov.cg import cg
from sobolev.solvers.krylov.gcro_dr import RecycleSpace, gcro_dr
from sobolev.solvers.krylov.gmres import gmres
from sobolev.solvers.krylov.recycled_cg import DeflationSpace, recycled_cg
from sobolev.solvers.krylov.recycling import Recycling, RecyclingCG
from sobolev.solvers.krylov.subspace import one_sided_distance
from sobolev.solvers.preconditioners import PRECONDITIONERS

from .systems import definite, diffusion, general

KINDS = st.sampled_from([float, complex])
TOLERANCES = st.sampled_from([1e-3, 1e-7, 1e-10])
SEEDS = st.integers(0, 2**32 - 1)
METHODS = {
    "cg": lambda A, b, M, rtol: cg(A, b, M=M, rtol=rtol),
    "gmres": lambda A, b, M, rtol: gmres(A, b, M=M, rtol=rtol),
    "recycled_cg": lambda A, b, M, rtol: recycled_cg(A, b, k=4, M=M, rtol=rtol, window=5)[0],
    **{
        f"gcro_dr {side} {refresh}": lambda A, b, M, rtol, side=side, refresh=refresh: gcro_dr(
            A, b, None, 12, 5, M=M, rtol=rtol, side=side, refresh=refresh
        )[0]
        for side in ("right", "left", "flexible")
        for refresh in ("cycle", "early", "system")
    },
}


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), SEEDS, KINDS, TOLERANCES, st.booleans())
def test_every_method_agrees_with_a_dense_solve(n, seed, kind, rtol, preconditioned):
    A, b = definite(n, seed, kind)
    M = np.diag(1 / np.diag(A).real) if preconditioned else None
    exact, condition = np.linalg.solve(A, b), np.linalg.cond(A)
    for name, method in METHODS.items():
        result = method(A, b, M, rtol)
        assert result.converged, (name, result.reason)
        assert np.linalg.norm(b - A @ result.x) <= rtol * np.linalg.norm(b), name
        error = np.linalg.norm(result.x - exact) / np.linalg.norm(exact)
        assert error <= 1.01 * condition * rtol + 1e-12, name
        assert result.x.dtype == kind


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 40), SEEDS, KINDS, TOLERANCES,
    st.sampled_from(["right", "left", "flexible"]), st.sampled_from(["cycle", "system"]),
)  # fmt: skip
def test_a_changing_sequence_is_solved_whatever_side_the_preconditioner_stands(
    n, seed, kind, rtol, side, refresh
):
    A, b = general(n, seed, kind)
    change, other = general(n, seed + 1, kind)
    space = None
    for step in range(3):
        matrix, right = A + 0.05 * step * change, b + step * other
        M = np.diag(1 / np.diag(matrix))
        result, space = gcro_dr(
            matrix, right, space, 9, 4, M=M, rtol=rtol, side=side, refresh=refresh
        )
        assert result.converged, result.reason
        assert np.linalg.norm(right - matrix @ result.x) <= rtol * np.linalg.norm(right)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), SEEDS, KINDS, TOLERANCES, st.booleans())
def test_a_definite_sequence_is_solved(n, seed, kind, rtol, learn):
    A, b = definite(n, seed, kind)
    change, other = definite(n, seed + 1, kind)
    space = None
    for step in range(3):
        matrix, right = A + 0.1 * step * change, b + step * other
        result, space = recycled_cg(
            matrix, right, space, 5, M=np.diag(1 / np.diag(matrix).real), rtol=rtol, window=4,
            learn=learn or not step,
        )  # fmt: skip
        assert result.converged, result.reason
        assert np.linalg.norm(right - matrix @ result.x) <= rtol * np.linalg.norm(right)


@pytest.mark.parametrize("side", ["right", "left", "flexible"])
@pytest.mark.parametrize("kind", [float, complex])
def test_single_precision_inside_reaches_any_tolerance(side, kind):
    A = diffusion(36, 0)
    A = A if kind is float else A + 0.01j * sparse.eye_array(A.shape[0])
    inverse = 1 / A.diagonal().real
    space = None
    for seed in range(2):
        b = np.random.default_rng(seed).normal(size=A.shape[0]).astype(kind)
        result, space = gcro_dr(A, b, space, 30, 12, M=lambda r: inverse * r, rtol=1e-12, side=side)
        assert result.converged
        assert np.linalg.norm(b - A @ result.x) <= 1e-12 * np.linalg.norm(b)
        assert space.U.dtype == (np.float32 if kind is float else np.complex64)


def test_a_system_too_hard_for_single_precision_goes_on_in_double():
    n = 1200
    A = sparse.diags_array(np.logspace(0, 9, n)).tocsr()
    b = np.zeros(n)
    b[::60] = 1.0  # twenty eigenvalues over nine decades
    result, space = gcro_dr(A, b, None, 30, 5, rtol=1e-6)
    assert result.converged
    assert space.U.dtype == np.float64
    again, _ = gcro_dr(A, 2 * b, space, 30, 5, rtol=1e-6)
    assert again.converged


def sequence(count=5, n=36, change=0.1):
    for i in range(count):
        yield diffusion(n, 0, change * i), np.random.default_rng(i).normal(size=n * n) + 1.0


def jacobi(A):
    inverse = 1 / A.diagonal()
    return lambda r: inverse * r


@pytest.mark.parametrize("side", ["right", "left", "flexible"])
def test_gcro_dr_needs_less_and_less_on_a_slowly_changing_sequence(side):
    fresh, carried, space = [], [], None
    for A, b in sequence():
        options = {"m": 30, "k": 14, "M": jacobi(A), "side": side}
        fresh.append(gcro_dr(A, b, None, **options)[0].products)
        result, space = gcro_dr(A, b, space, **options)
        assert result.converged
        carried.append(result.products)
    assert carried[0] == fresh[0]
    assert sum(carried[2:]) < 0.7 * sum(fresh[2:])


def test_recycled_cg_needs_less_and_less_on_a_slowly_changing_sequence():
    plain, carried, space = [], [], None
    for A, b in sequence():
        plain.append(cg(A, b, M=jacobi(A)).iterations)
        result, space = recycled_cg(A, b, space, 14, M=jacobi(A), window=40)
        assert result.converged
        carried.append(result.iterations)
    assert abs(carried[0] - plain[0]) <= 1
    assert sum(carried[2:]) < 0.55 * sum(plain[2:])
    assert result.products < plain[-1]


def test_a_space_on_the_same_matrix_pays_at_once_and_is_not_fitted_again():
    A = diffusion(36, 0)
    first, other = np.random.default_rng(0).normal(size=(2, A.shape[0]))
    cold, space = gcro_dr(A, first, None, 30, 14, refresh="cycle")
    warm, after = gcro_dr(A, other, space, 30, 14)
    unknown = RecycleSpace(space.U, space.T)
    fitted, _ = gcro_dr(A, other, unknown, 30, 14, refresh="system")
    assert warm.products < 0.75 * cold.products
    # k images against one question, beside the iterations.
    spared = (fitted.products - fitted.iterations) - (warm.products - warm.iterations)
    assert spared >= 10
    for b in np.random.default_rng(1).normal(size=(2, A.shape[0])):
        _, after = gcro_dr(A, b, after, 30, 14)
    assert one_sided_distance(lowest(A, 3), after.U) < 1e-3

    cold, space = recycled_cg(A, first, None, 14)
    warm, space = recycled_cg(A, other, space, 14, learn=False)
    again, kept = recycled_cg(A, first, space, 14, learn=False)
    assert again.iterations < 0.75 * cold.iterations
    assert warm.products - again.products >= 10
    assert kept.W is space.W


@pytest.mark.parametrize("window", [60, 20])
@pytest.mark.parametrize("kind", [float, complex])
def test_deflated_cg_finds_the_lowest_eigenvectors_of_the_preconditioned_matrix(window, kind):
    rng = np.random.default_rng(2)
    B = rng.normal(size=(50, 50)).astype(kind)
    if kind is complex:
        B += 1j * rng.normal(size=(50, 50))
    Q = np.linalg.qr(B)[0]
    values = np.r_[0.01, 0.02, 0.05, np.linspace(1.0, 3.0, 47)]
    root = np.sqrt(np.linspace(1.0, 30.0, 50))
    A = root[:, None] * ((Q * values) @ Q.conj().T) * root  # M A is similar to Q values Q^H
    _, space = recycled_cg(A, rng.normal(size=50), None, 6, M=np.diag(root**-2), window=window)
    wanted = (Q[:, :3] / root[:, None]).T
    assert one_sided_distance(wanted, space.W) < 1e-3
    for seed in range(2):  # and keeps them, from the entries of the deflation space
        b = np.random.default_rng(seed).normal(size=50)
        result, space = recycled_cg(A, b, space, 6, M=np.diag(root**-2), window=window)
        assert result.iterations < 20
        assert one_sided_distance(wanted, space.W) < 1e-3


def lowest(A, count):
    return np.linalg.eigh(A.toarray())[1][:, :count].T


@pytest.mark.parametrize(
    "target, wanted",
    [("smallest", [0, 1, 2]), ("largest", [37, 38, 39]), ("leftmost", [0, 1, 2]), (20.2, [19, 20])],
)
def test_the_target_chooses_the_eigenvectors(target, wanted):
    values = np.arange(1.0, 41.0)
    Q = np.linalg.qr(np.random.default_rng(1).normal(size=(40, 40)))[0]
    A, space = (Q * values) @ Q.T, None
    for seed in range(6):
        b = np.random.default_rng(seed).normal(size=40)
        result, space = gcro_dr(A, b, space, 24, 6, rtol=1e-10, target=target, refresh="cycle")
        assert result.converged
    assert one_sided_distance(Q[:, wanted].T, space.U) < 0.05


def test_spaces_are_not_changed_in_place():
    A, b = definite(40, 3)
    for method, kind in ((gcro_dr, RecycleSpace), (recycled_cg, DeflationSpace)):
        _, space = method(A, b, k=5)
        rows = space.U if kind is RecycleSpace else space.W
        before = rows.copy()
        method(A + np.eye(40), b, space, k=5)
        method(A * np.nan, b, space, k=5)
        np.testing.assert_array_equal(rows, before)


def test_a_flexible_preconditioner_may_change_from_product_to_product():
    A = diffusion(20, 1)
    b = np.ones(A.shape[0])
    space = None
    for _ in range(2):
        result, space = gcro_dr(
            A, b, space, 20, 8, M=lambda r: cg(A, r, rtol=0.3).x, side="flexible"
        )
        assert result.converged
        assert np.linalg.norm(b - A @ result.x) <= 1e-8 * np.linalg.norm(b)


@pytest.mark.parametrize("method", [gcro_dr, recycled_cg])
def test_a_first_guess_is_used(method):
    A, b = definite(60, 2)
    near = np.linalg.solve(A, b) * (1 + 1e-5)
    warm, cold = method(A, b, x0=near)[0], method(A, b)[0]
    assert warm.converged
    assert warm.iterations < cold.iterations
    exact = method(A, b, x0=np.linalg.solve(A, b))[0]
    assert (exact.converged, exact.iterations) == (True, 0)


def singular(n=80):
    """Neumann ends: constants are the kernel; a right-hand side in the range."""
    A = sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)).tolil()
    A[0, 0] = A[-1, -1] = 1.0
    return A.tocsr()


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("n", [80, 1100])
def test_singular_systems(name, n):
    A = singular(n)
    x = (np.arange(n) + 0.5) / n
    b = np.cos(np.pi * 3 * x) + np.cos(np.pi * 8 * x)
    consistent = METHODS[name](A, b - b.mean(), None, 1e-7)
    if n == 80 or name.startswith(("cg", "recycled")):
        assert consistent.converged, consistent.reason
    inconsistent = METHODS[name](A, b + 1.0, None, 1e-7)
    assert not inconsistent.converged
    assert inconsistent.reason.startswith(("breakdown", "stagnated", "maximum"))
    assert inconsistent.residual > 0.1


def test_an_indefinite_matrix_is_reported_by_deflated_cg():
    A = np.diag([1.0, 2.0, -3.0, 4.0])
    result, _ = recycled_cg(A, np.ones(4), k=2)
    assert result.reason == "breakdown: matrix is not positive definite"
    result, after = recycled_cg(A, np.ones(4), DeflationSpace(np.eye(4)[2:3]), k=2)
    assert result.reason == "breakdown: matrix is not positive definite"
    assert after.W.shape == (1, 4)
    result, _ = recycled_cg(np.eye(4), np.ones(4), M=-np.eye(4))
    assert result.reason == "breakdown: preconditioner is not positive definite"


@pytest.mark.parametrize("n", [30, 1100])
@pytest.mark.parametrize("method", [gcro_dr, recycled_cg])
def test_what_is_not_finite_is_a_breakdown_and_leaves_the_space_usable(method, n):
    A = sparse.diags_array([-1.0, 3.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsr()
    b = np.random.default_rng(0).normal(size=n)
    _, space = method(A, b, k=4)
    for broken in (np.nan, np.inf):
        matrix, right = A.copy(), b.copy()
        matrix.data[7] = right[7] = broken
        for result, after in (method(matrix, b, space, k=4), method(A, right, space, k=4)):
            assert not result.converged
            assert result.reason.startswith("breakdown")
            assert method(A, b, after, k=4)[0].converged
    M = sparse.diags_array(np.full(n, np.nan)).tocsr()
    assert not method(A, b[::-1], space, k=4, M=M)[0].converged


def test_patience_ends():
    A, b = definite(60, 4)
    result, space = recycled_cg(A, b, k=4, rtol=1e-10, max_iterations=5)
    assert (result.reason, result.iterations) == ("maximum iterations", 5)
    assert recycled_cg(A, b, space, k=4)[0].converged
    stuck = np.diag(np.logspace(0, 12, 30))
    assert not recycled_cg(stuck, np.ones(30), rtol=1e-17, max_iterations=500)[0].converged


@pytest.mark.parametrize(
    "method, change, message",
    [
        (gcro_dr, {"side": "both"}, "side"),
        (gcro_dr, {"refresh": "never"}, "refresh"),
        (gcro_dr, {"precision": "half"}, "precision"),
        (gcro_dr, {"target": "middle"}, "target"),
        (gcro_dr, {"M": np.eye(4)}, "preconditioner of 3 rows"),
        (recycled_cg, {"k": -1}, "k >= 0"),
        (recycled_cg, {"window": 0}, "window"),
        (recycled_cg, {"space": DeflationSpace(np.ones((2, 5)))}, "length 3"),
        (recycled_cg, {"A": np.eye(4)}, "square matrix of 3 rows"),
    ],
)
def test_bad_input_is_refused(method, change, message):
    with pytest.raises(InputError, match=message):
        method(**({"A": np.eye(3), "b": np.ones(3)} | change))


@pytest.mark.parametrize("kind", [Recycling, RecyclingCG])
def test_a_sequence_method_carries_drops_and_survives(kind):
    made = []

    def make(A):
        made.append(A)
        return PRECONDITIONERS["jacobi"](A)

    method = kind(k=10, make=make)
    systems = [*sequence(3, 24), *sequence(2, 12)]
    products = []
    for A, b in systems:
        result = method.solve(A, b, 1e-8)
        assert result.converged
        assert np.linalg.norm(b - A @ result.x) <= 1e-8 * np.linalg.norm(b)
        products.append(result.products)
    assert products[2] < 0.8 * products[0]
    assert [A.shape for A in made] == [(576, 576), (144, 144)]  # then updated
    A, b = systems[-1]
    assert method.solve(A, b, 1e-8, x0=result.x).iterations == 0
    broken = A.copy()
    broken.data[:] = np.nan
    assert method.solve(broken, b, 1e-8).reason == "breakdown: matrix is not finite"
    zero = A - sparse.diags_array(A.diagonal()).tocsr()
    assert method.solve(zero, b, 1e-8).reason.startswith("breakdown: zero on the diagonal")
    assert method.solve(A, b, 1e-8).converged


def test_a_space_that_does_not_pay_is_not_carried_until_it_is_tried_again():
    def unlike(seed):  # another eigenbasis each, and so few iterations that fitting costs more
        rng = np.random.default_rng(seed)
        Q = np.linalg.qr(rng.normal(size=(60, 60)))[0]
        return Q @ np.diag(rng.uniform(1, 20, 60)) @ Q.T, rng.normal(size=60)

    systems = [unlike(seed) for seed in range(8)]
    alone = [gcro_dr(A, b, None, 16, 8, rtol=1e-6)[0].products for A, b in systems]

    def products(carry):
        method = Recycling(16, 8, carry=carry)
        return [method.solve(A, b, 1e-6).products for A, b in systems]

    always, adaptive = products("always"), products("adaptive")
    assert all(carried > cold for carried, cold in zip(always[1:], alone[1:], strict=True))
    assert adaptive[:2] == always[:2]
    assert adaptive[2:6] == alone[2:6]
    assert adaptive[6] > alone[6]
    assert adaptive[7] == alone[7]


def test_an_unknown_way_to_carry_is_refused():
    with pytest.raises(InputError, match="carry 'adaptive' or 'always', got 'never'"):
        Recycling(carry="never")


def test_for_the_same_matrix_the_space_is_carried_whatever_was_before():
    method = Recycling(16, 8)
    rng = np.random.default_rng(0)
    for _ in range(3):
        A = np.diag(rng.uniform(1, 3, 60))
        method.solve(A, rng.normal(size=60), 1e-6)
    assert method._waiting
    A = diffusion(16, 0)
    first, second = (method.solve(A, rng.normal(size=256), 1e-8).products for _ in range(2))
    assert second < 0.8 * first


def test_of_one_matrix_the_deflation_space_is_learned_a_few_times():
    A = diffusion(24, 0)
    method = RecyclingCG(k=10)
    spaces = []
    for seed in range(6):
        assert method.solve(A, np.random.default_rng(seed).normal(size=576), 1e-8).converged
        spaces.append(method.space)
    assert spaces[3].W is spaces[5].W
    assert spaces[2].W is not spaces[1].W


def test_a_right_hand_side_in_the_span_of_earlier_ones_costs_no_iteration():
    A = np.diag(np.linspace(1.0, 1e4, 300))
    first, second = np.random.default_rng(0).normal(size=(2, 300))
    method = Recycling(m=20, k=8)
    results = [method.solve(A, b, 1e-9) for b in (first, second, 2 * first - 3 * second)]
    assert all(result.converged for result in results)
    assert results[1].iterations > 10
    assert results[2].iterations <= 2
