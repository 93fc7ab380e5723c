"""Sparse direct solvers behind one door: SuperLU (always there), CHOLMOD and PARDISO (extras)."""

from .solver import BACKENDS, Direct, DirectSolver, installed

__all__ = ["BACKENDS", "Direct", "DirectSolver", "installed"]
