"""The one generated function of an equation: its rates at all points, in a file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import from_dtype, types

from ...geometry.errors import InputError
from ..generated import generated_function
from ..kernels import CONTRACT, kernel
from ..stencils.equation import in_precision
from .equation import SpectralEquation
from .fft import transform_lines

HEADER = '''\
"""{name}: written by sobolev.solvers.spectral.source; do not edit."""


def pointwise(values, start, tile, places_in, places_out, group, at, given, parameters, t):
    count, most = given.shape[2], tile.shape[1]
'''


class Pointer(types.WrapperAddressProtocol):
    """A compiled function as a value that compiled code can call.

    The engine knows no more of it than its type, so that it is compiled without it, and once for
    all equations.
    """

    def __init__(self, compiled: Any, signature: Any) -> None:
        compiled.compile(signature)
        self._signature, self._result = signature, compiled.overloads[signature.args]
        name = self._result.fndesc.llvm_cfunc_wrapper_name
        self._address = self._result.library.get_pointer_to_function(name)

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> Any:
        return self._signature


@lru_cache(maxsize=2)
def compiled_transform(dtype: np.dtype) -> Pointer:
    """`fft.transform_lines` in one precision."""
    real, size = from_dtype(dtype), types.int64
    row, radices = types.Array(real, 1, "C"), types.Array(size, 1, "C")
    signature = types.void(
        types.boolean, row, size, size, size, size, radices, row, row, *[size] * 4
    )
    return Pointer(transform_lines, signature)


@lru_cache(maxsize=64)
def compiled_pointwise(
    equation: SpectralEquation, count_in: int, count_out: int, dtype: np.dtype
) -> Pointer:
    """Of an equation with so many w and rates. Raises `InputError` where the rates stand in no
    file, promote float32, or are fewer or more.
    """
    rates = equation.rates or _no_rates
    if not Path(rates.__code__.co_filename).is_file():
        raise InputError(
            f"expected the rates of {equation.name} in a file, got {rates!r}; compiled code is "
            "kept beside its file"
        )
    parts = 2 if equation.complex_valued else 1
    text = pointwise_text(equation, parts * count_in, parts * count_out)
    compiled = kernel(CONTRACT)(in_precision(rates, dtype))
    if equation.rates:
        _check_rates(equation, compiled, parts * count_in, parts * count_out, dtype)
    origin = f"{rates.__code__.co_filename}{rates.__qualname__}{dtype}"
    function = generated_function(text, "pointwise", equation.name, {"rates": compiled}, origin)
    real, size = from_dtype(dtype), types.int64
    table, rows = types.Array(size, 2, "C"), types.Array(real, 2, "C")
    row, cube = types.Array(real, 1, "C"), types.Array(real, 3, "C")
    signature = types.void(row, size, rows, table, table, size, size, cube, cube, types.float64)
    return Pointer(kernel(CONTRACT)(function), signature)


def _no_rates():
    return 0.0


def _check_rates(
    equation: SpectralEquation, compiled: Any, count_in: int, count_out: int, dtype: np.dtype
) -> None:
    real = from_dtype(dtype)
    arguments = (real,) * (count_in + len(equation.arguments))
    compiled.compile(arguments)
    result: Any = compiled.overloads[arguments].signature.return_type
    found = tuple(result) if hasattr(result, "count") else (result,)
    if len(found) != count_out:
        raise InputError(f"expected {count_out} rates of {equation.name}, got {len(found)}")
    if any(kind != real for kind in found):
        raise InputError(
            f"expected rates of {equation.name} in {dtype}, got {result}; write 2.0 and not 2, and "
            "use no other numbers than the arguments"
        )


def pointwise_text(equation: SpectralEquation, count_in: int, count_out: int) -> str:
    """Python text of `pointwise`: results over values, at all points of a slice.

    places_in, places_out (groups, functions): where each begins among the values behind `start`;
    given: (coefficients, groups * slices, points); parameters: (parameters, groups * slices,
    points of a tile). Results go to a tile (functions, points) first, as loops that write where
    they read are no vector code.
    """
    lines = [HEADER.format(name=equation.name).rstrip("\n")]
    if equation.rates is None:
        return "\n".join([*lines, ""])
    arguments = [
        *(f"w{i}[j]" for i in range(count_in)),
        *(f"f{m}[j]" for m in range(len(equation.given))),
        *(f"p{i}[j]" for i in range(len(equation.parameters))),
        *(["time"] if equation.timed else []),
    ]
    if equation.timed:
        lines.append("    time = values.dtype.type(t)")
    lines += [f"    p{i} = parameters[{i}, at]" for i in range(len(equation.parameters))]
    lines += [f"    r{j} = tile[{j}]" for j in range(count_out)]
    lines += [
        "    for first in range(0, count, most):",
        "        size, begin = min(most, count - first), start + first",
    ]
    lines += [
        f"        {name}{i} = values[places_{way}[group, {i}] + begin :][:size]"
        for name, way, number in (("w", "in", count_in), ("g", "out", count_out))
        for i in range(number)
    ]
    lines += [
        f"        f{m} = given[{m}, at, first : first + size]" for m in range(len(equation.given))
    ]
    results = ", ".join(f"r{j}[j]" for j in range(count_out))
    lines += [
        "        for j in range(size):",
        f"            {results} = rates({', '.join(arguments)})",
    ]
    for i in range(count_out):
        lines += ["        for j in range(size):", f"            g{i}[j] = r{i}[j]"]
    return "\n".join([*lines, ""])
