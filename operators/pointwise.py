"""Two-layer networks applied at every point, without keeping their wide middle layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHUNK = 4096
"""Points worked on at once: the middle layer of a chunk then stays in the cache."""


gelu_ = torch.ops.aten.gelu_
"""GELU in place, for tensors that no gradient is recorded of."""


def two_layers(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """w2 gelu(w1 x + b1) + b2 on the last axis of x (points, channels)."""
    return F.linear(F.gelu(F.linear(x, w1, b1)), w2, b2)


class _Recomputed(torch.autograd.Function):
    """`two_layers` chunk by chunk; the backward pass computes the middle layer again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
        ctx.save_for_backward(x, w1, b1, w2, b2)
        y = x.new_empty(len(x), len(w2))
        buffer = x.new_empty(min(CHUNK, len(x)), len(w1))
        for part, out in zip(x.split(CHUNK), y.split(CHUNK), strict=True):
            middle = gelu_(torch.addmm(b1, part, w1.T, out=buffer[: len(part)]))
            torch.addmm(b2, middle, w2.T, out=out)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        inputs = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: plain operations, to be differentiated again
            needed = [i for i, wanted in enumerate(ctx.needs_input_grad) if wanted]
            found = torch.autograd.grad(
                two_layers(*inputs), [inputs[i] for i in needed], gradient, create_graph=True
            )
            result: list[Tensor | None] = [None] * len(inputs)
            for i, value in zip(needed, found, strict=True):
                result[i] = value
            return tuple(result)
        return _first_order(gradient, ctx.needs_input_grad[0], *inputs)


def _first_order(
    gradient: Tensor, needs_x: bool, x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
) -> tuple[Tensor | None, ...]:
    dw1, db1, dw2 = torch.zeros_like(w1), torch.zeros_like(b1), torch.zeros_like(w2)
    dx = torch.empty_like(x) if needs_x else None
    for start in range(0, len(x), CHUNK):
        part, g = x[start : start + CHUNK], gradient[start : start + CHUNK]
        before = F.linear(part, w1, b1)
        dw2.addmm_(g.T, F.gelu(before))
        d_before = torch.ops.aten.gelu_backward(g @ w2, before)
        dw1.addmm_(d_before.T, part)
        db1 += d_before.sum(0)
        if dx is not None:
            torch.mm(d_before, w1, out=dx[start : start + CHUNK])
    return dx, dw1, db1, dw2, gradient.sum(0)


class PointwiseNetwork(nn.Module):
    """Linear, GELU, linear on the last axis: (..., inputs) -> (..., outputs).

    fused : chunk by chunk without storing the middle layer; any number of backward passes
        works, but not forward-mode differentiation or `torch.func` transforms. False: plain
        operations.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, fused: bool = True) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)
        self.fused = fused

    def forward(self, x: Tensor) -> Tensor:
        parameters = (self.first.weight, self.first.bias, self.second.weight, self.second.bias)
        points = x.reshape(-1, x.shape[-1])
        if self.fused and not torch.is_autocast_enabled(x.device.type):
            y = _Recomputed.apply(points, *parameters)
        else:
            y = two_layers(points, *parameters)
        return y.view(*x.shape[:-1], -1)
