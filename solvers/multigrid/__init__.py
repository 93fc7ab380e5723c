"""Multigrid for the diffusion operator: a fast tier, a robust one, and the direct solver."""

from .conjugate import BAD_SOURCE, CONVERGED, INCONSISTENT, MAXIMUM, STAGNATED
from .solver import MAX_ITERATIONS, Multigrid, MultigridCG
from .workspace import Workspace

__all__ = [
    "BAD_SOURCE",
    "CONVERGED",
    "INCONSISTENT",
    "MAXIMUM",
    "MAX_ITERATIONS",
    "STAGNATED",
    "Multigrid",
    "MultigridCG",
    "Workspace",
]
