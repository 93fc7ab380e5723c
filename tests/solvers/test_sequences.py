"""One call for a sequence: methods agree, answers are checked, and failures stay alone."""

import gc
import tracemalloc
from functools import partial

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.convection_diffusion import ConvectionDiffusionOperator, stream_velocity
from sobolev.solvers.diffusion import DiffusionOperator
from sobolev.solvers.direct import installed
from sobolev.solvers.helmholtz import HelmholtzOperator
from sobolev.solvers.methods import METHODS
from sobolev.solvers.residual import true_residual
from sobolev.solvers.sequences import LinearSystem, Outcome, solve_sequence

RTOL = 1e-9
UNIT = ((0.0, 1.0), (0.0, 1.0))


def grid(n: int) -> Grid:
    return Grid(UNIT, (n, n), centering="cell")


def diffusion(seed: int, n: int = 12) -> LinearSystem:
    generator = np.random.default_rng(seed)
    a = np.exp(generator.normal(size=(n, n)))
    return LinearSystem(DiffusionOperator(a, grid(n)), generator.normal(size=n * n), a)


def helmholtz(seed: int, n: int = 12) -> LinearSystem:
    generator = np.random.default_rng(seed)
    k2 = 90.0 * (1 + 0.1 * generator.normal(size=(n, n)))
    return LinearSystem(HelmholtzOperator(k2, grid(n)), generator.normal(size=n * n), k2)


def convection(seed: int, n: int = 12) -> LinearSystem:
    generator = np.random.default_rng(seed)
    velocity = stream_velocity(generator.normal(size=(n + 1, n + 1)), grid(n))
    A = ConvectionDiffusionOperator(0.1, velocity, grid(n))
    return LinearSystem(A, generator.normal(size=n * n), A.diagonal)


def plain(seed: int, n: int = 60) -> LinearSystem:
    """Symmetric positive definite, without a structure that anything knows."""
    generator = np.random.default_rng(seed)
    half = sparse.random_array((n, n), density=0.05, rng=generator)
    A = sparse.csr_array(half @ half.T + sparse.diags_array(1 + generator.random(n)))
    return LinearSystem(A, generator.normal(size=n), A.diagonal())


MAKERS = {
    "diffusion": diffusion,
    "helmholtz": helmholtz,
    "convection_diffusion": convection,
    "any": plain,
}
SYMMETRIC = {"cg", "amg", "recycled_cg", "cholmod"}  # and positive definite
PAIRS = [
    (name, kind)
    for name, method in METHODS.items()
    for kind in MAKERS
    if (kind in method.makers or "any" in method.makers)
    and not (name in SYMMETRIC and kind in ("helmholtz", "convection_diffusion"))
]


@pytest.mark.parametrize(("name", "kind"), [*PAIRS, *(("auto", kind) for kind in MAKERS)])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_every_method_agrees_with_a_dense_solve(name, kind, seed):
    if name in ("cholmod", "pardiso") and not installed(name):
        pytest.skip(f"{name} is not installed")
    systems = [MAKERS[kind](seed + i) for i in range(3)]
    statistics, outcomes = solve_sequence(systems, RTOL, method=name)
    assert statistics.converged == 3, str(statistics)
    for system, outcome in zip(systems, outcomes, strict=True):
        A = system.A if kind == "any" else system.A.to_csr()
        exact = np.linalg.solve(A.toarray(), system.b)
        condition = np.linalg.cond(A.toarray())
        off = np.linalg.norm(outcome.x - exact) / np.linalg.norm(exact)
        assert off <= condition * RTOL
        assert np.linalg.norm(system.b - A @ outcome.x) <= RTOL * np.linalg.norm(system.b)


def test_the_bits_do_not_depend_on_the_threads():
    systems = [diffusion(i) for i in range(11)]
    for options in ({}, {"method": "gcro_dr", "chunk": 4}, {"warm_start": True, "chunk": 3}):
        one, two = (
            solve_sequence(systems, RTOL, threads=threads, **options)[1] for threads in (1, 2)
        )
        assert [a.index for a in two] == list(range(11))
        for a, b in zip(one, two, strict=True):
            assert np.array_equal(a.x, b.x)


def test_sorted_solves_alike_systems_after_each_other_and_hands_them_over_in_order():
    line = np.linspace(0, 1, 8)
    mixed = np.random.default_rng(0).permutation(8)
    met = []

    def build(i):
        met.append(i)
        system = diffusion(0)
        return LinearSystem(system.A, system.b * (1 + line[i]), np.array([line[i]]))

    systems = [build(i) for i in mixed]
    numbers = []
    statistics, kept = solve_sequence(
        systems, RTOL, order="sorted", receive=lambda outcome: numbers.append(outcome.index)
    )
    assert numbers == list(range(8))
    assert not kept
    assert statistics.converged == 8


