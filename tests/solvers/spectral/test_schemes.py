"""The phi functions, and what every tableau must satisfy."""

from math import factorial

import numpy as np
import pytest
import sympy

from sobolev.solvers.spectral.schemes import EXPONENTIAL as SCHEMES
from sobolev.solvers.spectral.schemes import phi_functions


def exact_phi(k, z):
    """phi_k with 40 digits."""
    z = sympy.sympify(z).evalf(60)
    if abs(z) < 1:
        return complex(sum(z**j / sympy.factorial(j + k) for j in range(60)))
    rest = sympy.exp(z) - sum(z**j / sympy.factorial(j) for j in range(k))
    return complex((rest / z**k).evalf(40))


@pytest.mark.parametrize(
    "z",
    [
        np.array([0.0, -1e-12, -1e-5, -0.3, -1.99, -2.0, -2.01, -5.0, -40.0, -1e4, 0.7, 3.0]),
        np.array([1e-9j, 0.5j, 1.99j, 2.5j, -1 + 1j, -30 + 40j, 1000j]),
    ],
)
def test_phi_functions_to_rounding(z):
    computed = phi_functions(z, 3)
    for k in range(4):
        exact = np.array([exact_phi(k, complex(value)) for value in z])
        np.testing.assert_allclose(computed[k], exact, rtol=3e-14, atol=1e-300)


def test_phi_of_zero():
    for k, value in enumerate(phi_functions(np.zeros(1), 3)):
        assert value[0] == pytest.approx(1 / factorial(k), rel=1e-14)


@pytest.mark.parametrize("name", SCHEMES)
def test_a_constant_slope_is_integrated_exactly(name):
    """Rows sum to c_i phi_1(c_i z) and weights to phi_1(z)."""
    scheme = SCHEMES[name]
    z = np.array([-7.0, -1.0, -0.1])

    def total(entries):
        result = np.zeros_like(z)
        for entry in entries:
            for weight, k, c in entry:
                result += weight * phi_functions(c * z, k)[k]
        return result

    for c, row in zip(scheme.c, scheme.a, strict=True):
        np.testing.assert_allclose(total(row), c * phi_functions(c * z, 1)[1], atol=1e-14)
    np.testing.assert_allclose(total(scheme.b), phi_functions(z, 1)[1], atol=1e-14)
