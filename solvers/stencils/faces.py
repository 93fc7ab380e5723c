"""Generated functions for conservation laws: values at points, and fluxes through faces.

Along each axis the cells that a plane's faces look at are laid out in one row, in which a step
along the axis is a fixed distance, so that one loop without branches, in vector lanes, runs over
all faces.
"""

from __future__ import annotations

from collections.abc import Sequence

from .equation import Equation
from .reconstruction import REACH

FLUXES = ("split", "rusanov", "hll")


def points_text(equation: Equation, axis: int, flux: str) -> str:
    """`points`: what faces look at, of `count` cells of a plane, into P from column `at` on.

    Rows of P are the fields; where fluxes are split also their fluxes and the fastest speed.
    """
    fields = range(len(equation.fields))
    lines = [
        "def points(Y, slot, start, count, P, at, p):",
        *(f"    y{c} = Y[{c}, slot][start : start + count]" for c in fields),
        *(f"    P{r} = P[{r}][at : at + count]" for r in range(rows(equation, flux))),
        *_numbers(equation),
    ]
    for c in fields:
        lines += _loop([f"P{c}[j] = y{c}[j]"])
    if flux == "split":
        values = _call([f"y{c}[j]" for c in fields], equation)
        found = ", ".join(f"P{len(fields) + c}[j]" for c in fields)
        lines += _loop([
            f"{found} = flux{axis}({values})",
            f"low, high = speeds{axis}({values})",
            f"P{2 * len(fields)}[j] = max(-low, high)",
        ])  # fmt: skip
    return "\n".join([*lines, ""])


def rows(equation: Equation, flux: str) -> int:
    """Rows of P."""
    return 2 * len(equation.fields) + 1 if flux == "split" else len(equation.fields)


def face_rows(equation: Equation, flux: str) -> int:
    """Rows of F: the fluxes of the fields, and what is needed on the way."""
    return len(equation.fields) + (1 if flux == "split" else 2 * len(equation.fields) + 2)


def faces_text(equation: Equation, axis: int, reconstruction: str, flux: str) -> str:
    """`faces`: fluxes F through `count` faces from P, whose cells stand `step` columns apart.

    Several short loops: the compiler proves that arrays do not overlap before it takes lanes, and
    gives up where they are many.
    """
    width = 2 * REACH[reconstruction]
    body = _split if flux == "split" else _between_states
    lines = [
        "def faces(P, step, count, F, p):",
        *(
            f"    P{row}_{k} = P[{row}][{k} * step : {k} * step + count]"
            for row in range(rows(equation, flux))
            for k in range(width)
        ),
        *(f"    F{row} = F[{row}][:count]" for row in range(face_rows(equation, flux))),
        *_numbers(equation),
        *body(equation, axis, reconstruction, flux),
    ]
    return "\n".join([*lines, ""])


def _split(equation: Equation, axis: int, reconstruction: str, flux: str) -> list[str]:
    """Lax-Friedrichs splitting with the fastest wave of the cells that the face looks at."""
    count, width = len(equation.fields), 2 * REACH[reconstruction]
    fastest = f"P{2 * count}_0[j]"
    for k in range(1, width):
        fastest = f"max({fastest}, P{2 * count}_{k}[j])"
    lines = _loop([f"F{count}[j] = {fastest}"])
    for c in range(count):
        right, left = (
            [f"P{count + c}_{k}[j] {sign} a * P{c}_{k}[j]" for k in range(width)] for sign in "+-"
        )
        both = f"{_left(right, reconstruction)} + {_right(left, reconstruction)}"
        lines += _loop([f"a = F{count}[j]", f"F{c}[j] = 0.5 * ({both})"])
    return lines


def _between_states(equation: Equation, axis: int, reconstruction: str, flux: str) -> list[str]:
    """A flux from the states on both sides, with the waves' speeds estimated by those of both.

    hll: Harten, Lax & van Leer, SIAM Review 25 (1983), equation 3.24a, with the speeds of Davis,
    SIAM J. Sci. Stat. Comput. 9 (1988), equation 4.5. rusanov: the fastest to both sides.
    """
    count, reach = len(equation.fields), REACH[reconstruction]
    sides = [(count, reach - 1, _left), (2 * count, reach, _right)]  # row, nearest cell, biased
    limited = bool(equation.positive) and reach > 1
    lines = []
    for number, (_, near, value) in enumerate(sides if limited else []):
        share = "1.0"
        for c in map(equation.fields.index, equation.positive):
            face = value(_cells(c, reach), reconstruction)
            share = f"min({share}, kept(P{c}_{near}[j], {face}))"
        lines += _loop([f"F{3 * count + number}[j] = {share}"])
    for c in range(count):
        for number, (row, near, value) in enumerate(sides):
            face = value(_cells(c, reach), reconstruction)
            if limited:
                mean = f"P{c}_{near}[j]"
                face = f"{mean} + F{3 * count + number}[j] * ({face} - {mean})"
            lines += _loop([f"F{row + c}[j] = {face}"])
    return lines + _loop(_riemann(equation, axis, flux))


def _riemann(equation: Equation, axis: int, flux: str) -> list[str]:
    count = len(equation.fields)
    fields, lines = range(count), []
    for side, row in (("l", count), ("r", 2 * count)):
        lines += [f"{side}{c} = F{row + c}[j]" for c in fields]
        values = _call([f"{side}{c}" for c in fields], equation)
        found = ", ".join(f"f{side}{c}" for c in fields)
        lines.append(f"{found} = flux{axis}({values})")
        lines.append(f"low_{side}, high_{side} = speeds{axis}({values})")
    lines.append("low, high = min(low_l, low_r), max(high_l, high_r)")
    if flux == "rusanov":
        lines.append("a = max(-low, high)")
        return lines + [f"F{c}[j] = 0.5 * (fl{c} + fr{c} - a * (r{c} - l{c}))" for c in fields]
    lines += [
        "low, high = min(low, 0.0), max(high, 0.0)",
        "over = 1.0 / max(high - low, 1e-30)",
    ]
    return lines + [
        f"F{c}[j] = over * (high * fl{c} - low * fr{c} + high * low * (r{c} - l{c}))"
        for c in fields
    ]


def _loop(lines: Sequence[str]) -> list[str]:
    return ["    for j in range(count):", *(f"        {line}" for line in lines)]


def _cells(c: int, reach: int) -> list[str]:
    return [f"P{c}_{k}[j]" for k in range(2 * reach)]


def _left(cells: Sequence[str], reconstruction: str) -> str:
    """From the cells around a face, the value biased to the left."""
    if reconstruction == "upwind":
        return cells[0]
    return f"{reconstruction}({', '.join(cells[:-1])})"


def _right(cells: Sequence[str], reconstruction: str) -> str:
    return _left(cells[::-1], reconstruction)


def _numbers(equation: Equation) -> list[str]:
    return [f"    p{i} = p[{i}]" for i in range(len(equation.parameters))]


def _call(values: Sequence[str], equation: Equation) -> str:
    return ", ".join([*values, *(f"p{i}" for i in range(len(equation.parameters)))])
