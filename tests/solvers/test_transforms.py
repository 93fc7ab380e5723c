"""Fast transforms against dense matrices that are built from the differences themselves."""

import itertools
from functools import reduce

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.krylov.cg import cg
from sobolev.solvers.transforms import FastTransform

D, N = "dirichlet", "neumann"
KINDS = [(c, e) for c in ("cell", "vertex") for e in ((D, D), (N, N), (D, N), (N, D))]
KINDS += [("cell", "periodic"), ("vertex", "periodic")]


def second_difference(centering, ends, n, h):
    """-d^2/dx^2 by ghost points, on the unknowns of one axis."""
    A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    if ends == "periodic":
        return (2 * np.eye(n) - np.roll(np.eye(n), 1, 0) - np.roll(np.eye(n), -1, 0)) / h**2
    for place, inner, end in ((0, 1, ends[0]), (n - 1, n - 2, ends[1])):
        if centering == "cell":  # the ghost is the mirror image, with or without a change of sign
            A[place, place] += 1 if end == D else -1
        elif end == N:
            A[place, inner] = -2
    kept = slice(None)
    if centering == "vertex":
        kept = slice(1 if ends[0] == D else 0, n - 1 if ends[1] == D else n)
    return A[kept, kept] / h**2


def dense(kinds, grid, sigma, nu):
    parts = [
        second_difference(kind[0], kind[1], n, h)
        for kind, n, h in zip(kinds, grid.shape, grid.spacing, strict=True)
    ]
    total = sigma * np.eye(int(np.prod([len(part) for part in parts])))
    for d, part in enumerate(parts):
        factors = [part if e == d else np.eye(len(other)) for e, other in enumerate(parts)]
        total = total + nu * reduce(np.kron, factors)
    return total


def make(kinds, shape, sigma=0.0, nu=1.0, **options):
    extent = tuple((0.0, 1.0 + 0.3 * d) for d in range(len(shape)))
    periodic = tuple(kind[1] == "periodic" for kind in kinds)
    grid = Grid(extent, shape, periodic, kinds[0][0])
    boundary = [D if kind[1] == "periodic" else kind[1] for kind in kinds]
    return grid, FastTransform(grid, sigma, nu, boundary, **options)


def check(kinds, shape, sigma, nu):
    """The solution satisfies the dense equations, and has mean zero where only that is missing."""
    grid, solver = make(kinds, shape, sigma, nu)
    A = dense(kinds, grid, sigma, nu)
    assert solver.shape == A.shape
    f = np.random.default_rng(0).standard_normal((2, *solver.unknowns))
    if solver.singular:
        assert np.linalg.matrix_rank(A) == len(A) - 1
        f = (A @ f.reshape(2, -1).T).T.reshape(f.shape)
    u = solver.solve(f)
    np.testing.assert_allclose((A @ u.reshape(2, -1).T).T, f.reshape(2, -1), atol=1e-9)
    if solver.singular:
        assert np.abs(np.sum(u * grid.weights, axis=tuple(range(1, u.ndim)))).max() < 1e-13
    else:
        np.testing.assert_array_equal(solver @ f[1].ravel(), u[1].ravel())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sigma", [0.0, 2.5])
def test_one_axis_of_every_kind(kind, sigma):
    check([kind], (9,), sigma, 1.3)


@pytest.mark.parametrize("centering", ["cell", "vertex"])
@pytest.mark.parametrize("sigma", [0.0, 2.5, -7.7])  # the last is indefinite: no sweep
def test_two_axes_of_every_combination(centering, sigma):
    ends = [kind for kind in KINDS if kind[0] == centering]
    for kinds in itertools.product(ends, repeat=2):
        check(kinds, (7, 8), sigma, 0.7)


@pytest.mark.parametrize("centering", ["cell", "vertex"])
def test_three_axes(centering):
    ends = [D, (N, N), (D, N), "periodic"]
    both = {D: (D, D)}
    for kinds in itertools.product([(centering, both.get(e, e)) for e in ends], repeat=3):
        check(kinds, (4, 5, 6), 0.0, 1.0)


