"""d rows / d parameters: row by row from one backward pass, or as products.

A row depends on one point, and the parameters of a network enter through linear layers. Then the
derivatives of all rows come from one backward pass of their sum: where a layer met x at a point and
hears g there, that point's part of the weight's gradient is g x^T, before the sum over the points
that would make an ordinary gradient of it.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .derivatives.jets import Unreadable

if TYPE_CHECKING:
    from .objective import Objective
    from .terms import Part

BLOCK = 2048  # points; an even number, as some conditions have rows in pairs
ATTRIBUTES = {getattr(Tensor, name).__get__ for name in ("shape", "ndim", "dtype", "device")}


class NotLinear(Exception):
    """A parameter is used in another way than as a linear layer's."""


class Recorded(Tensor):
    """A parameter that lets linear layers note their use of it, and nothing else use it."""

    recorder: Recorder
    place: int

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is nn.functional.linear:
            return linear(*args, **(kwargs or {}))
        if func in ATTRIBUTES:
            return super().__torch_function__(func, types, args, kwargs or {})
        raise NotLinear(getattr(func, "__name__", str(func)))


def linear(x: Tensor, weight: Any, bias: Any = None) -> Tensor:
    """x W^T + b with the recorder of the weight listening."""
    if not isinstance(weight, Recorded) or not (bias is None or isinstance(bias, Recorded)):
        raise NotLinear("linear")
    recorder = weight.recorder
    if x.ndim != 2 or len(x) not in (1, recorder.count):
        raise NotLinear("linear of several rows a point")
    x = x.expand(recorder.count, -1)  # what is the same at all points may come once
    places = (weight.place, None if bias is None else bias.place)
    plain = [None if p is None else recorder.leaves[p] for p in places]
    return _Linear.apply(x, *plain, recorder, places)


