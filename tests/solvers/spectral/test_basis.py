"""Fourier symbols against exact derivatives, and de-aliasing against exact products."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.spectral import FourierBasis


def basis(*shape):
    extent = tuple((0.5 * axis, 0.5 * axis + 1 + axis) for axis in range(len(shape)))
    return FourierBasis(Grid(extent, shape, periodic=True))


@pytest.mark.parametrize("shape", [(16,), (15,), (12, 18), (9, 14, 10)])
def test_symbols_differentiate(shape):
    space = basis(*shape)
    points = space.grid.coordinates()
    k = [2 * np.pi * (1 + axis) / (1 + axis) for axis in range(len(shape))]
    phase = sum(k_axis * x for k_axis, x in zip(k, points, strict=True)) + 0.4
    u = np.sin(phase)
    u_hat = space.forward(u)
    assert u_hat.shape == space.shape
    for axis in range(len(shape)):
        slope = space.inverse(space.derivative(axis) * u_hat)
        np.testing.assert_allclose(slope, k[axis] * np.cos(phase), atol=1e-11)
    laplacian = space.inverse(space.laplacian * u_hat)
    np.testing.assert_allclose(laplacian, -np.dot(k, k) * u, atol=1e-9)


def test_the_nyquist_mode_has_no_derivative():
    space = basis(8)
    u_hat = space.forward(np.array([1.0, -1.0] * 4))
    assert not (space.derivative(0) * u_hat).any()
    assert space.laplacian[-1] == -((2 * np.pi * 4) ** 2)


@pytest.mark.parametrize("n", [12, 13, 14, 15, 16])
def test_the_kept_modes_of_a_product_are_exact(n):
    space, fine = basis(n), basis(4 * n)
    rng = np.random.default_rng(n)
    u_hat = (rng.normal(size=space.shape) + 1j * rng.normal(size=space.shape)) * space.resolved
    u_hat[0] = u_hat[0].real
    fine_hat = np.zeros(fine.shape, dtype=complex)
    fine_hat[: len(u_hat)] = 4 * u_hat
    product = space.forward(space.inverse(u_hat) ** 2) * space.resolved
    exact = fine.forward(fine.inverse(fine_hat) ** 2)[: len(u_hat)] / 4 * space.resolved
    np.testing.assert_allclose(product, exact, atol=1e-12 * np.abs(exact).max())
    assert space.resolved.sum() == (n - 1) // 3 + 1


def test_other_grids_are_refused():
    with pytest.raises(InputError, match="periodic"):
        FourierBasis(Grid(((0.0, 1.0),), (8,)))
