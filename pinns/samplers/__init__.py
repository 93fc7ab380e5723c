"""Where the equation is asked for: each sampler draws points of the unit cube.

base      what a sampler offers; to add one, write the class and name it in `SAMPLERS`
even      uniform and Sobol points
adaptive  points in proportion to the residual
retaining R3: points stay where the residual is large, and others are drawn again
"""

from __future__ import annotations

from collections.abc import Callable

from .adaptive import ResidualAdaptive
from .base import Inside, Residual, Sampler
from .even import Sobol, Uniform, even_sampler
from .retaining import R3, CausalR3

SAMPLERS: dict[str, Callable[[int], Sampler]] = {
    "uniform": Uniform,
    "sobol": Sobol,
    "adaptive": ResidualAdaptive,
    "r3": R3,
    "causal_r3": CausalR3,
}

__all__ = [
    "R3", "SAMPLERS", "CausalR3", "Inside", "Residual", "ResidualAdaptive", "Sampler", "Sobol",
    "Uniform", "even_sampler",
]  # fmt: skip
