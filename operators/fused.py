"""What the passes of our own that save time and memory are made of: matrix products and GELU.

None of it records a gradient, and names that end in an underscore work in place. In float32 on a
CPU the products go to oneDNN, which uses all that the processor has. MKL, which `torch.mm` calls,
is 2 to 3 times slower on the narrow matrices here where it leaves AVX-512 to other makers'
processors.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, gelu: bool = False) -> Tensor:
    """x weight^T + bias of matrices, with GELU behind it if asked for."""
    if _ONEDNN and x.dtype == torch.float32 and x.device.type == "cpu" and x.numel() > 0:
        if not (weight.is_contiguous() or weight.T.is_contiguous()):
            weight = weight.contiguous()  # oneDNN has naive loops for other strides
        kind = "gelu" if gelu else "none"
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, kind, [], "none")
        return y
    y = F.linear(x, weight, bias)
    return gelu_(y) if gelu else y


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """a b of matrices, of which b may be wide."""
    return linear(a, b.T)


def gelu_(x: Tensor) -> Tensor:
    y: Tensor = torch.ops.aten.gelu_(x)
    return y


def gelu_gradient_(gradient: Tensor, x: Tensor) -> Tensor:
    """The gradient with respect to x, from that with respect to gelu(x) and in its place."""
    return torch.ops.aten.gelu_backward.grad_input(gradient, x, grad_input=gradient)


def recorded_gradients(
    y: Tensor, inputs: Iterable[Tensor | None], gradient: Tensor
) -> list[Tensor | None]:
    """Gradients of y that can be differentiated again; None for inputs that want none."""
    wanted = [t if t is not None and t.requires_grad else None for t in inputs]
    leaves = [t for t in wanted if t is not None]
    found = iter(torch.autograd.grad(y, leaves, gradient, create_graph=True))
    return [None if t is None else next(found) for t in wanted]
