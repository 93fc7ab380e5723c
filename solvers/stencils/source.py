"""The one generated function of the engine: a plane of cells of an equation, in a file.

Numba caches compiled code on disk for functions that stand in a file. The offsets of the stencils
are written into the text; weights, spacings, parameters and sizes are not, so that one
compilation serves all grids of a kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import from_dtype, types

from ...geometry.errors import InputError
from ..generated import generated_function
from ..kernels import CONTRACT, kernel, wide_vectors
from .equation import Equation, in_precision
from .faces import face_rows, faces_text, points_text, rows
from .reconstruction import REACH, kept, muscl, weno5

Offset3 = tuple[int, int, int]

BLOCK = 1024  # cells of a plane whose faces are worked on together

ARGUMENTS = "Y, place, mask, out, slot, given, plane, first, count, width, share, step, w, p"

HEADER = '''\
"""{name}: written by sobolev.solvers.stencils.source; do not edit."""


def update({arguments}):'''


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
    reconstruction: str,
    flux: str,
    damped: bool,
    dtype: np.dtype,
) -> Update:
    """`update` of the equation whose terms have these offsets on the engine's three axes.

    axes: which of them are the grid's; reconstruction, flux: of the fluxes, if there are any.

    Raises `InputError` where the rates stand in no file, or promote float32.
    """
    functions = (equation.rates, *equation.fluxes, *equation.speeds)
    if not all(Path(function.__code__.co_filename).is_file() for function in functions):
        raise InputError(
            f"expected the functions of {equation.name} in a file, got {equation.rates!r}; "
            "compiled code is kept beside its file"
        )
    origin = [(function.__code__.co_filename, function.__qualname__) for function in functions]
    scope = {f"flux{axis}": function for axis, function in enumerate(equation.fluxes)}
    scope |= {f"speeds{axis}": function for axis, function in enumerate(equation.speeds)}
    scope |= {"rates": equation.rates, "weno5": weno5, "muscl": muscl, "kept": kept}
    compiled = {
        name: kernel(CONTRACT)(in_precision(function, dtype)) for name, function in scope.items()
    }
    _check_rates(equation, compiled["rates"], dtype)
    # What is called by the same name is not always the same function.
    salt = f"{origin}{dtype}" + f"{reconstruction}{flux}" * bool(equation.fluxes)

    names = {"np": np, "wide_vectors": wide_vectors}

    def made(text: str, name: str) -> Any:
        function = generated_function(text, name, equation.name, {**compiled, **names}, salt)
        return kernel(CONTRACT)(in_precision(function, dtype))

    transport = {}
    for axis in range(len(equation.fluxes)):
        transport[f"points{axis}"] = made(points_text(equation, axis, flux), "points")
        text = faces_text(equation, axis, reconstruction, flux)
        transport[f"faces{axis}"] = made(text, "faces")
    compiled |= transport
    text = update_text(equation, offsets, axes, reconstruction, flux, damped)
    if equation.fluxes:
        compiled["block"] = made(text.replace("def update(", "def block("), "block")
        text = blocks_text(equation, axes, REACH[reconstruction], flux)
    return Update(made(text, "update"), dtype)


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
    reconstruction: str,
    flux: str,
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
    transport = []
    if equation.fluxes:
        for number, axis in enumerate(axes):
            transport += _transport(equation, number, axis, REACH[reconstruction], flux)
            terms += [
                f"        g{number}_{c} = w{total + number} * (high{number}_{c}[j]"
                f" - low{number}_{c}[j])"
                for c in fields
            ]
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
        *transport,
        "    wide_vectors()",
        "    for j in range(count):",
    ]
    body = _assignments(equation, damped, here)
    arguments = ARGUMENTS + ", P, F" * bool(equation.fluxes)
    first_lines = HEADER.format(name=equation.name, arguments=arguments)
    return "\n".join([first_lines, *head, *terms, *body, ""])


def _transport(equation: Equation, number: int, axis: int, reach: int, flux: str) -> list[str]:
    """Calls for the fluxes through all low and high faces of the plane's cells along an axis."""
    gap = {0: "count", 1: "width", 2: "1"}[axis]
    lines = [f"    gap, wide = {gap}, count + {2 * reach} * {gap}"]
    fields = range(len(equation.fields))
    if axis:
        start = f"first - {reach} * gap"
        lines.append(f"    points{number}(Y, place & mask, {start}, wide, P, 0, p)")
    else:
        lines += [
            f"    for plane_near in range({2 * reach + 1}):",
            f"        near = (place + plane_near - {reach}) & mask",
            f"        points{number}(Y, near, first, count, P, plane_near * count, p)",
        ]
    return [
        *lines,
        f"    faces{number}(P, gap, count + gap, F[{number}], p)",
        *(f"    low{number}_{c} = F[{number}, {c}][:count]" for c in fields),
        *(f"    high{number}_{c} = F[{number}, {c}][gap : gap + count]" for c in fields),
    ]


def blocks_text(equation: Equation, axes: tuple[int, ...], reach: int, flux: str) -> str:
    """`update` of a conservation law: the plane in blocks, whose faces stay in cache."""
    arguments = ARGUMENTS.replace("first, count", "first + start, min(size, count - start)")
    beside = f"{2 * reach + 1} * size" if 0 in axes else "size"
    lines = [
        HEADER.format(name=equation.name, arguments=ARGUMENTS),
        f"    size = min(count, max({BLOCK}, 8 * width))",
        f"    P = np.empty(({rows(equation, flux)}, {beside} + {2 * reach} * width), w.dtype)",
        f"    shape = ({len(axes)}, {face_rows(equation, flux)}, 2 * size + width)",
        "    F = np.empty(shape, w.dtype)",
        "    for start in range(0, count, size):",
        f"        block({arguments}, P, F)",
    ]
    return "\n".join([*lines, ""])


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
