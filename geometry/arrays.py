"""NumPy and torch through one set of names, and constants that are built once for each of them.

torch is never imported here: a torch tensor can only come from someone who has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import numpy as np

from .errors import InputError

try:
    import array_api_compat
except ImportError:  # a machine that only trains; SciPy carries a copy
    from scipy._lib import array_api_compat  # type: ignore[no-redef]

Array = Any  # a NumPy array or a torch tensor


def namespace(*arrays: Array) -> Any:
    """The array library of the arguments, with the names of the array API standard."""
    try:
        return array_api_compat.array_namespace(*arrays)
    except TypeError as problem:
        kinds = " and ".join(sorted({type(array).__module__.split(".")[0] for array in arrays}))
        raise InputError(
            f"expected arrays of one library, got {kinds}; convert one of them"
        ) from problem


def as_floating(values: Any) -> Array:
    """An array of float32, float64 or their complex forms.

    Lists and numbers become NumPy arrays, integers the library's default float, and the 16-bit
    floats become float32, because their sums overflow and their FFT does not exist on a CPU.
    """
    if not array_api_compat.is_array_api_obj(values):
        values = np.asarray(values)
    xp = namespace(values)
    if xp.isdtype(values.dtype, ("bool", "integral")):
        return xp.astype(values, xp.asarray(1.0).dtype)
    if values.dtype.itemsize == 2:
        return xp.astype(values, xp.float32)
    return values


def on_points(values: Any, shape: tuple[int, ...]) -> Array:
    """`as_floating`, after a check that the last axes of the values are those of `shape`."""
    values = as_floating(values)
    if values.ndim < len(shape) or tuple(values.shape[values.ndim - len(shape) :]) != shape:
        raise InputError(
            f"expected values of shape (*leading, {', '.join(map(str, shape))}), "
            f"got {tuple(values.shape)}; put the discretisation's axes last"
        )
    return values


def to_numpy(values: Any) -> np.ndarray:
    """A NumPy array of the values; of a torch tensor its detached values on the CPU."""
    if array_api_compat.is_torch_array(values):
        return values.detach().cpu().numpy()
    return np.asarray(values)


def constant(make: Callable[..., np.ndarray], *arguments: Hashable, like: Array) -> Array:
    """`make(*arguments)` in the library, precision and device of `like`; built once and kept.

    Complex constants get the complex type of that precision; whole numbers stay int64.
    """
    return _constant(make, arguments, namespace(like), like.dtype, array_api_compat.device(like))


@lru_cache(maxsize=128)
def _constant(make: Callable, arguments: tuple, xp: Any, dtype: Any, device: Any) -> Array:
    if xp.isdtype(dtype, "complex floating"):
        dtype = xp.real(xp.zeros(0, dtype=dtype)).dtype
    made = make(*arguments)
    if made.dtype.kind == "i":
        dtype = xp.int64
    with _usable_later(xp):
        parts = [xp.asarray(p, dtype=dtype, device=device) for p in _real_parts(made)]
        return parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]


def _real_parts(made: np.ndarray) -> list[np.ndarray]:
    parts = [made.real, made.imag] if np.iscomplexobj(made) else [made]
    return [np.ascontiguousarray(part) for part in parts]


def _usable_later(xp: Any) -> AbstractContextManager:
    """A tensor first made under `torch.inference_mode` could never serve a backward pass."""
    if array_api_compat.is_torch_namespace(xp):
        return sys.modules["torch"].inference_mode(False)
    return nullcontext()
