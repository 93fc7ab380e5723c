"""Lyapunov exponents, against exact ones and the literature."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.solvers.ordinary.integrate import integrate
from sobolev.solvers.ordinary.lyapunov import exponents, largest_exponent, summary
from sobolev.solvers.ordinary.system import System
from sobolev.solvers.ordinary.systems import LORENZ63, ROESSLER, lorenz96


def _linear(x, y, z, t):
    return 0.3 * x + 2.0 * y, -2.0 * x + 0.3 * y, -1.0 * z + x


LINEAR = System("linear", ("x", "y", "z"), _linear)


def _square(u, t):
    return u * u


SQUARE = System("square", ("u",), _square)


def starts(batch, dimension, around=0.0):
    return around + np.random.default_rng(0).standard_normal((batch, dimension))


def test_exponents_of_a_linear_system_are_real_parts_of_its_eigenvalues():
    found = exponents(LINEAR, starts(3, 3), 40, 0.5, 3, transient=10.0)
    np.testing.assert_allclose(found.values, [0.3, 0.3, -1.0], atol=5e-3)
    assert found.growth.shape == (40, 3, 3)


def test_the_spectrum_of_lorenz_sums_to_its_divergence():
    found = exponents(LORENZ63, starts(16, 3, 5.0), 60, 0.5, 3, transient=10.0, tolerance=1e-8)
    assert found.values.sum() == pytest.approx(-(10 + 1 + 8 / 3), abs=1e-5)
    assert abs(found.values[1]) < 4 * found.errors[1] + 1e-2  # along the flow
    assert found.values[0] == pytest.approx(0.9056, abs=4 * found.errors[0])
    assert found.errors[0] < 0.05
    assert found.dimension == pytest.approx(2.06, abs=0.01)


def test_pairs_of_any_map_give_the_same():
    # The doubling map has the exponent log 2 and loses a bit a step; the tent map's slope is 2.
    def tent(x):
        return 1.999 * np.minimum(x, 1 - x)

    found = largest_exponent(tent, np.random.default_rng(1).uniform(0.2, 0.8, (8, 1)), 500, 1.0)
    assert found.largest == pytest.approx(np.log(1.999), abs=1e-4)


def test_pairs_of_trajectories_agree_with_tangents():
    def advance(states):
        return integrate(
            LORENZ63, states, np.array([0.0, 0.5]), dt=0.01, scheme="rk4"
        ).fields[:, 1]  # fmt: skip

    u0 = starts(8, 3, 5.0)
    pairs = largest_exponent(advance, u0, 40, 0.5, transient=20, distance=1e-8)
    tangents = exponents(LORENZ63, u0, 40, 0.5, transient=10.0, tolerance=1e-9)
    combined = np.hypot(pairs.errors[0], tangents.errors[0])
    assert abs(pairs.largest - tangents.largest) < 4 * combined


def test_errors_are_standard_errors():
    generator = np.random.default_rng(2)
    means = []
    for _ in range(200):
        # noise that is correlated over a few intervals
        noise = generator.standard_normal((170, 4, 1))
        growth = 1.0 + np.stack([noise[i : i + 160] for i in range(10)]).mean(axis=0)
        found = summary(growth)
        means.append((found.largest - 1.0) / found.errors[0])
    assert np.std(means) == pytest.approx(1.0, abs=0.25)


def test_bad_input_is_told_in_a_line():
    with pytest.raises(InputError, match="1 to 3 exponents"):
        exponents(LORENZ63, starts(1, 3), 10, 0.5, 4)
    with pytest.raises(InputError, match="positive length"):
        exponents(LORENZ63, starts(1, 3), 10, 0.0)
    with pytest.raises(InputError, match="one interval"):
        largest_exponent(lambda u: u, np.ones((1, 2)), 0, 1.0)
    with pytest.raises(InputError, match="finite states"):
        largest_exponent(lambda u: 0 * u, np.ones((1, 2)), 5, 1.0)
    with pytest.raises(InputError, match="trajectories without end"):
        exponents(SQUARE, np.ones((1, 1)), 10, 0.5)
    with pytest.raises(InputError, match="negative sum"):
        _ = summary(np.ones((10, 1, 2))).dimension


@pytest.mark.slow
@pytest.mark.parametrize(
    "system, around, intervals, interval, transient, expected",
    [
        # Sprott (2003), Chaos and Time-Series Analysis, table of flows: 0.9056 and 0.0714
        (LORENZ63, 5.0, 1500, 1.0, 20.0, 0.9056),
        (ROESSLER, 0.0, 1500, 8.0, 200.0, 0.0714),
        # Lorenz & Emanuel (1998), J. Atmos. Sci. 55, 399: errors double in 2.1 days of 0.2 units,
        # log 2 / 0.42 = 1.65; Karimi & Paul (2010), Chaos 20, 043105, and later work: 1.68
        (lorenz96(40), 8.0, 1000, 0.5, 20.0, 1.68),
    ],
    ids=["lorenz63", "roessler", "lorenz96"],
)
def test_largest_exponents_of_the_literature(
    system, around, intervals, interval, transient, expected
):
    u0 = starts(16, system.dimension, around)
    found = exponents(
        system, u0, intervals, interval, transient=transient, tolerance=1e-7
    )  # fmt: skip
    print(f"{system.name}: {found.largest:.4f} +- {found.errors[0]:.4f}, expected {expected}")
    assert found.largest == pytest.approx(expected, rel=0.03)
    assert found.errors[0] < 0.01 * expected
