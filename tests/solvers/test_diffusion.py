"""The finite volume operator against exact solutions and against its own matrix."""

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.diffusion import DiffusionOperator, read_conditions
from sobolev.solvers.elliptic import solve_diffusion
from sobolev.solvers.multigrid import MultigridCG


def cells(*shape, extent=((0.0, 1.0), (0.0, 1.0))):
    return Grid(extent, shape, centering="cell")


X = sympy.symbols("x y z")
# Periodic on the unit box, so that every kind of side can be put on it.
COEFFICIENT = {
    2: 2 + sympy.sin(2 * sympy.pi * X[0]) * sympy.cos(2 * sympy.pi * X[1]),
    3: 2 + sympy.sin(2 * sympy.pi * X[0]) * sympy.cos(2 * sympy.pi * (X[1] + X[2])),
}
EXACT = {
    2: sympy.sin(2 * sympy.pi * X[0] + 0.3) * sympy.cos(2 * sympy.pi * X[1] + 0.2),
    3: sympy.sin(2 * sympy.pi * X[0] + 0.3) * sympy.cos(2 * sympy.pi * X[1] + 0.2)
    + sympy.sin(2 * sympy.pi * (X[2] + X[0]) + 0.7),
}


def numeric(expression, ndim):
    function = sympy.lambdify(X[:ndim], expression, "numpy")
    return lambda *points: function(*points) + np.zeros_like(points[0])


def manufactured(grid, pairs, reaction):
    """a, u, f and the data of all sides for `COEFFICIENT` and `EXACT`, by SymPy."""
    ndim = grid.ndim
    a, u = COEFFICIENT[ndim], EXACT[ndim]
    fluxes = [a * sympy.diff(u, x) for x in X[:ndim]]
    f = reaction * u - sum(sympy.diff(flux, x) for flux, x in zip(fluxes, X, strict=False))
    data = []
    for flux, pair in zip(fluxes, pairs, strict=True):
        outward = (-flux, flux)
        kinds = zip(pair, outward, strict=True)
        data.append([numeric(u if kind == "dirichlet" else out, ndim) for kind, out in kinds])
    points = grid.coordinates()
    return (*(numeric(part, ndim)(*points) for part in (a, u, f)), data)


D, N = "dirichlet", "neumann"


@pytest.mark.parametrize(
    "ndim, periodic, conditions, reaction",
    [
        (2, False, D, 0),
        (2, False, N, 0),
        (2, False, ((D, N), (N, D)), 0),
        (2, True, D, 0),
        (2, (False, True), ((N, D), D), 0),
        (2, (True, False), N, 0),
        (2, False, N, 3),
        (3, False, D, 0),
        (3, False, N, 0),
        (3, False, ((D, N), N, (N, D)), 0),
        (3, True, D, 0),
        (3, (False, True, False), ((D, N), D, N), 2),
    ],
)
def test_order_two_on_every_kind_of_side(ndim, periodic, conditions, reaction):
    sizes = np.array([16, 24, 32, 48, 64]) if ndim == 2 else np.array([12, 16, 22, 28])
    solver, errors = MultigridCG(), []
    for n in sizes:
        shape = (n, n + 2, n)[:ndim]
        grid = Grid(((0.0, 1.0),) * ndim, shape, periodic=periodic, centering="cell")
        a, u, f, data = manufactured(grid, read_conditions(conditions, grid), reaction)
        A = DiffusionOperator(a, grid, conditions, float(reaction))
        result = solver.solve(A, f + A.boundary_source(data), 1e-10)
        assert result.converged, result.reason
        error = result.x.reshape(shape) - u
        if A.singular:
            error -= np.mean(error)
        errors.append(np.sqrt(np.mean(error**2)))
    order = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(order - 2) < 0.2


