"""Taylor mode with chains of linear layers and activations as one compiled pass.

What flows through the network is a jet that waits: it collects linear layers and activations, and
runs them all at once when something else is asked of it. So whatever a network is made of, its
plain stretches are fast, and the rest is ordinary Taylor mode.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from . import programs, shapes
from .expressions import Function
from .jets import Coefficient, Index, Jet, full
from .passes import PASSES, Linked, Spec, slopes
from .readings import Field, Taylor, seeded

if TYPE_CHECKING:
    from ..networks.coordinates import Coordinates

LARGEST = 256  # coefficients; LLVM takes seconds for the code of so many, and minutes for more


class Fused(Taylor):
    """Taylor mode, compiled for chains of linear layers with the activations of `programs.SEEDS`.

    On one processor, in single and double precision; other chains run as in `Taylor`. Results
    can be differentiated once. A field that is one chain is read from its module once, and again
    when it has other parts; so it must not choose between layers by anything else.
    """

    def __init__(
        self, field: Field, coordinates: Sequence[str], unknowns: Sequence[str] = ("u",)
    ) -> None:
        super().__init__(field, coordinates, unknowns)
        self._plans: dict[tuple[Index, ...], Plan] = {}
        self._linked = False  # whether chains follow each other, so that a graph has to link them

    def values(self, points: Tensor, indices: tuple[Index, ...]) -> Any:
        plan = self._plans.get(indices)
        if plan is not None and plan.holds():
            return plan.chain(points)
        values = super().values(points, indices)
        if isinstance(values, Chain) and isinstance(self.field, nn.Module):
            plan = Plan.of(self.field, values)
            if plan is not None:
                self._plans[indices] = plan
        return values

    def slopes(
        self,
        points: Tensor,
        function: Function,
        loss: Callable[[Any], Tensor],
        parameters: Sequence[Tensor],
    ) -> tuple[float, Tensor]:
        if not self._linked:
            try:
                with PASSES.outside() as passes:
                    value = loss(self(points, function))
                return value.item(), slopes(value, parameters, passes)
            except Linked:
                self._linked = True
        return super().slopes(points, function, loss, parameters)

    def jet(self, points: Tensor, indices: tuple[Index, ...]) -> Jet:
        jet = seeded(points, indices)
        return Points(jet.value, None, jet.eager, jet.strict, jet._memory)


class FusedJet(Jet):
    """A jet with which a chain may begin."""

    __slots__ = ()

    def result(self, value: Tensor, rule: Any, memory: Any = None) -> Jet:
        return FusedJet(value, rule, self.eager, self.strict, memory)

    @classmethod
    def operation(cls, name: str) -> Callable[..., Any]:
        return OWN.get(name) or super().operation(name)

    def __getitem__(self, key: Any) -> Any:
        return getitem(self, key)

    @property
    def indices(self) -> tuple[Index, ...]:
        """Of all coefficients, 0 first."""
        return ((0,) * len(self.eager[0] if self.eager else (0,)), *self.eager)

    @property
    def array(self) -> Tensor:
        """All coefficients (indices, *shape)."""
        zeros = self.value.new_zeros
        found = [self.at(index) for index in self.indices]
        return torch.stack([zeros(self.shape) if c is None else full(c, self.value) for c in found])


class Points(FusedJet):
    """The points themselves."""

    __slots__ = ()

    def embedded(self, coordinates: Coordinates) -> Jet:
        """Their features."""
        return Embedded(self.value, coordinates, self.eager, self.strict)


class Stacked(FusedJet):
    """A jet whose coefficients stand in one array; they are taken apart where one is asked for."""

    __slots__ = ("_array", "_value")

    def __init__(self, array: Tensor | None, eager: tuple[Index, ...], strict: bool) -> None:
        self._array, self.eager, self.strict = array, eager, strict
        self._value: Tensor | None = None
        self._rule = None

    @property
    def array(self) -> Tensor:
        assert self._array is not None  # only a chain waits for it
        return self._array

    @property
    def value(self) -> Tensor:  # type: ignore[override]
        if self._value is None:
            self._value, *rest = self.array.unbind()
            self._memory: dict[Index, Coefficient] = dict(zip(self.eager, rest, strict=True))
        return self._value

    def at(self, index: Index) -> Coefficient:
        value = self.value
        return self._memory[index] if any(index) else value

    @property
    def shape(self) -> torch.Size:
        return self.array.shape[1:]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> torch.dtype:
        return self.array.dtype


class Embedded(Stacked):
    """Features of points, which are computed once as long as the points are the same."""

    __slots__ = ("coordinates", "points")

    def __init__(
        self, points: Tensor, coordinates: Coordinates, eager: tuple[Index, ...], strict: bool
    ) -> None:
        super().__init__(None, eager, strict)
        self.points, self.coordinates = points, coordinates

    @property
    def array(self) -> Tensor:
        key = (self.coordinates, self.indices, self.points._version)
        known, found = FEATURES.get(self.points, (None, None))
        if known != key or found is None:
            found = self.coordinates.series(self.points, self.indices)
            FEATURES[self.points] = (key, found)
        return found

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self.points), self.coordinates.features))


FEATURES: WeakIdKeyDictionary = WeakIdKeyDictionary()


def linear(f: Jet, weight: Tensor, bias: Tensor | None = None) -> Jet:
    """A chain that goes on, or begins."""
    if not isinstance(f, FusedJet) or not fits(f, weight, bias):
        return Jet.operation("linear")(f, weight, bias)
    layer = (weight, weight.new_zeros(len(weight)) if bias is None else bias)
    if isinstance(f, Chain) and not f.done and f.active == f.depth:
        return Chain(f.source, (*f.layers, *layer), f.active, f.name)
    return Chain(f, layer, 0, "")


def activation(name: str, f: Jet, *arguments: Any, **options: Any) -> Jet:
    """A chain that ends here, or goes on after its next layer."""
    plain = not arguments and not any(v for v in options.values() if v != "none")
    waits = isinstance(f, Chain) and not f.done and f.active == f.depth - 1
    if waits and plain and f.name in ("", name):
        return Chain(f.source, f.layers, f.depth, name)
    return Jet.operation(name)(f, *arguments, **options)


def getitem(f: Jet, key: Any) -> Jet:
    """Of all coefficients at once, where they stand together."""
    if isinstance(f, Stacked) and shapes.leaves_points(key):
        return Stacked(f.array[(slice(None), *key)], f.eager, f.strict)
    return Jet.operation("getitem")(f, key)


OWN: dict[str, Callable[..., Any]] = {
    "linear": linear, "getitem": getitem, "__getitem__": getitem,
    **{name: functools.partial(activation, name) for name in programs.SEEDS},
}  # fmt: skip


def fits(f: FusedJet, weight: Any, bias: Any) -> bool:
    """Whether the compiled pass can run the layer. It does not look at shapes and types again."""
    return (
        len(f.eager) < LARGEST
        and isinstance(weight, Tensor)
        and weight.dtype in (torch.float32, torch.float64)
        and weight.device.type == "cpu"
        and (f.ndim, weight.ndim) == (2, 2)
        and (f.dtype, f.shape[1]) == (weight.dtype, weight.shape[1])
        and (bias is None or isinstance(bias, Tensor))
        and (bias is None or (bias.dtype, bias.shape) == (weight.dtype, weight.shape[:1]))
    )


class Chain(Stacked):
    """Layers that have been asked for. They run when the values are wanted, once.

    layers: the matrix (out, in) and the bias of each, one after the other. The first `active` of
    them, all or all but the last, are followed by the activation `name`.
    """

    __slots__ = ("active", "layers", "name", "source")
    ndim = 2

    def __init__(
        self, source: FusedJet, layers: tuple[Tensor, ...], active: int, name: str
    ) -> None:
        super().__init__(None, source.eager, source.strict)
        self.source, self.layers, self.active, self.name = source, layers, active, name

    @property
    def shape(self) -> torch.Size:
        return torch.Size((self.source.shape[0], len(self.layers[-1])))

    @property
    def dtype(self) -> torch.dtype:
        return self.layers[-1].dtype

    @property
    def depth(self) -> int:
        return len(self.layers) // 2

    @property
    def done(self) -> bool:
        return self._array is not None

    @property
    def array(self) -> Tensor:
        if self._array is None:
            widths = (self.layers[0].shape[1], *map(len, self.layers[::2]))
            spec = Spec(self.source.indices, self.name or "tanh", self.active, widths)
            self._array = PASSES.run(self.source.array, spec, self.layers)
        return self._array


class Plan:
    """The chain that a module is, to be made again for other points."""

    def __init__(self, module: nn.Module, source: Embedded, chain: Chain) -> None:
        self.coordinates, self.eager, self.strict = source.coordinates, source.eager, source.strict
        self.made = (chain.layers, chain.active, chain.name)
        tables = [table for m in module.modules() for table in (m._modules, m._parameters)]
        self.parts = [(table, tuple(table.values())) for table in tables if table]

    @classmethod
    def of(cls, module: nn.Module, chain: Chain) -> Plan | None:
        """None where the field is more than the chain, or computes what its layers are made of."""
        own = set(map(id, module.parameters()))
        if chain.done or not isinstance(chain.source, Embedded):
            return None
        return cls(module, chain.source, chain) if own.issuperset(map(id, chain.layers)) else None

    def holds(self) -> bool:
        """Whether the module is still made of the same parts."""
        return all(
            len(table) == len(parts) and all(map(operator.is_, table.values(), parts))
            for table, parts in self.parts
        )

    def chain(self, points: Tensor) -> Chain:
        return Chain(Embedded(points, self.coordinates, self.eager, self.strict), *self.made)
