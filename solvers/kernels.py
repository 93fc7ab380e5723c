"""`kernel`: how every compiled function of this floor is compiled.

Numba's cache on disk looks only at the file that a function stands in. A function that calls
another one from a second file would go on running the old code of that one after an edit or a
`git pull`. Here the cache of a function is stamped with all the files that its code came from.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from llvmlite.ir import Constant
from numba import njit, types
from numba.extending import intrinsic

from .compiled_files import in_turns

# Reassociation lets sums run in vector lanes; their order is fixed by the compiled code, so the
# bits are the same in every run. Infinities and NaN keep their meaning.
REASSOCIATE = frozenset({"contract", "reassoc", "nsz", "arcp"})
CONTRACT = frozenset({"contract", "nsz"})


def kernel(
    fastmath: frozenset[str] = frozenset(), inner: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function on first use, without the interpreter's lock, cached on disk.

    inner: only kernels call it, so that the way in from Python, which takes long to compile where
    arguments are many arrays, is left out.

    Division by zero gives inf or nan as in NumPy, which also lets loops with divisions run in
    vector lanes.
    """

    def compile_later(function: Callable[..., Any]) -> Any:
        flags: Any = set(fastmath) if fastmath else False
        ways: dict[str, Any] = {"no_cpython_wrapper": inner, "no_cfunc_wrapper": inner}
        compiled: Any = njit(
            cache=True, nogil=True, error_model="numpy", fastmath=flags, **ways
        )(function)  # fmt: skip
        compiled.sources = _sources(function)
        stamp = tuple(_stamp(path) for path in sorted(compiled.sources))
        compiled._cache._cache_file._source_stamp = stamp
        in_turns(compiled._cache._cache_file)
        return compiled

    return compile_later


def instructions(prefer_literal: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Let kernels call a function that writes its code by hand: Numba's `intrinsic`."""

    def write_later(function: Callable[..., Any]) -> Any:
        written: Any = intrinsic(prefer_literal=prefer_literal)(function)
        written.sources = _sources(function)
        return written

    return write_later


def _sources(function: Callable[..., Any]) -> frozenset[str]:
    """Files of the function and of what it calls: compiled functions, and Python of our own."""
    files = {function.__code__.co_filename}
    for name in _names(function.__code__):
        value = function.__globals__.get(name)
        if isinstance(value, FunctionType | type):
            if value.__module__.split(".")[0] == function.__module__.split(".")[0]:
                files.add(str(sys.modules[value.__module__].__file__))
        else:
            files |= getattr(value, "sources", frozenset())
    return frozenset(files)


def _names(code: CodeType) -> Iterator[str]:
    """Of the globals that a function and the functions within it use."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _stamp(path: str) -> tuple[float, int]:
    state = os.stat(path)
    return state.st_mtime, state.st_size


@instructions()
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


@instructions()
def wide_vectors(_: Any) -> Any:
    """Loops of the function that calls this use the widest vectors of the machine.

    Without it LLVM takes half of them on processors that once paid for the whole with their clock;
    loops that compute on rows in cache win nearly a factor of two.
    """

    def generate(context: Any, builder: Any, *_: Any) -> Any:
        # Numba knows no attributes but its own.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate
