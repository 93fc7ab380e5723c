"""Names to classes: ours by a table of import paths, others' by an entry point group.

Another package adds a problem with

    [project.entry-points."sobolev.problems"]
    heat = "their_package.heat:Heat"
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from ..geometry.errors import InputError
from .problem import Problem


@dataclass(frozen=True)
class Registry:
    """Lazily imported objects by name: `ours` maps names to `module:attribute` paths."""

    kind: str
    group: str
    ours: Mapping[str, str]

    def names(self) -> list[str]:
        """All names, ours first, each group sorted."""
        others = {point.name for point in entry_points(group=self.group)} - set(self.ours)
        return sorted(self.ours) + sorted(others)

    def get(self, name: str) -> Any:
        """The object called `name`. Raises InputError, with a suggestion, where there is none."""
        if name in self.ours:
            module, attribute = self.ours[name].split(":")
            return getattr(importlib.import_module(module), attribute)
        for point in entry_points(group=self.group, name=name):
            return point.load()
        near = difflib.get_close_matches(name, self.names(), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise InputError(
            f"unknown {self.kind} '{name}', expected one of {', '.join(self.names())}{hint}"
        )


_HERE = __name__.rpartition(".")[0]

problems = Registry(
    "problem",
    "sobolev.problems",
    {
        "advection": f"{_HERE}.problems.advection:Advection",
        "allen_cahn": f"{_HERE}.problems.allen_cahn:AllenCahn",
        "black_scholes": f"{_HERE}.problems.black_scholes:BlackScholes",
        "bounded_wave": f"{_HERE}.problems.bounded_wave:BoundedWave",
        "burgers": f"{_HERE}.problems.burgers:Burgers",
        "burgers_2d": f"{_HERE}.problems.burgers_2d:Burgers2D",
        "cahn_hilliard": f"{_HERE}.problems.cahn_hilliard:CahnHilliard",
        "chaotic": f"{_HERE}.problems.chaotic:Chaotic",
        "combustor": f"{_HERE}.problems.combustor:Combustor",
        "convection_diffusion": f"{_HERE}.problems.convection_diffusion:ConvectionDiffusion",
        "darcy": f"{_HERE}.problems.darcy:Darcy",
        "fitzhugh_nagumo": f"{_HERE}.problems.fitzhugh_nagumo:FitzHughNagumo",
        "forced_mixed": f"{_HERE}.problems.forced_mixed:ForcedMixed",
        "gray_scott": f"{_HERE}.problems.gray_scott:GrayScott",
        "heat": f"{_HERE}.problems.heat:Heat",
        "helmholtz": f"{_HERE}.problems.helmholtz:Helmholtz",
        "kdv": f"{_HERE}.problems.kdv:KdV",
        "kuramoto_sivashinsky": f"{_HERE}.problems.kuramoto_sivashinsky:KuramotoSivashinsky",
        "navier_stokes": f"{_HERE}.problems.navier_stokes:NavierStokes",
        "poisson": f"{_HERE}.problems.poisson:Poisson",
        "quasi_geostrophic": f"{_HERE}.problems.quasi_geostrophic:QuasiGeostrophic",
        "schroedinger": f"{_HERE}.problems.schroedinger:Schroedinger",
        "shallow_water": f"{_HERE}.problems.shallow_water:ShallowWater",
        "thermal": f"{_HERE}.problems.thermal:Thermal",
        "wave": f"{_HERE}.problems.wave:Wave",
    },
)


def make_problem(name: str, config: Mapping[str, Any] | None = None) -> Problem:
    """The problem `name` with the given parameters of its distribution.

    Raises InputError for an unknown name or key, or a value that the problem refuses.
    """
    cls = problems.get(name)
    config = dict(config or {})
    known = [field.name for field in dataclasses.fields(cls)]
    unknown = sorted(set(config) - set(known))
    if unknown:
        raise InputError(
            f"problem '{name}' has no parameter '{unknown[0]}', expected {', '.join(known)}"
        )
    return cls(**config)
