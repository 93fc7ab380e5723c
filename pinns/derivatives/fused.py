"""Taylor mode with chains of linear layers and activations as one compiled pass.

What flows through the network is a jet that waits: it collects linear layers and activations, and
runs them all at once when something else is asked of it. So whatever a network is made of, its
plain stretches are fast, and the rest is ordinary Taylor mode.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import blocks, instructions, programs
from .jets import Coefficient, Index, Jet, full
from .readings import Taylor

BLOCK = 32  # points; with more of them the coefficients leave the second-level cache
LARGEST = 256  # coefficients; LLVM takes seconds for the code of so many, and minutes for more


class Fused(Taylor):
    """Taylor mode, compiled for chains of linear layers with the activations of `programs.SEEDS`.

    On one processor, in single and double precision; other chains run as in `Taylor`. Results
    can be differentiated once.
    """

    def jet(self, points: Tensor, indices: tuple[Index, ...]) -> Jet:
        jet = super().jet(points, indices)
        return FusedJet(jet.value, None, jet.eager, jet.strict, jet._memory)


class FusedJet(Jet):
    """A jet with which a chain may begin."""

    __slots__ = ()

    def result(self, value: Tensor, rule: Any, memory: Any = None) -> Jet:
        return FusedJet(value, rule, self.eager, self.strict, memory)

    @classmethod
    def operation(cls, name: str) -> Callable[..., Any]:
        if name == "linear":
            return linear
        if name in programs.SEEDS:
            return functools.partial(activation, name)
        return super().operation(name)


def linear(f: Jet, weight: Tensor, bias: Tensor | None = None) -> Jet:
    """A chain that goes on, or begins."""
    if not isinstance(f, FusedJet) or not fits(f, weight, bias):
        return Jet.operation("linear")(f, weight, bias)
    if isinstance(f, Chain) and not f.done and f.active == len(f.layers):
        return Chain(f.source, (*f.layers, (weight, bias)), f.active, f.name)
    return Chain(f, ((weight, bias),), 0, "")


def activation(name: str, f: Jet, *arguments: Any, **options: Any) -> Jet:
    """A chain that ends here, or goes on after its next layer."""
    plain = not arguments and not any(v for v in options.values() if v != "none")
    waits = isinstance(f, Chain) and not f.done and f.active == len(f.layers) - 1
    if waits and plain and f.name in ("", name):
        return Chain(f.source, f.layers, len(f.layers), name)
    return Jet.operation(name)(f, *arguments, **options)


def fits(f: FusedJet, weight: Any, bias: Any) -> bool:
    """Whether the compiled pass can run the layer."""
    source = f.source if isinstance(f, Chain) else f
    return (
        0 < len(f.eager) < LARGEST
        and isinstance(weight, Tensor)
        and (bias is None or isinstance(bias, Tensor))
        and weight.dtype in (torch.float32, torch.float64)
        and weight.device.type == "cpu"
        and (isinstance(f, Chain) or (source.ndim == 2 and source.dtype == weight.dtype))
    )


Layers = tuple[tuple[Tensor, Tensor | None], ...]


class Chain(FusedJet):
    """Layers that have been asked for. They run when the values are wanted, once.

    The first `active` of them, all or all but the last, are followed by the activation `name`.
    """

    __slots__ = ("_value", "active", "layers", "name", "source")

    def __init__(self, source: FusedJet, layers: Layers, active: int, name: str) -> None:
        self.source, self.layers, self.active, self.name = source, layers, active, name
        self.eager, self.strict = source.eager, source.strict
        self._rule = None
        self._value: Tensor | None = None

    @property
    def done(self) -> bool:
        return self._value is not None

    @property
    def value(self) -> Tensor:  # type: ignore[override]
        if self._value is None:
            zero = (0,) * len(self.eager[0])
            indices = (zero, *self.eager)
            shape = self.source.shape
            found = [self.source.at(index) for index in indices]
            like = self.source.value
            stacked = torch.stack(
                [like.new_zeros(shape) if c is None else full(c, like) for c in found]
            )
            spec = Spec(indices, self.name or "tanh", self.active, torch.is_grad_enabled())
            flat = [
                part
                for weight, bias in self.layers
                for part in (weight, weight.new_zeros(len(weight)) if bias is None else bias)
            ]
            out = CompiledPass.apply(stacked, spec, *flat)
            self._value, *rest = out.unbind()
            self._memory: dict[Index, Coefficient] = dict(zip(self.eager, rest, strict=True))
        return self._value

    def at(self, index: Index) -> Coefficient:
        value = self.value
        return self._memory[index] if any(index) else value


@dataclass(frozen=True)
class Spec:
    """What a pass needs beside numbers."""

    indices: tuple[Index, ...]
    activation: str
    active: int
    keep: bool


class Memory:
    """An array that goes back to the shelf when its last user is gone: fresh pages are slow."""

    def __init__(self, size: int, dtype: np.dtype) -> None:
        wanted = size * dtype.itemsize
        try:
            whole = SHELF.pop()
        except IndexError:
            whole = np.empty(wanted, np.uint8)
        if not wanted <= len(whole) <= 4 * wanted:
            whole = np.empty(wanted, np.uint8)
        self.whole, self.array = whole, whole[:wanted].view(dtype)

    def __del__(self) -> None:
        if len(SHELF) < SHELVED:
            SHELF.append(self.whole)


SHELF: list[np.ndarray] = []
SHELVED = 4


class CompiledPass(torch.autograd.Function):
    """Features (indices, n, inputs) and layers to values (indices, n, outputs)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, spec: Spec, *layers: Tensor) -> Tensor:
        matrices = layers[::2]
        widths = np.array([features.shape[2], *(len(matrix) for matrix in matrices)])
        weights = torch.cat([part.detach().reshape(-1) for part in layers]).numpy()
        transposed = torch.cat([m.detach().T.reshape(-1) for m in matrices]).numpy()
        array = features.detach().numpy()
        count, points, _ = features.shape
        out = torch.empty((count, points, int(widths[-1])), dtype=features.dtype)
        rows = -(-points // BLOCK) * BLOCK if spec.keep else BLOCK
        saved = Memory(count * rows * int(widths[1 : spec.active + 1].sum()), array.dtype)
        activate = instructions.compiled(spec.indices, spec.activation, False, array.dtype)
        blocks.forward(
            array, weights, transposed, widths, spec.active, activate, BLOCK, spec.keep,
            saved.array, out.numpy(),
        )  # fmt: skip
        ctx.spec, ctx.array, ctx.weights, ctx.widths, ctx.saved = (
            spec,
            array,
            weights,
            widths,
            saved,
        )
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        spec, array, weights, widths = ctx.spec, ctx.array, ctx.weights, ctx.widths
        gradient = np.empty_like(weights)
        inputs = np.empty(array.shape if ctx.needs_input_grad[0] else (0, 0, 0), array.dtype)
        activate = instructions.compiled(spec.indices, spec.activation, True, array.dtype)
        blocks.backward(
            cotangent.contiguous().numpy(), array, weights, widths, spec.active, activate, BLOCK,
            ctx.saved.array, gradient, inputs,
        )  # fmt: skip
        sizes = [(m, k) for k, m in itertools.pairwise(widths)]
        shapes = [shape for m, k in sizes for shape in ((m, k), (m,))]
        parts = torch.from_numpy(gradient).split([int(np.prod(shape)) for shape in shapes])
        slopes = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
        return torch.from_numpy(inputs) if len(inputs) else None, None, *slopes
