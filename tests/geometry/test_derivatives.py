from fractions import Fraction

import numpy as np
import pytest
import torch

from sobolev.geometry.derivatives import compact_second, derivative, difference_weights, gradient
from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid

GRIDS = [(centering, periodic) for centering in ("vertex", "cell") for periodic in (True, False)]


def wave(x, order, periodic):
    """A function without symmetry at the ends, and its derivatives."""
    if not periodic:
        return np.exp(x) + 5.0**order * np.cos(5 * x + 1 + order * np.pi / 2)
    parts = [(1.0, 0.3), (0.25, 1.1)]
    k = 2 * np.pi * np.arange(1, 3)
    return sum(
        a * k_i**order * np.cos(k_i * x + b + order * np.pi / 2)
        for (a, b), k_i in zip(parts, k, strict=True)
    )


def fitted(errors, spacings):
    return np.polyfit(np.log(spacings), np.log(errors), 1)[0]


@pytest.mark.parametrize("centering, periodic", GRIDS)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("scheme, accuracy", [("fd2", 2), ("fd4", 4)])
def test_differences_converge_with_their_order(scheme, accuracy, order, centering, periodic):
    everywhere, middle, spacings = [], [], []
    for n in (64, 80, 96, 128):
        grid = Grid(((0.0, 1.0),), (n,), periodic, centering)
        x = grid.axes[0]
        difference = derivative(wave(x, 0, periodic), grid, (order,), scheme)
        error = np.abs(difference - wave(x, order, periodic))
        everywhere.append(error.max())
        middle.append(error[np.abs(x - 0.5) < 0.25].max())
        spacings.append(grid.spacing[0])
    assert fitted(everywhere, spacings) == pytest.approx(accuracy, abs=0.2)
    assert fitted(middle, spacings) == pytest.approx(accuracy, abs=0.2)


@pytest.mark.parametrize("order", range(1, 7))
@pytest.mark.parametrize("n", [16, 17])
@pytest.mark.parametrize("centering", ["vertex", "cell"])
def test_spectral_derivatives_reach_rounding(order, n, centering):
    grid = Grid(((0.5, 1.5),), (n,), True, centering)
    x = grid.axes[0]
    expected = wave(x, order, True)
    result = derivative(wave(x, 0, True), grid, (order,), "spectral")
    # rounding of the highest mode is amplified by its wave number to the order
    allowed = 20 * np.finfo(float).eps * (np.pi * n) ** order
    assert np.abs(result - expected).max() < allowed


def test_nyquist_mode_has_no_odd_derivative_and_the_cosine_s_even_one():
    grid = Grid(((0.0, 2 * np.pi),), (8,), True)
    nyquist = np.cos(4 * grid.axes[0])
    for values in (nyquist, nyquist.astype(complex)):
        assert np.abs(derivative(values, grid, (1,), "spectral")).max() < 1e-14
        second = derivative(values, grid, (2,), "spectral")
        np.testing.assert_allclose(second, -16 * nyquist, atol=1e-13)


def test_complex_values_differentiate_as_their_parts():
    grid = Grid(((0.0, 1.0),), (12,), True)
    real, imag = np.random.default_rng(0).standard_normal((2, 12))
    for scheme in ("fd2", "fd4", "spectral"):
        whole = derivative(real + 1j * imag, grid, (3,), scheme)
        np.testing.assert_allclose(whole.real, derivative(real, grid, (3,), scheme), rtol=1e-10)
        np.testing.assert_allclose(whole.imag, derivative(imag, grid, (3,), scheme), rtol=1e-10)


