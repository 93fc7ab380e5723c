"""Modes and direct solvers on intervals and boxes: rounding at every size, all kinds of ends."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.solvers.chebyshev.basis import ChebyshevBasis
from sobolev.solvers.chebyshev.boundary import dirichlet, neumann, robin
from sobolev.solvers.chebyshev.box import Box
from sobolev.solvers.chebyshev.modes import AxisModes


@pytest.mark.parametrize(
    ("low", "high", "frequencies"),
    [
        (dirichlet(), dirichlet(), np.arange(1, 9)),
        (neumann(), neumann(), np.arange(8)),
        (dirichlet(), neumann(), np.arange(8) + 0.5),
        # u' = u at the lower and -u at the upper end: tan(w) = 2 w / (w^2 - 1).
        (robin(1.0, -1.0), robin(1.0, 1.0), None),
    ],
)
@pytest.mark.parametrize("n", [24, 48, 192])
def test_eigenvalues_are_those_of_the_interval_to_rounding(low, high, frequencies, n):
    modes = AxisModes(1.0, n, low, high)
    omega = np.sqrt(np.maximum(np.sort(modes.stiffness / modes.mass), 0.0))[:8]
    if frequencies is None:
        assert np.abs(np.tan(omega[:4]) * (omega[:4] ** 2 - 1) - 2 * omega[:4]).max() < 1e-9
    else:
        np.testing.assert_allclose(omega[:5], np.pi * frequencies[:5], rtol=1e-11, atol=1e-7)


@pytest.mark.parametrize("n", [24, 48, 96, 192])
@pytest.mark.parametrize("sigma", [0.0, 2.0, 1e6])
def test_one_dimension_with_any_ends(n, sigma):
    basis = ChebyshevBasis(((1.0, 4.0),), (n,))
    x = basis.axes[0]
    u, slope, curvature = np.sin(2 * x) + x, 2 * np.cos(2 * x) + 1, -4 * np.sin(2 * x)
    f = sigma * u - 3 * curvature
    ends = {
        "given": (dirichlet(u[0]), dirichlet(u[-1])),
        "mixed": (dirichlet(u[0]), neumann(slope[-1])),
        "robin": (robin(-2.0, 3.0, -2 * u[0] + 3 * slope[0]),
                  robin(1.0, 0.5, u[-1] + 0.5 * slope[-1])),
        "feeding": (robin(2.0, 1.0, 2 * u[0] + slope[0]),
                    robin(1.0, -0.5, u[-1] - 0.5 * slope[-1])),
    }  # fmt: skip
    for pair in ends.values():
        found = Box(basis, {"x": pair}).solve(f, sigma, 3.0)
        assert np.abs(found - u).max() < 3e-13 + 1e-16 * n * np.sqrt(sigma)


@pytest.mark.parametrize("shape", [(28, 30), (60, 40), (24, 22, 25), (40, 44, 36)])
def test_manufactured_solutions_in_two_and_three_dimensions(shape):
    """Values, slopes and mixed data that vary over the faces, in a batch of coefficients."""
    extent = ((-1.0, 1.0), (0.0, 2.0), (0.0, 1.0))[: len(shape)]
    basis = ChebyshevBasis(extent, shape)
    x, y, *rest = basis.coordinates()
    z = rest[0] if rest else 0.0
    wave, turn = np.exp(x * y) * np.sin(3 * z + x), np.exp(x * y) * np.cos(3 * z + x)
    laplacian = (y * y + x * x - 1) * wave + 2 * y * turn - (9 * wave if rest else 0)
    u_x = y * wave + turn
    ends = {
        "x": (dirichlet(wave[0]), robin(1.0, 2.0, (wave + 2 * u_x)[-1])),
        "y": (dirichlet(wave[:, 0]), dirichlet(wave[:, -1])),
    }
    if rest:
        ends["z"] = (neumann(3 * turn[..., 0]), dirichlet(wave[..., -1]))
    box = Box(basis, ends)
    sigma, a = np.array([0.0, 1.5]), np.array([1.0, 2.0])
    tail = (slice(None), *[None] * len(shape))
    f = sigma[tail] * wave - a[tail] * laplacian
    assert np.abs(box.solve(f, sigma, a) - wave).max() < 2e-13


def test_slopes_at_all_ends_leave_a_constant_and_ask_for_balance():
    basis = ChebyshevBasis(((0.0, 1.0), (0.0, 1.0)), (20, 20))
    x, y = basis.coordinates()
    u = np.cos(np.pi * x) * np.cos(np.pi * y)
    box = Box(basis, neumann())
    assert np.abs(box.solve(2 * np.pi**2 * u) - u).max() < 1e-13
    with pytest.raises(InputError, match="balance"):
        box.solve(2 * np.pi**2 * u + 1)


def test_a_resonance_is_refused():
    basis = ChebyshevBasis(((0.0, np.pi),), (32,))
    f = np.sin(basis.axes[0])
    with pytest.raises(InputError, match="without a solution"):
        Box(basis, dirichlet()).solve(f, -1.0)
    found = Box(basis, dirichlet()).solve(f, -2.5)
    assert np.abs(found + f / 1.5).max() < 1e-13


@pytest.mark.parametrize(
    "wrong",
    [
        lambda basis: Box(basis, {"y": (dirichlet(), dirichlet())}),
        lambda basis: Box(basis, {"x": (dirichlet(),)}),
        lambda basis: Box(basis, 1.0),
        lambda basis: robin(0.0, 0.0),
        lambda basis: robin(np.nan, 1.0),
        lambda basis: Box(basis, dirichlet(np.zeros((2, 3)))).solve(np.zeros((5, 8))),
        lambda basis: Box(basis, dirichlet()).solve(np.zeros(7)),
        lambda basis: Box(basis.refined((3,)), dirichlet()),
    ],
)
def test_what_describes_no_box_is_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        wrong(ChebyshevBasis(((0.0, 1.0),), (8,)))
