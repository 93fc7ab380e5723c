"""The examples in docstrings, run under the names by which users import them.

pytest's own collection would import the modules a second time, by their paths under the folder's
name; compiled code that knows types by that name then lies in Numba's cache, where it breaks every
process that does not.
"""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("geometry", "solvers", "datasets", "operators", "pinns")
PATHS = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
MODULES = [
    ".".join(("sobolev", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in PATHS
    if ">>>" in path.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


def test_the_examples_are_found():
    assert {"geometry", "solvers", "pinns"} <= {name.split(".")[1] for name in MODULES}
