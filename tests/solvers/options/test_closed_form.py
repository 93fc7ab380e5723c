"""Closed forms and the tree, against published values and against each other."""

import numpy as np
import pytest

from sobolev.geometry.errors import InputError
from sobolev.solvers.options.closed_form import european_greeks, european_price, payoff
from sobolev.solvers.options.tree import american_price


def test_hull_s_example():
    """Hull, Options, Futures, and Other Derivatives, example 15.6: S = 42, K = 40, half a year."""
    x = np.log(42 / 40)
    assert 40 * european_price(x, 0.5, 0.2, 0.1, kind="call") == pytest.approx(4.76, abs=5e-3)
    assert 40 * european_price(x, 0.5, 0.2, 0.1, kind="put") == pytest.approx(0.81, abs=5e-3)


def test_put_call_parity_and_the_payoff_at_maturity():
    x = np.linspace(-1, 1, 9)
    call, put = (european_price(x, 0.7, 0.3, 0.04, 0.02, kind) for kind in ("call", "put"))
    forward = np.exp(x - 0.02 * 0.7) - np.exp(-0.04 * 0.7)
    np.testing.assert_allclose(call - put, forward, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(european_price(x, 0.0, 0.3, 0.04), payoff(x))


@pytest.mark.parametrize("kind", ["put", "call"])
def test_greeks_are_derivatives_of_the_price(kind):
    x, t, sigma, r, q = np.linspace(-0.5, 0.5, 5), 0.8, 0.25, 0.06, 0.03
    found = european_greeks(x, t, sigma, r, q, kind)
    S, h = np.exp(x), 1e-4

    def price(S=S, t=t, sigma=sigma, r=r):
        return european_price(np.log(S), t, sigma, r, q, kind)

    expected = {
        "delta": (price(S=S + h) - price(S=S - h)) / (2 * h),
        "gamma": (price(S=S + h) - 2 * price() + price(S=S - h)) / h**2,
        "theta": (price(t=t - h) - price(t=t + h)) / (2 * h),
        "vega": (price(sigma=sigma + h) - price(sigma=sigma - h)) / (2 * h),
        "rho": (price(r=r + h) - price(r=r - h)) / (2 * h),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-6, err_msg=name)


def test_the_tree_has_the_published_premium():
    """Andersen, Lake & Offengenden, J. Comput. Finance 20 (2016), table 2: K = S = 100,
    r = q = 5%, sigma = 25%, one year: the right to exercise early is worth 0.106952702747."""
    european = european_price(0.0, 1.0, 0.25, 0.05, 0.05)
    errors = []
    for steps in (1250, 2500, 5000, 10_000):
        premium = american_price(0.0, 1.0, 0.25, 0.05, 0.05, steps=steps) - european
        errors.append(abs(100 * premium - 0.106952702747))
    assert errors[-1] < 1e-6
    assert -np.polyfit(np.log([1, 2, 4, 8]), np.log(errors), 1)[0] > 1.3


def test_an_american_call_without_dividends_is_european():
    for x in (-0.3, 0.0, 0.3):
        tree = american_price(x, 1.0, 0.3, 0.05, 0.0, "call", 1000)
        assert tree == pytest.approx(
            float(european_price(x, 1.0, 0.3, 0.05, kind="call")), abs=1e-6
        )


def test_put_call_symmetry_of_american_options():
    """McDonald & Schroder 1998: a call is a put with stock and strike, r and q exchanged."""
    x, t, sigma, r, q = 0.15, 0.9, 0.3, 0.06, 0.03
    call = american_price(x, t, sigma, r, q, "call", 2000)
    put = american_price(-x, t, sigma, q, r, "put", 2000)
    assert call == pytest.approx(np.exp(x) * put, abs=2e-7)


@pytest.mark.parametrize(
    "arguments", [(0.0, 0.0, 0.2, 0.05), (0.0, 1.0, -0.2, 0.05), (0.0, 1.0, 0.001, 0.5)]
)
def test_what_has_no_tree_is_refused(arguments):
    with pytest.raises(InputError, match="expected"):
        american_price(*arguments, steps=100)
    with pytest.raises(InputError, match="kind"):
        european_price(0.0, 1.0, 0.2, 0.05, kind="straddle")
