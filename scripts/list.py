"""`sobolev list`: the problems and operators that are here, one line each."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sobolev.scripts.common import Parser, guarded


def main(argv: Sequence[str]) -> int:
    """Print names and summaries; with a problem's name, its whole card."""
    parser = Parser("list", "Problems and operators, ours and those of installed packages.")
    parser.add_argument("name", nargs="?", help="a problem, to read its card")
    name = parser.parse_args(list(argv)).name
    from sobolev.datasets.registry import make_problem, problems

    if name:
        problem = make_problem(name)
        print(f"{name}: {problem.summary}\nequation: {problem.latex()}\n{problem.card.text()}")
        return 0
    from sobolev.operators.registry import operators

    for registry in (problems, operators):
        print(f"{registry.kind}s")
        for entry in registry.names():
            print(f"  {entry:<12} {registry.get(entry).summary}")
    return 0


if __name__ == "__main__":
    sys.exit(guarded("sobolev list", main, sys.argv[1:]))