def test_recycling_in_sorted_order_takes_fewer_iterations():
    generator = np.random.default_rng(3)
    base, change = generator.normal(size=(2, 24, 24))
    places = generator.permutation(np.linspace(0, 1, 12))

    def system(t):
        a = np.exp(base + t * change)
        return LinearSystem(DiffusionOperator(a, grid(24)), np.ones(576), a)

    systems = [system(t) for t in places]
    cold = solve_sequence(systems, RTOL, method="gcro_dr", chunk=1)[0].iterations
    given, ordered = (
        solve_sequence(systems, RTOL, method="gcro_dr", order=order)[0].iterations
        for order in ("given", "sorted")
    )
    assert ordered <= given < 0.8 * cold


def test_a_constant_coefficient_takes_the_transform():
    a = np.full((12, 12), 2.0)
    _, (outcome,) = solve_sequence([LinearSystem(DiffusionOperator(a, grid(12)), np.ones(144))])
    assert outcome.method == "transform"
    assert outcome.iterations <= 2


def failing(case: str) -> LinearSystem:
    n = 5
    if case == "coefficient":
        return LinearSystem(DiffusionOperator(np.full((n, n), -1.0), grid(n)), np.ones(n * n))
    A, b = np.eye(n), np.ones(n)
    if case == "singular":
        A[0, 0] = 0.0
    elif case == "not a number":
        A[1, 1] = np.nan
    elif case == "source":
        b[2] = np.inf
    elif case == "shape":
        b = np.ones(n + 1)
    return LinearSystem(sparse.csr_array(A), b)


@pytest.mark.parametrize("method", ["cg", "gmres", "gcro_dr", "recycled_cg", "direct", "superlu"])
@pytest.mark.parametrize("case", ["coefficient", "singular", "not a number", "source", "shape"])
def test_a_failing_system_says_so_and_the_others_go_on(method, case):
    good = LinearSystem(sparse.csr_array(2.0 * np.eye(5)), np.ones(5))
    systems = [good, partial(failing, case), good]
    statistics, outcomes = solve_sequence(systems, RTOL, method=method)
    assert [outcome.converged for outcome in outcomes] == [True, False, True]
    assert statistics.failures == [(1, outcomes[1].reason)]
    assert outcomes[1].reason.startswith(("breakdown", "stagnated", "maximum iterations"))
    assert np.allclose(outcomes[2].x, 0.5)


@pytest.mark.parametrize("order", ["given", "sorted"])
@pytest.mark.parametrize("bad", [None, (1, 2), lambda: None, lambda: 1 / 0])
def test_what_is_no_system_fails_alone(bad, order):
    good = diffusion(0)
    _, outcomes = solve_sequence([good, bad, good], RTOL, order=order)
    assert [outcome.converged for outcome in outcomes] == [True, False, True]
    assert outcomes[1].reason.startswith("breakdown: ")


def test_a_sequence_is_many_systems():
    with pytest.raises(InputError, match="expected many LinearSystem, got LinearSystem"):
        solve_sequence(diffusion(0))


@pytest.mark.parametrize("make", [diffusion, helmholtz, convection, plain])
@pytest.mark.parametrize("size", [2.0**-1000, 2.0**-600, 2.0**600, 2.0**1000])
def test_the_size_of_the_numbers_changes_nothing(make, size):
    system = make(0)
    statistics, outcomes = solve_sequence([system, LinearSystem(system.A, size * system.b)], RTOL)
    assert statistics.converged == 2
    np.testing.assert_allclose(outcomes[1].x / size, outcomes[0].x, rtol=1e-6)


def test_a_right_hand_side_that_is_nothing_but_nan_is_not_taken_for_zero():
    for method in ("multigrid", "direct"):
        system = LinearSystem(diffusion(0).A, np.full(144, np.nan))
        (outcome,) = solve_sequence([system], method=method)[1]
        assert outcome.reason == "breakdown: right-hand side is not finite"


def test_an_indefinite_matrix_given_to_cg_is_a_breakdown():
    A = sparse.diags_array([-1.0, 2.0, 3.0, 4.0])
    system = LinearSystem(A, np.array([3.0, 1.0, 1.0, 1.0]))
    _, (outcome,) = solve_sequence([system], method="cg", preconditioner="none")
    assert not outcome.converged
    assert "positive definite" in outcome.reason


