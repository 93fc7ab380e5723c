"""`System`: ordinary differential equations u_t = f(u, t; parameters) as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ...geometry.errors import InputError

Rates = Callable[..., Any]


@dataclass(frozen=True)
class System:
    """One right-hand side; no values and no method are in it yet.

    variables: names of the unknowns. parameters: names of numbers, which may differ from sample
    to sample. defaults: their usual values, or none.

    rates: an ordinary function that Numba can compile and that stands in a file. In form
    "numbers" it takes the unknowns, t and the parameters as numbers, in this order, and returns
    the rates of the unknowns (a number, or a tuple of as many). In form "rows", for systems of
    many unknowns, it takes u (unknowns, samples), t (samples,), p (parameters, samples) and
    writes the rates into its last argument, of the shape of u; samples run innermost.

    Raises `InputError` for names used twice and defaults of another number than parameters.

    >>> def decay(u, t, rate):
    ...     return -rate * u
    >>> System("decay", ("u",), decay, ("rate",)).dimension
    1
    """

    name: str
    variables: tuple[str, ...]
    rates: Rates
    parameters: tuple[str, ...] = ()
    defaults: tuple[float, ...] = ()
    form: Literal["numbers", "rows"] = "numbers"

    def __post_init__(self) -> None:
        names = (*self.variables, *self.parameters)
        if not self.variables or len(set(names)) != len(names):
            raise InputError(f"expected different names, at least one variable, got {names}")
        if self.form not in ("numbers", "rows"):
            raise InputError(f"expected form 'numbers' or 'rows', got {self.form!r}")
        if self.defaults and len(self.defaults) != len(self.parameters):
            raise InputError(
                f"expected as many defaults as parameters, got {len(self.defaults)} and "
                f"{len(self.parameters)}"
            )

    @property
    def dimension(self) -> int:
        return len(self.variables)

    @property
    def usual(self) -> dict[str, float]:
        """The usual values of the parameters by name."""
        return dict(zip(self.parameters, self.defaults, strict=False))
