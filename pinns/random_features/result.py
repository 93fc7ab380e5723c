"""What random features give: a field, how well it fits, and what to make of it."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from ...datasets.files import write_whole
from ...geometry.errors import InputError
from ...geometry.function import Function
from ...geometry.grid import Grid
from ..result import predict, relative_error
from ..statement import Statement
from .basis import FEATURES, Basis
from .patches import Patches


@dataclass(frozen=True)
class RandomFeatureConfig:
    """Options of `solve`.

    features: of the random layer of a patch; frequency: their largest, in radians over half a
    patch; feature: `sin` or `tanh`; cutoff: see `Basis`. patches: along each coordinate, or one
    number for all space coordinates and one patch in time. ratio: equations to unknowns.
    refinements: rounds of cutting patches; tolerance: of the misfit relative to the solution, at
    which that ends. steps, step_tolerance: of Newton's method.
    """

    features: int = 200
    frequency: float = 4.0
    feature: Literal["sin", "tanh"] = "sin"
    cutoff: float = 1e-12
    patches: int | tuple[int, ...] = 4
    ratio: float = 1.7
    refinements: int = 4
    tolerance: float = 1e-7
    steps: int = 20
    step_tolerance: float = 1e-7
    seed: int = 0

    def __post_init__(self) -> None:
        if self.feature not in FEATURES:
            raise InputError(f"expected a feature of {sorted(FEATURES)}, got '{self.feature}'")
        if self.features < 1 or self.steps < 1 or self.refinements < 0 or not self.ratio > 1.0:
            raise InputError(
                "expected features and steps >= 1, refinements >= 0 and ratio > 1, got "
                f"{self.features}, {self.steps}, {self.refinements} and {self.ratio}"
            )
        if not 0.0 < self.frequency < math.inf or not 0.0 < self.cutoff < 1.0:
            raise InputError(
                f"expected a frequency > 0 and a cutoff in (0, 1), got {self.frequency} and "
                f"{self.cutoff}"
            )


class RandomFeatureField(nn.Module):
    """Points (n, coordinates) to values (n, unknowns).

    c: coefficients (patches, unknowns, size).
    """

    def __init__(self, basis: Basis, patches: Patches, c: Tensor) -> None:
        super().__init__()
        self.basis, self.patches = basis, patches
        self.c = nn.Parameter(c, requires_grad=False)

    def forward(self, points: Tensor) -> Tensor:
        numbers, local = self.patches.locate(points)
        values = self.basis.values(local)
        return torch.einsum("nk,nuk->nu", values, self.c[numbers])


@dataclass(frozen=True)
class RandomFeatureResult:
    """A solution in random features.

    misfit: largest mean square root of a patch's weighted equations, relative to the solution.
    steps: of Newton's method, at the last patches.
    """

    field: RandomFeatureField
    statement: Statement
    config: RandomFeatureConfig
    misfit: float
    stop_reason: str
    steps: int
    seconds: float

    @property
    def unknowns(self) -> int:
        """Coefficients that were solved for."""
        return self.field.c.numel()

    def predict(self, grid: Grid) -> np.ndarray:
        """Values ([unknowns,] *grid.shape) on a grid whose axes are named as the coordinates."""
        return predict(self.field, self.statement, grid)

    def error(self, reference: Function) -> float:
        """Relative L2 error against a reference on such a grid."""
        return relative_error(self.field, self.statement, reference)

    def __str__(self) -> str:
        return (
            f"random features: misfit {self.misfit:.1e} with {self.unknowns} unknowns in "
            f"{self.seconds:.1f} s ({self.stop_reason}); this is the baseline that every PINN has "
            "to face, and often the better answer"
        )

    def save(self, folder: Path) -> None:
        """Write features.safetensors and features.json."""
        edges = {f"edges{i}": torch.from_numpy(e) for i, e in enumerate(self.field.patches.edges)}
        facts = {
            "config": dataclasses.asdict(self.config), "misfit": self.misfit,
            "stop_reason": self.stop_reason, "steps": self.steps, "seconds": self.seconds,
        }  # fmt: skip
        write_whole(folder / "features.safetensors", save({"c": self.field.c.data, **edges}))
        write_whole(folder / "features.json", json.dumps(facts, indent=2).encode())


def load_features(folder: Path, statement: Statement) -> RandomFeatureResult:
    """Read what `RandomFeatureResult.save` wrote. Raises InputError where there is nothing."""
    from .solver import basis_of, first_patches

    try:
        facts: dict[str, Any] = json.loads((folder / "features.json").read_text())
        tensors = load((folder / "features.safetensors").read_bytes())
        plain = facts["config"]
        if isinstance(plain["patches"], list):
            plain["patches"] = tuple(plain["patches"])
        config = RandomFeatureConfig(**plain)
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise InputError(f"expected random features in {folder}: {problem}") from None
    edges = tuple(tensors[f"edges{i}"].numpy() for i in range(len(statement.coordinates)))
    patches = Patches(edges, first_patches(statement, config).periodic)
    field = RandomFeatureField(basis_of(statement, config), patches, tensors["c"])
    return RandomFeatureResult(
        field, statement, config, facts["misfit"], facts["stop_reason"], facts["steps"],
        facts["seconds"],
    )  # fmt: skip
