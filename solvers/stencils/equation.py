"""`Equation`: a system u_t = F(u, derivatives of u, coefficients, parameters) as data."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...geometry.errors import InputError
from ...geometry.grid import Grid
from .stencil import Stencil, derivative_stencil

Rates = Callable[..., Any]


@dataclass(frozen=True)
class Equation:
    """One right-hand side; no grid, order, precision or values are in it yet.

    fields: names of the unknowns. terms: (field, derivative) pairs, derivatives as in
    `derivative_stencil`. coefficients: names of given functions of x. parameters: names of
    numbers, which may differ from sample to sample.

    rates: an ordinary function of numbers, compiled into the engine. It is called at every point
    with the fields, the terms, the coefficients and the parameters, in this order, and returns
    the rates of the fields: one number, or a tuple of as many as there are fields. It stands in
    a file and uses only arithmetic and functions that Numba knows. Literals are written as
    floats, which are then of the precision of the run.

    fluxes, speeds: for a conservation law, a function for each axis of the fields and the
    parameters: the fluxes of the fields (a number, or a tuple), and the lowest and the highest
    speed of all waves, written with functions of NumPy. The rates then get -div(flux) of each
    field behind the fields, before the terms. positive: fields that no face value of a
    reconstruction may make negative.

    Raises `InputError` for terms of fields that are not there and names used twice.

    >>> def decay(u, rate):
    ...     return -rate * u
    >>> Equation("decay", ("u",), (), decay, parameters=("rate",)).name
    'decay'
    """

    name: str
    fields: tuple[str, ...]
    terms: tuple[tuple[str, str], ...]
    rates: Rates
    coefficients: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    fluxes: tuple[Rates, ...] = ()
    speeds: tuple[Rates, ...] = ()
    positive: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = (*self.fields, *self.coefficients, *self.parameters)
        if not self.fields or len(set(names)) != len(names):
            raise InputError(f"expected different names, at least one field, got {names}")
        if len(self.fluxes) != len(self.speeds):
            raise InputError(
                f"expected as many speeds as fluxes, got {len(self.speeds)} and {len(self.fluxes)}"
            )
        if unknown := ({field for field, _ in self.terms} | set(self.positive)) - set(self.fields):
            raise InputError(f"expected terms of {self.fields}, got terms of {sorted(unknown)}")

    def stencils(self, grid: Grid, order: int) -> tuple[Stencil, ...]:
        """One for each term."""
        return tuple(derivative_stencil(derivative, grid, order) for _, derivative in self.terms)

    def weights(self, grid: Grid, order: int) -> np.ndarray:
        """Weights of the stencils one after another, of each derivative once."""
        derivatives = dict.fromkeys(derivative for _, derivative in self.terms)
        found = [derivative_stencil(derivative, grid, order).weights for derivative in derivatives]
        return np.concatenate(found) if found else np.zeros(0)


def in_precision(function: Rates, dtype: np.dtype) -> Rates:
    """The function with its literals of type `dtype`.

    In Numba a Python literal is float64 and takes a whole float32 expression with it.
    """
    if dtype == np.float64:
        return function
    code = function.__code__
    constants = tuple(dtype.type(c) if isinstance(c, float) else c for c in code.co_consts)
    copy = types.FunctionType(
        code.replace(co_consts=constants), function.__globals__, function.__name__,
        function.__defaults__, function.__closure__,
    )  # fmt: skip
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    return copy
