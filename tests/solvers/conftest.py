"""Coefficient fields for the solvers' tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.fft import idctn

Fields = Callable[..., np.ndarray]


def smooth_normal(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """A smooth Gaussian field of variance one on the cells of the unit square or cube."""
    numbers = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    law = (9.0 + np.pi**2 * sum(number**2 for number in numbers)) ** (-len(shape) / 2)
    field = idctn(np.random.default_rng(seed).normal(size=shape) * law, norm="ortho")
    return (field - field.mean()) / field.std()


@pytest.fixture
def coefficients() -> Fields:
    """coefficients(kind, shape, seed); "threshold" is 12/3 and "sharp" is 1e4/1."""

    def make(kind: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
        if kind == "noise":
            return np.exp(np.random.default_rng(seed).normal(size=shape))
        g = smooth_normal(shape, seed)
        if kind == "lognormal":
            return np.exp(2 * g)
        return np.where(g > 0, *{"threshold": (12.0, 3.0), "sharp": (1e4, 1.0)}[kind])

    return make
