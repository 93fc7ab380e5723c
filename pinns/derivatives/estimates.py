"""Numbers that are right in the mean only: sums over coordinates from a part of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ...geometry.errors import InputError
from .jets import Index, Jet, plain


def refuse_slope(_: Index) -> NoReturn:
    raise InputError(
        "expected derivatives within a sum over coordinates, got one of a sum; write the terms out"
    )


def refuse(name: str) -> Callable[..., NoReturn]:
    def refused(*_: Any, **__: Any) -> NoReturn:
        raise InputError(
            f"expected a residual that is linear in its sums over coordinates, got '{name}' of"
            " one; a function of an estimate is biased: take all coordinates or another reading"
        )

    return refused


class Estimate(Jet):
    """May be added, and multiplied by what is exact; all else would be biased."""

    __slots__ = ()

    def __add__(self, other: Any) -> Estimate:
        return Estimate(self.value + plain(other), refuse_slope)

    __radd__ = __add__

    def __neg__(self) -> Estimate:
        return Estimate(-self.value, refuse_slope)

    def __sub__(self, other: Any) -> Estimate:
        return Estimate(self.value - plain(other), refuse_slope)

    def __rsub__(self, other: Any) -> Estimate:
        return Estimate(plain(other) - self.value, refuse_slope)

    def __mul__(self, other: Any) -> Estimate:
        if isinstance(other, Estimate):
            refuse("product")()
        return Estimate(self.value * plain(other), refuse_slope)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Estimate:
        if isinstance(other, Estimate):
            refuse("quotient")()
        return Estimate(self.value / plain(other), refuse_slope)

    __rtruediv__ = refuse("quotient")
    __pow__ = __rpow__ = refuse("power")
    __getitem__ = __matmul__ = refuse("part")

    @classmethod
    def operation(cls, name: str) -> Callable[..., Any]:
        return LINEAR.get(name) or refuse(name)


def _operator(direct: str, reflected: str) -> Callable[..., Any]:
    def apply(first: Any, second: Any) -> Estimate:
        if isinstance(first, Estimate):
            return getattr(first, direct)(second)
        return getattr(second, reflected)(first)

    return apply


LINEAR: dict[str, Callable[..., Any]] = {
    "add": _operator("__add__", "__radd__"),
    "sub": _operator("__sub__", "__rsub__"),
    "mul": _operator("__mul__", "__rmul__"),
    "div": _operator("__truediv__", "__rtruediv__"),
    "neg": Estimate.__neg__,
}
