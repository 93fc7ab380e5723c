"""The operators by name: ours, and those that other packages name as entry points.

Another package adds one with

    [project.entry-points."sobolev.operators"]
    unet = "their_package.unet:ARCHITECTURE"
"""

from __future__ import annotations

from ..datasets.registry import Registry

_HERE = __name__.rpartition(".")[0]

operators = Registry(
    "operator",
    "sobolev.operators",
    {
        "deeponet": f"{_HERE}.deeponet:ARCHITECTURE",
        "fno": f"{_HERE}.fno:ARCHITECTURE",
        "pca": f"{_HERE}.pca:ARCHITECTURE",
    },
)
"""Registry of `Architecture`s: `operators.names()`, `operators.get("fno").summary`."""