@pytest.mark.parametrize("scheme", ["fd2", "fd4"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_differences_are_exact_on_polynomials_of_the_order(scheme, order):
    degree = order + int(scheme[-1]) - 1
    grid = Grid(((-1.0, 1.0), (0.0, 3.0)), (9, 10))
    x, y = grid.coordinates()
    u = np.polynomial.Polynomial(np.arange(1, degree + 2))
    result = derivative(u(x) * y, grid, (order, 1), scheme)
    expected = u.deriv(order)(x)
    np.testing.assert_allclose(result, expected, atol=1e-11 * np.abs(expected).max())


def test_axes_are_not_mixed_up():
    grid = Grid(((0, 1), (0, 2 * np.pi)), (9, 16), (False, True))
    x, y = grid.coordinates()
    u = np.stack([x**2 * np.sin(y), x + 0 * y])
    u_x = derivative(u, grid, (1, 0), "fd2")
    u_y = derivative(u, grid, (0, 1), "spectral")
    np.testing.assert_allclose(u_x, [2 * x * np.sin(y), np.ones_like(x)], atol=1e-13)
    np.testing.assert_allclose(u_y, [x**2 * np.cos(y), np.zeros_like(x)], atol=1e-13)
    np.testing.assert_array_equal(gradient(u, grid)[0], u_x)


@pytest.mark.parametrize("scheme", ["fd2", "fd4", "spectral"])
@pytest.mark.parametrize("order", [1, 3])
def test_constants_have_exactly_zero_derivatives(scheme, order):
    grid = Grid(((0, 1),), (16,), True)
    assert not derivative(np.full(16, 0.1), grid, (order,), scheme).any()


def test_weights_solve_the_moment_equations_exactly():
    offsets = (-1, 0, 1, 2, 3, 4)
    for order in range(5):
        weights = [Fraction(w).limit_denominator(10**6) for w in difference_weights(offsets, order)]
        for power in range(len(offsets)):
            moment = sum(w * offset**power for w, offset in zip(weights, offsets, strict=True))
            factorial = int(np.prod(np.arange(1, order + 1)))
            assert moment == (factorial if power == order else 0)


@pytest.mark.parametrize("periodic", [True, False])
def test_compact_second_has_order_two(periodic):
    errors, spacings = [], []
    for n in (128, 192, 256, 384):
        grid = Grid(((0.0, 1.0),), (n,), periodic)
        x = grid.axes[0]
        k = 2 * np.pi if periodic else 2.0
        a, a_x = 2 + np.sin(k * x + 0.4), k * np.cos(k * x + 0.4)
        u_x, u_xx = k * np.cos(k * x), -k * k * np.sin(k * x)
        result = compact_second(a, np.sin(k * x), grid, 0)
        errors.append(np.abs(result - a * u_xx - a_x * u_x).max())
        spacings.append(grid.spacing[0])
    assert fitted(errors, spacings) == pytest.approx(2, abs=0.2)


def test_compact_second_of_a_constant_coefficient_is_the_difference():
    grid = Grid(((0, 1), (0, 1)), (8, 7), (True, False), "cell")
    u = np.random.default_rng(1).standard_normal((3, 8, 7))
    result = compact_second(np.full((8, 7), 3.0), u, grid, 0)
    np.testing.assert_allclose(result, 3 * derivative(u, grid, (2, 0)), rtol=1e-12, atol=1e-10)
    inner = compact_second(np.full((8, 7), 3.0), u, grid, 1)[..., 1:-1]
    np.testing.assert_allclose(inner, 3 * derivative(u, grid, (0, 2))[..., 1:-1], atol=1e-10)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("scheme", ["fd2", "fd4", "spectral"])
def test_torch_agrees_with_numpy_and_has_right_gradients(scheme, periodic):
    if scheme == "spectral" and not periodic:
        return
    grid = Grid(((0, 1), (0, 2)), (8, 9), periodic, "cell")
    u = np.random.default_rng(2).standard_normal((2, 8, 9))
    tensor = torch.tensor(u, requires_grad=True)
    expected = derivative(u, grid, (1, 2), scheme)
    result = derivative(tensor, grid, (1, 2), scheme)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(result.detach().numpy(), expected, atol=1e-13 * scale)
    assert torch.autograd.gradcheck(lambda v: derivative(v, grid, (1, 2), scheme) / 100, tensor)
    single = derivative(tensor.detach().float(), grid, (1, 2), scheme)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), expected, atol=1e-5 * scale)


def test_compact_second_has_right_gradients():
    grid = Grid(((0, 1),), (6,))
    a, u = torch.rand(2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    arguments = (a.requires_grad_(), u.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, u: compact_second(a, u, grid, 0) / 100, arguments)


def test_a_constant_first_built_in_inference_mode_serves_training():
    grid = Grid(((0, 1.2345),), (11,))
    with torch.inference_mode():
        derivative(torch.ones(11), grid, (1,), "fd4")
    u = torch.ones(11, requires_grad=True)
    derivative(u, grid, (1,), "fd4").square().sum().backward()
    assert torch.isfinite(u.grad).all()


@pytest.mark.parametrize(
    "shape, periodic, orders, scheme",
    [
        ((8,), False, (1,), "spectral"),
        ((8,), True, (1,), "fd6"),
        ((8,), True, (5,), "fd2"),
        ((8,), True, (-1,), "fd2"),
        ((8,), True, (1, 0), "fd2"),
        ((7,), False, (4,), "fd4"),
        ((6,), True, (3,), "fd4"),
    ],
)
def test_what_cannot_be_differentiated_is_refused(shape, periodic, orders, scheme):
    grid = Grid(((0, 1),), shape, periodic)
    with pytest.raises(InputError, match="expected"):
        derivative(np.zeros(shape), grid, orders, scheme)


def test_values_of_another_shape_are_refused():
    with pytest.raises(InputError, match="shape"):
        derivative(np.zeros((8, 3)), Grid(((0, 1),), (8,)), (1,))
