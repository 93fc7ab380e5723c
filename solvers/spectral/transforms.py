"""Transforms of all axes: `Space` says how functions stand on their way, `Work` is where."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..kernels import kernel
from .packing import lay, pack, unpack
from .vectors import VECTOR


class Space(NamedTuple):
    """Transforms between kept waves and points, axis by axis.

    On their way functions are cut into vectors: a block has as many lines as a vector, and a pair
    is (blocks, 2, rows + 1, width), the row behind all others being there for the cache. Where
    samples lie side by side they are the lines and the points of the one axis are the rows. Else
    rows are the points of all axes but the last, or the waves that are still waves, and lines are
    waves of the last axis, as `fft.transform_lines` tells. It is transformed a vector of rows after
    another in `Work.values`.
    """

    sizes: np.ndarray
    """(axes, 3): points, kept waves, points of the axes between this and the last"""
    radices: tuple[np.ndarray, ...]
    twiddles: tuple[np.ndarray, ...]
    spots: np.ndarray
    """(rows of modes, 2): rows of a row of modes and of its mirror image"""
    rows: int
    run: int
    """modes of a row, or lanes"""
    blocks: int
    block: int
    """numbers of a block"""
    slices: int
    """how many times the last axis is transformed"""
    pair: int
    """numbers of a pair of functions on a slice of points"""
    other: int
    """from real to imaginary parts there"""
    complex_valued: bool


class Work(NamedTuple):
    """Scratch of one block of samples."""

    waves: np.ndarray
    """(pairs, blocks, 2, rows + 1, width)"""
    values: np.ndarray
    """Functions on a slice of points: (pairs, 2, points + 1, width), or the waves themselves."""
    lines: np.ndarray
    tile: np.ndarray
    inputs: np.ndarray
    """(2, slots, rows, columns)"""
    outputs: np.ndarray


@kernel(inner=True)
def between(packs, functions, pairs, space, waves):
    """Coefficients of functions (2, slots, rows, columns) to those of their pairs, all waves, or
    back."""
    rows, size = len(space.spots), functions.shape[2] * functions.shape[3]
    lanes = VECTOR // waves.itemsize
    imaginary, other = functions.shape[1] * size, (space.rows + 1) * lanes
    turned = len(space.sizes) > 1
    count = space.blocks // 2 if turned else space.blocks
    for p in range(len(pairs)):
        a, b, z = pairs[p, 0] * size, pairs[p, 1] * size, p * space.blocks * space.block
        if space.complex_valued:
            # Below, low - low is a zero that is no literal: for each of these Numba compiles anew.
            low = space.run // 2 + 1 if turned else space.run
            # The last place but one is wave -1.
            begin, shift = z + count * space.block, space.run + 1 - count * lanes
            for part in range(2):
                f, g = part * imaginary + a, part * other
                if packs:
                    lay(
                        0, rows, space.run, count, space.block, low - low, low, low - low,
                        space.spots, functions, f, waves, z + g,
                    )  # fmt: skip
                    if turned:
                        lay(
                            0, rows, space.run, count, space.block, low, space.run, shift,
                            space.spots, functions, f, waves, begin + g,
                        )  # fmt: skip
                else:
                    lay(
                        1, rows, space.run, count, space.block, low - low, low, low - low,
                        space.spots, functions, f, waves, z + g,
                    )  # fmt: skip
                    if turned:
                        lay(
                            1, rows, space.run, count, space.block, low, space.run, shift,
                            space.spots, functions, f, waves, begin + g,
                        )  # fmt: skip
        elif packs:
            pack(
                rows, space.run, count, space.block, turned, space.spots,
                functions, a, functions, imaginary + a, functions, b, functions, imaginary + b,
                waves, z, waves, other + z,
            )  # fmt: skip
        else:
            unpack(
                rows, space.run, count, space.block, turned, space.spots,
                functions, a, functions, imaginary + a, functions, b, functions, imaginary + b,
                waves, z, waves, other + z,
            )  # fmt: skip


@kernel(inner=True)
def transform_columns(inverse, axis, pairs, space, work, transform):
    """Transform an axis that is not the last, in place."""
    n, kept, inner = space.sizes[axis]
    lanes = VECTOR // work.waves.itemsize
    apart = (space.rows + 1) * lanes
    behind, low, high = len(work.lines) // 2, 0, 0
    if inner > 1:  # lines lie between the waves of the next axis, of which not all are there
        low, high = space.sizes[axis + 1, 1] // 2 + 1, inner - space.sizes[axis + 1, 1] // 2
    for block in range(pairs * space.blocks):
        for row in range(0, space.rows, n * inner):
            for line in range(inner):
                place = block * space.block + (row + line) * lanes
                if inner == 1:
                    transform(
                        inverse, work.waves, place, apart, kept, n, space.radices[axis],
                        space.twiddles[axis], work.waves, place, apart, low, low,
                    )  # fmt: skip
                elif line < low or line >= high:
                    transform(
                        inverse, work.lines, low - low, behind, kept, n, space.radices[axis],
                        space.twiddles[axis], work.waves, place, apart, inner * lanes, low - low,
                    )  # fmt: skip


@kernel(inner=True)
def transform_slice(inverse, at, pairs, space, work, transform):
    """Transform the last axis of one slice."""
    axis = len(space.sizes) - 1
    n, kept, _ = space.sizes[axis]
    lanes = VECTOR // work.waves.itemsize
    apart = (space.rows + 1) * lanes
    for p in range(pairs):
        if axis == 0:
            first, place, step, valid = at * space.block, 0, 0, 0
        else:
            first, place = 0, at * lanes * lanes
            step, valid = space.block, min(lanes, space.rows - at * lanes)
        transform(
            inverse, work.values, first + p * space.pair, space.other, kept, n,
            space.radices[axis], space.twiddles[axis], work.waves,
            place + p * space.blocks * space.block, apart, step, valid,
        )  # fmt: skip
