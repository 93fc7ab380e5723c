"""The command `sobolev`: one word chooses the script, the rest is the script's own."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "list": "problems and operators, one line each",
    "gallery": "a picture of every problem, and a page with their cards",
    "generate": "make a dataset with a problem's reference solver",
    "verify": "check a dataset: checksums, finiteness, inputs, truth of the solutions",
    "train": "train an operator on a dataset",
    "pinn": "train a physics-informed network on one instance of a problem",
    "benchmark": "surrogates against the classical solver at equal accuracy",
    "report": "write benchmarks as one HTML page",
    "demo": "all of the above on small sizes, ending in a report",
}


def usage() -> str:
    """The overview that `sobolev --help` prints."""
    from sobolev import __version__

    width = max(map(len, COMMANDS))
    rows = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    head = [
        f"sobolev {__version__}: PDE data, operator learning, and the honest comparison",
        "",
        "usage: sobolev COMMAND [options]      (sobolev COMMAND --help for its options)",
        "",
    ]
    return "\n".join(head + rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (0 good, 1 a check failed, 2 bad input)."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if argv[0] in ("-V", "--version"):
        from sobolev import __version__

        print(__version__)
        return 0
    name, *rest = argv
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        expected = ", ".join(COMMANDS)
        print(f"sobolev: error: unknown command '{name}', expected one of {expected}{hint}",
              file=sys.stderr)  # fmt: skip
        return 2
    from sobolev.scripts.common import guarded

    module = importlib.import_module(f"sobolev.scripts.{name}")
    return guarded(f"sobolev {name}", module.main, rest)


if __name__ == "__main__":
    sys.exit(main())
