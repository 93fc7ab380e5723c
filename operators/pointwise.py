"""Small networks applied at every point, without keeping their wide middle layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .fused import gelu_, gelu_gradient_, linear, recorded_gradients

CHUNK = 1 << 18
"""Numbers of a middle layer worked on at once, 1 MiB in float32: a chunk stays in the cache."""


class Arguments(NamedTuple):
    """What a network is evaluated with: q and x are (points, channels), x and gate may be None."""

    q: Tensor
    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor
    x: Tensor | None = None
    gate: Tensor | None = None

    def chunks(self) -> Iterator[tuple[slice, Arguments]]:
        """The points a few at a time."""
        step = max(1, CHUNK // len(self.w1))
        for start in range(0, len(self.q), step):
            chunk = slice(start, start + step)
            x = None if self.x is None else self.x[chunk]
            yield chunk, self._replace(q=self.q[chunk], x=x)


def plain(arguments: Arguments, activate: bool) -> Tensor:
    """M(q) = w2 gelu(w1 q + b1) + b2, plus gate x where they are given.

    activate : with gelu(q) for q, and gelu of the result
    """
    q, w1, b1, w2, b2, x, gate = arguments
    y = F.linear(F.gelu(F.linear(F.gelu(q) if activate else q, w1, b1)), w2, b2)
    if x is not None and gate is not None:
        y = torch.addcmul(y, x, gate)
    return F.gelu(y) if activate else y


def _evaluate(arguments: Arguments, activate: bool, out: Tensor) -> Tensor:
    """`plain` without gradient, in chunks; `out` may be q."""
    for chunk, (q, w1, b1, w2, b2, x, gate) in arguments.chunks():
        y = linear(linear(F.gelu(q) if activate else q, w1, b1, gelu=True), w2, b2)
        if x is not None and gate is not None:
            y.addcmul_(x, gate)
        out[chunk] = gelu_(y) if activate else y
    return out


def _gradients(
    arguments: Arguments, activate: bool, gradient: Tensor, want_q: bool
) -> tuple[Tensor | None, ...]:
    """Gradients of `plain` with respect to its arguments, in their order."""
    q, w1, b1, w2, b2, x, gate = arguments
    a = F.gelu(q) if activate else q
    h = linear(a, w1, b1)
    m = F.gelu(h)
    if activate:
        y = linear(m, w2, b2)
        if x is not None and gate is not None:
            y.addcmul_(x, gate)
        gradient = gelu_gradient_(gradient.clone(), y)
    d_h = gelu_gradient_(linear(gradient, w2.T), h)
    d_q = linear(d_h, w1.T) if want_q else None
    if d_q is not None and activate:
        gelu_gradient_(d_q, q)
    d_x = None if gate is None else gradient * gate
    d_gate = None if x is None else (gradient * x).sum(0)
    return d_q, d_h.T @ a, d_h.sum(0), gradient.T @ m, gradient.sum(0), d_x, d_gate


class _Chunked(torch.autograd.Function):
    """`plain` in chunks, of which only the arguments are kept."""

    @staticmethod
    def forward(ctx: Any, activate: bool, *tensors: Tensor | None) -> Tensor:
        ctx.activate = activate
        ctx.save_for_backward(*tensors)
        given = Arguments(*tensors)  # type: ignore[arg-type]
        return _evaluate(given, activate, given.q.new_empty(len(given.q), len(given.w2)))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), given = gradients, Arguments(*ctx.saved_tensors)
        wanted = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():  # create_graph: to be differentiated again
            y = plain(given, ctx.activate)
            return (None, *recorded_gradients(y, given, gradient))
        total = [
            torch.zeros_like(t) if t is not None and w else None
            for t, w in zip(given, wanted, strict=True)
        ]
        for chunk, part in given.chunks():
            found = _gradients(part, ctx.activate, gradient[chunk], wanted[0])
            for whole, new, at_points in zip(total, found, PER_POINT, strict=True):
                if whole is None or new is None:
                    continue
                if at_points:
                    whole[chunk] = new
                else:
                    whole += new
        return (None, *total)


PER_POINT = [field in ("q", "x") for field in Arguments._fields]


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
        return self.evaluate(x)

    def evaluate(
        self, q: Tensor, x: Tensor | None = None, gate: Tensor | None = None, activate: bool = False
    ) -> Tensor:
        """`plain` with the weights of this network; with x and without gradient, in place of q."""
        given = Arguments(
            q.reshape(-1, q.shape[-1]),
            self.first.weight, self.first.bias, self.second.weight, self.second.bias,
            None if x is None else x.reshape(-1, x.shape[-1]), gate,
        )  # fmt: skip
        if not self.fused or torch.is_autocast_enabled(q.device.type):
            y = plain(given, activate)
        elif torch.is_grad_enabled():
            y = _Chunked.apply(activate, *given)
        else:
            place = given.q.new_empty(len(given.q), len(given.w2)) if x is None else given.q
            y = _evaluate(given, activate, place)
        return y.view(*q.shape[:-1], -1)
