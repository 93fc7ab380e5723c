"""The published matrices entry by entry, the physics of the two that have some, and the seeds."""

import math

import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from sobolev.datasets.published import elements, grids
from sobolev.datasets.published.skr import FAMILIES
from sobolev.geometry.errors import InputError
from sobolev.solvers.krylov.recycling import Recycling
from sobolev.solvers.preconditioners import PRECONDITIONERS

SMALL = {"darcy": 12, "helmholtz": 12, "thermal": 10, "poisson": 8}


def published_matrix(a, k):
    """The formula in the docstring of `grids`, entry by entry."""
    m = len(a) - 2
    A = np.zeros((m, m, m, m))
    for i in range(m):
        for j in range(m):
            A[i, j, i, j] = 4 * a[i + 1, j + 1] - (k / (m - 1)) ** 2
            if i > 0:
                row, column = divmod(i * m + j - 2, m)
                A[i, j, i - 1, j] = -a[row, column + 1]
            if i < m - 1:
                A[i, j, i + 1, j] = -a[i + 2, j + 1]
            if j > 0:
                A[i, j, i, j - 1] = -a[i + 1, j]
            if j < m - 1:
                A[i, j, i, j + 1] = -a[i + 1, j + 2]
    return A.reshape(m * m, m * m)


@pytest.mark.parametrize("k", [0.0, 0.7])
def test_grid_matrices_entry_by_entry(k):
    a = np.random.default_rng(0).uniform(0.5, 2.0, (9, 9))
    before = a.copy()
    A, b = grids.build(a, k)
    np.testing.assert_allclose(A.toarray(), published_matrix(a, k), rtol=1e-14)
    np.testing.assert_array_equal(a, before)
    np.testing.assert_allclose(b, 1 / 36)


def test_the_published_darcy_matrix_is_the_laplacian_of_a_times_u():
    """And not the flux form: u = 1 / a is almost harmonic to it, away from edges and quirk."""
    A, _, a = next(FAMILIES["darcy"].systems(1, 40))
    a = a.reshape(40, 40)
    image = (A @ (1 / a[1:-1, 1:-1].ravel())).reshape(38, 38)[2:-2, 2:-2]
    a_up, u_up = np.roll(a, 2, axis=1), 1 / a
    quirk = 1 - (a_up * u_up)[2:-4, 3:-3]
    np.testing.assert_allclose(image, quirk, atol=1e-12)


def test_the_field_has_the_published_law():
    """Variance tau^3 sum (4 pi^2 |k|^2 + tau^2)^-2.5 over the whole numbers k but zero."""
    k = np.arange(-19, 20)
    squares = 4 * math.pi**2 * (k[:, None] ** 2 + k[None] ** 2)
    variance = 343 * (np.sum((squares + 49) ** -2.5) - 49**-2.5)
    fields = [np.log(grids.draw_field(40, np.random.default_rng(i))) for i in range(200)]
    assert abs(np.var(fields) / variance - 1) < 0.1
    assert np.abs(np.mean(fields, axis=(1, 2))).max() < 1e-12


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_sample_i_is_the_same_whatever_the_count(name):
    family = FAMILIES[name]
    first = list(family.systems(3, SMALL[name], seed=5))
    again = list(family.systems(1, SMALL[name], seed=5))
    np.testing.assert_array_equal(first[0].b, again[0].b)
    np.testing.assert_array_equal(first[0].A.toarray(), again[0].A.toarray())
    assert not np.array_equal(first[0].parameters, first[1].parameters)
    other = next(family.systems(1, SMALL[name], seed=6))
    assert not np.array_equal(first[0].parameters, other.parameters)
    for A, b, _ in first:
        assert A.has_sorted_indices
        assert np.all(A.data != 0) or name in ("thermal", "poisson")
        assert np.linalg.norm(A @ spsolve(A.tocsc(), b) - b) < 1e-10 * np.linalg.norm(b)


@pytest.mark.parametrize("name", ["thermal", "poisson"])
def test_finite_elements_share_one_matrix_and_few_columns(name):
    systems = list(FAMILIES[name].systems(4, SMALL[name]))
    assert all(system.A is systems[0].A for system in systems)
    columns = {"thermal": elements.thermal, "poisson": elements.poisson}[name](SMALL[name])[1]
    assert columns.shape[1] == systems[0].parameters.size
    for system in systems:
        np.testing.assert_allclose(columns @ system.parameters, system.b)


def test_thermal_solutions():
    """Without flux the temperature is the left edge's; the flux carries heat in at the right."""
    A, columns = elements.thermal(20)
    flat = spsolve(A.tocsc(), columns @ np.array([0.0, 37.0]))
    np.testing.assert_allclose(flat, 37.0, rtol=1e-11)
    cooled = spsolve(A.tocsc(), columns @ np.array([-10.0, 0.0]))
    assert cooled.max() < 0
    # Energy: u K u = flux times the integral of u over the right edge, 1.6 long.
    assert cooled @ A @ cooled == pytest.approx(columns[:, 0] @ cooled * -10.0)
    assert columns[:, 0].sum() == pytest.approx(1.6)


def test_poisson_against_closed_forms():
    """Constant edges; f = 1 with zero edges, whose value in the middle is known."""
    A, columns = elements.poisson(16)
    edges = np.zeros(30)
    edges[[6, 12, 18, 24]] = 2.5  # the constant of each edge
    np.testing.assert_allclose(spsolve(A.tocsc(), columns @ edges), 2.5, rtol=1e-11)
    load = np.zeros(30)
    load[0] = 1.0
    assert spsolve(A.tocsc(), columns @ load).max() == pytest.approx(0.0736713, rel=1e-4)
    # Linear in x everywhere: f = 0, lower and upper edge x, left 0, right 1.
    linear = np.zeros(30)
    linear[[7, 19]], linear[12] = 1.0, 1.0
    x = spsolve(A.tocsc(), columns @ linear)
    assert np.unique(x.round(9)).size == 31
    np.testing.assert_allclose(np.unique(x.round(9)), np.arange(1, 32) / 32)


def test_sizes_are_the_published_ones():
    """Within a percent of the tables where the mesh decides; s^2 for (s - 2)^2 on grids."""
    for name, unknowns in (("darcy", 78**2), ("helmholtz", 98**2)):
        assert next(FAMILIES[name].systems(1)).b.size == unknowns
        assert FAMILIES[name].size ** 2 == FAMILIES[name].label
    assert abs(next(FAMILIES["thermal"].systems(1)).b.size / 11063 - 1) < 0.02


@pytest.mark.parametrize("given", [{"count": -1}, {"size": 3}, {"seed": -1}])
def test_bad_requests_are_refused(given):
    with pytest.raises(InputError, match="expected a size"):
        next(FAMILIES["darcy"].systems(**({"count": 1} | given)))


def test_recycling_goes_on_where_restarts_with_the_space_as_it_is_gain_nothing():
    method = Recycling(make=PRECONDITIONERS["jacobi"])
    results = [method.solve(s.A, s.b, 1e-8) for s in FAMILIES["darcy"].systems(3, 80, 0)]
    assert [result.reason for result in results] == ["converged"] * 3
