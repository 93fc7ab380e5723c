"""The truncated transforms against NumPy's FFT and against each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from sobolev.operators.spectral import (
    SpectralConvolution,
    _matrices,
    analyse,
    analyse_fft,
    kept_modes,
    prefer_products,
)

NO_SKIP = torch.zeros(3, 3, dtype=torch.float64)
SHAPES = [(16,), (17,), (12, 9), (5, 8), (6, 7, 8)]


def by_products(x, kept):
    matrix, _ = _matrices(x.shape[0], kept[0], True, x.dtype, x.device)
    return analyse(matrix @ x.flatten(1), x.shape[:-1], kept)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("transform", [by_products, analyse_fft])
def test_coefficients_are_those_of_numpy(shape, transform):
    generator = np.random.default_rng(0)
    values = generator.standard_normal((*shape, 3))
    kept = tuple(kept_modes(n, 4) for n in shape)
    found = transform(torch.from_numpy(values), kept)
    full = np.fft.fftn(values, axes=range(len(shape)), norm="forward")
    ranges = [range(kept[0]), *(range(1 - m, m) for m in kept[1:])]
    for row, k in zip(found, itertools.product(*ranges), strict=True):
        np.testing.assert_allclose(row[0] + 1j * row[1], full[k], atol=1e-15)


@pytest.mark.parametrize("shape", SHAPES)
def test_products_and_ffts_agree_in_value_and_gradient(shape):
    torch.manual_seed(0)
    outcomes = []
    products = SpectralConvolution(3, (4,) * len(shape), "dft").double()
    ffts = SpectralConvolution(3, (4,) * len(shape), "fft").double()
    ffts.load_state_dict(products.state_dict())
    x = torch.randn(*shape, 2, 3, dtype=torch.float64)
    weight = torch.randn_like(x)
    for layer in (products, ffts):
        given = x.clone().requires_grad_()
        y = layer(given, NO_SKIP)
        grads = torch.autograd.grad((y * weight).sum(), [given, *layer.parameters()])
        outcomes.append((y, *grads))
    for ours, theirs in zip(*outcomes, strict=True):
        scale = float(theirs.detach().abs().max())
        assert scale > 1e-3
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-13 * scale)


@pytest.mark.parametrize("transform", ["dft", "fft"])
def test_the_skip_is_a_matrix_on_the_channels(transform):
    torch.manual_seed(0)
    layer = SpectralConvolution(2, (3, 3), transform).double()
    x, skip = torch.randn(8, 8, 4, 2).double(), torch.randn(2, 2).double()
    alone = layer(x, torch.zeros(2, 2).double())
    torch.testing.assert_close(layer(x, skip), alone + x @ skip.T)


def test_the_bias_is_a_constant_function():
    layer = SpectralConvolution(2, (3, 3))
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([1.0, -2.0]))
    y = layer(torch.randn(8, 9, 4, 2), torch.zeros(2, 2))
    torch.testing.assert_close(y, layer.bias.expand_as(y))


def test_a_coarse_grid_leaves_modes_out():
    assert [kept_modes(n, 6) for n in (4, 5, 8, 11, 12, 64)] == [2, 3, 4, 6, 6, 6]


def test_the_rule_takes_products_for_few_modes_and_ffts_for_many():
    assert prefer_products((64, 64), (12, 12))
    assert not prefer_products((4096,), (2048,))


def test_matrices_made_in_inference_mode_can_be_trained_with():
    layer = SpectralConvolution(2, (3,), "dft")
    x = torch.randn(26, 1, 2)  # a size that no other test has put in the cache
    with torch.inference_mode():
        layer(x, torch.eye(2))
    layer(x.requires_grad_(), torch.eye(2)).sum().backward()
    assert torch.isfinite(x.grad).all()
