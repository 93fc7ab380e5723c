"""The methods for sequences of linear systems, and the fastest of them for each kind of matrix.

A method is a class whose object keeps what is worth keeping from one system to the next: a
workspace, a symbolic analysis, a factor, a recycled space. Its library is imported on first use.
`scripts/bench/linear.py` measures them all; `FASTEST` says what it found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from ..geometry.errors import InputError
from .diffusion_kernels import is_constant
from .krylov.result import KrylovResult
from .preconditioners import PRECONDITIONERS
from .reading import check_count

ANY = "any"
LEAST = {"max_iterations": 1, "restart": 1, "m": 1, "k": 0, "window": 1}
"""What options of Krylov methods are at least."""


class SequenceMethod(Protocol):
    """Solves the systems of a sequence one after the other.

    b, x0 and the answer are flat, (n,). A failure of the mathematics is told in the result; only
    wrong shapes and options raise `InputError`.
    """

    def solve(
        self, A: Any, b: np.ndarray, rtol: float, x0: np.ndarray | None = None
    ) -> KrylovResult: ...


@dataclass(frozen=True)
class Method:
    """One row of the table.

    makers: from kind of operator to what makes the object; `ANY` takes every matrix
    carries: whether an answer depends on the systems before it, within the tolerance
    """

    summary: str
    makers: Mapping[str, Callable[..., SequenceMethod]]
    carries: bool = False


def _later(module: str, name: str, **defaults: Any) -> Callable[..., SequenceMethod]:
    """A class of this package, imported when it is first made."""

    def make(**options: Any) -> SequenceMethod:
        cls = getattr(import_module(f".{module}", __package__), name)
        return cls(**defaults | options)

    return make


def _preconditioned(module: str, name: str, preconditioner: str) -> Callable[..., SequenceMethod]:
    """A Krylov method; the option `preconditioner` names another of `PRECONDITIONERS`."""

    def make(preconditioner: str = preconditioner, **options: Any) -> SequenceMethod:
        if preconditioner not in PRECONDITIONERS:
            known = ", ".join(PRECONDITIONERS)
            raise InputError(f"expected a preconditioner of {known}, got {preconditioner!r}")
        for option, least in LEAST.items():
            check_count(option, options.get(option, least), least)
        return _later(module, name)(make=PRECONDITIONERS[preconditioner], **options)

    return make


def _krylov(solver: str, preconditioner: str = "jacobi") -> Callable[..., SequenceMethod]:
    return partial(_preconditioned("krylov.plain", "Plain", preconditioner), solver=solver)


METHODS: dict[str, Method] = {
    "multigrid": Method(
        "geometric multigrid made for the operator, the direct solver where it stalls",
        {
            "diffusion": _later("multigrid", "MultigridCG"),
            "convection_diffusion": _later(
                "convection_diffusion.multigrid", "ConvectionDiffusionMultigrid"
            ),
        },
    ),
    "transform": Method(
        "fast transforms with the mean coefficient, exact where it is constant; CG on them else",
        {"diffusion": _later("krylov.transform_cg", "TransformCG")},
    ),
    "resonant": Method(
        "GMRES on sine transforms with the modes near resonance solved exactly",
        {"helmholtz": _later("helmholtz.resonant", "ResonantSolver")},
    ),
    "shifted_laplacian": Method(
        "GCRO-DR on the Laplacian with a complex shift",
        {"helmholtz": _later("helmholtz.shifted", "ShiftedLaplacianRecycling")},
        carries=True,
    ),
    "direct": Method(
        "the fastest sparse direct solver that is installed, its analysis kept",
        {ANY: _later("direct", "Direct")},
    ),
    "superlu": Method("sparse LU", {ANY: _later("direct", "Direct", backend="superlu")}),
    "cholmod": Method("sparse Cholesky", {ANY: _later("direct", "Direct", backend="cholmod")}),
    "pardiso": Method("sparse LU of MKL", {ANY: _later("direct", "Direct", backend="pardiso")}),
    "cg": Method("conjugate gradients, Jacobi", {ANY: _krylov("cg")}),
    "amg": Method("conjugate gradients on PyAMG's hierarchy", {ANY: _krylov("cg", "amg")}),
    "gmres": Method("GMRES(40), Jacobi", {ANY: _krylov("gmres")}),
    "gcro_dr": Method(
        "GCRO-DR(40, 20), Jacobi, the space carried",
        {ANY: _preconditioned("krylov.recycling", "Recycling", "jacobi")},
        carries=True,
    ),
    "recycled_cg": Method(
        "deflated CG, Jacobi, the space carried",
        {ANY: _preconditioned("krylov.recycling", "RecyclingCG", "jacobi")},
        carries=True,
    ),
}

FASTEST = {
    "diffusion": "multigrid",
    "helmholtz": "resonant",
    "convection_diffusion": "multigrid",
    ANY: "direct",
}
"""What "auto" takes, by kind; a constant coefficient of diffusion takes "transform"."""


def method_for(name: str, A: Any) -> str:
    """The method of that name for A, or what "auto" stands for.

    Raises `InputError` for an unknown name, and for a method that does not know A's kind.
    """
    kind = getattr(A, "kind", ANY)
    if name == "auto":
        if kind == "diffusion" and A.reaction is None and is_constant(A.a.reshape(-1)):
            return "transform"
        return FASTEST.get(kind, FASTEST[ANY])
    check_method(name)
    makers = METHODS[name].makers
    if kind not in makers and ANY not in makers:
        raise InputError(
            f"expected an operator of kind {' or '.join(makers)} for '{name}', got {kind}; "
            "take another method"
        )
    return name


def make_method(name: str, A: Any, options: Mapping[str, Any]) -> SequenceMethod:
    """The object that solves systems of A's kind. Raises `InputError` on unknown options."""
    makers = METHODS[name].makers
    make = makers.get(getattr(A, "kind", ANY)) or makers[ANY]
    try:
        return make(**options)
    except TypeError as problem:
        raise InputError(f"the method '{name}' does not take these options: {problem}") from None


def check_method(name: str) -> None:
    """Raise `InputError` unless there is a method of that name."""
    if not isinstance(name, str) or (name != "auto" and name not in METHODS):
        raise InputError(f"expected a method of auto, {', '.join(METHODS)}, got {name!r}")


def carries(name: str) -> bool:
    """Whether a method's answers depend on the systems before."""
    return name != "auto" and METHODS[name].carries
