"""The engine: steps of any equation by any scheme, on a block of samples, in compiled code.

The state is (2, slots, rows, columns), real and imaginary parts apart. A slot is a field of a
group of samples. A group of one sample has one row of all modes; one of several has them as
columns, one row for each mode, so that vector lanes run over samples. Coefficients of schemes and
symbols are (.., rows, columns), with one column where all samples of a group share them.

Real functions go through complex transforms in pairs, u = Re z and v = Im z:
z_hat(k) = u_hat(k) + i v_hat(k), and u_hat(k) = (z_hat(k) + conj z_hat(-k)) / 2. A pair is two
functions of one group, or one function of two groups.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..kernels import CONTRACT, REASSOCIATE, borrowed, kernel
from .vectors import multiply_add, packed, unpacked


class Symbols(NamedTuple):
    """Rows of (target, source), and symbols (count, 2, rows, columns or 1)."""

    places: np.ndarray
    values: np.ndarray


class Space(NamedTuple):
    """Transforms between kept modes and points, axis by axis."""

    sizes: np.ndarray
    """(axes, 4): outer / pairs, kept, inner / lanes, points"""
    radices: tuple[np.ndarray, ...]
    twiddles: tuple[np.ndarray, ...]
    spots: np.ndarray
    """(modes, 2): where a mode and its mirror image stand among all"""
    full: int
    """modes of a complex field"""
    lanes: int
    """complex transforms that lie side by side"""
    complex_valued: bool


class Work(NamedTuple):
    """Scratch of one block."""

    stages: tuple[np.ndarray, ...]
    """Data between the transforms of the axes, (2, pairs * ...); the last is on points."""
    scratch: np.ndarray
    places: np.ndarray
    inputs: np.ndarray
    """(2, slots, rows, columns)"""
    outputs: np.ndarray


class Products(NamedTuple):
    """What the pointwise function gets, and how functions are paired for the transforms."""

    given: np.ndarray
    """(coefficients, groups, points * lanes)"""
    parameters: np.ndarray
    """(parameters, groups * lanes)"""
    points: int
    lanes: int
    """1 where all points are alike"""
    places_in: np.ndarray
    """(groups, functions): where each begins among the values on points"""
    places_out: np.ndarray
    pairs_in: np.ndarray
    """(pairs, 2): slot of the real function and of the imaginary one"""
    pairs_out: np.ndarray


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


@kernel(CONTRACT)
def _scale(target, factor, source):
    for j in range(target.size):
        target[j] = factor[j] * source[j]


@kernel(CONTRACT)
def _add_scaled(target, factor, source):
    for j in range(target.size):
        target[j] += factor[j] * source[j]


@kernel(CONTRACT)
def _scale_by_one(target, factor, source):
    for j in range(target.size):
        target[j] = factor * source[j]


@kernel(CONTRACT)
def _add_scaled_by_one(target, factor, source):
    for j in range(target.size):
        target[j] += factor * source[j]


@kernel()
def _clear(target):
    for j in range(target.size):
        target[j] = 0


@kernel()
def _copy(target, source):
    for j in range(target.size):
        target[j] = source[j]


@kernel()
def _add_product(sr, si, xr, xi, tr, ti):
    """t += s x on one row, s one number or one for each column."""
    if sr.size == tr.size:
        multiply_add(sr, si, xr, xi, tr, ti)
    else:
        re, im = sr[0], si[0]
        if re != 0:
            _add_scaled_by_one(tr, re, xr)
            _add_scaled_by_one(ti, re, xi)
        if im != 0:
            _add_scaled_by_one(tr, -im, xi)
            _add_scaled_by_one(ti, im, xr)


@kernel()
def _apply(symbols, source, target):
    """target[:, i] += symbol source[:, j] for all (i, j) of the symbols."""
    for e in range(len(symbols.places)):
        i, j, symbol = symbols.places[e, 0], symbols.places[e, 1], symbols.values[e]
        for row in range(target.shape[2]):
            _add_product(
                symbol[0, row], symbol[1, row], source[0, j, row], source[1, j, row],
                target[0, i, row], target[1, i, row],
            )  # fmt: skip


@kernel()
def _combine_real(decay, u, factors, which, slopes, out):
    shared = decay.shape[3] != u.shape[3]
    for part in range(2):
        for slot in range(u.shape[1]):
            for row in range(u.shape[2]):
                target, source = out[part, slot, row], u[part, slot, row]
                if shared:
                    _scale_by_one(target, decay[0, slot, row, 0], source)
                else:
                    _scale(target, decay[0, slot, row], source)
                for s in range(len(which)):
                    slope = slopes[which[s], part, slot, row]
                    if shared:
                        _add_scaled_by_one(target, factors[s, 0, slot, row, 0], slope)
                    else:
                        _add_scaled(target, factors[s, 0, slot, row], slope)


@kernel()
def _combine_complex(decay, u, factors, which, slopes, out):
    for slot in range(u.shape[1]):
        for row in range(u.shape[2]):
            re, im = out[0, slot, row], out[1, slot, row]
            _clear(re)
            _clear(im)
            _add_product(
                decay[0, slot, row], decay[1, slot, row], u[0, slot, row], u[1, slot, row], re, im
            )  # fmt: skip
            for s in range(len(which)):
                k = which[s]
                _add_product(
                    factors[s, 0, slot, row], factors[s, 1, slot, row], slopes[k, 0, slot, row],
                    slopes[k, 1, slot, row], re, im,
                )  # fmt: skip


@kernel()
def _pack(source, pairs, space, lanes, target):
    """Coefficients of functions (2, slots, rows, columns) to those of their pairs, all waves."""
    spots, one = space.spots, source.shape[2] == 1
    count = len(spots)
    for p in range(len(pairs)):
        a, b = pairs[p]
        base = p * space.full * lanes
        if one:
            ur, ui, vr, vi = source[0, a, 0], source[1, a, 0], source[0, b, 0], source[1, b, 0]
            for m in range(count):
                here, there = base + spots[m, 0], base + spots[m, 1]
                target[0, there] = ur[m] + vi[m]
                target[1, there] = vr[m] - ui[m]
                target[0, here] = ur[m] - vi[m]
                target[1, here] = vr[m] + ui[m]
        else:
            for m in range(count):
                here, there = base + spots[m, 0] * lanes, base + spots[m, 1] * lanes
                packed(
                    source[0, a, m], source[1, a, m],
                    source[0, b, m], source[1, b, m],
                    target[0, there : there + lanes], target[1, there : there + lanes],
                    target[0, here : here + lanes], target[1, here : here + lanes],
                )  # fmt: skip


@kernel()
def _unpack(source, pairs, space, lanes, target):
    """The way back."""
    spots, one = space.spots, target.shape[2] == 1
    count = len(spots)
    for p in range(len(pairs)):
        a, b = pairs[p]
        base = p * space.full * lanes
        if one:
            ur, ui, vr, vi = target[0, a, 0], target[1, a, 0], target[0, b, 0], target[1, b, 0]
            half = ur.dtype.type(0.5)
            for m in range(count):
                here, there = base + spots[m, 0], base + spots[m, 1]
                zr, zi, yr, yi = (
                    source[0, here],
                    source[1, here],
                    source[0, there],
                    source[1, there],
                )
                ur[m], ui[m] = half * (zr + yr), half * (zi - yi)
                vr[m], vi[m] = half * (zi + yi), half * (yr - zr)
        else:
            for m in range(count):
                here, there = base + spots[m, 0] * lanes, base + spots[m, 1] * lanes
                unpacked(
                    source[0, here : here + lanes], source[1, here : here + lanes],
                    source[0, there : there + lanes], source[1, there : there + lanes],
                    target[0, a, m], target[1, a, m],
                    target[0, b, m], target[1, b, m],
                )  # fmt: skip


@kernel()
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
    for part in range(2):
        for f in range(u.shape[1]):
            for row in range(u.shape[2]):
                source, target = sources[part, f, row], slope[part, f, row]
                if source.size == target.size:
                    _copy(target, source)
                else:
                    for j in range(target.size):
                        target[j] = source[0]
    _apply(coupling, u, slope)
    if not len(symbols_in.places):
        return
    modes, points = work.stages[0], work.stages[axes]
    _clear(work.inputs.reshape(-1))
    _apply(symbols_in, u, work.inputs)
    pairs = len(products.pairs_in)
    lanes = space.lanes
    if space.complex_valued:
        _copy(modes.reshape(-1), work.inputs.reshape(-1))
    else:
        _pack(work.inputs, products.pairs_in, space, lanes, modes)
    for axis in range(axes):
        outer, kept, inner, n = space.sizes[axis]
        transform(
            work.stages[axis], work.stages[axis + 1], outer * pairs, kept, inner * lanes, n, True,
            space.radices[axis], space.twiddles[axis], work.scratch, work.places,
        )  # fmt: skip
    for group in range(len(products.places_in)):
        pointwise(
            points, products.places_in, products.places_out, group, products.points,
            products.lanes, products.given, products.parameters, t,
        )  # fmt: skip
    pairs = len(products.pairs_out)
    for axis in range(axes - 1, -1, -1):
        outer, kept, inner, n = space.sizes[axis]
        transform(
            work.stages[axis + 1], work.stages[axis], outer * pairs, kept, inner * lanes, n, False,
            space.radices[axis], space.twiddles[axis], work.scratch, work.places,
        )  # fmt: skip
    if space.complex_valued:
        _copy(work.outputs.reshape(-1), modes.reshape(-1))
    else:
        _unpack(modes, products.pairs_out, space, lanes, work.outputs)
    _apply(symbols_out, work.outputs, slope)


@kernel(REASSOCIATE)
def _total(row):
    total = row[0] * 0
    for j in range(row.size):
        total += row[j] * 0
    return total


@kernel(CONTRACT)
def _find_dead(u, groups, sums, t, died):
    """Write t for samples that hold infinity or NaN, and set them to zero."""
    parts, slots, rows, columns = u.shape
    samples = len(died) // groups
    _clear(sums)
    for slot in range(slots):
        group = slot // (slots // groups)
        found = sums[group * samples : (group + 1) * samples]
        for part in range(parts):
            for row in range(rows):
                source = u[part, slot, row]
                if samples == 1:
                    found[0] += _total(source)
                else:
                    for c in range(columns):
                        found[c] += source[c] * 0
    for i in range(len(died)):
        if sums[i] != 0:
            if np.isnan(died[i]):
                died[i] = t
            group = i // samples
            for slot in range(group * (slots // groups), (group + 1) * (slots // groups)):
                for part in range(parts):
                    for row in range(rows):
                        if samples == 1:
                            _clear(u[part, slot, row])
                        else:
                            u[part, slot, row, i % samples] = 0


@kernel()
def _borrowed_symbols(symbols):
    return Symbols(borrowed(symbols.places), borrowed(symbols.values))


@kernel()
def march(
    steps, t0, scheme, u, spare, slopes, sums, died, symbols_in, symbols_out, coupling, sources,
    space, work, products, pointwise, transform,
):  # fmt: skip
    """Take steps from t0 in place, and write down when samples (nan in `died`) died."""
    u, spare, slopes, sums, died = (
        borrowed(u), borrowed(spare), borrowed(slopes), borrowed(sums), borrowed(died)
    )  # fmt: skip
    symbols_in, symbols_out = _borrowed_symbols(symbols_in), _borrowed_symbols(symbols_out)
    coupling, sources = _borrowed_symbols(coupling), borrowed(sources)
    work = Work(
        (borrowed(work.stages[0]), borrowed(work.stages[1]), borrowed(work.stages[2]),
         borrowed(work.stages[3])),
        borrowed(work.scratch), borrowed(work.places), borrowed(work.inputs),
        borrowed(work.outputs),
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
            first, count = scheme.plan[i, 0], scheme.plan[i, 1]
            which = scheme.plan[i, 2 : 2 + count]
            decay, factors = scheme.decays[i], scheme.coefficients[first : first + count]
            if len(decay) == 1:
                _combine_real(decay, u, factors, which, slopes, spare)
            else:
                _combine_complex(decay, u, factors, which, slopes, spare)
        u, spare = spare, u
        _find_dead(u, max(1, len(products.places_in)), sums, t + h, died)
    if steps % 2:
        _copy(own.reshape(-1), u.reshape(-1))