class _Linear(torch.autograd.Function):
    """x W^T + b (n, out), whose backward pass leaves x and what it hears with the recorder."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, recorder: Recorder, places: Any
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.recorder, ctx.places = recorder, places
        return nn.functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        (slope,) = slopes
        x, weight = ctx.saved_tensors
        ctx.recorder.note(ctx.places, x, slope)
        return slope @ weight if ctx.needs_input_grad[0] else None, None, None, None, None


class Recorder:
    """A copy of a module whose derivatives at single points can be read.

    module: the copy, to be used in place of the original. It must treat points alone, and use
    its parameters only in linear layers; otherwise calling it raises `NotLinear`. `follow` gives
    it the original's present parameters. Threads do not disturb one another.
    """

    def __init__(self, module: nn.Module, keep: tuple[Any, ...] = ()) -> None:
        self.original = module
        self.module = copy.deepcopy(module, {id(one): one for one in keep})
        self.leaves: list[Tensor] = []
        self._here = threading.local()
        for part in self.module.modules():
            for name, parameter in part._parameters.items():
                if parameter is not None and parameter.requires_grad:
                    part._parameters[name] = self._recorded(parameter)  # type: ignore[assignment]

    def _recorded(self, parameter: Tensor) -> Recorded:
        leaf = parameter.detach().requires_grad_(True)
        recorded = torch.Tensor._make_subclass(Recorded, leaf.detach())
        recorded.recorder, recorded.place = self, len(self.leaves)
        self.leaves.append(leaf)
        return recorded

    def follow(self) -> None:
        """Take over the parameters of the original."""
        with torch.no_grad():
            trained = [p for p in self.original.parameters() if p.requires_grad]
            for leaf, parameter in zip(self.leaves, trained, strict=True):
                leaf.copy_(parameter)

    @property
    def count(self) -> int:
        return int(self._here.count)

    def note(self, places: tuple[int, int | None], x: Tensor, slope: Tensor) -> None:
        self._here.notes.append((places, x, slope))

    def rows(self, count: int, function: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
        """Values (count, m) of a function that uses `module` at count points, and derivatives.

            The latter are (count, m, parameters), in the order of the module's parameters. Raises
        NotLinear.
        """
        self._here.count = count
        values = function()
        parts = []
        for column in values.unbind(dim=1):
            self._here.notes = []
            torch.autograd.grad(column.sum(), self.leaves, retain_graph=True, allow_unused=True)
            parts.append(self._gather(count))
        return values.detach(), parts[0][:, None] if len(parts) == 1 else torch.stack(parts, dim=1)

    @torch.no_grad()
    def _gather(self, count: int) -> Tensor:
        """The notes of one backward pass as derivatives (count, parameters)."""
        uses: dict[int, list[tuple[Tensor, Tensor]]] = {}
        biases: dict[int, list[Tensor]] = {}
        for (weight, bias), x, slope in self._here.notes:
            uses.setdefault(weight, []).append((x, slope))
            if bias is not None:
                biases.setdefault(bias, []).append(slope)
        sizes = [leaf.numel() for leaf in self.leaves]
        result = self.leaves[0].new_empty(count, sum(sizes))
        for place, part in enumerate(result.split(sizes, dim=1)):
            if place in uses:
                xs, slopes = (torch.stack(each, dim=1) for each in zip(*uses[place], strict=True))
                part.copy_(torch.bmm(slopes.transpose(1, 2), xs).view(count, -1))
            else:
                part.zero_()
            for slope in biases.get(place, ()):
                part += slope
        return result


def rows_one_by_one(parameters: Sequence[Tensor], values: Tensor, at_once: int = 64) -> Tensor:
    """Derivatives (k, parameters) of values (k,) with a graph, whatever they are made of."""
    parts = []
    for chosen in torch.eye(len(values), dtype=values.dtype).split(at_once):
        slopes = torch.autograd.grad(
            values, parameters, chosen, retain_graph=True, allow_unused=True, is_grads_batched=True
        )
        each = zip(slopes, parameters, strict=True)
        flat = [chosen.new_zeros(len(chosen), p.numel()) if s is None else s for s, p in each]
        parts.append(torch.cat([s.reshape(len(chosen), -1) for s in flat], dim=1))
    return torch.cat(parts)


class RowsJacobian:
    """The Jacobian of an objective's rows at its present parameters.

    It stays there when others are loaded, until the objective's next Jacobian is made.
    """

    def __init__(self, objective: Objective, recording: Recording) -> None:
        self.objective, self.recording = objective, recording
        recording.follow()
        self._graphs: list[tuple[Tensor, Tensor, Tensor]] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return sum(self.objective.row_counts().values()), self.objective.size

    def blocks(self, out: Tensor | None = None) -> Iterator[Tensor]:
        """Rows (k, parameters) at a time, in the order of `Objective.rows`.

        out: where they go, (rows, parameters) of the objective's precision; None: new memory.
        """
        objective, counts, end = self.objective, self.objective.row_counts(), 0
        for name, term in objective.terms.items():
            parts = [term.part(rows) for rows in term.rows.split(BLOCK)]
            weights, each = term.split_weights(BLOCK), counts[name] // term.count
            factors = [objective.scale(term) * (1.0 if w is None else w.sqrt()) for w in weights]
            sizes = [len(part.points) * each for part in parts]
            start, end = end, end + counts[name]
            rooms = [None] * len(parts) if out is None else out[start:end].split(sizes)
            yield from objective.each(self.recording.rows_by_point, parts, factors, rooms)

    def fill(self, matrix: Tensor) -> None:
        """Put all of it into a matrix (rows, parameters)."""
        if matrix.dtype == self.objective.dtype:
            for _ in self.blocks(matrix):
                pass
            return
        start = 0
        for block in self.blocks():
            matrix[start : start + len(block)] = block
            start += len(block)

    # --- products ---------------------------------------------------------------------------

    def matvec(self, v: Tensor) -> Tensor:
        """J v (m,) of v (parameters,)."""
        # J^T w is linear in w, and its derivative along v is J v.
        graphs = self._products()
        v = v.to(self.objective.dtype)
        return torch.cat([torch.autograd.grad(g, w, v, retain_graph=True)[0] for _, w, g in graphs])

    def rmatvec(self, w: Tensor) -> Tensor:
        """J^T w (parameters,) of w (m,)."""
        total = torch.zeros(self.objective.size, dtype=self.objective.dtype)
        graphs = self._products()
        for some, (rows, _, _) in zip(
            w.to(total.dtype).split([len(rows) for rows, _, _ in graphs]), graphs, strict=True
        ):
            total += self._flat(rows, some, create_graph=False)
        return total

    def _products(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Part by part: rows with their graph, weights w, and J^T w with its graph to w."""
        if self._graphs is None:
            self._graphs = []
            for term in self.objective.terms.values():
                split = term.split_weights(self.objective.chunk)
                for part, weights in zip(term.parts, split, strict=True):
                    values = self.objective.scale(term) * self.recording.misfits(part)
                    rows = (values if weights is None else weights.sqrt() * values).reshape(-1)
                    w = torch.ones_like(rows).requires_grad_(True)
                    self._graphs.append((rows, w, self._flat(rows, w, create_graph=True)))
        return self._graphs

    def _flat(self, rows: Tensor, w: Tensor, create_graph: bool) -> Tensor:
        parameters = self.recording.parameters
        slopes = torch.autograd.grad(
            rows, parameters, w, retain_graph=True, create_graph=create_graph, allow_unused=True
        )
        each = zip(slopes, parameters, strict=True)
        return torch.cat([(torch.zeros_like(p) if s is None else s).reshape(-1) for s, p in each])


