"""Activations, each smooth: a kink has no second derivative, and the equation would not see it.

All are made of sums, products, quotients and elementary functions, so that every reading of the
derivatives takes them. To add one, name it in `ACTIVATIONS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ...geometry.errors import InputError


@dataclass(frozen=True)
class Activation:
    """A row of the table: `function(x, *numbers)`, element by element.

    smoothness: `entire`, or `analytic` on the real line with the nearest singularities `strip`
    away from it: the k-th derivative then grows like k! / strip^k.
    initial: the numbers that are trained, at the start; per_unit: each unit has its own, else a
    layer shares them. suits: what it is good at, and what to look out for.
    """

    function: Callable[..., Tensor]
    smoothness: Literal["entire", "analytic"]
    strip: float
    suits: str
    initial: tuple[float, ...] = ()
    per_unit: bool = False

    @property
    def trainable(self) -> bool:
        return bool(self.initial)

    def __call__(self, x: Tensor) -> Tensor:
        """With the numbers of the start."""
        return self.function(x, *self.initial)


class Activate(nn.Module):
    """An activation with its trained numbers, for one layer of `width` units."""

    def __init__(self, name: str, width: int, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        if name not in ACTIVATIONS:
            raise InputError(f"expected an activation of {sorted(ACTIVATIONS)}, got '{name}'")
        row = ACTIVATIONS[name]
        self.function = row.function
        shape = (width,) if row.per_unit else ()
        self.numbers = nn.ParameterList(
            nn.Parameter(torch.full(shape, value, dtype=dtype)) for value in row.initial
        )

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) to the same shape."""
        return self.function(x, *self.numbers)


def snake(x: Tensor, a: Tensor | float) -> Tensor:
    """x + sin^2(a x) / a (Ziyin, Hartwig & Ueda 2020)."""
    sine = torch.sin(a * x)
    return x + sine * sine / a


def wavelet(x: Tensor, sine: Tensor | float, cosine: Tensor | float) -> Tensor:
    """w1 sin(x) + w2 cos(x) (Zhao, Ding & Prakash 2024)."""
    return sine * torch.sin(x) + cosine * torch.cos(x)


def cauchy(x: Tensor, odd: Tensor | float, even: Tensor | float, d: Tensor | float) -> Tensor:
    """(l1 x + l2) / (x^2 + d^2), a real Cauchy kernel (Li, Xia & Zhang 2024)."""
    return (odd * x + even) / (x * x + d * d)


def pade(
    x: Tensor,
    a0: Tensor | float, a1: Tensor | float, a2: Tensor | float,
    a3: Tensor | float, a4: Tensor | float, a5: Tensor | float,
    b0: Tensor | float, b1: Tensor | float, b2: Tensor | float,
) -> Tensor:  # fmt: skip
    """A rational function of degrees 5 and 4 (Padé activation unit, Molina et al. 2020).

    Its denominator 1 + x^2 ((b0 + b1 x)^2 + b2^2) has no real zero and, unlike one with absolute
    values, no kink.
    """
    upper = a0 + x * (a1 + x * (a2 + x * (a3 + x * (a4 + x * a5))))
    tilted = b0 + b1 * x
    return upper / (1.0 + x * x * (tilted * tilted + b2 * b2))


# Fits on [-5, 5] in the largest error: 4.3e-5 for tanh, 2.4e-3 for GELU. Outside they grow.
PADE_TANH = (
    0.0, 0.99981011, 0.0, 0.101722835, 0.0, 6.54936158e-4, 0.0, 0.112423735, 0.659168889,
)  # fmt: skip
PADE_GELU = (
    -0.002405767, 0.5, 0.414083639, 0.116373557, 0.0120492847, 2.61325242e-4,
    0.0, 0.0228615495, 0.482438715,
)  # fmt: skip

ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(
        torch.tanh, "analytic", math.pi / 2, "smooth fields and fronts; the default"
    ),
    "sin": Activation(
        torch.sin, "entire", math.inf, "waves and fine scales; sensitive to the first weights"
    ),
    "silu": Activation(
        nn.functional.silu, "analytic", math.pi, "deep networks; smooth fields that grow"
    ),
    "gelu": Activation(nn.functional.gelu, "entire", math.inf, "as silu, with faster tails"),
    "snake": Activation(
        snake, "entire", math.inf, "periodic fields on a trend", (1.0,), per_unit=True
    ),
    "wavelet": Activation(
        wavelet, "entire", math.inf, "waves, where phases are to be learned", (1.0, 1.0)
    ),
    "cauchy": Activation(
        cauchy, "analytic", 1.0, "local features and poles near the axis; the strip is d, trained",
        (1.0, 0.0, 1.0), per_unit=True,
    ),
    "pau": Activation(
        pade, "analytic", 1.575, "any shape that the data want; starts as tanh", PADE_TANH
    ),
    "pau_gelu": Activation(
        pade, "analytic", 2.083, "any shape that the data want; starts as GELU", PADE_GELU
    ),
}  # fmt: skip
