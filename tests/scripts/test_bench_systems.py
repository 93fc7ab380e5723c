"""The benchmarks of linear systems: peers solve what they get, and cells are what they say."""

import itertools
import os
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / "scripts" / "bench"


@pytest.fixture(scope="module")
def bench():
    """The benchmarks' own modules, which import one another by their plain names."""
    before, environment = list(sys.path), dict(os.environ)
    sys.path.insert(0, str(BENCH))
    import linear
    import linear_cases
    import linear_peers
    import linear_petsc
    import recycling
    import recycling_elasticity

    yield {
        "linear": linear, "cases": linear_cases, "peers": linear_peers, "petsc": linear_petsc,
        "recycling": recycling, "elasticity": recycling_elasticity,
    }  # fmt: skip
    sys.path[:] = before
    os.environ.clear()
    os.environ.update(environment)


def small(cases, kind):
    """A case of that kind with some hundred unknowns."""
    make = {
        "diffusion": lambda i: cases._darcy("threshold", 20, i),
        "diffusion3d": lambda i: cases._diffusion3d(8, i),
        "poisson3d": lambda i: cases._poisson3d(8, i),
        "helmholtz": lambda i: cases._helmholtz(10.0, 24, i),
        "convection_diffusion": lambda i: cases._convection_diffusion(20, i),
    }[kind]
    return cases.Case(kind, kind, make)


KINDS = ("diffusion", "diffusion3d", "poisson3d", "helmholtz", "convection_diffusion")


def off(system, x):
    return np.linalg.norm(system.b - system.A @ x) / np.linalg.norm(system.b)


@pytest.mark.parametrize("kind", KINDS)
def test_every_method_solves_two_systems_of_a_sequence(bench, kind):
    case = small(bench["cases"], kind)
    methods = bench["linear"].contestants(case, None)
    assert any(method.ours for method in methods)
    assert sum(not method.ours for method in methods) >= 3
    for method in methods:
        for number in range(2):
            method.run(case.system(number))
        assert not method.failure, method.failure
        assert method.worst <= 1.5e-8, method.name
        assert len(method.seconds) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_petsc_solves_in_the_other_interpreter(bench, kind):
    petsc = bench["petsc"]
    if not petsc.available():
        pytest.skip("python3-petsc4py is not installed")
    case = small(bench["cases"], kind)
    server = petsc.Server()
    for name, solver in petsc.SOLVERS.items():
        if kind in solver.kinds and kind != "helmholtz":
            system = case.system(1)
            x, seconds = server.solve(name, 1, system.A, system.b, 1e-8)
            assert off(system, x) <= 1.5e-8, name
            assert seconds > 0
    assert server.memory() >= 0 or kind == "helmholtz"
    server.close()


def test_a_method_that_raises_has_no_residual_and_the_others_go_on(bench):
    linear, case = bench["linear"], small(bench["cases"], "diffusion")

    def broken(system):
        raise FloatingPointError("no")

    method = linear.Contestant("broken", False, broken)
    assert method.run(case.system(0)) == np.inf
    assert method.worst == np.inf
    assert "broken fails: no" in method.failure


def test_slow_methods_get_fewer_systems_and_fast_ones_keep_theirs(bench):
    linear = bench["linear"]
    fast, slow = (linear.Contestant(name, False, None) for name in ("fast", "slow"))
    linear.share_out([fast, slow], {"fast": 0.01, "slow": 2.0}, 10.0)
    assert fast.count == linear.SYSTEMS
    assert linear.LEAST <= slow.count <= 5


def test_every_case_is_of_a_kind_and_named_after_it(bench):
    cases = bench["cases"]
    prefixes = ("darcy", "lognormal", "diffusion3d", "poisson3d", "helmholtz")
    for name, case in cases.CASES.items():
        assert case.kind in cases.ALL
        assert name.startswith((*prefixes, "convection_diffusion"))
    quick = {case.kind for case in cases.CASES.values() if case.quick}
    assert quick == set(cases.ALL)


def test_elasticity_of_rigid_motions_and_of_a_stretched_cube(bench):
    elasticity, n = bench["elasticity"], 5
    stiffness = np.random.default_rng(0).uniform(0.1, 1.0, (n, n, n))
    A = elasticity.assemble(stiffness)
    assert abs(A - A.T).max() < 1e-15
    assert np.linalg.eigvalsh(A.toarray())[0] > 0
    # Rigid motions strain nothing but the bricks that hold on to the clamped nodes.
    forces = (A @ elasticity.rigid_motions(n)).reshape(n, n + 1, n + 1, 3, 6)
    assert np.abs(forces[1:]).max() < 1e-14
    assert np.abs(forces[0]).max() > 1e-3
    # A linear displacement of a uniform cube: no force on inner nodes.
    A = elasticity.assemble(np.ones((n, n, n)))
    x = np.stack(np.meshgrid(*[np.linspace(0, 1, n + 1)] * 3, indexing="ij"), axis=-1)[1:]
    u = x @ np.array([[1.0, 0.2, 0.1], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    inner = (A @ u.ravel()).reshape(n, n + 1, n + 1, 3)[:-1, 1:-1, 1:-1]
    assert np.abs(inner).max() < 1e-14


def test_steps_of_the_composite_are_alike(bench):
    steps = bench["elasticity"].systems(3, 6)
    shares = [np.mean(a[2] != b[2]) for a, b in itertools.pairwise(steps)]
    assert 0 < max(shares) < 0.2


@pytest.mark.parametrize("family", ["darcy", "thermal", "darcy-fv"])
def test_a_cell_of_the_published_table(bench, family):
    recycling = bench["recycling"]
    chosen = recycling.FAMILIES[family]
    rows = recycling.measure(chosen, "none", 3, chosen.small, 60.0, ())
    names = [row.method for row in rows]
    assert {"GMRES(40)", "recycled, sorted", "cached LU"} <= set(names)
    assert ("CG" in names) == chosen.definite
    for row in rows:
        assert row.systems == 3
        if row.ours:
            assert row.solved == 3, row.method


def test_published_figures_belong_to_the_cells(bench):
    recycling = bench["recycling"]
    cells = {f"{family}-{name}" for family in recycling.FAMILIES for name in recycling.NAMES}
    assert set(recycling.PUBLISHED) <= cells
    assert recycling.PUBLISHED["helmholtz-asm"] == "13.9/30.0"
    assert len(recycling.PUBLISHED) == 28
