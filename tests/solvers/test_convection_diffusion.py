"""The upwind operator against manufactured solutions, its own matrix and the maximum principle."""

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.convection_diffusion import ConvectionDiffusionOperator, stream_velocity
from sobolev.solvers.convection_diffusion.multigrid import ConvectionDiffusionMultigrid

PI = np.pi


def cells(*shape, extent=((0.0, 1.0), (0.0, 1.0))):
    return Grid(extent, shape, centering="cell")


def corners(grid):
    ends = [np.linspace(*pair, n + 1) for pair, n in zip(grid.extent, grid.shape, strict=True)]
    return np.meshgrid(*ends, indexing="ij")


def random_flow(grid, seed, size=1.0):
    psi = np.random.default_rng(seed).normal(size=tuple(n + 1 for n in grid.shape))
    return stream_velocity(size * psi, grid)


def exact(x, y):
    return np.exp(x) * np.sin(2 * PI * y + 0.3)


def rotation(x, y):
    """psi of a turn about (0.5, 0.5): v = (y - 0.5, 0.5 - x)."""
    return 0.5 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)


def source(x, y, a, speed):
    """-a Lap u + speed v . grad u by hand for `exact` and `rotation`."""
    u, u_y = exact(x, y), 2 * PI * np.exp(x) * np.cos(2 * PI * y + 0.3)
    return -a * (1 - 4 * PI**2) * u + speed * ((y - 0.5) * u + (0.5 - x) * u_y)


@pytest.mark.parametrize(
    "scheme, speed, order",
    [("upwind", 0.0, 2), ("upwind", 10.0, 1), ("upwind", 200.0, 1), ("power_law", 50.0, 2)],
)
def test_order_on_a_manufactured_solution(scheme, speed, order):
    sizes, errors = np.array([32, 48, 64, 96, 128, 192]), []
    for n in sizes:
        grid = cells(n, n)
        x, y = grid.coordinates()
        v = stream_velocity(speed * rotation(*corners(grid)), grid)
        A = ConvectionDiffusionOperator(1.0, v, grid, scheme=scheme)
        b = source(x, y, 1.0, speed) + A.boundary_source(exact)
        result = ConvectionDiffusionMultigrid().solve(A, b.ravel(), 1e-11)
        assert result.reason == "converged"
        errors.append(np.sqrt(np.mean((result.x - exact(x, y).ravel()) ** 2)))
    fitted = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(fitted - order) < 0.2


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 2**32 - 1),
    st.floats(0, 100),
    st.sampled_from(["advective", "conservative"]),
    st.sampled_from(["upwind", "power_law"]),
)
def test_matrix_free_product_is_the_matrix(n0, n1, seed, speed, form, scheme):
    grid = cells(n0, n1, extent=((0.0, 0.7), (1.0, 2.0)))
    rng = np.random.default_rng(seed)
    v = rng.normal(size=(n0 + 1, n1)) * speed, rng.normal(size=(n0, n1 + 1)) * speed
    A = ConvectionDiffusionOperator(np.exp(rng.normal(size=grid.shape)), v, grid, form, scheme)
    u, matrix = rng.normal(size=grid.shape), A.to_csr()
    bound = 8 * np.finfo(float).eps * (abs(matrix) @ np.abs(u.ravel()))
    assert np.all(np.abs(A.matvec(u).ravel() - matrix @ u.ravel()) <= bound)
    np.testing.assert_array_equal(A @ u.ravel(), A.matvec(u).ravel())
    np.testing.assert_array_equal(matrix.diagonal(), A.diagonal.ravel())
    assert matrix.has_sorted_indices
    assert (matrix - sparse.diags_array(matrix.diagonal())).max() <= 0
    # The columns of the conservative and the rows of the advective form: what no wall takes.
    inside = matrix.sum(axis=0 if form == "conservative" else 1)
    assert inside.min() >= -1e-12 * A.diagonal.max()


def test_the_two_forms_are_one_where_nothing_is_created():
    grid = cells(9, 14)
    v = random_flow(grid, 0)
    divergence = np.diff(v[0], axis=0) / grid.spacing[0] + np.diff(v[1], axis=1) / grid.spacing[1]
    assert np.abs(divergence).max() < 1e-12 * np.abs(v[0]).max() / grid.spacing[0]
    one, two = (
        ConvectionDiffusionOperator(0.1, v, grid, form).to_csr()
        for form in ("advective", "conservative")
    )
    assert abs(one - two).max() <= 1e-13 * abs(one).max()


