"""Options of a PINN."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from ..geometry.errors import InputError
from .derivatives.readings import READINGS
from .networks import ACTIVATIONS, NETWORKS
from .optimisers import FIRST_ORDER, SECOND_ORDER
from .samplers import SAMPLERS
from .weights import WEIGHTINGS

MANY = 50  # space coordinates, from which on "auto" does not look at all of them
PRECISIONS = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class PINNConfig:
    """Everything that decides the result of a training, beside the problem.

    network, width, depth, activation: a name in `networks.NETWORKS` and its size; harmonics: K of
    the embedding of periodic axes; fourier_scale: of the frequencies of random Fourier features.
    hard_initial: u = u0 + t N, so that the initial field holds exactly, instead of a loss term.
    For smooth fields only: N must undo for all later times every high mode that u0 brings in.
    points, initial_points, boundary_points: how many of each kind the loss looks at.
    sampler, weighting: names in `samplers.SAMPLERS` and `weights.WEIGHTINGS`.
    term_weights: by name of a term of the loss (`Statement.terms`), 1 where none is given; they
    stay for `fixed`, `self_adaptive` and `causal`, and the others start from them.
    refresh_every: steps between new points and weights, 0 for never.
    first, first_steps, rate, decay: a name in `optimisers.FIRST_ORDER`, whose rate falls from
    `rate` to `rate * decay`. second, second_steps: the optimiser after it, a name in
    `optimisers.SECOND_ORDER`; memory: pairs that L-BFGS keeps.
    derivatives: how they are made, a name of `derivatives.readings`; "auto" in more than `MANY`
    space coordinates is "randomised", which sees `directions` of them at a step (see `randomised`)
    and goes with first-order optimisers alone. precision: of parameters and points.
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
    sampler: Literal["uniform", "sobol", "adaptive", "r3", "causal_r3"] = "adaptive"
    weighting: Literal["fixed", "gradient_norm", "ntk", "self_adaptive", "causal"] = "gradient_norm"
    term_weights: dict[str, float] = field(default_factory=dict)
    refresh_every: int = 500
    first: Literal["adam", "multi_adam", "soap"] = "adam"
    first_steps: int = 2000
    rate: float = 2e-3
    decay: float = 0.1
    second: Literal["lbfgs", "ssbfgs", "ssbroyden", "gauss_newton"] = "lbfgs"
    second_steps: int = 3000
    memory: int = 50
    derivatives: Literal["auto", "nested", "taylor", "compiled", "fused", "randomised"] = "auto"
    directions: int = 16
    precision: Literal["float32", "float64"] = "float64"
    seed: int = 0
    threads: int = 2
    chunk: int = 2048
    log_every: int = 50
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        positive = [
            "width", "depth", "harmonics", "points", "initial_points", "boundary_points",
            "memory", "threads", "chunk", "log_every", "checkpoint_every", "directions",
        ]  # fmt: skip
        natural = ["refresh_every", "first_steps", "second_steps", "seed"]
        for names, least in ((positive, 1), (natural, 0)):
            for name in names:
                value = getattr(self, name)
                if not isinstance(value, int) or isinstance(value, bool) or value < least:
                    raise InputError(f"expected {name} to be an integer >= {least}, got {value!r}")
        if not 0.0 < self.rate < math.inf or not 0.0 < self.decay <= 1.0:
            raise InputError(
                f"expected rate > 0 and 0 < decay <= 1, got {self.rate} and {self.decay}"
            )
        if not 0.0 < self.fourier_scale < math.inf:
            raise InputError(f"expected fourier_scale > 0, got {self.fourier_scale}")
        object.__setattr__(self, "term_weights", checked_weights(self.term_weights))
        tables: dict[str, dict[str, Any]]
        tables = {
            "network": NETWORKS, "activation": ACTIVATIONS, "sampler": SAMPLERS,
            "weighting": WEIGHTINGS, "first": FIRST_ORDER, "second": SECOND_ORDER,
            "derivatives": READINGS, "precision": PRECISIONS,
        }  # fmt: skip
        for name, table in tables.items():
            if getattr(self, name) not in table:
                raise InputError(
                    f"expected {name} to be one of {sorted(table)}, got {getattr(self, name)!r}"
                )

    def reading(self, coordinates: int) -> str:
        """How derivatives are made in so many space coordinates, and whether the rest fits.

        Raises InputError where randomised sums are to be squared or reused, which biases them.
        """
        if self.derivatives != "randomised" and (self.derivatives != "auto" or coordinates <= MANY):
            return self.derivatives
        wanted: dict[str, tuple[Any, ...]] = {
            "second_steps": (0,), "sampler": ("uniform", "sobol"),
            "weighting": ("fixed", "gradient_norm"),
        }  # fmt: skip
        for name, good in wanted.items():
            if (got := getattr(self, name)) not in good:
                raise InputError(
                    f"expected {name} to be {' or '.join(map(str, good))} with derivatives by "
                    f"randomised sums (of {coordinates} coordinates), got {got}"
                )
        return "randomised"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and bools for JSON."""
        return dataclasses.asdict(self)

    @property
    def deciding(self) -> dict[str, Any]:
        """The options that decide the result, as `to_dict` has them."""
        free = ("threads", "checkpoint_every")
        return {key: value for key, value in self.to_dict().items() if key not in free}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> PINNConfig:
        """The inverse of `to_dict`. Raises InputError on unknown keys."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := set(plain) - known:
            raise InputError(f"expected PINN options {sorted(known)}, got {sorted(unknown)}")
        return cls(**plain)


def checked_weights(weights: Any) -> dict[str, float]:
    """Weights of terms by name. Raises InputError unless they are finite numbers >= 0."""
    numbers = isinstance(weights, Mapping) and all(
        isinstance(w, int | float) and not isinstance(w, bool) and 0.0 <= w < math.inf
        for w in weights.values()
    )
    if not numbers:
        raise InputError(
            f"expected term_weights as finite numbers >= 0 by name of a term, got {weights!r}"
        )
    return {str(name): float(weight) for name, weight in weights.items()}


DEMO = PINNConfig(
    width=20, depth=3, points=2048, chunk=1024, refresh_every=300, first_steps=300, rate=5e-3,
    second_steps=900,
)  # fmt: skip
"""Below 1e-2 for smooth and rough initial fields with mild fronts, in 20 s on two cores."""

ACCURATE = PINNConfig(
    width=20, depth=3, hard_initial=True, points=8000, chunk=8192, weighting="fixed",
    refresh_every=25, first_steps=0, second="gauss_newton", second_steps=150, log_every=10,
    checkpoint_every=25,
)  # fmt: skip
"""Below 1e-4 for a smooth initial field that grows a steep front, in some minutes on two cores."""
