"""Small networks applied at every point, without keeping their wide middle layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHUNK = 1 << 19
"""Numbers of a middle layer worked on at once, 2 MiB in float32: a chunk stays in the cache."""


def gelu(x: Tensor) -> Tensor:
    """GELU; in place where no gradient is recorded, so x must be an intermediate result."""
    return F.gelu(x) if torch.is_grad_enabled() else torch.ops.aten.gelu_(x)


def two_layers(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, out: Tensor | None = None
) -> Tensor:
    """w2 gelu(w1 x + b1) + b2 on the last axis of x (points, channels); `out`: without gradient."""
    if torch.is_grad_enabled():
        return F.linear(F.gelu(F.linear(x, w1, b1)), w2, b2)
    # In place, and the bias after the product: addmm would first copy it to every row.
    middle = gelu(torch.mm(x, w1.T).add_(b1))
    return torch.mm(middle, w2.T, out=out).add_(b2)


@dataclass(frozen=True)
class _Cut:
    """How a pointwise function(*fields, *parameters, out=None) is evaluated in chunks.

    fields : how many of its arguments are (points, channels) and are cut
    points : in a chunk; outputs : channels of the result
    """

    function: Callable[..., Tensor]
    fields: int
    points: int
    outputs: int

    def chunks(self, count: int) -> list[slice]:
        return [slice(i, i + self.points) for i in range(0, count, self.points)]

    def part(self, tensors: Sequence[Tensor], chunk: slice) -> list[Tensor]:
        return [t[chunk] if i < self.fields else t for i, t in enumerate(tensors)]

    def forward(self, *tensors: Tensor) -> Tensor:
        """Without gradient."""
        y = tensors[0].new_empty(len(tensors[0]), self.outputs)
        for chunk in self.chunks(len(y)):
            self.function(*self.part(tensors, chunk), out=y[chunk])
        return y

    def backward(
        self, gradient: Tensor, tensors: Sequence[Tensor], wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        """Gradients of the wanted tensors, each chunk computed again."""
        total = [torch.zeros_like(t) if w else None for t, w in zip(tensors, wanted, strict=True)]
        for chunk in self.chunks(len(gradient)):
            part = [
                t.detach().requires_grad_(w)
                for t, w in zip(self.part(tensors, chunk), wanted, strict=True)
            ]
            with torch.enable_grad():
                y = self.function(*part)
            for i, found in _gradients(y, part, wanted, gradient[chunk], create_graph=False):
                whole = total[i]
                assert whole is not None
                if i < self.fields:
                    whole[chunk] = found
                else:
                    whole += found
        return total


def _gradients(
    y: Tensor, tensors: Sequence[Tensor], wanted: Sequence[bool], gradient: Tensor,
    create_graph: bool,
) -> Iterator[tuple[int, Tensor]]:  # fmt: skip
    """Positions and gradients of the wanted tensors."""
    places = [i for i, w in enumerate(wanted) if w]
    leaves = [tensors[i] for i in places]
    found = torch.autograd.grad(y, leaves, gradient, create_graph=create_graph)
    return zip(places, found, strict=True)


class _Chunked(torch.autograd.Function):
    """A pointwise function in chunks, of which only its arguments are kept."""

    @staticmethod
    def forward(ctx: Any, cut: _Cut, *tensors: Tensor) -> Tensor:
        ctx.cut = cut
        ctx.save_for_backward(*tensors)
        return cut.forward(*tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        tensors, wanted = ctx.saved_tensors, ctx.needs_input_grad[1:]
        if not torch.is_grad_enabled():
            return (None, *ctx.cut.backward(gradients[0], tensors, wanted))
        # create_graph: in one piece, to be differentiated again
        result: list[Tensor | None] = [None] * len(tensors)
        y = ctx.cut.function(*tensors)
        for i, found in _gradients(y, tensors, wanted, gradients[0], create_graph=True):
            result[i] = found
        return (None, *result)


class PointwiseNetwork(nn.Module):
    """Linear, GELU, linear on the last axis: (..., inputs) -> (..., outputs).

    fused : in chunks, without keeping the middle layer, for any number of backward passes; False:
        plain operations, which forward-mode differentiation and `torch.func` know, too
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, fused: bool = True) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)
        self.fused = fused

    def forward(self, x: Tensor) -> Tensor:
        return self.evaluate(two_layers, x)

    def evaluate(
        self, function: Callable[..., Tensor], *fields: Tensor, extra: tuple[Tensor, ...] = ()
    ) -> Tensor:
        """function(*fields, weight, bias, weight, bias, *extra, out=None) at every point."""
        flat = [x.reshape(-1, x.shape[-1]) for x in fields]
        layers = (self.first.weight, self.first.bias, self.second.weight, self.second.bias)
        if self.fused and not torch.is_autocast_enabled(fields[0].device.type):
            points = max(1, CHUNK // self.first.out_features)
            cut = _Cut(function, len(flat), points, self.second.out_features)
            if torch.is_grad_enabled():
                y = _Chunked.apply(cut, *flat, *layers, *extra)
            else:
                y = cut.forward(*flat, *layers, *extra)
        else:
            y = function(*flat, *layers, *extra)
        return y.view(*fields[0].shape[:-1], -1)