@pytest.mark.parametrize("shape", [(37, 20), (20, 37), (67, 67)])
def test_lengths_with_large_primes_go_through_matrix_products(shape):
    check([("cell", (D, D)), ("cell", (N, D))], shape, 0.0, 1.0)


def test_complex_values_and_leading_axes():
    _, solver = make([("cell", (D, D)), ("cell", "periodic")], (6, 8))
    f = np.random.default_rng(1).standard_normal((2, 3, 2, 6, 8))
    both = solver.solve(f[0] + 1j * f[1])
    np.testing.assert_allclose(both, solver.solve(f[0]) + 1j * solver.solve(f[1]), atol=1e-13)
    kept = f.copy()
    solver.solve(f)
    np.testing.assert_array_equal(f, kept)


@pytest.mark.parametrize("kind", KINDS)
def test_spectral_eigenvalues_differentiate_exactly(kind):
    grid, solver = make([kind], (16,), sigma=1.0, nu=2.0, eigenvalues="spectral")
    wave = {D + D: (np.sin, 3), N + N: (np.cos, 3), D + N: (np.sin, 2.5), N + D: (np.cos, 2.5)}
    function, number = wave.get("".join(kind[1]), (np.sin, 4))
    u = function(number * np.pi * grid.axes[0])
    kept = slice(
        kind == ("vertex", (D, D)) or kind == ("vertex", (D, N)),
        15 if kind[0] == "vertex" and kind[1] in ((D, D), (N, D)) else 16,
    )
    f = (1 + 2 * (number * np.pi) ** 2) * u[kept]
    np.testing.assert_allclose(solver.solve(f), u[kept], atol=1e-12)


def test_the_order_of_the_stencil_is_two():
    sizes, errors = (16, 32, 64, 128), []
    for n in sizes:
        grid = Grid(((0.0, 1.0), (0.0, 2.0)), (n, n), centering="cell")
        x, y = grid.coordinates()
        exact = np.sin(2 * np.pi * x) * np.cos(np.pi * y)
        solver = FastTransform(grid, 3.0, boundary=(D, N))
        errors.append(np.abs(solver.solve((3 + 5 * np.pi**2) * exact) - exact).max())
    assert abs(-np.polyfit(np.log(sizes), np.log(errors), 1)[0] - 2) < 0.2


def test_it_preconditions_a_matrix_that_is_near():
    kinds = [("cell", (D, D)), ("cell", (D, D))]
    grid, solver = make(kinds, (16, 16))
    A = dense(kinds, grid, 0.0, 1.0) + np.diag(np.random.default_rng(2).uniform(0, 5, 256))
    b = np.ones(256)
    plain, helped = cg(A, b), cg(A, b, M=solver)
    assert helped.converged
    assert helped.iterations < plain.iterations / 3


def test_what_is_refused():
    grid = Grid(((0.0, 1.0),) * 2, (8, 8), centering="cell")
    with pytest.raises(InputError, match=r"expected ends .* got 'robin'"):
        FastTransform(grid, boundary="robin")
    with pytest.raises(InputError, match="for each of 2 axes"):
        FastTransform(grid, boundary=(D, D, D))
    with pytest.raises(InputError, match="finite sigma and nu"):
        FastTransform(grid, sigma=np.nan)
    with pytest.raises(InputError, match="eigenvalues"):
        FastTransform(grid, eigenvalues="exact")
    with pytest.raises(InputError, match="expected values of shape"):
        FastTransform(grid).solve(np.ones((7, 8)))
    with pytest.raises(InputError, match="unknowns on axis 0"):
        FastTransform(Grid(((0.0, 1.0),), (2,)))
    box = Grid(((0.0, 1.0),) * 4, (4,) * 4, names=("x", "y", "z", "w"))
    with pytest.raises(InputError, match="one to three axes"):
        FastTransform(box)


@pytest.mark.parametrize("options", [{"sigma": "a"}, {"nu": None}, {"boundary": None}])
def test_what_is_no_number_or_no_end_is_refused(options):
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), centering="cell")
    with pytest.raises(InputError, match="expected"):
        FastTransform(grid, **options)
    with pytest.raises(InputError, match="expected a grid"):
        FastTransform(None, **options)
    with pytest.raises(InputError, match="vector of length 16"):
        FastTransform(grid) @ np.ones(3)
