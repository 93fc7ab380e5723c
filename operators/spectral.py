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
from functools import lru_cache

import torch
from torch import Tensor, nn


def kept_modes(n: int, modes: int) -> int:
    """How many of k = 0 .. modes - 1 a grid of n points resolves: those below n / 2."""
    return min(modes, (n + 1) // 2)


def prefer_products(shape: tuple[int, ...], modes: tuple[int, ...]) -> bool:
    """Whether the transforms are faster as matrix products than as FFTs.

    Along an axis of n points a product costs about 4 m multiplications a point (m kept modes) and
    an FFT about log2(n), at a rate that is lower by the constant below, measured on CPUs with
    AVX-512 in float32 (`scripts/bench/operators.py`).
    """
    product = sum(kept_modes(n, m) for n, m in zip(shape, modes, strict=True))
    return product <= PRODUCT_RATE * sum(math.log2(n) for n in shape)


PRODUCT_RATE = 16.0


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


def analyse(x: Tensor, kept: tuple[int, ...]) -> Tensor:
    """Truncated Fourier coefficients by matrix products.

    x (n1, ..., nd, columns), real and contiguous -> (modes, 2, columns): all kept modes in one
    axis, then (re, im).
    """
    *shape, columns = x.shape
    matrix, _ = _matrices(shape[0], kept[0], True, x.dtype, x.device)
    spectrum = matrix @ x.reshape(shape[0], -1)
    lead = kept[0]
    for n, m in zip(shape[1:], kept[1:], strict=True):
        matrix, _ = _matrices(n, m, False, x.dtype, x.device)
        spectrum = torch.bmm(matrix.expand(lead, -1, -1), spectrum.view(lead, 2 * n, -1))
        lead *= 2 * m - 1
    return spectrum.view(lead, 2, columns)


def synthesise(spectrum: Tensor, shape: tuple[int, ...], kept: tuple[int, ...]) -> Tensor:
    """The last step left out of the inverse of `analyse`: (2 kept[0], n2 ... nd columns).

    The caller multiplies by the synthesis matrix of axis 0, into a result that it already has.
    """
    lead = spectrum.shape[0]
    for n, m in zip(reversed(shape[1:]), reversed(kept[1:]), strict=True):
        lead //= 2 * m - 1
        _, matrix = _matrices(n, m, False, spectrum.dtype, spectrum.device)
        spectrum = torch.bmm(
            matrix.expand(lead, -1, -1), spectrum.reshape(lead, 2 * (2 * m - 1), -1)
        )
    return spectrum.reshape(2 * kept[0], -1)


def analyse_fft(x: Tensor, kept: tuple[int, ...]) -> Tensor:
    """`analyse` by FFT."""
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

    `weight` has shape (modes[0], 2 modes[1] - 1, ..., 2 channels, channels): the first half of its
    rows is the real part. It is stored real because fused Adam refuses complex parameters.
    """

    def __init__(self, channels: int, modes: tuple[int, ...], transform: str = "auto") -> None:
        super().__init__()
        self.channels, self.modes, self.transform = channels, modes, transform
        sizes = (modes[0], *(2 * m - 1 for m in modes[1:]))
        # Each part has variance 1 / (2 channels), so a mode keeps its expected energy.
        scale = (2 * channels) ** -0.5
        self.weight = nn.Parameter(scale * torch.randn(*sizes, 2 * channels, channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def uses_products(self, shape: tuple[int, ...]) -> bool:
        if self.transform == "auto":
            return prefer_products(shape, self.modes)
        return self.transform == "dft"

    def kept_weight(self, kept: tuple[int, ...]) -> Tensor:
        """The weight of the modes that a grid resolves, (all kept modes, 2 channels, channels)."""
        weight = self.weight.narrow(0, 0, kept[0])
        for axis, (m, full) in enumerate(zip(kept[1:], self.modes[1:], strict=True), start=1):
            weight = weight.narrow(axis, full - m, 2 * m - 1)
        return weight.reshape(-1, 2 * self.channels, self.channels)

    def mix(self, spectrum: Tensor, kept: tuple[int, ...], batch: int) -> Tensor:
        """Multiply each mode's channels by its matrix: one real batched product."""
        modes, c = spectrum.shape[0], self.channels
        spectrum = spectrum.view(modes, 2, batch, c)
        real, imaginary = spectrum.unbind(1)
        # (re, im) @ [R; I] and (im, -re) is not needed: i (re + i im) = (-im, re).
        turned = torch.stack([-imaginary, real], dim=1)
        both = torch.cat([spectrum, turned], dim=-1).view(modes, 2 * batch, 2 * c)
        weight = self.kept_weight(kept).to(both.dtype)
        mixed = torch.bmm(both, weight).view(modes, 2, batch, c)
        return self._add_bias(mixed, kept).view(modes, 2, batch * c)

    def _add_bias(self, mixed: Tensor, kept: tuple[int, ...]) -> Tensor:
        """Add the bias to the constant mode, a few numbers instead of every point."""
        constant = 0
        for m in kept[1:]:
            constant = constant * (2 * m - 1) + m - 1
        mixed[constant, 0] += self.bias
        return mixed

    def forward(self, x: Tensor, onto: Tensor | None = None) -> Tensor:
        """x (n1, ..., nd, batch, channels) -> the same shape, added in place to `onto` if given."""
        *shape_, batch, c = x.shape
        shape = tuple(shape_)
        kept = tuple(kept_modes(n, m) for n, m in zip(shape, self.modes, strict=True))
        columns = x.reshape(*shape, batch * c)
        if not self.uses_products(shape):
            mixed = self.mix(analyse_fft(columns, kept), kept, batch)
            y = synthesise_fft(mixed, shape, kept).view_as(x).to(x.dtype)
            return y if onto is None else onto.add_(y)
        mixed = synthesise(self.mix(analyse(columns, kept), kept, batch), shape, kept)
        _, matrix = _matrices(shape[0], kept[0], True, x.dtype, x.device)
        if onto is None:
            return (matrix @ mixed).view_as(x)
        return onto.view(shape[0], -1).addmm_(matrix, mixed).view_as(x)
