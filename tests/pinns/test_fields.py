"""Sampled fields at points: values, derivatives and refusals."""

import numpy as np
import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.geometry.grid import Grid
from sobolev.pinns.fields import SampledField, checked


def test_periodic_samples_have_exact_values_and_derivatives():
    grid = Grid(((-1.0, 1.0),), (32,), periodic=True)
    field = SampledField(np.exp(np.sin(np.pi * grid.axes[0])), grid)
    x = torch.linspace(-3.0, 3.0, 50, dtype=torch.float64, requires_grad=True)
    u = field({"x": x})
    (u_x,) = torch.autograd.grad(u.sum(), x)
    truth = torch.exp(torch.sin(torch.pi * x))
    assert (u - truth).abs().max() < 1e-12
    assert (u_x - torch.pi * torch.cos(torch.pi * x) * truth).abs().max() < 1e-10


@pytest.mark.parametrize("shape", [(8, 9), (9, 8), (8, 8)])
@pytest.mark.parametrize("centering", ["vertex", "cell"])
def test_interpolates_any_samples_in_two_dimensions(shape, centering):
    grid = Grid(((0.0, 1.0), (0.0, 3.0)), shape, periodic=True, centering=centering)
    values = np.random.default_rng(0).standard_normal(shape)
    x, y = (torch.from_numpy(c.reshape(-1).copy()) for c in grid.coordinates())
    error = SampledField(values, grid)({"x": x, "y": y}).numpy() - values.reshape(-1)
    assert np.abs(error).max() < 1e-12


def test_open_axes_have_values_and_say_that_they_have_no_derivatives():
    grid = Grid(((0.0, 1.0),), (33,))
    field = SampledField(grid.axes[0] ** 3, grid)
    x = torch.linspace(0.0, 1.0, 20, dtype=torch.float64)
    assert not field.differentiable
    assert (field({"x": x}) - x**3).abs().max() < 1e-12


def test_few_modes_are_kept_where_few_matter():
    grid = Grid(((0.0, 1.0),), (64,), periodic=True)
    assert SampledField(np.sin(2 * np.pi * grid.axes[0]), grid)._modes.shape[1] <= 2


def test_refuses():
    grid = Grid(((0.0, 1.0),), (8,), periodic=True)
    with pytest.raises(InputError, match="shape"):
        SampledField(np.zeros(9), grid)
    with pytest.raises(InputError, match="finite"):
        SampledField(np.full(8, np.nan), grid)
    x = {"x": torch.zeros(4, dtype=torch.float64)}
    with pytest.raises(InputError, match=r"the source of shape \(4,\), got \(4, 1\)"):
        checked(lambda c: c["x"][:, None], x, "the source")
    with pytest.raises(InputError, match="finite"):
        checked(lambda c: c["x"] / 0.0, x, "the source")
