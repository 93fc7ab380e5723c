"""The wave equation: standing modes, echoes of pulses, energy."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.solvers.chebyshev.basis import ChebyshevBasis
from sobolev.solvers.chebyshev.boundary import dirichlet, neumann, robin
from sobolev.solvers.chebyshev.wave import propagate_wave


@pytest.mark.parametrize("n", [96, 128, 200])
@pytest.mark.parametrize("end", [dirichlet(), neumann()])
def test_a_pulse_returns_after_whole_periods(n, end):
    """Length 16, speed 2: everything returns after 16, however often it was reflected."""
    basis = ChebyshevBasis(((-8.0, 8.0),), (n,))
    x = basis.axes[0]
    u0 = np.exp(-((x - 0.3) ** 2))[None]
    v0 = -4 * (x - 0.3) * u0
    solution = propagate_wave(2.0, u0, v0, np.linspace(0, 96, 49), basis, end)
    assert np.abs(solution.fields[0, 8::8, 0] - u0[0]).max() < 1e-12
    assert np.abs(solution.fields[0, 8::8, 1] - v0[0]).max() < 1e-11
    u, v = solution.fields[0, :, 0], solution.fields[0, :, 1]
    energy = ((v**2 + 4 * basis.derivative(u, (1,)) ** 2) * basis.weights).sum(axis=-1)
    np.testing.assert_allclose(energy, energy[0], rtol=1e-11)


def test_space_converges_like_an_exponential():
    errors = []
    for n in (32, 48, 64, 96):
        basis = ChebyshevBasis(((-8.0, 8.0),), (n,))
        u0 = np.exp(-(basis.axes[0] ** 2))[None]
        solution = propagate_wave(2.0, u0, 0 * u0, np.array([0.0, 16.0]), basis, dirichlet())
        errors.append(np.abs(solution.fields[0, 1, 0] - u0[0]).max())
    assert np.all(np.array(errors[:-1]) / errors[1:] > 20)
    assert errors[-1] < 1e-12


def test_standing_modes_in_two_dimensions_of_a_batch_of_speeds():
    basis = ChebyshevBasis(((0.0, 1.0), (0.0, 2.0)), (24, 28))
    x, y = basis.coordinates()
    mode = np.sin(np.pi * x) * np.cos(np.pi * y)
    speeds, times = np.array([1.5, 0.2]), np.array([1.0, 31.0, 101.0])
    u0 = np.stack([mode, 2 * mode])
    sides = {"x": (dirichlet(), dirichlet()), "y": (neumann(), neumann())}
    solution = propagate_wave(speeds, u0, 0 * u0, times, basis, sides)
    phase = np.sqrt(2) * np.pi * speeds[:, None] * (times - 1)
    exact = np.cos(phase)[..., None, None] * u0[:, None]
    assert np.abs(solution.fields[:, :, 0] - exact).max() < 1e-12


def test_data_at_the_ends_moves_what_it_should():
    basis = ChebyshevBasis(((0.0, 1.0),), (12,))
    x = basis.axes[0]
    still = np.zeros((1, 12))
    pulled = propagate_wave(  # u = (x^2 + t^2) / 2
        1.0, (x**2 / 2)[None], still, np.array([0.0, 3.0]), basis, {"x": (neumann(), neumann(1.0))}
    )
    np.testing.assert_allclose(pulled.fields[0, 1, 0], x**2 / 2 + 4.5, atol=1e-13)
    np.testing.assert_allclose(pulled.fields[0, 1, 1], 3.0, atol=1e-13)
    rest = {"x": (dirichlet(1.0), robin(1.0, 1.0, 5.0))}
    resting = propagate_wave(1.0, (1 + 2 * x)[None], still, np.array([0.0, 3.0]), basis, rest)
    np.testing.assert_allclose(resting.fields[0, 1, 0], 1 + 2 * x, atol=1e-13)


@pytest.mark.parametrize(
    "change",
    [
        {"u0": np.zeros((1, 15))},
        {"v0": np.zeros((2, 16))},
        {"times": np.array([0.0, 0.0])},
        {"speed": np.ones(3)},
        {"boundary": dirichlet(lambda t: t)},
        {"boundary": {"x": (robin(1.0, 1.0), robin(1.0, -1.0))}},
    ],
)
def test_what_does_not_fit_is_refused(change):
    given = {
        "speed": 1.0, "u0": np.zeros((1, 16)), "v0": np.zeros((1, 16)),
        "times": np.array([0.0, 1.0]), "basis": ChebyshevBasis(((0.0, 1.0),), (16,)),
        "boundary": dirichlet(),
    }  # fmt: skip
    with pytest.raises(InputError, match="expected"):
        propagate_wave(**(given | change))


def test_a_start_that_is_not_finite_is_told():
    basis = ChebyshevBasis(((0.0, 1.0),), (16,))
    u0 = np.zeros((2, 16))
    u0[1, 3] = np.inf
    with np.errstate(invalid="ignore"):
        solution = propagate_wave(1.0, u0, 0 * u0, np.array([0.0, 1.0]), basis, dirichlet())
    assert solution.converged.tolist() == [True, False]
