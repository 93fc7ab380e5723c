"""One pass over the lower half of a symmetric matrix: a rank-two update and a product.

Both are bound by the speed of memory. BLAS updates (`syr2`) and multiplies (`symv`) in passes of
their own; here half the matrix goes through the cache once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...solvers.kernels import REASSOCIATE, kernel


def multiply(half: Tensor, v: Tensor) -> Tensor:
    """A v (n,) of the symmetric A whose lower half is that of `half` (n, n)."""
    out = torch.zeros_like(v)
    _multiply(half.numpy(), v.numpy(), out.numpy())
    return out


def update_and_multiply(
    half: Tensor, p: Tensor, s: Tensor, numbers: Sequence[float], v: Tensor
) -> Tensor:
    """A <- k A + a p p^T + b (p s^T + s p^T) + c s s^T in place, and A v (n,) of the new A.

    numbers: k, a, b, c; vectors (n,) float64. Only the lower half is read and written.
    """
    out = torch.zeros_like(v)
    arrays = (half.numpy(), p.numpy(), s.numpy(), v.numpy(), out.numpy())
    _update_and_multiply(*arrays, np.asarray(numbers, dtype=np.float64))
    return out


@kernel(REASSOCIATE)
def _multiply(half, v, out):
    for i in range(len(v)):
        row, factor, total = half[i], v[i], 0.0
        for j in range(i):
            total += row[j] * v[j]
            out[j] += row[j] * factor
        out[i] += total + row[i] * factor


@kernel(REASSOCIATE)
def _update_and_multiply(half, p, s, v, out, numbers):
    k, a, b, c = numbers
    for i in range(len(v)):
        row, factor, total = half[i], v[i], 0.0
        along_p, along_s = a * p[i] + b * s[i], b * p[i] + c * s[i]
        for j in range(i):
            value = k * row[j] + along_p * p[j] + along_s * s[j]
            row[j] = value
            total += value * v[j]
            out[j] += value * factor
        row[i] = k * row[i] + along_p * p[i] + along_s * s[i]
        out[i] += total + row[i] * factor
