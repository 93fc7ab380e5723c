"""`SpectralEquation`: a periodic system u_t = L u + sum_j B_j F[g_j(w_1 .. w_m)] as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...geometry.errors import InputError
from .modes import Modes

Symbol = Any  # a number or an array that broadcasts with modes.shape, real or complex
Symbols = Callable[[Modes, SimpleNamespace], Any]
SymbolRows = tuple[Mapping[str, Symbol], ...]


def _nothing(modes: Modes, p: SimpleNamespace) -> dict[Any, Symbol]:
    return {}


@dataclass(frozen=True)
class SpectralEquation:
    """One right-hand side in Fourier space; no grid, precision or values are in it yet.

        w_i = F^-1 [sum_f A_if u_f],   u_f' = L_f u_f + sum_j B_fj F[g_j] + sum_h C_fh u_h + s_f

    Symbols are functions of (modes, p): `modes` has what `Modes` has (derivative, laplacian,
    numbers), p the parameters by name, a number each or an array that broadcasts with
    (batch, *modes.shape).

    fields: names of the unknowns, real. linear: L, one symbol for each field (a tuple, or the
    symbol itself where there is one field); it is taken by the scheme in time as a whole.
    rates: g, an ordinary function of numbers, compiled into the engine. It is called at every
    point with w_1 .. w_m, the coefficients, the parameters, and t where `timed`, in this order,
    and returns one number, or a tuple. It stands in a file, uses only arithmetic and functions
    that Numba knows, and writes its literals as floats. Without it there are no products.
    inputs: A, a tuple of one {field: symbol} for each w; the fields themselves unless told.
    outputs: B, a tuple of one {field: symbol} for each rate; rate j is of field j unless told.
    coupling: C, {(field, other): symbol}, linear terms that are taken like the products.
    sources: pairs (field, coefficient), of coefficients that are added to the field's rate.
    coefficients: names of given functions of x, among them those of `sources`; the others are
    arguments of the rates. parameters: names of numbers, which may differ between samples.
    degree: of the rates as a polynomial in the w, for de-aliasing.

    complex_valued: the unknowns are complex. Outside, each is two real fields (Re, Im), one after
    the other; the rates get and return the two parts of each w and g in the same way.

    Raises `InputError` on names used twice, or sources that are not there.

    >>> def half_square(u, viscosity):
    ...     return 0.5 * u * u
    >>> burgers = SpectralEquation(
    ...     "burgers", ("u",), lambda modes, p: p.viscosity * modes.laplacian, half_square,
    ...     outputs=lambda modes, p: ({"u": -modes.derivative(0)},), parameters=("viscosity",),
    ... )
    >>> burgers.arguments
    ('viscosity',)
    """

    name: str
    fields: tuple[str, ...]
    linear: Symbols
    rates: Callable[..., Any] | None = None
    inputs: Symbols | None = None
    outputs: Symbols | None = None
    coupling: Symbols = _nothing
    sources: tuple[tuple[str, str], ...] = ()
    coefficients: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    degree: int = 2
    timed: bool = False
    complex_valued: bool = False

    def __post_init__(self) -> None:
        names = (*self.fields, *self.coefficients, *self.parameters)
        if not self.fields or len(set(names)) != len(names):
            raise InputError(f"expected different names, at least one field, got {names}")
        for field, coefficient in self.sources:
            if field not in self.fields or coefficient not in self.coefficients:
                raise InputError(
                    f"expected sources as pairs of {self.fields} and {self.coefficients}, got "
                    f"{(field, coefficient)}"
                )
        if self.degree < 1:
            raise InputError(f"expected a degree of at least 1, got {self.degree}")

    @property
    def components(self) -> int:
        """Real fields outside."""
        return len(self.fields) * (2 if self.complex_valued else 1)

    @property
    def given(self) -> tuple[str, ...]:
        """The coefficients that the rates get."""
        added = {coefficient for _, coefficient in self.sources}
        return tuple(name for name in self.coefficients if name not in added)

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the rates get behind the w."""
        return (*self.given, *self.parameters, *(("t",) if self.timed else ()))


Entries = tuple[tuple[int, int, np.ndarray], ...]
"""(target, source, symbol of shape (batch or 1, modes.size)), complex."""


@dataclass(frozen=True)
class Resolved:
    """An equation's symbols on given modes: arrays (batch or 1, ...)."""

    linear: np.ndarray
    """(batch or 1, fields, modes.size), real where all symbols are"""
    inputs: Entries
    outputs: Entries
    coupling: Entries
    count_in: int
    count_out: int


def resolve(
    equation: SpectralEquation, modes: Modes, parameters: Mapping[str, np.ndarray], batch: int
) -> Resolved:
    """Symbols of all samples; parameters (batch,) or () each. `InputError` where they misfit."""
    p = SimpleNamespace(
        **{
            name: value.reshape(-1, *[1] * len(modes.shape)) if value.ndim else float(value)
            for name, value in parameters.items()
        }
    )
    linear = equation.linear(modes, p)
    linear = linear if isinstance(linear, tuple) else (linear,)
    if len(linear) != len(equation.fields):
        raise InputError(
            f"expected {len(equation.fields)} linear symbols of {equation.name}, got {len(linear)}"
        )
    arrays = [_spread(equation, symbol, modes, batch) for symbol in linear]
    rows = max(len(array) for array in arrays)
    stacked = np.stack([np.broadcast_to(a, (rows, modes.size)) for a in arrays], axis=1)
    inputs: SymbolRows = ()
    outputs: SymbolRows = ()
    if equation.rates is not None:
        own = tuple({field: 1.0} for field in equation.fields)
        inputs = equation.inputs(modes, p) if equation.inputs else own
        outputs = equation.outputs(modes, p) if equation.outputs else own

    def entries(items: Any) -> Entries:
        return tuple(
            (target, source, _spread(equation, symbol, modes, batch))
            for (target, source), symbol in items
        )

    place = {name: i for i, name in enumerate(equation.fields)}

    def at(field: str) -> int:
        if field not in place:
            raise InputError(f"expected symbols of {equation.fields}, got one of {field!r}")
        return place[field]

    return Resolved(
        stacked,
        entries(((i, at(f)), s) for i, row in enumerate(inputs) for f, s in row.items()),
        entries(((at(f), j), s) for j, row in enumerate(outputs) for f, s in row.items()),
        entries(((at(f), at(h)), s) for (f, h), s in equation.coupling(modes, p).items()),
        len(inputs),
        len(outputs),
    )


def _spread(equation: SpectralEquation, symbol: Symbol, modes: Modes, batch: int) -> np.ndarray:
    """(batch or 1, modes.size)"""
    array = np.asarray(symbol)
    extra = array.ndim > len(modes.shape)
    rows = len(array) if extra else 1
    try:
        array = np.broadcast_to(array, (rows, *modes.shape) if extra else modes.shape)
    except ValueError:
        rows = -1
    if rows not in (1, batch):
        raise InputError(
            f"expected symbols of {equation.name} that broadcast to {modes.shape} or "
            f"{(batch, *modes.shape)}, got shape {np.shape(symbol)}"
        )
    if not np.all(np.isfinite(array)):
        raise InputError(f"expected finite symbols of {equation.name}, got NaN or infinity")
    return array.reshape(rows, modes.size)
