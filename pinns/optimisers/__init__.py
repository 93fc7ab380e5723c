"""Optimisers of a flat parameter vector: one small file each, and one row here."""

from collections.abc import Callable
from functools import partial

from .adam import Adam
from .base import Optimiser
from .broyden import SelfScaled
from .gauss_newton import GaussNewton
from .lbfgs import LBFGS
from .multi_adam import MultiAdam
from .soap import SOAP

FIRST_ORDER: dict[str, Callable[..., Optimiser]] = {
    "adam": Adam,
    "multi_adam": MultiAdam,
    "soap": SOAP,
}
"""Made as cls(max_iterations, rate, decay)."""

SECOND_ORDER: dict[str, Callable[..., Optimiser]] = {
    "lbfgs": LBFGS,
    "ssbfgs": partial(SelfScaled, rule="bfgs"),
    "ssbroyden": SelfScaled,
    "gauss_newton": GaussNewton,
}
"""Made as cls(max_iterations)."""

OPTIMISERS = {**FIRST_ORDER, **SECOND_ORDER}
