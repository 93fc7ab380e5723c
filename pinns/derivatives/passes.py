"""Runs of stacked jets through a chain of layers, inside of a graph or beside it.

The graph of a small network costs more than its numbers. Where all that a loss is made of comes
from passes whose input has no graph, the graph begins at their values: `PASSES.outside`.
"""

from __future__ import annotations

import itertools
import operator
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import blocks, instructions
from .jets import Index, Unreadable
from .readings import flat

BLOCK = 32  # points; with more of them the coefficients leave the second-level cache


class Spec(NamedTuple):
    """What a pass needs beside numbers. widths: of the features and of what each layer gives."""

    indices: tuple[Index, ...]
    activation: str
    active: int
    widths: tuple[int, ...]


ALL = [(slice(None), slice(None))]


class Memory:
    """An array that goes back to the shelf when its last user is gone: fresh pages are slow."""

    def __init__(self, size: int, dtype: np.dtype) -> None:
        wanted = size * dtype.itemsize
        with LOCK:
            fitting = (old for old in tuple(SHELF) if wanted <= len(old) <= 4 * wanted)
            whole = next(fitting, None)
            SHELF[:] = [old for old in SHELF if old is not whole]  # its place may have changed
        self.whole = np.empty(wanted, np.uint8) if whole is None else whole
        self.array = self.whole[:wanted].view(dtype)

    def __del__(self) -> None:
        with LOCK:
            SHELF.append(self.whole)
            del SHELF[:-SHELVED]


SHELF: list[np.ndarray] = []
SHELVED = 4
LOCK = threading.RLock()  # a collection may run `__del__` anywhere while it is held