def test_exact_where_the_coefficient_jumps_on_a_face():
    """u piecewise linear, a u_x continuous: harmonic face coefficients make no error."""
    grid = cells(10, 6)
    x, _ = grid.coordinates()
    a = np.where(x < 0.4, 1.0, 5.0)
    u = np.where(x < 0.4, 5 * x, 2 + (x - 0.4))
    x_side = np.where(grid.axes[0] < 0.4, 5 * grid.axes[0], 2 + grid.axes[0] - 0.4)
    boundary = ((0.0, 2.6), (x_side, x_side))
    solution = solve_diffusion(a[None], 0.0, grid, 1e-12, boundary=boundary)
    np.testing.assert_allclose(solution.fields[0], u, atol=1e-11)


@st.composite
def operators(draw):
    """Any shape, sides, coefficient and reaction."""
    ndim = draw(st.integers(2, 3))
    shape = tuple(draw(st.integers(1, 7)) for _ in range(ndim))
    periodic = tuple(draw(st.booleans()) for _ in range(ndim))
    pairs = st.tuples(st.sampled_from([D, N]), st.sampled_from([D, N]))
    conditions = tuple(draw(pairs) for _ in range(ndim))
    extent = tuple((1.0, 1.0 + draw(st.sampled_from([0.1, 1.0, 10.0]))) for _ in range(ndim))
    grid = Grid(extent, shape, periodic=periodic, centering="cell")
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    reaction = draw(st.sampled_from([0.0, 1.0])) * rng.random(shape)
    return DiffusionOperator(np.exp(3 * rng.normal(size=shape)), grid, conditions, reaction), rng


@settings(max_examples=60, deadline=None)
@given(operators())
def test_matrix_free_product_is_the_matrix(drawn):
    A, rng = drawn
    u = rng.normal(size=A.grid.shape)
    matrix = A.to_csr()
    assert matrix.has_canonical_format
    scale = np.abs(A.diagonal).max() * np.abs(u).max()
    np.testing.assert_allclose(A.matvec(u).ravel(), matrix @ u.ravel(), atol=1e-14 * scale)
    np.testing.assert_array_equal(A @ u.ravel(), A.matvec(u).ravel())
    np.testing.assert_allclose(matrix.diagonal(), A.diagonal.ravel(), rtol=1e-14)
    dense = matrix.toarray()
    np.testing.assert_array_equal(dense, dense.T)
    lowest = np.linalg.eigvalsh(dense).min()
    if A.singular:
        assert np.abs(A @ np.ones(A.shape[0])).max() <= 1e-13 * np.abs(dense).max()
        assert lowest >= -1e-13 * np.abs(dense).max()
    else:
        assert lowest > 0


def test_boundary_values_in_three_spellings():
    grid = cells(5, 7, extent=((0.0, 2.0), (0.0, 1.0)))
    a = np.exp(np.random.default_rng(0).normal(size=grid.shape))
    A = DiffusionOperator(a, grid)
    # A constant solves the equation with f = 0.
    np.testing.assert_allclose(A.boundary_source(3.0), 3 * A.matvec(np.ones(grid.shape)), atol=1e-9)
    x, y = grid.axes
    by_function = A.boundary_source(lambda x, y: x + 10 * y)
    by_values = A.boundary_source(((10 * y, 2 + 10 * y), (x, x + 10)))
    np.testing.assert_allclose(by_function, by_values, rtol=1e-14)
    by_sides = A.boundary_source(((lambda x, y: 10 * y, 2 + 10 * y), (x, lambda x, y: x + 10)))
    np.testing.assert_allclose(by_sides, by_values, rtol=1e-14)
    some = A.boundary_source(((None, None), (None, 1.0)))
    assert not some[:, :-1].any()
    np.testing.assert_array_equal(some[:, -1], A.faces[1][:, -1])


