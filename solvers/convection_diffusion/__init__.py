"""Convection and diffusion, upwind: the operator; its multigrid stands in its own files."""

from .operator import ConvectionDiffusionOperator, stream_velocity

__all__ = ["ConvectionDiffusionOperator", "stream_velocity"]
