"""The rates of a system, compiled behind one type, so that the engines are compiled once for all.

A system in numbers gets a loop over samples written around it, in a file, because Numba caches
compiled code on disk for functions that stand in a file.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from numba import types
from numba.core.errors import NumbaError

from ...geometry.errors import InputError
from ..kernels import CONTRACT, kernel
from .system import System

LANES = 16  # samples that an engine advances side by side, which share what a short loop costs

_FLAT = types.Array(types.float64, 1, "C")
SIGNATURE = types.void(_FLAT, _FLAT, _FLAT, _FLAT)


class CompiledRates(types.WrapperAddressProtocol):
    """`rates(u, t, p, du)` of one system as a value that compiled code can call."""

    def __init__(self, compiled: Any) -> None:
        compiled.compile(SIGNATURE)
        self._result = compiled.overloads[SIGNATURE.args]
        self.compiled = compiled

    def __wrapper_address__(self) -> int:
        name = self._result.fndesc.llvm_cfunc_wrapper_name
        return self._result.library.get_pointer_to_function(name)

    def signature(self) -> Any:
        return SIGNATURE


@lru_cache(maxsize=512)
def compiled_rates(system: System, lanes: int) -> CompiledRates:
    """The rates of `lanes` samples at once: u and du (unknowns, lanes), p (parameters, lanes) and
    t (lanes,), all of them flat.

    Raises `InputError` where the rates stand in no file, or Numba cannot compile them.
    """
    code = system.rates.__code__
    if not Path(code.co_filename).is_file():
        raise InputError(
            f"expected the rates of {system.name} in a file, got {system.rates!r}; compiled code "
            "is kept beside its file"
        )
    try:
        rates = kernel(CONTRACT)(system.rates)
        return CompiledRates(_in_lanes(system, rates, lanes))
    except NumbaError as problem:
        reason = str(problem).strip().splitlines()[0]
        raise InputError(
            f"expected rates of {system.name} that Numba compiles to {system.dimension} numbers, "
            f"got: {reason}; use arithmetic and functions of NumPy"
        ) from problem


def _in_lanes(system: System, rates: Any, lanes: int) -> Any:
    text = lanes_text(system, lanes)
    function = system.rates
    origin = (function.__code__.co_filename, function.__module__, function.__qualname__)
    digest = hashlib.sha256(f"{text}{origin}".encode()).hexdigest()[:16]
    # Names are unique among all systems: the linker knows compiled functions by them.
    name = f"rates_{digest}"
    path = _folder() / f"{system.name}-{digest}.rates"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(text.replace("def lanes(", f"def {name}("))
        part.replace(path)
    scope: dict[str, Any] = {"rates": rates, "__name__": __name__}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    return kernel(CONTRACT)(scope[name])


def lanes_text(system: System, lanes: int) -> str:
    """Python text of a loop over samples around rates that take numbers, or of a call of others.

    The arrays are flat, with literal distances between rows, so that the compiler sees three
    arrays and not one for every row: it would not vectorise for so many.
    """
    n, m = system.dimension, len(system.parameters)
    lines = [
        f'"""{system.name}: written by sobolev.solvers.ordinary.source; do not edit."""',
        "",
        "",
        "def lanes(u, t, p, du):",
    ]
    if system.form == "rows":
        rows = [f"{name}.reshape({k}, {lanes})" for name, k in (("u", n), ("p", m), ("du", n))]
        return "\n".join([*lines, f"    rates({rows[0]}, t, {rows[1]}, {rows[2]})", ""])
    arguments = [f"u[{i * lanes} + j]" for i in range(n)] + ["t[j]"]
    arguments += [f"p[{k * lanes} + j]" for k in range(m)]
    results = ", ".join(f"r{i}" for i in range(n))
    return "\n".join(
        [
            *lines,
            f"    for j in range({lanes}):",
            f"        {results} = rates({', '.join(arguments)})",
            *(f"        du[{i * lanes} + j] = r{i}" for i in range(n)),
            "",
        ]
    )


@kernel()
def _anchor():
    """Only its place in the cache is used."""


def _folder() -> Path:
    """Where Numba keeps the compiled code of this package."""
    return Path(_anchor.stats.cache_path)
