"""Gaussian fields: exact covariance, the same function on every grid, unit variance."""

import itertools

import numpy as np
import pytest

from sobolev.datasets.random_fields import GaussianField
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid

BOUNDARIES = ("neumann", "dirichlet", "periodic")
CENTERINGS = ("vertex", "cell")


def linear_map(field, grid):
    """Matrix (points, coefficients) of `evaluate`, column by column."""
    size = int(np.prod(field.coefficient_shape))
    units = np.eye(size).reshape(size, *field.coefficient_shape)
    return np.stack([field.evaluate(unit, grid).ravel() for unit in units], axis=1)


def direct_covariance(field, points):
    """The Karhunen-Loeve sum at points (m, d), written with signed or unsigned wave numbers."""
    covariance = np.zeros((len(points), len(points)), dtype=complex)
    lengths = np.array([right - left for left, right in field.extent])
    z = (points - np.array(field.extent)[:, 0]) / lengths
    first, last = {
        "neumann": (0, field.modes - 1),
        "dirichlet": (1, field.modes),
        "periodic": (1 - field.modes, field.modes - 1),
    }[field.boundary]
    for k in itertools.product(range(first, last + 1), repeat=len(lengths)):
        if not any(k) and not field.constant_mode:
            continue
        k = np.array(k)
        turn = 2 * np.pi if field.boundary == "periodic" else np.pi
        variance = field.scale**2 * (np.sum((turn * k / lengths) ** 2) + field.tau**2) ** (
            -field.alpha
        )
        if field.boundary == "periodic":
            phi = np.prod(np.exp(2j * np.pi * k * z) / np.sqrt(lengths), axis=1)
        else:
            wave = np.cos if field.boundary == "neumann" else np.sin
            norm = np.sqrt(np.where(k == 0, 1.0, 2.0) / lengths)
            phi = np.prod(norm * wave(np.pi * k * z), axis=1)
        covariance += variance * np.outer(phi, phi.conj())
    return covariance


