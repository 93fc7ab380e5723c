"""Jets through linear layers, and through what only moves numbers around.

The first axis of a network's tensors counts the points. What mixes points has no meaning here
and is refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .jets import Coefficient, Index, Jet, Unreadable, full, plain
from .operations import Unary, rule_for


def mixed(name: str) -> Unreadable:
    return Unreadable(
        f"expected '{name}' to leave the points of the first axis apart, got one that mixes them;"
        " choose another axis"
    )


def spread(f: Jet, c: Tensor) -> Tensor:
    """A coefficient in the shape of the values; a first axis of length 1 stays."""
    return c if c.ndim == f.ndim and c.shape[1:] == f.shape[1:] else full(c, f.value)


def moved(f: Jet, apply: Unary, value: Tensor | None = None) -> Jet:
    """A linear map that treats all points alike; value: where it is not apply(f.value).

    It counts axes from the end, because coefficients may have one more in front.
    """

    def rule(index: Index) -> Coefficient:
        c = f.at(index)
        if c is None:
            return None
        return apply(c if c.ndim > f.ndim else spread(f, c))

    return f.result(apply(f.value) if value is None else value, rule)


def inner_axis(f: Jet, name: str, axis: int) -> int:
    """An axis that does not count points, counted from the end."""
    if not -f.ndim < axis < f.ndim or axis == 0:
        raise mixed(name)
    return axis if axis < 0 else axis - f.ndim


# -- linear layers -----------------------------------------------------------------------------


@rule_for("linear")
def linear(f: Jet, weight: Tensor, bias: Tensor | None = None) -> Jet:
    if isinstance(weight, Jet) or f.ndim < 2:
        raise mixed("linear")
    value = nn.functional.linear(f.value, weight, bias)
    return moved(f, lambda c: nn.functional.linear(c, weight), value)


@rule_for("matmul", "mm", "mv")
def matmul(f: Any, matrix: Any) -> Jet:
    if not isinstance(f, Jet) or isinstance(matrix, Jet) or f.ndim < 2 or matrix.ndim > 2:
        raise mixed("matmul")
    return moved(f, lambda c: c @ matrix)


@rule_for("addmm")
def addmm(bias: Tensor, f: Any, matrix: Any) -> Any:
    return matmul(f, matrix) + bias


@rule_for("sum")
def total(f: Jet, dim: int | None = None, keepdim: bool = False) -> Jet:
    axis = inner_axis(f, "sum", 0 if dim is None else dim)
    return moved(f, lambda c: c.sum(dim=axis, keepdim=keepdim))


@rule_for("mean")
def mean(f: Jet, dim: int | None = None, keepdim: bool = False) -> Jet:
    axis = inner_axis(f, "mean", 0 if dim is None else dim)
    return moved(f, lambda c: c.mean(dim=axis, keepdim=keepdim))


@rule_for("clone", "contiguous")
def same(f: Jet, **_: Any) -> Jet:
    return f


@rule_for("to", "type_as", "double", "float")
def to(f: Jet, target: Any = None) -> Any:
    raise Unreadable("expected one precision throughout the network, got a conversion")


# -- shapes ------------------------------------------------------------------------------------


def leaves_points(key: Any) -> bool:
    """Whether an index takes all points of the first axis."""
    return isinstance(key, tuple) and len(key) > 0 and (key[0] is ... or key[0] == slice(None))


@rule_for("getitem", "__getitem__")
def getitem(f: Jet, key: Any) -> Jet:
    if leaves_points(key):
        return moved(f, lambda c: c[(slice(None),) * (c.ndim - f.ndim) + key])

    def rule(index: Index) -> Coefficient:
        c = f.at(index)
        return None if c is None else full(c, f.value)[key]

    return f.result(f.value[key], rule)


@rule_for("select")
def select(f: Jet, dim: int, index: int) -> Jet:
    axis = inner_axis(f, "select", dim)
    return moved(f, lambda c: c.select(axis, index))


@rule_for("narrow")
def narrow(f: Jet, dim: int, start: int, length: int) -> Jet:
    axis = inner_axis(f, "narrow", dim)
    return moved(f, lambda c: c.narrow(axis, start, length))


@rule_for("unbind")
def unbind(f: Jet, dim: int = 0) -> tuple[Jet, ...]:
    axis = inner_axis(f, "unbind", dim)
    return tuple(select(f, axis, i) for i in range(f.shape[axis]))


@rule_for("split")
def split(f: Jet, sizes: int | Sequence[int], dim: int = 0) -> tuple[Jet, ...]:
    axis = inner_axis(f, "split", dim)
    length = f.shape[axis]
    if isinstance(sizes, int):
        sizes = [min(sizes, length - start) for start in range(0, length, sizes)]
    starts = itertools.accumulate(sizes, initial=0)
    return tuple(narrow(f, axis, start, n) for start, n in zip(starts, sizes, strict=False))


@rule_for("chunk")
def chunk(f: Jet, chunks: int, dim: int = 0) -> tuple[Jet, ...]:
    axis = inner_axis(f, "chunk", dim)
    return split(f, -(-f.shape[axis] // chunks), axis)


@rule_for("unsqueeze")
def unsqueeze(f: Jet, dim: int) -> Jet:
    if dim == 0 or dim == -f.ndim - 1:
        raise mixed("unsqueeze")
    axis = dim if dim < 0 else dim - f.ndim - 1
    return moved(f, lambda c: c.unsqueeze(axis))


@rule_for("squeeze")
def squeeze(f: Jet, dim: int) -> Jet:
    axis = inner_axis(f, "squeeze", dim)
    return moved(f, lambda c: c.squeeze(axis))


@rule_for("flatten")
def flatten(f: Jet, start_dim: int = 0, end_dim: int = -1) -> Jet:
    start, end = (inner_axis(f, "flatten", axis) for axis in (start_dim, end_dim))
    return moved(f, lambda c: c.flatten(start, end))


@rule_for("reshape", "view")
def reshape(f: Jet, *shape: Any) -> Jet:
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    value = f.value.reshape(sizes)
    if value.shape[0] != f.shape[0]:
        raise mixed("reshape")
    return moved(f, lambda c: c.reshape(*c.shape[: c.ndim - f.ndim + 1], *value.shape[1:]), value)


def joined(name: str, join: Any, parts: Sequence[Any], dim: int) -> Jet:
    """cat or stack; a coefficient that no part has is zero there."""
    jets = [part for part in parts if isinstance(part, Jet)]
    value = join([plain(part) for part in parts], dim=dim)
    if dim in (0, -value.ndim):
        raise mixed(name)
    axis = dim if dim < 0 else dim - value.ndim

    def rule(index: Index) -> Coefficient:
        found = [part.at(index) if isinstance(part, Jet) else None for part in parts]
        if all(c is None for c in found):
            return None
        each = zip(found, parts, strict=True)
        shaped = [None if c is None else spread(part, c) for c, part in each]
        shared = [plain(part).ndim - 1 for part in parts]
        lead = torch.broadcast_shapes(
            *(c.shape[: c.ndim - k] for c, k in zip(shaped, shared, strict=True) if c is not None)
        )
        whole = []
        for c, part in zip(shaped, parts, strict=True):
            size = (*lead, *plain(part).shape[1:])
            whole.append(plain(part).new_zeros(size) if c is None else c.expand(size))
        return join(whole, dim=axis)

    return jets[0].result(value, rule)


@rule_for("cat", "concat", "concatenate")
def cat(parts: Sequence[Any], dim: int = 0) -> Jet:
    return joined("cat", torch.cat, parts, dim)


@rule_for("stack")
def stack(parts: Sequence[Any], dim: int = 0) -> Jet:
    return joined("stack", torch.stack, parts, dim)


# -- what has no derivatives -------------------------------------------------------------------


@rule_for("detach")
def detach(f: Jet) -> Tensor:
    return f.value.detach()


def of_values(name: str) -> None:
    """A question on the values, or a function that is constant between its jumps."""

    def rule(f: Any, *arguments: Any, **options: Any) -> Any:
        return getattr(plain(f), name)(*(plain(a) for a in arguments), **options)

    rule_for(name)(rule)


for _name in (
    "floor", "ceil", "round", "trunc", "sign", "isfinite", "isnan", "lt", "le", "gt", "ge",
    "dim", "size", "numel", "is_complex", "is_floating_point", "new_zeros", "new_ones",
    "new_full", "new_tensor",
):  # fmt: skip
    of_values(_name)


def _like(name: str) -> None:
    def rule(f: Jet, **options: Any) -> Tensor:
        return getattr(torch, name)(f.value, **options)

    rule_for(name)(rule)


for _name in ("zeros_like", "ones_like"):
    _like(_name)
