"""Networks of a PINN: points (n, coordinates) in, values (n, outputs) out.

To add one, write a `Network` and name it in `NETWORKS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

from ...geometry.errors import InputError
from .activations import ACTIVATIONS, Activation
from .coordinates import Coordinates
from .embeddings import RandomFourier
from .mlp import MLP, Network, fit_last_layer
from .modified_mlp import ModifiedMLP
from .piratenet import PirateNet


class NetworkOptions(Protocol):
    """What `make_network` reads; a `PINNConfig` has it."""

    @property
    def width(self) -> int: ...

    @property
    def depth(self) -> int: ...

    @property
    def activation(self) -> str: ...

    @property
    def fourier_scale(self) -> float: ...


def _fourier(
    coordinates: Coordinates, options: NetworkOptions, seed: int, outputs: int, dtype: torch.dtype
) -> Network:
    """An MLP on random Fourier features, as many as its layers have units."""
    half = (options.width + 1) // 2
    features = RandomFourier(coordinates, half, options.fourier_scale, seed, dtype)
    return _plain(MLP)(features, options, seed, outputs, dtype)


def _plain(kind: Callable[..., Network]) -> Callable[..., Network]:
    def make(
        coordinates: Coordinates | RandomFourier,
        options: NetworkOptions,
        seed: int,
        outputs: int,
        dtype: torch.dtype,
    ) -> Network:
        return kind(
            coordinates, options.width, options.depth, options.activation, seed, outputs, dtype
        )

    return make


def _pirate(
    coordinates: Coordinates, options: NetworkOptions, seed: int, outputs: int, dtype: torch.dtype
) -> Network:
    return PirateNet(
        coordinates, options.width, options.depth, options.activation, seed, outputs, dtype,
        options.fourier_scale,
    )  # fmt: skip


NETWORKS: dict[str, Callable[..., Network]] = {
    "mlp": _plain(MLP),
    "modified_mlp": _plain(ModifiedMLP),
    "piratenet": _pirate,
    "fourier": _fourier,
}


def make_network(
    name: str,
    coordinates: Coordinates,
    outputs: int,
    options: NetworkOptions,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> Network:
    """The untrained network of a name in `NETWORKS`. Raises InputError on another name."""
    if name not in NETWORKS:
        raise InputError(f"expected a network of {sorted(NETWORKS)}, got '{name}'")
    return NETWORKS[name](coordinates, options, seed, outputs, dtype)


__all__ = [
    "ACTIVATIONS", "MLP", "NETWORKS", "Activation", "Coordinates", "ModifiedMLP",
    "Network", "NetworkOptions", "PirateNet", "RandomFourier", "fit_last_layer", "make_network",
]  # fmt: skip