def test_the_forms_differ_by_the_divergence():
    """div(v u) = v . grad u + u div v, cell by cell, boundary values included."""
    grid, rng = cells(6, 5), np.random.default_rng(1)
    v = rng.normal(size=(7, 5)), rng.normal(size=(6, 6))
    divergence = np.diff(v[0], axis=0) / grid.spacing[0] + np.diff(v[1], axis=1) / grid.spacing[1]
    u = rng.normal(size=grid.shape)
    fluxes, rates = (
        ConvectionDiffusionOperator(0.3, v, grid, form) for form in ("conservative", "advective")
    )
    np.testing.assert_allclose(fluxes.matvec(u) - rates.matvec(u), u * divergence, atol=1e-11)


def test_uniform_flow_upstream_values_by_hand():
    """a = 0.5, v = (1, -1), h = 1/4: 8 for diffusion and 4 more from where the flow comes."""
    grid = cells(4, 4)
    A = ConvectionDiffusionOperator(0.5, (np.ones((5, 4)), -np.ones((4, 5))), grid)
    row = A.to_csr().toarray()[5]
    np.testing.assert_array_equal(row[[1, 4, 5, 6, 9]], [-12, -8, 40, -12, -8])
    assert np.count_nonzero(row) == 5
    assert A.boundary_source(((1.0, 0.0), (0.0, 0.0)))[0, 1] == 16 + 4  # half a cell away


@pytest.mark.parametrize("a", [1.0, 1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("scheme", ["upwind", "power_law"])
def test_maximum_principle(a, scheme):
    """Without a source u lies between its boundary values, at every cell Peclet number."""
    grid = cells(20, 31)
    A = ConvectionDiffusionOperator(a, random_flow(grid, 0, 0.05), grid, scheme=scheme)
    b = A.boundary_source(lambda x, y: np.cos(9 * x + 4 * y))
    u = np.linalg.solve(A.to_csr().toarray(), b.ravel())
    assert np.abs(u).max() <= 1 + 1e-10
    lifted = np.linalg.solve(A.to_csr().toarray(), np.ones(u.size))
    assert lifted.min() > 0


def test_a_constant_needs_no_source():
    grid = cells(7, 5, extent=((0.0, 2.0), (-1.0, 1.0)))
    A = ConvectionDiffusionOperator(0.2, random_flow(grid, 3), grid)
    np.testing.assert_allclose(A.boundary_source(2.5), 2.5 * A.matvec(np.ones((7, 5))), atol=1e-10)
    x, y = grid.axes
    by_function = A.boundary_source(lambda x, y: x + 10 * y)
    by_values = A.boundary_source(((10 * y, 2 + 10 * y), (x - 10, x + 10)))
    np.testing.assert_allclose(by_function, by_values, rtol=1e-14)


@pytest.mark.parametrize("a", [0.0, -1.0, np.nan, np.inf])
def test_illegal_numbers_are_refused(a):
    grid = cells(4, 5)
    v = np.ones((5, 5)), np.ones((4, 6))
    with pytest.raises(InputError, match="positive finite diffusivity"):
        ConvectionDiffusionOperator(a, v, grid)
    field = np.ones((4, 5))
    field[3, 4] = a
    with pytest.raises(InputError, match="positive finite diffusivity"):
        ConvectionDiffusionOperator(field, v, grid)
    if not np.isfinite(a):
        for part in v:
            part[-1, -1] = a
            with pytest.raises(InputError, match="finite velocities"):
                ConvectionDiffusionOperator(1.0, v, grid)
            part[-1, -1] = 1.0


def test_shapes_that_do_not_fit_are_refused():
    grid, v = cells(4, 5), (np.ones((5, 5)), np.ones((4, 6)))
    with pytest.raises(InputError, match="normal velocities on faces"):
        ConvectionDiffusionOperator(1.0, (np.ones((4, 5)), np.ones((4, 5))), grid)
    with pytest.raises(InputError, match="diffusivity of shape"):
        ConvectionDiffusionOperator(np.ones((5, 4)), v, grid)
    with pytest.raises(InputError, match="form"):
        ConvectionDiffusionOperator(1.0, v, grid, "skew")
    with pytest.raises(InputError, match="scheme"):
        ConvectionDiffusionOperator(1.0, v, grid, scheme="central")
    with pytest.raises(InputError, match="boundary values on axis 0"):
        ConvectionDiffusionOperator(1.0, v, grid).boundary_source(((np.zeros(3), 0.0), (0.0, 0.0)))
    with pytest.raises(InputError, match="corners"):
        stream_velocity(np.ones((4, 5)), grid)
    with pytest.raises(InputError, match="cell-centred"):
        stream_velocity(np.ones((5, 5)), Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4)))
