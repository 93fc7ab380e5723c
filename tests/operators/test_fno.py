"""The FNO: resolutions, translations, gradients, dtypes, options."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sobolev.geometry.errors import InputError
from sobolev.operators.fno import FNO, FNOConfig


def band_limited(shape, seed=0, channels=2):
    """Random trigonometric polynomials of degree 2: the same functions on every grid."""
    generator = np.random.default_rng(seed)
    values = np.zeros((3, channels, *shape))
    axes = np.meshgrid(*(2 * np.pi * np.arange(n) / n for n in shape), indexing="ij")
    for _ in range(6):
        k = generator.integers(-2, 3, len(shape))
        angle = sum(m * x for m, x in zip(k, axes, strict=True))
        amplitude = generator.standard_normal((2, 3, channels, *(1,) * len(shape)))
        values += amplitude[0] * np.cos(angle) + amplitude[1] * np.sin(angle)
    return torch.from_numpy(values)


def make(ndim, seed=0, inputs=2, outputs=1, periodic=True, centering="vertex", **options):
    torch.manual_seed(seed)
    config = FNOConfig(**{"width": 4, "modes": 3, "layers": 2} | options)
    return FNO(
        inputs, outputs, ndim, config, periodic=periodic, centering=centering
    ).double()  # fmt: skip


@pytest.mark.parametrize("ndim, coarse, tolerance", [(1, 32, 1e-10), (2, 32, 1e-10), (3, 12, 1e-4)])
def test_the_same_weights_are_the_same_function_at_two_resolutions(ndim, coarse, tolerance):
    # GELU makes all frequencies, but of a smooth function they decay geometrically.
    model = make(ndim, coordinates=False)
    with torch.no_grad():
        a = model(0.1 * band_limited((coarse,) * ndim))
        b = model(0.1 * band_limited((2 * coarse,) * ndim))
    every = (..., *(slice(None, None, 2),) * ndim)
    assert (a - a.mean()).abs().max() > 1e-3
    assert (a - b[every]).abs().max() < tolerance * a.abs().max()


def test_coordinates_and_padding_do_not_depend_on_the_resolution():
    x = torch.zeros(1, dtype=torch.float64)
    for periodic, centering, sizes in (
        (True, "vertex", (16, 32)),
        (False, "vertex", (17, 33)),
        (False, "cell", (16, 32)),
    ):
        model = make(1, periodic=periodic, centering=centering, padding=0.25)
        periods = []
        for n in sizes:
            points = model._points(0, n, x)
            spacing = float(points[1] - points[0])
            periods.append((n + model._extra(0, n)) * spacing)
        assert periods[0] == pytest.approx(periods[1], abs=1e-14)
        assert periods[0] == pytest.approx(1.0 if periodic else 1.25, abs=1e-14)
    assert make(1)._points(0, 4, x).tolist() == [0, 0.25, 0.5, 0.75]
    assert make(1, periodic=False)._points(0, 5, x).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert make(1, centering="cell")._points(0, 2, x).tolist() == [0.25, 0.75]


def test_padding_changes_the_axes_that_are_not_periodic_only():
    x = band_limited((12, 12))
    for periodic, same in (((True, True), True), ((True, False), False)):
        plain, padded = make(2, periodic=periodic), make(2, periodic=periodic, padding=0.5)
        assert torch.equal(plain(x), padded(x)) is same
        assert padded(x).shape == plain(x).shape


@pytest.mark.parametrize("transform", ["dft", "fft"])
def test_translations_of_the_input_are_translations_of_the_output(transform):
    model = make(2, coordinates=False, transform=transform, channel_mlp=True)
    x = torch.randn(2, 2, 9, 10, dtype=torch.float64)
    moved = model(x.roll((2, 5), (2, 3)))
    torch.testing.assert_close(moved, model(x).roll((2, 5), (2, 3)), rtol=0, atol=1e-13)
    assert (moved - model(x)).abs().max() > 1e-3


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("channel_mlp", [False, True])
def test_products_and_ffts_are_the_same_network(ndim, channel_mlp):
    one = make(ndim, transform="dft", channel_mlp=channel_mlp)
    other = make(ndim, transform="fft", channel_mlp=channel_mlp, fused=False)
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 2, *(9,) * ndim, dtype=torch.float64)
    a, b = one(x), other(x)
    torch.testing.assert_close(a, b, rtol=0, atol=1e-14)
    pairs = zip(
        torch.autograd.grad(a.square().sum(), list(one.parameters())),
        torch.autograd.grad(b.square().sum(), list(other.parameters())),
        strict=True,
    )
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("transform", ["dft", "fft"])
def test_first_and_second_derivatives_against_finite_differences(fused, transform):
    model = make(
        2, width=2, modes=2, fused=fused, transform=transform, channel_mlp=True,
        padding=0.5, periodic=(True, False),
    )  # fmt: skip
    x = torch.randn(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in model.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in model.parameters()]

    def loss(x, *values):
        state = dict(zip(names, values, strict=True))
        return torch.func.functional_call(model, state, (x,)).square().mean()

    assert torch.autograd.gradcheck(loss, (x, *values))
    assert torch.autograd.gradgradcheck(loss, (x, *values))


def test_chunks_do_not_change_the_gradients(monkeypatch):
    monkeypatch.setattr("sobolev.operators.pointwise.CHUNK", 7 * 8)
    monkeypatch.setattr("sobolev.operators.spectral.BLOCK", 4 * 80)
    one, other = make(2, channel_mlp=True), make(2, channel_mlp=True, fused=False)
    x = torch.randn(2, 2, 9, 10, dtype=torch.float64)
    for a, b in zip(
        torch.autograd.grad(one(x).square().sum(), list(one.parameters())),
        torch.autograd.grad(other(x).square().sum(), list(other.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("transform", ["dft", "fft"])
def test_every_real_dtype(transform):
    x = band_limited((16, 16))
    truth = make(2)(x)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 0.1)):
        y = make(2, transform=transform).to(dtype)(x.to(dtype))
        assert y.dtype == dtype
        assert (y.double() - truth).abs().max() < tolerance * truth.abs().max()
    with torch.autocast("cpu", torch.bfloat16):
        y = make(2, transform=transform).float()(x.float())
    assert (y.double() - truth).abs().max() < 0.1 * truth.abs().max()


@pytest.mark.parametrize(
    "options, word",
    [
        ({"width": 0}, "width"),
        ({"modes": (3, 0)}, "modes"),
        ({"modes": (3, 3, 3)}, "axes"),
        ({"layers": 1.5}, "layers"),
        ({"padding": float("nan")}, "padding"),
        ({"expansion": float("inf")}, "expansion"),
        ({"transform": "dct"}, "transform"),
    ],
)
def test_options_that_cannot_be_used(options, word):
    with pytest.raises(InputError, match=word):
        make(2, **options)


def test_inputs_of_another_shape():
    with pytest.raises(InputError, match="expected input"):
        make(2)(torch.zeros(1, 3, 8, 8))
    with pytest.raises(InputError, match="expected input"):
        make(2)(torch.zeros(1, 2, 8))
