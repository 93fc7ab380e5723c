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
BLOCK = 1 << 18
"""Numbers worked on at once where a layer is overwritten: 1 MiB in float32."""


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
    fused : a backward pass of our own where it saves work; False: plain operations

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
        # (re + i im) (R + i I) = (re + i im) R + (-im + i re) I
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

    def kept(self, x: Tensor) -> tuple[int, ...]:
        return tuple(kept_modes(n, m) for n, m in zip(x.shape, self.modes, strict=False))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """x (n1, ..., nd, batch, channels) -> K x + skip x, with skip (channels, channels)."""
        shape, batch = tuple(x.shape[:-2]), x.shape[-2]
        if not self.uses_products(shape):
            kept = self.kept(x)
            mixed = self.mix(analyse_fft(x.flatten(-2), kept), kept, batch)
            y = synthesise_fft(mixed, shape, kept).view_as(x).to(x.dtype)
            return F.linear(x, skip).add_(y)
        there, back = _matrices(shape[0], self.kept(x)[0], True, x.dtype, x.device)
        read = _Reader.apply if self.fused and not autocasting(x) else _read
        y, spectrum = read(x.reshape(shape[0], -1), skip, there)
        return _rows(y, shape[0]).addmm_(back, self._middle(spectrum, x)).view_as(x)

    def _middle(self, spectrum: Tensor, x: Tensor) -> Tensor:
        """From the analysis of x along axis 0 to what its synthesis needs."""
        shape, kept = tuple(x.shape[:-2]), self.kept(x)
        mixed = self.mix(analyse(spectrum, shape, kept), kept, x.shape[-2])
        return synthesise(mixed, shape, kept)

    def overwrites(self, x: Tensor) -> bool:
        """Whether `overwrite` can take x."""
        return (
            self.fused
            and self.uses_products(tuple(x.shape[:-2]))
            and x.is_contiguous()
            and not autocasting(x)
        )

    def overwrite(
        self, x: Tensor, skip: Tensor, finish: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        """x <- finish(K x + skip x, x) in place, by products, where no gradient is recorded.

        A few rows at a time, which stay in the cache from the first product to the last:
        `finish` gets the new rows, which it may overwrite, and the old, (points, channels).
        """
        n, c = x.shape[0], x.shape[-1]
        there, back = _matrices(n, self.kept(x)[0], True, x.dtype, x.device)
        rows = x.view(n, -1)
        spectrum = self._middle(there @ rows, x)
        step = max(1, BLOCK // rows.shape[1])
        buffer = torch.empty_like(rows[:step])
        for start in range(0, n, step):
            old = rows[start : start + step]
            new = buffer[: len(old)]
            torch.mm(old.view(-1, c), skip.T, out=new.view(-1, c))
            new.addmm_(back[start : start + step], spectrum)
            old.copy_(finish(new.view(-1, c), old.view(-1, c)).view_as(old))


def autocasting(x: Tensor) -> bool:
    return torch.is_autocast_enabled(x.device.type)


def _rows(x: Tensor, n: int) -> Tensor:
    """(n, columns) of a tensor that nothing else uses.

    A view would make autograd copy its whole base after an operation in place; this is none.
    """
    return torch.ops.aten._unsafe_view(x, (n, x.numel() // n))


def _read(x: Tensor, skip: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Both products that read all of x (n, columns): channels by `skip`, points by `matrix`."""
    return x.view(-1, len(skip)) @ skip.T, matrix @ x


class _Reader(torch.autograd.Function):
    """`_read` whose backward pass adds the second gradient while it is multiplied."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, skip: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, skip, matrix)
        return _read(x, skip, matrix)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (along_skip, along_matrix), (x, skip, matrix) = gradients, ctx.saved_tensors
        d_skip = along_skip.T @ x.view(-1, len(skip))
        d_x = _rows(along_skip @ skip, len(x)).addmm_(matrix.T, along_matrix)
        return d_x, d_skip, None
