"""Truncated multivariate Taylor series as tensors: the arithmetic of Taylor mode.

A `Jet` stands for a tensor that is a function of the coordinates, point by point. Beside its
values it knows its Taylor coefficients c_a = (d^a f) / a! by multi-index a, one small integer a
coordinate. Coefficients are computed when they are asked for, once.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...geometry.errors import InputError

Index = tuple[int, ...]
Coefficient = Tensor | None
"""None is zero because of the structure. What is the same at all points may have a first axis of
length 1, or fewer axes than the values: it broadcasts to them. One more axis in front stands for
several directions (`randomised`)."""
Rule = Callable[[Index], Coefficient]


class Unreadable(InputError):
    """A network or a residual that Taylor mode has no rules for."""


OPERATIONS: dict[str, Callable[..., Any]] = {}
"""What a jet can do, by the name of the torch function or method; filled by `operations`."""


@functools.lru_cache(maxsize=4096)
def below(index: Index) -> tuple[Index, ...]:
    """All multi-indices <= index, every one after those below it."""
    return tuple(itertools.product(*(range(order + 1) for order in index)))


def closure(indices: Iterable[Index]) -> tuple[Index, ...]:
    """The least downward-closed set that holds the indices, by order.

    >>> closure([(0, 2), (1, 0)])
    ((0, 0), (0, 1), (1, 0), (0, 2))
    """
    found = {b for a in indices for b in below(a)}
    return tuple(sorted(found, key=lambda a: (sum(a), a)))


def plus(a: Index, b: Index) -> Index:
    return tuple(map(int.__add__, a, b))


def minus(a: Index, b: Index) -> Index:
    return tuple(map(int.__sub__, a, b))


def factorial(index: Index) -> int:
    """a! = a_1! a_2! …"""
    return math.prod(map(math.factorial, index))


def full(c: Tensor, value: Tensor) -> Tensor:
    """A coefficient in the shape of the values; an axis of directions in front stays there."""
    return c if c.shape == value.shape or c.ndim > value.ndim else c.expand(value.shape)


class Jet:
    """A tensor with Taylor coefficients in the coordinates.

    value: the tensor. rule: the coefficient of a multi-index that is not zero. eager: indices,
    in the order of `closure`, that are computed at once; then the rule is dropped, and with it
    what it holds. strict: a plain tensor of one value a point is a field whose derivatives are
    not known, instead of a constant.

    Torch functions take jets as they take tensors; one that has no rule raises InputError.
    """

    __array_ufunc__ = None  # NumPy numbers leave the arithmetic to this class
    __slots__ = ("_memory", "_rule", "eager", "strict", "value")

    def __init__(
        self,
        value: Tensor,
        rule: Rule | None,
        eager: tuple[Index, ...] = (),
        strict: bool = False,
        memory: dict[Index, Coefficient] | None = None,
    ) -> None:
        self.value, self.eager, self.strict = value, eager, strict
        self._memory: dict[Index, Coefficient] = {} if memory is None else memory
        self._rule: Rule | None = rule
        if eager:
            for index in eager:
                self.at(index)
            self._rule = None

    def at(self, index: Index) -> Coefficient:
        """The Taylor coefficient of a multi-index."""
        if not any(index):
            return self.value
        if index not in self._memory:
            if self._rule is None:
                raise KeyError(index)
            self._memory[index] = self._rule(index)
        return self._memory[index]

    def partial(self, index: Index) -> Tensor:
        """The derivative d^a f, in the shape of the values."""
        c = self.at(index)
        if c is None:
            return torch.zeros_like(self.value)
        scale = factorial(index)
        return full(c if scale == 1 else c * scale, self.value)

    def derivative(self, index: Index) -> Jet:
        """d^a f as a jet."""

        def rule(more: Index) -> Coefficient:
            raised = plus(index, more)
            c, scale = self.at(raised), factorial(raised) // factorial(more)
            return c if c is None or scale == 1 else c * scale

        return Jet(self.partial(index), rule, (), self.strict)

    def known(self) -> Jet:
        """The coefficients that are already there, without the rule for others."""
        return Jet(self.value, None, (), self.strict, self._memory)

    def lazy(self) -> Jet:
        """The same; what is made of it is computed only where it is asked for."""
        return Jet(self.value, self.at, (), self.strict, self._memory)

    def result(
        self, value: Tensor, rule: Rule | None, memory: dict[Index, Coefficient] | None = None
    ) -> Jet:
        """What an operation makes of this jet."""
        return Jet(value, rule, self.eager, self.strict, memory)

    @classmethod
    def operation(cls, name: str) -> Callable[..., Any]:
        """The rule of a torch function or method."""
        return operation(name)

    # -- as a tensor ---------------------------------------------------------------------------

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        name = getattr(function, "__name__", str(function))
        return cls.operation(name)(*args, **(kwargs or {}))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return functools.partial(self.operation(name), self)

    def calculus_function(self, name: str) -> Any:
        """What sin, exp and friends of `geometry.calculus.functions` ask for."""
        return self.operation(name)(self)

    @property
    def shape(self) -> torch.Size:
        return self.value.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.value.dtype

    @property
    def device(self) -> torch.device:
        return self.value.device

    @property
    def ndim(self) -> int:
        return self.value.ndim

    def __len__(self) -> int:
        return len(self.value)

    def __bool__(self) -> bool:
        raise InputError(
            "expected an equation without branches on values, got one; use torch.where"
        )

    def __repr__(self) -> str:
        return f"Jet({self.value!r})"

    def __add__(self, other: Any) -> Any:
        return operation("add")(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return operation("sub")(self, other)

    def __rsub__(self, other: Any) -> Any:
        return operation("sub")(other, self)

    def __mul__(self, other: Any) -> Any:
        return operation("mul")(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return operation("div")(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return operation("div")(other, self)

    def __pow__(self, other: Any) -> Any:
        return operation("pow")(self, other)

    def __rpow__(self, other: Any) -> Any:
        return operation("pow")(other, self)

    def __matmul__(self, other: Any) -> Any:
        return operation("matmul")(self, other)

    def __neg__(self) -> Any:
        return operation("neg")(self)

    def __pos__(self) -> Jet:
        return self

    def __getitem__(self, key: Any) -> Any:
        return operation("getitem")(self, key)

    def __lt__(self, other: Any) -> Tensor:
        return self.value < plain(other)

    def __le__(self, other: Any) -> Tensor:
        return self.value <= plain(other)

    def __gt__(self, other: Any) -> Tensor:
        return self.value > plain(other)

    def __ge__(self, other: Any) -> Tensor:
        return self.value >= plain(other)


def operation(name: str) -> Callable[..., Any]:
    """The rule of a torch function. Raises InputError where there is none."""
    if name not in OPERATIONS:
        raise Unreadable(
            f"expected operations that Taylor mode knows, got '{name}'; write it by others or"
            " choose the derivatives 'nested'"
        )
    return OPERATIONS[name]


def plain(value: Any) -> Any:
    """Values without coefficients, also within tuples, lists and dictionaries."""
    if isinstance(value, Jet):
        return value.value
    if isinstance(value, tuple | list):
        return type(value)(plain(part) for part in value)
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    return value
