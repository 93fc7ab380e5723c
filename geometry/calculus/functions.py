"""sin, exp and friends that take NumPy arrays, torch tensors, SymPy expressions and numbers.

`minimum(a, b)` takes two of them.

A reading with a type of its own (Taylor mode's jets) gives that type a method
`calculus_function(name)`; it is asked first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np


def _elementary(name: str) -> Callable[[Any], Any]:
    def function(argument: Any) -> Any:
        own = getattr(argument, "calculus_function", None)
        if own is not None:
            return own(name)
        # Looked up, not imported: an argument of that type means the package is loaded.
        for package, type_name in (("torch", "Tensor"), ("sympy", "Basic")):
            module = sys.modules.get(package)
            if module is not None and isinstance(argument, getattr(module, type_name)):
                return getattr(module, name)(argument)
        return getattr(np, name)(argument)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name} of an array, tensor, symbol or number."
    return function


sin = _elementary("sin")
cos = _elementary("cos")
tan = _elementary("tan")
exp = _elementary("exp")
log = _elementary("log")
sqrt = _elementary("sqrt")
sinh = _elementary("sinh")
cosh = _elementary("cosh")
tanh = _elementary("tanh")


def minimum(first: Any, second: Any) -> Any:
    """The smaller of two arrays, tensors or expressions, value by value; either may be a number."""
    for package, type_name in (("torch", "Tensor"), ("sympy", "Basic")):
        module = sys.modules.get(package)
        if module is None:
            continue
        kind = getattr(module, type_name)
        if isinstance(first, kind) or isinstance(second, kind):
            if package == "sympy":
                return module.Min(first, second)
            like = first if isinstance(first, kind) else second
            return module.minimum(*(module.as_tensor(v).to(like) for v in (first, second)))
    return np.minimum(first, second)
