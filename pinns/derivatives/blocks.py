"""Compiled passes of jets through a chain of linear layers and activations.

Points go through all layers in blocks that stay in the second-level cache. The coefficients of a
block are stacked, so that a layer is one matrix product for all of them; activations are compiled
for them (`instructions`). What the backward pass needs is one array, the jets that went into the
activations; everything else is computed again from it.

Blocks come in turn: the bits depend on the points and the weights, and on nothing else.
"""

from __future__ import annotations

import numpy as np

from ...solvers.kernels import kernel
from .instructions import activate
from .products import multiply, multiply_parts

Array = np.ndarray
TOGETHER = 16  # blocks whose gradients are added before they are added to the rest


@kernel()
def gather(source: Array, start: int, n: int, block: int, target: Array) -> None:
    """The block [:, start:start+n, :] of (count, points, width), contiguous, up to `block` points.

    Those beyond n are zero.
    """
    count, _, width = source.shape
    for k in range(count):
        for i in range(n):
            at = (k * block + i) * width
            row, part = source[k, start + i], target[at : at + width]
            for j in range(width):
                part[j] = row[j]
        target[(k * block + n) * width : (k + 1) * block * width] = 0


@kernel()
def scatter(source: Array, start: int, n: int, block: int, target: Array) -> None:
    count, _, width = target.shape
    for k in range(count):
        for i in range(n):
            at = (k * block + i) * width
            row, part = target[k, start + i], source[at : at + width]
            for j in range(width):
                row[j] = part[j]


@kernel()
def transpose(weights: Array, widths: Array) -> Array:
    """The matrices of the layers as (in, out), each where it stood."""
    turned, at = np.empty_like(weights), 0
    for layer in range(len(widths) - 1):
        k, m = widths[layer], widths[layer + 1]
        for i in range(m):
            for j in range(k):
                turned[at + j * m + i] = weights[at + i * k + j]
        at += k * m + m
    return turned


@kernel()
def forward(
    features: Array, weights: Array, widths: Array, active: int, activation: int, block: int,
    keep: bool, saved: Array, out: Array,
) -> None:  # fmt: skip
    """Features (count, points, widths[0]) through the layers to out (count, points, widths[-1]).

    weights: of each layer the matrix (out, in) and then the bias, one after the other. active: so
    many layers are followed by the activation, all or all but the last. activation: the address of
    an `instructions.Activation`. saved: what goes into the activations, block after block; where
    it is not kept, the memory of one block.
    """
    count, points, _ = features.shape
    layers, rows = len(widths) - 1, count * block
    size = rows * widths.max()
    y, z = np.empty(size, features.dtype), np.empty(0, features.dtype)
    last = np.empty(rows * widths[-1], features.dtype)
    transposed, at = transpose(weights, widths), 0
    for start in range(0, points, block):
        n = min(block, points - start)
        gather(features, start, n, block, y)
        if not keep:
            at = 0
        offset = 0
        for layer in range(layers):
            k, m = widths[layer], widths[layer + 1]
            if layer < active:
                z = saved[at : at + rows * m]
                at += rows * m
            else:
                z = last
            multiply(y, k, 1, transposed[offset : offset + k * m], z, rows, m, k, 0)
            bias = weights[offset + k * m : offset + k * m + m]
            offset += k * m + m
            for i in range(block):
                row = z[i * m : i * m + m]
                for j in range(m):
                    row[j] += bias[j]
            if layer < active:
                activate(activation, z.ctypes.data, y.ctypes.data, y.ctypes.data, block * m)
        scatter(y if active == layers else z, start, n, block, out)


@kernel()
def by_point(
    above: Array, y: Array, n: int, block: int, count: int, m: int, k: int, rows: Array, at: int,
    step: int,
) -> None:  # fmt: skip
    """What each of n points adds to the gradient of a layer, before the sum: from rows[at] on.

    above: cotangents (count, block, m) of what the layer gives, y: (count, block, k) it took. The
    next point's are `step` further.
    """
    for i in range(n):
        multiply_parts(above, i * m, 1, block * m, y, i * k, block * k, rows, at, k, m, k, count, 0)
        for o in range(m):
            rows[at + m * k + o] = above[i * m + o]
        at += step


@kernel()
def backward(
    cotangent: Array, features: Array, weights: Array, widths: Array, active: int, activation: int,
    block: int, saved: Array, gradient: Array, inputs: Array, each: Array,
) -> None:  # fmt: skip
    """gradient of the weights, laid out as they are, from the cotangent of `out`.

    Sums over all points in single precision would lose two digits, so the sums of some blocks are
    added in double precision. inputs: the cotangent of the features, or an array without points.
    each: instead of the gradient what each point adds to it, one point after the other, or an
    empty array.
    """
    count, points, _ = features.shape
    layers, rows = len(widths) - 1, count * block
    size, dtype = rows * widths.max(), features.dtype
    y, here, above = np.empty(size, dtype), np.empty(size, dtype), np.empty(size, dtype)
    total, part = np.zeros(len(gradient), np.float64), np.zeros(len(gradient), dtype)
    kept = rows * widths[1 : active + 1].sum()
    end = kept
    for start in range(0, points, block):
        n = min(block, points - start)
        gather(cotangent, start, n, block, above)
        at = end
        if active == layers:
            at -= rows * widths[layers]
            z, m = saved[at:], widths[layers]
            activate(activation, z.ctypes.data, y.ctypes.data, above.ctypes.data, block * m)
        offset = len(weights)
        for layer in range(layers - 1, -1, -1):
            k, m = widths[layer], widths[layer + 1]
            offset -= k * m + m
            if layer > 0 or len(inputs) > 0:
                weight = weights[offset : offset + m * k]
                multiply(above, m, 1, weight, here, rows, k, m, 0)
            if layer > 0:
                at -= rows * k
                z = saved[at:]
                activate(activation, z.ctypes.data, y.ctypes.data, here.ctypes.data, block * k)
            else:
                gather(features, start, n, block, y)
            if len(each) > 0:
                at_first = start * len(weights) + offset
                by_point(above, y, n, block, count, m, k, each, at_first, len(weights))
            else:
                slope = part[offset : offset + m * k]
                multiply(above, 1, m, y, slope, m, k, rows, 1)
                slope = part[offset + m * k : offset + m * k + m]
                for i in range(n):
                    row = above[i * m : i * m + m]
                    for j in range(m):
                        slope[j] += row[j]
            above, here = here, above
        if len(inputs) > 0:
            scatter(above, start, n, block, inputs)
        end += kept
        if (start // block) % TOGETHER == TOGETHER - 1 or start + block >= points:
            total += part
            part[:] = 0
    gradient[:] = total