class Pass:
    """Features (indices, n, inputs) through the layers to `out` (indices, n, outputs), and back.

    layers: the matrix (out, in) and the bias of each, one after the other. keep: what is needed
    on the way back.
    """

    def __init__(self, features: Tensor, spec: Spec, layers: Sequence[Tensor], keep: bool) -> None:
        self.spec, self.layers, self.array = spec, layers, features.detach().numpy()
        self.widths = np.array(spec.widths)
        with torch.no_grad():
            self.weights = torch.cat([part.reshape(-1) for part in layers]).numpy()
        count, points, _ = self.array.shape
        self.out = torch.empty((count, points, spec.widths[-1]), dtype=features.dtype)
        rows = -(-points // BLOCK) * BLOCK if keep else BLOCK
        size = count * rows * sum(spec.widths[1 : spec.active + 1])
        self.saved = Memory(size, self.array.dtype)
        code = self.code(False)  # it lives as long as its user
        blocks.forward(
            self.array, self.weights, self.widths, spec.active, code.address, BLOCK,
            keep, self.saved.array, self.out.numpy(),
        )  # fmt: skip

    def code(self, backward: bool) -> instructions.Activation:
        return instructions.compiled(
            self.spec.indices, self.spec.activation, backward, self.array.dtype
        )

    def places(self, parameters: Sequence[Tensor]) -> list[tuple[slice, slice]]:
        """Where its layers stand in the vectors of all of them, and of these parameters."""
        if len(parameters) == len(self.layers) and all(map(operator.is_, parameters, self.layers)):
            return ALL
        sizes = [p.numel() for p in parameters]
        ends = itertools.accumulate(sizes, initial=0)
        starts = {id(p): start for p, start in zip(parameters, ends, strict=False)}
        found: list[tuple[slice, slice]] = []
        at = 0
        for part in self.layers:
            here, start = slice(at, at + part.numel()), starts.get(id(part))
            at = here.stop
            if start is None:
                continue
            there = slice(start, start + part.numel())
            if found and found[-1][0].stop == here.start and found[-1][1].stop == start:
                here, there = slice(found[-1][0].start, at), slice(found.pop()[1].start, there.stop)
            found.append((here, there))
        return found

    def back(self, cotangent: Tensor, inputs: bool) -> tuple[Tensor, Tensor | None]:
        """Cotangents of the layers, as one vector, and of the features, where they are wanted."""
        gradient = np.empty_like(self.weights)
        below = np.empty(self.array.shape if inputs else (0, 0, 0), self.array.dtype)
        self._backward(cotangent, gradient, below, np.empty(0, self.array.dtype))
        return torch.from_numpy(gradient), torch.from_numpy(below) if inputs else None

    def back_by_point(self, cotangent: Tensor, rows: Tensor) -> None:
        """What each point adds to the cotangents of the layers, to rows (n, numbers in layers)."""
        none = np.empty(0, self.array.dtype)
        self._backward(cotangent, none, none.reshape(0, 0, 0), rows.numpy().ravel())

    def _backward(
        self, cotangent: Tensor, gradient: np.ndarray, inputs: np.ndarray, each: np.ndarray
    ) -> None:
        code = self.code(True)
        blocks.backward(
            cotangent.contiguous().numpy(), self.array, self.weights, self.widths,
            self.spec.active, code.address, BLOCK, self.saved.array, gradient, inputs, each,
        )  # fmt: skip


class CompiledPass(torch.autograd.Function):
    """A pass in a graph."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, spec: Spec, *layers: Tensor) -> Tensor:
        ctx.run = Pass(features, spec, layers, keep=True)
        out = ctx.run.out
        del ctx.run.out  # it would hold the graph, which holds the pass
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        gradient, inputs = ctx.run.back(cotangent, ctx.needs_input_grad[0])
        parts = gradient.split([part.numel() for part in ctx.run.layers])
        slopes = [one.view(part.shape) for one, part in zip(parts, ctx.run.layers, strict=True)]
        return inputs, None, *slopes


class Linked(Unreadable):
    """A pass whose input has a graph, or parameters where they cannot be."""


class Passes(threading.local):
    """The passes of this thread that are to stand outside of the graph; None: there are none."""

    made: list[Pass] | None = None

    def run(self, features: Tensor, spec: Spec, layers: Sequence[Tensor]) -> Tensor:
        """The values; a leaf of the graph where passes stand outside."""
        if not torch.is_grad_enabled():
            return Pass(features, spec, layers, keep=False).out
        if self.made is None:
            return CompiledPass.apply(features, spec, *layers)
        if features.requires_grad or any(p.requires_grad and not p.is_leaf for p in layers):
            raise Linked
        self.made.append(Pass(features, spec, layers, keep=True))
        return self.made[-1].out.requires_grad_()

    @contextmanager
    def outside(self) -> Iterator[list[Pass]]:
        """Let passes stand outside, and collect them."""
        self.made = []
        try:
            yield self.made
        finally:
            self.made = None


PASSES = Passes()


def slopes(loss: Tensor, parameters: Sequence[Tensor], passes: Sequence[Pass]) -> Tensor:
    """d loss / d parameters (parameters,) where passes stand outside of the graph."""
    # The parameters of passes may be used beside them, too.
    inputs = [*(one.out for one in passes), *parameters]
    found = torch.autograd.grad(loss, inputs, allow_unused=True)
    result = flat(found[len(passes) :], parameters)
    for one, cotangent in zip(passes, found, strict=False):
        if cotangent is not None:
            own, _ = one.back(cotangent, False)
            for here, there in one.places(parameters):
                result[there] += own[here]
    return result


def slopes_by_point(
    values: Tensor, parameters: Sequence[Tensor], passes: Sequence[Pass], out: Tensor
) -> None:
    """d values / d parameters to out (n, misfits, parameters), where values are (n, misfits).

    What a row says may depend on its point alone. Raises Linked where parameters are used beside
    passes.
    """
    if all(one.places(parameters) == ALL for one in passes) and len(passes) == 1 == out.shape[1]:
        rooms = [out[:, 0]]  # contiguous, as `out` is
    else:
        out.zero_()
        rooms = [out.new_empty(len(out), len(one.weights)) for one in passes]
    inputs = [*(one.out for one in passes), *parameters]
    for i, column in enumerate(values.unbind(dim=1)):
        found = torch.autograd.grad(column.sum(), inputs, retain_graph=True, allow_unused=True)
        if any(slope is not None for slope in found[len(passes) :]):
            raise Linked
        for one, cotangent, room in zip(passes, found, rooms, strict=False):
            if cotangent is None:
                room.zero_()
                continue
            one.back_by_point(cotangent, room)
            if room.data_ptr() != out.data_ptr():
                for here, there in one.places(parameters):
                    out[:, i, there] += room[:, here]
