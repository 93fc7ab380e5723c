"""Ways to differentiate a field at points: `make_derivatives`.

All read the same functions `function(u, d, x)` (a residual, a condition) and agree to rounding.
"""

from __future__ import annotations

import functools
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ...geometry.calculus.autograd import AutogradCalculus
from ...geometry.calculus.base import check_coordinates
from ...geometry.errors import InputError
from ..fields import Named
from .expressions import Function, Partials, evaluate, examine, look_up
from .jets import Coefficient, Index, Jet, Unreadable, closure

Needs = tuple[dict[str, tuple[Index, ...]], bool]
Field = Callable[[Any], Any]
"""Points (n, coordinates) to values (n, unknowns); a network."""


class Derivatives(ABC):
    """A field that can be asked for functions of its derivatives.

    field: points (n, coordinates) to values (n, unknowns), row by row; in any floating
    precision. coordinates: the names of the columns; time is `t`. unknowns: the names of the
    values.
    """

    def __init__(
        self, field: Field, coordinates: Sequence[str], unknowns: Sequence[str] = ("u",)
    ) -> None:
        self.field, self.unknowns = field, tuple(unknowns)
        self.coordinates = check_coordinates(coordinates)

    @abstractmethod
    def __call__(self, points: Tensor, function: Function) -> Any:
        """`function(u, d, x)` at points (n, coordinates), with a graph to the parameters.

        u: the unknown (n,), or a tuple of them where there are several; d: the calculus; x: the
        coordinates by name. Tensors, also in tuples, come back as the function returns them.
        """

    def slopes(
        self,
        points: Tensor,
        function: Function,
        loss: Callable[[Any], Tensor],
        parameters: Sequence[Tensor],
    ) -> tuple[float, Tensor]:
        """`loss` of what the function gives, and its gradient (parameters,)."""
        value = loss(self(points, function))
        return value.item(), gradient(value, parameters)

    def refresh(self) -> None:  # noqa: B027
        """Draw anew what the reading has drawn; nothing but in `randomised`."""

    def state(self) -> dict[str, Any]:
        """What coming results depend on beside the field."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        del state

    def check(self, points: Tensor) -> None:
        """Raise InputError on another shape than (n, coordinates)."""
        if points.ndim != 2 or points.shape[1] != len(self.coordinates):
            raise InputError(
                f"expected points of shape (n, {len(self.coordinates)}), got"
                f" {tuple(points.shape)}; give one column a coordinate"
            )

    def named(self, points: Tensor) -> Named:
        """Points (n, coordinates) to coordinates by name, each (n,)."""
        self.check(points)
        return Named(points, self.coordinates)

    def split(self, values: Any) -> tuple[Any, ...]:
        """What the field returns, unknown by unknown. Raises InputError on another shape."""
        n = len(self.unknowns)
        if values.ndim == 1 and n == 1:
            return (values,)
        if values.ndim != 2 or values.shape[1] != n:
            raise InputError(
                f"expected a field with values of shape (n, {n}) for {self.unknowns}, got"
                f" {tuple(values.shape)}; set the outputs of the network to {n}"
            )
        return tuple(values[:, i] for i in range(n))


def gradient(loss: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """d loss / d parameters as one vector; 0 where it does not depend on one."""
    slopes = torch.autograd.grad(loss, parameters, allow_unused=True)
    return flat(slopes, parameters)


def flat(slopes: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> Tensor:
    """Slopes of parameters as one vector; None is zero."""
    if all(slope is None for slope in slopes):
        return parameters[0].new_zeros(sum(p.numel() for p in parameters))
    each = zip(slopes, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if s is None else s).reshape(-1) for s, p in each])


class Nested(Derivatives):
    """Reverse mode over reverse mode: any network, and the reference for the other readings.

    Time and memory double with every order.
    """

    def __call__(self, points: Tensor, function: Function) -> Any:
        self.check(points)
        with torch.enable_grad():
            columns = [column.clone().requires_grad_(True) for column in points.unbind(dim=1)]
            together = torch.stack(columns, dim=1)
            u, x = self.split(self.field(together)), Named(together, self.coordinates, columns)
            result = function(u[0] if len(u) == 1 else u, AutogradCalculus(x), x)
        return result if torch.is_grad_enabled() else detached(result)


def detached(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, tuple | list):
        return type(value)(detached(part) for part in value)
    if isinstance(value, Mapping):
        return {name: detached(part) for name, part in value.items()}
    return value


class Tabled(Derivatives):
    """Readings that make a table of derivatives first and evaluate the function on it.

    What a function needs is remembered as long as the function lives, so hand in the same
    object in every step.
    """

    def __init__(
        self, field: Field, coordinates: Sequence[str], unknowns: Sequence[str] = ("u",)
    ) -> None:
        super().__init__(field, coordinates, unknowns)
        self._needs: WeakKeyDictionary[Function, Needs] = WeakKeyDictionary()

    def __call__(self, points: Tensor, function: Function) -> Any:
        x = self.named(points)
        needs, of_expressions = self.needs(function, x)
        table = self.table(points, needs)
        return (evaluate if of_expressions else look_up)(function, table, x)

    def needs(self, function: Function, x: Mapping[str, Tensor]) -> Needs:
        """The derivatives of each unknown that the function asks for; whether of expressions."""
        found = None
        with suppress(TypeError):
            found = self._needs.get(function)
        if found is None:
            found = examine(function, self.coordinates, self.unknowns, x)
            with suppress(TypeError):  # an object that no weak reference can hold
                self._needs[function] = found
        return found

    @abstractmethod
    def table(self, points: Tensor, needs: Mapping[str, tuple[Index, ...]]) -> dict[str, Partials]:
        """The derivatives that are needed, (n,) each, at points (n, coordinates)."""


class Taylor(Tabled):
    """Taylor mode: one pass through the network carries all derivatives that are needed.

    The cost grows with the square of the order and not exponentially. The network consists of
    what `operations` and `shapes` know.
    """

    def table(self, points: Tensor, needs: Mapping[str, tuple[Index, ...]]) -> dict[str, Partials]:
        first, *higher = union(tuple(needs.values()))
        values = self.values(points, tuple(higher))
        each = dict(zip(self.unknowns, self.split(values), strict=True))
        if not isinstance(values, Jet):
            if higher:
                raise InputError(
                    "expected a field that is a function of its points, got one without derivatives"
                )
            return {name: {first: u} for name, u in each.items()}
        return {name: {a: u.partial(a) for a in needs[name]} for name, u in each.items()}

    def values(self, points: Tensor, indices: tuple[Index, ...]) -> Any:
        """The field with the coefficients of 0 and of `indices`."""
        return self.field(self.jet(points, indices))

    def jet(self, points: Tensor, indices: tuple[Index, ...]) -> Jet | Tensor:
        """The points themselves, as what flows through the network."""
        return seeded(points, indices) if indices else points


@functools.lru_cache(maxsize=256)
def union(needs: tuple[tuple[Index, ...], ...]) -> tuple[Index, ...]:
    """What all unknowns need together, by order."""
    return closure(itertools.chain(*needs))


def seeded(points: Tensor, indices: tuple[Index, ...]) -> Jet:
    """The points themselves as a jet, whose results know all `indices`, in their order."""
    rows = torch.eye(points.shape[1], dtype=points.dtype, device=points.device)

    def rule(index: Index) -> Coefficient:
        return rows[None, index.index(1)] if sum(index) == 1 else None

    return Jet(points, rule, indices)


class Automatic(Derivatives):
    """The fastest that can read the field at once: `fused`, else `nested`.

    Measured on networks of 4 layers of 64 units: on a plain one `fused` is ahead at every order.
    Where the network is no chain of layers, `fused` is Taylor mode, which takes as long as `nested`
    at second order and a third of it at fourth, in less memory; `compiled` takes half of that, but
    it has to be asked for, because compiling takes as long as many steps. `randomised` is never
    taken by itself: its results are estimates.
    """

    def __init__(
        self, field: Field, coordinates: Sequence[str], unknowns: Sequence[str] = ("u",)
    ) -> None:
        super().__init__(field, coordinates, unknowns)
        self.chosen = make_derivatives("fused", field, coordinates, unknowns)

    def __call__(self, points: Tensor, function: Function) -> Any:
        return self._by_chosen(lambda chosen: chosen(points, function))

    def slopes(
        self,
        points: Tensor,
        function: Function,
        loss: Callable[[Any], Tensor],
        parameters: Sequence[Tensor],
    ) -> tuple[float, Tensor]:
        return self._by_chosen(lambda chosen: chosen.slopes(points, function, loss, parameters))

    def _by_chosen(self, read: Callable[[Derivatives], Any]) -> Any:
        try:
            return read(self.chosen)
        except Unreadable:
            nested = Nested(self.field, self.coordinates, self.unknowns)
            result = read(nested)
        self.chosen = nested
        return result


def make_derivatives(
    name: str,
    field: Field,
    coordinates: Sequence[str],
    unknowns: Sequence[str] = ("u",),
    **options: Any,
) -> Derivatives:
    """A reading by its name; options: of `Randomised`.

    >>> line = torch.nn.Linear(1, 1, dtype=torch.float64)
    >>> derivatives = make_derivatives("taylor", lambda x: torch.sin(line(x)), ("x",))
    >>> points = torch.rand(5, 1, dtype=torch.float64)
    >>> wave = derivatives(points, lambda u, d, x: d(u, "xx") + line.weight[0, 0] ** 2 * u)
    >>> bool(wave.abs().max() < 1e-15)
    True
    """
    if name not in READINGS:
        raise InputError(f"expected derivatives of {list(READINGS)}, got '{name}'")
    return READINGS[name](field, coordinates, unknowns, **options)


def _fused(*arguments: Any) -> Derivatives:
    from .fused import Fused  # its kernels need Numba

    return Fused(*arguments)


def _compiled(*arguments: Any) -> Derivatives:
    from .compiled import Compiled  # torch's compiler takes its time to import

    return Compiled(*arguments)


def _randomised(*arguments: Any, **options: Any) -> Derivatives:
    from .randomised import Randomised

    return Randomised(*arguments, **options)


READINGS: dict[str, Callable[..., Derivatives]] = {
    "auto": Automatic,
    "nested": Nested,
    "taylor": Taylor,
    "compiled": _compiled,
    "fused": _fused,
    "randomised": _randomised,
}
"""Readings by name."""
