"""A small operator to learn, without a file: the solution of u - u'' = a on a circle."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sobolev.datasets.loader import OperatorData
from sobolev.geometry.grid import Grid


def smoothing_pairs(samples: int, n: int, seed: int = 0) -> OperatorData:
    """Random trigonometric polynomials a of degree 5 and u = (1 - d^2/dx^2)^-1 a."""
    grid = Grid(((0.0, 2 * np.pi),), (n,), periodic=True)
    k = np.arange(1, 6)
    c = np.random.default_rng(seed).standard_normal((2, samples, 5))
    cos, sin = np.cos(np.outer(k, grid.axes[0])), np.sin(np.outer(k, grid.axes[0]))
    a = 3 + c[0] @ cos + c[1] @ sin
    u = 3 + (c[0] / (1 + k**2)) @ cos + (c[1] / (1 + k**2)) @ sin
    pair = (torch.from_numpy(v).float()[:, None] for v in (a, u))
    return OperatorData(*pair, grid, ("a",), ("u",))


@pytest.fixture
def pairs() -> OperatorData:
    return smoothing_pairs(80, 32)


@pytest.fixture(scope="session")
def make_pairs():
    """`smoothing_pairs` itself, for modules that want other sizes."""
    return smoothing_pairs
