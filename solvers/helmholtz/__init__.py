"""Helmholtz problems: the operator with its absorbing layer; the solvers stand in their files."""

from .operator import AbsorbingLayer, HelmholtzOperator

__all__ = ["AbsorbingLayer", "HelmholtzOperator"]
