"""Truncated Fourier transforms in any dimension, and the convolution that an FNO learns.

Layout. Grid axes lead and channels come last, `(n1, ..., nd, batch, channels)`: the transform along
each axis is then one real matrix product with everything behind that axis as columns, and neither
it nor the mixing of modes needs a permutation.

Which modes. Every axis keeps |k| < modes, so that the kept set is symmetric and a translation of
the input is a translation of the output. The input is real: axis 0 stores k >= 0 only. A grid too
coarse for a mode (|k| >= n / 2) leaves it out and uses the others unchanged. Coefficients are
divided by the number of points, so they do not depend on the resolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .fused import gelu_, gelu_gradient_, linear, matmul, recorded_gradients


def kept_modes(n: int, modes: int) -> int:
    """How many of k = 0 .. modes - 1 a grid of n points resolves: those below n / 2."""
    return min(modes, (n + 1) // 2)


def prefer_products(shape: tuple[int, ...], modes: tuple[int, ...]) -> bool:
    """Whether the transforms are faster as matrix products than as FFTs.

    A product costs m multiplications a point along an axis (m kept modes) and an FFT log2(n), at a
    rate that is lower by `PRODUCT_RATE`.
    """
    product = sum(kept_modes(n, m) for n, m in zip(shape, modes, strict=True))
    return product <= PRODUCT_RATE * sum(math.log2(n) for n in shape)


PRODUCT_RATE = 10.0
"""Measured on a layer's forward and backward pass in float32 on one core with AVX-512: equal times
at about 8 (1D, n = 256; 2D, 128) and 16 (1D, 1024 and 4096); below half of that, as for the usual
12 to 16 modes, products are 1.5 to 2.5 times faster."""
BLOCK = 1 << 18
"""Numbers worked on at once by a fused layer: 1 MiB in float32."""


@lru_cache(maxsize=256)
def _matrices(
    n: int, modes: int, half: bool, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Analysis and synthesis matrices of one axis, real, with rows (k, re/im) interleaved.

    half: real input, k = 0 .. modes - 1: (2 modes, n) and (n, 2 modes).
    full: complex input given as (re/im, n), |k| < modes: (2 (2 modes - 1), 2 n) and transposed.
    """
    # A tensor made inside inference_mode could never be saved for a later backward pass.
    with torch.inference_mode(False), torch.no_grad():
        first = 0 if half else 1 - modes
        k = torch.arange(first, modes, dtype=torch.int64)
        # k j mod n in integers: the angle stays exact to rounding for any n.
        angle = torch.outer(k, torch.arange(n)).remainder(n).double() * (2 * math.pi / n)
        cos, sin = torch.cos(angle), torch.sin(angle)
        if half:
            analysis = torch.stack([cos, -sin], dim=1).reshape(-1, n) / n
            weight = torch.full((len(k), 1, 1), 2.0, dtype=torch.float64)
            weight[0] = 1.0  # k and -k are one stored mode, except k = 0
            synthesis = (torch.stack([cos, -sin], dim=1) * weight).reshape(-1, n).T
        else:
            real_row = torch.stack([cos, sin], dim=1)  # (k, re/im of the input, n)
            imaginary_row = torch.stack([-sin, cos], dim=1)
            analysis = torch.stack([real_row, imaginary_row], dim=1).reshape(-1, 2 * n) / n
            synthesis = analysis.T * n
        return (
            analysis.to(device, dtype).contiguous(),
            synthesis.to(device, dtype).contiguous(),
        )


def analyse(spectrum: Tensor, shape: tuple[int, ...], kept: tuple[int, ...]) -> Tensor:
    """Truncated Fourier coefficients by matrix products, once axis 0 is done.

    spectrum (2 kept[0], n2 ... nd columns) -> (modes, 2, columns): all kept modes in one axis,
    then (re, im).
    """
    lead = kept[0]
    for n, m in zip(shape[1:], kept[1:], strict=True):
        matrix, _ = _matrices(n, m, False, spectrum.dtype, spectrum.device)
        spectrum = torch.bmm(matrix.expand(lead, -1, -1), spectrum.view(lead, 2 * n, -1))
        lead *= 2 * m - 1
    return spectrum.view(lead, 2, -1)


def synthesise(spectrum: Tensor, shape: tuple[int, ...], kept: tuple[int, ...]) -> Tensor:
    """The inverse of `analyse`: the caller does axis 0, adding to what is already there."""
    lead = spectrum.shape[0]
    for n, m in zip(reversed(shape[1:]), reversed(kept[1:]), strict=True):
        lead //= 2 * m - 1
        _, matrix = _matrices(n, m, False, spectrum.dtype, spectrum.device)
        spectrum = torch.bmm(
            matrix.expand(lead, -1, -1), spectrum.reshape(lead, 2 * (2 * m - 1), -1)
        )
    return spectrum.reshape(2 * kept[0], -1)


