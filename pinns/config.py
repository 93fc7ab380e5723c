"""Options of a PINN."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

from ..geometry.errors import InputError
from .networks import ACTIVATIONS, NETWORKS
from .samplers import SAMPLERS
from .weights import WEIGHTINGS


@dataclass(frozen=True)
class PINNConfig:
    """Everything that decides the result of a training, beside the problem.

    network, width, depth, activation: a name in `networks.NETWORKS` and its size; harmonics: K of
    the embedding of periodic axes; fourier_scale: of the frequencies of random Fourier features.
    hard_initial: u = u0 + t N, so that the initial field holds exactly, instead of a loss term.
    For smooth fields only: N must undo for all later times every high mode that u0 brings in.
    points, initial_points, boundary_points: how many of each kind the loss looks at.
    sampler, weighting: names in `samplers.SAMPLERS` and `weights.WEIGHTINGS`.
    refresh_every: steps between new points and weights, 0 for never.
    adam_steps, adam_rate, adam_decay: the rate falls from `adam_rate` to `adam_rate * adam_decay`.
    lbfgs_iterations, lbfgs_memory: after Adam.
    seed: of the weights and the points. chunk: points differentiated at once. threads: chunks at
    a time; the result has the same bits whatever their number.
    log_every, checkpoint_every: steps between rows of the history and between checkpoints.
    """

    network: Literal["mlp", "modified_mlp", "piratenet", "fourier"] = "mlp"
    width: int = 32
    depth: int = 4
    activation: Literal[
        "tanh", "sin", "silu", "gelu", "snake", "wavelet", "cauchy", "pau", "pau_gelu"
    ] = "tanh"
    harmonics: int = 1
    fourier_scale: float = 1.0
    hard_initial: bool = False
    points: int = 4096
    initial_points: int = 256
    boundary_points: int = 256
    sampler: Literal["uniform", "sobol", "adaptive"] = "adaptive"
    weighting: Literal["fixed", "gradient_norm"] = "gradient_norm"
    refresh_every: int = 500
    adam_steps: int = 2000
    adam_rate: float = 2e-3
    adam_decay: float = 0.1
    lbfgs_iterations: int = 3000
    lbfgs_memory: int = 50
    seed: int = 0
    threads: int = 2
    chunk: int = 2048
    log_every: int = 50
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        positive = [
            "width", "depth", "harmonics", "points", "initial_points", "boundary_points",
            "lbfgs_memory", "threads", "chunk", "log_every", "checkpoint_every",
        ]  # fmt: skip
        natural = ["refresh_every", "adam_steps", "lbfgs_iterations", "seed"]
        for names, least in ((positive, 1), (natural, 0)):
            for name in names:
                value = getattr(self, name)
                if not isinstance(value, int) or isinstance(value, bool) or value < least:
                    raise InputError(f"expected {name} to be an integer >= {least}, got {value!r}")
        if not 0.0 < self.adam_rate < math.inf or not 0.0 < self.adam_decay <= 1.0:
            raise InputError(
                f"expected adam_rate > 0 and 0 < adam_decay <= 1, got {self.adam_rate} and "
                f"{self.adam_decay}"
            )
        if not 0.0 < self.fourier_scale < math.inf:
            raise InputError(f"expected fourier_scale > 0, got {self.fourier_scale}")
        tables: dict[str, dict[str, Any]]
        tables = {
            "network": NETWORKS, "activation": ACTIVATIONS, "sampler": SAMPLERS,
            "weighting": WEIGHTINGS,
        }  # fmt: skip
        for name, table in tables.items():
            if getattr(self, name) not in table:
                raise InputError(
                    f"expected {name} to be one of {sorted(table)}, got {getattr(self, name)!r}"
                )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and bools for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> PINNConfig:
        """The inverse of `to_dict`. Raises InputError on unknown keys."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := set(plain) - known:
            raise InputError(f"expected PINN options {sorted(known)}, got {sorted(unknown)}")
        return cls(**plain)


DEMO = PINNConfig(
    width=20, depth=3, points=2048, chunk=1024, refresh_every=300, adam_steps=300, adam_rate=5e-3,
    lbfgs_iterations=900,
)  # fmt: skip
"""Below 1e-2 for smooth and rough initial fields with mild fronts, in 20 s on two cores."""

ACCURATE = PINNConfig(
    width=24, depth=4, harmonics=2, hard_initial=True, points=6144, chunk=1536, refresh_every=500,
    adam_steps=500, adam_rate=5e-3, lbfgs_iterations=5000, lbfgs_memory=100,
)  # fmt: skip
"""Below 1e-3 for a smooth initial field that grows a steep front, in some minutes on two cores."""
