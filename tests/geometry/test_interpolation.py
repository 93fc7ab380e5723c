import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.geometry.interpolation import interpolate

RANDOM = np.random.default_rng(0)


def series(values, grid, x):
    """The trigonometric interpolant from its definition, mode by mode."""
    n = grid.shape[0]
    coefficients = np.fft.fft(values) / n
    result = np.zeros(len(x))
    for coefficient, mode in zip(coefficients, np.fft.fftfreq(n, 1 / n), strict=True):
        phase = 2 * np.pi * mode * (x - grid.axes[0][0]) / grid.lengths[0]
        nyquist = 2 * abs(mode) == n
        basis = np.cos(phase) if nyquist else np.exp(1j * phase)
        result += (coefficient * basis).real
    return result


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 12),
    m=st.integers(1, 30),
    source=st.sampled_from(["vertex", "cell"]),
    target=st.sampled_from(["vertex", "cell"]),
    seed=st.integers(0, 1000),
)
def test_periodic_axes_are_exact(n, m, source, target, seed):
    grid = Grid(((1.0, 3.5),), (n,), True, source)
    values = np.random.default_rng(seed).standard_normal(n)
    circle = Grid(grid.extent, (m,), True, target)
    part = Grid(((1.2, 2.0),), (max(m, 2),), False, target)
    far = np.random.default_rng(seed).uniform(-10, 10, m)
    for place in (circle, part):
        expected = series(values, grid, place.axes[0])
        np.testing.assert_allclose(interpolate(values, grid, place), expected, atol=1e-12)
    result = interpolate(values, grid, far[:, None])
    np.testing.assert_allclose(result, series(values, grid, far), atol=1e-12)


def test_grid_points_give_the_values_back():
    for periodic in (True, False, (True, False)):
        for centering in ("vertex", "cell"):
            grid = Grid(((0, 1), (0, 2)), (8, 7), periodic, centering)
            values = RANDOM.standard_normal((3, 8, 7))
            assert np.array_equal(interpolate(values, grid, grid), values)
            points = grid.coordinates().reshape(2, -1).T
            back = interpolate(values, grid, points).reshape(values.shape)
            np.testing.assert_allclose(back, values, atol=1e-13)


@pytest.mark.parametrize("centering", ["vertex", "cell"])
@pytest.mark.parametrize("to_points", [True, False])
def test_splines_have_order_four(centering, to_points):
    errors, spacings = [], []
    for n in (24, 32, 48, 64):
        grid = Grid(((0, 1), (0, 1)), (n, n), False, centering)
        x, y = grid.coordinates()
        # the same places within the cells of every grid, the ends of the domain among them
        target = Grid(grid.extent, (4 * (n if centering == "cell" else n - 1) + 1,) * 2)
        X, Y = target.coordinates()
        place = np.stack([X.ravel(), Y.ravel()], 1) if to_points else target
        result = interpolate(np.sin(4 * x + 1) * np.exp(y), grid, place).reshape(target.shape)
        errors.append(np.abs(result - np.sin(4 * X + 1) * np.exp(Y)).max())
        spacings.append(grid.spacing[0])
    order = np.polyfit(np.log(spacings), np.log(errors), 1)[0]
    assert order == pytest.approx(4, abs=0.2)


@pytest.mark.parametrize("centering", ["vertex", "cell"])
def test_splines_are_exact_on_cubics_up_to_the_boundary(centering):
    grid = Grid(((0, 1), (-1, 1)), (4, 6), False, centering)
    x, y = grid.coordinates()
    target = Grid(grid.extent, (7, 5))
    X, Y = target.coordinates()
    result = interpolate(x**3 - x * y**2 + 2 * y**3, grid, target)
    np.testing.assert_allclose(result, X**3 - X * Y**2 + 2 * Y**3, atol=1e-13)


@pytest.mark.parametrize("periodic", [(True, False), (False, True), (True, True), (False, False)])
def test_mixed_axes_and_leading_ones(periodic):
    def three(grid):
        """Functions that the interpolant holds exactly, (3, 1, *grid.shape)."""
        x, y = (
            np.sin(2 * np.pi * c) if wraps else c**3
            for c, wraps in zip(grid.coordinates(), periodic, strict=True)
        )
        return np.stack([x * y, x + y, x - 2 * y])[:, None]

    grid = Grid(((0, 1), (0, 1)), (12, 11), periodic, "cell")
    target = Grid(grid.extent, (5, 9))
    result = interpolate(three(grid), grid, target)
    np.testing.assert_allclose(result, three(target), atol=1e-13)
    result = interpolate(three(grid), grid, target.coordinates().reshape(2, -1).T)
    np.testing.assert_allclose(result, three(target).reshape(3, 1, -1), atol=1e-13)


def test_many_points_are_cut_into_chunks(monkeypatch):
    grid = Grid(((0, 1), (0, 1)), (6, 6), (True, False))
    values, points = RANDOM.standard_normal((2, 6, 6)), RANDOM.random((50, 2))
    whole = interpolate(values, grid, points)
    monkeypatch.setattr("sobolev.geometry.interpolation.CHUNK", 40)
    np.testing.assert_allclose(interpolate(values, grid, points), whole, rtol=1e-12)


def test_three_dimensions():
    grid = Grid(((0, 1),) * 3, (6, 8, 5), (False, True, False))
    x, y, z = grid.coordinates()
    points = RANDOM.random((20, 3))
    X, Y, Z = points.T
    result = interpolate(x**2 * np.cos(2 * np.pi * y) + z, grid, points)
    np.testing.assert_allclose(result, X**2 * np.cos(2 * np.pi * Y) + Z, atol=1e-13)


def test_kinds_of_numbers():
    grid = Grid(((0, 1),), (8,), True)
    wave = np.exp(2j * np.pi * grid.axes[0])
    at = np.array([[0.2], [0.9]])
    np.testing.assert_allclose(interpolate(wave, grid, at), np.exp(2j * np.pi * at[:, 0]))
    tensor = torch.tensor(wave.real, dtype=torch.float32)
    result = interpolate(tensor, grid, at)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, np.cos(2 * np.pi * at[:, 0]), atol=1e-6)
    with pytest.raises(InputError, match="detach"):
        interpolate(tensor.requires_grad_(), grid, at)


@pytest.mark.parametrize(
    "shape, target",
    [
        ((8,), [[1.01]]),
        ((8,), [[-0.01]]),
        ((8,), [[np.nan]]),
        ((8,), [0.5]),
        ((8,), [[0.5, 0.5]]),
        ((8,), Grid(((0, 2),), (4,))),
        ((8,), Grid(((0, 1), (0, 1)), (4, 4))),
        ((3,), [[0.5]]),
    ],
)
def test_what_cannot_be_interpolated_is_refused(shape, target):
    with pytest.raises(InputError, match="expected"):
        interpolate(np.zeros(shape), Grid(((0, 1),), shape), target)


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="finite"):
        interpolate([0, 1, np.nan, 3], Grid(((0, 1),), (4,)), [[0.5]])