def test_a_method_that_believes_too_early_is_found_out(monkeypatch):
    from sobolev.solvers.direct import Direct

    honest = Direct.solve

    def careless(self, A, b, rtol, x0=None):
        result = honest(self, A, b, rtol, x0)
        object.__setattr__(result, "x", result.x * (1 + 1e-3))
        return result

    monkeypatch.setattr(Direct, "solve", careless)
    _, (outcome,) = solve_sequence([plain(0)], method="superlu")
    assert not outcome.converged
    assert outcome.reason.startswith("stagnated")


@pytest.mark.parametrize(
    "options, some", [({}, 640), ({"method": "gcro_dr", "m": 20, "k": 10}, 32)]
)
def test_memory_does_not_grow_with_the_sequence(options, some):
    # The interpreter keeps the room of some thousand small objects for itself.
    def peak(count: int) -> int:
        kept: list[float] = []

        def receive(outcome: Outcome) -> None:
            kept[:] = [outcome.residual]

        systems = (partial(diffusion, i % 7) for i in range(count))
        gc.collect()
        gc.disable()  # nothing may wait for the collector
        tracemalloc.start()
        statistics, outcomes = solve_sequence(systems, 1e-6, chunk=16, receive=receive, **options)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        gc.enable()
        assert statistics.converged == count
        assert not outcomes
        return most

    peak(16)  # imports, caches
    assert peak(2 * some) < 1.2 * peak(some)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"method": "magic"}, "expected a method of auto, multigrid"),
        ({"method": "resonant"}, "expected an operator of kind helmholtz"),
        ({"method": "cg", "speed": 3}, "does not take these options"),
        ({"method": "cg", "preconditioner": "magic"}, "expected a preconditioner"),
        ({"rtol": 0.0}, "tolerance between 0 and 1"),
        ({"order": "random"}, "order 'given' or 'sorted'"),
        ({"method": ["cg"]}, "expected a method of auto, multigrid"),
        ({"method": "gmres", "restart": 0}, "restart to be a whole number of at least 1"),
        ({"method": "gmres", "max_iterations": 1.5}, "max_iterations to be a whole number"),
        ({"method": "gcro_dr", "k": "many"}, "k to be a whole number of at least 0"),
        ({"rtol": "small"}, "tolerance between 0 and 1"),
        ({"receive": 3}, "expected a function to receive outcomes"),
        ({"chunk": 0}, "chunk to be a whole number of at least 1"),
        ({"chunk": 1.5}, "chunk to be a whole number"),
        ({"threads": 0}, "threads to be a whole number of at least 1"),
        ({"threads": None}, "threads to be a whole number"),
    ],
)
def test_illegal_options_are_one_line(options, expected):
    with pytest.raises(InputError, match=expected):
        solve_sequence([diffusion(0)], **options)


def test_sorting_needs_parameters():
    system = diffusion(0)
    with pytest.raises(InputError, match="to sort by"):
        solve_sequence([LinearSystem(system.A, system.b)], order="sorted")
    for parameters in ("a", [1j], [None]):
        with pytest.raises(InputError, match="real numbers, to sort by"):
            solve_sequence([LinearSystem(system.A, system.b, parameters)], order="sorted")


def test_the_true_residual_of_a_zero_right_hand_side_is_that_of_the_answer():
    A = sparse.eye_array(3)
    assert true_residual(A, np.zeros(3), np.zeros(3)) == 0
    assert true_residual(A, np.ones(3), np.zeros(3)) == pytest.approx(np.sqrt(3))


@pytest.mark.slow
@pytest.mark.parametrize(
    "n, options",
    [
        (16, {}),
        # The spaces and workspaces of 1,562 finished chunks would be 110 MB.
        (8, {"method": "gcro_dr", "chunk": 64, "m": 20, "k": 10, "order": "sorted"}),
    ],
)
def test_a_hundred_thousand_systems_in_constant_memory(n, options):
    def held() -> int:
        with open("/proc/self/status") as lines:
            (line,) = [line for line in lines if line.startswith("VmRSS")]
        return int(line.split()[1]) // 1024

    systems = (partial(diffusion, i % 7, n) for i in range(100_000))
    sizes: list[int] = []

    def receive(outcome: Outcome) -> None:
        if outcome.index % 10_000 == 0:
            sizes.append(held())

    statistics, outcomes = solve_sequence(systems, 1e-8, receive=receive, **options)
    assert statistics.converged == statistics.systems == 100_000
    assert not outcomes
    assert sizes[-1] - sizes[1] < 10  # MB
