"""`kernel`: how every compiled function of this floor is compiled.

Numba's cache on disk looks only at the file that a function stands in. A function that calls
another one from a second file would go on running the old code of that one after an edit or a
`git pull`. Here the cache of a function is stamped with all the files that its code came from.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from llvmlite.ir import Constant
from numba import njit
from numba.extending import intrinsic

from .compiled_files import in_turns

# Reassociation lets sums run in vector lanes; their order is fixed by the compiled code, so the
# bits are the same in every run. Infinities and NaN keep their meaning.
REASSOCIATE = frozenset({"contract", "reassoc", "nsz", "arcp"})
CONTRACT = frozenset({"contract", "nsz"})


def kernel(fastmath: frozenset[str] = frozenset()) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function on first use, without the interpreter's lock, cached on disk.

    Division by zero gives inf or nan as in NumPy, which also lets loops with divisions run in
    vector lanes.
    """

    def compile_later(function: Callable[..., Any]) -> Any:
        flags: Any = set(fastmath) if fastmath else False
        compiled: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath=flags)(function)
        compiled.sources = _sources(function)
        stamp = tuple(_stamp(path) for path in sorted(compiled.sources))
        compiled._cache._cache_file._source_stamp = stamp
        in_turns(compiled._cache._cache_file)
        return compiled

    return compile_later


def _sources(function: Callable[..., Any]) -> frozenset[str]:
    """Files of the function and of all compiled functions that it calls."""
    files = {function.__code__.co_filename}
    for name in function.__code__.co_names:
        files |= getattr(function.__globals__.get(name), "sources", frozenset())
    return frozenset(files)


def _stamp(path: str) -> tuple[float, int]:
    state = os.stat(path)
    return state.st_mtime, state.st_size


@intrinsic
def borrowed(_: Any, array: Any) -> Any:
    """The same array, its memory no longer counted; the caller of the kernel holds that meanwhile.

    In a kernel every slice of a counted array costs two atomic operations, and a call with ten
    slices more than the work on a short row. Kernels that Python calls put this before others.
    """

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        view = context.make_array(array)(context, builder, arguments[0])
        for owner in ("meminfo", "parent"):
            setattr(view, owner, Constant(getattr(view, owner).type, None))
        return view._getvalue()

    return array(array), generate


borrowed.sources = frozenset({__file__})
