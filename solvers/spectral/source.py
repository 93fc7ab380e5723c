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


def pointwise(values, places_in, places_out, group, points, lanes, given, parameters, t):
    data = values.reshape(values.size)
    count = points * lanes
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
    rows, row = types.Array(real, 2, "C"), types.Array(real, 1, "C")
    sizes, places = types.Array(size, 1, "C"), types.Array(size, 2, "C")
    signature = types.void(
        rows, rows, size, size, size, size, types.boolean, sizes, row, rows, places
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
    signature = types.void(
        rows, table, table, size, size, size, types.Array(real, 3, "C"), rows, types.float64
    )
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
    """Python text of `pointwise`: results over values, at all points of a group.

    places_in, places_out (groups, functions): where each begins among the values; given:
    (coefficients, groups, points * lanes); parameters: (parameters, groups * lanes). Where all
    points are alike they are counted as one lane.
    """
    lines = [HEADER.format(name=equation.name).rstrip("\n")]
    if equation.rates is None:
        return "\n".join([*lines, ""])
    given, parameters = range(len(equation.given)), range(len(equation.parameters))
    lines += [
        f"    w{i} = data[places_in[group, {i}] : places_in[group, {i}] + count]"
        for i in range(count_in)
    ]
    lines += [
        f"    g{j} = data[places_out[group, {j}] : places_out[group, {j}] + count]"
        for j in range(count_out)
    ]
    lines += [f"    f{m} = given[{m}, group]" for m in given]
    if equation.timed:
        lines.append("    time = data.dtype.type(t)")
    arguments = [
        *(f"w{i}[j]" for i in range(count_in)),
        *(f"f{m}[j]" for m in given),
        *(f"p{i}" for i in parameters),
        *(["time"] if equation.timed else []),
    ]
    results = ", ".join(f"r{j}" for j in range(count_out))
    body = [f"{results} = rates({', '.join(arguments)})"]
    body += [f"g{j}[j] = r{j}" for j in range(count_out)]
    lines.append("    if lanes == 1:")
    lines += [f"        p{i} = parameters[{i}, group]" for i in parameters]
    lines.append("        for j in range(points):")
    lines += [f"            {line}" for line in body]
    lines.append("    else:")
    lines += [
        f"        q{i} = parameters[{i}, group * lanes : group * lanes + lanes]" for i in parameters
    ]
    lines += ["        for x in range(points):", "            for lane in range(lanes):"]
    lines.append("                j = x * lanes + lane")
    lines += [f"                p{i} = q{i}[lane]" for i in parameters]
    lines += [f"                {line}" for line in body]
    return "\n".join([*lines, ""])
