"""The Helmholtz operator: its matrix, its order, and waves that leave through the layer."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import eigsh, spsolve
from scipy.special import hankel1

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.solvers.helmholtz import AbsorbingLayer, HelmholtzOperator


def square(n, m=None):
    return Grid(((0.0, 1.0), (0.0, 1.0)), (n, m or n), centering="cell")


@settings(max_examples=20, deadline=None)
@given(
    st.integers(2, 12),
    st.integers(2, 12),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_the_product_is_that_of_the_matrix(n0, n1, absorbing, complex_values, seed):
    generator = np.random.default_rng(seed)
    grid = Grid(((0.0, 1.0), (-1.0, 2.0)), (n0, n1), centering="cell")
    layer = AbsorbingLayer(0.4, 5.0) if absorbing else None
    A = HelmholtzOperator(generator.uniform(-10, 90, (n0, n1)), grid, layer)
    matrix = A.to_csr()
    assert matrix.has_sorted_indices
    assert matrix.dtype == A.dtype == (np.complex128 if absorbing else np.float64)
    u = generator.standard_normal(A.shape[0])
    if complex_values:
        u = u + 1j * generator.standard_normal(u.size)
    scale = abs(matrix).max()
    np.testing.assert_allclose(A @ u, matrix @ u, atol=1e-13 * scale)
    np.testing.assert_array_equal((A @ u.reshape(n0, n1)).ravel(), A @ u)
    np.testing.assert_allclose(A.diagonal.ravel(), matrix.diagonal(), atol=1e-13 * scale)
    if not absorbing:
        assert abs(matrix - matrix.T).max() == 0


def test_sines_are_eigenvectors_and_k2_shifts_them():
    A = HelmholtzOperator(30.0, square(16)).to_csr()
    one = (2 * 16 * np.sin(np.pi * np.arange(1, 17) / 32)) ** 2
    expected = np.sort(np.add.outer(one, one).ravel() - 30.0)[:6]
    np.testing.assert_allclose(np.sort(eigsh(A, 6, sigma=-20.0)[0]), expected, rtol=1e-9)


def test_the_order_is_two():
    """u = sin sin exp, k^2 = 100 + 60 sin(x + 2y): the source by hand."""
    sizes, errors = (32, 64, 128, 256), []
    for n in sizes:
        x, y = square(n).coordinates()
        k2 = 100 + 60 * np.sin(x + 2 * y)
        sine, cosine, grown = np.sin(2 * np.pi * x), np.cos(2 * np.pi * x), np.exp(x)
        across = np.sin(3 * np.pi * y)
        u = grown * sine * across
        second = (1 - 4 * np.pi**2) * u + 4 * np.pi * grown * cosine * across
        f = -(second - 9 * np.pi**2 * u) - k2 * u
        found = spsolve(HelmholtzOperator(k2, square(n)).to_csr().tocsc(), f.ravel())
        errors.append(np.abs(found.reshape(u.shape) - u).max())
    assert abs(-np.polyfit(np.log(sizes), np.log(errors), 1)[0] - 2) < 0.2


def radiated(n, layer, k=30.0):
    """The field of a Gaussian source in the middle, and that of free space, where both are pure
    waves: outside of the source and of the layer. The box has sides 1."""
    grid = square(n)
    x, y = grid.coordinates()
    r = np.hypot(x - 0.5, y - 0.5)
    width = 0.04
    f = np.exp(-((r / width) ** 2) / 2) / (2 * np.pi * width**2)
    A = HelmholtzOperator(k**2, grid, layer)
    u = spsolve(A.to_csr().tocsc(), f.ravel().astype(complex)).reshape(r.shape)
    # i/4 H0 convolved with a Gaussian: H0 times the Gaussian's transform at |xi| = k
    free = 0.25j * hankel1(0, k * r) * math.exp(-((k * width) ** 2) / 2)
    looked_at = (r > 0.2) & (np.maximum(abs(x - 0.5), abs(y - 0.5)) < 0.5 - layer.width)
    return u[looked_at], free[looked_at]


def test_waves_leave_as_in_free_space_and_the_error_has_order_two():
    sizes, errors = (64, 128, 256), []
    for n in sizes:
        u, free = radiated(n, AbsorbingLayer(0.2, 30.0, 1e-4))
        errors.append(np.linalg.norm(u - free) / np.linalg.norm(free))
    assert errors[-1] < 0.02
    assert abs(-np.polyfit(np.log(sizes), np.log(errors), 1)[0] - 2) < 0.2


def test_a_layer_that_damps_more_reflects_less():
    errors = []
    for reflection in (0.9, 0.3, 0.1, 0.03):
        u, free = radiated(192, AbsorbingLayer(0.2, 30.0, reflection))
        errors.append(np.linalg.norm(u - free) / np.linalg.norm(free))
    assert all(after < 0.6 * before for before, after in itertools.pairwise(errors))


def test_what_is_refused():
    with pytest.raises(InputError, match=r"expected k\^2 as a number or of shape"):
        HelmholtzOperator(np.ones((4, 5)), square(4))
    with pytest.raises(InputError, match="finite values of k"):
        HelmholtzOperator(np.nan, square(4))
    with pytest.raises(InputError, match="cell-centred"):
        HelmholtzOperator(1.0, Grid(((0.0, 1.0),) * 2, (4, 4)))
    with pytest.raises(InputError, match="narrower than half the box"):
        HelmholtzOperator(1.0, square(4), AbsorbingLayer(0.5, 1.0))
    with pytest.raises(InputError, match="positive width"):
        AbsorbingLayer(0.0, 1.0)
    with pytest.raises(InputError, match="reflection between 0 and 1"):
        AbsorbingLayer(0.1, 1.0, 1.0)


@pytest.mark.parametrize("bad", ["a", None, 1j])
def test_what_is_no_number_is_refused_in_a_line(bad):
    grid = Grid(((0.0, 1.0), (0.0, 1.0)), (4, 4), centering="cell")
    with pytest.raises(InputError, match="array of real numbers"):
        HelmholtzOperator(bad, grid)
    with pytest.raises(InputError, match="cell-centred grid"):
        HelmholtzOperator(1.0, bad)
    with pytest.raises(InputError, match="positive width"):
        AbsorbingLayer(bad, 20.0)
    with pytest.raises(InputError, match="reflection between 0 and 1"):
        AbsorbingLayer(0.1, 20.0, bad)
