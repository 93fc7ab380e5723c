"""The one generated function of the engine: a plane of cells of an equation, in a file.

Numba caches compiled code on disk for functions that stand in a file. The offsets of the stencils
are written into the text; weights, spacings, parameters and sizes are not, so that one
compilation serves all grids of a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import from_dtype, types

from ...geometry.errors import InputError
from ..generated import generated_function
from ..kernels import CONTRACT, kernel
from .equation import Equation, in_precision
from .weno import weno5

Offset3 = tuple[int, int, int]

FACES = {"upwind": 1, "weno5": 3}  # reconstructions, and how far they look

HEADER = '''\
"""{name}: written by sobolev.solvers.stencils.source; do not edit."""


def update(Y, place, mask, out, slot, given, plane, first, count, width, share, step, w, p):'''


class Update(types.WrapperAddressProtocol):
    """The compiled `update` of one equation, as a value that compiled code can call.

    The engine knows no more of it than its type, so that it is compiled once for all equations.
    """

    def __init__(self, compiled: Any, dtype: np.dtype) -> None:
        real = from_dtype(dtype)
        states, row = types.Array(real, 3, "C"), types.Array(real, 1, "C")
        size = types.int64
        self._signature = types.void(
            states, size, size, states, size, states, size, size, size, size, real, real, row, row
        )
        compiled.compile(self._signature)
        self._result = compiled.overloads[self._signature.args]

    def __wrapper_address__(self) -> int:
        name = self._result.fndesc.llvm_cfunc_wrapper_name
        return self._result.library.get_pointer_to_function(name)

    def signature(self) -> Any:
        return self._signature


@lru_cache(maxsize=64)
def compiled_update(
    equation: Equation,
    offsets: tuple[tuple[Offset3, ...], ...],
    axes: tuple[int, ...],
    faces: int,
    damped: bool,
    dtype: np.dtype,
) -> Update:
    """`update` of the equation whose terms have these offsets on the engine's three axes.

    axes: which of them are the grid's; faces: what `FACES` has for its fluxes.

    Raises `InputError` where the rates stand in no file, or promote float32.
    """
    rates, text = equation.rates, update_text(equation, offsets, axes, faces, damped)
    functions = (rates, *equation.fluxes, *equation.speeds)
    if not all(Path(function.__code__.co_filename).is_file() for function in functions):
        raise InputError(
            f"expected the functions of {equation.name} in a file, got {rates!r}; compiled code "
            "is kept beside its file"
        )
    origin = [(function.__code__.co_filename, function.__qualname__) for function in functions]
    named = {f"flux{axis}": flux for axis, flux in enumerate(equation.fluxes)}
    named |= {f"speed{axis}": speed for axis, speed in enumerate(equation.speeds)}
    named |= {"rates": rates, "weno5": weno5}
    compiled = {key: kernel(CONTRACT)(in_precision(f, dtype)) for key, f in named.items()}
    _check_rates(equation, compiled["rates"], dtype)
    update = generated_function(text, "update", equation.name, compiled, f"{origin}{dtype}")
    return Update(kernel(CONTRACT)(update), dtype)


def _check_rates(equation: Equation, compiled: Any, dtype: np.dtype) -> None:
    count = sum(map(len, (equation.fields, equation.terms, equation.coefficients)))
    count += len(equation.fields) if equation.fluxes else 0
    arguments = (from_dtype(dtype),) * (count + len(equation.parameters))
    compiled.compile(arguments)
    result: Any = compiled.overloads[arguments].signature.return_type
    rates = tuple(result) if hasattr(result, "count") else (result,)
    if len(rates) != len(equation.fields):
        raise InputError(
            f"expected {len(equation.fields)} rates of {equation.name}, got {len(rates)}"
        )
    if any(rate != from_dtype(dtype) for rate in rates):
        raise InputError(
            f"expected rates of {equation.name} in {dtype}, got {result}; write 2.0 and not 2, and "
            "use no other numbers than the arguments"
        )


def update_text(
    equation: Equation,
    offsets: Sequence[Sequence[Offset3]],
    axes: tuple[int, ...],
    faces: int,
    damped: bool,
) -> str:
    """Python text of `update`: out = share * u + step * F(u) on `count` cells of a plane.

    Y and out are (fields, slots, cells). The plane p of Y stands in slot (place + p) & mask, the
    coefficients' in `given`. A damped equation has the sponge as its first coefficient, and rest
    values behind its parameters. Rows of a plane lie behind one another, so that one loop runs
    over all of it; the ghost cells that it runs over are filled afterwards. Indices are unsigned:
    signed ones would be tested for being negative.
    """
    fields, views = range(len(equation.fields)), {}  # type: ignore[var-annotated]

    def cells(c: int, offset: Offset3) -> str:
        return views.setdefault((c, offset), f"y{len(views)}")

    here = [cells(c, (0, 0, 0)) for c in fields]
    first_weight: dict[str, int] = {}  # terms of the same derivative share their weights
    terms, total = [], 0
    for t, ((field, derivative), places) in enumerate(zip(equation.terms, offsets, strict=True)):
        if derivative not in first_weight:
            first_weight[derivative] = total
            total += len(places)
        c, start = equation.fields.index(field), first_weight[derivative]
        parts = [f"w{start + k} * {cells(c, place)}[j]" for k, place in enumerate(places)]
        terms.append(f"        t{t} = {' + '.join(parts)}")
    if faces:
        for number, axis in enumerate(axes):
            terms += _transport(equation, number, axis, faces, total + number, cells)
        total += len(axes)
    given = range(len(equation.coefficients) + damped)
    parameters = range(len(equation.parameters) + damped * len(fields))
    rows = {
        **{
            name: (f"Y[{c}, (place + {d0}) & mask]", f"first + {d1} * width + {d2}")
            for (c, (d0, d1, d2)), name in views.items()
        },
        **{f"out{c}": (f"out[{c}, slot]", "first") for c in fields},
        **{f"f{m}": (f"given[{m}, plane]", "first") for m in given},
    }
    head = [
        *(f"    {name} = {row}[{at} : {at} + count]" for name, (row, at) in rows.items()),
        *(f"    w{k} = w[{k}]" for k in range(total)),
        *(f"    p{i} = p[{i}]" for i in parameters),
        *(["    half = step / (step + step)"] if faces else []),
        "    for j in range(count):",
    ]
    body = _assignments(equation, damped, here)
    return "\n".join([HEADER.format(name=equation.name), *head, *terms, *body, ""])


def _transport(
    equation: Equation,
    number: int,
    axis: int,
    reach: int,
    weight: int,
    cells: Callable[[int, Offset3], str],
) -> list[str]:
    """g{number}_{field}: differences of the fluxes through the two faces along an axis.

    Lax-Friedrichs splitting with the fastest wave of the cells that a face looks at, which is the
    same seen from both of its sides; WENO of the two parts, or their nearest cells.
    """
    fields, near = range(len(equation.fields)), range(-reach, reach + 1)
    parameters = [f"p{i}" for i in range(len(equation.parameters))]
    lines, at = [], {k: f"{number}_{k + reach}" for k in near}
    for k in near:
        offset = tuple(k if d == axis else 0 for d in range(3))
        values = ", ".join([*(f"q{at[k]}_{c}" for c in fields), *parameters])
        lines += [f"        q{at[k]}_{c} = {cells(c, offset)}[j]" for c in fields]  # type: ignore[arg-type]
        results = ", ".join(f"f{at[k]}_{c}" for c in fields)
        lines.append(f"        {results} = flux{number}({values})")
        lines.append(f"        s{at[k]} = speed{number}({values})")
    for face, first in (("low", -reach), ("high", -reach + 1)):
        seen = [at[k] for k in range(first, first + 2 * reach)]
        fastest = f"s{seen[0]}"
        for place in seen[1:]:
            fastest = f"max({fastest}, s{place})"
        lines.append(f"        a{face} = {fastest}")
        for c in fields:
            right = [f"f{place}_{c} + a{face} * q{place}_{c}" for place in seen[:-1]]
            left = [f"f{place}_{c} - a{face} * q{place}_{c}" for place in seen[:0:-1]]
            parts = [
                f"weno5({', '.join(part)})" if reach == 3 else f"({part[0]})"
                for part in (right, left)
            ]
            lines.append(f"        {face}{c} = {' + '.join(parts)}")
    return lines + [
        f"        g{number}_{c} = half * w{weight} * (high{c} - low{c})" for c in fields
    ]


def _assignments(equation: Equation, damped: bool, here: list[str]) -> list[str]:
    fields, first = range(len(equation.fields)), int(damped)
    arguments = [
        *(f"u{c}" for c in fields),
        *(
            f"-({' + '.join(f'g{a}_{c}' for a in range(len(equation.fluxes)))})"
            for c in fields
            if equation.fluxes
        ),
        *(f"t{t}" for t in range(len(equation.terms))),
        *(f"f{first + m}[j]" for m in range(len(equation.coefficients))),
        *(f"p{i}" for i in range(len(equation.parameters))),
    ]
    lines = [f"        u{c} = {row}[j]" for c, row in enumerate(here)]
    lines.append(f"        {', '.join(f'r{c}' for c in fields)} = rates({', '.join(arguments)})")
    if damped:
        rest = len(equation.parameters)
        lines += [f"        r{c} -= f0[j] * (u{c} - p{rest + c})" for c in fields]
    return lines + [f"        out{c}[j] = share * u{c} + step * r{c}" for c in fields]
