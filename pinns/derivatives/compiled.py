"""Taylor mode through torch's compiler, for networks that are more than chains of layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from .expressions import Partials
from .jets import Index
from .readings import Field, Taylor

Flat = Callable[[Tensor], Sequence[Tensor]]


class Compiled(Taylor):
    """Taylor mode whose operations are recorded once, and fused into loops by torch.compile.

    Recorded for any number of points, and again for other derivatives or another precision.
    Compiling takes from ten seconds to minutes. Where it fails, for want of a C++ compiler
    perhaps, there is one warning, and plain Taylor mode goes on.
    """

    def __init__(
        self, field: Field, coordinates: Sequence[str], unknowns: Sequence[str] = ("u",)
    ) -> None:
        super().__init__(field, coordinates, unknowns)
        self._flat: dict[Any, Flat] = {}
        self._failed = False

    def table(self, points: Tensor, needs: Mapping[str, tuple[Index, ...]]) -> dict[str, Partials]:
        if self._failed or len(points) < 2:  # a single point would be recorded as a constant
            return super().table(points, needs)
        key = (tuple(needs.items()), points.dtype)
        try:
            if key not in self._flat:
                self._flat[key] = self._compile(points, needs)
            values = iter(self._flat[key](points))
        except COMPILER_ERRORS as error:
            self._failed = True
            reason = str(error).strip().splitlines()[0]
            warnings.warn(f"not compiled, plain Taylor mode goes on: {reason}", stacklevel=2)
            return super().table(points, needs)
        return {name: {index: next(values) for index in some} for name, some in needs.items()}

    def _compile(self, points: Tensor, needs: Mapping[str, tuple[Index, ...]]) -> Flat:
        plain = super().table

        def flat(x: Tensor) -> list[Tensor]:
            return [u for partials in plain(x, needs).values() for u in partials.values()]

        recorded = make_fx(flat, tracing_mode="symbolic", _allow_non_fake_inputs=True)(
            points.detach()
        )
        return torch.compile(recorded, dynamic=True)


COMPILER_ERRORS = (torch._dynamo.exc.TorchDynamoException, RuntimeError)