def analyse_fft(x: Tensor, kept: tuple[int, ...]) -> Tensor:
    """All axes of x (n1, ..., nd, columns) by FFT, to the layout of `analyse`."""
    axes = tuple(range(len(kept)))
    full = torch.fft.rfftn(_at_least_float(x), dim=(*axes[1:], 0), norm="forward")
    full = full[: kept[0]]
    for axis in axes[1:]:
        full = full.roll(kept[axis] - 1, axis).narrow(axis, 0, 2 * kept[axis] - 1)
    flat = full.reshape(-1, x.shape[-1])
    return torch.stack([flat.real, flat.imag], dim=1)


def synthesise_fft(spectrum: Tensor, shape: tuple[int, ...], kept: tuple[int, ...]) -> Tensor:
    """The inverse of `analyse_fft`: (n1, ..., nd, columns)."""
    axes = tuple(range(len(kept)))
    sizes = (kept[0], *(2 * m - 1 for m in kept[1:]))
    spectrum = _at_least_float(spectrum)
    full = torch.complex(spectrum[:, 0], spectrum[:, 1]).reshape(*sizes, -1)
    for axis in axes[1:]:
        gap = list(full.shape)
        gap[axis] = shape[axis] - sizes[axis]
        full = torch.cat([full, full.new_zeros(gap)], dim=axis).roll(1 - kept[axis], axis)
    return torch.fft.irfftn(full, s=(*shape[1:], shape[0]), dim=(*axes[1:], 0), norm="forward")


