"""Small networks applied at every point, without keeping their wide middle layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHUNK = 1 << 18
"""Numbers of a middle layer worked on at once, 1 MiB in float32: a chunk stays in the cache."""


def two_layers(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """w2 gelu(w1 x + b1) + b2 on the last axis of x (points, channels)."""
    return F.linear(F.gelu(F.linear(x, w1, b1)), w2, b2)


class _Chunked(torch.autograd.Function):
    """A pointwise function chunk by chunk; the backward pass computes each chunk again.

    function(*fields, *parameters): the first `fields` tensors are (points, channels) and are cut.
    """

    @staticmethod
    def forward(
        ctx: Any, function: Callable[..., Tensor], points: int, fields: int, *tensors: Tensor
    ) -> Tensor:
        ctx.function, ctx.points, ctx.fields = function, points, fields
        ctx.save_for_backward(*tensors)
        parts = zip(*(t.split(points) for t in tensors[:fields]), strict=True)
        return torch.cat([function(*part, *tensors[fields:]) for part in parts])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), tensors = gradients, ctx.saved_tensors
        wanted = ctx.needs_input_grad[3:]
        if torch.is_grad_enabled():  # create_graph: at once, to be differentiated again
            y = ctx.function(*tensors)
            inputs = [t for t, needed in zip(tensors, wanted, strict=True) if needed]
            found = iter(torch.autograd.grad(y, inputs, gradient, create_graph=True))
            return (None, None, None, *(next(found) if needed else None for needed in wanted))
        fields = ctx.fields
        leaves = [t.detach().requires_grad_(w) for t, w in zip(tensors, wanted, strict=True)]
        total: list[Tensor | None] = [
            (torch.empty_like(t) if i < fields else torch.zeros_like(t)) if w else None
            for i, (t, w) in enumerate(zip(tensors, wanted, strict=True))
        ]
        for start in range(0, len(tensors[0]), ctx.points):
            here = slice(start, start + ctx.points)
            part = [t[here].detach().requires_grad_(w) for t, w in
                    zip(tensors[:fields], wanted, strict=False)] + leaves[fields:]  # fmt: skip
            with torch.enable_grad():
                y = ctx.function(*part)
            needed = [i for i, w in enumerate(wanted) if w]
            found = iter(torch.autograd.grad(y, [part[i] for i in needed], gradient[here]))
            for i, value in zip(needed, found, strict=True):
                whole = total[i]
                assert whole is not None
                if i < fields:
                    whole[here] = value
                else:
                    whole += value
        return (None, None, None, *total)


def chunked(function: Callable[..., Tensor], hidden: int, fields: int, *tensors: Tensor) -> Tensor:
    """function(*tensors), where the first `fields` tensors are (points, channels), in chunks.

    hidden : width of its middle layer, from which the size of a chunk follows
    Any number of backward passes works; not forward-mode differentiation or `torch.func`.
    """
    return _Chunked.apply(function, max(1, CHUNK // hidden), fields, *tensors)


class PointwiseNetwork(nn.Module):
    """Linear, GELU, linear on the last axis: (..., inputs) -> (..., outputs).

    fused : in chunks, without keeping the middle layer; False: plain operations
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
        """function(*fields, weight, bias, weight, bias, *extra) at every point of the fields."""
        flat = [x.reshape(-1, x.shape[-1]) for x in fields]
        layers = (self.first.weight, self.first.bias, self.second.weight, self.second.bias)
        if self.fused and not torch.is_autocast_enabled(fields[0].device.type):
            y = chunked(function, self.first.out_features, len(flat), *flat, *layers, *extra)
        else:
            y = function(*flat, *layers, *extra)
        return y.view(*fields[0].shape[:-1], -1)