def test_a_flux_through_a_neumann_side():
    """u = x: a u_x = a flows in at the left and out at the right."""
    grid = cells(6, 5, extent=((0.0, 3.0), (0.0, 1.0)))
    x, _ = grid.coordinates()
    A = DiffusionOperator(np.full(grid.shape, 7.0), grid, "neumann")
    source = A.boundary_source(((-7.0, 7.0), (0.0, 0.0)))
    np.testing.assert_allclose(A.matvec(x), source, atol=1e-12)
    assert A.singular
    assert not DiffusionOperator(A.a, grid, "neumann", 1.0).singular


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_illegal_coefficient_is_named(value):
    a = np.ones((4, 5))
    a[2, 3] = value
    with pytest.raises(InputError, match=r"at cell \(2, 3\)"):
        DiffusionOperator(a, cells(4, 5))


@pytest.mark.parametrize(
    "grid",
    [
        Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4)),
        Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), periodic=True),
        Grid(((0.0, 1.0),), (4,), centering="cell"),
    ],
)
def test_other_grids_are_refused(grid):
    with pytest.raises(InputError, match="cell-centred"):
        DiffusionOperator(np.ones(grid.shape), grid)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="shape"):
        DiffusionOperator(np.ones((4, 5)), cells(5, 4))
    with pytest.raises(InputError, match="boundary values on axis 0"):
        DiffusionOperator(np.ones((4, 5)), cells(4, 5)).boundary_source(
            ((np.zeros(3), 0.0), (0.0, 0.0))
        )
    with pytest.raises(InputError, match="reaction of shape"):
        DiffusionOperator(np.ones((4, 5)), cells(4, 5), reaction=np.ones(5))
    with pytest.raises(InputError, match="at least 0"):
        DiffusionOperator(np.ones((4, 5)), cells(4, 5), reaction=-1.0)


@pytest.mark.parametrize("conditions", ["robin", ("dirichlet",), (("dirichlet",), "neumann")])
def test_unknown_conditions_are_refused(conditions):
    with pytest.raises(InputError, match="expected 'dirichlet' or 'neumann'"):
        DiffusionOperator(np.ones((4, 5)), cells(4, 5), conditions)


def test_a_complex_field_is_two_real_ones():
    generator = np.random.default_rng(0)
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (5, 4), centering="cell")
    A = DiffusionOperator(np.exp(generator.normal(size=(5, 4))), grid)
    u = generator.normal(size=20) + 1j * generator.normal(size=20)
    np.testing.assert_allclose(A @ u, A.to_csr() @ u, rtol=1e-13)


@pytest.mark.parametrize("conditions", [None, 5, [None, None], [5, 5], ["neumann"], "slip"])
def test_conditions_are_names(conditions):
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), centering="cell")
    with pytest.raises(InputError, match="expected 'dirichlet' or 'neumann'"):
        read_conditions(conditions, grid)


@pytest.mark.parametrize("boundary", [[1], [[1, 2]], [None, None], "x", 1j, [[0, "a"], [0, 0]]])
def test_boundary_values_are_numbers_for_each_side(boundary):
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), centering="cell")
    with pytest.raises(InputError, match="expected boundary values"):
        DiffusionOperator(np.ones((4, 4)), grid).boundary_source(boundary)


@pytest.mark.parametrize("bad", ["a", None, np.full((4, 4), 1j), [[1], [1, 2]]])
def test_coefficients_and_reactions_are_real_numbers(bad):
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), centering="cell")
    with pytest.raises(InputError, match="array of real numbers"):
        DiffusionOperator(bad, grid)
    with pytest.raises(InputError, match="array of real numbers"):
        DiffusionOperator(np.ones((4, 4)), grid, reaction=bad)
    with pytest.raises(InputError, match="array of real numbers"):
        solve_diffusion(bad, 1.0, grid)
    with pytest.raises(InputError, match="array of real numbers"):
        solve_diffusion(np.ones((1, 4, 4)), bad, grid)
    with pytest.raises(InputError, match="cell-centred grid"):
        DiffusionOperator(np.ones((4, 4)), bad)