# Modes below, at and far above what the grid can carry, so that every way of folding occurs.
@pytest.mark.parametrize("modes", (3, 8, 9, 40))
@pytest.mark.parametrize("n", (8, 9))
@pytest.mark.parametrize("centering", CENTERINGS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_covariance_in_one_dimension(boundary, centering, n, modes):
    field = GaussianField(((-1.0, 2.0),), 1.3, 2.0, 0.7, boundary, modes)
    grid = Grid(field.extent, (n,), boundary == "periodic", centering)
    matrix = linear_map(field, grid)
    exact = direct_covariance(field, grid.coordinates().reshape(1, -1).T)
    np.testing.assert_allclose(matrix @ matrix.T, exact, rtol=0, atol=2e-14)


@pytest.mark.parametrize("constant_mode", (True, False))
@pytest.mark.parametrize("centering", CENTERINGS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_covariance_in_two_dimensions(boundary, centering, constant_mode):
    extent = ((0.0, 1.0), (0.5, 2.5))
    field = GaussianField(extent, 2.0, 1.5, 3.0, boundary, 9, constant_mode=constant_mode)
    grid = Grid(extent, (6, 7), boundary == "periodic", centering)
    matrix = linear_map(field, grid)
    exact = direct_covariance(field, grid.coordinates().reshape(2, -1).T)
    np.testing.assert_allclose(matrix @ matrix.T, exact, rtol=0, atol=2e-13)


def closed_form_covariance(x, y, length, tau, boundary):
    """Kernel of (-d^2/dx^2 + tau^2)^-2 as -dG/d(tau^2) of the Green's function G, x >= y.

    The derivative is taken by a complex step, exact to rounding.
    """
    step = 1e-30
    t = tau + 1j * step
    if boundary == "periodic":
        green = np.cosh(t * (length / 2 - (x - y))) / (2 * t * np.sinh(t * length / 2))
    elif boundary == "neumann":
        green = np.cosh(t * y) * np.cosh(t * (length - x)) / (t * np.sinh(t * length))
    else:
        green = np.sinh(t * y) * np.sinh(t * (length - x)) / (t * np.sinh(t * length))
    return -green.imag / step / (2 * tau)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_law_is_the_inverse_operator_squared(boundary):
    """Against the closed form: what is left is the tail sum_{k >= modes} (2/L) (pi k/L)^-4."""
    length, tau, modes = 1.5, 3.0, 600
    field = GaussianField(((0.0, length),), 2.0, tau, 1.0, boundary, modes)
    tail = 2 * length**3 / np.pi**4 / 3 / (modes - 1) ** 3
    grid = Grid(field.extent, (12,), boundary == "periodic", "cell")
    matrix = linear_map(field, grid)
    x = grid.axes[0]
    high, low = np.maximum.outer(x, x), np.minimum.outer(x, x)
    exact = closed_form_covariance(high, low, length, tau, boundary)
    np.testing.assert_allclose(matrix @ matrix.T, exact, rtol=0, atol=tail)


@pytest.mark.parametrize("dimension", (1, 2))
@pytest.mark.parametrize("centering", CENTERINGS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_two_resolutions_show_the_same_function(boundary, centering, dimension):
    field = GaussianField(((0.0, 1.0),) * dimension, 2.0, 3.0, boundary=boundary, modes=33)
    coefficients = field.draw(np.random.default_rng(0))
    periodic = boundary == "periodic"
    # Thirds of a cell keep their centres, halves of a vertex spacing keep their nodes.
    ratio = 3 if centering == "cell" else 2
    n = 10
    fine_n = ratio * n if centering == "cell" or periodic else ratio * (n - 1) + 1
    start = 1 if centering == "cell" else 0
    coarse = Grid(field.extent, (n,) * dimension, periodic, centering)
    fine = Grid(field.extent, (fine_n,) * dimension, periodic, centering)
    common = (slice(start, None, ratio),) * dimension
    np.testing.assert_allclose(
        field.evaluate(coefficients, fine)[common],
        field.evaluate(coefficients, coarse),
        rtol=0,
        atol=1e-13,
    )


@pytest.mark.parametrize("centering", CENTERINGS)
def test_periodic_field_on_a_grid_with_both_ends(centering):
    field = GaussianField(((0.0, 2.0),), 2.0, 3.0, boundary="periodic", modes=20)
    coefficients = field.draw(np.random.default_rng(1))
    values = field.evaluate(coefficients, Grid(field.extent, (9,), False, centering))
    n = 8 if centering == "vertex" else 9
    wrapped = field.evaluate(coefficients, Grid(field.extent, (n,), True, centering))
    np.testing.assert_allclose(values[:n], wrapped, rtol=0, atol=1e-15)
    assert centering == "cell" or values[-1] == values[0]


def test_draws_are_standard_normal():
    """Monte Carlo over 400 draws of 17^2 modes: mean and variance within five standard errors."""
    field = GaussianField(((0.0, 1.0),) * 2, 2.0, 3.0, modes=17)
    generator = np.random.default_rng(2)
    draws = np.stack([field.draw(generator) for _ in range(400)])
    assert draws.shape == (400, 17, 17)
    assert abs(draws.mean()) < 5 / np.sqrt(draws.size)
    assert abs(draws.var() - 1) < 5 * np.sqrt(2 / draws.size)
    across = draws.var(axis=0)
    assert np.all(np.abs(across - 1) < 6 * np.sqrt(2 / 400))


def test_published_generators_drop_the_mean():
    field = GaussianField(((0.0, 1.0),) * 2, 2.0, 3.0, modes=8, constant_mode=False)
    grid = Grid(field.extent, (16, 16), False, "cell")
    values = field.evaluate(field.draw(np.random.default_rng(3)), grid)
    assert abs(values.mean()) < 1e-15 < values.std()


@pytest.mark.parametrize(
    "change, words",
    (
        ({"modes": 0}, "modes > 0"),
        ({"alpha": float("nan")}, "alpha > 0"),
        ({"tau": -1.0}, "tau >= 0"),
        ({"tau": 0.0}, "constant_mode=False"),
        ({"boundary": "robin"}, "boundary in"),
        ({"extent": ((1.0, 0.0),)}, "left < right"),
    ),
)
def test_illegal_laws_are_refused(change, words):
    options = {"extent": ((0.0, 1.0),), "alpha": 2.0, "tau": 1.0} | change
    with pytest.raises(InputError, match=words):
        GaussianField(**options)


def test_illegal_grids_and_coefficients_are_refused():
    field = GaussianField(((0.0, 1.0),), 2.0, 1.0, modes=4)
    grid = Grid(((0.0, 1.0),), (8,), False, "cell")
    with pytest.raises(InputError, match="coefficients of shape"):
        field.evaluate(np.zeros(5), grid)
    with pytest.raises(InputError, match="same extent"):
        field.evaluate(np.zeros(4), Grid(((0.0, 2.0),), (8,), False, "cell"))
    with pytest.raises(InputError, match="periodic field"):
        field.evaluate(np.zeros(4), Grid(((0.0, 1.0),), (8,), True))