class Recording:
    """Derivatives of the misfits at single points: by the passes that a field is made of, else by
    a recorder as long as that can hear them.

    Everything is read from copies of the field, so that the objective may load other parameters.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        keep = (objective.statement,)
        self.recorder: Recorder | None = Recorder(objective.field, keep)
        self.derivatives = objective.differentiate(self.recorder.module, "taylor")
        self.copy = copy.deepcopy(objective.field, {id(one): one for one in keep})
        self.parameters = [p for p in self.copy.parameters() if p.requires_grad]
        self.plain, self.fused = (
            objective.differentiate(self.copy, reading) for reading in ("taylor", "fused")
        )
        self.chained = True  # whether the field is made of passes that stand alone

    @torch.no_grad()
    def follow(self) -> None:
        """Take over the parameters of the objective."""
        for own, parameter in zip(self.parameters, self.objective.parameters, strict=True):
            own.copy_(parameter)
        if self.recorder is not None:
            self.recorder.follow()

    def misfits(self, part: Part) -> Tensor:
        """Of a part, (n, misfits), with a graph that can be differentiated in any way."""
        return self.objective.misfits(part, self.plain, self.copy)

    def rows_by_point(self, part: Part, factor: Any, room: Tensor | None) -> Tensor:
        """d (factor misfits) / d parameters of a part, (n * misfits, parameters).

        factor: a number, or one for each point (n, 1). room: where they go.
        """
        if not part.pairs:
            try:
                if self.chained:
                    return self._by_passes(part, factor, room)
            except Unreadable:
                self.chained = False  # the next way for good
        found = self._by_backward(part, factor)
        return found if room is None else room.copy_(found)

    def _by_passes(self, part: Part, factor: Any, room: Tensor | None) -> Tensor:
        from .derivatives.passes import PASSES, slopes_by_point  # its kernels need Numba

        with PASSES.outside() as passes:
            values = factor * self.objective.misfits(part, self.fused, self.copy)
        if room is None:
            room = values.new_empty(values.numel(), self.objective.size)
        slopes_by_point(values, self.parameters, passes, room.view(*values.shape, -1))
        return room

    def _by_backward(self, part: Part, factor: Any) -> Tensor:
        recorder = self.recorder
        if recorder is not None and not part.pairs:
            try:
                _, found = recorder.rows(
                    len(part.points),
                    lambda: (
                        factor * self.objective.misfits(part, self.derivatives, recorder.module)
                    ),
                )
                return found.flatten(0, 1)
            except NotLinear:
                self.recorder = None  # the other way for good
        return rows_one_by_one(self.parameters, (factor * self.misfits(part)).reshape(-1))
