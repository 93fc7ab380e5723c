"""Chaotic systems by name: ours, and those of the package dysts where it is installed.

dysts (Gilpin 2021, Chaos as an interpretable benchmark for forecasting and data-driven modelling,
https://arxiv.org/abs/2110.05266; Apache 2.0) collects right-hand sides with a start on the
attractor, the dominant period and Lyapunov exponents. Its functions of numbers are compiled by
our engine as they stand.
"""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ...geometry.errors import InputError
from .system import System
from .systems import LORENZ63, ROESSLER, lorenz96

UNKNOWN_TO_NUMBA = {"heaviside"}


@dataclass(frozen=True)
class Chaotic:
    """A system with what is known of its attractor.

    start: a state near it; scale: standard deviation of each unknown on it; period: the dominant
    one, in the system's time; exponent: the largest Lyapunov exponent as its source has it (nan
    where untold); source: who wrote it down.
    """

    system: System
    start: tuple[float, ...]
    scale: tuple[float, ...]
    period: float
    exponent: float
    source: str


_OURS: dict[str, Callable[[], Chaotic]] = {
    "lorenz63": lambda: Chaotic(
        LORENZ63, (1.0, 1.0, 25.0), (7.9, 9.0, 8.6), 0.75, 0.9056,
        "Lorenz 1963, J. Atmos. Sci. 20, 130; exponent: Sprott 2003, Chaos and Time-Series "
        "Analysis",
    ),
    "roessler": lambda: Chaotic(
        ROESSLER, (1.0, 1.0, 0.0), (5.1, 4.8, 2.9), 5.88, 0.0714,
        "Roessler 1976, Phys. Lett. A 57, 397; exponent: Sprott 2003, Chaos and Time-Series "
        "Analysis",
    ),
}  # fmt: skip


def chaotic(name: str, dimension: int | None = None) -> Chaotic:
    """A system by name: "lorenz63", "roessler", "lorenz96" or a class of `dysts.flows`.

    dimension: sites of "lorenz96" (40), which alone has a choice.

    Raises `InputError` for an unknown name, a system that the engine cannot take (delays, array
    parameters), a dimension where there is no choice, and where dysts is not installed.
    """
    if name == "lorenz96":
        return _lorenz96(40 if dimension is None else dimension)
    found = _OURS[name]() if name in _OURS else _from_dysts(name)
    if dimension not in (None, found.system.dimension):
        raise InputError(
            f"expected dimension {found.system.dimension} of {name}, got {dimension}; only "
            "lorenz96 has a choice"
        )
    return found


def names() -> list[str]:
    """All systems that can be asked for by name here."""
    ours = sorted([*_OURS, "lorenz96"])
    try:
        return ours + dysts_names()
    except InputError:
        return ours


def dysts_names() -> list[str]:
    """Those of dysts that the engine takes. Raises `InputError` where it is not installed."""
    flows, table = _dysts()
    return sorted(name for name in table if _unfit(flows, table, name) is None)


def _lorenz96(dimension: int) -> Chaotic:
    return Chaotic(
        lorenz96(dimension), (9.0, *(8.0,) * (dimension - 1)), (3.6,) * dimension, 1.7,
        1.68 if dimension == 40 else np.nan,
        "Lorenz 1996, Predictability: a problem partly solved, ECMWF; exponent: Lorenz & Emanuel "
        "1998, J. Atmos. Sci. 55, 399 (doubling in 2.1 days of 0.2 units)",
    )  # fmt: skip


@lru_cache(maxsize=1)
def _dysts() -> tuple[ModuleType, dict[str, dict[str, Any]]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from dysts import flows
    except ImportError as problem:
        raise InputError(
            f"expected lorenz63, lorenz96 or roessler, or the package dysts for others, got none "
            f"({problem}); install it by: pip install 'sobolev[chaos]'"
        ) from problem
    folder = Path(inspect.getfile(flows)).parent
    return flows, json.loads((folder / "data" / "chaotic_attractors.json").read_text())


def _unfit(flows: ModuleType, table: dict[str, dict[str, Any]], name: str) -> str | None:
    """Why a system cannot be taken, or None."""
    cls, entry = getattr(flows, name, None), table[name]
    if cls is None:
        return "its class is missing"
    if entry.get("delay"):
        return "it has a delay"
    if "rhs" in vars(cls) or not callable(getattr(cls, "_rhs", None)):
        return "its rates are no function of numbers"
    if any(np.ndim(value) for value in entry["parameters"].values()):
        return "its parameters are arrays"
    if UNKNOWN_TO_NUMBA & set(_python(cls._rhs).__code__.co_names):
        return f"its rates use {', '.join(UNKNOWN_TO_NUMBA)}"
    count = len(inspect.signature(_python(cls._rhs)).parameters)
    if count != len(entry["initial_conditions"]) + 1 + len(entry["parameters"]):
        return "its rates take other arguments than its parameters"
    return None


def _python(function: Any) -> Callable[..., Any]:
    """The plain function under a compiled one."""
    return getattr(function, "py_func", function)


@lru_cache(maxsize=256)
def _from_dysts(name: str) -> Chaotic:
    flows, table = _dysts()
    if name not in table:
        near = get_close_matches(name, [*table, *_OURS, "lorenz96"], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise InputError(f"expected a system of the catalogue, got '{name}'{hint}")
    if reason := _unfit(flows, table, name):
        raise InputError(f"expected a system in numbers, got {name}: {reason}")
    entry, rates = table[name], _python(getattr(flows, name)._rhs)
    arguments = list(inspect.signature(rates).parameters)
    start = tuple(map(float, entry["initial_conditions"]))
    parameters = tuple(sorted(entry["parameters"]))  # the order in which dysts passes them
    system = System(
        f"dysts_{name}",
        tuple(arguments[: len(start)]),
        rates,
        parameters,
        tuple(float(entry["parameters"][key]) for key in parameters),
    )
    scale = tuple(map(float, entry.get("std") or np.ones(len(start))))
    exponent = entry.get("maximum_lyapunov_estimated")
    return Chaotic(
        system, start, scale, float(entry["period"]), np.nan if exponent is None else exponent,
        f"{entry['citation']} (dysts)",
    )  # fmt: skip
