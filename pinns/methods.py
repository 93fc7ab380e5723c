"""Published remedies as data: what each of them changes of `PINNConfig`.

A method is a sampler, a weighting and two optimisers. To add one, write its piece, name that in
its table, and put a row here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

METHODS: Mapping[str, Mapping[str, Any]] = {
    "adaptive": {},  # residual-adaptive points, weights by gradient norm: as the recipe has it
    "plain": {"sampler": "sobol", "weighting": "fixed", "refresh_every": 0},
    "r3": {"sampler": "r3", "weighting": "fixed", "refresh_every": 100},
    "causal_r3": {"sampler": "causal_r3", "weighting": "fixed", "refresh_every": 100},
    "ntk": {"sampler": "sobol", "weighting": "ntk"},
    "self_adaptive": {"sampler": "sobol", "weighting": "self_adaptive"},
    "causal": {"sampler": "sobol", "weighting": "causal"},
    "multi_adam": {"first": "multi_adam"},
    "soap": {"first": "soap"},
    "broyden": {"second": "ssbroyden"},
    "gauss_newton": {"second": "gauss_newton"},
    "piratenet": {"network": "piratenet"},
    "modified_mlp": {"network": "modified_mlp"},
}
