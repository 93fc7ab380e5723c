"""Compiled passes of jets through a chain of linear layers and activations.

Points go through all layers in blocks that stay in the second-level cache. The coefficients of a
block are stacked, so that a layer is one matrix product for all of them; activations run strip by
strip (`strips`). What the backward pass needs is one array, the jets that went into the
activations; everything else is computed again from it.

Blocks come in turn: the bits depend on the points and the weights, and on nothing else.
"""

from __future__ import annotations

import numpy as np

from ...solvers.kernels import kernel
from .products import multiply
from .strips import STRIP, Array, activate, activate_back


@kernel()
def gather(source: Array, start: int, n: int, target: Array) -> None:
    """The block [:, start:start+n, :] of (count, points, width), contiguous."""
    count, _, width = source.shape
    for k in range(count):
        for i in range(n):
            at = (k * n + i) * width
            row, part = source[k, start + i], target[at : at + width]
            for j in range(width):
                part[j] = row[j]


@kernel()
def scatter(source: Array, start: int, n: int, target: Array) -> None:
    count, _, width = target.shape
    for k in range(count):
        for i in range(n):
            at = (k * n + i) * width
            row, part = target[k, start + i], source[at : at + width]
            for j in range(width):
                row[j] = part[j]


@kernel()
def forward(
    features: Array, weights: Array, transposed: Array, widths: Array, active: int, kind: int,
    steps: Array, factors: Array, layout: Array, c: Array, integers: Array, block: int,
    keep: bool, saved: Array, out: Array,
) -> None:  # fmt: skip
    """Features (count, points, widths[0]) through the layers to out (count, points, widths[-1]).

    weights: of each layer the matrix (out, in) and then the bias, one after the other;
    transposed: the matrices (in, out). active: so many layers are followed by the activation,
    all or all but the last. saved: what goes into the activations, block after block; where it
    is not kept, the memory of one block.
    """
    count, points, _ = features.shape
    layers, most = len(widths) - 1, widths.max()
    work = np.empty(STRIP, features.dtype)
    bits = work.view(integers.dtype)
    rows = np.ones((layout[4], STRIP), features.dtype)
    y, z = np.empty(count * block * most, features.dtype), np.empty(0, features.dtype)
    last = np.empty(count * block * widths[-1], features.dtype)
    at = 0
    for start in range(0, points, block):
        n = min(block, points - start)
        gather(features, start, n, y)
        if not keep:
            at = 0
        offset = matrix = 0
        for layer in range(layers):
            k, m = widths[layer], widths[layer + 1]
            if layer < active:
                z = saved[at : at + count * n * m]
                at += count * n * m
            else:
                z = last[: count * n * m]
            multiply(y, k, 1, transposed[matrix : matrix + k * m], z, count * n, m, k, 0)
            matrix += k * m
            bias = weights[offset + k * m : offset + k * m + m]
            offset += k * m + m
            for i in range(n):
                row = z[i * m : i * m + m]
                for j in range(m):
                    row[j] += bias[j]
            if layer < active:
                activate(
                    z, y, count, n * m, kind, steps, factors, layout, rows, c, integers, work, bits
                )
        scatter(y if active == layers else z, start, n, out)


@kernel()
def backward(
    cotangent: Array, features: Array, weights: Array, widths: Array, active: int, kind: int,
    steps: Array, factors: Array, layout: Array, c: Array, integers: Array, block: int,
    saved: Array, gradient: Array, inputs: Array,
) -> None:  # fmt: skip
    """gradient of the weights, laid out as they are, from the cotangent of `out`.

    inputs: the cotangent of the features, or an array without points.
    """
    count, points, _ = features.shape
    layers, most = len(widths) - 1, widths.max()
    dtype = features.dtype
    work = np.empty(STRIP, dtype)
    bits = work.view(integers.dtype)
    rows = np.ones((layout[4], STRIP), dtype)
    y = np.empty(count * block * most, dtype)
    here, above = np.empty(count * block * most, dtype), np.empty(count * block * most, dtype)
    gradient[:] = 0
    at = 0
    for start in range(0, points, block):
        n = min(block, points - start)
        for layer in range(active):
            at += count * n * widths[layer + 1]
        end = at
        gather(cotangent, start, n, above)
        if active == layers:
            m = widths[layers]
            end -= count * n * m
            activate_back(
                saved[end : end + count * n * m], y, above, count, n * m, kind, steps, factors,
                layout, rows, c, integers, work, bits,
            )  # fmt: skip
        offset = len(weights)
        for layer in range(layers - 1, -1, -1):
            k, m = widths[layer], widths[layer + 1]
            offset -= k * m + m
            if layer > 0 or len(inputs) > 0:
                weight = weights[offset : offset + m * k]
                multiply(above, m, 1, weight, here, count * n, k, m, 0)
            if layer > 0:
                end -= count * n * k
                activate_back(
                    saved[end : end + count * n * k], y, here, count, n * k, kind, steps, factors,
                    layout, rows, c, integers, work, bits,
                )  # fmt: skip
            else:
                gather(features, start, n, y)
            slope = gradient[offset : offset + m * k]
            multiply(above, 1, m, y, slope, m, k, count * n, 1)
            slope = gradient[offset + m * k : offset + m * k + m]
            for i in range(n):
                row = above[i * m : i * m + m]
                for j in range(m):
                    slope[j] += row[j]
            above, here = here, above
        if len(inputs) > 0:
            scatter(above, start, n, inputs)
