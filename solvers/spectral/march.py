"""The engine: steps of any equation by any scheme, on a block of samples, in compiled code.

The state is (2, slots, rows, columns), real and imaginary parts apart. A slot is a field of a
group of samples. A group of one sample has one row of all modes; one of several has them as
columns, one row for each mode, so that vector lanes run over samples. Coefficients of schemes and
symbols are (.., rows, columns), with one column where all samples of a group share them.

Real functions go through complex transforms in pairs (`packing.py`): two functions of one group, or
one function of two groups.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..kernels import REASSOCIATE, borrowed, kernel
from .transforms import Work, between, transform_columns, transform_slice
from .vectors import add_multiplied, add_scaled, clear, copy, fill, multiply, scale


class Symbols(NamedTuple):
    """Rows of (target, source), and symbols (count, 2, rows, columns or 1)."""

    places: np.ndarray
    values: np.ndarray


class Products(NamedTuple):
    """What the pointwise function gets, and how functions are paired for the transforms."""

    given: np.ndarray
    """(coefficients, groups * slices, points of a slice)"""
    parameters: np.ndarray
    """(parameters, groups * slices, points of a tile)"""
    places_in: np.ndarray
    """(groups, functions): where each begins among the values on points"""
    places_out: np.ndarray
    pairs_in: np.ndarray
    """(pairs, 2): slot of the real function and of the imaginary one"""
    pairs_out: np.ndarray
    plain: bool
    """The w are the unknowns."""
    forced: bool
    """There are sources."""


class Scheme(NamedTuple):
    """Coefficients of one step size: of every stage but the first, and last of the step."""

    plan: np.ndarray
    """(stages, 2 + slopes): first coefficient, how many, of which slopes"""
    decays: np.ndarray
    """(stages, 1 or 2, fields, rows, columns or 1)"""
    coefficients: np.ndarray
    nodes: np.ndarray
    """(stages,) of the slopes, in steps"""
    h: float


@kernel(inner=True)
def _apply(symbols, source, target):
    """target[:, i] += symbol source[:, j] for all (i, j) of the symbols."""
    values = symbols.values
    rows, columns = target.shape[2], target.shape[3]
    size, own = rows * columns, values.shape[2] * values.shape[3]
    to_imaginary, from_imaginary = target.shape[1] * size, source.shape[1] * size
    for e in range(len(symbols.places)):
        i, j = symbols.places[e, 0] * size, symbols.places[e, 1] * size
        add_multiplied(
            rows, columns, own != size, values, 2 * e * own, values, (2 * e + 1) * own,
            source, j, source, from_imaginary + j, target, i, target, to_imaginary + i,
        )  # fmt: skip


@kernel(inner=True)
def _combine(scheme, i, u, slopes, out):
    """out = D u + sum_j A_ij slope_j, with the coefficients of one stage."""
    slots, rows, columns = u.shape[1], u.shape[2], u.shape[3]
    size, own = rows * columns, scheme.decays.shape[3] * scheme.decays.shape[4]
    shared, imaginary = own != size, slots * size
    first, count = scheme.plan[i, 0], scheme.plan[i, 1]
    for slot in range(slots):
        re, im = slot * size, imaginary + slot * size
        if scheme.decays.shape[1] == 1:
            f = (i * slots + slot) * own
            scale(rows, columns, shared, scheme.decays, f, u, re, out, re)
            scale(rows, columns, shared, scheme.decays, f, u, im, out, im)
            for s in range(count):
                f = ((first + s) * slots + slot) * own
                k = scheme.plan[i, 2 + s] * 2 * imaginary
                add_scaled(
                    rows, columns, shared, scheme.coefficients, f, slopes, k + re, out, re
                )  # fmt: skip
                add_scaled(
                    rows, columns, shared, scheme.coefficients, f, slopes, k + im, out, im
                )  # fmt: skip
        else:
            f, g = (2 * i * slots + slot) * own, ((2 * i + 1) * slots + slot) * own
            multiply(
                rows, columns, shared, scheme.decays, f, scheme.decays, g,
                u, re, u, im, out, re, out, im,
            )  # fmt: skip
            for s in range(count):
                f = (2 * (first + s) * slots + slot) * own
                g = f + slots * own
                k = scheme.plan[i, 2 + s] * 2 * imaginary
                add_multiplied(
                    rows, columns, shared, scheme.coefficients, f, scheme.coefficients, g,
                    slopes, k + re, slopes, k + im, out, re, out, im,
                )  # fmt: skip


@kernel(inner=True)
def evaluate(
    u,
    t,
    slope,
    symbols_in,
    symbols_out,
    coupling,
    sources,
    space,
    work,
    products,
    pointwise,
    transform,
):
    """slope = sum_j B_j F[g_j] + C u + s at the state u."""
    axes = len(space.sizes)
    rows, columns = u.shape[2], u.shape[3]
    size, own = rows * columns, sources.shape[2] * sources.shape[3]
    if products.forced:
        for place in range(2 * u.shape[1]):
            fill(rows, columns, own != size, sources, place * own, slope, place * size)
    else:
        clear(slope)
    _apply(coupling, u, slope)
    if not len(symbols_in.places):
        return
    inputs = u
    if not products.plain:
        inputs = work.inputs
        clear(inputs)
        _apply(symbols_in, u, inputs)
    # Not written as constants, for each of which the function would be compiled.
    yes, no = axes > 0, axes < 0
    pairs_in, pairs_out = len(products.pairs_in), len(products.pairs_out)
    between(yes, inputs, products.pairs_in, space, work.waves)
    for axis in range(axes - 1):
        transform_columns(yes, axis, pairs_in, space, work, transform)
    groups = len(products.places_in)
    for at in range(space.slices):
        transform_slice(yes, at, pairs_in, space, work, transform)
        for group in range(groups):
            pointwise(
                work.values, at * space.block if axes == 1 else 0, work.tile, products.places_in,
                products.places_out, group, group * space.slices + at, products.given,
                products.parameters, t,
            )  # fmt: skip
        transform_slice(no, at, pairs_out, space, work, transform)
    for axis in range(axes - 2, -1, -1):
        transform_columns(no, axis, pairs_out, space, work, transform)
    between(no, work.outputs, products.pairs_out, space, work.waves)
    _apply(symbols_out, work.outputs, slope)


@kernel(REASSOCIATE, inner=True)
def _total(values):
    total = values[0] * 0
    for j in range(values.size):
        total += values[j] * 0
    return total


@kernel(inner=True)
def _find_dead(u, groups, t, died):
    """Write t for samples that hold infinity or NaN, and set them to zero."""
    if _total(u.reshape(-1)) == 0:
        return
    parts, slots, rows, columns = u.shape
    samples = len(died) // groups
    for i in range(len(died)):
        group, each = i // samples, slots // groups
        lane, step = (0, 1) if samples == 1 else (i % samples, samples)
        total = u.dtype.type(0)
        for pass_ in range(2):
            for part in range(parts):
                for slot in range(group * each, (group + 1) * each):
                    for row in range(rows):
                        for c in range(lane, columns, step):
                            if pass_ == 0:
                                total += u[part, slot, row, c] * 0
                            else:
                                u[part, slot, row, c] = 0
            if total == 0:
                break
        if total != 0 and np.isnan(died[i]):
            died[i] = t


@kernel(inner=True)
def _borrowed_symbols(symbols):
    return Symbols(borrowed(symbols.places), borrowed(symbols.values))


@kernel()
def march(
    steps, t0, scheme, u, spare, slopes, died, symbols_in, symbols_out, coupling, sources,
    space, work, products, pointwise, transform,
):  # fmt: skip
    """Take steps from t0 in place, and write down when samples (nan in `died`) died."""
    u, spare, slopes, died = borrowed(u), borrowed(spare), borrowed(slopes), borrowed(died)
    symbols_in, symbols_out = _borrowed_symbols(symbols_in), _borrowed_symbols(symbols_out)
    coupling, sources = _borrowed_symbols(coupling), borrowed(sources)
    work = Work(
        borrowed(work.waves), borrowed(work.values), borrowed(work.lines), borrowed(work.tile),
        borrowed(work.inputs), borrowed(work.outputs),
    )  # fmt: skip
    own = u
    h, last = scheme.h, len(scheme.plan) - 1
    for n in range(steps):
        t = t0 + n * h
        for i in range(last + 1):
            evaluate(
                u if i == 0 else spare, t + scheme.nodes[i] * h, slopes[i], symbols_in,
                symbols_out, coupling, sources, space, work, products, pointwise, transform,
            )  # fmt: skip
            _combine(scheme, i, u, slopes, spare)
        u, spare = spare, u
        _find_dead(u, max(1, len(products.places_in)), t + h, died)
    if steps % 2:
        copy(own, u)