def _at_least_float(x: Tensor) -> Tensor:
    """FFTs in half precision are missing on CPUs and want powers of two elsewhere."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


class SpectralConvolution(nn.Module):
    """y = sum over |k| < modes of R_k x_hat(k) exp(i k x) + bias (Li et al. 2021, eq. 4).

    channels : of input and output
    modes : for each axis; |k| < modes is kept
    transform : "dft" (matrix products), "fft", or "auto" (`prefer_products`)
    fused : passes of our own that keep less and stay in the cache; False: plain operations

    `weight` has shape (modes[0], 2 modes[1] - 1, ..., 2 channels, channels): the first half of its
    rows is the real part. It is stored real because fused Adam refuses complex parameters.
    """

    def __init__(
        self, channels: int, modes: tuple[int, ...], transform: str = "auto", fused: bool = True
    ) -> None:
        super().__init__()
        self.channels, self.modes, self.transform, self.fused = channels, modes, transform, fused
        sizes = (modes[0], *(2 * m - 1 for m in modes[1:]))
        # Each part has variance 1 / (2 channels), so a mode keeps its expected energy.
        scale = (2 * channels) ** -0.5
        self.weight = nn.Parameter(scale * torch.randn(*sizes, 2 * channels, channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def uses_products(self, shape: tuple[int, ...]) -> bool:
        if self.transform == "auto":
            return prefer_products(shape, self.modes)
        return self.transform == "dft"

    def forward(self, p: Tensor, skip: Tensor, activate: bool = False) -> Tensor:
        """p (n1, ..., nd, batch, channels) -> K x + skip x, where x is gelu(p) or p itself.

        skip : (channels, channels)

        Without gradient, p is overwritten by x.
        """
        if not self.uses_products(tuple(p.shape[:-2])):
            return self._by_ffts(F.gelu(p) if activate else p, skip)
        if not self.fused or torch.is_autocast_enabled(p.device.type):
            return self.plain(p, skip, self.weight, self.bias, activate)
        p = p.contiguous()
        if torch.is_grad_enabled():
            return _Fused.apply(p, skip, self.weight, self.bias, self, activate)
        x = gelu_(p) if activate else p
        return self.evaluate(x, skip, lambda s: self.mix(s, self.weight, self.bias, x))

    def evaluate(self, x: Tensor, skip: Tensor, mix: Callable[[Tensor], Tensor]) -> Tensor:
        """K x + skip x without gradient, with `mix` for the spectrum."""
        there, back = self.matrices(x)
        shape, rows, c = tuple(x.shape[:-2]), x.view(len(x), -1), self.channels
        y = linear(rows.view(-1, c), skip).view_as(rows)
        mixed = mix(analyse(matmul(there, rows), shape, self.kept(x)))
        middle = synthesise(mixed, shape, self.kept(x))
        for block in _blocks(rows):
            y[block].add_(matmul(back[block], middle))
        return y.view_as(x)

    def _by_ffts(self, x: Tensor, skip: Tensor) -> Tensor:
        shape, kept = tuple(x.shape[:-2]), self.kept(x)
        spectrum = analyse_fft(x.flatten(-2), kept)
        mixed = self.mix(spectrum, self.weight, self.bias, x)
        return F.linear(x, skip) + synthesise_fft(mixed, shape, kept).view_as(x).to(x.dtype)

    def plain(
        self, p: Tensor, skip: Tensor, weight: Tensor, bias: Tensor, activate: bool
    ) -> Tensor:
        """`forward` by products, each an operation that autograd knows."""
        x = F.gelu(p) if activate else p
        there, back = self.matrices(p)
        y, rows = F.linear(x, skip), x.reshape(len(x), -1)
        shape, kept = tuple(p.shape[:-2]), self.kept(p)
        mixed = self.mix(analyse(there @ rows, shape, kept), weight, bias, p)
        return torch.addmm(y.view_as(rows), back, synthesise(mixed, shape, kept)).view_as(x)

    def kept(self, x: Tensor) -> tuple[int, ...]:
        return tuple(kept_modes(n, m) for n, m in zip(x.shape, self.modes, strict=False))

    def matrices(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Analysis and synthesis along axis 0."""
        return _matrices(x.shape[0], self.kept(x)[0], True, x.dtype, x.device)

    def kept_weight(self, weight: Tensor, kept: tuple[int, ...]) -> Tensor:
        """The weight of the modes that a grid resolves, (all kept modes, 2 channels, channels)."""
        weight = weight.narrow(0, 0, kept[0])
        for axis, (m, full) in enumerate(zip(kept[1:], self.modes[1:], strict=True), start=1):
            weight = weight.narrow(axis, full - m, 2 * m - 1)
        return weight.reshape(-1, 2 * self.channels, self.channels)

    def mix(self, spectrum: Tensor, weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
        """Multiply each mode's channels by its matrix; `spectrum` is that of x."""
        modes, batch, c, kept = len(spectrum), x.shape[-2], self.channels, self.kept(x)
        weight = self.kept_weight(weight, kept).to(spectrum.dtype)
        flat = spectrum.view(modes, 2 * batch, c)
        # (re + i im) (R + i I) = (re + i im) R + (-im + i re) I
        mixed, turned = (
            torch.bmm(flat, part).view(modes, 2, batch, c) for part in weight.split(c, dim=1)
        )
        mixed[:, 0] -= turned[:, 1]
        mixed[:, 1] += turned[:, 0]
        constant = 0  # position of the mode k = 0: the bias costs a few numbers, not every point
        for m in kept[1:]:
            constant = constant * (2 * m - 1) + m - 1
        mixed[constant, 0] += bias
        return mixed.view(modes, 2, batch * c)


class _Fused(torch.autograd.Function):
    """`SpectralConvolution.plain`; kept are p and the small spectrum of x.

    The transforms read all of a large matrix, the rest a few rows at a time.
    """

    @staticmethod
    def forward(
        ctx: Any, p: Tensor, skip: Tensor, weight: Tensor, bias: Tensor,
        layer: SpectralConvolution, activate: bool,
    ) -> Tensor:  # fmt: skip
        def mix(spectrum: Tensor) -> Tensor:
            ctx.spectrum = spectrum
            return layer.mix(spectrum, weight, bias, p)

        ctx.save_for_backward(p, skip, weight, bias)
        ctx.layer, ctx.activate = layer, activate
        return layer.evaluate(F.gelu(p) if activate else p, skip, mix)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), inputs, layer = gradients, ctx.saved_tensors, ctx.layer
        if torch.is_grad_enabled():  # create_graph: to be differentiated again
            y = layer.plain(*inputs, ctx.activate)
            return (*recorded_gradients(y, inputs, gradient), None, None)
        p, skip, *parameters = inputs
        shape, kept, c = tuple(p.shape[:-2]), layer.kept(p), len(skip)
        there, back = layer.matrices(p)
        gradient = gradient.reshape(len(p), -1)
        # On the axes behind the first, synthesis is the adjoint of analysis times their points.
        points = math.prod(shape[1:])
        d_mixed = analyse(matmul(back.T, gradient), shape, kept).mul_(points)
        with torch.enable_grad():
            leaves = [t.detach().requires_grad_() for t in (ctx.spectrum, *parameters)]
            mixed = layer.mix(leaves[0], leaves[1], leaves[2], p)
        d_spectrum, d_weight, d_bias = torch.autograd.grad(mixed, leaves, d_mixed)
        del mixed, d_mixed
        d_p = matmul(there.T, synthesise(d_spectrum.div_(points), shape, kept))
        d_skip, rows = torch.zeros_like(skip), p.view(len(p), -1)
        for block in _blocks(rows):
            at, d_y, d_x = (t[block].view(-1, c) for t in (rows, gradient, d_p))
            d_skip.addmm_(d_y.T, F.gelu(at) if ctx.activate else at)
            d_x.add_(linear(d_y, skip.T))
            if ctx.activate:
                gelu_gradient_(d_x, at)
        return d_p.view_as(p), d_skip, d_weight, d_bias, None, None


def _blocks(rows: Tensor) -> list[slice]:
    step = max(1, BLOCK // rows.shape[1])
    return [slice(start, start + step) for start in range(0, len(rows), step)]
